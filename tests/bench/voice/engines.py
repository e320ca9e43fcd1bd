"""The bench's engines as the hub sees them: ears, mind and mouth behind sockets, one connection for each call."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic
from typing import Any

from hub.dialogue.turn import Piece, Say, Toolbox, Turn
from hub.engine import Account, EngineFailed
from hub.voice.speech import MULAW_8K, EndOfTurn, Format, Heard, Hints, SpeechBegan, Words
from tests.bench.voice import wire

PORT = "BENCH_ENGINES"
MOST_WAITING = 200_000

TRANSCRIBERS = {"bench-ears": "tests.bench.voice.engines:BenchEars"}
VOICES = {"bench-mouth": "tests.bench.voice.engines:BenchMouth"}
ENGINES = {"bench-mind": "tests.bench.voice.engines:BenchMind"}


class Connection:
    """One socket to the engines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls) -> "Connection":
        try:
            return cls(*await asyncio.open_connection("127.0.0.1", int(os.environ[PORT])))
        except OSError as error:
            raise EngineFailed(f"does not answer: {error}") from error

    def send(self, kind: int, *parts: bytes) -> None:
        """Never waits; too much of it is a failure that `get` tells."""
        if self._writer.transport.get_write_buffer_size() > MOST_WAITING:
            self._writer.transport.abort()
        self._writer.write(wire.packed(kind, *parts))

    async def get(self) -> tuple[int, bytes]:
        try:
            size, kind = wire.HEAD.unpack(await self._reader.readexactly(wire.HEAD.size))
            return kind, await self._reader.readexactly(size) if size else b""
        except (asyncio.IncompleteReadError, OSError) as error:
            raise EngineFailed("has hung up") from error

    async def close(self) -> None:
        self._writer.close()


class BenchEars:
    """Hears the marks in the callers' sound."""

    vendor = ""
    takes = (MULAW_8K,)
    ends_turns = True

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "OpenEars":
        return OpenEars(await Connection.open())


class OpenEars:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def feed(self, audio: bytes) -> None:
        self._connection.send(wire.FEED, audio)

    def finish(self) -> None: ...

    def expect(self, phrases: Sequence[str]) -> None: ...

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            kind, body = await self._connection.get()
            if kind == wire.BEGAN:
                yield SpeechBegan()
            elif kind == wire.WORDS:
                yield Words(body.decode())
            elif kind == wire.TURN:
                yield Words(body.decode(), final=True)
                yield EndOfTurn()

    async def close(self) -> None:
        await self._connection.close()


class BenchMouth:
    """Makes numbered sound of sentences."""

    vendor = ""
    gives = (MULAW_8K,)

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> "OpenMouth":
        return OpenMouth(await Connection.open())


class OpenMouth:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._wanted: dict[int, asyncio.Queue[bytes]] = {}
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while True:
                _, body = await self._connection.get()
                wanted = self._wanted.get(wire.NUMBER.unpack_from(body)[0])
                if wanted is not None:
                    wanted.put_nowait(body[4:])
        except EngineFailed:
            for queue in self._wanted.values():
                queue.put_nowait(b"")

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        number, queue = next(self._numbers), asyncio.Queue[bytes]()
        self._wanted[number] = queue
        try:
            self._connection.send(wire.SPEAK, wire.AT.pack(monotonic()), wire.NUMBER.pack(number), text.encode())
            while chunk := await queue.get():
                yield chunk
        finally:
            del self._wanted[number]

    async def close(self) -> None:
        self._reading.cancel()
        await self._connection.close()


class BenchMind:
    """Answers by as many sentences as it is asked for. Its connections are kept for the next question."""

    vendor = ""

    def __init__(self) -> None:
        self._idle: list[Connection] = []

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        if turn.cue == "opened":
            yield Say(str(turn.agent["opening_message"]))
            return
        connection = self._idle.pop() if self._idle else await Connection.open()
        try:
            connection.send(wire.ASK, wire.AT.pack(monotonic()), turn.said.encode())
            _, body = await connection.get()
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)
        yield Say(body.decode())
