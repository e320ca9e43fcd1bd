"""Skills: reusable units of instructions."""

from datetime import datetime
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody
from pydantic import Field

from hub.models import Skill
from hub.models.skill import SkillFields
from hub.store import agents, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import missing
from web.api.request import ApiRequest
from web.api.shapes import PathId, patching, shown

_EXAMPLE = {"name": "Take an address", "instructions": "Ask for street, town and postcode, then read them back."}


class SkillCreate(SkillFields):
    """A skill to store."""

    model_config = shown(_EXAMPLE)


class SkillUpdate(SkillFields):
    """Fields to replace; a field left out stays as it is."""

    model_config = patching({"description": "For deliveries"})
    name: str = Field(default="", min_length=1, max_length=120)


class SkillPublic(SkillFields):
    """A skill."""

    model_config = shown(
        {
            **_EXAMPLE,
            "id": "0198c0de-0000-7000-8000-000000000003",
            "created_at": "2026-01-31T09:00:00Z",
            "updated_at": "2026-01-31T09:00:00Z",
        }
    )
    id: UUID
    created_at: datetime
    updated_at: datetime


class SkillPage(Page[SkillPublic]):
    """Some of the skills."""


def public(skill: Skill) -> SkillPublic:
    return SkillPublic.model_validate(
        {
            "id": skill.id,
            "name": skill.name,
            "description": skill.description,
            "instructions": skill.instructions,
            "tools": skill.tools,
            "created_at": skill.created_at,
            "updated_at": skill.updated_at,
        }
    )


class Skills(Controller):
    """Skills."""

    path = "/skills"
    tags = ["Skills"]

    @post(opt={"scope": "write"}, summary="Create a skill")
    async def create_skill(self, request: ApiRequest, data: JSONBody[SkillCreate]) -> SkillPublic:
        """Store instructions, with the tools they need."""
        now = request.clock.now()
        made = Skill(workspace_id=request.workspace_id, created_at=now, updated_at=now, **data.model_dump(mode="json"))
        async with request.store.write() as db:
            db.add(made)
        return public(made)

    @get(opt={"scope": "read"}, summary="List skills")
    async def list_skills(self, request: ApiRequest, limit: Limit = 50, cursor: Cursor = "") -> SkillPage:
        """The newest first."""
        async with request.store.read() as db:
            rows = await listing.newest(db, Skill, request.workspace_id, before=before(cursor), limit=limit + 1)
        return SkillPage(**page(rows, limit, public, lambda row: row.id))

    @get("/{skill_id:uuid}", opt={"scope": "read"}, summary="Get a skill")
    async def get_skill(self, request: ApiRequest, skill_id: PathId) -> SkillPublic:
        """One skill."""
        async with request.store.read() as db:
            found = await agents.skill(db, request.workspace_id, skill_id)
        if found is None:
            raise missing("skill")
        return public(found)

    @patch("/{skill_id:uuid}", opt={"scope": "write"}, summary="Change a skill")
    async def update_skill(self, request: ApiRequest, skill_id: PathId, data: JSONBody[SkillUpdate]) -> SkillPublic:
        """Replace the given fields."""
        async with request.store.write() as db:
            found = await agents.skill(db, request.workspace_id, skill_id)
            if found is None:
                raise missing("skill")
            for name, value in data.model_dump(mode="json", exclude_unset=True).items():
                setattr(found, name, value)
            found.updated_at = request.clock.now()
        return public(found)

    @delete("/{skill_id:uuid}", opt={"scope": "write"}, summary="Delete a skill")
    async def delete_skill(self, request: ApiRequest, skill_id: PathId) -> None:
        """Gone for good."""
        async with request.store.write() as db:
            found = await agents.skill(db, request.workspace_id, skill_id)
            if found is None:
                raise missing("skill")
            await db.delete(found)
