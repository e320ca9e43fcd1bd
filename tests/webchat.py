"""A real server on loopback with web chats in it, and a visitor's end of the socket."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from sqlmodel import col, select
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from hub.core import Hub
from hub.core.receive import say_in
from hub.models import Address, Agent, Event, Interaction, Message, User, Workspace
from hub.models.agent import AgentDefinition
from hub.models.columns import utcnow
from hub.store import interactions
from web.app import create_app
from web.serve import prepare, uvicorn_options
from web.settings import Settings

WAIT_SECONDS = 10
GREETING = "Hi, I'm Maya. What can I do for you?"
Frame = dict[str, Any]


class Site:
    """One hub. Workspace `ours` has the chats shop, desk (no agent) and open; `theirs` has the chat other."""

    def __init__(self, folder: Path, origins: Sequence[str] = ()) -> None:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        settings = Settings(
            hub_public_url=self.url,
            hub_data_dir=folder,
            hub_database_url="",
            hub_redis_url="",
            hub_secret_key="a secret of the tests",
            hub_work=False,
        )
        prepare(settings)
        self.app = create_app(settings)
        self.hub: Hub = self.app.state.hub
        self.loop = asyncio.new_event_loop()
        self.server = uvicorn.Server(uvicorn.Config(self.app, lifespan="on", **uvicorn_options()))
        self.thread = threading.Thread(target=self._serve, name="hub")
        self.thread.start()
        until(lambda: self.server.started)
        self.operator: User = self.run(self._fill(origins))

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.server.serve(sockets=[self.socket]))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """On the server's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_SECONDS)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(WAIT_SECONDS)
        assert not self.thread.is_alive()
        self.loop.close()
        self.socket.close()

    async def _fill(self, origins: Sequence[str]) -> User:
        async with self.hub.context.store.write() as db:
            ours, theirs = Workspace(name="ours"), Workspace(name="theirs")
            db.add_all([ours, theirs])
            await db.flush()
            definition = AgentDefinition(name="Maya", opening_message=GREETING).model_dump()
            agents = [Agent(workspace_id=home.id, name="Maya", definition=definition) for home in (ours, theirs)]
            sam = User(workspace_id=ours.id, email="sam@example.com", name="Sam", role="support", password_hash="x")
            db.add_all([*agents, sam])
            await db.flush()
            for home, value, agent, allowed in (
                (ours, "shop", agents[0], list(origins)),
                (ours, "closed", agents[0], []),
                (ours, "desk", None, []),
                (theirs, "other", agents[1], []),
            ):
                db.add(
                    Address(
                        workspace_id=home.id,
                        channel="webchat",
                        value=value,
                        name="Oak & Linen" if value == "shop" else value,
                        agent_id=agent.id if agent else None,
                        options={"origins": allowed, "accent": "#0f766e", "greeting": "How can we help?"},
                    )
                )
        return sam

    def rows(self, query: Any) -> list[Any]:
        async def read() -> list[Any]:
            async with self.hub.context.store.read() as db:
                return list((await db.exec(query)).all())

        return self.run(read())  # type: ignore[no-any-return]

    def messages(self, thread: str) -> list[Message]:
        query = select(Message).join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        return self.rows(
            query.where(Interaction.thread == thread).order_by(col(Interaction.created_at), col(Message.seq))
        )

    def interactions(self, thread: str) -> list[Interaction]:
        return self.rows(select(Interaction).where(Interaction.thread == thread).order_by(col(Interaction.created_at)))

    def interaction(self, key: UUID) -> Interaction:
        found: Interaction = self.rows(select(Interaction).where(Interaction.id == key))[0]
        return found

    def offer(self, interaction_id: UUID, text: str, choices: list[str]) -> None:
        """Let the agent ask with buttons."""

        async def say() -> None:
            async with self.hub.context.store.write() as db:
                interaction = await interactions.locked(db, interaction_id)
                assert interaction is not None
                say_in(db, interaction, utcnow(), role="agent", author="Maya", text=text, choices=choices)

        self.run(say())

    def events(self, interaction_id: UUID | str, type: str) -> list[Event]:
        key = UUID(str(interaction_id))
        return self.rows(select(Event).where(Event.interaction_id == key, Event.type == type))

    def take_over(self, interaction_id: str) -> None:
        key = UUID(interaction_id)
        self.run(self.hub.take_over(self.operator.workspace_id, key, self.operator))

    def answer(self, interaction_id: str, text: str, **more: Any) -> Message:
        key = UUID(interaction_id)
        said: Message = self.run(self.hub.say(self.operator.workspace_id, key, text, operator=self.operator, **more))
        return said


class Tab:
    """A visitor's end of the socket."""

    def __init__(self, site: Site, *, origin: str | None = None, network: str = "") -> None:
        headers = {"X-Forwarded-For": network} if network else None
        self.site = site
        self.open = contextlib.ExitStack()
        self.socket: ClientConnection = self.open.enter_context(
            connect(
                f"ws://127.0.0.1:{site.port}/hooks/webchat/live",
                origin=origin or site.url,  # type: ignore[arg-type]
                additional_headers=headers,
                max_size=None,
                compression=None,
                close_timeout=1,
            )
        )
        self.frames: list[Frame] = []
        self.token = ""

    def hello(self, widget: str = "shop", token: str = "", **more: Any) -> Frame:
        """Say hello; gives the welcome (or the error)."""
        self.send(type="hello", widget=widget, **({"token": token} if token else {}), **more)
        answer = self.next()
        self.token = answer.get("token", "")
        return answer

    def send(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def say(self, client_id: str, text: str) -> None:
        self.send(type="message", id=client_id, text=text)

    def next(self) -> Frame:
        frame: Frame = json.loads(self.socket.recv(timeout=WAIT_SECONDS))
        self.frames.append(frame)
        return frame

    def until(self, type: str, test: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """The next frame of this type that passes."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            frame = self.next()
            if frame["type"] == type and test(frame):
                return frame
        raise AssertionError(f"no {type} came; seen: {self.frames}")

    def until_any(self, *types: str) -> Frame:
        while (frame := self.next())["type"] not in types:
            pass
        return frame

    def closed_with(self) -> int:
        """Read on until the other end closes; the code."""
        with pytest.raises(ConnectionClosed) as closed:
            self.until_any()
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code

    @property
    def visitor_id(self) -> str:
        return self.site.app.state.webchat.channel.visitor(self.token).id  # type: ignore[no-any-return]

    @property
    def thread(self) -> str:
        return f"shop:{self.visitor_id}"

    def close(self) -> None:
        self.open.close()

    def __enter__(self) -> "Tab":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def until(test: Callable[[], Any]) -> Any:
    """Wait until the test gives something true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := test()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def running(folder: Path, origins: Sequence[str] = ()) -> Iterator[Site]:
    site = Site(folder, origins)
    try:
        yield site
    finally:
        site.close()
