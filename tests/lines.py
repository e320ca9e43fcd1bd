"""Calls whose sound carries its words: a line in memory, ears that read and a voice that writes them.

A frame is 20 ms of 8 kHz mu-law whose first bytes are text; so a test speaks and hears in words, through the real loop.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from hub.channel import Pressed, Sound, Undeliverable
from hub.engine import Account
from hub.voice.speech import MULAW_8K, EndOfTurn, Format, Heard, Hints, SpeechBegan, Words

FRAME = 160
FRAME_SECONDS = 0.02
SAID, SPOKEN = b"\xffsaid:", b"\xffword:"
"""What begins a frame of the customer's words, and one of ours."""
_PADDING = b"\xff"


def _frame(mark: bytes, text: str) -> bytes:
    written = mark + text.encode()
    assert len(written) <= FRAME, "a frame holds about 150 letters"
    return written.ljust(FRAME, _PADDING)


def _read(mark: bytes, frame: bytes) -> str:
    return frame.removeprefix(mark).rstrip(_PADDING).decode() if frame.startswith(mark) else ""


class TextLine:
    """The customer's telephone and the line to it. What is played counts as heard in real time."""

    codec, rate, broken = "mulaw", 8000, False

    def __init__(self, *, keys: bool = True, transfers: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        self._coming: asyncio.Queue[bytes | Pressed | None] = asyncio.Queue()
        self._playing: list[tuple[float, bytes]] = []
        self._until = 0.0
        self._keys, self._transfers = keys, transfers
        self.hung_up = asyncio.Event()
        self.pressed = ""
        self.transferred = ""
        self.told: list[Mapping[str, Any]] = []

    # the customer

    def says(self, text: str) -> None:
        """Say this in one go."""
        self._coming.put_nowait(_frame(SAID, text))

    def begins(self, text: str) -> None:
        """Say this, and be about to go on."""
        self._coming.put_nowait(_frame(SAID, f"{text}..."))

    def hang_up(self) -> None:
        self._coming.put_nowait(None)

    @property
    def heard(self) -> str:
        """All the words that have sounded so far."""
        now = self._loop.time()
        return " ".join(word for at, frame in self._playing if at <= now and (word := _read(SPOKEN, frame)))

    # the line

    async def audio(self) -> AsyncIterator[Sound | Pressed]:
        count = 0
        while True:
            try:
                async with asyncio.timeout(FRAME_SECONDS):
                    came = await self._coming.get()
            except TimeoutError:
                came = _PADDING * FRAME
            if came is None:
                return
            if isinstance(came, Pressed):
                yield came
                continue
            yield Sound(came, count * 20)
            count += 1

    async def play(self, audio: bytes) -> None:
        begin = max(self._until, self._loop.time())
        frames = [audio[at : at + FRAME] for at in range(0, len(audio), FRAME)]
        self._playing += [(begin + n * FRAME_SECONDS, frame) for n, frame in enumerate(frames)]
        self._until = begin + len(audio) / 8000
        await asyncio.sleep(max(self._until - self._loop.time() - 2, 0))

    async def clear(self) -> None:
        now = self._loop.time()
        self._playing = [(at, frame) for at, frame in self._playing if at <= now]
        self._until = now

    def played(self) -> int:
        now = self._loop.time()
        return sum(min(len(frame), int((now - at) * 8000)) for at, frame in self._playing if at <= now)

    async def hangup(self) -> None:
        self.hung_up.set()
        self.hang_up()

    async def send_digits(self, digits: str) -> None:
        if not self._keys:
            raise Undeliverable("This line has no keys to press.")
        self.pressed += digits

    async def transfer(self, to: str) -> None:
        if not self._transfers:
            raise Undeliverable("The carrier did not take the transfer.")
        self.transferred = to

    def tell(self, note: Mapping[str, Any]) -> None:
        self.told.append(note)


class Reader:
    """A `Transcriber` that reads what a `TextLine` says."""

    vendor = ""
    takes = (MULAW_8K,)
    ends_turns = True

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "ReadingEars":
        return ReadingEars()


class ReadingEars:
    def __init__(self) -> None:
        self._came: asyncio.Queue[Heard] = asyncio.Queue()

    def feed(self, audio: bytes) -> None:
        for at in range(0, len(audio), FRAME):
            if text := _read(SAID, audio[at : at + FRAME]):
                self._understood(text)

    def _understood(self, text: str) -> None:
        self._came.put_nowait(SpeechBegan())
        self._came.put_nowait(Words(text.removesuffix("...")))
        if not text.endswith("..."):
            self._came.put_nowait(Words(text, final=True))
            self._came.put_nowait(EndOfTurn())

    def finish(self) -> None: ...

    def expect(self, phrases: Sequence[str]) -> None: ...

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            yield await self._came.get()

    async def close(self) -> None: ...


class Writer:
    """A `Voice` that takes 20 ms for a word."""

    vendor = ""
    gives = (MULAW_8K,)

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> "WritingMouth":
        return WritingMouth()


class WritingMouth:
    async def speak(self, text: str) -> AsyncIterator[bytes]:
        for word in text.split():
            yield _frame(SPOKEN, word)

    async def close(self) -> None: ...


ENGINES = {"reader": "tests.lines:Reader", "writer": "tests.lines:Writer"}
CALL = {"hearing": {"engine": "reader"}, "speaking": {"engine": "writer"}, "record": True}
"""The `call` settings of an agent for these lines."""
