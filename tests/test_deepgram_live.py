"""What is sent without waiting, and what has to wait because the other end takes nothing for a while."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType, web

from hub.at_once import at_once
from hub.engine import Account
from hub.engines.deepgram_live import Live
from tests.fakes import until

pytestmark = pytest.mark.anyio

SECOND = 8_000


class Far:
    """The other end, which reads once it is told to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.got: list[bytes | str] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self.reads.wait()
        async for message in socket:
            self.got.append(message.data if message.type is WSMsgType.BINARY else str(message.data))
        return socket


@pytest.fixture
async def far(anyio_backend: str) -> AsyncIterator[Far]:
    made, app = Far(), web.Application()
    app.router.add_get("/", made.serve)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    yield made
    made.reads.set()
    await runner.cleanup()


async def test_what_has_to_wait_goes_out_later_and_in_its_order(far: Far) -> None:
    live = await Live.open(Account("key"), far.url, SECOND)
    fed: list[bytes | str] = []
    while live._sending is None:  # the connection takes it, so far
        piece = len(fed).to_bytes(4, "big") * (SECOND // 4)
        fed.append(piece)
        live.feed(piece)
    for number in range(5):
        fed.append(bytes([number]) * SECOND)
        live.feed(bytes([number]) * SECOND)
    fed.append('{"type": "Finalize"}')
    live.order('{"type": "Finalize"}')
    far.reads.set()
    await until(lambda: len(far.got) >= len(fed), 20)
    assert far.got == fed
    live.feed(b"on")
    await live.close("goodbye")
    await until(lambda: far.got[len(fed) :] == [b"on", "goodbye"])


async def test_who_leaves_while_something_waits_leaves(far: Far) -> None:
    live = await Live.open(Account("key"), far.url, SECOND)
    while live._sending is None:
        live.feed(bytes(SECOND))
    async with asyncio.timeout(5):
        await live.close("goodbye")


async def test_work_is_carried_out_at_once_as_far_as_it_goes() -> None:
    done: list[str] = []
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work(*waits: asyncio.Future[None]) -> None:
        done.append("begun")
        for one in waits:
            await one
        done.append("ended")

    assert at_once(work()) is None
    assert done == ["begun", "ended"]
    rest = at_once(work(gate))
    assert rest is not None
    assert done[2:] == ["begun"]
    asyncio.get_running_loop().call_soon(gate.set_result, None)
    await rest
    assert done[2:] == ["begun", "ended"]


async def test_the_rest_fails_with_what_it_waits_for() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ended: list[str] = []

    async def work() -> None:
        try:
            await gate
        finally:
            ended.append("ended")

    rest = at_once(work())
    assert rest is not None
    gate.set_exception(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError):
        await rest
    assert ended == ["ended"]
