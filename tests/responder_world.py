"""A server of the workspace that decides what an agent says, well or badly, over a real socket."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from hub.models import AgentDefinition
from hub.signing import new_secret
from tests.fakes import until

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER_SECRET = new_secret()
NDJSON = "application/x-ndjson"
FALLBACK = "I cannot look that up now."


@dataclass
class Asked:
    """A request that came. `gone`: we closed the connection before it was answered to the end."""

    headers: dict[str, str]
    raw: bytes
    connection: int
    at: float = field(default_factory=time.monotonic)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    lines_at: list[float] = field(default_factory=list)

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))


Answer = Callable[[Asked], AsyncIterator[bytes]]


def whole(told: Any, status: int = 200, kind: str = "application/json", more: str = "") -> Answer:
    """One answer with a length."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()

    async def answer(asked: Asked) -> AsyncIterator[bytes]:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        yield head.encode() + body

    return answer


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def lines(*told: Any, every: float = 0.0, ends: bool = True, kind: str = NDJSON) -> Answer:
    """NDJSON, a line at a time with a pause before each but the first; `ends` with the last chunk."""

    async def answer(asked: Asked) -> AsyncIterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        for at, line in enumerate(told):
            if at and every:
                await asyncio.sleep(every)
            asked.lines_at.append(time.monotonic())
            yield chunk((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        if ends:
            yield b"0\r\n\r\n"

    return answer


def then_silence(answer: Answer) -> Answer:
    """The same, and nothing after it: the connection stays open."""

    async def made(asked: Asked) -> AsyncIterator[bytes]:
        async for data in answer(asked):
            yield data
        await asyncio.sleep(3_600)

    return made


def then_closed(answer: Answer) -> Answer:
    """The same, and then the connection is closed."""

    async def made(asked: Asked) -> AsyncIterator[bytes]:
        async for data in answer(asked):
            yield data
        yield b""

    return made


async def silence(asked: Asked) -> AsyncIterator[bytes]:
    await asyncio.sleep(3_600)
    yield b""


async def closes(asked: Asked) -> AsyncIterator[bytes]:
    yield b""


def echo(prefix: str = "You said ") -> Answer:
    async def answer(asked: Asked) -> AsyncIterator[bytes]:
        async for data in whole({"text": f"{prefix}{asked.body['transcript']}."})(asked):
            yield data

    return answer


class Server:
    """`answer` says what each request gets; empty bytes out of it close the connection."""

    def __init__(self) -> None:
        self.answer: Answer = echo()
        self.asked: list[Asked] = []
        self.url = ""
        self._connections = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/turn"
        return self

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.drop()

    def drop(self) -> None:
        """Close every open connection."""
        for writer in list(self._open):
            writer.close()

    async def asked_times(self, times: int) -> list[Asked]:
        await until(lambda: len(self.asked) >= times)
        return self.asked

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        self._open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._one(reader, writer, number):
                    pass
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(headers, raw, number)
        self.asked.append(asked)
        answering = asyncio.create_task(self._answered(asked, writer))
        leaving = asyncio.create_task(reader.read(1))
        try:
            done, _ = await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
            if answering not in done:
                asked.gone.set()
                return False
            return answering.result()
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answered(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        async for data in self.answer(asked):
            if not data:
                return False
            writer.write(data)
            await writer.drain()
        return True


@contextlib.asynccontextmanager
async def responder() -> AsyncIterator[Server]:
    made = await Server().start()
    try:
        yield made
    finally:
        await made.close()


def webhook_agent(url: str, **more: Any) -> AgentDefinition:
    """An agent whose answers come from there; its secret is still to be kept."""
    own = {name: more.pop(name) for name in list(more) if name in AgentDefinition.model_fields}
    settings = {"url": url, "secret": SECRET, "fallback_message": FALLBACK, "timeout_ms": 5_000, **more}
    return AgentDefinition(**{"name": "Maya", "voice_mode": "webhook", "responder": settings, **own})
