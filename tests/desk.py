"""A hub on loopback with people who answer, for tests of the pages; it can be stopped and started again."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from sqlmodel import col, select

from hub.channel import Inbound, Limits
from hub.core import Hub
from hub.models import Address, Agent, Interaction, Message, User, Workspace
from hub.models.agent import AgentDefinition
from hub.store import interactions
from tests.bench.processes import free_port
from tests.fakes import FakeChannel
from web.app import create_app
from web.auth import hash_password
from web.serve import prepare, uvicorn_options
from web.settings import Settings

WAIT_SECONDS = 15
PASSWORD = "correct horse battery"
OURS = "+15550001111"
PEOPLE = (
    ("ana@example.com", "Ana Lima", "support"),
    ("ben@example.com", "Ben Sato", "support"),
    ("vera@example.com", "Vera View", "viewer"),
)


class TextChannel(FakeChannel):
    """SMS by which nothing leaves, counted in segments."""

    label = "SMS"
    limits = Limits(length=1600, split_over=320, segmented=True, media_count=10, receipts=True, keywords=True)


class Desk:
    """One workspace with an agent at a number; what it sends is in `sms.sent`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sms, self._received = folder, TextChannel("sms"), 0
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = Settings(
            hub_public_url=self.url, hub_data_dir=folder, hub_database_url="", hub_redis_url="",
            hub_secret_key="a secret of the tests", hub_work=False,
        )  # fmt: skip
        preparing = threading.Thread(target=prepare, args=[self.settings])
        preparing.start()
        preparing.join()
        self.start()
        self.home: UUID = self.run(self._fill())

    def start(self) -> None:
        self.app = create_app(self.settings)
        self.hub: Hub = self.app.state.hub
        self.hub.context.channels["sms"] = self.sms  # type: ignore[index]
        self.loop = asyncio.new_event_loop()
        options = uvicorn_options() | {"timeout_graceful_shutdown": 1, "log_level": "critical"}
        self.server = uvicorn.Server(
            uvicorn.Config(self.app, lifespan="on", host="127.0.0.1", port=self.port, **options)
        )
        self.thread = threading.Thread(target=self._serve, name="desk")
        self.thread.start()
        until(lambda: self.server.started)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.server.serve())

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(WAIT_SECONDS)
        assert not self.thread.is_alive()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """On the server's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_SECONDS)

    async def _fill(self) -> UUID:
        async with self.hub.context.store.write() as db:
            home, other = Workspace(name="Ours"), Workspace(name="Theirs")
            db.add_all([home, other])
            await db.flush()
            agent = Agent(
                workspace_id=home.id, name="Maya", definition=AgentDefinition(name="Maya").model_dump(mode="json")
            )
            db.add(agent)
            await db.flush()
            db.add(Address(workspace_id=home.id, channel="sms", value=OURS, agent_id=agent.id))
            hashed = hash_password(PASSWORD)
            for email, name, role in PEOPLE:
                db.add(User(workspace_id=home.id, email=email, name=name, role=role, password_hash=hashed))
            db.add(User(workspace_id=other.id, email="eve@example.com", name="Eve", role="admin", password_hash=hashed))
        return home.id

    def texts(self, person: str, text: str, name: str = "", *, quiet: bool = True) -> UUID:
        """A customer writes; the id of the interaction. `quiet`: the agent is not to answer."""
        self._received += 1
        inbound = Inbound(
            channel="sms", kind="message", external_id=f"in-{id(self)}-{self._received}", sender=person,
            recipient=OURS, text=text, sender_name=name,
        )  # fmt: skip

        async def receive() -> UUID:
            if quiet:
                self.hub.answer_soon = lambda *_: None  # type: ignore[method-assign]
            receipt = await self.hub.receive(inbound)
            assert receipt.interaction_id is not None
            return receipt.interaction_id

        found: UUID = self.run(receive())
        return found

    def reports(self, message: Message, status: str, words: str = "", code: str = "") -> None:
        """The provider tells what became of a message of ours."""
        self._received += 1
        self.run(
            self.hub.receive(
                Inbound(
                    channel="sms",
                    kind="status",
                    external_id=f"st-{id(self)}-{self._received}",
                    about=str(message.id),
                    status=status,
                    words=words,
                    code=code,
                )
            )
        )

    def user(self, email: str) -> User:
        found: User = self.rows(select(User).where(User.email == email))[0]
        return found

    def messages(self, interaction_id: UUID) -> list[Message]:
        return self.rows(select(Message).where(Message.interaction_id == interaction_id).order_by(col(Message.seq)))

    def interaction(self, interaction_id: UUID) -> Interaction:
        found: Interaction = self.rows(select(Interaction).where(Interaction.id == interaction_id))[0]
        return found

    def rows(self, query: Any) -> list[Any]:
        async def read() -> list[Any]:
            async with self.hub.context.store.read() as db:
                return list((await db.exec(query)).all())

        found: list[Any] = self.run(read())
        return found

    def logs(self, interaction_id: UUID, type: str, **data: Any) -> None:
        """Something happened in the interaction."""

        async def write() -> None:
            async with self.hub.context.store.write() as db:
                held = await interactions.locked(db, interaction_id)
                assert held is not None
                interactions.log(db, held, type, self.hub.context.clock.now(), **data)

        self.run(write())


@contextlib.contextmanager
def desk_in(folder: Path) -> Iterator[Desk]:
    made = Desk(folder)
    try:
        yield made
    finally:
        made.stop()


def until(condition: Callable[[], object], within_seconds: float = WAIT_SECONDS) -> None:
    """Wait for a condition; fails when it does not come about in time."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)
