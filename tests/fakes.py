"""Stand-ins that are honest: a clock to be moved, a channel that remembers, a tool that takes its time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from hub.channel import Channel, Inbound, Limits, Outbound, Undeliverable
from hub.clock import Clock


class FakeClock(Clock):
    """Real time, put forward by as much as a test likes."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def forward(self, **by: float) -> None:
        self._ahead += timedelta(**by)


class FakeChannel(Channel):
    """A channel by which nothing leaves: what would have gone out is in `sent`.

    `troubles` are raised by the next sends, one each. `lost` holds back what a listing would show. `during` is called
    while a message is on its way.
    """

    identity = "phone"
    limits = Limits(length=1600, split_over=320, media_count=10, receipts=True, keywords=True)

    def __init__(self, name: str = "sms") -> None:
        self.name = name
        self.sent: list[Outbound] = []
        self.listed: list[tuple[str, Outbound]] = []
        self.troubles: list[Undeliverable] = []
        self.waiting: list[Inbound] = []
        self.polls = 0
        self.asked = 0
        self.unreachable = False
        self.gate: asyncio.Event | None = None
        self.on_its_way = asyncio.Event()

    async def send(self, outbound: Outbound) -> str:
        self.on_its_way.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append(outbound)
        external_id = f"SM{len(self.sent):032x}"
        self.listed.append((external_id, outbound))
        return external_id

    async def find(self, outbound: Outbound) -> list[str]:
        self.asked += 1
        if self.unreachable:
            raise Undeliverable("The provider cannot be reached.", retry=True)
        return [
            external_id
            for external_id, sent in self.listed
            if (sent.text, sent.recipient) == (outbound.text, outbound.recipient)
        ]

    async def missed(self, since: datetime) -> list[Inbound]:
        self.polls += 1
        return list(self.waiting)


class Gate:
    """An HTTP service that an agent's tool calls: it holds each request until it is opened."""

    def __init__(self) -> None:
        self.asked = 0
        self._open = asyncio.Event()
        self.url = ""

    def open(self) -> None:
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await self._open.wait()
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n"
                b'connection: close\r\n\r\n{"ok":true}'
            )
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def gated() -> AsyncIterator[Gate]:
    """A closed gate on loopback."""
    gate = Gate()
    server = await asyncio.start_server(gate._serve, "127.0.0.1", 0)
    gate.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/look-up"
    try:
        yield gate
    finally:
        gate.open()
        server.close()


async def until(condition: Callable[[], object], within_seconds: float = 10) -> None:
    """Wait for a condition of this process; fails when it does not come about in time."""
    deadline = asyncio.get_running_loop().time() + within_seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about in time"
        await asyncio.sleep(0.005)
