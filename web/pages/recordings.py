"""The sound of an interaction for its page: the recording, its lanes, and the outline that the waveform draws."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import HttpMethod, Response, get, route
from litestar.exceptions import NotFoundException, ValidationException

from hub.models import Interaction, Recording
from hub.store import calls, interactions
from hub.voice.peaks import Waveform, read_peaks
from web import auth
from web.pages.page import AnyRequest
from web.pages.thread import interaction_of
from web.recordings import LANES, sound
from web.spoken import MARKED, markers

MOST_PEAKS = 20_000
_MOST_EVENTS = 5_000
_CLOSED_WITHIN = timedelta(minutes=1)
_READ = [HttpMethod.GET, HttpMethod.HEAD]
_NO_FILE = "The sound of this recording is no longer kept."
_NOTHING_YET = "The recording is still being written. It appears here in a moment."


@route("/interactions/{interaction_id:uuid}/recording.wav", http_method=_READ, opt={"roles": auth.EVERYONE})
async def whole(request: AnyRequest, interaction_id: UUID) -> Response[Any]:
    """The recording, or its first part where a call was taken up again. `lane`: both, mixed, customer, others."""
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        parts = await calls.recordings(db, found.workspace_id, found.id)
    if not parts:
        raise NotFoundException("This call has no recording.")
    return await sound_of(request, parts[0])


@route("/interactions/{interaction_id:uuid}/recordings/{name:str}", http_method=_READ, opt={"roles": auth.EVERYONE})
async def part(request: AnyRequest, interaction_id: UUID, name: str) -> Response[Any]:
    """One part of it, by the recording's id: `{id}.wav`."""
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        parts = await calls.recordings(db, found.workspace_id, found.id)
    for place, one in enumerate(parts, start=1):
        if name == f"{one.id}.wav":
            return await sound_of(request, one, f"-{place}" if len(parts) > 1 else "")
    raise NotFoundException("This call has no such recording.")


@get("/interactions/{interaction_id:uuid}/peaks.json", opt={"roles": auth.EVERYONE})
async def outline(request: AnyRequest, interaction_id: UUID) -> dict[str, Any]:
    """Everything the waveform shows: the parts with their peaks, and what happened when. Grows with the call."""
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        parts = await calls.recordings(db, found.workspace_id, found.id)
        log = await interactions.events(db, found.workspace_id, found.id, limit=_MOST_EVENTS)
    data_dir: Path = request.app.state.hub.context.data_dir
    growing = may_grow(found, parts, request.app.state.clock.now())
    return {
        "growing": growing,
        "parts": [await asyncio.to_thread(outline_of, data_dir, one, growing) for one in parts],
        "markers": markers((event for event in log if event.type in MARKED), parts, found.answered_at),
    }


def may_grow(interaction: Interaction, parts: Sequence[Recording], now: datetime) -> bool:
    """Whether there is more to come: the call goes on, or its recording is being closed."""
    if interaction.ended_at is None:
        return True
    return now - interaction.ended_at < _CLOSED_WITHIN and any(one.finished_at is None for one in parts)


def outline_of(data_dir: Path, recording: Recording, growing: bool) -> dict[str, Any]:
    """What the waveform shows of one part."""
    growing = growing and recording.finished_at is None
    made: dict[str, Any] = {
        "id": str(recording.id),
        "from_ms": recording.from_ms,
        "duration_ms": recording.duration_ms,
        "growing": growing,
        "fault": "",
        "per_second": 0,
        "customer": [],
        "others": [],
    }
    try:
        waveform = read_peaks(data_dir / recording.path)
    except (OSError, ValueError):
        return made | {"fault": _NOTHING_YET if growing else _NO_FILE}
    return made | fewer(waveform)


def fewer(waveform: Waveform) -> dict[str, Any]:
    """The outline with at most `MOST_PEAKS` numbers in each lane: the greatest of neighbours stays."""
    step = -(-max(len(waveform["customer"]), 1) // MOST_PEAKS)
    return {
        "duration_ms": waveform["duration_ms"],
        "per_second": waveform["per_second"] / step,
        "customer": _greatest(waveform["customer"], step),
        "others": _greatest(waveform["others"], step),
    }


def _greatest(lane: list[int], step: int) -> list[int]:
    return lane if step == 1 else [max(lane[at : at + step]) for at in range(0, len(lane), step)]


async def sound_of(request: AnyRequest, recording: Recording, place: str = "") -> Response[Any]:
    """The sound of one part, as the query asks for it; `place` goes into the name of its file."""
    given = request.query_params
    lane = given.get("lane", "both")
    if lane not in LANES:
        raise ValidationException(f"`lane` is one of {', '.join(LANES)}.")
    until = given.get("until_ms", "")
    until_ms = int(until) if until.isascii() and until.isdigit() and len(until) < 10 else None
    download = given.get("download", "") not in ("", "0")
    name = f"{recording.interaction_id}{place}-{'stereo' if lane == 'both' else lane}.wav" if download else ""
    return await sound(
        request.headers,
        request.app.state.hub.context.data_dir / recording.path,
        lane,
        name,
        recording.finished_at is None,
        until_ms=until_ms,
        method=request.method,
    )


HANDLERS = [whole, part, outline]
