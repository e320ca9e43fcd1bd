"""The recording of one live interaction: a file beside the database, and a row that says where."""

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path

from hub.core.context import Context
from hub.models import Interaction, Recording
from hub.models.columns import new_id
from hub.store import calls, interactions
from hub.voice.recorder import Recorder
from hub.voice.speech import Format
from hub.voice.wav import extent

log = logging.getLogger("hub.live")

FOLDER = "recordings"
MOST_RATE = 16_000
TRY_AGAIN_SECONDS = 1.0
FINISHED_WITHIN = timedelta(minutes=1)
"""How long after the end of a call its node may take to finish the recording itself."""


class Tape:
    """The `Lanes` of one call: a recorder and its row. Nothing here touches the disk or the database on the way."""

    def __init__(self, hub: Context, interaction: Interaction, format: Format) -> None:
        self._hub, self._interaction_id = hub, interaction.id
        self._loop = asyncio.get_running_loop()
        self._entered = False
        now = hub.clock.now()
        self.row = Recording(
            id=new_id(),
            workspace_id=interaction.workspace_id,
            interaction_id=interaction.id,
            path=f"{FOLDER}/{interaction.workspace_id}/{now:%Y-%m}/{interaction.id}-{now:%H%M%S}.wav",
            rate=min(format.rate, MOST_RATE),
            from_ms=since(interaction.answered_at, now),
            started_at=now,
        )
        self.recorder = Recorder(hub.data_dir / self.row.path, self.row.rate, format, self._loop.time())

    def customer(self, audio: bytes, at_ms: int, now: float) -> None:
        self.recorder.customer(audio, at_ms, now)

    def others(self, audio: bytes, now: float) -> None:
        self.recorder.others(audio, now)

    @property
    def paused(self) -> bool:
        """Whether what is said now is not kept."""
        return self.recorder.paused

    def pause(self, now: float) -> None:
        self.recorder.pause(now)

    def resume(self, now: float) -> None:
        self.recorder.resume(now)

    async def run(self) -> None:
        """Keep it: the row first, so that whoever looks finds a growing file. A database that fails is asked again."""
        while not self._entered:
            try:
                await self._enter()
            except Exception:
                log.exception("a recording could not be entered; it is tried again")
                await asyncio.sleep(TRY_AGAIN_SECONDS)
        await self.recorder.run(self._loop.time)

    async def _enter(self) -> None:
        async with self._hub.store.write() as db:
            interaction = await interactions.locked(db, self._interaction_id)
            db.add(Recording(**self.row.model_dump()))
            if interaction is not None:
                interactions.log(
                    db, interaction, "recording.started", self._hub.clock.now(), recording_id=str(self.row.id)
                )
        self._entered = True

    async def close(self, running: "asyncio.Task[None] | None", overtime_seconds: float) -> None:
        """All of it is on the disk, but for so much at its end when the line was gone; its row says how long it is."""
        if running is not None:
            running.cancel()
            try:
                await running
            except asyncio.CancelledError:
                pass
            except Exception:
                log.exception("a recording broke off")
        await self.recorder.close(self._loop.time() - overtime_seconds)
        if not self._entered:
            await self._enter()
        async with self._hub.store.write() as db:
            interaction = await interactions.locked(db, self._interaction_id)
            row = await db.get(Recording, self.row.id)
            if row is None or interaction is None:
                return
            now = self._hub.clock.now()
            row.duration_ms, row.pauses, row.finished_at = self.recorder.duration_ms, self.recorder.pauses, now
            interactions.log(
                db, interaction, "recording.finished", now, recording_id=str(row.id), duration_ms=row.duration_ms
            )


async def finish_lost(hub: Context) -> None:
    """Recordings whose node died: once their call is over, their rows say how much there is on the disk."""
    now = hub.clock.now()
    async with hub.store.glance() as db:
        lost = [(row.id, row.interaction_id, row.path) for row in await calls.left_open(db, now - FINISHED_WITHIN)]
    for recording_id, interaction_id, path in lost:
        there = await asyncio.to_thread(_extent, hub.data_dir / path)
        async with hub.store.write() as db:
            interaction = await interactions.locked(db, interaction_id)
            row = await db.get(Recording, recording_id)
            if row is None or interaction is None or row.finished_at is not None:
                continue
            row.duration_ms, row.finished_at = there, now
            interactions.log(
                db, interaction, "recording.finished", now, recording_id=str(row.id), duration_ms=there, lost=True
            )


def _extent(path: Path) -> int:
    try:
        return extent(path).duration_ms
    except (OSError, ValueError):
        return 0


def since(answered_at: datetime | None, now: datetime) -> int:
    return max(round((now - answered_at).total_seconds() * 1000), 0) if answered_at else 0
