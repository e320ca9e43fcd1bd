"""Calls with the embedded engines: recogniser and voice in worker processes, the script for a brain, on all cores."""

import asyncio
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub.models import AgentDefinition
from hub.models.flow import Flow, Stage
from tests.bench.text import cpu_seconds
from tests.bench.voice import stage as stages
from tests.bench.voice import wire
from tests.bench.voice.orders import CallResult
from tests.bench.voice.person import Carrier

CALLS = (1, 4)
SECONDS = 30.0
QUIET_SECONDS = 1.0
ANSWER_WITHIN = 6.0
NUMBER = "+15005550008"
ASKED = (
    "What are your opening hours?",
    "How much does a cleaning cost?",
    "Where are you?",
)
AGENT = AgentDefinition(
    name="Maya",
    opening_message="Hello, this is Maya. How can I help you?",
    flow=Flow(
        stages=[
            Stage(id="start", type="start"),
            Stage(
                id="hours", text="We are open from Monday to Friday, from eight to six.",
                global_intent=["What are your opening hours?", "When are you open?"],
            ),
            Stage(
                id="price", text="A cleaning costs ninety dollars.",
                global_intent=["How much does a cleaning cost?", "What is the price of a cleaning?"],
            ),
            Stage(
                id="place", text="You find us in Main Street, next to the post office.",
                global_intent=["Where are you?", "What is your address?"],
            ),
        ]
    ),
)  # fmt: skip


@dataclass
class Asking:
    """A caller who asks, listens to the end and asks again. `took` has seconds from last sound to first answer."""

    number: int
    carrier: Carrier
    questions: Sequence[Sequence[bytes]]
    quiet: Sequence[bytes]
    took: list[float] = field(default_factory=list)
    asked: int = 0
    chunk: int = 0
    _at: int = -1
    _ended_at: float = 0.0
    _waiting: bool = True

    def __post_init__(self) -> None:
        self.carrier.on_media = self._media

    def tick(self, now: float) -> None:
        self.chunk += 1
        if self._at >= 0:
            frames = self.questions[(self.asked - 1) % len(self.questions)]
            self.carrier.hand_over(self.chunk, frames[self._at])
            self._at += 1
            if self._at == len(frames):
                self._at, self._ended_at, self._waiting = -1, now, True
            return
        self.carrier.hand_over(self.chunk, self.quiet[self.chunk % len(self.quiet)])
        if self._waiting:
            if self._ended_at and now > self._ended_at + ANSWER_WITHIN:
                self._waiting = False
        elif now > self.carrier.until + QUIET_SECONDS:
            self._at, self.asked = 0, self.asked + 1

    def _media(self, now: float) -> None:
        if self._waiting:
            self._waiting = False
            if self._ended_at:
                self.took.append(now - self._ended_at)


def spoken(folder: Path) -> list[list[bytes]]:
    """The questions, frame by frame, as base64."""
    made = []
    for path in sorted(folder.glob("*.ulaw")):
        audio = path.read_bytes()
        made.append([b64encode(audio[at : at + wire.FRAME]) for at in range(0, len(audio) - 159, wire.FRAME)])
    return made


def embedded(folder: Path) -> list[tuple[str, str, str]]:
    """Rows for the table."""
    from tests.bench.voice.__main__ import calls
    from tests.bench.voice.figures import pair

    sounds = folder / "embedded"
    (sounds / "sounds").mkdir(parents=True)
    asyncio.run(stages.speak(ASKED, sounds / "sounds"))
    rows = []
    for count in CALLS:
        with stages.stage(folder / f"embedded-{count}", {NUMBER: AGENT}, core=-1) as stage:
            calls(stage, sounds, 1, 6, first=9_000, numbers=[NUMBER], asking=True)
            stage.ended()
            before = family_seconds(stage.server.process.pid)
            result = calls(stage, sounds, count, SECONDS, numbers=[NUMBER], asking=True)
            cpu = family_seconds(stage.server.process.pid) - before
            stage.ended()
            right, understood = _understood(stage, result.calls)
        took = [seconds * 1000 for call in result.calls for seconds in call.took]
        asked = sum(call.asked for call in result.calls)
        minutes = sum(call.lasted for call in result.calls) / 60
        name = f"embedded engines, {count} call{'s' * (count > 1)}"
        rows += [
            (f"{name}: last sound > first answer, p50 / p95", f"{pair(took)} ms", ""),
            (f"{name}: answered, understood to the word", f"{len(took)} and {right} of {asked} ({understood})", ""),
            (f"{name}: CPU seconds per call-minute, with workers", f"{cpu / max(minutes, 0.01):.2f}", ""),
        ]
    return rows


def _understood(stage: stages.Stage, calls: list[CallResult]) -> tuple[int, int]:
    """How many turns have the very words that were said, and how many there are."""
    plain = {_plain(text) for text in ASKED}
    query = "SELECT i.person, m.text FROM message m JOIN interaction i ON i.id = m.interaction_id"
    people = {call.person for call in calls}
    said = [text for person, text in stage.rows(f"{query} WHERE m.role = 'customer'") if person in people]
    return sum(_plain(text) in plain for text in said), len(said)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ").strip()


def family_seconds(pid: int) -> float:
    """CPU of a process and its children so far."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return sum(cpu_seconds(int(one)) for one in (str(pid), *children))
