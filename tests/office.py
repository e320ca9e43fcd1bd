"""A hub in this process with people of every role signed in, for tests of the pages without a browser."""

import contextlib
import html
import json
import re
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar

from hub import versions
from hub.core import Hub
from hub.models import Address, Agent, Knowledge, User, Workspace
from hub.models.agent import AgentDefinition
from hub.store import Store, agents
from web.app import create_app
from web.auth import hash_password
from web.pages.editor import edited
from web.settings import Settings

PASSWORD = "correct horse battery"
URL = "http://hub.test"
ROLES = ("admin", "builder", "support", "viewer")


class Office:
    """Workspace `home` with the clinic's agent, and `other`, whose things nobody of ours may see."""

    def __init__(self, app: Litestar) -> None:
        self.app = app
        self.hub: Hub = app.state.hub
        self.store: Store = app.state.store
        self.people: dict[str, Person] = {}

    async def fill(self) -> None:
        clinic = json.loads(resources.files("fixtures.agents").joinpath("clinic.json").read_text("utf-8"))
        knowledge = clinic.pop("knowledge")
        async with self.store.write() as db:
            home, other = Workspace(name="Ours"), Workspace(name="Theirs")
            db.add_all([home, other])
            await db.flush()
            self.home, self.other = home.id, other.id
            now = self.hub.context.clock.now()
            maya = await versions.create(db, home.id, AgentDefinition(**clinic), "Bea", now)
            secret = AgentDefinition(**clinic | {"name": "Secret"})
            theirs = await versions.create(db, other.id, secret, "Theo", now)
            self.agent, self.theirs = maya.id, theirs.id
            db.add_all(Knowledge(workspace_id=home.id, agent_id=maya.id, **item) for item in knowledge)
            db.add(Address(workspace_id=home.id, channel="webchat", value="clinic", agent_id=maya.id))
            hashed = hash_password(PASSWORD)
            for role in ROLES:
                row = User(
                    workspace_id=home.id, email=f"{role}@x.test", name=role.title(), role=role, password_hash=hashed
                )
                db.add(row)

    async def person(self, role: str) -> "Person":
        """Somebody of this role, signed in; "" is signed out."""
        if role not in self.people:
            transport = httpx.ASGITransport(app=self.app)
            client = httpx.AsyncClient(transport=transport, base_url=URL, headers={"accept": "text/html"})
            person = self.people[role] = Person(client)
            await client.get("/signin")
            if role:
                given = {"email": f"{role}@x.test", "password": PASSWORD}
                assert (await person.post("/signin", **given)).status_code == 303
        return self.people[role]

    async def stored(self, agent_id: UUID | None = None) -> Agent:
        """The agent as it is being worked on: its definition is the draft, if there is one."""
        return edited(await self.published(agent_id))

    async def published(self, agent_id: UUID | None = None) -> Agent:
        """The agent as customers meet it."""
        async with self.store.read() as db:
            found = await agents.agent(db, self.home, agent_id or self.agent)
            assert found is not None
            return found

    async def settled(self) -> None:
        """Wait until every agent has answered."""
        await self.hub.context.settle()


class Person:
    """A browser without a screen."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def post(self, path: str, options: dict[str, Any] | None = None, **fields: Any) -> httpx.Response:
        headers = {"x-csrftoken": self.client.cookies.get("hub_csrf", ""), **(options or {}).pop("headers", {})}
        return await self.client.post(path, data=fields, headers=headers, **(options or {}))


def form_of(page: str, action: str) -> dict[str, str]:
    """What a browser would send of the form with this action."""
    match = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert match, f"no form for {action}"
    found: dict[str, str] = {}
    for control in _CONTROL.finditer(match[1]):
        attributes, inner = control["input"] or control["area"] or control["select"] or "", control["inner"] or ""
        options = control["options"] or ""
        name, value = re.search(r'name="([^"]*)"', attributes), re.search(r'value="([^"]*)"', attributes)
        if name is None or ('type="checkbox"' in attributes and " checked" not in attributes):
            continue
        if control["select"] is not None:
            value = re.search(r'<option value="([^"]*)" selected', options)
        text = inner.removeprefix("\n") if control["area"] is not None else value[1] if value else ""
        found[html.unescape(name[1])] = html.unescape(text)
    return found


_CONTROL = re.compile(
    r"<input\b(?P<input>[^>]*)>"
    r"|<textarea\b(?P<area>[^>]*)>(?P<inner>.*?)</textarea>"
    r"|<select\b(?P<select>[^>]*)>(?P<options>.*?)</select>",
    re.DOTALL,
)


@contextlib.asynccontextmanager
async def open_office(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[Office]:
    app = create_app(
        Settings(
            hub_public_url=URL,
            hub_data_dir=folder,
            hub_database_url=database_url,
            hub_redis_url="",
            hub_secret_key="a secret of the tests",
            hub_work=False,
            **settings,
        )
    )
    async with app.lifespan():
        office = Office(app)
        await office.fill()
        try:
            yield office
        finally:
            for person in office.people.values():
                await person.client.aclose()
