"""The contract of the speech engines: ears turn sound into words, a mouth turns words into sound.

An engine is a vendor or an embedded program; it is opened once per call, before it is needed, and closed
with it. Everything here runs on the event loop, so nothing may be slow: sockets and worker processes only.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from hub.engine import Account


class Format(NamedTuple):
    """A way of writing sound down: `mulaw` has one byte a sample, `pcm16` two (signed, little-endian); mono."""

    codec: str
    rate: int

    @property
    def bytes_per_second(self) -> int:
        return self.rate * (2 if self.codec == "pcm16" else 1)

    def milliseconds(self, size: int) -> int:
        """How long so many bytes sound."""
        return size * 1000 // self.bytes_per_second

    def size(self, milliseconds: float) -> int:
        """How many bytes so long a sound has, on a sample's boundary."""
        samples = round(self.rate * milliseconds / 1000)
        return samples * (2 if self.codec == "pcm16" else 1)


MULAW_8K = Format("mulaw", 8000)
PCM_16K = Format("pcm16", 16000)
PCM_24K = Format("pcm16", 24000)
PCM_48K = Format("pcm16", 48000)


def best(offered: Sequence[Format], line: Format) -> Format:
    """The line's own format; else the fullest sound that the line can carry, else the engine's favourite."""
    if line in offered:
        return line
    carried = [one for one in offered if one.codec == line.codec and one.rate <= line.rate]
    return max(carried, key=lambda one: one.rate, default=offered[0])


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The engine hears somebody speak."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is being said. Not `final`: all words since the last final ones, may still change. `final`: settled.

    `from_ms` and `to_ms` say where it stands in what was fed; -1 when the engine does not tell.
    """

    text: str
    final: bool = False
    from_ms: int = -1
    to_ms: int = -1


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """The engine takes the person to have finished. `likely`: it may still take that back with `Resumed`."""

    likely: bool = False


@dataclass(frozen=True, slots=True)
class Resumed:
    """The person goes on: the likely end was none."""


Heard = SpeechBegan | Words | EndOfTurn | Resumed


@dataclass(frozen=True, slots=True)
class Hints:
    """What helps to understand this agent's customers. `phrases` are whole sentences they may say, `words` names.

    `definition` is the agent's, for engines that build a phrase book from its flow.
    """

    language: str = "en-US"
    phrases: Sequence[str] = ()
    words: Sequence[str] = ()
    definition: Mapping[str, Any] = field(default_factory=dict)


class Ears(Protocol):
    """One call's transcriber at work."""

    def feed(self, audio: bytes) -> None:
        """Take a stretch of sound in the format it was opened with. Never waits; too much of it is a failure."""
        ...

    def finish(self) -> None:
        """The person has stopped speaking, as we hear it: settle the words now. Never waits."""
        ...

    def expect(self, phrases: Sequence[str]) -> None:
        """What may be said next, such as the times just offered. Engines that learn nothing from it ignore it."""
        ...

    def heard(self) -> AsyncIterator[Heard]:
        """What is heard, as it is. Raises `EngineFailed`."""
        ...

    async def close(self) -> None: ...


class Transcriber(Protocol):
    """An engine of hearing. `takes` lists the formats it understands, the best first.

    `ends_turns`: it says itself when a turn is over (`EndOfTurn`); otherwise silence does. `vendor` is whose account
    it needs, empty for an embedded one. One that takes its time to settle words says how long, in `settles_in` seconds.
    """

    vendor: str
    takes: tuple[Format, ...]
    ends_turns: bool

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> Ears:
        """Connect. `options` are the agent's settings for this engine. Raises `EngineFailed`."""
        ...


@runtime_checkable
class Library(Protocol):
    """An engine of hearing or speaking whose library takes seconds to import, once in a process."""

    async def load(self, account: Account) -> None:
        """Have it imported and a client for this account at hand. Connects with nobody."""
        ...


class Mouth(Protocol):
    """One call's voice at work."""

    def speak(self, text: str) -> AsyncIterator[bytes]:
        """The sound of one sentence, as it is made; several may be asked for side by side. Raises `EngineFailed`.

        Closing the iterator early lets the engine stop.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class NamedVoice:
    """One voice of an engine. What the vendor does not tell is empty; `id` is what an agent's `voice` is."""

    id: str
    name: str
    language: str = ""
    gender: str = ""
    accent: str = ""
    preview_url: str = ""


@runtime_checkable
class Catalogue(Protocol):
    """An engine of speaking that can list its voices."""

    async def voices(self, account: Account) -> Sequence[NamedVoice]:
        """Every voice that this account may use, bounded. Raises `EngineFailed`."""
        ...


class Voice(Protocol):
    """An engine of speaking. `gives` lists the formats it can make, the best first; `vendor` as for transcribers."""

    vendor: str
    gives: tuple[Format, ...]

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> Mouth:
        """Connect. `options` are the agent's settings for this engine. Raises `EngineFailed`."""
        ...
