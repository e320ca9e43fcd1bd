"""A phone call's sound, both ways: https://www.twilio.com/docs/voice/media-streams/websocket-messages"""

import asyncio
import binascii
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from channels._call_clock import PlayClock
from channels._call_tones import tones
from hub.channel import Pressed, Socket, Sound

CODEC, RATE = "mulaw", 8000
AHEAD_BYTES = 2 * RATE
MESSAGE_BYTES = RATE // 5
MARK_EVERY_BYTES = RATE
MOST_CHARACTERS = 65_536
MOST_LATE_SECONDS = 2.0
_DRIFT_SECONDS = 0.00002
"""By so much the clocks at both ends may drift apart from one frame to the next."""
_DAY_MS = 86_400_000
_KEYS = frozenset("0123456789*#")


class _Media(msgspec.Struct, gc=False):
    payload: bytes
    timestamp: Any = None
    track: str = "inbound"


class _Key(msgspec.Struct, gc=False):
    digit: str


class _Mark(msgspec.Struct, gc=False):
    name: str


class _Frame(msgspec.Struct, gc=False):
    event: str
    media: _Media | None = None
    dtmf: _Key | None = None
    mark: _Mark | None = None


_decode = msgspec.json.Decoder(_Frame).decode
_GARBLED = (msgspec.MsgspecError, ValueError, RecursionError)


class CallLine:
    """The line of a call whose stream has started. Made within the event loop that serves it.

    `connect_with` lets the carrier connect the person with another number. `garbled` counts the frames that made no
    sense; they are passed over.
    """

    codec, rate = CODEC, RATE

    def __init__(self, socket: Socket, stream: str, connect_with: Callable[[str], Awaitable[None]]) -> None:
        self._socket, self._connect_with = socket, connect_with
        self._before = f'{{"event":"media","streamSid":"{stream}","media":{{"payload":"'
        self._marking = f'{{"event":"mark","streamSid":"{stream}","mark":{{"name":"'
        self._clearing = f'{{"event":"clear","streamSid":"{stream}"}}'
        self._time = asyncio.get_running_loop().time
        self._clock = PlayClock(RATE, self._time)
        self._way, self._newest = math.inf, 0.0
        self._over = self._closed = False
        self.broken = False
        self.garbled = 0

    async def audio(self) -> AsyncIterator[Sound | Pressed]:
        receive = self._socket.receive
        while (given := await receive()) is not None:
            try:
                frame = _decode(given if len(given) <= MOST_CHARACTERS else "")
            except _GARBLED:
                self.garbled += 1
                continue
            if frame.event == "media":
                media = frame.media
                if media is not None and media.payload and media.track == "inbound":
                    at_ms = _milliseconds(media.timestamp)
                    if at_ms >= 0:
                        self._came(at_ms / 1000 + len(media.payload) / RATE)
                    yield Sound(media.payload, at_ms)
            elif frame.event == "mark" and frame.mark is not None:
                self._clock.returned(frame.mark.name)
            elif frame.event == "dtmf" and frame.dtmf is not None and frame.dtmf.digit in _KEYS:
                yield Pressed(frame.dtmf.digit)
            elif frame.event == "stop":
                break
        else:
            self.broken = not self._closed
        self._over = True
        if self._newest and not self._closed:
            self._clock.ended(max(self._newest + self._way, self._time() - MOST_LATE_SECONDS))

    def _came(self, made_at: float) -> None:
        """A frame that was whole then, in seconds of the carrier's clock; the quickest tells how long the way is."""
        self._newest, self._way = made_at, min(self._time() - made_at, self._way + _DRIFT_SECONDS)

    async def play(self, audio: bytes) -> None:
        await self._play(audio)

    async def _play(self, audio: bytes, *, counted: bool = True) -> None:
        clock = self._clock
        clears = clock.clears
        for begin in range(0, len(audio), MESSAGE_BYTES):
            part = audio[begin : begin + MESSAGE_BYTES]
            while not self._over and (too_much := clock.unplayed() + len(part) - AHEAD_BYTES) > 0:
                await asyncio.sleep(too_much / RATE)
                if clock.clears != clears:
                    return
            if self._over:
                return
            clock.write(len(part), counted=counted)
            await self._socket.send(f'{self._before}{binascii.b2a_base64(part, newline=False).decode()}"}}}}')
            if clock.clears != clears:  # it was sent after the clear, which did not meet it then
                await self._socket.send(self._clearing)
                return
            if clock.unmarked >= MARK_EVERY_BYTES:
                await self._mark()
        if clock.unmarked and not clock.marks_out:
            await self._mark()

    async def _mark(self) -> None:
        await self._socket.send(f'{self._marking}{self._clock.mark()}"}}}}')

    async def clear(self) -> None:
        if self._clock.clear() and not self._over:
            await self._socket.send(self._clearing)

    def played(self) -> int:
        return self._clock.heard()

    async def hangup(self) -> None:
        """Close the socket; the carrier then asks what to do with the call, and is told to end it."""
        self._over = True
        if not self._closed:
            self._closed = True
            await self._socket.close(1000)

    async def send_digits(self, digits: str) -> None:
        """Press keys as tones in the sound; they are not counted as played."""
        await self._play(tones(digits), counted=False)

    async def transfer(self, to: str) -> None:
        await self._connect_with(to)

    def tell(self, note: Mapping[str, Any]) -> None:
        """A phone has no screen."""


def _milliseconds(timestamp: Any) -> int:
    try:
        value = int(timestamp)
    except (TypeError, ValueError, OverflowError):
        return -1
    return value if 0 <= value <= _DAY_MS else -1
