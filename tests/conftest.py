"""What every test shares: databases, the carrier's sandbox, and a closed door to the rest of the world."""

import ipaddress
import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from hub.migrations import upgrade
from hub.store import Store, normal_url
from tests.fakes import FakeClock
from tests.world import House, Sandbox, bus, house, sandbox_process

POSTGRES = os.environ.get("HUB_TEST_POSTGRES", "")
REDIS = os.environ.get("HUB_TEST_REDIS", "")
ENGINES = ["sqlite", "postgresql"] if POSTGRES else ["sqlite"]
BUSES = ["process", "redis"] if REDIS else ["process"]
REAL_TIME = (
    "test_browser_calls", "test_calls_", "test_embedded_", "test_operator_", "test_playground", "test_sandbox_voice",
    "test_same_conversation", "test_voice_loop", "test_web_call",
)  # fmt: skip
"""Files of tests in which people speak; they run after all others, two files at a time."""
IGNORED = (
    "BasicAuth:DeprecationWarning",  # how the Twilio SDK uses aiohttp
    "The 'auth' parameter:DeprecationWarning",
    r"\s*🚨 You probably want to use `session.exec:DeprecationWarning",  # SQLModel, of queries over some columns
    ":litestar.exceptions.base_exceptions.LitestarDeprecationWarning",  # parameters without a marker of where from
)


def _loopback_only(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: no test reaches beyond this machine."""
    if event not in ("socket.connect", "socket.sendto") or not isinstance(arguments[1], tuple):
        return
    host = arguments[1][0]
    try:
        inside = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        inside = host in ("localhost", "")
    if not inside:
        raise PermissionError(f"A test tried to reach {host}; tests stay on this machine.")


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_loopback_only)
    config.addinivalue_line("markers", "real_time: takes the time of its sound, and wants a core for itself")
    for ignored in IGNORED:
        config.addinivalue_line("filterwarnings", f"ignore:{ignored}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem.startswith(REAL_TIME):
            item.add_marker("real_time")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# databases: one migrated template of each kind, copied for each test


def _admin(statement: str) -> None:
    url = make_url(POSTGRES).set(drivername="postgresql", database="postgres")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def _sibling(name: str) -> str:
    return make_url(POSTGRES).set(drivername="postgresql", database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "hub.db"
    upgrade(normal_url(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    if not POSTGRES:
        yield ""
        return
    name = f"hub_template_{uuid.uuid4().hex[:12]}"
    _admin(f"CREATE DATABASE {name}")
    try:
        upgrade(normal_url(_sibling(name)))
        yield name
    finally:
        _admin(f"DROP DATABASE {name} WITH (FORCE)")


class Databases:
    """Hands out migrated databases, and takes them back at the end."""

    def __init__(self, sqlite_template: Path, postgres_template: str, folder: Path) -> None:
        self._sqlite, self._postgres, self._folder = sqlite_template, postgres_template, folder
        self._made: list[str] = []

    def new(self, engine: str) -> str:
        name = f"hub_{uuid.uuid4().hex[:12]}"
        if engine == "sqlite":
            path = self._folder / f"{name}.db"
            shutil.copy(self._sqlite, path)
            return f"sqlite:///{path}"
        _admin(f"CREATE DATABASE {name} TEMPLATE {self._postgres}")
        self._made.append(name)
        return _sibling(name)

    def empty(self, engine: str) -> str:
        name = f"hub_{uuid.uuid4().hex[:12]}"
        if engine == "sqlite":
            return f"sqlite:///{self._folder / name}.db"
        _admin(f"CREATE DATABASE {name}")
        self._made.append(name)
        return _sibling(name)

    def drop(self) -> None:
        for name in self._made:
            _admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def databases(sqlite_template: Path, postgres_template: str, tmp_path: Path) -> Iterator[Databases]:
    made = Databases(sqlite_template, postgres_template, tmp_path)
    yield made
    made.drop()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The kind of database: each test that uses it runs on every one that is named."""
    return str(request.param)


@pytest.fixture
def database_url(engine: str, databases: Databases) -> str:
    return databases.new(engine)


@pytest.fixture
def sqlite_url(databases: Databases) -> str:
    """The embedded database alone, for tests that take the time of their sound and say nothing of databases."""
    return databases.new("sqlite")


@pytest.fixture
def empty_database_url(engine: str, databases: Databases) -> str:
    """A database without tables."""
    return databases.empty(engine)


@pytest.fixture
async def store(database_url: str, anyio_backend: str) -> AsyncIterator[Store]:
    made = Store(database_url, bus())
    yield made
    await made.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


# the carrier


@pytest.fixture(scope="session")
def sandbox_running() -> Iterator[Sandbox]:
    with sandbox_process() as made:
        yield made


@pytest.fixture
def sandbox(sandbox_running: Sandbox) -> Sandbox:
    """The carrier, with nothing in its memory."""
    sandbox_running.control("POST", "/control/reset")
    return sandbox_running


@pytest.fixture
async def hub(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[House]:
    """A hub served by this process on a port of its own, with the sandbox as its carrier."""
    async with house(database_url, sandbox, clock, tmp_path) as made:
        yield made
