"""A served hub with two workspaces, for tests that speak to the API as programs do."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn

from hub.clock import Clock
from hub.feed import Bus
from hub.models import Interaction, Recording, ToolCall, User, Workspace
from hub.models.columns import utcnow
from hub.store import Store
from hub.voice.wav import header
from tests.conftest import ENGINES, Databases
from web.app import create_app
from web.auth import new_api_key
from web.settings import Settings

TEAM = {"name": "x", "members": [{"key": "front", "agent": {"name": "Maya"}}]}
"""A team of one."""


class MovedClock(Clock):
    """Real time, moved by `offset`; or the time it was stopped at."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.stopped: datetime | None = None

    def now(self) -> datetime:
        return self.stopped or super().now() + self.offset


@dataclass
class Tenant:
    """A workspace with its users by role, and clients with keys of each scope."""

    workspace_id: UUID
    url: str
    users: dict[str, str]
    secrets: dict[str, str]
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, scopes: str = "read write") -> httpx.Client:
        made = httpx.Client(base_url=self.url, timeout=20, headers={"Authorization": f"Bearer {self.secrets[scopes]}"})
        self.clients.append(made)
        return made


@dataclass
class Api:
    """The served hub. `settings` are those it runs with."""

    url: str
    settings: Settings
    clock: MovedClock
    mine: Tenant
    other: Tenant
    app: Any

    def database(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        """Do something with the database beside the server."""

        async def run() -> Any:
            store = Store(self.settings.database_url, Bus())
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())


def new_tenant(settings: Settings, url: str, name: str) -> Tenant:
    async def make() -> Tenant:
        store = Store(settings.database_url, Bus())
        try:
            async with store.write() as db:
                workspace = Workspace(name=name)
                db.add(workspace)
                await db.flush()
                users, secrets = {}, {}
                for role in ("admin", "support", "builder", "viewer"):
                    user = User(
                        workspace_id=workspace.id, email=f"{role}-{uuid4().hex}@example.com",
                        name=f"{name} {role}", role=role, password_hash="",
                    )  # fmt: skip
                    db.add(user)
                    users[role] = str(user.id)
                for scopes in ("read", "write", "read write"):
                    key, secrets[scopes] = new_api_key(workspace.id, f"{name} {scopes}", scopes.split())
                    db.add(key)
                return Tenant(workspace.id, url, users, secrets)
        finally:
            await store.close()

    return asyncio.run(make())


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve the application from a thread of its own; gives its URL."""
    listening = socket.socket(proto=socket.IPPROTO_TCP)  # only then asyncio sends small answers at once
    listening.bind(("127.0.0.1", 0))
    up, failed = threading.Event(), []

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            up.set()

    server = Server(uvicorn.Config(app, lifespan="on", log_level="error", ws="none", timeout_graceful_shutdown=1))

    def run() -> None:
        try:
            asyncio.run(server.serve(sockets=[listening]))
        except BaseException as error:
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run)
    thread.start()
    up.wait(20)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
    assert not failed, failed


@contextmanager
def serving_api(folder: Path, database_url: str, **options: Any) -> Iterator[Api]:
    """A hub in this folder on this migrated database, with settings of your own."""
    settings = Settings(
        hub_data_dir=folder,
        hub_database_url=database_url,
        hub_public_url="",
        hub_redis_url="",
        hub_work=False,
        **{"hub_api_rate": 1e6, "hub_api_burst": 1_000_000, **options},
    )
    clock = MovedClock()
    app = create_app(settings, clock)
    with served(app) as url:
        tenants = [new_tenant(settings, url, name) for name in ("Mine", "Other")]
        try:
            yield Api(url, settings, clock, *tenants, app)
        finally:
            for tenant in tenants:
                for client in tenant.clients:
                    client.close()


@pytest.fixture(scope="module", params=ENGINES)
def api(
    request: pytest.FixtureRequest,
    sqlite_template: Path,
    postgres_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("hub")
    databases = Databases(sqlite_template, postgres_template, folder)
    try:
        with serving_api(folder, databases.new(request.param)) as made:
            yield made
    finally:
        databases.drop()


@pytest.fixture(scope="module")
def mine(api: Api) -> httpx.Client:
    return api.mine.client()


@pytest.fixture(scope="module")
def other(api: Api) -> httpx.Client:
    return api.other.client()


def begin(client: httpx.Client, **more: Any) -> dict[str, Any]:
    """An interaction in the web chat, begun by us."""
    given = {"channel": "webchat", "to": f"visitor-{uuid4().hex}", "text": "Hello!", **more}
    answer = client.post("/v1/interactions", json=given)
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


def called(api: Api, interaction_id: str, name: str = "look_up") -> str:
    """A function call of this interaction that waits for its result."""

    async def make(store: Store) -> str:
        async with store.write() as db:
            interaction = await db.get(Interaction, UUID(interaction_id))
            assert interaction is not None
            call = ToolCall(
                workspace_id=interaction.workspace_id, interaction_id=interaction.id, key=uuid4().hex, name=name,
                due_at=utcnow() + timedelta(hours=1),
            )  # fmt: skip
            db.add(call)
        return str(call.id)

    return str(api.database(make))


def recorded(api: Api, interaction_id: str) -> str:
    """A finished recording of a second of silence in this interaction; gives its id."""

    async def make(store: Store) -> str:
        async with store.write() as db:
            interaction = await db.get(Interaction, UUID(interaction_id))
            assert interaction is not None
            row = Recording(
                workspace_id=interaction.workspace_id, interaction_id=interaction.id, path=f"{uuid4()}.wav", rate=8_000,
                duration_ms=1_000, finished_at=utcnow(),
            )  # fmt: skip
            (api.settings.hub_data_dir / row.path).write_bytes(header(8_000, 2, 8_000) + bytes(32_000))
            db.add(row)
            return str(row.id)

    return str(api.database(make))


def uploaded(client: httpx.Client, data: bytes = b"%PDF-1.4", name: str = "map.pdf", **headers: str) -> str:
    """A file of this workspace; gives its id."""
    given = {"Content-Type": "application/pdf", **headers}
    answer = client.post("/v1/files", params={"name": name}, content=data, headers=given)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def everything(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """All pages of a list."""
    found, cursor = [], ""
    while True:
        page = client.get(path, params={"cursor": cursor, "limit": 200}).json()
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
