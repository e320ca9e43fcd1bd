"""Records a call into a file of two lanes on one clock, the customer left, everyone else right, as it goes on.

All times are seconds of one monotonic clock, given by the caller. The loop only puts pieces aside; joining, converting
and writing happen in a thread, once a second. What is on the disk is a valid WAV file at every moment.
"""

import asyncio
import math
import os
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from hub.voice.codecs import Converter
from hub.voice.lanes import Lane, Pieces, SenderClock, Steady
from hub.voice.moments import next_moment
from hub.voice.peaks import Peaks, Waveform, keep_peaks
from hub.voice.speech import Format
from hub.voice.wav import HEADER, LANES, header

_GRID = 20  # ms; what is written at once is a multiple of it, so that every rate has whole samples
_LATE = 500  # ms that sound may come late before silence is written in its place
_STALLED = 1_500  # ms of that for a customer of whom nothing comes
_JOIN = 5  # ms: what begins so near to the end of the former goes right behind it, by the sender's clock
_JOIN_LOOSELY = 60  # ms: the same by ours

Block = tuple[tuple[Pieces, int, int], tuple[Pieces, int, int]]


class Recorder:
    """One recording. `run` writes it down until it is cancelled; then `close`.

    `customer_lane` and `others_lane` count samples given, dropped and filled with silence, `lost` those that could not
    be written. `fault` says what went wrong with the disk, for the administrator; a fault never disturbs the call.
    """

    def __init__(
        self,
        path: Path,
        rate: int,
        format: Format,
        now: float,
        *,
        others: Format | None = None,
        executor: Executor | None = None,
    ) -> None:
        """`format` is the customer's sound, `others` everyone else's where it differs, `rate` the file's.

        Raises `ValueError` for a rate without a whole number of samples in 20 ms.
        """
        others = others or format
        self.path = path
        self.rate = rate
        self.customer_lane, self.others_lane = Lane(format), Lane(others)
        self.fault = ""
        self.lost = 0
        self._begin, self._executor = now, executor
        self._clock, self._lag = SenderClock(), Steady((25,), 15)
        self._pauses: list[list[float]] = []
        self._taken_ms = 0
        self._closed = False
        self._writing: asyncio.Future[None] | None = None
        ours = Format("pcm16", self.rate)
        self._converters = (Converter(format, ours), Converter(others, ours))
        self._rests = [b"", b""]
        self._file, self._frames = -1, 0
        self._peaks = Peaks(self.rate)

    @property
    def duration_ms(self) -> int:
        """How much is on the disk."""
        return self._frames * 1000 // self.rate

    @property
    def pauses(self) -> list[list[int]]:
        """The stretches that were not kept, [from, to] in ms; one that lasts ends where the recording does now."""
        end = max(self.customer_lane.end * 1000 / self.customer_lane.rate, self._taken_ms)
        return [[round(begin), round(min(stop, max(end, begin)))] for begin, stop in self._pauses]

    def waveform(self) -> Waveform:
        """The outline of what is on the disk."""
        return self._peaks.waveform()

    def customer(self, audio: bytes, at_ms: int, now: float) -> None:
        """The customer said this, and all of it was here `now`. `at_ms`: where it begins on the sender's clock, or -1.

        It is placed by the sender's clock where that is plausible, otherwise by ours.
        """
        lane = self.customer_lane
        arrived = (now - self._begin) * 1000 - lane.samples(audio) * 1000 / lane.rate
        if at_ms < 0:
            self._put(lane, audio, arrived, _JOIN_LOOSELY)
        else:
            self._put(lane, audio, self._clock.place(at_ms, arrived), _JOIN)

    def others(self, audio: bytes, now: float) -> None:
        """The customer heard this of somebody else, and its last sample `now`."""
        lane = self.others_lane
        at = (now - self._begin) * 1000 - lane.samples(audio) * 1000 / lane.rate
        late = at - lane.end * 1000 / lane.rate
        if lane.given and abs(late) <= _JOIN_LOOSELY and self._lag.shift(late):
            self._put(lane, audio, at, 0)
        else:
            self._put(lane, audio, at, _JOIN_LOOSELY)

    @property
    def paused(self) -> bool:
        """Whether nothing is kept now."""
        return bool(self._pauses) and self._pauses[-1][1] == float("inf")

    def pause(self, now: float) -> None:
        """Keep nothing from now on; time goes on."""
        if not self.paused:
            self._pauses.append([self._ms(now), float("inf")])

    def resume(self, now: float) -> None:
        """Keep what is said from now on."""
        if self.paused:
            self._pauses[-1][1] = self._ms(now)

    async def run(self, clock: Callable[[], float] | None = None, every: float = 1.0) -> None:
        """Write down what there is, every so many seconds, until cancelled; the clock is the loop's.

        All recordings are written in the same moments.
        """
        clock = clock or asyncio.get_running_loop().time
        while True:
            await self.flush(clock())
            await next_moment(every)

    async def flush(self, now: float) -> None:
        """Write down all but the last half second, which may still come; more while nothing comes from the customer."""
        if not self._closed:
            lane = self.customer_lane
            there = max(lane.end * 1000 / lane.rate, self._ms(now) - _STALLED)
            await self._write(min(self._ms(now) - _LATE, there))

    async def close(self, now: float | None = None) -> None:
        """Write down everything, both lanes up to now, and the outline. What is said from then on is dropped."""
        if self._closed:
            return
        self._closed = True
        now = asyncio.get_running_loop().time() if now is None else now
        ends = [lane.end * 1000 / lane.rate for lane in (self.customer_lane, self.others_lane)]
        await self._write(math.ceil(round(max(self._ms(now), *ends) / _GRID, 6)) * _GRID, last=True)

    # on the loop

    def _ms(self, now: float) -> float:
        return (now - self._begin) * 1000

    def _put(self, lane: Lane, audio: bytes, at_ms: float, join: int) -> None:
        at = round(at_ms * lane.rate / 1000)
        if not lane.given:
            at = max(at, 0)
        elif abs(at - lane.end) * 1000 <= join * lane.rate:
            at = lane.end
        if self._closed:
            lane.leave_out(audio)
        elif self._pauses:
            self._put_around_pauses(lane, audio, at)
        else:
            lane.put(at, audio)

    def _put_around_pauses(self, lane: Lane, audio: bytes, at: int) -> None:
        count, wide = lane.samples(audio), len(audio) // max(lane.samples(audio), 1)
        done, end = 0, at + count
        for begin, stop in self._pauses:
            first = min(max(int(begin * lane.rate / 1000) - at, done), count)
            after = count if stop == float("inf") else min(max(-int(-stop * lane.rate // 1000) - at, first), count)
            if after > first:
                if first > done:
                    lane.put(at + done, audio[done * wide : first * wide])
                lane.leave_out(audio[first * wide : after * wide])
                done = after
        if done < count:
            lane.put(at + done, audio[done * wide :])
        lane.end = max(lane.end, end)

    async def _write(self, upto_ms: float, last: bool = False) -> None:
        """Hand everything before that to the thread, behind what it still has to do."""
        while self._writing is not None and not self._writing.done():
            await asyncio.shield(self._writing)
        upto = max(self._taken_ms, int(upto_ms) // _GRID * _GRID)
        lanes = self.customer_lane, self.others_lane
        block = lanes[0].take(upto * lanes[0].rate // 1000), lanes[1].take(upto * lanes[1].rate // 1000)
        self._taken_ms = upto
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._executor, self._store, block, last)
        await asyncio.shield(self._writing)

    # in the thread

    def _store(self, block: Block, last: bool) -> None:
        frames = self._interleaved(block, last)
        self._peaks.add(frames)
        try:
            if self._file < 0:
                self._open()
            _write_all(self._file, frames.tobytes(), HEADER + self._frames * 2 * LANES)
        except OSError as error:
            self.fault, self.lost = str(error), self.lost + len(frames)
        self._frames += len(frames)
        try:
            if self._file >= 0:
                _write_all(self._file, header(self.rate, LANES, self._frames), 0)
            if last:
                self._finish()
        except OSError as error:
            self.fault = str(error)

    def _interleaved(self, block: Block, last: bool) -> "np.ndarray[tuple[int, int], np.dtype[np.int16]]":
        for side, lane in enumerate((self.customer_lane, self.others_lane)):
            converter = self._converters[side]
            audio = converter.convert(lane.joined(block[side]))
            self._rests[side] += audio + converter.flush() if last else audio
        count = min(len(rest) for rest in self._rests) // 2
        frames = np.empty((count, LANES), "<i2")
        for side in range(LANES):
            frames[:, side] = np.frombuffer(self._rests[side], "<i2", count)
            self._rests[side] = self._rests[side][count * 2 :]
        return frames

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

    def _finish(self) -> None:
        if self._file < 0:
            return
        file, self._file = self._file, -1
        try:
            os.fsync(file)
        finally:
            os.close(file)
        keep_peaks(self.path, self._peaks.waveform())


def _write_all(file: int, data: bytes, at: int) -> None:
    """Raises `OSError`, also when there was room for a part only."""
    done = os.pwrite(file, data, at)
    while done < len(data):
        more = os.pwrite(file, memoryview(data)[done:], at + done)
        done += more
