"""An agent's knowledge: what it may answer from, typed, uploaded, or read from a page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field, model_validator
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import knowing, reading
from hub.core.files import MOST_NAME_CHARACTERS
from hub.core.reading import MOST_BYTES, Unreadable
from hub.models import Agent, Knowledge
from hub.models.columns import new_id
from hub.store import agents, knowledge, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Malformed, Refusal, bad_parameter, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import HTTP_URL, PathId, Shape, patching, shown

_EXAMPLE = {"title": "Opening hours", "text": "Monday to Friday, 9 to 17.", "source": "https://example.com/hours"}
_STORED: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-000000000002",
    "agent_id": "0198c0de-0000-7000-8000-000000000001",
    "also_agent_ids": [],
    **_EXAMPLE,
    "kind": "text",
    "url": "",
    "refresh_hours": 0,
    "state": "ready",
    "fault": "",
    "created_at": "2026-01-31T09:00:00Z",
    "updated_at": "2026-01-31T09:00:00Z",
    "read_at": None,
}
_MOST_TITLE, _MOST_TEXT = 300, 1_000_000
Hours = Annotated[int, Field(ge=0, le=24 * 90, description="How often a page is read again; 0: when asked to.")]


class KnowledgeCreate(Shape):
    """A text for the agent to know, or the address of a page."""

    model_config = shown(_EXAMPLE, {"url": "https://example.com/hours", "refresh_hours": 24})
    title: str = Field(default="", max_length=_MOST_TITLE, description="Of a page, its own when this is empty.")
    text: str = Field(default="", max_length=_MOST_TEXT)
    source: str = Field(default="", max_length=2_000, description="Where it comes from, in words.")
    url: str = Field(default="", max_length=2_000, pattern=f"^$|{HTTP_URL}", description="A page to read it from.")
    refresh_hours: Hours = 0
    for_all: bool = Field(default=False, description="Every agent of the workspace knows it.")

    @model_validator(mode="after")
    def _text_or_page(self) -> "KnowledgeCreate":
        if bool(self.text.strip()) == bool(self.url):
            raise ValueError("give a text, or the url of a page")
        if self.text and not self.title.strip():
            raise ValueError("give the text a title")
        return self


class KnowledgeUpdate(Shape):
    """Fields to replace; a field left out stays as it is."""

    model_config = patching({"text": "Monday to Friday, 8 to 18."})
    title: str = Field(default="", min_length=1, max_length=_MOST_TITLE)
    text: str = Field(default="", min_length=1, max_length=_MOST_TEXT)
    source: str = Field(default="", max_length=2_000)
    refresh_hours: Hours = 0
    for_all: bool = Field(default=False, description="Every agent of the workspace knows it.")
    also_agent_ids: list[UUID] = Field(default=[], max_length=500, description="Agents that know it too.")


class KnowledgePublic(Shape):
    """Something that an agent knows. `agent_id` is whose it is; null: every agent of the workspace knows it.

    `state` is reading, ready or failed, with the reason in `fault`; the last good text stays known.
    """

    model_config = shown(_STORED)
    id: UUID
    agent_id: UUID | None
    also_agent_ids: list[UUID]
    title: str
    text: str
    source: str
    kind: Literal["text", "file", "url"]
    url: str
    refresh_hours: int
    state: Literal["reading", "ready", "failed"]
    fault: str
    created_at: datetime
    updated_at: datetime
    read_at: datetime | None


class KnowledgePage(Page[KnowledgePublic]):
    """Some of what an agent knows."""


class PassagePublic(Shape):
    """A part of a document that may answer a question."""

    title: str
    text: str
    source: str
    score: float = Field(description="0 to 1; from 0.4 on the embedded brain answers with it.")


class Passages(Shape):
    """The best passages, best first."""

    model_config = shown({"data": [{**_EXAMPLE, "score": 0.82}]})
    data: list[PassagePublic]


def public(item: Knowledge, also: Sequence[UUID] = ()) -> KnowledgePublic:
    fields = {name: getattr(item, name) for name in KnowledgePublic.model_fields if name != "also_agent_ids"}
    return KnowledgePublic(**fields, also_agent_ids=list(also))


class KnowledgeItems(Controller):
    """Knowledge of an agent."""

    path = "/agents/{agent_id:uuid}/knowledge"
    tags = ["Agents"]

    @get(opt={"scope": "read"}, summary="List an agent's knowledge")
    async def list_knowledge(
        self, request: ApiRequest, agent_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> KnowledgePage:
        """All that it knows, also what every agent knows, the newest first."""
        async with request.store.read() as db:
            await _agent(db, request, agent_id)
            rows = await listing.newest(
                db, Knowledge, request.workspace_id, knowledge.known_by(agent_id),
                before=before(cursor), limit=limit + 1,
            )  # fmt: skip
            also = await knowledge.also_known_by(db, [row.id for row in rows])
        return KnowledgePage(**page(rows, limit, lambda row: public(row, also.get(row.id, ())), lambda row: row.id))

    @post(opt={"scope": "write"}, summary="Add to an agent's knowledge")
    async def add_knowledge(
        self, request: ApiRequest, agent_id: PathId, data: JSONBody[KnowledgeCreate]
    ) -> KnowledgePublic:
        """A text counts from the next answer on; a page once it has been read, which `state` says."""
        now = request.clock.now()
        made = Knowledge(
            id=new_id(), workspace_id=request.workspace_id, agent_id=None if data.for_all else agent_id,
            title=data.title, text=data.text, source=data.source or data.url, url=data.url,
            refresh_hours=data.refresh_hours, created_at=now, updated_at=now,
        )  # fmt: skip
        if data.url:
            made.kind, made.state, made.due_at = "url", "reading", now
        return await self._keep(request, agent_id, made)

    @post("/files", opt={"scope": "write"}, request_max_body_size=MOST_BYTES + 1, summary="Upload a file to know")
    async def upload_knowledge(
        self,
        request: ApiRequest,
        agent_id: PathId,
        name: Annotated[
            str, QueryParameter(max_length=MOST_NAME_CHARACTERS, description="Needed; its ending says its kind.")
        ] = "",
    ) -> KnowledgePublic:
        """The body is the file itself: txt, md, html, pdf or csv. It is known once it has been read."""
        data, now = await request.body(), request.clock.now()
        made = Knowledge(
            id=new_id(), workspace_id=request.workspace_id, agent_id=agent_id, title=name.rpartition(".")[0] or name,
            text="", source=name, kind="file", state="reading", due_at=now, created_at=now, updated_at=now,
        )  # fmt: skip
        async with request.store.read() as db:
            await _agent(db, request, agent_id)
        if not name.strip():
            raise bad_parameter("name", "Give the file's name, such as prices.pdf.")
        try:
            await reading.put_aside(request.hub.context, made.id, name, data)
        except Unreadable as error:
            raise Malformed(str(error)) from None
        return await self._keep(request, agent_id, made)

    async def _keep(self, request: ApiRequest, agent_id: UUID, made: Knowledge) -> KnowledgePublic:
        async with request.store.write() as db:
            await _agent(db, request, agent_id)
            db.add(made)
        shown_now = public(made)
        if made.state == "reading":
            request.hub.context.spawn(reading.read_now(request.hub.context, made.id))
        return shown_now

    @get("/search", opt={"scope": "read"}, summary="Ask an agent's knowledge")
    async def search_knowledge(
        self,
        request: ApiRequest,
        agent_id: PathId,
        q: Annotated[str, QueryParameter(max_length=500, description="A question.")] = "",
    ) -> Passages:
        """The five best passages, as the agent finds them."""
        async with request.store.read() as db:
            await _agent(db, request, agent_id)
        found = await knowing.search(request.hub.context, request.workspace_id, agent_id, q, 5)
        return Passages(data=[PassagePublic(title=p.title, text=p.text, source=p.source, score=p.score) for p in found])

    @patch("/{knowledge_id:uuid}", opt={"scope": "write"}, summary="Change what an agent knows")
    async def update_knowledge(
        self, request: ApiRequest, agent_id: PathId, knowledge_id: PathId, data: JSONBody[KnowledgeUpdate]
    ) -> KnowledgePublic:
        """Replace the given fields. The text of a page is replaced again when the page changes."""
        given, now = data.model_dump(exclude_unset=True), request.clock.now()
        async with request.store.write() as db:
            kept = await self._item(db, request, agent_id, knowledge_id)
            for name in ("title", "text", "source"):
                setattr(kept, name, given.get(name, getattr(kept, name)))
            if "for_all" in given:
                kept.agent_id = None if data.for_all else kept.agent_id or agent_id
            if "refresh_hours" in given and kept.kind == "url":
                kept.refresh_hours, kept.due_at = data.refresh_hours, now if data.refresh_hours else None
            if "also_agent_ids" in given and (foreign := await knowledge.share(db, kept, data.also_agent_ids)):
                words = f"There is no agent {foreign[0]} in this workspace."
                raise Refusal(404, words, pointer=pointer("also_agent_ids"), code="not_found")
            kept.updated_at = now
            await db.flush()
            also = await knowledge.also_known_by(db, [kept.id])
        return public(kept, also.get(kept.id, ()))

    @post("/{knowledge_id:uuid}/refresh", opt={"scope": "write"}, status_code=200, summary="Read a page again")
    async def refresh_knowledge(self, request: ApiRequest, agent_id: PathId, knowledge_id: PathId) -> KnowledgePublic:
        """If it has changed, the agent knows the new text. `state` says when that is done."""
        async with request.store.write() as db:
            kept = await self._item(db, request, agent_id, knowledge_id)
            if kept.kind == "url":
                kept.state, kept.due_at = "reading", request.clock.now()
            also = await knowledge.also_known_by(db, [kept.id])
        shown_now = public(kept, also.get(kept.id, ()))
        request.hub.context.spawn(reading.read_now(request.hub.context, knowledge_id))
        return shown_now

    @delete("/{knowledge_id:uuid}", opt={"scope": "write"}, summary="Delete from an agent's knowledge")
    async def delete_knowledge(self, request: ApiRequest, agent_id: PathId, knowledge_id: PathId) -> None:
        """No agent answers from it any longer."""
        async with request.store.write() as db:
            await knowledge.remove(db, await self._item(db, request, agent_id, knowledge_id))

    async def _item(self, db: AsyncSession, request: ApiRequest, agent_id: UUID, knowledge_id: UUID) -> Knowledge:
        found = await knowledge.item_of(db, request.workspace_id, agent_id, knowledge_id)
        if found is None:
            raise missing("text of this agent")
        return found


async def _agent(db: AsyncSession, request: ApiRequest, agent_id: UUID) -> Agent:
    found = await agents.agent(db, request.workspace_id, agent_id)
    if found is None:
        raise missing("agent")
    return found
