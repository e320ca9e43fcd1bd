"""Teams: agents who hand a customer over to one another."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field, ValidationError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import AgentDefinition, Team, TeamDefinition
from hub.models.team import Member, TeamFields
from hub.store import agents, listing, teams
from web.api.agents import check
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Malformed, Refusal, missing, pointer
from web.api.request import ApiRequest, invalid
from web.api.shapes import PathId, patching, shown

_EXAMPLE: dict[str, Any] = {
    "name": "Front and back office",
    "first": "front",
    "members": [
        {
            "key": "front",
            "agent_id": "0198c0de-0000-7000-8000-000000000001",
            "transitions": [
                {
                    "to": "billing",
                    "function": "hand_over_to_billing",
                    "description": "The customer has a question about a bill or a payment.",
                    "message": "I'll pass you to Ben, who knows all about bills.",
                    "phrases": ["question about my bill", "I was charged twice"],
                }
            ],
        },
        {"key": "billing", "agent": {"name": "Ben", "prompt": "You explain bills.", "opening_message": "I'm Ben."}},
    ],
}
_STORED = {
    "id": "0198c0de-0000-7000-8000-000000000009",
    "version": 1,
    "remarks": ["billing hands over to nobody: customers stay with them."],
    "created_at": "2026-01-31T09:00:00Z",
    "updated_at": "2026-01-31T09:00:00Z",
    "archived_at": None,
}


class TeamCreate(TeamFields):
    """A team to store."""

    model_config = shown(_EXAMPLE)


class TeamUpdate(TeamFields):
    """Fields to replace; a field left out stays as it is. `members` are replaced as a whole."""

    model_config = patching({"description": "For the branch in the north"})
    name: str = Field(default="", min_length=1, max_length=120)
    members: list[Member] = Field(default=[], min_length=1, max_length=20)


class TeamPublic(TeamFields):
    """A team. Each change of it makes the next `version`. `remarks` say what may be a mistake."""

    model_config = shown(_EXAMPLE | _STORED)
    id: UUID
    version: int
    remarks: list[str]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class TeamPage(Page[TeamPublic]):
    """Some of the teams."""


def public(team: Team) -> TeamPublic:
    return TeamPublic(
        **team.definition,
        id=team.id,
        version=team.version,
        remarks=TeamDefinition.model_validate(team.definition).doubts(),
        created_at=team.created_at,
        updated_at=team.updated_at,
        archived_at=team.archived_at,
    )


async def checked(db: AsyncSession, workspace_id: UUID, given: TeamFields) -> TeamDefinition:
    """The team as it is stored, if all of it can be carried out. Raises `Malformed`, `Refusal`."""
    faults = [*given.faults(), *await teams.faults(db, workspace_id, given)]
    if faults:
        errors = [{"pointer": pointer(*where), "detail": words} for where, words in faults]
        raise Malformed(errors[0]["detail"], errors)
    made = TeamDefinition.model_validate(given.model_dump())
    stored = await teams.members(db, workspace_id, made.model_dump(mode="json"))
    for at, member in enumerate(made.members):
        agent = stored[member.agent_id].definition if member.agent_id else {}
        check(AgentDefinition.model_validate({**agent, **member.agent}), "members", at, "agent")
    return made


class Teams(Controller):
    """Teams."""

    path = "/teams"
    tags = ["Teams"]

    @post(opt={"scope": "write"}, summary="Create a team")
    async def create_team(self, request: ApiRequest, data: JSONBody[TeamCreate]) -> TeamPublic:
        """Store its members and who hands over to whom. Bind it to an address, or begin interactions with `team_id`."""
        now = request.clock.now()
        async with request.store.write() as db:
            definition = (await checked(db, request.workspace_id, data)).model_dump(mode="json")
            made = Team(
                workspace_id=request.workspace_id, name=data.name, definition=definition, created_at=now, updated_at=now
            )
            db.add(made)
        return public(made)

    @get(opt={"scope": "read"}, summary="List teams")
    async def list_teams(
        self,
        request: ApiRequest,
        limit: Limit = 50,
        cursor: Cursor = "",
        archived: Annotated[bool, QueryParameter(description="Archived ones too.")] = False,
    ) -> TeamPage:
        """The newest first."""
        where = [] if archived else [col(Team.archived_at).is_(None)]
        async with request.store.read() as db:
            rows = await listing.newest(db, Team, request.workspace_id, *where, before=before(cursor), limit=limit + 1)
        return TeamPage(**page(rows, limit, public, lambda row: row.id))

    @get("/{team_id:uuid}", opt={"scope": "read"}, summary="Get a team")
    async def get_team(self, request: ApiRequest, team_id: PathId) -> TeamPublic:
        """One team, archived or not."""
        async with request.store.read() as db:
            found = await teams.team(db, request.workspace_id, team_id)
        if found is None:
            raise missing("team")
        return public(found)

    @patch("/{team_id:uuid}", opt={"scope": "write"}, summary="Change a team")
    async def update_team(self, request: ApiRequest, team_id: PathId, data: JSONBody[TeamUpdate]) -> TeamPublic:
        """Replace the given fields. Interactions that are going on keep the team they began with."""
        async with request.store.write() as db:
            found = await teams.team(db, request.workspace_id, team_id)
            if found is None:
                raise missing("team")
            if found.archived_at is not None:
                raise Refusal(409, "This team is archived; create a new one.", code="archived")
            given = data.model_dump(mode="json", exclude_unset=True)
            try:
                merged = TeamFields.model_validate({**found.definition, **given})
            except ValidationError as error:
                raise invalid(error) from None
            merged = await checked(db, request.workspace_id, merged)
            await teams.change_definition(
                db, request.workspace_id, team_id, merged.model_dump(mode="json"), request.clock.now()
            )
        return public(found)

    @delete("/{team_id:uuid}", opt={"scope": "write"}, summary="Archive a team")
    async def delete_team(self, request: ApiRequest, team_id: PathId) -> None:
        """It starts nothing new and answers at no address any more; what it has begun goes on."""
        async with request.store.write() as db:
            found = await teams.team(db, request.workspace_id, team_id)
            if found is None:
                raise missing("team")
            found.archived_at = found.archived_at or request.clock.now()
            for address in await agents.addresses(db, request.workspace_id):
                if address.team_id == team_id:
                    address.team_id = None
