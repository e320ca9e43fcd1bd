"""One interaction from end to end: transcript, sound, events, what was found out, the agent as it was."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import get
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction
from hub.pricing import KINDS
from hub.store import calls, interactions, timeline, usages
from web import auth
from web.headers import with_waveform
from web.pages.form import Place
from web.pages.page import AnyRequest, page
from web.pages.results import results_of
from web.pages.sharing import choices, links_of
from web.pages.thread import facts_of, head_of, interaction_of

TABS = ("transcript", "results", "cost", "events", "agent")
_EVENTS = 200
_MESSAGES = 100
_TURNS = 400
_WORDS_OF_TURN = 80


@get("/interactions/{interaction_id:uuid}", opt={"roles": auth.EVERYONE})
async def show(request: AnyRequest, interaction_id: UUID, tab: str = "transcript", after: Place = 0) -> Template:
    """The page of one interaction; `tab` is one of `TABS`, `after` continues the events."""
    tab = tab if tab in TABS else "transcript"
    more: dict[str, Any] = {}
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        head = await head_of(db, request, found)
        live = head.limits.live
        if tab == "transcript":
            more["stretch"] = await timeline.stretch(db, found, limit=_TURNS if live else _MESSAGES)
            if live:
                more["recorded"] = await recorded(db, found)
        elif tab == "events":
            more["events"] = await interactions.events(db, found.workspace_id, found.id, after=after, limit=_EVENTS)
        elif tab == "agent":
            more["definition"] = readable(found.agent)
        elif tab == "results":
            more |= await results_of(db, found)
            if live:
                more["recorded"] = await recorded(db, found)
        elif tab == "cost":
            more |= await _spent(db, found)
        facts = await facts_of(db, found, live)
        links = await links_of(db, request, found)
    nonce = secrets.token_urlsafe(16)
    made = page(
        request, "interaction/page.html", "inbox",
        head=head, tab=tab, full=True, nonce=nonce, query="", links=links,
        address=f"/interactions/{found.id}", may_download=True, **choices(), **facts, **more,
    )  # fmt: skip
    if live and tab in ("transcript", "results"):
        made.headers["Content-Security-Policy"] = with_waveform(nonce)
    return made


async def _spent(db: AsyncSession, interaction: Interaction) -> dict[str, Any]:
    """What each turn cost, and the words it answered."""
    said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=_TURNS)
    turns = {message.seq: message.text[:_WORDS_OF_TURN] for message in said if message.role == "customer"}
    return {"turns": await usages.cost_by_turn(db, interaction), "said": turns, "kinds": KINDS}


def readable(agent: Mapping[str, Any]) -> dict[str, Any]:
    """A definition for everyone's eyes: what stands in the responder's headers may be a key."""
    responder = dict(agent.get("responder") or {})
    responder["headers"] = dict.fromkeys(responder.get("headers") or {}, "•••")
    return {**agent, "responder": responder} if "responder" in agent else dict(agent)


async def recorded(db: AsyncSession, interaction: Interaction) -> str:
    """Whether there is sound: yes, or why not: off, unanswered, none; soon while it may still come."""
    if await calls.recordings(db, interaction.workspace_id, interaction.id):
        return "yes"
    if interaction.agent and not interaction.agent.get("call", {}).get("record", True):
        return "off"
    if interaction.ended_at is None:
        return "soon"
    return "none" if interaction.answered_at else "unanswered"


HANDLERS = [show]
