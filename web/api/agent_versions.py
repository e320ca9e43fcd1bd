"""What an agent was, is and will be: its versions, its draft, what differs between any two."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import versions
from hub.core import definitions
from hub.differences import Difference, differences
from hub.models import AgentVersion
from hub.store import agents
from web.api.agents import VERSION, AgentPublic, held, no_version, public
from web.api.paging import LAST_PLACE, Cursor, Limit, Page, after, page
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

_VERSION: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-000000000050",
    "agent_id": "0198c0de-0000-7000-8000-000000000001",
    "number": 3,
    "published_by": "Ana Ruiz",
    "note": "Shorter answers",
    "restores": None,
    "published_at": "2026-01-31T09:00:00Z",
}
_CHANGED = {
    "pointer": "#/prompt", "kind": "changed", "old": "Be kind.\nBe long.", "new": "Be kind.\nBe brief.",
    "lines": [
        {"kind": "same", "text": "Be kind."}, {"kind": "removed", "text": "Be long."},
        {"kind": "added", "text": "Be brief."},
    ],
}  # fmt: skip
Which = Annotated[str, QueryParameter(pattern=VERSION, description="published, draft, or the number of a version.")]


class AgentVersionPublic(Shape):
    """A publication. `GET /v1/agents/{agent_id}?version=` with its number shows the definition."""

    model_config = shown(_VERSION)
    id: UUID
    agent_id: UUID
    number: int
    published_by: str
    note: str
    restores: int | None = Field(description="The number of the older version that this one brought back.")
    published_at: datetime


class AgentVersionPage(Page[AgentVersionPublic]):
    """Some of the versions."""


class PublishGiven(Shape):
    """Why it is published."""

    model_config = shown({"note": "Shorter answers", "revision": 7})
    note: str = Field(default="", max_length=versions.MOST_NOTE_CHARACTERS)
    revision: int | None = Field(default=None, description="The revision that you have seen: 409 if it has changed.")


class RollbackGiven(PublishGiven):
    """Which version to bring back, and why."""

    model_config = shown({"version": 2, "note": "The new greeting confused people"})
    version: int = Field(ge=1, le=LAST_PLACE)


class LineShown(Shape):
    """A line of both texts together. `skipped` stands for lines that are the same."""

    kind: Literal["same", "removed", "added", "skipped"]
    text: str


class DifferencePublic(Shape):
    """A field that is not the same."""

    model_config = shown(_CHANGED)
    pointer: str = Field(description="Where: fields, and entries of lists by name, else by place from 1.")
    kind: Literal["added", "removed", "changed", "reordered"]
    old: Any
    new: Any
    lines: list[LineShown] = Field(description="Of longer texts and of lists of texts: both, line by line.")


class DiffPublic(Shape):
    """What differs between two definitions of an agent."""

    model_config = shown({"old": "2", "new": "draft", "differences": [_CHANGED]})
    old: str
    new: str
    differences: list[DifferencePublic]


def version_public(found: AgentVersion) -> AgentVersionPublic:
    return AgentVersionPublic(**{name: getattr(found, name) for name in AgentVersionPublic.model_fields})


def _difference_public(found: Difference) -> DifferencePublic:
    lines = [LineShown(kind=kind, text=text) for kind, text in found.lines]
    return DifferencePublic(
        pointer=pointer(*found.path), kind=found.kind, old=found.old, new=found.new, lines=lines
    )  # fmt: skip


async def _publishable(request: ApiRequest, db: AsyncSession, definition: dict[str, Any]) -> None:
    """What was right when it was stored may be so no more. Raises `Refusal`."""
    for where, words in await definitions.outdated(request.hub.context, db, request.workspace_id, definition):
        raise Refusal(409, f"It cannot be published: {'.'.join(map(str, where))}: {words}", code="not_publishable")


class AgentVersions(Controller):
    """Versions of one agent."""

    path = "/agents/{agent_id:uuid}"
    tags = ["Agents"]

    @get("/versions", opt={"scope": "read"}, summary="List versions")
    async def list_versions(
        self, request: ApiRequest, agent_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> AgentVersionPage:
        """The newest first. Each was published once and never changes."""
        async with request.store.read() as db:
            if await agents.agent(db, request.workspace_id, agent_id) is None:
                raise missing("agent")
            rows = await agents.versions(
                db, request.workspace_id, agent_id, before=after(cursor) or None, limit=limit + 1
            )  # fmt: skip
        return AgentVersionPage(**page(rows, limit, version_public, lambda row: row.number))

    @get("/diff", opt={"scope": "read"}, summary="Compare versions")
    async def compare_versions(
        self, request: ApiRequest, agent_id: PathId, old: Which = versions.PUBLISHED, new: Which = versions.DRAFT
    ) -> DiffPublic:
        """What differs between any two of an agent's definitions, field by field, longer texts line by line."""
        async with request.store.read() as db:
            found = await agents.agent(db, request.workspace_id, agent_id)
            if found is None:
                raise missing("agent")
            before, behind = await versions.called(db, found, old), await versions.called(db, found, new)
        if before is None or behind is None:
            raise no_version(old, "old") if before is None else no_version(new, "new")
        made = await asyncio.to_thread(lambda: differences(versions.normal(before), versions.normal(behind)))
        return DiffPublic(old=old, new=new, differences=[_difference_public(one) for one in made])

    @post("/publish", opt={"scope": "write"}, status_code=200, summary="Publish the draft")
    async def publish_draft(
        self, request: ApiRequest, agent_id: PathId, data: JSONBody[PublishGiven]
    ) -> AgentPublic:  # fmt: skip
        """The draft is the next version: what begins from now on meets it. 409 when there is no draft."""
        async with request.store.write() as db:
            found = await held(db, request, agent_id, data.revision)
            await _publishable(request, db, found.edited)
            versions.publish(db, found, request.user.name, request.clock.now(), data.note)
        return public(found)

    @post("/rollback", opt={"scope": "write"}, status_code=200, summary="Bring a version back")
    async def roll_back(self, request: ApiRequest, agent_id: PathId, data: JSONBody[RollbackGiven]) -> AgentPublic:
        """Publishes the definition of an old version under the next number. A draft stays as it is."""
        async with request.store.write() as db:
            found = await held(db, request, agent_id, data.revision)
            old = await agents.version(db, request.workspace_id, agent_id, data.version)
            if old is None:
                raise no_version(str(data.version))
            await _publishable(request, db, old.definition)
            versions.roll_back(db, found, old, request.user.name, request.clock.now(), data.note)
        return public(found)

    @delete("/draft", opt={"scope": "write"}, summary="Discard the draft")
    async def discard_draft(self, request: ApiRequest, agent_id: PathId) -> None:
        """What is published stays. Discarding no draft changes nothing."""
        async with request.store.write() as db:
            found = await held(db, request, agent_id)
            versions.discard(found, request.user.name, request.clock.now())
