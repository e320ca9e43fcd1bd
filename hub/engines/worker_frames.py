"""How the server and its speech workers talk: frames on pipes. Standard library only; both sides import it.

A frame is its body's length (4 bytes, big-endian), its kind (1 byte), the id of what it is about (4 bytes), the body.
Id 0 is about the worker itself.
"""

import json
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

_HEAD = struct.Struct(">IBI")
LONGEST = 16 * 1024 * 1024

READY, FAULT, END = 1, 2, 3
"""From the worker: it has started; what went wrong (text); this id is done."""
SPEAK, CANCEL, TAKEN, SOUND = 10, 11, 12, 13
"""Synthesis: a request (JSON); drop it; so many bytes of its sound were taken (4 bytes); sound of it."""
OPEN, FEED, EXPECT, FINISH, CLOSE, PARTIAL, FINAL, BEGAN = 20, 21, 22, 23, 24, 25, 26, 27
"""Recognition: a call opens (JSON), sound, phrases (JSON list), settle the words, the call is over; and what was heard:
words so far and settled words (JSON of text, from_ms, to_ms), somebody began to speak."""


def frame(kind: int, about: int, body: bytes = b"") -> bytes:
    return _HEAD.pack(len(body), kind, about) + body


def packed(body: Any) -> bytes:
    """A body of plain data, as JSON."""
    return json.dumps(body, separators=(",", ":")).encode()


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._held = bytearray()

    def cut(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """The frames that are whole now: kind, id, body. Raises `ValueError` when it is no stream of frames."""
        self._held += data
        at = 0
        try:
            while len(self._held) - at >= _HEAD.size:
                length, kind, about = _HEAD.unpack_from(self._held, at)
                if length > LONGEST:
                    raise ValueError(f"A frame of {length} bytes is too long.")
                begin = at + _HEAD.size
                if len(self._held) < begin + length:
                    break
                at = begin + length
                yield kind, about, bytes(self._held[begin:at])
        finally:
            del self._held[:at]


def frames_of(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """The frames of a blocking stream until it ends."""
    cutter = Frames()
    while data := stream.read1(65_536):  # type: ignore[attr-defined]
        yield from cutter.cut(data)


class Out:
    """A worker's way back to the server."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stdout.buffer

    def send(self, kind: int, about: int = 0, body: bytes = b"") -> None:
        self._stream.write(frame(kind, about, body))
        self._stream.flush()

    def send_json(self, kind: int, about: int, body: Any) -> None:
        self.send(kind, about, packed(body))

    def fault(self, about: int, text: str) -> None:
        self.send(FAULT, about, text.encode("utf-8", "replace"))
