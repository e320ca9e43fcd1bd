"""What a browser call plays: a queue of pcm16 that leaves as Opus, frame by frame, by the line's clock."""

import asyncio
from collections import deque
from typing import Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

from channels._webrtc_sound import FRAME_BYTES, RATE, RTP_RATE, SILENCE, Encoder

MOST_UNPLAYED_BYTES = 2 * RATE * 2
_FRAME_TICKS = RTP_RATE // 50
_LAST_SILENT_FRAMES = 10
_MOST_READY = 25


class Speech(MediaStreamTrack):
    """The outgoing track. aiortc takes encoded packets from `recv` and sends them as they are.

    After 200 ms of silence nothing is sent until there is sound again; the timestamps go on with the clock.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.played = 0
        self._encoder = Encoder()
        self._unplayed = bytearray()
        self._ready: deque[Packet[Any]] = deque(maxlen=_MOST_READY)
        self._taker: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._silent = 0
        self._held = self._ended = False

    async def play(self, sound: bytes) -> None:
        """Queue it, then wait until at most 2 s are unplayed."""
        if self._ended:
            return
        self._unplayed += sound
        while len(self._unplayed) > MOST_UNPLAYED_BYTES and not self._ended:
            self._room.clear()
            await self._room.wait()

    def clear(self) -> None:
        """Drop what is unplayed, and what is encoded and has not left yet."""
        self._unplayed.clear()
        self._held = False
        self._room.set()

    def end(self) -> None:
        """Nothing is played any more; who waits is let go."""
        self._ended = True
        self.clear()
        self._wake()

    def tick(self, number: int) -> None:
        """Let the frame of the 20 ms of this number go; `number` counts from the connection's begin."""
        sound = self._frame()
        if sound == SILENCE:
            self._silent += 1
            if self._silent > _LAST_SILENT_FRAMES:
                return
        else:
            self._silent = 0
        packet = self._encoder.encode(sound, number * _FRAME_TICKS)
        if packet is not None:
            self._ready.append(packet)
            self._wake()

    def _frame(self) -> bytes:
        """The next 20 ms. The rest of a sentence waits 20 ms for more, then is filled up with silence."""
        unplayed = self._unplayed
        if not unplayed:
            return SILENCE
        if len(unplayed) < FRAME_BYTES and not self._held:
            self._held = True
            return SILENCE
        self._held = False
        sound = bytes(unplayed[:FRAME_BYTES])
        del unplayed[:FRAME_BYTES]
        self.played += len(sound)
        if len(unplayed) <= MOST_UNPLAYED_BYTES:
            self._room.set()
        return sound if len(sound) == FRAME_BYTES else sound.ljust(FRAME_BYTES, b"\0")

    async def recv(self) -> "Packet[Any]":
        """The next packet, when it is time for it. Raises `MediaStreamError` after the end."""
        while not self._ready:
            if self._ended:
                raise MediaStreamError
            self._taker = asyncio.get_running_loop().create_future()
            await self._taker
        return self._ready.popleft()

    def _wake(self) -> None:
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)
