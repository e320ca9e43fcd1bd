"""Our recordings as files: WAV of two lanes in 16 bits, and one lane of them as a WAV of its own.

Format: http://soundfile.sapp.org/doc/WaveFormat/. A header is 44 bytes and may be older than what follows it, when a
program was killed between the two: what counts is the size of the file.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Which = Literal["customer", "others", "mixed"]
Samples = NDArray[np.int16]

HEADER = 44
LANES = 2
_FRAME = 2 * LANES  # bytes of one sample in each lane
_LAYOUT = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BLOCK = 32_768  # frames read at once


class Extent(NamedTuple):
    """How much sound a recording has by now. `size` and `lane_size` are bytes with the header."""

    rate: int
    frames: int

    @property
    def duration_ms(self) -> int:
        return self.frames * 1000 // self.rate

    @property
    def size(self) -> int:
        return HEADER + self.frames * _FRAME

    @property
    def lane_size(self) -> int:
        return HEADER + self.frames * 2


def header(rate: int, lanes: int, frames: int) -> bytes:
    """The first 44 bytes of a WAV file of so many samples in each lane."""
    width, data = 2 * lanes, 2 * lanes * frames
    return _LAYOUT.pack(
        b"RIFF", data + HEADER - 8, b"WAVE", b"fmt ", 16, 1, lanes, rate, rate * width, width, 16, b"data", data
    )


def extent(path: Path) -> Extent:
    """How much sound there is, finished or growing, whatever the header says. Raises `ValueError`, `OSError`."""
    with path.open("rb") as file:
        first = file.read(HEADER)
        size = file.seek(0, 2)
    if len(first) < HEADER:
        raise ValueError(f"{path.name} has no sound yet.")
    riff, _, wave, fmt, _, kind, lanes, rate, *_, bits, data, _ = _LAYOUT.unpack(first)
    if (riff, wave, fmt, data) != (b"RIFF", b"WAVE", b"fmt ", b"data") or (kind, lanes, bits) != (1, LANES, 16):
        raise ValueError(f"{path.name} is no recording of two lanes in 16 bits.")
    return Extent(rate, (size - HEADER) // _FRAME)


def frames(path: Path, known: Extent) -> Iterator[Samples]:
    """The sound in blocks of shape (samples, 2): the customer left, everyone else right."""
    return _frames(path, 0, known.frames)


def lane_size(path: Path) -> int:
    """How many bytes `lane` gives by now. Raises `ValueError`, `OSError`."""
    return extent(path).lane_size


def lane(
    path: Path, which: Which, start: int = 0, length: int | None = None, known: Extent | None = None
) -> Iterator[bytes]:
    """One lane, or both mixed, as a WAV file of one: the bytes from `start` on, at most `length` of them.

    Of a growing recording, `known` is how much of it was promised; by default, what there is now. Only what is asked
    for is read. Raises `ValueError` and `OSError` at once, not when iterated.
    """
    known = known or extent(path)
    stop = known.lane_size if length is None else min(known.lane_size, start + length)
    return _lane(path, which, known, max(start, 0), stop)


def _lane(path: Path, which: Which, known: Extent, start: int, stop: int) -> Iterator[bytes]:
    if start < min(HEADER, stop):
        yield header(known.rate, 1, known.frames)[start:stop]
        start = HEADER
    if start >= stop:
        return
    first, last = (start - HEADER) // 2, (stop - HEADER + 1) // 2
    skip, left = (start - HEADER) % 2, stop - start
    for block in _frames(path, first, last - first):
        mono = _mixed(block) if which == "mixed" else block[:, 0 if which == "customer" else 1]
        audio = mono.tobytes()[skip : skip + left]
        skip, left = 0, left - len(audio)
        yield audio


def _mixed(block: Samples) -> Samples:
    mono: Samples = block.sum(axis=1, dtype=np.int32).clip(-32768, 32767).astype("<i2")
    return mono


def _frames(path: Path, first: int, count: int) -> Iterator[Samples]:
    with path.open("rb") as file:
        file.seek(HEADER + first * _FRAME)
        while count > 0:
            block = np.frombuffer(file.read(min(count, _BLOCK) * _FRAME), "<i2")
            if not len(block):
                return
            count -= len(block) // LANES
            yield block.reshape(-1, LANES)
