"""A whole hub for a test: in this process (`House`) or in processes of its own (`Fleet`), with a sandbox carrier."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import httpx
import uvicorn
from sqlmodel import SQLModel, col, func, select
from twilio.request_validator import RequestValidator

from fixtures.sandbox import SandboxSettings
from fixtures.sandbox.sendgrid.postoffice import PostOffice
from hub.clock import Clock
from hub.core import Hub
from hub.core.context import Context
from hub.dialogue.outbound import Outside
from hub.feed import Bus
from hub.models import (
    Address,
    Agent,
    AgentDefinition,
    Consent,
    Customer,
    Event,
    FetchEntry,
    InboxEntry,
    Interaction,
    Knowledge,
    Message,
    OutboxEntry,
    User,
    Workspace,
)  # fmt: skip
from hub.models.flow import Flow, Stage, Transition
from hub.models.tool import Tool
from hub.store import Store
from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, Running, free_port, start
from tests.fakes import FakeChannel, FakeClock
from web.app import create_app
from web.settings import Settings

SERVICE_SID = "MG00000000000000000000000000000009"
SENDGRID_KEY = "SG.tests"
EVENT_KEY = PostOffice(SandboxSettings()).public_key
HOURS = "We are open Monday to Friday from 8 to 18 and on Saturday from 9 to 13."
LOOK = "look it up"
QUESTION = "What are your opening hours on Saturday?"
T = TypeVar("T")


def bus() -> Bus:
    return Bus()


async def eventually(ask: Callable[[], Awaitable[T]], right: Callable[[T], object], within: float = 10) -> T:
    """Ask until the answer is right, then give it; fails with the last answer when it never is."""
    deadline = time.monotonic() + within
    while True:
        answer = await ask()
        if right(answer):
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after {within} s"
        await asyncio.sleep(0.02)


# what is stored


class Records:
    """The rows of a database, as a test asks for them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def all(self, table: type[T], *conditions: Any) -> Sequence[T]:
        """All rows, oldest first."""
        orders = {OutboxEntry: col(OutboxEntry.position), FetchEntry: col(FetchEntry.created_at)}
        order = orders.get(table) if table in orders else col(table.id)  # type: ignore[attr-defined,call-overload]
        async with self.store.read() as db:
            return (await db.exec(select(table).where(*conditions).order_by(order))).all()

    async def one(self, table: type[T], *conditions: Any) -> T:
        rows = await self.all(table, *conditions)
        assert len(rows) == 1, rows
        return rows[0]

    async def counts(self) -> dict[str, int]:
        """How many rows each table has that an inbound could leave something in."""
        tables: list[type[SQLModel]] = [
            Address, Consent, Customer, Event, InboxEntry, Interaction, Message, OutboxEntry,
        ]  # fmt: skip
        async with self.store.read() as db:
            return {table.__name__: (await db.exec(select(func.count()).select_from(table))).one() for table in tables}

    async def said(self, person: str = "") -> list[tuple[str, str]]:
        """Who said what, oldest first; of one person only, if one is given."""
        query = select(Message).join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        if person:
            query = query.where(Interaction.person == person)
        async with self.store.read() as db:
            rows = (await db.exec(query.order_by(col(Message.created_at), col(Message.seq)))).all()
        return [(row.role, row.text) for row in rows]

    async def events(self, type: str) -> list[Event]:
        return list(await self.all(Event, Event.type == type))


@dataclass(frozen=True)
class Home:
    """A workspace with an agent at a number and two operators."""

    workspace_id: UUID
    agent_id: UUID
    ana: User
    ben: User


async def furnish(
    store: Store, *, number: str = OUR_NUMBER, name: str = "Clinic", definition: AgentDefinition | None = None,
    channels: Sequence[str] = ("sms",),
) -> Home:  # fmt: skip
    """Put a workspace into an empty database, or another one beside those there are."""
    definition = definition or AgentDefinition(name="Maya", opening_message="Hello, this is Maya.")
    async with store.write() as db:
        workspace = Workspace(name=name)
        db.add(workspace)
        await db.flush()
        agent = Agent(workspace_id=workspace.id, name=definition.name, definition=definition.model_dump(mode="json"))
        people = [
            User(
                workspace_id=workspace.id, email=f"{who}@{name.lower()}.example", name=who.title(),
                role="support", password_hash="-",
            )
            for who in ("ana", "ben")
        ]  # fmt: skip
        db.add_all([agent, *people])
        await db.flush()
        db.add(Knowledge(workspace_id=workspace.id, agent_id=agent.id, title="Opening hours", text=HOURS))
        for channel in channels:
            db.add(Address(workspace_id=workspace.id, channel=channel, value=number, agent_id=agent.id))
    return Home(workspace.id, agent.id, *people)


def looking_up(url: str) -> AgentDefinition:
    """An agent that looks something up at this URL before its first answer, and when asked to: it can be held up."""
    stages = [
        Stage(id="start", type="tool", tool="look_up", global_intent=[LOOK], transitions=[Transition(to="told")]),
        Stage(id="told", text="I have looked it up."),
    ]
    tool = Tool(name="look_up", url=url, timeout_ms=30_000)
    return AgentDefinition(name="Maya", flow=Flow(stages=stages), tools=[tool])


# the hub's core alone, with channels by which nothing leaves


class Core:
    """A hub without HTTP. Several of them on one database are several nodes."""

    def __init__(self, store: Store, clock: Clock, *names: str, node: str = "node#1") -> None:
        self.channels = {name: FakeChannel(name) for name in names or ("sms",)}
        self.outside = Outside(allow_private=True)
        self.context = Context(store=store, channels=self.channels, outside=self.outside, node=node, clock=clock)
        self.hub = Hub(self.context)
        self.records = Records(store)

    @property
    def sms(self) -> FakeChannel:
        return self.channels["sms"]

    async def settled(self) -> None:
        """Until nothing runs beside the requests any more."""
        await self.context.settle()

    async def close(self) -> None:
        await self.settled()
        await self.outside.close()


@contextlib.asynccontextmanager
async def core(store: Store, clock: Clock, *names: str, node: str = "node#1") -> AsyncIterator[Core]:
    made = Core(store, clock, *names, node=node)
    try:
        yield made
    finally:
        await made.close()


# the carrier


class Sandbox:
    """The carrier in a process of its own."""

    def __init__(self, running: Running) -> None:
        self.url = running.url

    def control(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self.url + path, data=data, method=method, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"null")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self.control, method, path, body)

    async def behave(self, **rule: Any) -> None:
        await self.ask("POST", "/control/behaviour", rule)

    async def sent(self, to: str, at_least: int = 0, within: float = 10) -> list[dict[str, Any]]:
        """What the hub's messages to this person are at the carrier; waits for so many."""
        query = urlencode({"to": to, "at_least": at_least, "wait_ms": int(within * 1000)})
        return list((await self.ask("GET", f"/control/messages?{query}"))["messages"])

    async def tries(self, to: str) -> list[dict[str, Any]]:
        """The requests to send that came, whatever became of them."""
        return list((await self.ask("GET", f"/control/calls?{urlencode({'method': 'POST', 'to': to})}"))["calls"])

    async def texts(self, person: str, body: str, *targets: str, **more: Any) -> list[dict[str, Any]]:
        """A person texts; how each webhook was answered."""
        asked = {"from": person, "to": OUR_NUMBER, "body": body, "targets": list(targets), **more}
        return list((await self.ask("POST", "/control/inbound", asked))["requests"])


@contextlib.contextmanager
def sandbox_process(*more: str) -> Iterator[Sandbox]:
    """It has no demo data, unless `--data` is among the further options."""
    port = free_port()
    command = [
        sys.executable, "-m", "fixtures.sandbox", "--port", str(port), "--account-sid", ACCOUNT_SID,
        "--auth-token", AUTH_TOKEN, "--number", OUR_NUMBER, "--number", "+15005550007",
        "--messaging-service-sid", SERVICE_SID, "--status-delay-ms", "5", "--no-data",
        "--sendgrid-key", SENDGRID_KEY, *more,
    ]  # fmt: skip
    running = start(command, f"http://127.0.0.1:{port}", "/control/messages")
    try:
        yield Sandbox(running)
    finally:
        running.stop()


def settings_for(sandbox_url: str, database_url: str, folder: Path, public_url: str, **more: Any) -> dict[str, str]:
    """The environment of a hub."""
    return {
        "HUB_PUBLIC_URL": public_url,
        "HUB_DATA_DIR": str(folder),
        "HUB_DATABASE_URL": database_url,
        "HUB_SECRET_KEY": "the key of the tests",
        "HUB_WEBHOOK_ALLOW_PRIVATE": "1",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_BASE_URL": sandbox_url,
        "SENDGRID_API_KEY": SENDGRID_KEY,
        "SENDGRID_BASE_URL": sandbox_url,
        "SENDGRID_EVENT_PUBLIC_KEY": EVENT_KEY,
        **more,
    }


def as_settings(environment: Mapping[str, str]) -> Settings:
    return Settings(**{name.lower(): value for name, value in environment.items()})  # type: ignore[arg-type]


def signed(url: str, form: Mapping[str, str] | Sequence[tuple[str, str]], token: str = AUTH_TOKEN) -> dict[str, str]:
    """The headers of a form as Twilio signs it."""
    return {
        "x-twilio-signature": RequestValidator(token).compute_signature(url, dict(form)),
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
    }


def message_form(person: str, body: str, sid: str, **more: str) -> dict[str, str]:
    return {
        "MessageSid": sid, "AccountSid": ACCOUNT_SID, "From": person, "To": OUR_NUMBER, "Body": body,
        "NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01", **more,
    }  # fmt: skip


# a hub in this process


class _Server(uvicorn.Server):
    """One that leaves the process's signals alone and starts and stops at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready, self.enough = asyncio.Event(), asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.enough.wait()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def served(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """Serve an application on this socket until left."""
    config = uvicorn.Config(app, access_log=False, log_level="error", timeout_graceful_shutdown=2, lifespan="on")
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if task.done():
        task.result()
    try:
        yield
    finally:
        server.should_exit = True
        server.enough.set()
        await task
        listening.close()


@dataclass
class House:
    """A hub in this process, reached by HTTP as from outside. `records` reads what it stored."""

    url: str
    public_url: str
    app: Any
    sandbox: Sandbox
    home: Home
    clock: FakeClock
    http: httpx.AsyncClient
    records: Records
    _sids: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**6)))

    @property
    def hub(self) -> Hub:
        return self.app.state.hub  # type: ignore[no-any-return]

    @property
    def store(self) -> Store:
        return self.app.state.store  # type: ignore[no-any-return]

    def sid(self) -> str:
        return f"SM{next(self._sids):032x}"

    async def text(self, person: str, body: str, sid: str = "", **more: str) -> httpx.Response:
        """A person's text, by a webhook of ours signed as Twilio's; its answer."""
        return await self.hook("/hooks/sms", message_form(person, body, sid or self.sid(), **more))

    async def whatsapps(self, person: str, body: str, sid: str = "", **more: str) -> httpx.Response:
        """A person's message by WhatsApp, by a webhook of ours signed as Twilio's; its answer."""
        addresses = {"From": f"whatsapp:{person}", "To": f"whatsapp:{OUR_NUMBER}", "ProfileName": "Ana"}
        form = message_form(person, body, sid or self.sid()) | addresses | more
        return await self.hook("/hooks/whatsapp", form)

    async def report(self, message: Message, sid: str, status: str, code: str = "") -> httpx.Response:
        """A delivery report of that message."""
        form = {"MessageSid": sid, "MessageStatus": status, "AccountSid": ACCOUNT_SID}
        path = f"/hooks/{message.channel}/status?message={message.id}"
        return await self.hook(path, form | ({"ErrorCode": code} if code else {}))

    async def hook(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        headers = signed(self.public_url + path, form)
        return await self.http.post(path, content=urlencode(form), headers=headers)

    async def settled(self) -> None:
        await self.hub.context.settle()


@contextlib.asynccontextmanager
async def house(
    database_url: str, sandbox: Sandbox, clock: FakeClock, folder: Path, *, definition: AgentDefinition | None = None,
    public_url: str = "", channels: Sequence[str] = ("sms",), **more: str,
) -> AsyncIterator[House]:  # fmt: skip
    """A furnished hub at work; its background work is left to the test."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    environment = settings_for(sandbox.url, database_url, folder, public_url or url, HUB_WORK="0", **more)
    app = create_app(as_settings(environment), clock)
    home = await furnish(app.state.store, definition=definition, channels=channels)
    async with served(app, listening), httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield House(url, public_url or url, app, sandbox, home, clock, http, Records(app.state.store))
        await sandbox.ask("DELETE", "/control/behaviour")


# hubs in processes of their own


@dataclass
class Fleet:
    """Any number of hub processes on one database."""

    sandbox: Sandbox
    environment: dict[str, str]
    home: Home
    records: Records
    hubs: list[Running] = field(default_factory=list)

    def command(self, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a `hub` command; the caller ends it."""
        everything = {**os.environ, **self.environment, **env}
        return subprocess.Popen([sys.executable, "-m", "web.cli", *words], env=everything)

    async def hub(self, **env: str) -> Running:
        """Start a server on a port of its own and wait until it answers."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "web.cli", "serve", "--port", str(port)]
        running = await asyncio.to_thread(
            start, command, url, "/health/ready", {**self.environment, "HUB_PUBLIC_URL": url, **env}
        )
        self.hubs.append(running)
        return running


@contextlib.asynccontextmanager
async def fleet(
    database_url: str, sandbox: Sandbox, folder: Path, *, definition: AgentDefinition | None = None, **more: str
) -> AsyncIterator[Fleet]:
    """A furnished database; hubs started on it are stopped at the end."""
    environment = settings_for(sandbox.url, database_url, folder, "http://127.0.0.1:1", **more)
    store = Store(database_url, bus())
    made = Fleet(sandbox, environment, await furnish(store, definition=definition), Records(store))
    try:
        yield made
    finally:
        for running in made.hubs:
            await asyncio.to_thread(running.stop)
        await store.close()
        await sandbox.ask("DELETE", "/control/behaviour")
