"""Agents from before there were versions: what they are is published, under the number that was theirs."""

import asyncio
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic import command
from sqlmodel import select

from hub.feed import Bus
from hub.migrations import config, upgrade
from hub.models import Agent, AgentVersion, Workspace
from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, utcnow
from hub.store import Store, normal_url

pytestmark = pytest.mark.anyio
BEFORE = "0011"


AGENT = sa.table(
    "agent", sa.column("id", sa.Uuid()), sa.column("workspace_id", sa.Uuid()), sa.column("name"),
    sa.column("definition", JSON_TYPE), sa.column("version"), sa.column("created_at", UtcDateTime()),
    sa.column("updated_at", UtcDateTime()),
)  # fmt: skip
"""As it was then."""


async def from_before(url: str, agent_id: UUID) -> None:
    """An agent in its seventh version."""
    store, now = Store(url, Bus()), utcnow()
    async with store.write() as db:
        home = Workspace(name="Ours")
        db.add(home)
        await db.flush()
        row = {
            "id": agent_id, "workspace_id": home.id, "name": "Maya", "version": 7, "created_at": now,
            "updated_at": now, "definition": {"name": "Maya", "prompt": "Be kind."},
        }  # fmt: skip
        await db.exec(sa.insert(AGENT).values(row))  # type: ignore[call-overload]
    await store.close()


async def test_what_an_agent_is_becomes_its_published_version(empty_database_url: str) -> None:
    url, agent_id = normal_url(empty_database_url), new_id()
    await asyncio.to_thread(upgrade, url)
    await asyncio.to_thread(command.downgrade, config(url), BEFORE)
    await from_before(empty_database_url, agent_id)
    await asyncio.to_thread(upgrade, url)
    store = Store(empty_database_url, Bus())
    async with store.read() as db:
        agent = await db.get(Agent, agent_id)
        (version,) = (await db.exec(select(AgentVersion))).all()
    await store.close()
    assert agent is not None
    assert (agent.version, agent.draft, agent.revision) == (7, None, 1)
    assert (version.agent_id, version.number, version.definition) == (agent_id, 7, agent.definition)
    assert agent.edited["prompt"] == "Be kind."
