"""Calls that lost their line or the process that held them: how soon and with what words they are ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hub.channel import Inbound, Limits
from hub.core.live.writer import Writer
from hub.core.recover import beat, sweep
from hub.engines import TRANSCRIBERS, VOICES
from hub.models import AgentDefinition, Interaction, Message
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, until
from tests.lines import CALL, TextLine
from tests.lines import ENGINES as READING_AND_WRITING
from tests.world import Core, bus, core, eventually, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"
SWEEP_SECONDS = 5
MOST_SECONDS_WITHOUT_A_NODE = 60


@pytest.fixture
async def store(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setitem(TRANSCRIBERS, "reader", READING_AND_WRITING["reader"])
    monkeypatch.setitem(VOICES, "writer", READING_AND_WRITING["writer"])
    made = Store(sqlite_url, bus())
    call = {**CALL, "record": False}
    await furnish(made, definition=AgentDefinition(name="Maya", opening_message="Hello.", call=call), channels=["call"])
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def node(store: Store, clock: FakeClock, folder: Path, name: str) -> AsyncIterator[Core]:
    """A process that can hold calls."""
    async with core(store, clock, "call", node=name) as made:
        made.channels["call"].limits = Limits(length=4096, live=True)
        made.context.data_dir = folder
        try:
            yield made
        finally:
            for live in list(made.context.calls.values()):
                live.line.hang_up()  # type: ignore[attr-defined]
            await made.settled()


async def connects(made: Core, sid: str = "") -> tuple[TextLine, str]:
    """A line of a call opens; the carrier's id of the call."""
    line, sid = TextLine(), sid or f"CA{uuid4().hex}"
    await made.hub.receive(
        Inbound("call", "call", sid, once=uuid4().hex, sender=ANA, recipient=OUR_NUMBER, line=line)
    )  # fmt: skip
    return line, sid


async def found(made: Core) -> Interaction:
    return await made.records.one(Interaction)


async def breaks(made: Core, line: TextLine) -> None:
    """The line is gone, and it was not the customer who hung up."""
    line.broken = True
    line.hang_up()
    await asyncio.wait_for(line.hung_up.wait(), 10)
    await until(lambda: not made.context.calls)


@pytest.mark.parametrize("phase", range(SWEEP_SECONDS))
async def test_a_call_whose_process_is_gone_is_ended_within_a_minute_as_an_error_of_ours(
    store: Store, clock: FakeClock, tmp_path: Path, phase: int
) -> None:
    """Whatever the time between the last sign of life and the next sweep of another process."""
    async with node(store, clock, tmp_path, "a#1") as dies, node(store, clock, tmp_path, "b#1") as other:
        await beat(dies.context)
        died = clock.now()
        await connects(dies)
        clock.forward(seconds=phase + 0.5)
        for _ in range(MOST_SECONDS_WITHOUT_A_NODE // SWEEP_SECONDS):
            await sweep(other.context, clock.now())
            if (await found(other)).ended_at is not None:
                break
            clock.forward(seconds=SWEEP_SECONDS)
        ended = await found(other)
        assert (ended.status, ended.ended_reason) == ("failed", "error")
        assert ended.failure_reason.startswith("The server process that held the call was lost")
        assert ended.ended_at is not None
        assert (ended.ended_at - died).total_seconds() < MOST_SECONDS_WITHOUT_A_NODE


async def test_the_carriers_word_that_it_is_over_does_not_make_our_loss_the_customers_wish(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with node(store, clock, tmp_path, "a#1") as dies, node(store, clock, tmp_path, "b#1") as other:
        await beat(dies.context)
        _, sid = await connects(dies)
        clock.forward(seconds=20)
        await sweep(other.context, clock.now())
        await other.hub.receive(Inbound("call", "status", uuid4().hex, about=sid, status="completed"))
        ended = await found(other)
        assert (ended.status, ended.ended_reason) == ("failed", "error")
        assert "was lost" in ended.failure_reason


@pytest.mark.parametrize("told", [True, False])
async def test_a_line_that_broke_and_never_came_back_counts_as_hung_up(
    store: Store, clock: FakeClock, tmp_path: Path, told: bool
) -> None:
    async with node(store, clock, tmp_path, "a#1") as made:
        line, sid = await connects(made)
        await breaks(made, line)
        assert (await found(made)).node == ""
        if told:
            await made.hub.receive(Inbound("call", "status", uuid4().hex, about=sid, status="completed"))
        else:
            clock.forward(seconds=26)
            await sweep(made.context, clock.now())
        ended = await found(made)
        assert (ended.status, ended.ended_reason, ended.failure_reason) == ("completed", "customer_hangup", "")


async def test_a_call_of_a_process_that_stopped_and_that_nobody_took_up_is_an_error_of_ours(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with node(store, clock, tmp_path, "a#1") as stops, node(store, clock, tmp_path, "b#1") as other:
        await connects(stops)
        (live,) = stops.context.calls.values()
        live.leave()
        await until(lambda: not stops.context.calls)
        clock.forward(seconds=26)
        await sweep(other.context, clock.now())
        ended = await found(other)
        assert (ended.status, ended.ended_reason) == ("failed", "error")


async def test_a_call_that_another_process_took_up_ends_as_any_other(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with node(store, clock, tmp_path, "a#1") as dies, node(store, clock, tmp_path, "b#1") as other:
        await beat(dies.context)
        _, sid = await connects(dies)
        clock.forward(seconds=20)
        await sweep(other.context, clock.now())
        line, _ = await connects(other, sid)
        line.hang_up()
        ended = await eventually(lambda: found(other), lambda one: one.ended_at)
        assert (ended.status, ended.ended_reason) == ("completed", "customer_hangup")


async def test_a_carrier_that_tells_of_the_end_before_the_last_words_are_understood_does_not_make_it_another(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with node(store, clock, tmp_path, "a#1") as made:
        line, sid = await connects(made)
        await until(lambda: "Hello." in line.heard)
        line.begins("please cancel it")
        (live,) = made.context.calls.values()
        await until(lambda: live.conversation.hearing.text)
        line.hang_up()
        await until(lambda: live.conversation.over)
        await made.hub.receive(Inbound("call", "status", uuid4().hex, about=sid, status="completed"))
        assert (await found(made)).ended_at is None
        ended = await eventually(lambda: found(made), lambda one: one.ended_at)
        assert (ended.status, ended.ended_reason) == ("completed", "customer_hangup")
        said = [one.text for one in await made.records.all(Message) if one.role == "customer"]
        assert said == ["please cancel it"]


async def test_the_end_of_an_old_line_takes_nothing_from_the_new_one(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """The old line's end is written down when the new one is connected and not yet among those held here."""
    async with node(store, clock, tmp_path, "a#1") as old, node(store, clock, tmp_path, "a#1") as new:
        line, sid = await connects(old)
        await connects(new, sid)
        await breaks(old, line)
        assert (await found(new)).node == "a#1"
        assert await new.records.events("call.lost") == []


async def test_a_call_that_connects_is_not_swept_away_and_one_that_nobody_holds_is(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with node(store, clock, tmp_path, "a#1") as holds, node(store, clock, tmp_path, "a#1") as forgets:
        line, sid = await connects(holds)
        await breaks(holds, line)
        clock.forward(seconds=20)  # long since anything was said
        await connects(holds, sid)
        clock.forward(seconds=9)
        await sweep(forgets.context, clock.now())
        assert (await found(holds)).node == "a#1"
        clock.forward(seconds=3)
        await sweep(forgets.context, clock.now())
        assert (await found(holds)).node == ""


async def test_a_call_that_is_said_to_be_answered_waits_for_its_line_under_a_minute(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with node(store, clock, tmp_path, "a#1") as made:
        rings = Inbound("call", "call", f"CA{uuid4().hex}", sender=ANA, recipient=OUR_NUMBER, status="ringing")
        await made.hub.receive(rings)
        await made.hub.receive(
            Inbound("call", "status", uuid4().hex, about=rings.external_id, status="in_progress")
        )  # fmt: skip
        assert (await found(made)).status == "in_progress"
        clock.forward(seconds=MOST_SECONDS_WITHOUT_A_NODE - SWEEP_SECONDS)
        await sweep(made.context, clock.now())
        ended = await found(made)
        assert (ended.status, ended.ended_reason) == ("failed", "error")


async def test_words_written_down_late_keep_no_call_without_a_line_open(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with node(store, clock, tmp_path, "a#1") as made:
        line, _ = await connects(made)
        await breaks(made, line)
        due = (await found(made)).idle_at
        writer = Writer(made.context, UUID(str((await found(made)).id)), "Maya")
        writer.customer_said("and one more thing", 0, 900, {})
        writer.close()
        await writer.run()
        assert (await found(made)).idle_at == due
