"""One line for two: whoever talks with the person on it, and a room on another line that the person joins later."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from hub.channel import Line, Pressed, Sound, Undeliverable

MOST_WAITING = 50
"""Pieces of sound that the room has not fetched; older ones are dropped, so that talking stays talking."""


class Shared:
    """A `Line` as it is, whose sound is also given to its `bridge`; keys that `pressed` makes use of go no further."""

    def __init__(self, line: Line, pressed: Callable[[str], bool]) -> None:
        self._line, self._pressed = line, pressed
        self.codec, self.rate, self.broken = line.codec, line.rate, line.broken
        self.bridge = Bridge(line)
        self.play, self.clear, self.played = line.play, line.clear, line.played
        self.hangup, self.send_digits, self.transfer, self.tell = (
            line.hangup, line.send_digits, line.transfer, line.tell,
        )  # fmt: skip

    async def audio(self) -> AsyncIterator[Sound | Pressed]:
        try:
            async for sound in self._line.audio():
                if isinstance(sound, Sound):
                    self.bridge.put(sound)
                elif self._pressed(sound.digit):
                    continue
                yield sound
        finally:
            self.broken = self._line.broken
            self.bridge.close()


class Bridge:
    """A `Line` to the same person for a room: what they say from its first listening on, until they are gone."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.codec, self.rate, self.broken = line.codec, line.rate, False
        self._came: asyncio.Queue[Sound | None] = asyncio.Queue()
        self._open = False
        self._closed = False
        self.sound: Callable[[bytes], Any] = line.play
        """How the person is given sound."""

    def put(self, sound: Sound) -> None:
        if self._open:
            if self._came.qsize() >= MOST_WAITING:
                self._came.get_nowait()
            self._came.put_nowait(sound)

    def close(self) -> None:
        """They are gone, or are to be let go: `audio` ends."""
        self._closed = True
        self._came.put_nowait(None)

    async def audio(self) -> AsyncIterator[Sound | Pressed]:
        self._open = not self._closed
        while self._open and (sound := await self._came.get()) is not None:
            yield sound
        self._open = False

    async def play(self, audio: bytes) -> None:
        await self.sound(audio)

    async def clear(self) -> None:
        """What the room gave sounds at once; there is nothing to be cleared."""

    def played(self) -> int:
        return self._line.played()

    async def hangup(self) -> None:
        self.close()

    async def send_digits(self, digits: str) -> None:
        raise Undeliverable("There are no keys to press for a colleague.")

    async def transfer(self, to: str) -> None:
        raise Undeliverable("A colleague cannot be transferred.")

    def tell(self, note: Mapping[str, Any]) -> None: ...
