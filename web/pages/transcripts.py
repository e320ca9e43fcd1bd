"""What was said, to take away from its page: as text, JSON, and subtitles (WebVTT)."""

import json
from typing import Any
from uuid import UUID

from litestar import Response, get
from litestar.exceptions import NotFoundException

from hub.models import Message, Recording
from hub.store import Store, calls
from web import auth, transcripts
from web.pages.page import AnyRequest
from web.pages.thread import Head, head_of, interaction_of
from web.spoken import heard


@get("/interactions/{interaction_id:uuid}/transcript.txt", opt={"roles": auth.EVERYONE})
async def as_text(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """What was said, one line each, with times."""
    head, said, _ = await _whole(request, interaction_id)
    made = transcripts.text(head.title, head.channel_label, head.interaction.created_at, said)
    return _file(made, "text/plain", f"{interaction_id}.txt")


@get("/interactions/{interaction_id:uuid}/transcript.json", opt={"roles": auth.EVERYONE})
async def as_json(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """What was said, with times, roles and delivery; of speech, `text` is all of it and `heard` what was heard."""
    head, said, recordings = await _whole(request, interaction_id)
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
        "recordings": [
            {"id": str(one.id), "from_ms": one.from_ms, "duration_ms": one.duration_ms, "pauses": one.pauses}
            for one in recordings
        ],
        "messages": [_as_data(message) for message in said],
    }
    return _file(json.dumps(whole, ensure_ascii=False, indent=2), "application/json", f"{interaction_id}.json")


@get("/interactions/{interaction_id:uuid}/transcript.vtt", opt={"roles": auth.EVERYONE})
async def as_subtitles(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """A call's subtitles."""
    head, said, _ = await _whole(request, interaction_id)
    if not head.limits.live:
        raise NotFoundException(transcripts.ONLY_CALLS)
    return _file(transcripts.subtitles(head.title, said), "text/vtt", f"{interaction_id}.vtt")


def _as_data(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "at": message.created_at.isoformat(),
        "role": message.role,
        "author": message.author,
        "text": message.text,
        "heard": heard(message) if message.from_ms is not None or message.heard is not None else None,
        "from_ms": message.from_ms,
        "to_ms": message.to_ms,
        "timing": message.timing,
        "media": message.media,
        "status": message.status,
    }


async def _whole(request: AnyRequest, interaction_id: UUID) -> tuple[Head, list[Message], list[Recording]]:
    store: Store = request.app.state.store
    async with store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        head = await head_of(db, request, found)
        said = await transcripts.said_in(db, found.workspace_id, found.id)
        recordings = list(await calls.recordings(db, found.workspace_id, found.id))
    return head, said, recordings


def _file(content: str, media_type: str, name: str) -> Response[str]:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


HANDLERS = [as_text, as_json, as_subtitles]
