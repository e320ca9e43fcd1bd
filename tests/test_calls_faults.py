"""Whatever engine fails in whatever way, whoever calls is not kept in silence: calls side by side over real sockets."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.call_world import EAR_FAULTS, MIND_FAULTS, VOICE_FAULTS, Exchange, Script, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]
MOST_SECONDS, USUALLY_SECONDS = 8.0, 4.0
CALLS_EACH = 2
APART_SECONDS = 0.08
AT_ONCE = 8
T = TypeVar("T")
FAULTS = [
    *({"ears": f"ears-{fault}"} for fault in EAR_FAULTS),
    *({"voice": f"voice-{fault}"} for fault in VOICE_FAULTS),
    *({"mind": f"mind-{fault}"} for fault in MIND_FAULTS),
    {"ears": "ears-stall", "voice": "voice-stall", "mind": "mind-stall"},
    {"ears": "ears-refuse", "voice": "voice-zero", "mind": "mind-breaks"},
]
SOUND = {"wait": "speech", "within_ms": 12_000}
QUIET = {"wait": "quiet", "quiet_ms": 600, "within_ms": 12_000}
TALK: Script = [
    SOUND, QUIET, says("What are your opening hours?", 900), SOUND, QUIET,
    says("And what about Sunday in the morning?", 1_900), SOUND, QUIET, says("Are you there?", 900), SOUND, QUIET,
]  # fmt: skip


@dataclass(frozen=True)
class Silence:
    """How long somebody waited for a sound, in seconds; of what kind their call's engines were."""

    seconds: float
    after: str
    engines: str


def silences(call: dict[str, Any], engines: str) -> list[Silence]:
    """From the answer, and from the end of each thing the person said, to the next sound that they heard."""
    steps = [event for event in call["events"] if event["event"] == "step"]
    turns = [after["at_ms"] for before, after in itertools.pairwise(steps) if before["does"] == "wav"]
    ends = [("answer", 0.0), *((f"turn {number}", at) for number, at in enumerate(turns))]
    found = []
    for what, at in ends:
        next_sound = min(
            (max(played["from_ms"], at) for played in call["played"] if played["to_ms"] > at), default=None
        )
        seconds = (call["duration_ms"] if next_sound is None else next_sound) - at
        found.append(Silence(seconds / 1000, what, engines))
    return found


def soon_enough(found: list[Silence]) -> None:
    """Nobody waited too long, and hardly anybody long."""
    ranked = sorted(found, key=lambda silence: -silence.seconds)
    told = "\n".join(map(str, ranked[:12]))
    print(f"{len(found)} waits; the longest:\n{told}")
    assert ranked[0].seconds <= MOST_SECONDS, told
    assert ranked[len(ranked) // 100].seconds <= USUALLY_SECONDS, told


@contextlib.contextmanager
def each_by_itself(roster: dict[str, str], engine: str, faults: Iterable[str]) -> Iterator[dict[str, str]]:
    """A name of its own for the engine of each call, so that one call's failures close it for no other."""
    names = {fault: f"{engine}-{fault}" for fault in faults}
    roster.update(dict.fromkeys(names.values(), roster[engine]))
    try:
        yield names
    finally:
        for name in names.values():
            del roster[name]


async def some_at_once(one: Callable[[str], Awaitable[T]], faults: Iterable[str]) -> list[T]:
    """What comes of a call with each fault, of which some go on side by side."""
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(fault: str) -> T:
        async with places:
            return await one(fault)

    return await asyncio.gather(*map(in_turn, faults))


async def one(phones: Exchange, number: str, engines: str, after_seconds: float) -> list[Silence]:
    await asyncio.sleep(after_seconds)
    sid = await phones.calls_us(number, TALK)
    await phones.until(sid, 60, script="done")
    await phones.hangs_up(sid)
    call = await phones.over(sid)
    interaction = await phones.ended(sid, 20)
    assert interaction.status == "completed", (engines, interaction.failure_reason)
    return silences(call, engines)


async def test_a_caller_never_sits_in_silence_whichever_engine_fails(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    async with exchange(sqlite_url, sandbox, clock, tmp_path) as phones:
        numbers = {
            " ".join(faults.values()): await phones.number(agent(**faults, idle_seconds=4))
            for faults in [*FAULTS, {"mind": "quick-mind"}]
        }
        waits = [
            one(phones, number, engines, at * APART_SECONDS)
            for at, (engines, number) in enumerate(list(numbers.items()) * CALLS_EACH)
        ]
        found = [silence for call in await asyncio.gather(*waits) for silence in call]
        await phones.quiet()
        failed = {event.data.get("engine", "mind") for event in await phones.records.events("engine.failed")}
    assert len(found) >= 4 * len(waits)
    soon_enough(found)
    well = [silence.seconds for silence in found if silence.engines == "quick-mind"]
    assert max(well) < 1.5
    assert {f"ears-{fault}" for fault in EAR_FAULTS if fault != "never_final"} <= failed
    assert {f"voice-{fault}" for fault in VOICE_FAULTS} <= failed
