"""An agent's knowledge: documents typed, pasted or uploaded, and a question to try them with."""

import html
import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.response import Template

from hub.dialogue.knowledge import KNOWN, Index
from hub.dialogue.turn import Passage
from hub.models import Agent, Knowledge
from hub.store import agents
from web import auth
from web.pages.editor import Draft, agent_of, show
from web.pages.form import Errors, found, read, storable, uuid_or_404
from web.pages.page import AnyRequest, go, is_htmx, page

MOST_BYTES = 1_000_000
MOST_TITLE, MOST_TEXT = 200, 1_000_000
KINDS = (".txt", ".md", ".html", ".htm", ".csv")


class _Text(HTMLParser):
    """The words of a page, without scripts and styles, one block a line."""

    _SILENT = frozenset({"script", "style", "template", "noscript", "title", "svg"})
    _INLINE = frozenset({"a", "b", "i", "em", "strong", "span", "small", "code", "u", "sub", "sup", "mark", "abbr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in self._SILENT:
            self.silent += 1
        elif tag not in self._INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag not in self._INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def text_of_html(markup: str) -> str:
    """A page reduced to its words."""
    parser = _Text()
    parser.feed(markup)
    parser.close()
    lines = (" ".join(line.split()) for line in html.unescape("".join(parser.parts)).split("\n"))
    return "\n".join(line for line in lines if line)


async def text_of_file(file: UploadFile) -> tuple[str, str]:
    """The text of an uploaded file, and what is wrong with it."""
    content = await file.read(MOST_BYTES + 1)
    name = file.filename.lower()
    if not name.endswith(KINDS):
        return (
            "",
            f"This kind of file cannot be read. Possible are {', '.join(KINDS)}; paste other text instead.",
        )
    if len(content) > MOST_BYTES:
        return "", "The file is larger than 1 MB. Split it into several."
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            return "", "The file is not text in UTF-8. Save it as UTF-8 and try again."
    if not storable(text):
        return "", "The file holds characters that are no text. Save it as plain UTF-8 text."
    if name.endswith((".html", ".htm")):
        text = text_of_html(text)
    return (text, "") if text.strip() else ("", "The file holds no text.")


@get("/agents/{agent_id:str}/knowledge", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest, agent_id: str, question: str = "") -> Template:
    """All documents, and the best passages for a question."""
    agent = await agent_of(request, agent_id)
    if is_htmx(request):
        return page(request, "agents/passages.html", **await _asked(request, agent, question))
    return await _listing(request, agent, question=question)


async def _listing(
    request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200, question: str = ""
) -> Template:
    async with request.app.state.store.read() as db:
        items = await agents.knowledge(db, agent.workspace_id, agent.id)
    return await show(
        request, agent, "knowledge", draft, status,
        items=items, kinds=",".join(KINDS), **await _asked(request, agent, question),
    )  # fmt: skip


async def _asked(request: AnyRequest, agent: Agent, question: str) -> dict[str, Any]:
    question = question[:500]
    passages: Any = []
    if question.strip():
        async with request.app.state.store.read() as db:
            items = await agents.knowledge(db, agent.workspace_id, agent.id)
        index = Index([Passage(item.title, item.text, item.source) for item in items])
        passages = index.search(question, 5)
    return {"question": question, "passages": passages, "known": KNOWN}


@post("/agents/{agent_id:str}/knowledge", opt={"roles": auth.BUILDERS}, status_code=200)
async def add(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Add a document, typed or uploaded."""
    form, agent = await read(request), await agent_of(request, agent_id)
    title, text, source = form.text("title"), form.text("text"), form.text("source")
    errors: Errors = {}
    file = form.files.get("file")
    if file is not None and file.filename:
        text, problem = await text_of_file(file)
        title = title or file.filename.rpartition("/")[2].rpartition(".")[0]
        source = source or file.filename[:200]
        if problem:
            errors["file"] = problem
    errors |= {} if errors else _faults(title, text, source)
    if errors:
        draft = Draft({"title": title, "text": form.text("text"), "source": source}, errors)
        return await _listing(request, agent, draft, 422)
    async with request.app.state.store.write() as db:
        db.add(Knowledge(workspace_id=agent.workspace_id, agent_id=agent.id, title=title, text=text, source=source))
    return go(request, f"/agents/{agent.id}/knowledge", f"“{title[:80]}” was added. The agent knows it already.")


def _faults(title: str, text: str, source: str) -> Errors:
    errors: Errors = {}
    if not title:
        errors["title"] = "Give it a title; questions are matched with it too."
    elif len(title) > MOST_TITLE:
        errors["title"] = f"At most {MOST_TITLE} characters; this has {len(title)}."
    if not text.strip():
        errors["text"] = "Write or paste the text, or choose a file."
    elif len(text) > MOST_TEXT:
        errors["text"] = f"At most {MOST_TEXT:,} characters; split it into several."
    if len(source) > 500:
        errors["source"] = "At most 500 characters."
    return errors


async def _item(request: AnyRequest, agent_id: str, item_id: str) -> tuple[Agent, Knowledge]:
    agent = await agent_of(request, agent_id)
    async with request.app.state.store.read() as db:
        item = await agents.knowledge_item(db, agent.workspace_id, uuid_or_404(item_id))
    if item is not None and item.agent_id != agent.id:
        item = None
    return agent, found(item, "document")


@get("/agents/{agent_id:str}/knowledge/{item_id:str}", opt={"roles": auth.BUILDERS})
async def item(request: AnyRequest, agent_id: str, item_id: str) -> Template:
    """One document to be changed."""
    agent, stored = await _item(request, agent_id, item_id)
    return await show(request, agent, "document", item=stored)


@post("/agents/{agent_id:str}/knowledge/{item_id:str}", opt={"roles": auth.BUILDERS}, status_code=200)
async def save(request: AnyRequest, agent_id: str, item_id: str) -> Response[Any] | Template:
    """Change a document, or remove it."""
    form, (agent, stored) = await read(request), await _item(request, agent_id, item_id)
    given = {name: form.text(name) for name in ("title", "text", "source")}
    back = f"/agents/{agent.id}/knowledge"
    if form.text("do") == "remove":
        await _remove(request, agent.workspace_id, stored.id)
        return go(request, back, f"“{stored.title[:80]}” was removed.")
    if errors := _faults(**given):
        return await show(request, agent, "document", Draft(given, errors), 422, item=stored)
    async with request.app.state.store.write() as db:
        kept = found(await agents.knowledge_item(db, agent.workspace_id, stored.id), "document")
        kept.title, kept.text, kept.source = given["title"], given["text"], given["source"]
    return go(request, back, f"“{given['title'][:80]}” was saved.")


async def _remove(request: AnyRequest, workspace_id: UUID, item_id: UUID) -> None:
    async with request.app.state.store.write() as db:
        if kept := await agents.knowledge_item(db, workspace_id, item_id):
            await db.delete(kept)


HANDLERS = [listing, add, item, save]
