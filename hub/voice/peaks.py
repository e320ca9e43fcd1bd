"""The outline of a recording: how loud each lane is at its loudest, fifty times a second, as a page draws it."""

import json
import os
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from hub.voice.wav import LANES, Samples, extent, frames

PER_SECOND = 50


class Waveform(TypedDict):
    """`customer` and `others` have one number, 0 to 100, for each stretch of 1 / `per_second` seconds."""

    rate: int
    per_second: int
    duration_ms: int
    customer: list[int]
    others: list[int]


class Peaks:
    """Gathers the outline of sound as it grows, in blocks of any size.

    A peak is the greatest distance from zero in its stretch, in hundredths of full scale rounded down.
    """

    def __init__(self, rate: int, per_second: int = PER_SECOND) -> None:
        """Raises `ValueError` when a stretch has no whole number of samples."""
        if per_second <= 0 or rate % per_second:
            raise ValueError(f"{rate} samples a second cannot be cut into {per_second} equal stretches.")
        self._rate, self._per_second = rate, per_second
        self._stretch = rate // per_second
        self._rest: Samples = np.empty((0, LANES), np.int16)
        self._frames = 0
        self._lanes = (bytearray(), bytearray())

    def add(self, block: Samples) -> None:
        """Take the next samples, of shape (n, 2)."""
        self._frames += len(block)
        if len(self._rest):
            block = np.concatenate((self._rest, block))
        whole = len(block) // self._stretch * self._stretch
        self._rest = block[whole:].copy()
        if whole:
            for lane, loud in zip(self._lanes, _loudest(block[:whole], self._stretch), strict=True):
                lane.extend(loud.tobytes())

    def waveform(self) -> Waveform:
        """The outline of what was added by now; a last stretch that is not full counts as one."""
        last = _loudest(self._rest, len(self._rest)) if len(self._rest) else None
        customer, others = (list(bytes(lane)) for lane in self._lanes)
        if last is not None:
            customer.append(int(last[0, 0]))
            others.append(int(last[1, 0]))
        return Waveform(
            rate=self._rate,
            per_second=self._per_second,
            duration_ms=self._frames * 1000 // self._rate,
            customer=customer,
            others=others,
        )


def peaks(path: Path, per_second: int = PER_SECOND) -> Waveform:
    """The outline of a finished or growing recording, read from its sound. Raises `ValueError`, `OSError`."""
    known = extent(path)
    gathered = Peaks(known.rate, per_second)
    for block in frames(path, known):
        gathered.add(block)
    return gathered.waveform()


def kept_at(path: Path) -> Path:
    """Where the outline of this recording is kept."""
    return path.with_suffix(".peaks.json")


def keep_peaks(path: Path, waveform: Waveform) -> None:
    """Keep the outline beside the recording; a reader finds the old one or the new one, never half of it."""
    part = path.with_suffix(".peaks.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(waveform, file, separators=(",", ":"))
    part.replace(kept_at(path))


def read_peaks(path: Path) -> Waveform:
    """The outline kept beside the recording, otherwise read from its sound. Raises `ValueError`, `OSError`."""
    try:
        kept: Waveform = json.loads(kept_at(path).read_text())
    except (OSError, ValueError):
        return peaks(path)
    return kept


def _loudest(block: Samples, stretch: int) -> NDArray[np.uint8]:
    """The peaks of a block of whole stretches, of shape (2, stretches)."""
    lanes = np.ascontiguousarray(block.T).reshape(LANES, -1, stretch)
    high = lanes.max(axis=2).astype(np.int32)
    low = lanes.min(axis=2).astype(np.int32)
    loud: NDArray[np.uint8] = (np.maximum(high, -low) * 100 // 32768).astype(np.uint8)
    return loud
