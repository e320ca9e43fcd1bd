"""Engines of hearing and speaking that count what they are given."""

from collections.abc import AsyncIterator, Sequence

from hub.core.metering import Meter
from hub.voice.speech import Ears, Format, Heard, Mouth


class MeteredEars:
    """Ears whose vendor charges for the sound they are fed."""

    def __init__(self, ears: Ears, format: Format, meter: Meter, vendor: str, model: str, own: bool) -> None:
        self._ears, self._format, self._meter = ears, format, meter
        self._whose = (vendor, model, own)
        self._bytes = 0

    def feed(self, audio: bytes) -> None:
        self._bytes += len(audio)
        if self._bytes >= self._format.bytes_per_second:
            seconds, self._bytes = divmod(self._bytes, self._format.bytes_per_second)
            self._count(seconds * 1000)
        self._ears.feed(audio)

    def _count(self, milliseconds: int) -> None:
        vendor, model, own = self._whose
        self._meter.add("transcriber", vendor, model, "sound_ms", milliseconds, own)

    def finish(self) -> None:
        self._ears.finish()

    def expect(self, phrases: Sequence[str]) -> None:
        self._ears.expect(phrases)

    def heard(self) -> AsyncIterator[Heard]:
        return self._ears.heard()

    async def close(self) -> None:
        self._count(self._format.milliseconds(self._bytes))
        self._bytes = 0
        await self._ears.close()


class MeteredMouth:
    """A mouth whose vendor charges for the characters it is given."""

    def __init__(self, mouth: Mouth, meter: Meter, vendor: str, model: str, own: bool) -> None:
        self._mouth, self._meter = mouth, meter
        self._whose = (vendor, model, own)

    def speak(self, text: str) -> AsyncIterator[bytes]:
        vendor, model, own = self._whose
        self._meter.add("voice", vendor, model, "character", len(text), own)
        return self._mouth.speak(text)

    async def close(self) -> None:
        await self._mouth.close()
