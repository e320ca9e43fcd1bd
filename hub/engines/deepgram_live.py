"""A live connection to Deepgram: sound and orders go out without waiting, messages come in, its death is noticed.

The SDK's own live client costs 0.4 s of CPU for a minute of a call (the legacy client of its WebSocket library, and a
model made of each message), this one 0.1 s: `python -m tests.bench.deepgram cpu`.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import msgspec

from hub.at_once import at_once
from hub.engine import Account, EngineFailed
from hub.engines import deepgram
from hub.engines.refusals import refused

OPEN_SECONDS = 1.8
"""Less than the call gives us, so that the reason is ours."""
HEARTBEAT_SECONDS = 2.0
"""How often the other end is asked whether it is there; it must answer within half of that."""
MOST_WAITING_SECONDS = 10.0
"""Of sound; who takes over in a call is told the last 8 s of it at once."""
MOST_UNREAD = 1_000
CLOSING_SECONDS = 0.5
LOOK_SECONDS = 0.5

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Live:
    """One connection. `bytes_per_second` is of the sound; more than 10 s of it unsent is a failure."""

    def __init__(
        self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, bytes_per_second: int
    ) -> None:
        self._session, self._socket = session, socket
        self._loop = asyncio.get_running_loop()
        self._most = round(bytes_per_second * MOST_WAITING_SECONDS)
        self._waiting: deque[bytes | str] = deque()
        self._waiting_bytes = 0
        self._sending: asyncio.Task[None] | None = None
        self._in: asyncio.Queue[dict[str, Any] | EngineFailed] = asyncio.Queue()
        self._failed = False
        self.fed_at = self.heard_at = self._loop.time()
        self._looking: asyncio.TimerHandle | None = None
        self._receiving = asyncio.create_task(self._receive())

    @classmethod
    async def open(cls, account: Account, url: str, bytes_per_second: int) -> "Live":
        """Connect. Raises `EngineFailed`."""
        session = aiohttp.ClientSession(headers={"Authorization": f"Token {account.key}"}, trust_env=True)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                socket = await session.ws_connect(url, heartbeat=HEARTBEAT_SECONDS, max_msg_size=1 << 20)
        except BaseException as error:
            await session.close()
            if isinstance(error, TimeoutError):
                raise EngineFailed(f"Deepgram did not connect within {OPEN_SECONDS:g} s.", "slow") from None
            if isinstance(error, aiohttp.WSServerHandshakeError):
                words = error.headers.get("dg-error", "").rstrip(".") if error.headers is not None else ""
                raise refused(deepgram.VENDOR, error.status, words) from None
            if isinstance(error, aiohttp.ClientError | OSError):
                raise EngineFailed(f"Deepgram cannot be reached: {error}.") from error
            raise
        return cls(session, socket, bytes_per_second)

    @property
    def now(self) -> float:
        return self._loop.time()

    # out

    def feed(self, audio: bytes) -> None:
        """Sound, as it is. Never waits."""
        self.fed_at = self._loop.time()
        if self._waiting_bytes + len(audio) > self._most:
            self.fail(EngineFailed(f"Deepgram takes no more sound: {MOST_WAITING_SECONDS:g} s of it wait.", "slow"))
        else:
            self._give(audio)

    def order(self, message: str) -> None:
        """A control message, such as '{"type": "Finalize"}'. Never waits."""
        self._give(message)

    def _give(self, one: bytes | str) -> None:
        """Send it, after what waits already."""
        if self._failed:
            return
        if self._sending is not None:
            self._waiting.append(one)
            self._waiting_bytes += len(one)
        elif rest := at_once(self._send(one)):
            self._sending = asyncio.create_task(self._send_on(rest))

    async def _send(self, one: bytes | str) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):  # whoever receives knows better why
            await (self._socket.send_str(one) if isinstance(one, str) else self._socket.send_bytes(one))

    async def _send_on(self, rest: Awaitable[None]) -> None:
        """The socket has stopped taking anything for a moment."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await rest
        while self._waiting:
            one = self._waiting.popleft()
            await self._send(one)
            self._waiting_bytes -= len(one)
        self._sending = None

    def look_after(self, look: Callable[[], None]) -> None:
        """Have it called twice a second, as long as the connection is open."""
        look()
        self._looking = self._loop.call_later(LOOK_SECONDS, self.look_after, look)

    # in

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Each message as it comes. Raises `EngineFailed` at the end, whatever ends it."""
        while True:
            came = await self._in.get()
            if isinstance(came, EngineFailed):
                raise came
            yield came

    def fail(self, why: EngineFailed) -> None:
        """It is of no use any more: who reads the messages is told why."""
        if not self._failed:
            self._failed = True
            self._in.put_nowait(why)

    async def _receive(self) -> None:
        try:
            while not self._failed:
                message = self._read(await self._socket.receive())
                self.heard_at = self._loop.time()
                if self._in.qsize() >= MOST_UNREAD:
                    raise EngineFailed("Deepgram sends more than anybody can read.", "garbage")
                self._in.put_nowait(message)
        except EngineFailed as error:
            self.fail(error)

    def _read(self, came: aiohttp.WSMessage) -> dict[str, Any]:
        if came.type is aiohttp.WSMsgType.TEXT:
            return _message(came.data)
        if came.type is aiohttp.WSMsgType.BINARY:
            raise EngineFailed("Deepgram sent bytes where words belong.", "garbage")
        if came.type is not aiohttp.WSMsgType.ERROR:
            raise deepgram.closed(self._socket.close_code, str(came.extra or ""))
        if isinstance(came.data, TimeoutError):
            raise EngineFailed("Deepgram does not answer any more.", "slow")
        raise EngineFailed(f"the connection to Deepgram broke: {came.data}.")

    async def close(self, goodbye: str) -> None:
        """Take leave; the other end has half a second to do so too. Whatever comes between, nothing stays open."""
        if self._looking is not None:
            self._looking.cancel()
        tasks = [task for task in (self._receiving, self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
            async with _within(CLOSING_SECONDS):
                if not (self._failed or self._socket.closed):
                    await self._socket.send_str(goodbye)
        finally:
            try:
                async with _within(CLOSING_SECONDS):
                    await self._socket.close()
            finally:
                await self._session.close()


@contextlib.asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Not longer than this; and an end that is broken is one."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(seconds):
            yield


def _message(text: str) -> dict[str, Any]:
    try:
        message = _decode(text)
    except msgspec.DecodeError:
        raise EngineFailed(f"Deepgram sent {len(text)} characters that are no message.", "garbage") from None
    if message.get("type") == "Error":
        raise deepgram.told(message)
    return message
