"""Phone calls over the sandbox's carrier: people whose words are hidden in their sound, engines quick or faulty.

A person says `says("A cleaning, please.")`: real speech, at whose end the words stand in samples too quiet to be heard.
The quick ears read them there. The quick mouth gives each letter a sound of its own, so that what the carrier played
tells which words a person heard, byte by byte. The quick mind does as it is told.
"""

import asyncio
import base64
import contextlib
import io
import itertools
import wave
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np

from fixtures.sandbox.twilio.voice.audio import from_mulaw, from_wav
from hub.dialogue.turn import Collected, Finish, HandToHuman, Piece, Say, Toolbox, Turn, UsedTool
from hub.engine import Account, EngineFailed
from hub.engines import ENGINES, TRANSCRIBERS, VOICES
from hub.models import Address, Agent, AgentDefinition, Interaction, Message, Recording
from hub.voice.chain import BREAKER
from hub.voice.speech import MULAW_8K, EndOfTurn, Format, Heard, Hints, SpeechBegan, Words
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, until
from tests.world import House, Records, Sandbox, eventually, house

RATE = 8000
LETTER_BYTES = 240
"""30 ms for each letter."""
SPEECH = Path("fixtures/audio/sentences.ulaw").read_bytes()[7_200:24_000]
HOUR = 3_600.0
Script = list[dict[str, Any]]

# sound that means something

_MAGIC = bytes((0xF9, 0xF2, 0xFB, 0xF4, 0xFD, 0xF6))
_QUIET = b"\xff" * 320


def hidden(text: str) -> bytes:
    """Words as mu-law that nobody hears: two samples a byte, all of them quieter than a line's own noise."""
    data = text.encode() + b"\0"
    return _MAGIC + bytes(0xF0 | half for byte in data for half in (byte >> 4, byte & 15))


def says(text: str, milliseconds: int = 600, before: str = "") -> dict[str, Any]:
    """A step of a script: so long a stretch of speech that is understood as this. `before` is understood sooner."""
    speech = SPEECH[: milliseconds * 8]
    if before:
        half = len(speech) // 2
        speech = speech[:half] + hidden("..." + before) + speech[half:]
    return {"wav": wav(speech + hidden(text) + _QUIET)}


def wav(mulaw: bytes) -> str:
    """Mu-law as a WAV file in base64."""
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(RATE)
        opened.writeframes(from_mulaw(mulaw).astype("<i2").tobytes())
    return base64.b64encode(file.getvalue()).decode()


QUESTION = "Which colour do you want?"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,?!' "


def voiced(text: str, letter_bytes: int = LETTER_BYTES) -> bytes:
    """Each letter as a loud sound that no other letter has."""
    parts = []
    for letter in text.lower():
        code = 0x80 + max(_LETTERS.find(letter), 0)
        parts.append(bytes((code, code & 0x7F)) * (letter_bytes // 2))
    return b"".join(parts)


def spelled(played: bytes, letter_bytes: int = LETTER_BYTES) -> str:
    """What `voiced` says in this sound; a letter counts when more than half of it is there, quiet is left out."""
    codes = np.frombuffer(played, dtype=np.uint8) | 0x80
    text = []
    for begin, end in _runs(codes):
        code = int(codes[begin]) - 0x80
        if code < len(_LETTERS):
            text.append(_LETTERS[code] * round((end - begin) / letter_bytes))
    return "".join(text)


def _runs(codes: "np.ndarray[Any, Any]") -> list[tuple[int, int]]:
    if not len(codes):
        return []
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return list(itertools.pairwise(edges))


# engines


@dataclass
class Seen:
    """What the engines of this process were asked, since `clear`."""

    opened: list[str] = field(default_factory=list)
    closed: int = 0
    turns: list[Turn] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)

    def clear(self) -> None:
        self.opened.clear()
        self.turns.clear()
        self.spoken.clear()
        self.closed = 0

    def of(self, person: str) -> list[Turn]:
        """The turns of the mind in this person's calls."""
        return [turn for turn in self.turns if turn.customer.get("known_as") == person]


SEEN = Seen()


class Ears:
    """A transcriber that reads the words in the sound, or fails in its own way."""

    vendor = ""
    takes = (MULAW_8K,)
    ends_turns = True

    def __init__(self, fault: str = "") -> None:
        self._fault = fault

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "OpenEars":
        SEEN.opened.append("ears")
        if self._fault == "refuse":
            raise EngineFailed("refused")
        if self._fault == "half_open":
            await asyncio.sleep(HOUR)
        return OpenEars(self._fault)


class OpenEars:
    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._came: asyncio.Queue[Heard | Exception] = asyncio.Queue()
        self._tail = b""
        self._heard = 0

    def feed(self, audio: bytes) -> None:
        if self._fault in ("stall", "zero"):
            return
        self._tail += audio
        while (at := self._tail.find(_MAGIC)) >= 0:
            codes = self._tail[at + len(_MAGIC) :]
            data = bytes((high & 15) << 4 | low & 15 for high, low in zip(codes[::2], codes[1::2], strict=False))
            text, end, _ = data.partition(b"\0")
            if not end:
                self._tail = self._tail[at:]
                return
            self._tail = codes[2 * len(text) + 2 :]
            self._understood(text.decode(errors="replace"))
        self._tail = self._tail[-len(_MAGIC) :]

    def _understood(self, text: str) -> None:
        self._heard += 1
        if self._fault == "garbage":
            self._came.put_nowait(ValueError("not what was expected"))
        elif self._fault == "breaks":
            self._came.put_nowait(EngineFailed("broke off"))
        elif text.startswith("..."):
            self._came.put_nowait(SpeechBegan())
            self._came.put_nowait(Words(text[3:]))
        elif self._fault == "never_final":
            self._came.put_nowait(Words(text))
        else:
            self._came.put_nowait(Words(text, final=True))
            self._came.put_nowait(EndOfTurn())

    def finish(self) -> None: ...

    def expect(self, phrases: Sequence[str]) -> None: ...

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            came = await self._came.get()
            if isinstance(came, Exception):
                raise came
            yield came

    async def close(self) -> None:
        SEEN.closed += 1


class Voice:
    """A voice that spells, or fails in its own way. `options`: `letter_bytes`."""

    vendor = ""
    gives = (MULAW_8K,)

    def __init__(self, fault: str = "") -> None:
        self._fault = fault

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> "OpenVoice":
        SEEN.opened.append("voice")
        if self._fault == "refuse":
            raise EngineFailed("refused")
        if self._fault == "half_open":
            await asyncio.sleep(HOUR)
        return OpenVoice(self._fault, int(options.get("letter_bytes", LETTER_BYTES)))


class OpenVoice:
    def __init__(self, fault: str, letter_bytes: int) -> None:
        self._fault, self._letter_bytes = fault, letter_bytes

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        SEEN.spoken.append(text)
        if self._fault == "zero":
            return
        if self._fault == "stall":
            await asyncio.sleep(HOUR)
        if self._fault == "garbage":
            raise ValueError("not what was expected")
        sound = voiced(text, self._letter_bytes)
        if self._fault in ("breaks", "halts"):
            yield sound[: 10 * self._letter_bytes]
            if self._fault == "breaks":
                raise EngineFailed("broke off")
            await asyncio.sleep(HOUR)
        for at in range(0, len(sound), 4_000):
            yield sound[at : at + 4_000]

    async def close(self) -> None:
        SEEN.closed += 1


class Mind:
    """A brain that does as the customer says, or fails in its own way."""

    vendor = ""

    def __init__(self, fault: str = "") -> None:
        self._fault = fault

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        SEEN.turns.append(turn)
        said = turn.said.strip().lower()
        if self._fault and turn.cue == "message":
            async for piece in self._faulty():
                yield piece
            return
        turn.state["turns"] = turn.state.get("turns", 0) + 1
        if turn.cue not in ("message", "told"):
            yield Say(str(turn.agent.get("opening_message") if turn.cue == "opened" else "I am here again."))
        elif said == "goodbye":
            yield Say("Goodbye.")
            yield Finish("goodbye")
        elif said == "send me a question":
            result = await tools.call("send_link", {"question": QUESTION})
            yield UsedTool("send_link", {"question": QUESTION}, result)
            yield Say(result.error or "I have sent it.")
        elif said == "a person":
            yield Say("I connect you.")
            yield HandToHuman("asked for")
        elif said == "five sentences":
            for number in ("first", "second", "third", "fourth", "fifth"):
                yield Say(f"This is sentence the {number} of five.")
        elif said.startswith("my name is "):
            name = turn.said.strip()[11:]
            yield Collected("name", name, turn.said)
            yield Say(f"Hello {name}.")
        else:
            yield Say(f"You said {turn.said.strip()}.")

    async def _faulty(self) -> AsyncIterator[Piece]:
        if self._fault in ("stall", "half_open"):
            await asyncio.sleep(HOUR)
        if self._fault == "refuse":
            raise ConnectionError("refused")
        if self._fault == "garbage":
            raise ValueError("not what was expected")
        if self._fault == "breaks":
            yield Say("I begin with this.")
            raise ConnectionError("broke off")
        if self._fault == "halts":
            yield Say("I begin with this.")
            await asyncio.sleep(HOUR)


EAR_FAULTS = ("refuse", "half_open", "stall", "garbage", "breaks", "never_final")
VOICE_FAULTS = ("refuse", "half_open", "zero", "stall", "garbage", "breaks", "halts")
MIND_FAULTS = ("refuse", "stall", "garbage", "zero", "breaks", "halts")


def _engines(made: type, faults: Sequence[str], kind: str) -> dict[str, str]:
    """Roster lines of this engine, well and with each fault; the second one is a well one of another name."""
    names = {f"quick-{kind}": "", f"second-{kind}": "", **{f"{kind}-{fault}": fault for fault in faults}}
    for name, fault in names.items():
        globals()[name.replace("-", "_")] = partial(made, fault)
    return {name: f"tests.call_world:{name.replace('-', '_')}" for name in names}


ROSTERS = (
    (TRANSCRIBERS, _engines(Ears, EAR_FAULTS, "ears")),
    (VOICES, _engines(Voice, VOICE_FAULTS, "voice")),
    (ENGINES, _engines(Mind, MIND_FAULTS, "mind")),
)


@contextlib.contextmanager
def engines() -> Iterator[Seen]:
    """The engines above are in the rosters, and nothing was asked of them yet."""
    for roster, ours in ROSTERS:
        roster.update(ours)
    SEEN.clear()
    BREAKER.__init__()  # type: ignore[misc]
    try:
        yield SEEN
    finally:
        BREAKER.__init__()  # type: ignore[misc]
        for roster, ours in ROSTERS:
            for name in ours:
                roster.pop(name, None)


def agent(
    *, ears: str = "quick-ears", voice: str = "quick-voice", mind: str = "quick-mind", **call: Any
) -> AgentDefinition:
    """An agent with these engines; what is not a setting of calls is one of the agent's own."""
    own = {name: call.pop(name) for name in list(call) if name in AgentDefinition.model_fields}
    settings = {
        "hearing": {"engine": ears, "fallbacks": ["second-ears"]},
        "speaking": {"engine": voice, "fallbacks": ["second-voice"], "options": call.pop("voice_options", {})},
        **call,
    }
    return AgentDefinition(**{"name": "Maya", "engine": mind, "opening_message": "Hello.", "call": settings, **own})


# the exchange


@dataclass
class Exchange:
    """A hub in this process, its carrier, and what both know of each call."""

    house: House
    carrier: httpx.AsyncClient
    seen: Seen
    _people: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def records(self) -> Records:
        return self.house.records

    def person(self) -> str:
        """A number that nobody has called from yet."""
        return f"+1202555{next(self._people):04}"

    async def number(self, definition: AgentDefinition, value: str = "") -> str:
        """A number of ours with this agent behind it."""
        value = value or f"+1500556{next(self._numbers):04}"
        async with self.house.store.write() as db:
            home = self.house.home.workspace_id
            made = Agent(workspace_id=home, name=definition.name, definition=definition.model_dump(mode="json"))
            db.add(made)
            await db.flush()
            db.add(Address(workspace_id=home, channel="call", value=value, agent_id=made.id))
        return value

    # what people do

    async def control(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = await self.carrier.request(method, f"/control/voice{path}", json=body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def calls_us(self, number: str, script: Script, *, sender: str = "", target: str = "", **more: Any) -> str:
        """A person calls; the carrier's id of the call."""
        asked = {
            "from": sender or self.person(), "to": number, "script": script,
            "target": target or self.house.public_url, **more,
        }  # fmt: skip
        return str((await self.control("POST", "/calls", asked))["sid"])

    async def answers(self, number: str, **rule: Any) -> None:
        """How a person takes our calls."""
        await self.control("POST", "/persons", {"number": number, **rule})

    async def goes_on(self, sid: str, script: Script) -> None:
        await self.control("POST", f"/calls/{sid}/steps", {"script": script})

    async def misbehaves(self, sid: str, **faults: Any) -> None:
        await self.control("POST", f"/calls/{sid}/faults", faults)

    async def hangs_up(self, sid: str) -> None:
        await self.control("POST", f"/calls/{sid}/hang-up")

    # what the carrier saw

    async def until(self, sid: str, within: float = 20, **what: Any) -> dict[str, Any]:
        """The call at the carrier once it is so: `over`, `status`, `script`, `event` and `at_least` of it."""
        seen: dict[str, Any] = await self.control("GET", f"/calls/{sid}", wait_ms=int(within * 1000), **what)
        return seen

    async def over(self, sid: str, within: float = 20) -> dict[str, Any]:
        seen = await self.until(sid, within, over="true")
        assert seen["status"] in ("completed", "busy", "no-answer", "failed", "canceled"), seen
        return seen

    async def calls_to(self, person: str, at_least: int = 1, within: float = 10) -> list[dict[str, Any]]:
        """The calls that the hub placed to this person."""
        found = await self.control("GET", "/calls", to=person, at_least=at_least, wait_ms=int(within * 1000), events=1)
        return list(found["calls"])

    async def heard(self, sid: str) -> bytes:
        """All that the person heard, as mu-law since the answer."""
        answer = await self.carrier.get(f"/control/voice/calls/{sid}/heard.wav")
        return from_wav(answer.content)

    async def heard_words(self, sid: str, letter_bytes: int = LETTER_BYTES) -> str:
        return spelled(await self.heard(sid), letter_bytes)

    # what the hub wrote down

    async def interaction(self, sid: str) -> Interaction:
        return await self.records.one(Interaction, Interaction.external_id == sid)

    async def ended(self, sid: str, within: float = 10) -> Interaction:
        """The interaction of a call, once it is over in the hub too."""

        async def asked() -> Interaction | None:
            return next(iter(await self.records.all(Interaction, Interaction.external_id == sid)), None)

        found = await eventually(asked, lambda found: found and found.ended_at, within)
        assert found is not None
        return found

    async def messages(self, interaction_id: UUID) -> list[Message]:
        return list(await self.records.all(Message, Message.interaction_id == interaction_id))

    async def transcript(self, interaction_id: UUID) -> list[tuple[str, str]]:
        """Who said what, as it was heard."""
        said = await self.messages(interaction_id)
        return [(one.role, one.text if one.heard is None else one.heard) for one in said if one.role != "system"]

    async def recordings(self, interaction_id: UUID, within: float = 5) -> list[Recording]:
        """The parts of its recording, once they are finished."""

        async def parts() -> list[Recording]:
            return list(await self.records.all(Recording, Recording.interaction_id == interaction_id))

        return await eventually(parts, lambda found: found and all(one.finished_at for one in found), within)

    def lanes(self, recording: Recording) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
        """The customer's and everyone else's sound of a recording."""
        with wave.open(str(self.house.hub.context.data_dir / recording.path)) as file:
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return both[:, 0], both[:, 1]

    async def quiet(self) -> None:
        """Until no call is held any more."""
        await until(lambda: not self.house.hub.context.calls)
        await self.house.settled()


@contextlib.asynccontextmanager
async def exchange(
    database_url: str, sandbox: Sandbox, clock: FakeClock, folder: Path, **more: Any
) -> AsyncIterator[Exchange]:
    """A furnished hub with nothing but quick engines, and calls at its carrier."""
    limits = httpx.Limits(max_connections=200)
    with engines() as seen:
        async with (
            house(database_url, sandbox, clock, folder, **more) as made,
            httpx.AsyncClient(base_url=sandbox.url, timeout=90, limits=limits) as carrier,
        ):
            yield Exchange(made, carrier, seen)


__all__ = ["OUR_NUMBER", "Exchange", "agent", "engines", "exchange", "says", "spelled", "voiced"]


if __name__ == "__main__":  # a server of its own with these engines: `python -m tests.call_world serve --port ...`
    from web.cli import main

    with engines():
        main()
