"""What was said, to take away: as text, JSON, and subtitles (WebVTT). Of speech, only what was heard was said."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

from litestar import Response, get
from litestar.exceptions import NotFoundException

from hub.models import Message, Recording
from hub.store import Store, calls, interactions
from web import auth
from web.pages.page import AnyRequest
from web.pages.thread import Head, head_of, interaction_of
from web.spoken import clock, heard, pieces, under_way

_LEAST_CUE_MS = 500


@get("/interactions/{interaction_id:uuid}/transcript.txt", opt={"roles": auth.EVERYONE})
async def as_text(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """What was said, one line each, with times: of calls since the line opened, else in UTC. Without notes."""
    head, said, _ = await _whole(request, interaction_id)
    lines = [f"{head.title} on {head.channel_label}, {head.interaction.created_at:%Y-%m-%d %H:%M} UTC", ""]
    for message in said:
        if not heard(message).strip() and not message.media:
            continue
        at = clock(message.from_ms) if message.from_ms is not None else f"{message.created_at:%Y-%m-%d %H:%M:%S}"
        text = heard(message).replace("\n", "\n    ")
        lines.append(f"[{at}] {_who(head, message)}: {text}")
        lines += [f"    attachment: {item.get('url', '')}" for item in message.media]
    return _file("\n".join(lines) + "\n", "text/plain", f"{interaction_id}.txt")


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
    """A call's subtitles, sentence by sentence (https://www.w3.org/TR/webvtt1/)."""
    head, said, _ = await _whole(request, interaction_id)
    if not head.limits.live:
        raise NotFoundException("Only calls have subtitles. Take the text or the JSON.")
    return _file("\n".join(_subtitles(head, said)), "text/vtt", f"{interaction_id}.vtt")


def _subtitles(head: Head, said: list[Message]) -> Iterator[str]:
    yield "WEBVTT\n"
    cues = sorted(
        (
            (piece.from_ms, piece.to_ms or 0, message, piece.text)
            for message in said
            if message.from_ms is not None and not under_way(message)
            for piece in pieces(message)
            if not piece.unheard and piece.from_ms is not None and piece.text.strip()
        ),
        key=lambda cue: cue[0] or 0,
    )
    for number, (from_ms, to_ms, message, text) in enumerate(cues, start=1):
        begin = from_ms or 0
        span = f"{_stamp(begin)} --> {_stamp(max(to_ms, begin + _LEAST_CUE_MS))}"
        yield f"{number}\n{span}\n<v {_safe(_who(head, message))}>{_safe(text)}\n"


def _stamp(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _safe(text: str) -> str:
    """Text in one line, with what WebVTT reads as markup written out."""
    flat = re.sub(r"\s+", " ", text).strip()
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _who(head: Head, message: Message) -> str:
    return head.title if message.role == "customer" else message.author or message.role


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
        said = [message async for message in _messages(db, found.workspace_id, found.id)]
        recordings = list(await calls.recordings(db, found.workspace_id, found.id))
    return head, said, recordings


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


HANDLERS = [as_text, as_json, as_subtitles]
