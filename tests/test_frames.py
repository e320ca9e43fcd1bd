"""The server's WebSockets: whatever comes, in whatever pieces, is what was sent, and too much of it waits."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from tests.fakes import until
from web.serve import uvicorn_options

pytestmark = pytest.mark.anyio
MEDIA = '{"event":"media","media":{"payload":"' + "/" * 216 + '"}}'


class Talk:
    """A client that decides itself in which pieces its bytes go."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.reader, self.writer = reader, writer
        self.wire = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"), max_size=None)
        self.wire.send_request(self.wire.connect())
        self.events: list[Any] = []

    async def write(self, size: int = 1 << 20) -> None:
        """Send what there is to send, so many bytes at a time."""
        data = b"".join(self.wire.data_to_send())
        for at in range(0, len(data), size):
            self.writer.write(data[at : at + size])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def read(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not done():
                data = await self.reader.read(1 << 16)
                if not data:
                    return
                self.wire.receive_data(data)
                self.events += self.wire.events_received()

    def frames(self, opcode: Opcode) -> list[bytes]:
        return [bytes(event.data) for event in self.events if isinstance(event, Frame) and event.opcode is opcode]


@asynccontextmanager
async def talk(app: Callable[..., Any]) -> AsyncIterator[Talk]:
    """A client of this application, which runs as ours does."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    options = uvicorn_options() | {"timeout_graceful_shutdown": 1, "log_level": "critical", "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        client = Talk(reader, writer, port)
        await client.write()
        await client.read(lambda: bool(client.events))
        yield client
    finally:
        writer.close()
        server.should_exit = True
        await serving
        listening.close()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


@pytest.mark.parametrize("size", [1, 7, 300, 1 << 20])
async def test_the_pieces_in_which_frames_come_make_no_difference(size: int) -> None:
    dice = random.Random(size)
    sent = ["", "a", "x" * 125, "x" * 126, "Grüße", MEDIA, MEDIA, "x" * (300 if size == 1 else 65_535), MEDIA]
    async with talk(echo) as client:
        for text in sent:
            client.wire.send_text(text.encode())
            if dice.random() < 0.5:
                client.wire.send_ping(text.encode()[:20])
        client.wire.send_text(b"in ", fin=False)
        client.wire.send_continuation(b"pieces", fin=True)
        client.wire.send_text(b"last")
        await client.write(size)
        await client.read(lambda: len(client.frames(Opcode.TEXT)) == len(sent) + 2)
    assert [text.decode() for text in client.frames(Opcode.TEXT)] == [*sent, "in pieces", "last"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x81\x01a", 1002),  # without a mask
        (b"\x81\x81\0\0\0\0\xff", 1007),  # no UTF-8
        (b"\x81\xff\0\0\0\0\0\1\0\1" + bytes(4), 1009),  # 65,537 bytes to come
        (b"\xc1\x81\0\0\0\0a", 1002),  # compressed, which nobody has agreed on
    ],
)
async def test_what_is_no_proper_frame_closes_the_socket(raw: bytes, code: int) -> None:
    taken: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            taken.append(message)

    async with talk(app) as client:
        client.wire.send_text(MEDIA.encode())
        client.writer.write(b"".join(client.wire.data_to_send()) + raw)
        await client.read(lambda: bool(client.frames(Opcode.CLOSE)))
    assert [message["text"] for message in taken] == [MEDIA]
    assert client.frames(Opcode.CLOSE)[0][:2] == code.to_bytes(2)


async def test_what_nobody_takes_is_not_read() -> None:
    taking, sent = asyncio.Event(), 0
    taken: list[str] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await taking.wait()
        while (message := await receive())["type"] == "websocket.receive":
            taken.append(message["text"])

    async with talk(slow) as client:
        text = "x" * 60_000
        try:
            async with asyncio.timeout(20):
                for _ in range(2_000):  # 120 MB: more than any buffer between
                    client.wire.send_text(text.encode())
                    client.writer.write(b"".join(client.wire.data_to_send()))
                    sent += 1
                    async with asyncio.timeout(0.5):
                        await client.writer.drain()
        except TimeoutError:
            pass
        assert sent < 2_000
        taking.set()
        await until(lambda: len(taken) == sent, 20)
    assert set(taken) == {text}
