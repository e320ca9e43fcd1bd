"""Sound from one format into another, as it streams, and what silence is in each.

The resampler is a windowed sinc in polyphase form (J. O. Smith, "Digital Audio Resampling",
https://ccrma.stanford.edu/~jos/resample/): 70 dB of rejection, and a look-ahead of 18 samples of the lower rate, which
is 2.3 ms at 8 kHz. Ready-made streaming resamplers work in blocks of transforms and hold sound back for 40 to 170 ms.
"""

import math
import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hub.voice.speech import Format

with warnings.catch_warnings():  # it leaves the standard library in 3.13, where audioop-lts has the same name
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop as audioop

Floats = NDArray[np.float32]

MULAW_SILENCE = b"\xff"
PCM_SILENCE = b"\x00"
_REACH = 18  # samples of the lower rate on each side that count
_BETA = 6.76  # of the Kaiser window: 70 dB


def width(format: Format) -> int:
    """How many bytes one sample has."""
    return 2 if format.codec == "pcm16" else 1


def silence(format: Format, milliseconds: float) -> bytes:
    """So much silence."""
    return (PCM_SILENCE if format.codec == "pcm16" else MULAW_SILENCE) * format.size(milliseconds)


def pcm16(audio: bytes, format: Format) -> bytes:
    """The same sound in 16 bits at the same rate; whole samples only."""
    return audio if format.codec == "pcm16" else audioop.ulaw2lin(audio, 2)


class Converter:
    """Turns a stream of one format into a stream of another; one for each stream and direction.

    It keeps state between pieces, so pieces may have any size and join without a click. Equal formats cost nothing:
    the same object comes back.
    """

    __slots__ = ("_odd", "_resampler", "_same", "_source", "_target")

    def __init__(self, source: Format, target: Format) -> None:
        for side in (source, target):
            if side.codec not in ("mulaw", "pcm16") or side.rate <= 0:
                raise ValueError(f"There is no converter for {side.codec} at {side.rate} Hz.")
        self._same = source == target
        self._source, self._target = source, target
        self._resampler = Resampler(source.rate, target.rate) if source.rate != target.rate else None
        self._odd = b""

    def convert(self, audio: bytes) -> bytes:
        """What this piece becomes. When resampling, the last 2.3 ms or less come out with the next piece."""
        if self._same:
            return audio
        if self._source.codec == "mulaw":
            audio = audioop.ulaw2lin(audio, 2)
        elif self._odd or len(audio) & 1:
            audio = self._whole(audio)
        if self._resampler is not None:
            audio = self._resampler.push(audio)
        return audioop.lin2ulaw(audio, 2) if self._target.codec == "mulaw" else audio

    def flush(self) -> bytes:
        """What is still held back; the stream then begins anew."""
        rest = b"" if self._resampler is None else self._resampler.finish()
        self.reset()
        return audioop.lin2ulaw(rest, 2) if self._target.codec == "mulaw" else rest

    def reset(self) -> None:
        """Forget the stream: what is held back never comes."""
        self._odd = b""
        if self._resampler is not None:
            self._resampler.reset()

    def _whole(self, audio: bytes) -> bytes:
        audio = self._odd + audio
        cut = len(audio) & ~1
        self._odd = audio[cut:]
        return audio[:cut]


class Resampler:
    """Changes the rate of 16-bit sound. n samples in give ceil(n * target / source) out by the time of `finish`."""

    __slots__ = ("_at", "_down", "_held", "_phases", "_reach", "_taps", "_up")

    def __init__(self, source: int, target: int) -> None:
        self._up, self._down = _ratio(source, target)
        self._phases = _filters(self._up, self._down)
        self._taps = self._phases.shape[1]
        self._reach = self._taps // 2
        self.reset()

    def reset(self) -> None:
        self._held: Floats = np.zeros(self._reach - 1, np.float32)
        self._at = 0  # where the next sample lies behind the first one held, in units of 1 / up

    def push(self, audio: bytes) -> bytes:
        """The samples that can be told now; `audio` has whole samples."""
        samples = np.frombuffer(audio, "<i2").astype(np.float32)
        return self._make(np.concatenate((self._held, samples)))

    def finish(self) -> bytes:
        """The last ones; nothing but `reset` may follow."""
        return self._make(np.concatenate((self._held, np.zeros(self._reach, np.float32))))

    def _make(self, held: Floats) -> bytes:
        up, down, taps, at = self._up, self._down, self._taps, self._at
        windows = len(held) - taps + 1
        count = max(0, (windows * up - 1 - at) // down + 1) if windows > 0 else 0
        if up == 1 or down == 1:
            count -= count % up
        if not count:
            self._held = held
            return b""
        view: Floats = np.ndarray((windows, taps), np.float32, held, 0, (4, 4))
        if up == 1:
            out = np.vecdot(view[at : at + (count - 1) * down + 1 : down], self._phases[0])
        elif down == 1:
            out = np.dot(view[: count // up], self._phases.T).reshape(-1)
        else:
            where = at + down * np.arange(count)
            out = np.vecdot(view[where // up], self._phases[where % up])
        at += count * down
        drop = at // up
        self._held, self._at = held[drop:], at - drop * up
        np.rint(out, out=out)
        out.clip(-32768, 32767, out=out)
        made: bytes = out.astype("<i2").tobytes()
        return made


def _ratio(source: int, target: int) -> tuple[int, int]:
    common = math.gcd(source, target)
    return target // common, source // common


@cache
def _filters(up: int, down: int) -> Floats:
    """One row of weights for each place that a new sample can have between two old ones."""
    low = min(1.0, up / down)  # the lower rate, in units of the old one
    reach = math.ceil(_REACH / low)
    behind = np.arange(up)[:, None] / up - np.arange(1 - reach, reach + 1)[None, :]
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (behind * low / _REACH) ** 2, 0, None)))
    weights = np.sinc(behind * low) * window
    filters: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return filters
