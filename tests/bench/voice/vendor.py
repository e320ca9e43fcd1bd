"""The engines' own end, with no latency of its own: `python -m tests.bench.voice.vendor PORT CORE SIGN_MS`.

Ears find the caller's marks in the sound, a mind answers with as many sentences as it was asked for, a mouth turns each
into numbered sound. When each request came and was answered is written down, so that it can be subtracted.
"""

import asyncio
import json
import os
import sys
from collections import defaultdict
from time import monotonic

import uvloop

from tests.bench.voice import wire

CHUNK = 2_400
FRAME_MS = 20
WORD_FRAMES = 10
"""While somebody speaks, one more word of theirs is told so often."""


class Book:
    """What the engines did. Times are the machine's monotonic seconds."""

    def __init__(self) -> None:
        self.own: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        self.hops: list[float] = []
        self.frames: dict[int, int] = defaultdict(int)

    def report(self) -> bytes:
        return json.dumps({"own": self.own, "hops": self.hops, "frames": self.frames}).encode()


class Engine(asyncio.Protocol):
    """One connection of one call to any of the engines."""

    def __init__(self, book: Book, sign_frames: int) -> None:
        self._book, self._sign_frames = book, sign_frames
        self._held = b""
        self._frames = self._call = 0
        self._write = self._nowhere

    def _nowhere(self, data: bytes) -> None: ...

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        received = monotonic()
        if self._held:
            data = self._held + data
        at, end = 0, len(data)
        while end - at >= 5:
            size, kind = wire.HEAD.unpack_from(data, at)
            if end - at - 5 < size:
                break
            body = data[at + 5 : at + 5 + size]
            at += 5 + size
            if kind == wire.FEED:
                self._heard(body, received)
            elif kind == wire.ASK:
                self._asked(body, received)
            elif kind == wire.SPEAK:
                self._spoken(body, received)
            elif kind == wire.REPORT:
                self._write(wire.packed(wire.REPORT, self._book.report()))
        self._held = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        if self._frames:
            self._book.frames[self._call] += self._frames
            self._frames = 0

    def _heard(self, frame: bytes, received: float) -> None:
        self._frames += 1
        mark = wire.mark_of(frame)
        if mark is None:
            return
        self._call = mark.call
        if mark.last:
            self._write(wire.packed(wire.TURN, wire.question(mark.call, mark.turn, mark.sentences).encode()))
            self._wrote(mark.call, mark.turn, 0, received)
        elif mark.frame == self._sign_frames and not mark.silent:
            self._write(wire.packed(wire.BEGAN))
        elif mark.frame and mark.frame % WORD_FRAMES == 0:
            words = wire.question(mark.call, mark.turn, mark.sentences).split()
            self._write(wire.packed(wire.WORDS, " ".join(words[: mark.frame // WORD_FRAMES]).encode()))

    def _asked(self, body: bytes, received: float) -> None:
        self._book.hops.append(received - wire.AT.unpack_from(body)[0])
        asked = wire.asked(body[8:].decode())
        said = " ".join(wire.answer(*asked)) if asked else "I see."
        self._write(wire.packed(wire.ANSWER, said.encode()))
        if asked:
            self._wrote(asked[0], asked[1], 1, received)

    def _spoken(self, body: bytes, received: float) -> None:
        self._book.hops.append(received - wire.AT.unpack_from(body)[0])
        number, text = body[8:12], body[12:].decode()
        sound = wire.sound(text)
        call, turn, at = wire.part_of(text)
        for begin in range(0, len(sound), CHUNK):
            self._write(wire.packed(wire.SOUND, number, sound[begin : begin + CHUNK]))
            if at == 1 and not begin:
                self._wrote(call, turn, 2, received)
        self._write(wire.packed(wire.SOUND, number))

    def _wrote(self, call: int, turn: int, engine: int, received: float) -> None:
        self._book.own[f"{call}:{turn}"][engine] = monotonic() - received


async def main(port: int, sign_ms: int) -> None:
    book = Book()
    loop = asyncio.get_running_loop()
    served = await loop.create_server(lambda: Engine(book, sign_ms // FRAME_MS), "127.0.0.1", port)
    await served.serve_forever()


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[3])))
