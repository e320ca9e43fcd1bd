"""Sound as a vendor sends it by HTTP, made safe to play: whole samples of speech, neither silence, nor a file, nor
something else, nor without end.
"""

import asyncio
import re
from collections.abc import AsyncIterator

from hub.engine import EngineFailed
from hub.voice.codecs import audioop, pcm16
from hub.voice.speech import Format

FIRST_SECONDS = 3.0
"""From the request to the first sound that can be heard."""
NEXT_SECONDS = 2.0
BEHIND_SECONDS = 1.5
"""So far may sound fall behind speech before it is too slow."""
QUIET_SECONDS = 1.0
"""Of silence at the beginning, which is held back until something is heard."""
_AUDIBLE = 260  # of 32,768: -42 dBFS
_LEAST_PER_LETTER, _MOST_PER_LETTER, _MOST_BESIDE = 0.025, 0.3, 6.0  # seconds
_DIGIT_LETTERS = 6  # at most; "1,000,000" has hardly more letters than digits
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"\d")
_FILES = {b"RIFF": "a WAV file", b"ID3": "an MP3 file", b"OggS": "an Ogg file", b"fLaC": "a FLAC file"}
_PAGES = (b"<!doctype", b"<html", b"<?xml", b'{"', b"{'", b'[{"')


def speakable(text: str) -> bool:
    """Whether there is anything in it that has a sound."""
    return bool(_LETTER.search(text) or _DIGIT.search(text))


class Received:
    """The sound of one text on its way from a vendor, which is asked for `format` at this `speed`."""

    def __init__(self, vendor: str, format: Format, text: str, speed: float = 1.0) -> None:
        self._vendor, self._format = vendor, format
        letters, digits = len(_LETTER.findall(text)), len(_DIGIT.findall(text))
        self._least = format.size((letters + digits) * _LEAST_PER_LETTER / speed * 1000)
        self._most = format.size(((letters + _DIGIT_LETTERS * digits) * _MOST_PER_LETTER / speed + _MOST_BESIDE) * 1000)
        self._width = 2 if format.codec == "pcm16" else 1
        self._odd = self._quiet = b""
        self._size, self._waited = 0, 0.0
        self._heard = self._seen = False

    def announced(self, content_type: str) -> None:
        """Look at what the vendor says it sends. Raises `EngineFailed`."""
        kind, _, more = content_type.lower().partition(";")
        if kind.startswith(("text/", "application/json", "application/problem")):
            raise self._garbage(f"answered with {kind} in place of sound")
        if kind in ("audio/wav", "audio/x-wav", "audio/mpeg", "audio/ogg", "audio/flac", "audio/mp3"):
            raise self._garbage(f"sent {kind} where raw sound was asked for")
        rate = re.search(r"rate=(\d+)", more)
        if rate and int(rate[1]) != self._format.rate:
            raise self._garbage(f"sent sound at {rate[1]} Hz, not at {self._format.rate}")

    async def played(self, chunks: AsyncIterator[bytes], spent: float = 0.0) -> AsyncIterator[bytes]:
        """What can be played, as it comes; `spent` seconds of the first sound's time are over.

        Raises `EngineFailed`.
        """
        time = asyncio.get_running_loop().time
        first_by = time() + FIRST_SECONDS - spent
        while True:
            asked = time()
            try:
                async with asyncio.timeout_at(asked + NEXT_SECONDS if self._heard else first_by):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                words = f"sent no sound for {time() - asked + (0 if self._heard else spent):.1f} s"
                raise EngineFailed(f"{self._vendor} {words}.", "slow") from None
            if chunk is None:
                break
            self._waited += time() - asked if self._heard else 0
            if sound := self._take(chunk):
                yield sound
        self._whole()

    def _take(self, chunk: bytes) -> bytes:
        if not self._seen:
            self._look(chunk)
        if self._odd or len(chunk) % self._width:
            chunk = self._odd + chunk
            cut = len(chunk) // self._width * self._width
            chunk, self._odd = chunk[:cut], chunk[cut:]
        self._size += len(chunk)
        if self._size > self._most:
            raise self._garbage("sent more sound than the text can have")
        seconds = self._size / self._format.bytes_per_second
        if self._waited > seconds + BEHIND_SECONDS:
            raise EngineFailed(f"{self._vendor} sends sound slower than it is spoken.", "slow")
        if self._heard or not chunk:
            return chunk
        if audioop.max(pcm16(chunk, self._format), 2) < _AUDIBLE:
            self._quiet += chunk
            if seconds > QUIET_SECONDS:
                raise self._garbage("sent nothing but silence")
            return b""
        self._heard, sound, self._quiet = True, self._quiet + chunk, b""
        return sound

    def _look(self, chunk: bytes) -> None:
        """At the first bytes: whether they are sound at all."""
        start = (self._odd + self._quiet + chunk)[:16].lstrip()
        if not start:
            return
        self._seen = True
        for mark, words in _FILES.items():
            if start.startswith(mark):
                raise self._garbage(f"sent {words} where raw sound was asked for")
        if start.lower().startswith(_PAGES):
            raise self._garbage("sent text where sound was asked for")

    def _whole(self) -> None:
        if not self._size:
            raise self._garbage("sent no sound")
        if not self._heard:
            raise self._garbage("sent nothing but silence")
        if self._size < self._least:
            raise self._garbage("sent less sound than the text has")

    def _garbage(self, words: str) -> EngineFailed:
        return EngineFailed(f"{self._vendor} {words}.", "garbage")
