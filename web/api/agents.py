"""Agents: the stored definitions of AI workers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field, ValidationError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import definitions
from hub.models import Agent, AgentDefinition
from hub.store import agents, listing
from web import call_settings
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Malformed, Refusal, missing, pointer
from web.api.request import ApiRequest, invalid
from web.api.shapes import PathId, patching, shown

_EXAMPLE = {
    "name": "Front desk",
    "prompt": "You answer for a dental clinic. Be brief and friendly.",
    "opening_message": "Hello {{name}}, this is the clinic. How can I help?",
    "language": "en-US",
}
_STORED = {
    "id": "0198c0de-0000-7000-8000-000000000001",
    "version": 1,
    "created_at": "2026-01-31T09:00:00Z",
    "updated_at": "2026-01-31T09:00:00Z",
    "archived_at": None,
}


class AgentCreate(AgentDefinition):
    """A definition to store."""

    model_config = shown(_EXAMPLE)


class AgentUpdate(AgentDefinition):
    """Fields to replace; a field left out stays as it is."""

    model_config = patching({"prompt": "Answer in one sentence.", "opening_message": None})
    name: str = Field(default="", min_length=1, max_length=120)


class AgentPublic(AgentDefinition):
    """An agent. Each change of its definition makes the next `version`."""

    model_config = shown(_EXAMPLE | _STORED)
    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class AgentPage(Page[AgentPublic]):
    """Some of the agents."""


def public(agent: Agent) -> AgentPublic:
    return AgentPublic(
        **agent.definition,
        id=agent.id,
        version=agent.version,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
        archived_at=agent.archived_at,
    )


def check(definition: AgentDefinition, *location: object) -> None:
    """Whether the engines are there and calls can be transferred. Raises `Malformed` with every fault."""
    errors = [
        {"pointer": pointer(*location, *where), "detail": words} for where, words in call_settings.faults(definition)
    ]
    if errors:
        raise Malformed(errors[0]["detail"], errors)


async def settled(
    request: ApiRequest, db: AsyncSession, definition: AgentDefinition, before: Mapping[str, Any] | None = None,
    *location: object,
) -> AgentDefinition:  # fmt: skip
    """The definition as it is stored in place of `before`. Raises `Malformed` with every fault."""
    made, faults = await definitions.settle(request.hub.context, db, request.workspace_id, definition, before)
    if faults:
        errors = [{"pointer": pointer(*location, *where), "detail": words} for where, words in faults]
        raise Malformed(errors[0]["detail"], errors)
    return made


class Agents(Controller):
    """Agents."""

    path = "/agents"
    tags = ["Agents"]

    @post(opt={"scope": "write"}, summary="Create an agent")
    async def create_agent(self, request: ApiRequest, data: JSONBody[AgentCreate]) -> AgentPublic:
        """Store a definition. Bind the agent to an address to let it answer there."""
        check(data)
        now = request.clock.now()
        async with request.store.write() as db:
            definition = await settled(request, db, data)
            made = Agent(
                workspace_id=request.workspace_id,
                name=data.name,
                definition=definition.model_dump(mode="json"),
                created_at=now,
                updated_at=now,
            )
            db.add(made)
        return public(made)

    @get(opt={"scope": "read"}, summary="List agents")
    async def list_agents(
        self,
        request: ApiRequest,
        limit: Limit = 50,
        cursor: Cursor = "",
        archived: Annotated[bool, QueryParameter(description="Archived ones too.")] = False,
    ) -> AgentPage:
        """The newest first."""
        where = [] if archived else [col(Agent.archived_at).is_(None)]
        async with request.store.read() as db:
            rows = await listing.newest(db, Agent, request.workspace_id, *where, before=before(cursor), limit=limit + 1)
        return AgentPage(**page(rows, limit, public, lambda row: row.id))

    @get("/{agent_id:uuid}", opt={"scope": "read"}, summary="Get an agent")
    async def get_agent(self, request: ApiRequest, agent_id: PathId) -> AgentPublic:
        """One agent, archived or not."""
        async with request.store.read() as db:
            found = await agents.agent(db, request.workspace_id, agent_id)
        if found is None:
            raise missing("agent")
        return public(found)

    @patch("/{agent_id:uuid}", opt={"scope": "write"}, summary="Change an agent")
    async def update_agent(self, request: ApiRequest, agent_id: PathId, data: JSONBody[AgentUpdate]) -> AgentPublic:
        """Replace the given fields. Interactions that are going on keep the definition they began with."""
        async with request.store.write() as db:
            found = await agents.agent(db, request.workspace_id, agent_id)
            if found is None:
                raise missing("agent")
            if found.archived_at is not None:
                raise Refusal(409, "This agent is archived; create a new one.", code="archived")
            given = data.model_dump(mode="json", exclude_unset=True)
            try:
                merged = AgentDefinition.model_validate({**found.definition, **given})
            except ValidationError as error:
                raise invalid(error) from None
            check(merged)
            merged = await settled(request, db, merged, found.definition)
            await agents.change_definition(
                db, request.workspace_id, agent_id, merged.model_dump(mode="json"), request.clock.now()
            )
        return public(found)

    @delete("/{agent_id:uuid}", opt={"scope": "write"}, summary="Archive an agent")
    async def delete_agent(self, request: ApiRequest, agent_id: PathId) -> None:
        """It starts nothing new and answers at no address any more; what it has begun goes on."""
        async with request.store.write() as db:
            found = await agents.agent(db, request.workspace_id, agent_id)
            if found is None:
                raise missing("agent")
            found.archived_at = found.archived_at or request.clock.now()
            for address in await agents.addresses(db, request.workspace_id):
                if address.agent_id == agent_id:
                    address.agent_id = None
