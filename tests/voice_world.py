"""A call without a network: a phone, engines that do as a test says, a mind that says what it is told to."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.channel import Pressed, Sound
from hub.dialogue.turn import Cue, Piece, Say
from hub.engine import EngineFailed
from hub.models.voice import Call
from hub.voice.chain import Breaker, Chain
from hub.voice.codecs import Converter
from hub.voice.converse import Conversation
from hub.voice.hearing import OpenEars
from hub.voice.speech import MULAW_8K, EndOfTurn, Heard, SpeechBegan, Words
from hub.voice.synthesis import OpenMouth

FRAME = 160
FRAME_SECONDS = 0.02
LETTER_BYTES = 400
QUIET = b"\xff" * FRAME
SPEECH = Path("fixtures/audio/sentences.ulaw").read_bytes()[7_200:24_000]
"""A stretch of somebody speaking."""


class Phone:
    """The customer's telephone, and the carrier between. `spoken` is sent frame by frame, quiet otherwise."""

    codec, rate, broken = "mulaw", 8000, False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._speech_left = 0
        self._speech_at = 0
        self._came: asyncio.Queue[Sound | Pressed | None] = asyncio.Queue()
        self._runs: list[tuple[float, bytearray]] = []
        self._gone = False
        self.cleared = 0
        self.told: list[Mapping[str, Any]] = []
        self.hung_up = False
        self.transferred = ""
        self.sent_digits = ""

    # the customer

    async def speak(self, milliseconds: int) -> None:
        """Speak for so long."""
        self._speech_left += milliseconds // 20
        while self._speech_left > 0:  # noqa: ASYNC110 - frame by frame, in virtual time
            await asyncio.sleep(FRAME_SECONDS)

    def press(self, digits: str) -> None:
        for digit in digits:
            self._came.put_nowait(Pressed(digit))

    def hang_up(self) -> None:
        self._gone = True
        self._came.put_nowait(None)

    def _frame(self) -> bytes:
        if self._speech_left <= 0:
            return QUIET
        self._speech_left -= 1
        self._speech_at = (self._speech_at + FRAME) % (len(SPEECH) - FRAME)
        return SPEECH[self._speech_at : self._speech_at + FRAME]

    # what was heard

    def heard(self) -> bytes:
        """Everything that has sounded so far."""
        return b"".join(bytes(audio[: self._sounded(begin, audio)]) for begin, audio in self._runs)

    def _sounded(self, begin: float, audio: bytearray) -> int:
        return min(max(int((self._loop.time() - begin) * 8000 + 0.5), 0), len(audio))

    def silences(self) -> list[float]:
        """The gaps between sounds, in seconds, in order."""
        ends = [(begin, begin + len(audio) / 8000) for begin, audio in self._runs if audio]
        return [after[0] - before[1] for before, after in itertools.pairwise(ends)]

    @property
    def first_sound_at(self) -> float:
        return self._runs[0][0]

    def sounds_after(self, at: float) -> float:
        """When something was first heard after that moment."""
        for begin, audio in self._runs:
            if begin + len(audio) / 8000 > at:
                return max(begin, at)
        return float("inf")

    # the line

    async def audio(self) -> AsyncIterator[Sound | Pressed]:
        began, count = self._loop.time(), 0
        while not self._gone:
            count += 1
            await asyncio.sleep(max(began + count * FRAME_SECONDS - self._loop.time(), 0))
            while not self._came.empty():
                came = self._came.get_nowait()
                if came is None:
                    return
                yield came
            yield Sound(self._frame(), (count - 1) * 20)

    async def play(self, audio: bytes) -> None:
        now = self._loop.time()
        if not self._runs or now > self._runs[-1][0] + len(self._runs[-1][1]) / 8000 + 1e-9:
            self._runs.append((now, bytearray()))
        self._runs[-1][1].extend(audio)
        while self._unplayed() > 16_000:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep((self._unplayed() - 16_000) / 8000 + 0.001)

    def _unplayed(self) -> int:
        if not self._runs:
            return 0
        begin, audio = self._runs[-1]
        return len(audio) - self._sounded(begin, audio)

    async def clear(self) -> None:
        self.cleared += 1
        if self._runs:
            begin, audio = self._runs[-1]
            del audio[self._sounded(begin, audio) :]

    def played(self) -> int:
        return sum(self._sounded(begin, audio) for begin, audio in self._runs)

    async def hangup(self) -> None:
        self.hung_up = True
        self.hang_up()

    async def send_digits(self, digits: str) -> None:
        self.sent_digits += digits

    async def transfer(self, to: str) -> None:
        self.transferred = to

    def tell(self, note: Mapping[str, Any]) -> None:
        self.told.append(note)


class Engines:
    """Ears and mouths by name. A fault is put under the engine's name; what was done to them is remembered."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.words: dict[bytes, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.ears: list[TestEars] = []
        self.failures: list[tuple[str, str]] = []
        self.closed = 0
        self.voice = ""
        self.open_ears = True

    async def open_mouth(self, name: str) -> OpenMouth:
        if self.faults.get(name) == "refuse":
            raise EngineFailed("refused")
        if self.faults.get(name) == "half-open":
            await asyncio.sleep(3_600)
        return OpenMouth(TestMouth(self, name), MULAW_8K, self.voice)

    async def open_ear(self, name: str) -> OpenEars:
        if self.faults.get(name) == "refuse":
            raise EngineFailed("refused")
        made = TestEars(self, name)
        self.ears.append(made)
        return OpenEars(made, Converter(MULAW_8K, MULAW_8K), self.open_ears)

    def failed(self, name: str, why: str) -> None:
        self.failures.append((name, why))

    def said(self, played: bytes) -> list[str]:
        """The words that are wholly in what was played."""
        spoken, at = [], 0
        while at < len(played):
            mark = played[at : at + 8]
            word = self.words.get(mark)
            size = len(word or "") * LETTER_BYTES
            if word is not None and played[at : at + size] == mark * (size // 8):
                spoken.append(word)
                at += size
            else:
                at += 1
        return spoken


class TestMouth:
    """Each letter sounds for 50 ms, each word can be told from every other."""

    __test__ = False

    def __init__(self, engines: Engines, name: str) -> None:
        self._engines, self._name = engines, name

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        engines = self._engines
        engines.asked.append((self._name, text))
        fault = engines.faults.get(self._name, "")
        if fault == "zero":
            return
        if fault == "stall":
            await asyncio.sleep(3_600)
        if fault == "garbage":
            raise ValueError("not what was expected")
        for at, word in enumerate(text.split()):
            if fault == "breaks" and at == 3:
                raise EngineFailed("broke off")
            if fault == "halts" and at == 3:
                await asyncio.sleep(3_600)
            number = len(engines.words) + 1
            mark = number.to_bytes(8, "big").replace(b"\0", b"\x80")
            engines.words[mark] = word
            yield (b"\xfe" * LETTER_BYTES if at else b"") + mark * (len(word) * LETTER_BYTES // 8)

    async def close(self) -> None:
        self._engines.closed += 1


class TestEars:
    """Hears what the test says it hears."""

    __test__ = False

    def __init__(self, engines: Engines, name: str) -> None:
        self._came: asyncio.Queue[Heard | Exception] = asyncio.Queue()
        self.fed = bytearray()
        self.finished = 0
        self._engines, self._name = engines, name
        self.expected: list[str] = []
        self.on_finish: str | None = None

    def feed(self, audio: bytes) -> None:
        self.fed += audio

    def finish(self) -> None:
        self.finished += 1
        if self.on_finish is not None:
            text, self.on_finish = self.on_finish, None
            self.hear(Words(text, final=True))

    def expect(self, phrases: Sequence[str]) -> None:
        self.expected = list(phrases)

    def hear(self, *heard: Heard | Exception) -> None:
        for one in heard:
            self._came.put_nowait(one)

    def turn(self, text: str) -> None:
        """A whole turn, over."""
        self.hear(Words(text, final=True), EndOfTurn())

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            came = await self._came.get()
            if isinstance(came, Exception):
                raise came
            yield came

    async def close(self) -> None:
        self._engines.closed += 1


Answer = Sequence[Piece] | Callable[[str, asyncio.Event], AsyncIterator[Piece]]


class TestMind:
    """Says the next of its answers each time."""

    __test__ = False

    def __init__(self, *answers: Answer, others: int = 0) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Cue]] = []
        self.memory: list[tuple[str, str]] = []
        self.kept = 0
        self.others = others

    def think(self, said: str, cue: Cue, sure: asyncio.Event) -> "TestThought":
        self.asked.append((cue, said))  # type: ignore[arg-type]
        answer = self.answers.pop(0) if self.answers else [Say("All right.")]
        return TestThought(self, answer, said, sure)

    def remember(self, role: str, text: str) -> None:
        self.memory.append((role, text))

    @property
    def name(self) -> str:
        return "told"

    def another(self) -> bool:
        self.others -= 1
        return self.others >= 0

    def offered(self) -> list[str]:
        return ["ten o'clock"]


class TestThought:
    patience = 0.0

    __test__ = False

    def __init__(self, mind: TestMind, answer: Answer, said: str, sure: asyncio.Event) -> None:
        self._mind, self._answer, self._said, self._sure = mind, answer, said, sure

    async def pieces(self) -> AsyncIterator[Piece]:
        if callable(self._answer):
            async for piece in self._answer(self._said, self._sure):
                yield piece
        else:
            for piece in self._answer:
                yield piece

    def keep(self) -> None:
        self._mind.kept += 1


@dataclass
class Notes:
    """A `Journal` that remembers."""

    customer: list[str] = field(default_factory=list)
    ours: dict[int, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def customer_said(self, text: str, from_ms: int, to_ms: int, timing: Mapping[str, Any], keys: bool = False) -> None:
        self.customer.append(text)

    def speaks(self, number: int, author: str, text: str, from_ms: int) -> None:
        self.ours[number] = {"author": author, "text": text, "from_ms": from_ms}

    def spoke(self, number: int, author: str, text: str, heard: str, to_ms: int, timing: Mapping[str, Any]) -> None:
        self.ours.setdefault(number, {})
        self.ours[number] |= {"text": text, "heard": heard, "to_ms": to_ms, "timing": dict(timing)}

    def happened(self, type: str, **data: Any) -> None:
        self.events.append((type, data))

    @property
    def heard(self) -> list[str]:
        return [one["heard"] for one in self.ours.values() if "heard" in one]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events if kind not in ("state", "caption")]


@dataclass
class Talk:
    """A conversation under way."""

    phone: Phone
    engines: Engines
    mind: TestMind
    notes: Notes
    conversation: Conversation
    task: "asyncio.Task[str]"
    decided: list[Piece]

    @property
    def ears(self) -> TestEars:
        return self.engines.ears[-1]

    async def says(self, text: str, milliseconds: int = 900) -> None:
        """The customer says this: they are heard, understood, and the engine takes the turn for over."""
        self.ears.hear(SpeechBegan())
        await self.phone.speak(milliseconds)
        self.ears.turn(text)
        await asyncio.sleep(0)

    async def ended(self) -> str:
        return await asyncio.wait_for(asyncio.shield(self.task), 3_600)

    async def quiet(self, within: float = 60) -> None:
        """Until the agent has something to say, and then until it has said everything."""
        for wanted in (True, False):
            for _ in range(int(within * 50)):
                if (self.conversation.speaking.busy or self.conversation.reply is not None) is wanted:
                    break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError("the agent never " + ("spoke" if wanted else "came to an end"))


def talk(
    mind: TestMind, *, cue: Cue | None = None, mouths: Sequence[str] = ("mouth",), ears: Sequence[str] = ("ears",),
    engines: Engines | None = None, lanes: Any = None, resumed: bool = False, from_ms: int = 0, **settings: Any,
) -> Talk:  # fmt: skip
    """Begin a call; inside a running loop."""
    phone, engines, notes, decided = Phone(), engines or Engines(), Notes(), list[Piece]()
    breaker = Breaker()
    conversation = Conversation(
        phone,
        settings=Call(**settings),
        language="en-US",
        mind=mind,
        ears=Chain("ears", list(ears), engines.open_ear, engines.failed, breaker),
        mouths=Chain("mouth", list(mouths), engines.open_mouth, engines.failed, breaker),
        journal=notes,
        lanes=lanes,
        decide=decided.append,
        from_ms=from_ms,
    )
    return Talk(phone, engines, mind, notes, conversation, asyncio.create_task(conversation.run(cue, resumed)), decided)
