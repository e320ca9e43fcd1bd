"""What is recorded of a phone call: both sides at their true times, pauses, and what is left after a kill."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from fixtures.sandbox.twilio.voice.audio import from_mulaw, from_wav
from hub.models import Command, Event, Message
from hub.voice.peaks import peaks, read_peaks
from tests.call_world import Exchange, Script, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
MOST_MS = 20
SENT_EARLY_MS = 20
"""The sandbox sends a frame when it begins, a carrier when it is over."""
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 400}
CLICKS: Script = [step for _ in range(4) for step in ({"tone_ms": 60, "hz": 900}, {"pause_ms": 440})]


@pytest.fixture
async def phones(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


def onsets(samples: "np.ndarray[Any, Any]") -> list[float]:
    """Where sound begins after 200 ms of quiet, in milliseconds, at 8 kHz."""
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 1_000)
    first = [at for number, at in enumerate(loud) if number == 0 or at - loud[number - 1] > 1_600]
    return [at / 8 for at in first]


def lateness(lane: "np.ndarray[Any, Any]", true: "np.ndarray[Any, Any]", begin: float) -> list[float]:
    """By how much each sound of a recording comes later than it was at the carrier, in milliseconds."""
    found, wanted = onsets(lane), onsets(true)
    assert len(found) == len(wanted) >= 4
    return [float(one - (at - begin)) for one, at in zip(found, wanted, strict=True)]


async def test_both_sides_are_recorded_at_their_true_times(phones: Exchange) -> None:
    """Of three calls side by side the best counts: a busy machine delays a single sound, a fault all of them."""
    number = await phones.number(agent(voice_options={"letter_bytes": 800}))
    await phones.house.settled()  # nothing is imported any more that would hold up their first sounds
    off = await asyncio.gather(*(misplaced(phones, number) for _ in range(3)))
    print("the lanes are apart by, and a single sound is off by at most", off)
    assert min(apart for apart, _ in off) <= 2 * MOST_MS  # each side is late or early by its own way of half of it
    assert min(single for _, single in off) <= 2 * MOST_MS


async def misplaced(phones: Exchange, number: str) -> tuple[float, float]:
    """By how many milliseconds one side is late against the other in one call's recording, and the worst sound."""
    talk = [QUIET, *CLICKS, says("One", 300), QUIET, *CLICKS, says("Two", 300), QUIET, says("Goodbye", 300), QUIET]
    sid = await phones.calls_us(number, talk)
    call = await phones.over(sid)
    interaction = await phones.ended(sid)
    (row,) = await phones.recordings(interaction.id)
    customer, others = phones.lanes(row)
    said = from_mulaw(from_wav((await phones.carrier.get(f"/control/voice/calls/{sid}/said.wav")).content))
    begin = call["stream_at_ms"] + row.from_ms
    customer_late = lateness(customer, said, begin + SENT_EARLY_MS)
    others_late = lateness(others, from_mulaw(await phones.heard(sid)), begin)
    origin = median(customer_late)  # our clock begins when the line is ours, the carrier's when it has opened it
    assert max(abs(one - origin) for one in customer_late[1:]) <= 5
    assert abs(row.duration_ms - call["clock_ms"]) < 1_000
    path = phones.house.hub.context.data_dir / row.path
    kept = read_peaks(path)
    assert kept == peaks(path)
    for name, lane in (("customer", customer), ("others", others)):
        loudest = np.abs(lane.astype(int)).max() * 100 // 32768
        assert max(kept[name]) == pytest.approx(loudest, abs=1)  # type: ignore[literal-required]
    return abs(median(others_late) - origin), max(abs(one - origin) for one in [*customer_late, *others_late])


async def test_what_is_said_while_the_recording_pauses_is_not_kept(phones: Exchange) -> None:
    number = await phones.number(agent(idle_seconds=30))
    sid = await phones.calls_us(number, [QUIET, *CLICKS[:2]])
    await phones.until(sid, script="done")
    interaction = await phones.interaction(sid)
    home = interaction.workspace_id
    assert (await phones.house.hub.command(home, interaction.id, "recording_pause")).fault == ""
    await phones.goes_on(
        sid, [{"pause_ms": 600}, *CLICKS]
    )  # a busy carrier's frames bear earlier times than they come at
    await phones.until(sid, event="script_done", at_least=2)
    assert (await phones.house.hub.command(home, interaction.id, "recording_resume")).fault == ""
    await phones.goes_on(sid, [{"pause_ms": 600}, *CLICKS[:2], says("Goodbye", 300), QUIET])
    await phones.over(sid)
    await phones.ended(sid)
    (row,) = await phones.recordings(interaction.id)
    customer, _ = phones.lanes(row)
    ((begin, end),) = row.pauses
    assert end - begin >= len(CLICKS) // 2 * 450
    assert not np.abs(customer[begin * 8 + 80 : end * 8 - 80].astype(int)).max()
    clicks = onsets(customer)
    assert sum(at < begin for at in clicks) == 1
    assert sum(at > end for at in clicks) == 2  # a click, and the goodbye


async def test_no_word_and_no_key_of_a_pause_is_written_down_or_shown_and_the_agent_knows_them(
    phones: Exchange,
) -> None:
    card, spoken = "4111222233334444", "4111 2222 3333 4444"
    person, seen = phones.person(), list[str]()
    sid = await phones.calls_us(await phones.number(agent(idle_seconds=30)), [QUIET], sender=person)
    await phones.until(sid, script="done")
    interaction = await phones.interaction(sid)

    async def asks(verb: Any, **more: Any) -> None:
        phones.house.hub.context.calls[interaction.id].writer.watchers.add(lambda _, data: seen.append(str(data)))
        assert (await phones.house.hub.command(interaction.workspace_id, interaction.id, verb, **more)).fault == ""

    await asks("recording_pause")
    await phones.goes_on(
        sid, [{"digits": f"{card}#"}, {"pause_ms": 200}, QUIET, says("My name is Sally Sesame"), QUIET]
    )
    await phones.until(sid, event="script_done", at_least=2)
    await asks("whisper", text="it is Sally Sesame")
    await phones.misbehaves(sid, reset_ms=0)  # the line comes anew, and the recording is still paused
    await phones.until(sid, event="stream_start", at_least=2)
    await phones.goes_on(sid, [QUIET, says(f"sesame {spoken}"), QUIET])
    await phones.until(sid, event="script_done", at_least=3)
    await asks("recording_resume")
    await phones.goes_on(
        sid, [says("All is well"), QUIET, says(f"It was {spoken}"), QUIET, says("Goodbye", 300), QUIET]
    )
    await phones.over(sid)
    await phones.ended(sid)
    await phones.quiet()
    said = [turn.said for turn in phones.seen.of(person)]
    assert said[1:] == [card, "My name is Sally Sesame", "", f"sesame {spoken}", "All is well", f"It was {spoken}",
                        "Goodbye"]  # fmt: skip
    kept = await phones.transcript(interaction.id)
    hidden, keys = "[not kept while the recording was paused]", "•••• (keys, not kept)"
    assert kept == [
        ("agent", "Hello."), ("customer", keys), ("agent", hidden), ("customer", hidden), ("agent", hidden),
        ("agent", hidden), ("customer", hidden), ("agent", hidden), ("customer", "All is well"),
        ("agent", "You said All is well."), ("customer", "It was ••••"), ("agent", "You said It was ••••."),
        ("customer", "Goodbye"), ("agent", "Goodbye."),
    ]  # fmt: skip
    assert [event.data["digit"] for event in await phones.records.events("call.digit")] == ["•"] * 17
    (found,) = await phones.records.events("field.collected")
    assert (found.data["field"], found.data["value"]) == ("name", hidden)
    rows: list[Any] = [await phones.interaction(sid)]
    for table in (Message, Event, Command):
        rows += await phones.records.all(table)
    everything = "\n".join([*(str(row.model_dump()) for row in rows), *seen]).casefold()
    for secret in (card, spoken, "sally", "sesame"):
        assert secret not in everything


async def test_an_agent_that_does_not_record_leaves_no_file(phones: Exchange) -> None:
    number = await phones.number(agent(record=False))
    sid = await phones.calls_us(number, [QUIET, says("Goodbye", 300), QUIET])
    await phones.over(sid)
    await phones.ended(sid)
    await phones.quiet()
    assert await phones.records.events("recording.started") == []
    assert list(phones.house.hub.context.data_dir.rglob("*.wav")) == []
