"""Recordings of calls: what there is, its sound, taking it away."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, delete, get
from litestar.params import HeaderParameter, QueryParameter
from pydantic import Field

from hub.models import Interaction, Recording
from hub.store import calls, interactions
from hub.voice.peaks import kept_at
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, bad_parameter, missing
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown
from web.recordings import LANES, Lane, sound

_ID = "0198c0de-0000-7000-8000-000000000050"
_GROWS_AT_MOST = timedelta(seconds=60)
"""How long after the end of its interaction a recording may still be written to."""

WhichLane = Annotated[
    Lane,
    QueryParameter(
        description="both: a stereo file, the customer left, everyone else right; else one lane, or both mixed."
    ),
]
Part = Annotated[int, QueryParameter(ge=1, le=1000, description="Which part, where there are several.")]
ByteRange = Annotated[str, HeaderParameter(name="Range", description="Such as `bytes=0-65535`.")]


class RecordingPublic(Shape):
    """The sound of an interaction, or of a part of it: a call that was taken up again has several.

    WAV of 16 bits. Times are milliseconds; those of `pauses` count in the recording itself.
    """

    model_config = shown(
        {
            "id": _ID,
            "interaction_id": "0198c0de-0000-7000-8000-000000000020",
            "from_ms": 0,
            "duration_ms": 63_200,
            "rate": 8_000,
            "pauses": [[12_000, 21_500]],
            "started_at": "2026-01-31T09:00:00Z",
            "finished_at": "2026-01-31T09:01:03Z",
            "url": f"/v1/recordings/{_ID}",
            "lanes": {lane: f"/v1/recordings/{_ID}?lane={lane}" for lane in LANES},
        }
    )
    id: UUID
    interaction_id: UUID
    from_ms: int = Field(description="Where this part begins, counted from the moment the call was answered.")
    duration_ms: int | None = Field(description="null: it still grows.")
    rate: int = Field(description="Samples a second.")
    pauses: list[list[int]] = Field(description="Stretches [from, to] of which nothing was kept.")
    started_at: datetime
    finished_at: datetime | None
    url: str = Field(description="Its sound, as this API serves it, with ranges.")
    lanes: dict[str, str] = Field(description="The same by lane.")


class RecordingPage(Page[RecordingPublic]):
    """Some of the parts of a recording."""


_SAME = set(RecordingPublic.model_fields) - {"duration_ms", "url", "lanes"}


def recording_public(found: Recording) -> RecordingPublic:
    url = f"/v1/recordings/{found.id}"
    return RecordingPublic(
        duration_ms=found.duration_ms if found.finished_at else None,
        url=url,
        lanes={lane: f"{url}?lane={lane}" for lane in LANES},
        **{name: getattr(found, name) for name in _SAME},
    )


class Recordings(Controller):
    """Recordings."""

    tags = ["Calls"]

    @get("/interactions/{interaction_id:uuid}/recordings", opt={"scope": "read"}, summary="List recordings")
    async def list_recordings(
        self, request: ApiRequest, interaction_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> RecordingPage:
        """The parts of the recording in their order; a growing one among them. Mostly there is one."""
        seen = before(cursor)
        rows = [one for one in await _parts(request, interaction_id) if seen is None or one.id > seen]
        return RecordingPage(**page(rows, limit, recording_public, lambda row: row.id))

    @get("/interactions/{interaction_id:uuid}/recording", opt={"scope": "read"}, summary="Hear an interaction")
    async def get_recording_of(
        self,
        request: ApiRequest,
        interaction_id: PathId,
        lane: WhichLane = "both",
        part: Part = 1,
        byte_range: ByteRange = "",
    ) -> Response[Any]:
        """The sound of its recording, as WAV. While the call goes on there is what was recorded by now."""
        found = await _parts(request, interaction_id)
        if not found:
            raise Refusal(404, "This interaction has no recording.", code="not_found")
        if part > len(found):
            raise bad_parameter("part", f"The recording has {len(found)} part{'s' if len(found) > 1 else ''}.")
        return await _sound(request, found[part - 1], lane)

    @get("/recordings/{recording_id:uuid}", opt={"scope": "read"}, summary="Hear a recording")
    async def get_recording(
        self, request: ApiRequest, recording_id: PathId, lane: WhichLane = "both", byte_range: ByteRange = ""
    ) -> Response[Any]:
        """Its sound, as WAV, whole or the range asked for."""
        async with request.store.read() as db:
            found = await calls.recording(db, request.workspace_id, recording_id)
        if found is None:
            raise missing("recording")
        return await _sound(request, found, lane)

    @delete("/recordings/{recording_id:uuid}", opt={"scope": "write"}, summary="Remove a recording")
    async def delete_recording(self, request: ApiRequest, recording_id: PathId) -> None:
        """Its sound is gone for good; the transcript stays. 409 while the call is going on."""
        async with request.store.read() as db:
            found = await calls.recording(db, request.workspace_id, recording_id)
            interaction = await _interaction_of(request, db, found)
        if found is None or interaction is None:
            raise missing("recording")
        if found.finished_at is None and _may_grow(interaction, request.clock.now()):
            raise Refusal(409, "It is still being recorded. End the call first.", code="growing")
        await asyncio.to_thread(_remove, _path(request, found))
        async with request.store.write() as db:
            held = await interactions.locked(db, interaction.id)
            row = await calls.recording(db, request.workspace_id, recording_id)
            if held is None or row is None:
                raise missing("recording")
            await db.delete(row)
            interactions.log(
                db, held, "recording.deleted", request.clock.now(),
                recording_id=str(recording_id), by=request.user.name,
            )  # fmt: skip


async def _parts(request: ApiRequest, interaction_id: UUID) -> list[Recording]:
    async with request.store.read() as db:
        if await interactions.interaction(db, request.workspace_id, interaction_id) is None:
            raise missing("interaction")
        return list(await calls.recordings(db, request.workspace_id, interaction_id))


async def _interaction_of(request: ApiRequest, db: Any, found: Recording | None) -> Interaction | None:
    if found is None:
        return None
    return await interactions.interaction(db, request.workspace_id, found.interaction_id)


def _may_grow(interaction: Interaction, now: datetime) -> bool:
    return interaction.ended_at is None or now - interaction.ended_at < _GROWS_AT_MOST


async def _sound(request: ApiRequest, found: Recording, lane: Lane) -> Response[Any]:
    return await sound(request.headers, _path(request, found), lane, growing=found.finished_at is None)


def _path(request: ApiRequest, found: Recording) -> Path:
    return request.hub.context.data_dir / found.path


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    kept_at(path).unlink(missing_ok=True)
