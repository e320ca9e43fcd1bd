"""What agents are and become: a draft that is worked on, versions that are published and never change."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Agent, AgentDefinition, AgentVersion
from hub.store import agents

MOST_NOTE_CHARACTERS = 500

DRAFT, PUBLISHED = "draft", "published"
"""Names of a definition, beside the numbers of versions."""

Definition = dict[str, Any]


class Outdated(Exception):
    """Somebody else has changed the agent meanwhile; nothing was done. `agent` is how it is now."""

    def __init__(self, agent: Agent) -> None:
        by = f" by {agent.changed_by}" if agent.changed_by else ""
        super().__init__(f"The agent was changed{by} meanwhile: this is revision {agent.revision} now.")
        self.agent = agent


class NothingToPublish(Exception):
    """The draft, if there is one, is what customers meet already."""


def normal(definition: Definition) -> Definition:
    """With every field there is now; one that was stored before some fields existed means their defaults."""
    return AgentDefinition.model_validate(definition).model_dump(mode="json")


async def create(db: AsyncSession, workspace_id: UUID, definition: AgentDefinition, by: str, now: datetime) -> Agent:
    """A new agent, published as version 1."""
    made = Agent(
        workspace_id=workspace_id, name=definition.name, definition=definition.model_dump(mode="json"),
        changed_by=by, created_at=now, updated_at=now,
    )  # fmt: skip
    db.add(made)
    await db.flush()
    _keep(db, made, by, now, "")
    return made


def seen(agent: Agent, revision: int | None) -> None:
    """Whoever changes it has seen how it is now. Raises `Outdated`; None asks for nothing."""
    if revision is not None and revision != agent.revision:
        raise Outdated(agent)


def draft(agent: Agent, definition: Definition, by: str, now: datetime) -> None:
    """Work on it further. A draft that is what is published already is none."""
    agent.draft = None if normal(definition) == normal(agent.definition) else definition
    _changed(agent, by, now)


def discard(agent: Agent, by: str, now: datetime) -> None:
    """Leave the draft; what is published stays."""
    if agent.draft is not None:
        agent.draft = None
        _changed(agent, by, now)


def publish(db: AsyncSession, agent: Agent, by: str, now: datetime, note: str = "") -> None:
    """The draft is the next version: new interactions meet it. Raises `NothingToPublish`."""
    if agent.draft is None:
        raise NothingToPublish("There is no draft: everything is published.")
    _publish(db, agent, agent.draft, by, now, note)
    agent.draft = None


def replace(db: AsyncSession, agent: Agent, fields: Definition, by: str, now: datetime, note: str = "") -> None:
    """Publish these fields at once, if they are others than before. A draft goes on, with them in it."""
    definition = {**agent.definition, **fields}
    worked_on = {**agent.draft, **fields} if agent.draft is not None else None
    if normal(definition) != normal(agent.definition):
        _publish(db, agent, definition, by, now, note)
    if worked_on is not None:
        draft(agent, worked_on, by, now)


def roll_back(db: AsyncSession, agent: Agent, old: AgentVersion, by: str, now: datetime, note: str = "") -> None:
    """Publish an old version anew. The draft stays. Raises `NothingToPublish`."""
    if normal(old.definition) == normal(agent.definition):
        raise NothingToPublish(f"Version {old.number} is what is published now.")
    _publish(db, agent, old.definition, by, now, note, restores=old.number)


def _publish(
    db: AsyncSession, agent: Agent, definition: Definition, by: str, now: datetime, note: str,
    restores: int | None = None,
) -> None:  # fmt: skip
    agent.definition, agent.name = definition, definition["name"]
    agent.version += 1
    _changed(agent, by, now)
    _keep(db, agent, by, now, note, restores)


def _keep(
    db: AsyncSession, agent: Agent, by: str, now: datetime, note: str, restores: int | None = None
) -> None:  # fmt: skip
    db.add(
        AgentVersion(
            workspace_id=agent.workspace_id, agent_id=agent.id, number=agent.version, definition=agent.definition,
            published_by=by, published_at=now, note=note[:MOST_NOTE_CHARACTERS], restores=restores,
        )
    )  # fmt: skip


def _changed(agent: Agent, by: str, now: datetime) -> None:
    agent.revision += 1
    agent.changed_by, agent.updated_at = by, now


async def called(db: AsyncSession, agent: Agent, which: str) -> Definition | None:
    """A definition by its name: `draft` (what is worked on), `published`, or a number; None when there is none."""
    if which == DRAFT:
        return agent.edited
    if which == PUBLISHED or which == str(agent.version):
        return agent.definition
    if not (which.isascii() and which.isdigit() and len(which) < 10):
        return None
    found = await agents.version(db, agent.workspace_id, agent.id, int(which))
    return found.definition if found else None
