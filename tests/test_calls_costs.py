"""What calls cost, right to the cent: thoughts kept and thrown away, sound, characters, the carrier's time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import select

from channels.call import Call
from channels.web_call import WebCall
from hub.channel import Inbound
from hub.core.live.writer import Writer
from hub.core.recover import sweep
from hub.dialogue.turn import Piece, Say, Toolbox, Turn
from hub.engines import ENGINES, brain
from hub.models import Interaction, Message, UsageEntry
from hub.pricing import Cost, money
from hub.store import Store, usages
from hub.voice.synthesis import KEPT
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, until
from tests.lines import TextLine
from tests.result_world import ACCOUNTS, OWN, THOUGHT, THOUGHT_MICROS, acme, definition, priced
from tests.world import Core, Home, bus, core, eventually, furnish

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
ANA = "+12025550101"
CALL: dict[str, Any] = {
    "hearing": {"engine": "acme"}, "speaking": {"engine": "acme"}, "record": False, "filler_messages": [],
    "apology_message": "",
}  # fmt: skip


THINKING = asyncio.Event()


class Slow:
    """A brain that is stopped before it has said anything, and knows what that took."""

    vendor = "acme"

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        try:
            if turn.cue == "message" and "quick" not in turn.said:
                THINKING.set()
                await asyncio.sleep(3_600)
            yield Say("Quickly." if turn.cue == "message" else "Hello.")
        finally:
            turn.spent.append(THOUGHT)


@dataclass
class Desk:
    """A process that holds calls, and what they cost."""

    made: Core
    home: Home
    clock: FakeClock

    async def calls(self, channel: str = "call", sid: str = "") -> TextLine:
        line = TextLine()
        await self.made.hub.receive(
            Inbound(
                channel, "call", sid or f"CA{uuid4().hex}", once=uuid4().hex, recipient=OUR_NUMBER, line=line,
                sender=ANA if channel == "call" else "visitor-7",
            )
        )  # fmt: skip
        return line

    async def over(self) -> Interaction:
        """The call has ended, and its outcome is made."""
        await until(lambda: not self.made.context.calls)
        await self.made.settled()
        await sweep(self.made.context, self.clock.now())
        await self.made.settled()
        return await self.made.records.one(Interaction)

    async def cost(self, interaction: Interaction) -> Cost:
        async with self.made.context.store.read() as db:
            return await usages.cost(db, interaction)

    async def used(self, kind: str) -> dict[str, int]:
        async with self.made.context.store.read() as db:
            found = (await db.exec(select(UsageEntry).where(UsageEntry.kind == kind))).all()
        sums: dict[str, int] = {}
        for row in found:
            sums[row.unit] = sums.get(row.unit, 0) + row.quantity
        return sums

    async def spoken(self) -> int:
        """The characters of all that we said."""
        return sum(len(one.text) for one in await self.made.records.all(Message, Message.role == "agent"))


@contextlib.asynccontextmanager
async def a_desk(store: Store, clock: FakeClock, folder: Path, *names: str, **agent: Any) -> AsyncIterator[Desk]:
    given = {"engine": "acme", "opening_message": "Hello.", "call": CALL, **agent}
    home = await furnish(store, definition=definition(**given), channels=["call", "web_call"])
    await priced(store, home.workspace_id)
    async with core(store, clock, "call", "web_call") as made:
        made.channels["call"].limits, made.channels["web_call"].limits = Call.limits, WebCall.limits
        made.channels["web_call"].identity = "visitor"
        made.context.data_dir, made.context.accounts = folder, ACCOUNTS
        try:
            yield Desk(made, home, clock)
        finally:
            for live in list(made.context.calls.values()):
                live.conversation.end("api_hangup")
            await made.settled()


@pytest.fixture
async def desk(sqlite_url: str, clock: FakeClock, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Desk]:
    store = Store(sqlite_url, bus())
    with acme():
        async with a_desk(store, clock, tmp_path) as made:
            yield made
    await store.close()


async def talks(desk: Desk, line: TextLine) -> None:
    await until(lambda: "Hello." in line.heard)
    line.says("good morning")
    await until(lambda: "You said good morning." in line.heard)
    line.says("goodbye")
    await until(lambda: "Goodbye." in line.heard)


async def right(desk: Desk, carried_micros: int) -> Cost:
    """The breakdown is what the table of prices makes of what was used; the whole is its sum."""
    interaction = await desk.over()
    assert await desk.used("llm") == {"input_token": 3_000, "cached_token": 600, "output_token": 120}
    characters, fed = (await desk.used("voice"))["character"], (await desk.used("transcriber"))["sound_ms"]
    assert characters == await desk.spoken() == len("Hello.You said good morning.Goodbye.")
    assert 100 <= fed <= 20_000
    cost = await desk.cost(interaction)
    expected = 3 * THOUGHT_MICROS + characters * 10_000 + (fed * 600_000 * 2 + 60_000) // 120_000 + carried_micros
    assert cost.missing == []
    assert cost.totals == {"USD": expected + 4_000_000}  # and the results
    assert sum(line.micros or 0 for line in cost.lines) == expected + 4_000_000
    return cost


async def test_a_phone_call_costs_thoughts_sound_characters_and_every_minute_begun(desk: Desk) -> None:
    line = await desk.calls()
    await until(lambda: "Hello." in line.heard)
    desk.clock.forward(seconds=61)
    await talks(desk, line)
    cost = await right(desk, 2 * 8_500)
    (carried,) = [line for line in cost.lines if line.kind == "telephony"]
    assert (carried.vendor, carried.model, carried.charged) == ("twilio", "inbound", 120_000)
    assert 61_000 <= carried.quantity < 80_000
    assert money(carried.micros or 0) == "$0.02"


async def test_a_browser_call_costs_no_carrier(desk: Desk) -> None:
    await talks(desk, await desk.calls("web_call"))
    cost = await right(desk, 0)
    assert {line.kind for line in cost.lines} == {"llm", "voice", "transcriber", "results"}


async def test_a_call_that_nobody_answered_costs_nothing(desk: Desk) -> None:
    await desk.made.hub.receive(
        Inbound("call", "call", "CA1", sender=ANA, recipient=OUR_NUMBER, status="ringing")
    )  # fmt: skip
    ringing = await desk.made.records.one(Interaction)
    await desk.made.hub.end(ringing.workspace_id, ringing.id)
    assert (await desk.cost(await desk.over())).lines == []


async def test_what_each_turn_took_stands_with_the_words_it_answers(desk: Desk) -> None:
    await talks(desk, await desk.calls())
    interaction = await desk.over()
    said = [one.seq for one in await desk.made.records.all(Message, Message.role == "customer")]
    async with desk.made.context.store.read() as db:
        turns = await usages.cost_by_turn(db, interaction)
    assert set(turns) == {0, *said}
    thoughts = {turn: [line for line in cost.lines if line.kind == "llm"] for turn, cost in turns.items()}
    assert all(sum(line.micros or 0 for line in lines) == THOUGHT_MICROS for lines in thoughts.values())
    whole = await desk.cost(interaction)
    assert sum(cost.totals["USD"] for cost in turns.values()) == pytest.approx(whole.totals["USD"], abs=9)


async def test_a_line_made_anew_is_one_call_of_the_carrier_and_counts_what_was_said_before(desk: Desk) -> None:
    line = await desk.calls(sid="CA7")
    await until(lambda: "Hello." in line.heard)
    line.says("good morning")
    await until(lambda: "You said good morning." in line.heard)
    line.broken = True
    line.hang_up()
    await until(lambda: not desk.made.context.calls)
    again = await desk.calls(sid="CA7")
    await until(lambda: again.heard)
    again.says("goodbye")
    await until(lambda: "Goodbye." in again.heard)
    interaction = await desk.over()
    assert (await desk.used("llm"))["output_token"] == 4 * 40  # hello, the answer, a word on coming back, goodbye
    (carried,) = [line for line in (await desk.cost(interaction)).lines if line.kind == "telephony"]
    assert carried.charged == 60_000


async def test_a_thought_that_is_thrown_away_is_paid_for_as_well(
    sqlite_url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINES, "slow", f"{__name__}:Slow")
    store = Store(sqlite_url, bus())
    with acme():
        async with a_desk(store, clock, tmp_path, engine="slow") as desk:
            line = await desk.calls()
            await until(lambda: "Hello." in line.heard)
            THINKING.clear()
            line.says("what about this")
            await until(THINKING.is_set)
            line.says("no, be quick")
            await until(lambda: "Quickly." in line.heard)
            line.hang_up()
            await desk.over()
            assert (await desk.used("llm"))["output_token"] == 3 * THOUGHT.output_tokens
    brain.cache_clear()
    await store.close()


async def test_a_phrase_that_is_kept_ready_is_paid_for_once(
    sqlite_url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fillers are made once for all calls of a process, and cost nothing when they are said."""
    monkeypatch.setitem(ENGINES, "slow", f"{__name__}:Slow")
    KEPT.__init__()  # type: ignore[misc]
    store, filler = Store(sqlite_url, bus()), f"One moment {uuid4().hex[:6]}."
    call = {**CALL, "filler_messages": [filler], "apology_message": ""}
    with acme():
        async with a_desk(store, clock, tmp_path, engine="slow", call=call) as desk:
            characters = []
            for _ in range(2):
                line = await desk.calls()
                await until(lambda line=line: "Hello." in line.heard)  # type: ignore[misc]
                line.says("what about this")
                await until(lambda line=line: filler in line.heard)  # type: ignore[misc]
                line.hang_up()
                await until(lambda: not desk.made.context.calls)
                characters.append((await desk.used("voice"))["character"])
            assert characters == [len("Hello.") + len(filler), 2 * len("Hello.") + len(filler)]
    brain.cache_clear()
    await store.close()


async def test_a_key_of_the_workspaces_own_is_counted_as_such(desk: Desk) -> None:
    desk.made.context.accounts = OWN
    await talks(desk, await desk.calls("web_call"))
    cost = await desk.cost(await desk.over())
    assert cost.own == cost.totals
    assert all(line.own for line in cost.lines)


async def test_what_a_failing_database_makes_us_write_again_is_counted_once(desk: Desk) -> None:
    line = await desk.calls()
    await until(lambda: "Hello." in line.heard)
    interaction = await desk.made.records.one(Interaction)
    writer = Writer(desk.made.context, interaction.id, "Maya")
    failures = 2

    def fails(db: object, interaction: Interaction) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise OSError("the database went away")

    writer.meter.add("voice", "acme", "other", "character", 100)
    writer.used()
    writer.put(fails)
    writer.close()
    await writer.run()
    async with desk.made.context.store.read() as db:
        found = (await db.exec(select(UsageEntry).where(UsageEntry.model == "other"))).all()
    assert [row.quantity for row in found] == [100]
    line.hang_up()
    await eventually(lambda: desk.made.records.one(Interaction), lambda one: one.ended_at)
