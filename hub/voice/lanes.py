"""One side of a recording on its time line: where each piece of sound belongs, and what is missing between them.

Positions are samples since the recording began. Nothing here touches a disk or looks at a clock.
"""

from hub.voice.codecs import MULAW_SILENCE, PCM_SILENCE, width
from hub.voice.speech import Format

KEPT_SECONDS = 30  # of sound that waits for the disk; more is dropped
_PLAUSIBLE = 2_000  # ms by which sound may come later than it was sent
_STRAYS = 25  # so many implausible times one after the other mean that the sender's clock was set anew

Pieces = list[tuple[int, bytes]]


class Lane:
    """Takes pieces in almost any order and gives them back as one stretch after the other.

    `given`, `dropped` and `filled` count samples: given in, not kept, and silence put where nothing was. What was taken
    out is `given - dropped + filled` when nothing waits.
    """

    __slots__ = (
        "_limit",
        "_pieces",
        "_silence",
        "_waiting",
        "_width",
        "base",
        "dropped",
        "end",
        "filled",
        "given",
        "rate",
    )

    def __init__(self, format: Format) -> None:
        self.rate = format.rate
        self._width = width(format)
        self._silence = PCM_SILENCE * 2 if self._width == 2 else MULAW_SILENCE
        self._limit = KEPT_SECONDS * format.rate
        self._pieces: Pieces = []
        self._waiting = 0
        self.base = self.end = 0
        self.given = self.dropped = self.filled = 0

    def samples(self, audio: bytes) -> int:
        return len(audio) // self._width

    def put(self, at: int, audio: bytes) -> None:
        """This sound begins there. What was said of the same time before is not said again."""
        count = len(audio) // self._width
        self.given += count
        if self._waiting + count > self._limit:
            self.dropped += count
            self.end = max(self.end, at + count)
        elif at >= self.end:
            if count:  # an empty one only says how late it is
                self._pieces.append((at, audio))
            self._waiting += count
            self.end = at + count
        else:
            self._fit(at, audio, count)

    def leave_out(self, audio: bytes) -> None:
        """This sound is not to be kept."""
        count = len(audio) // self._width
        self.given += count
        self.dropped += count

    def take(self, upto: int) -> tuple[Pieces, int, int]:
        """All before there: the pieces, where it begins and how many samples it has."""
        begin, pieces, taken = self.base, self._pieces, 0
        count = 0
        while count < len(pieces) and pieces[count][0] < upto:
            taken += len(pieces[count][1]) // self._width
            count += 1
        out, self._pieces = pieces[:count], pieces[count:]
        if out:
            at, audio = out[-1]
            over = at + len(audio) // self._width - upto
            if over > 0:
                cut = (upto - at) * self._width
                out[-1] = (at, audio[:cut])
                self._pieces.insert(0, (upto, audio[cut:]))
                taken -= over
        self._waiting -= taken
        self.filled += upto - begin - taken
        self.base, self.end = upto, max(self.end, upto)
        return out, begin, upto - begin

    def joined(self, taken: tuple[Pieces, int, int]) -> bytes:
        """What was taken as one stretch of sound, silence where nothing is. May run beside all else."""
        pieces, begin, count = taken
        parts, at = [], begin
        for where, audio in pieces:
            if where > at:
                parts.append(self._silence * (where - at))
            parts.append(audio)
            at = where + len(audio) // self._width
        parts.append(self._silence * (begin + count - at))
        return b"".join(parts)

    def _fit(self, at: int, audio: bytes, count: int) -> None:
        """Sound that comes late: into the first gap that it meets."""
        pieces, index = self._pieces, len(self._pieces)
        while index and pieces[index - 1][0] > at:
            index -= 1
        begin = max(at, self.base)
        if index:
            before, sound = pieces[index - 1]
            begin = max(begin, before + len(sound) // self._width)
        stop = at + count
        if index < len(pieces):
            stop = min(stop, pieces[index][0])
        kept = max(0, stop - begin)
        self.dropped += count - kept
        if kept:
            pieces.insert(index, (begin, audio[(begin - at) * self._width : (stop - at) * self._width]))
            self._waiting += kept
            self.end = max(self.end, stop)


class Steady:
    """Tells a lasting shift from jitter: three quarters of so many values lie more than `tolerance` (ms) off."""

    __slots__ = ("_size", "_sizes", "_tolerance", "_values")

    def __init__(self, sizes: tuple[int, ...], tolerance: float) -> None:
        self._sizes, self._size, self._tolerance = sizes, 0, tolerance
        self._values: list[float] = []

    def shift(self, value: float) -> float:
        """Take one more value: by how much all should be moved now, mostly 0."""
        self._values.append(value)
        if len(self._values) < self._sizes[self._size]:
            return 0.0
        quarter = sorted(self._values)[len(self._values) // 4]
        self._values.clear()
        self._size = min(self._size + 1, len(self._sizes) - 1)
        return quarter if abs(quarter) > self._tolerance else 0.0


class SenderClock:
    """Turns times of the sender into ours, and follows when the two clocks drift apart."""

    __slots__ = ("_early", "_offset", "_steady", "_strays")

    def __init__(self) -> None:
        self._offset: float | None = None
        self._early = 0.0  # what was there before the recording began begins with it
        self._strays = 0
        self._steady = _settling()

    def place(self, at_ms: int, arrived: float) -> float:
        """Where sound of the sender's `at_ms` belongs that was all there `arrived` plus its own length; ms, ours."""
        if self._offset is None:
            self._early = min(arrived, 0.0)
            self._offset = arrived - self._early - at_ms
        late = arrived - self._early - at_ms - self._offset
        if abs(late) > _PLAUSIBLE:
            self._strays += 1
            if self._strays >= _STRAYS:
                self._offset, self._strays, self._steady = None, 0, _settling()
            return arrived
        self._strays = 0
        self._offset += self._steady.shift(late)
        return at_ms + self._offset


def _settling() -> Steady:
    return Steady((10, 50, 500), 8)
