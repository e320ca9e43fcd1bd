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

from hub import versions
from hub.core import definitions
from hub.models import Agent, AgentDefinition
from hub.store import agents, listing, teams
from web import call_settings
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Malformed, Refusal, bad_parameter, missing, pointer
from web.api.request import ApiRequest, invalid
from web.api.shapes import PathId, patching, shown

VERSION = "^(published|draft|[1-9][0-9]{0,8})$"
_NO_DEFINITION = {"publish", "note", "revision"}
_EXAMPLE = {
    "name": "Front desk",
    "prompt": "You answer for a dental clinic. Be brief and friendly.",
    "opening_message": "Hello {{name}}, this is the clinic. How can I help?",
    "language": "en-US",
}
_STORED = {
    "id": "0198c0de-0000-7000-8000-000000000001",
    "version": 1,
    "published_version": 1,
    "has_draft": False,
    "revision": 1,
    "created_at": "2026-01-31T09:00:00Z",
    "updated_at": "2026-01-31T09:00:00Z",
    "archived_at": None,
}


class AgentCreate(AgentDefinition):
    """A definition to store."""

    model_config = shown(_EXAMPLE)


class AgentUpdate(AgentDefinition):
    """Fields to replace; a field left out stays as it is."""

    model_config = patching({"prompt": "Answer in one sentence.", "opening_message": None, "note": "Shorter answers"})
    name: str = Field(default="", min_length=1, max_length=120)
    publish: bool = Field(default=True, description="They are the next version at once; false: they go into the draft.")
    note: str = Field(
        default="", max_length=versions.MOST_NOTE_CHARACTERS, description="Why, for the list of versions."
    )
    revision: int | None = Field(
        default=None, description="The revision that you have seen: 409 if somebody changed the agent since."
    )


class AgentPublic(AgentDefinition):
    """An agent. `version` is the number of the definition shown, null of a draft; each publication makes the next."""

    model_config = shown(_EXAMPLE | _STORED)
    id: UUID
    version: int | None
    published_version: int = Field(description="The version that new interactions meet.")
    has_draft: bool = Field(description="Whether changes wait to be published.")
    revision: int = Field(description="Counts all changes, of the draft and of what is published.")
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class AgentPage(Page[AgentPublic]):
    """Some of the agents."""


def public(agent: Agent, definition: Mapping[str, Any] | None = None, version: int | None = None) -> AgentPublic:
    """As it is published, or with another definition of it; `version` is that one's number."""
    return AgentPublic(
        **(agent.definition if definition is None else definition),
        id=agent.id,
        version=agent.version if definition is None else version,
        published_version=agent.version,
        has_draft=agent.draft is not None,
        revision=agent.revision,
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


async def _merged(
    request: ApiRequest, db: AsyncSession, definition: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole definition with these fields in it, as it is stored. Raises `Malformed`."""
    try:
        merged = AgentDefinition.model_validate({**definition, **given})
    except ValidationError as error:
        raise invalid(error) from None
    check(merged)
    return (await settled(request, db, merged, definition)).model_dump(mode="json")


async def held(db: AsyncSession, request: ApiRequest, agent_id: UUID, revision: int | None = None) -> Agent:
    """An agent that may be changed, held until the transaction ends. Raises `Refusal`, `Outdated`."""
    found = await agents.held(db, request.workspace_id, agent_id)
    if found is None:
        raise missing("agent")
    if found.archived_at is not None:
        raise Refusal(409, "This agent is archived; create a new one.", code="archived")
    versions.seen(found, revision)
    return found


def no_version(version: str, parameter: str = "") -> Exception:
    """`parameter` is the query parameter that named it."""
    words = f"This agent has no version {version[:20]}; see GET .../versions."
    return bad_parameter(parameter, words) if parameter else Refusal(404, words, code="not_found")


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
        """Store a definition, published as version 1. Bind the agent to an address to let it answer there."""
        check(data)
        async with request.store.write() as db:
            definition = await settled(request, db, data)
            made = await versions.create(db, request.workspace_id, definition, request.user.name, request.clock.now())
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
    async def get_agent(
        self,
        request: ApiRequest,
        agent_id: PathId,
        version: Annotated[
            str, QueryParameter(pattern=VERSION, description="published, draft, or the number of a version.")
        ] = versions.PUBLISHED,
    ) -> AgentPublic:
        """One agent, archived or not: as it is published, as it is being worked on, or as it once was."""
        async with request.store.read() as db:
            found = await agents.agent(db, request.workspace_id, agent_id)
            if found is None:
                raise missing("agent")
            definition = await versions.called(db, found, version)
        if definition is None:
            raise no_version(version, "version")
        if version == versions.PUBLISHED or (version == versions.DRAFT and found.draft is None):
            return public(found)
        return public(found, definition, int(version) if version.isdigit() else None)

    @patch("/{agent_id:uuid}", opt={"scope": "write"}, summary="Change an agent")
    async def update_agent(self, request: ApiRequest, agent_id: PathId, data: JSONBody[AgentUpdate]) -> AgentPublic:
        """Replace the given fields, in what is published and in the draft, if there is one; then the answer shows what
        is published. With `publish: false` only the draft changes, and is shown.

        Interactions that are going on keep the definition they began with.
        """
        async with request.store.write() as db:
            found = await held(db, request, agent_id, data.revision)
            given = data.model_dump(mode="json", exclude_unset=True, exclude=_NO_DEFINITION)
            fields = await _merged(request, db, found.definition if data.publish else found.edited, given)
            by, now = request.user.name, request.clock.now()
            if data.publish:
                if found.draft is not None:
                    await _merged(request, db, found.draft, {name: fields[name] for name in given})
                versions.replace(db, found, {name: fields[name] for name in given}, by, now, data.note)
            else:
                versions.draft(found, fields, by, now)
        return public(found) if data.publish or found.draft is None else public(found, found.draft)

    @delete("/{agent_id:uuid}", opt={"scope": "write"}, summary="Archive an agent")
    async def delete_agent(self, request: ApiRequest, agent_id: PathId) -> None:
        """It starts nothing new and answers at no address any more; what it has begun goes on.

        A member of a team is taken out of it first.
        """
        async with request.store.write() as db:
            found = await agents.agent(db, request.workspace_id, agent_id)
            if found is None:
                raise missing("agent")
            if used := await teams.with_agent(db, request.workspace_id, agent_id):
                words = f"This agent is a member of {', '.join(team.name for team in used)}. Take it out there first."
                raise Refusal(409, words, code="in_team")
            found.archived_at = found.archived_at or request.clock.now()
            for address in await agents.addresses(db, request.workspace_id):
                if address.agent_id == agent_id:
                    address.agent_id = None
