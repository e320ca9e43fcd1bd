"""What a run's measurements come to."""

from dataclasses import dataclass, field
from typing import Any

from tests.bench.text import percentile
from tests.bench.voice.check import agrees
from tests.bench.voice.orders import CallResult, Result
from tests.bench.voice.stage import Stage

MOST_DELAY_MS = 200.0


@dataclass
class Figures:
    """Milliseconds, CPU seconds per call-minute (ours, and the `shovels`' beside it), MB per call.

    `lost` says what was lost or wrong, by kind.
    """

    calls: int = 0
    turns: int = 0
    added_ms: list[float] = field(default_factory=list)
    raw_ms: list[float] = field(default_factory=list)
    clear_by_engine_ms: list[float] = field(default_factory=list)
    clear_by_sound_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    underruns: int = 0
    messages: int = 0
    cpu_per_minute: float = 0.0
    shovels: list[float] = field(default_factory=list)
    idle_share: float = 0.0
    core_share: float = 0.0
    stolen_share: float = 0.0
    callers_cpu: float = 0.0
    mb_per_call: float = 0.0
    callers_late_ms: list[float] = field(default_factory=list)
    hops_ms: list[float] = field(default_factory=list)
    interruptions: int = 0
    compared: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """All calls were as they should be."""
        return bool(self.added_ms) and percentile(self.added_ms, 0.95) <= MOST_DELAY_MS and not self.lost

    def fault(self, kind: str, count: int = 1, example: str = "") -> None:
        if count:
            self.lost[kind] = self.lost.get(kind, 0) + count
            if example and len(self.examples) < 20:
                self.examples.append(f"{kind}: {example}")

    def line(self) -> str:
        """One step of the ladder."""
        lost = ", ".join(f"{count} {kind}" for kind, count in self.lost.items()) or "nothing"
        clear = f"{at(self.clear_by_engine_ms)} / {at(self.clear_by_sound_ms)}"
        return (
            f"{self.calls:>4} calls: {self.turns} turns, {self.interruptions} interruptions, "
            f"added {pair(self.added_ms)} ms, clear {clear} ms, "
            f"CPU {self.cpu_per_minute:.2f} s per call-minute (idle {self.idle_share:.1%} of a core; now "
            f"{self.core_share:.0%} of one, and {self.stolen_share:.0%} of it was not there), "
            f"{self.mb_per_call:.2f} MB per call, "
            f"jitter p99 {at(self.late_ms, 0.99)} ms, underruns {self.underruns} of {self.messages}, "
            f"callers late {at(self.callers_late_ms)} ms and {self.callers_cpu:.0%} of a core, "
            f"engines reached {at(self.hops_ms)} ms; lost: {lost}"
        )


def at(values: list[float], share: float = 0.95) -> str:
    return f"{percentile(values, share):.1f}" if values else "-"


def pair(values: list[float]) -> str:
    """p50 / p95."""
    return f"{at(values, 0.5)} / {at(values)}"


def figures(result: Result, stage: Stage) -> Figures:
    """`stage` still runs, and all its calls have ended."""
    made = Figures(len(result.calls))
    minutes = (result.end - result.begin) / 60
    made.cpu_per_minute = result.server_cpu / max(made.calls * minutes, 1e-9)
    made.core_share = result.server_cpu / max(result.end - result.begin, 1e-9)
    made.idle_share, made.stolen_share = result.idle_share, result.stolen_share
    made.callers_cpu = result.callers_cpu / max(result.end - result.begin, 1e-9)
    made.mb_per_call = (result.resident_kb[1] - result.resident_kb[0]) / 1024 / max(made.calls, 1)
    made.callers_late_ms = result.late_ms
    report = stage.engine_report()
    made.hops_ms = [hop * 1000 for hop in report["hops"]]
    made.fault("calls refused", len(result.refused), "; ".join(result.refused[:3]))
    errors = stage.errors()
    made.fault("errors logged", len(errors), "; ".join(errors[:3])[:300])
    for call in result.calls:
        _times(made, call, result, report["own"])
        _sound(made, call, report["frames"])
    _stored(made, result.calls, stage)
    return made


def _times(made: Figures, call: CallResult, result: Result, own: dict[str, list[float]]) -> None:
    last = len(call.exchanges)
    for exchange in call.exchanges:
        if exchange.interrupts and exchange.began_at:
            made.interruptions += 1
            if exchange.cleared_at:
                took = (exchange.cleared_at - exchange.began_at) * 1000
                (made.clear_by_sound_ms if exchange.silent else made.clear_by_engine_ms).append(took)
            elif exchange.turn < last:
                made.fault("interruptions ignored", example=f"call {call.call} turn {exchange.turn}")
        if exchange.answered_at:
            made.turns += 1
            if result.begin <= exchange.ended_at <= result.end:
                raw = exchange.answered_at - exchange.ended_at
                engines = sum(own.get(f"{call.call}:{exchange.turn}", (0.0,)))
                made.raw_ms.append(raw * 1000)
                made.added_ms.append((raw - engines) * 1000)
        elif exchange.turn < last:
            made.fault("answers missing", example=f"call {call.call} turn {exchange.turn}")


def _sound(made: Figures, call: CallResult, frames: dict[str, int]) -> None:
    made.late_ms += call.played.late_ms
    made.underruns += call.played.underruns
    made.messages += call.played.messages
    made.fault("calls broken", int(call.broken), f"call {call.call}")
    for fault in call.played.faults:
        made.fault("sound out of place", example=f"call {call.call}: {fault}")
    # The ears are opened beside the line, so the first frames may come before them.
    missed = call.frames - frames.get(str(call.call), 0)
    made.fault("frames not heard", max(0, missed - 25), f"call {call.call}: {missed} of {call.frames}")


def _stored(made: Figures, calls: list[CallResult], stage: Stage) -> None:
    """What is in the database against what was played."""
    said: dict[tuple[str, int], list[str]] = {}
    asked: dict[str, int] = {}
    query = "SELECT i.person, m.role, m.text, m.heard FROM message m JOIN interaction i ON i.id = m.interaction_id"
    for person, role, text, heard in stage.rows(query + " ORDER BY m.seq"):
        words = text.split()
        if role == "agent" and words[:1] == ["Answer"]:
            said.setdefault((person, int(words[1])), []).append(text if heard is None else heard)
        elif role == "customer":
            asked[person] = asked.get(person, 0) + 1
    durations = dict(
        stage.rows("SELECT i.person, r.duration_ms FROM recording r JOIN interaction i ON i.id = r.interaction_id")
    )
    for call in calls:
        for turn, bounds in call.played.heard.items():
            made.compared += 1
            stored = " ".join(said.get((call.person, turn), []))
            if not agrees(stored, bounds):
                ends = [words[-60:] for words in (stored, *bounds)]
                example = f"call {call.call} turn {turn}: stored {ends[0]!r}, played {ends[1]!r} to {ends[2]!r}"
                made.fault("heard text wrong", example=example)
        ended = sum(bool(exchange.ended_at) for exchange in call.exchanges)
        begun = sum(bool(exchange.began_at or exchange.ended_at) for exchange in call.exchanges)
        stored_turns = asked.get(call.person, 0)  # what they were saying when they hung up may be one as well
        made.fault("turns not stored", max(ended - stored_turns, stored_turns - begun, 0), f"call {call.call}")
        missing = call.lasted * 1000 - durations.get(call.person, 0)
        made.fault("recordings short", int(missing > 1000), f"call {call.call}: {missing:.0f} ms")


def machine() -> str:
    """The machine in a line."""
    import os
    import platform
    from pathlib import Path

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.machine())
    load: Any = os.getloadavg()
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, load before {load[0]:.1f}"
