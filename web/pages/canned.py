"""Canned answers: managed under Settings, filled in for the conversation that is open."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.dialogue.template import lookup, names, plain
from hub.models import CannedAnswer
from hub.store import desk
from web import auth
from web.pages.form import Errors, found, read, uuid_or_404
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page
from web.pages.thread import head_of, interaction_of

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MOST_CHARACTERS = 4_000
_BLANK = {"name": "", "text": ""}


@get("/settings/canned", opt={"roles": auth.SUPPORT})
async def listing(request: AnyRequest) -> Template:
    """All canned answers."""
    async with request.app.state.store.read() as db:
        rows = await desk.canned_answers(db, request.user.workspace_id)
    return settings_page(request, "canned", "canned.html", answers=rows)


@get("/settings/canned/{answer_id:str}", opt={"roles": auth.SUPPORT})
async def answer(request: AnyRequest, answer_id: str) -> Template:
    """One answer's form, or the empty one."""
    stored = await _stored(request, answer_id)
    values = {name: getattr(stored, name) for name in _BLANK} if stored else _BLANK
    return settings_page(request, "canned", "canned_answer.html", answer=stored, values=values)


async def _stored(request: AnyRequest, answer_id: str) -> CannedAnswer | None:
    if answer_id == "new":
        return None
    async with request.app.state.store.read() as db:
        stored = await desk.canned_answer(db, request.user.workspace_id, uuid_or_404(answer_id))
    return found(stored, "canned answer")


@post("/settings/canned/{answer_id:str}", opt={"roles": auth.SUPPORT}, status_code=200)
async def save(request: AnyRequest, answer_id: str) -> Response[Any] | Template:
    """Make, change or remove a canned answer."""
    form, stored = await read(request), await _stored(request, answer_id)
    if stored is not None and form.text("do") == "remove":
        async with request.app.state.store.write() as db:
            await db.delete(await db.merge(stored))
        return go(request, "/settings/canned", f"/{stored.name} was removed.")
    values = {"name": form.text("name").lower().removeprefix("/"), "text": form.text("text")}
    async with request.app.state.store.write() as db:
        errors = await _faults(db, request.user.workspace_id, stored, values)
        if not errors:
            workspace_id = request.user.workspace_id
            kept = await db.merge(stored) if stored else CannedAnswer(workspace_id=workspace_id, name="", text="")
            kept.name, kept.text, kept.updated_at = values["name"], values["text"], request.app.state.clock.now()
            db.add(kept)
    if errors:
        return settings_page(request, "canned", "canned_answer.html", 422, answer=stored, values=values, errors=errors)
    return go(request, "/settings/canned", f"/{kept.name} was saved.")


async def _faults(
    db: AsyncSession, workspace_id: UUID, stored: CannedAnswer | None, values: dict[str, str]
) -> Errors:  # fmt: skip
    errors: Errors = {}
    if not NAME.fullmatch(values["name"]):
        errors["name"] = "Use 1 to 40 small letters, digits, - and _, such as opening-hours."
    else:
        other = await desk.canned_answer_named(db, workspace_id, values["name"])
        if other is not None and (stored is None or other.id != stored.id):
            errors["name"] = "There is an answer of this name already."
    if not 1 <= len(values["text"]) <= MOST_CHARACTERS:
        errors["text"] = f"Write 1 to {MOST_CHARACTERS:,} characters."
    if not errors and stored is None and len(await desk.canned_answers(db, workspace_id)) >= desk.MOST_CANNED:
        errors["name"] = f"There are {desk.MOST_CANNED} answers; remove one first."
    return errors


@get("/inbox/{interaction_id:uuid}/canned", opt={"roles": auth.SUPPORT})
async def for_interaction(request: AnyRequest, interaction_id: UUID) -> list[dict[str, str]]:
    """Every answer as it would be said in this conversation; names without a value keep their braces."""
    async with request.app.state.store.read() as db:
        interaction = await interaction_of(db, request, interaction_id)
        head = await head_of(db, request, interaction)
        rows = await desk.canned_answers(db, request.user.workspace_id)
    customer = head.customer
    fields = {"name": customer.name, "language": customer.language, "known_as": interaction.person}
    values = {
        **customer.custom_fields, **interaction.parameters,
        "customer": {**customer.custom_fields, **{key: value for key, value in fields.items() if value}},
        "agent": interaction.agent.get("name", ""), "operator": request.user.user.name,
        "channel": head.channel_label,
    }  # fmt: skip
    return [{"name": row.name, "text": filled(row.text, values)} for row in rows]


def filled(text: str, values: Mapping[str, Any]) -> str:
    """The text with what is known; the rest stays as it is, so that nobody sends a gap."""
    for name in names(text):
        value = lookup(name, values)
        if value not in (None, "") and not isinstance(value, Mapping | list):
            said = plain(value).replace("{{", "").replace("}}", "")
            text = said.join(re.split(r"\{\{\s*" + re.escape(name) + r"\s*\}\}", text))
    return text


HANDLERS = [listing, answer, save, for_interaction]
