"""An agent's knowledge: texts that it may answer from."""

from datetime import datetime
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import JSONBody
from pydantic import Field

from hub.models import Knowledge
from hub.store import agents, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import missing
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

_EXAMPLE = {"title": "Opening hours", "text": "Monday to Friday, 9 to 17.", "source": "https://example.com/hours"}


class KnowledgeCreate(Shape):
    """A text for the agent to know."""

    model_config = shown(_EXAMPLE)
    title: str = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1, max_length=1_000_000)
    source: str = Field(default="", max_length=2_000, description="Where it comes from, such as a URL.")


class KnowledgePublic(Shape):
    """A text that an agent knows."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000002",
            "agent_id": "0198c0de-0000-7000-8000-000000000001",
            **_EXAMPLE,
            "created_at": "2026-01-31T09:00:00Z",
        }
    )
    id: UUID
    agent_id: UUID
    title: str
    text: str
    source: str
    created_at: datetime


class KnowledgePage(Page[KnowledgePublic]):
    """Some of what an agent knows."""


def public(item: Knowledge) -> KnowledgePublic:
    return KnowledgePublic(
        id=item.id,
        agent_id=item.agent_id,
        title=item.title,
        text=item.text,
        source=item.source,
        created_at=item.created_at,
    )


class KnowledgeItems(Controller):
    """Knowledge of an agent."""

    path = "/agents/{agent_id:uuid}/knowledge"
    tags = ["Agents"]

    @get(opt={"scope": "read"}, summary="List an agent's knowledge")
    async def list_knowledge(
        self, request: ApiRequest, agent_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> KnowledgePage:
        """The newest first."""
        async with request.store.read() as db:
            if await agents.agent(db, request.workspace_id, agent_id) is None:
                raise missing("agent")
            rows = await listing.newest(
                db, Knowledge, request.workspace_id, Knowledge.agent_id == agent_id,
                before=before(cursor), limit=limit + 1,
            )  # fmt: skip
        return KnowledgePage(**page(rows, limit, public, lambda row: row.id))

    @post(opt={"scope": "write"}, summary="Add to an agent's knowledge")
    async def add_knowledge(
        self, request: ApiRequest, agent_id: PathId, data: JSONBody[KnowledgeCreate]
    ) -> KnowledgePublic:
        """It counts from the next answer on."""
        async with request.store.write() as db:
            if await agents.agent(db, request.workspace_id, agent_id) is None:
                raise missing("agent")
            made = Knowledge(
                workspace_id=request.workspace_id, agent_id=agent_id, title=data.title, text=data.text,
                source=data.source, created_at=request.clock.now(),
            )  # fmt: skip
            db.add(made)
        return public(made)

    @delete("/{knowledge_id:uuid}", opt={"scope": "write"}, summary="Delete from an agent's knowledge")
    async def delete_knowledge(self, request: ApiRequest, agent_id: PathId, knowledge_id: PathId) -> None:
        """The agent no longer answers from it."""
        async with request.store.write() as db:
            found = await agents.knowledge_item(db, request.workspace_id, knowledge_id)
            if found is None or found.agent_id != agent_id:
                raise missing("text of this agent")
            await db.delete(found)
