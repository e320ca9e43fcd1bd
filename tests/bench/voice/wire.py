"""What the bench's processes say to each other: messages to the engines, marks in the callers' sound, numbered answers.

A message is its length (4 bytes), its kind (1 byte) and its body. Each kind is documented where it is named.
"""

import re
import struct
from typing import NamedTuple

import numpy as np

FEED = 1
"""To the ears: a frame of the caller's sound."""
BEGAN = 2
"""From the ears: somebody speaks."""
WORDS = 3
"""From the ears: words that may still change."""
TURN = 4
"""From the ears: the final words, and the turn is over."""
ASK = 5
"""To the mind: when it was sent (a double), what the caller said."""
ANSWER = 6
"""From the mind: all it has to say."""
SPEAK = 7
"""To the mouth: when it was sent (a double), a number for the request (4 bytes), the sentence."""
SOUND = 8
"""From the mouth: the request's number (4 bytes), sound. Without sound: that was all."""
REPORT = 9
"""To any engine: nothing. From it: all that it wrote down, as JSON."""

HEAD = struct.Struct("<IB")
AT = struct.Struct("<d")
NUMBER = struct.Struct("<I")

RATE = 8000
FRAME = 160
CHARACTERS_PER_SECOND = 14
"""Not the pace that the hub guesses before it knows how long a sentence is."""
CELL = 8


def packed(kind: int, *parts: bytes) -> bytes:
    return b"".join((HEAD.pack(sum(map(len, parts)), kind), *parts))


# the callers' sound

MARK_BYTES = 24
_MAGIC = bytes((0xF5, 0xFA, 0xF3, 0xFC, 0xF6, 0xF9))
_MARK = struct.Struct(">HHBBBBB")


class Mark(NamedTuple):
    """What each frame of a caller's speech says of itself: the `frame` (from 0) of turn `turn` of this call.

    `sentences` is how many the answer shall have; `silent` keeps the ears from telling that somebody speaks.
    """

    call: int
    turn: int
    sentences: int
    frame: int
    last: bool = False
    silent: bool = False


def marked(mark: Mark) -> bytes:
    """24 samples of almost no sound (-48 dB) that begin a frame of speech."""
    raw = _MARK.pack(mark.call, mark.turn, mark.sentences, min(mark.frame, 255), mark.last, mark.silent, 0)
    return _MAGIC + bytes(0xF0 | half for byte in raw for half in (byte >> 4, byte & 15))


def mark_of(frame: bytes) -> Mark | None:
    """What the frame says of itself; None when it is no speech."""
    if not frame.startswith(_MAGIC):
        return None
    halves = frame[len(_MAGIC) : MARK_BYTES]
    raw = bytes((halves[at] & 15) << 4 | halves[at + 1] & 15 for at in range(0, len(halves), 2))
    call, turn, sentences, number, last, silent, _ = _MARK.unpack(raw)
    return Mark(call, turn, sentences, number, bool(last), bool(silent))


# what is said

_ASKED = re.compile(r"Call (\d+) asks (\d+) for (\d+) sentences please")
_PART = re.compile(r"Answer (\d+) part (\d+) of (\d+) to caller (\d+) is here\.")


def question(call: int, turn: int, sentences: int) -> str:
    return f"Call {call} asks {turn} for {sentences} sentences please"


def asked(text: str) -> tuple[int, int, int] | None:
    """Call, turn and number of sentences of the last question in what was said."""
    found = _ASKED.findall(text)
    return tuple(map(int, found[-1])) if found else None  # type: ignore[return-value]


def part(call: int, turn: int, number: int, of: int) -> str:
    """One sentence of an answer; they count from 1."""
    return f"Answer {turn} part {number} of {of} to caller {call} is here."


def answer(call: int, turn: int, sentences: int) -> list[str]:
    return [part(call, turn, number, sentences) for number in range(1, sentences + 1)]


def part_of(text: str) -> tuple[int, int, int]:
    """Call, turn and number of a sentence; zeros for any other words."""
    found = _PART.fullmatch(text)
    return (int(found[4]), int(found[1]), int(found[2])) if found else (0, 0xFFFF, 0)


def size(text: str) -> int:
    """How many bytes the sound of a sentence has."""
    return len(text) * RATE // CHARACTERS_PER_SECOND // CELL * CELL


_CELLS = np.zeros((RATE * 30 // CELL, CELL), np.uint8)
_CELLS[:, 0], _CELLS[:, 7] = 0xA5, 0x5A
for _at, _shift in ((4, 16), (5, 8), (6, 0)):
    _CELLS[:, _at] = np.arange(len(_CELLS)) >> _shift & 255


def sound(text: str) -> bytes:
    """The sound of a sentence: cells of 8 bytes that say which sentence and which cell of it they are."""
    _, turn, number = part_of(text)
    cells = _CELLS[: size(text) // CELL].copy()
    cells[:, 1], cells[:, 2], cells[:, 3] = turn >> 8, turn & 255, number
    return cells.tobytes()


class Stretch(NamedTuple):
    """Bytes of one sentence that follow each other: sentence `number` of the answer to `turn`, from byte `begin`."""

    turn: int
    number: int
    begin: int
    size: int


def stretches(audio: bytes) -> list[Stretch]:
    """What a stream of cells consists of. It must begin with a cell. Raises `ValueError` for anything else."""
    if len(audio) < CELL:
        return []
    cells = np.frombuffer(audio[: len(audio) // CELL * CELL], np.uint8).reshape(-1, CELL).astype(np.int64)
    if not ((cells[:, 0] == 0xA5) & (cells[:, 7] == 0x5A)).all():
        raise ValueError("This is not the bench's sound.")
    turn, number = cells[:, 1] << 8 | cells[:, 2], cells[:, 3]
    at = cells[:, 4] << 16 | cells[:, 5] << 8 | cells[:, 6]
    key = (turn << 8 | number) << 24 | at
    starts = np.flatnonzero(np.diff(key, prepend=-2) != 1)
    ends = [*starts[1:], len(cells)]
    return [
        Stretch(int(turn[i]), int(number[i]), int(at[i]) * CELL, int(end - i) * CELL)
        for i, end in zip(starts, ends, strict=True)
    ]
