"""What was said, to take away: as text, and as subtitles (WebVTT). Of speech, only what was heard was said.

Pages and the API give the same files; who may have them is theirs to check first. None has notes in it.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Channel
from hub.models import Message
from hub.store import interactions
from web.spoken import clock, heard, pieces, under_way

ONLY_CALLS = "Only calls have subtitles. Take the text or the JSON."
MOST_MESSAGES = 10_000
_LEAST_CUE_MS = 500
_BATCH = 500


def channel_label(channel: Channel | None, name: str) -> str:
    """What people call a channel, also one that is no longer open here."""
    return channel.label if channel else name.replace("_", " ")


async def said_in(db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> list[Message]:
    """The messages of an interaction in their order, the first `MOST_MESSAGES` of them, without notes."""
    found: list[Message] = []
    seq = -1
    while len(found) < MOST_MESSAGES:
        batch = await interactions.messages(db, workspace_id, interaction_id, after=seq, limit=_BATCH)
        found += (message for message in batch if not message.note)
        if len(batch) < _BATCH:
            break
        seq = batch[-1].seq
    return found[:MOST_MESSAGES]


def text(customer: str, channel: str, began_at: datetime, said: Iterable[Message]) -> str:
    """One line for each message, with times: of calls since the line opened, else in UTC."""
    lines = [f"{customer} on {channel}, {began_at:%Y-%m-%d %H:%M} UTC", ""]
    for message in said:
        if not heard(message).strip() and not message.media:
            continue
        at = clock(message.from_ms) if message.from_ms is not None else f"{message.created_at:%Y-%m-%d %H:%M:%S}"
        words = heard(message).replace("\n", "\n    ")
        lines.append(f"[{at}] {_who(customer, message)}: {words}")
        lines += [f"    attachment: {item.get('url', '')}" for item in message.media]
    return "\n".join(lines) + "\n"


def subtitles(customer: str, said: Iterable[Message]) -> str:
    """A call's subtitles, sentence by sentence (https://www.w3.org/TR/webvtt1/)."""
    return "\n".join(_cues(customer, said))


def _cues(customer: str, said: Iterable[Message]) -> Iterator[str]:
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
    for number, (from_ms, to_ms, message, words) in enumerate(cues, start=1):
        begin = from_ms or 0
        span = f"{_stamp(begin)} --> {_stamp(max(to_ms, begin + _LEAST_CUE_MS))}"
        yield f"{number}\n{span}\n<v {_safe(_who(customer, message))}>{_safe(words)}\n"


def _stamp(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _safe(words: str) -> str:
    """Text in one line, with what WebVTT reads as markup written out."""
    flat = re.sub(r"\s+", " ", words).strip()
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _who(customer: str, message: Message) -> str:
    return customer if message.role == "customer" else message.author or message.role
