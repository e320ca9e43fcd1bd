"""One interaction from end to end: transcript, events, what was found out, the agent as it was."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Response, get
from litestar.response import Template

from hub.models import Message
from hub.store import Store, interactions, timeline
from web import auth
from web.pages.form import Place
from web.pages.page import AnyRequest, page
from web.pages.thread import head_of, interaction_of, side_of

TABS = ("transcript", "events", "results", "agent")
_EVENTS = 200
_MESSAGES = 100


@get("/interactions/{interaction_id:uuid}", opt={"roles": auth.EVERYONE})
async def show(request: AnyRequest, interaction_id: UUID, tab: str = "transcript", after: Place = 0) -> Template:
    """The page of one interaction; `tab` is one of `TABS`, `after` continues the events."""
    tab = tab if tab in TABS else "transcript"
    more: dict[str, Any] = {}
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        head = await head_of(db, request, found)
        if tab == "transcript":
            more["stretch"] = await timeline.stretch(db, found, limit=_MESSAGES)
        elif tab == "events":
            more["events"] = await interactions.events(db, found.workspace_id, found.id, after=after, limit=_EVENTS)
        elif tab == "results":
            more |= await side_of(db, found)
        count = await timeline.message_count(db, found)
    ended = found.ended_at or found.last_message_at
    return page(
        request, "interaction/page.html", "inbox",
        head=head, tab=tab, count=count, seconds=int((ended - found.created_at).total_seconds()), query="",
        **more,
    )  # fmt: skip


@get("/interactions/{interaction_id:uuid}/transcript.txt", opt={"roles": auth.EVERYONE})
async def as_text(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """What was said, one line each, with times in UTC; notes are left out."""
    head, said = await _whole(request, interaction_id)
    lines = [f"{head.title} on {head.channel_label}, {head.interaction.created_at:%Y-%m-%d %H:%M} UTC", ""]
    for message in said:
        who = head.title if message.role == "customer" else message.author or message.role
        text = message.text.replace("\n", "\n    ")
        lines.append(f"[{message.created_at:%Y-%m-%d %H:%M:%S}] {who}: {text}")
        lines += [f"    attachment: {item.get('url', '')}" for item in message.media]
    return _file("\n".join(lines) + "\n", "text/plain", f"{interaction_id}.txt")


@get("/interactions/{interaction_id:uuid}/transcript.json", opt={"roles": auth.EVERYONE})
async def as_json(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """What was said, with times, roles and delivery."""
    head, said = await _whole(request, interaction_id)
    it = head.interaction
    whole = {
        "id": str(it.id),
        "channel": it.channel,
        "customer": head.title,
        "person": it.person,
        "agent": it.agent.get("name", ""),
        "status": it.status,
        "ended_reason": it.ended_reason,
        "trace_id": it.trace_id,
        "created_at": it.created_at.isoformat(),
        "ended_at": it.ended_at.isoformat() if it.ended_at else None,
        "messages": [
            {
                "id": str(message.id),
                "at": message.created_at.isoformat(),
                "role": message.role,
                "author": message.author,
                "text": message.text,
                "media": message.media,
                "status": message.status,
            }
            for message in said
        ],
    }
    return _file(json.dumps(whole, ensure_ascii=False, indent=2), "application/json", f"{interaction_id}.json")


async def _whole(request: AnyRequest, interaction_id: UUID) -> tuple[Any, list[Message]]:
    store: Store = request.app.state.store
    async with store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        head = await head_of(db, request, found)
        said = [message async for message in _messages(db, found.workspace_id, found.id)]
    return head, said


async def _messages(db: Any, workspace_id: UUID, interaction_id: UUID) -> AsyncIterator[Message]:
    seq = -1
    while True:
        batch = await interactions.messages(db, workspace_id, interaction_id, after=seq, limit=500)
        for message in batch:
            if not message.note:
                yield message
        if len(batch) < 500:
            return
        seq = batch[-1].seq


def _file(content: str, media_type: str, name: str) -> Response[str]:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


HANDLERS = [show, as_text, as_json]
