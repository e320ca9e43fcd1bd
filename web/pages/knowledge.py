"""An agent's knowledge: documents typed, uploaded or fetched, who knows them, and a question to try them with."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from hub.core import knowing, reading
from hub.core.reading import MOST_BYTES, Unreadable
from hub.dialogue.knowledge import KNOWN
from hub.dialogue.reader import KINDS
from hub.models import Agent, Knowledge
from hub.models.columns import new_id
from hub.store import agents, knowledge
from web import auth
from web.pages.editor import Draft, agent_of, show
from web.pages.form import Errors, Form, found, read, uuid_or_404
from web.pages.page import AnyRequest, go, is_htmx, page

MOST_TITLE, MOST_TEXT, MOST_SOURCE = 200, 1_000_000, 500
MOST_FORM_BYTES = MOST_BYTES + 1_000_000
REFRESH = {"0": "Only when asked to", "1": "Every hour", "24": "Every day", "168": "Every week"}
FILES = ",".join(f".{one}" for one in (*KINDS, "htm"))


@get("/agents/{agent_id:str}/knowledge", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest, agent_id: str, question: str = "", part: str = "") -> Template:
    """All documents, and the best passages for a question. `part` is the list alone, while something is read."""
    agent = await agent_of(request, agent_id)
    if part == "documents":
        async with request.app.state.store.read() as db:
            items = await knowledge.of_agent(db, agent.workspace_id, agent.id)
        return page(request, "agents/documents.html", agent=agent, items=items)
    if is_htmx(request):
        return page(request, "agents/passages.html", **await _asked(request, agent, question))
    return await _listing(request, agent, question=question)


async def _listing(
    request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200, question: str = ""
) -> Template:
    async with request.app.state.store.read() as db:
        items = await knowledge.of_agent(db, agent.workspace_id, agent.id)
    return await show(
        request, agent, "knowledge", draft, status,
        items=items, kinds=FILES, refresh=REFRESH, **await _asked(request, agent, question),
    )  # fmt: skip


async def _asked(request: AnyRequest, agent: Agent, question: str) -> dict[str, Any]:
    question, passages = question[:500], []
    if question.strip():
        context = request.app.state.hub.context
        passages = list(await knowing.search(context, agent.workspace_id, agent.id, question, 5))
    return {"question": question, "passages": passages, "known": KNOWN}


@post(
    "/agents/{agent_id:str}/knowledge", opt={"roles": auth.BUILDERS}, status_code=200,
    request_max_body_size=MOST_FORM_BYTES,
)  # fmt: skip
async def add(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Add a document: typed, uploaded, or a page's address."""
    form, agent = await read(request), await agent_of(request, agent_id)
    context = request.app.state.hub.context
    made = Knowledge(
        id=new_id(), workspace_id=agent.workspace_id, agent_id=None if form.on("for_all") else agent.id,
        title=form.text("title"), text=form.text("text"), source=form.text("source"), url=form.text("url"),
        refresh_hours=_hours(form),
    )  # fmt: skip
    errors: Errors = {}
    file = form.files.get("file")
    if file is not None and file.filename:
        errors = await _upload(request, made, file.filename, await file.read(MOST_BYTES + 1))
    elif made.url:
        made.kind, made.text, made.source = "url", "", made.source or made.url[:MOST_SOURCE]
        if not made.url.startswith(("http://", "https://")) or len(made.url) > 2_000:
            errors["url"] = "Write the whole address, beginning with https://."
    errors |= {} if errors else _faults(made.kind, made.title, made.text, made.source)
    if errors:
        given = {name: form.text(name) for name in ("title", "text", "source", "url", "refresh_hours")}
        return await _listing(request, agent, Draft(given, errors), 422)
    back = f"/agents/{agent.id}/knowledge"
    if made.kind != "text":
        made.state, made.due_at = "reading", request.app.state.clock.now()
    async with request.app.state.store.write() as db:
        db.add(made)
    if made.kind == "text":
        return go(request, back, f"“{made.title[:80]}” was added. The agent knows it already.")
    context.spawn(reading.read_now(context, made.id))
    return go(request, back, "It is being read. The agent knows it as soon as that is done.")


def _hours(form: Form) -> int:
    text = form.text("refresh_hours", "0")
    return int(text) if text in REFRESH else 0


async def _upload(request: AnyRequest, made: Knowledge, name: str, data: bytes) -> Errors:
    name = name.replace("\\", "/").rpartition("/")[2][:MOST_TITLE]
    made.kind, made.text, made.source, made.url = "file", "", name, ""
    made.title = made.title or name.rpartition(".")[0] or name
    try:
        await reading.put_aside(request.app.state.hub.context, made.id, name, data)
    except Unreadable as error:
        return {"file": str(error)}
    return {}


def _faults(kind: str, title: str, text: str, source: str) -> Errors:
    errors: Errors = {}
    if not title and kind != "url":
        errors["title"] = "Give it a title; questions are matched with it too."
    elif len(title) > MOST_TITLE:
        errors["title"] = f"At most {MOST_TITLE} characters; this has {len(title)}."
    if not text.strip() and kind == "text":
        errors["text"] = "Write or paste the text, choose a file, or give a page's address."
    elif len(text) > MOST_TEXT:
        errors["text"] = f"At most {MOST_TEXT:,} characters; split it into several."
    if len(source) > MOST_SOURCE:
        errors["source"] = f"At most {MOST_SOURCE} characters."
    return errors


async def _item(request: AnyRequest, agent_id: str, item_id: str) -> tuple[Agent, Knowledge]:
    agent = await agent_of(request, agent_id)
    async with request.app.state.store.read() as db:
        item = await knowledge.item_of(db, agent.workspace_id, agent.id, uuid_or_404(item_id))
    return agent, found(item, "document")


async def _show(
    request: AnyRequest, agent: Agent, item: Knowledge, draft: Draft | None = None, status: int = 200
) -> Template:
    async with request.app.state.store.read() as db:
        others = [one for one in await agents.agents(db, agent.workspace_id) if one.id != item.agent_id]
        shared = (await knowledge.also_known_by(db, [item.id])).get(item.id, [])
    return await show(
        request, agent, "document", draft, status, item=item, others=others, shared=shared, refresh=REFRESH
    )  # fmt: skip


@get("/agents/{agent_id:str}/knowledge/{item_id:str}", opt={"roles": auth.BUILDERS})
async def item(request: AnyRequest, agent_id: str, item_id: str) -> Template:
    """One document to be changed."""
    return await _show(request, *await _item(request, agent_id, item_id))


@post("/agents/{agent_id:str}/knowledge/{item_id:str}", opt={"roles": auth.BUILDERS}, status_code=200)
async def save(request: AnyRequest, agent_id: str, item_id: str) -> Response[Any] | Template:
    """Change a document, read it again, or remove it."""
    form, (agent, stored) = await read(request), await _item(request, agent_id, item_id)
    back, do = f"/agents/{agent.id}/knowledge", form.text("do")
    if do == "remove":
        await _remove(request, agent.workspace_id, stored.id)
        return go(request, back, f"“{stored.title[:80]}” was removed.")
    if do == "refresh":
        return await _read_again(request, stored, back)
    given = {name: form.text(name) for name in ("title", "text", "source")}
    if errors := _faults(stored.kind, **given):
        return await _show(request, agent, stored, Draft(given, errors), 422)
    now = request.app.state.clock.now()
    async with request.app.state.store.write() as db:
        kept = found(await knowledge.item(db, agent.workspace_id, stored.id), "document")
        kept.title, kept.text, kept.source, kept.updated_at = given["title"], given["text"], given["source"], now
        if kept.kind == "url":
            kept.refresh_hours = _hours(form)
            kept.due_at = now if kept.refresh_hours else None
        _owned_by(kept, form, agent)
        await knowledge.share(db, kept, [UUID(one) for one in form.all("also") if _is_id(one)])
    return go(request, back, f"“{given['title'][:80]}” was saved.")


def _owned_by(kept: Knowledge, form: Form, agent: Agent) -> None:
    if form.on("for_all"):
        kept.agent_id = None
    elif kept.agent_id is None:
        kept.agent_id = agent.id


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def _read_again(request: AnyRequest, stored: Knowledge, back: str) -> Response[Any]:
    context = request.app.state.hub.context
    async with request.app.state.store.write() as db:
        kept = found(await knowledge.item(db, stored.workspace_id, stored.id), "document")
        if kept.kind != "url":
            return go(request, back, "Only a page can be read again.")
        kept.state, kept.due_at = "reading", context.clock.now()
    context.spawn(reading.read_now(context, stored.id))
    return go(request, back, "It is being read again.")


async def _remove(request: AnyRequest, workspace_id: UUID, item_id: UUID) -> None:
    async with request.app.state.store.write() as db:
        if kept := await knowledge.item(db, workspace_id, item_id):
            await knowledge.remove(db, kept)


HANDLERS = [listing, add, item, save]
