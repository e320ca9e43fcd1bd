"""Warm transfers and the processes that hold them, without a carrier: lines in memory, several processes, browsers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hub.channel import Inbound, Limits, Pressed, Refused
from hub.engines import TRANSCRIBERS, VOICES
from hub.models import AgentDefinition, Command, Interaction
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, until
from tests.lines import CALL, TextLine
from tests.lines import ENGINES as READING_AND_WRITING
from tests.world import Core, Home, bus, core, eventually, furnish

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
EMILY, BOB = "+12025550101", "+12025550177"
BACK, OVER = "Nobody is there.", "You are back."
MAYA = AgentDefinition(
    name="Maya", opening_message="Hello.",
    call={
        **CALL, "record": False, "transfer_message": "One moment.", "transfer_failed_message": BACK,
        "transfer_over_message": OVER, "idle_seconds": 2,
    },
)  # fmt: skip


@dataclass
class Town:
    store: Store
    home: Home
    clock: FakeClock
    folder: Path

    @contextlib.asynccontextmanager
    async def node(self, name: str = "a#1") -> AsyncIterator[Core]:
        """A process that can hold calls of phones and browsers."""
        async with core(self.store, self.clock, "call", "web_call", node=name) as made:
            made.channels["call"].limits = Limits(length=4096, live=True)
            made.channels["web_call"].limits = Limits(length=4096, live=True, pulled=True)
            made.channels["web_call"].identity = "visitor"
            made.context.data_dir = self.folder
            try:
                yield made
            finally:
                for live in list(made.context.calls.values()):
                    live.conversation.end("api_hangup")
                await made.settled()


@pytest.fixture
async def town(
    sqlite_url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> AsyncIterator[Town]:
    monkeypatch.setitem(TRANSCRIBERS, "reader", READING_AND_WRITING["reader"])
    monkeypatch.setitem(VOICES, "writer", READING_AND_WRITING["writer"])
    store = Store(sqlite_url, bus())
    yield Town(store, await furnish(store, definition=MAYA, channels=["call", "web_call"]), clock, tmp_path)
    await store.close()


@dataclass
class Emily:
    """A customer on the line."""

    made: Core
    line: TextLine
    sid: str
    id: UUID

    async def now(self) -> Interaction:
        return await self.made.records.one(Interaction, Interaction.id == self.id)

    async def given_to(self, number: str = BOB) -> Command:
        """She is to be transferred."""
        home = (await self.now()).workspace_id
        return await self.made.hub.command(
            home, self.id, "transfer", by="Ana", to=number, warm=True, briefing="A refund."
        )

    async def outcomes(self) -> list[str]:
        return [event.data["outcome"] for event in await self.made.records.events("call.transferred")]

    async def hears(self, words: str) -> None:
        await until(lambda: words in self.line.heard, 10)


async def calls(made: Core, sid: str = "", channel: str = "call", sender: str = EMILY) -> Emily:
    """She calls, or her line is made anew."""
    line, sid = TextLine(), sid or f"CA{uuid4().hex}"
    receipt = await made.hub.receive(
        Inbound(channel, "call", sid, once=uuid4().hex, sender=sender, recipient=OUR_NUMBER, line=line)
    )
    assert receipt.interaction_id is not None
    return Emily(made, line, sid, receipt.interaction_id)


async def leg_of(made: Core) -> Interaction:
    return await made.records.one(Interaction, Interaction.direction == "outbound")


async def answers(made: Core) -> TextLine:
    """Bob picks up: his line opens in this process."""
    leg = await eventually(lambda: leg_of(made), lambda leg: leg.external_id or leg.ended_at)
    line = TextLine()
    await made.hub.receive(
        Inbound(
            "call", "call", leg.external_id or "CAb0b", once=uuid4().hex, sender=BOB, recipient=OUR_NUMBER,
            about=str(leg.id), line=line,
        )
    )  # fmt: skip
    return line


async def reported(made: Core, status: str, code: str = "") -> None:
    leg = await leg_of(made)
    await made.hub.receive(Inbound("call", "status", uuid4().hex, about=str(leg.id), status=status, code=code))


def presses(line: TextLine, key: str) -> None:
    line._coming.put_nowait(Pressed(key))


async def test_a_customer_in_a_browser_is_transferred_as_well(town: Town) -> None:
    async with town.node() as made:
        emily = await calls(made, channel="web_call", sender="visitor-7")
        await emily.hears("Hello.")
        assert (await emily.given_to()).fault == ""
        await emily.hears("One moment.")
        bob = await answers(made)
        await until(lambda: "A refund." in bob.heard, 10)
        presses(bob, "1")
        await eventually(emily.now, lambda one: one.owner == "operator")
        bob.says("How can I help?")
        said = await eventually(lambda: made.records.said(), lambda found: ("operator", "How can I help?") in found)
        assert emily.line.transferred == ""
        assert ("customer", "How can I help?") not in said
        bob.hang_up()
        await emily.hears(OVER)
        assert await eventually(emily.outcomes, bool) == ["completed"]
        assert await eventually(emily.now, lambda one: one.owner == "ai")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("no_answer", "no_answer"), ("failed", "failed"), ("canceled", "failed"), ("busy", "busy")],
)
async def test_what_the_carrier_tells_of_the_colleagues_call_brings_the_agent_back(
    town: Town, status: str, outcome: str
) -> None:
    async with town.node() as made:
        emily = await calls(made)
        await emily.given_to()
        await emily.hears("One moment.")
        await reported(made, status)
        await emily.hears(BACK)
        assert await eventually(emily.outcomes, bool) == [outcome]
        emily.line.says("And now?")
        await eventually(lambda: made.records.said(), lambda said: said[-1][0] == "agent" and said[-1][1] != BACK)


@pytest.mark.parametrize("how", ["says no", "hangs up", "gives no answer"])
async def test_a_colleague_who_answers_and_does_not_take_the_call_brings_the_agent_back(town: Town, how: str) -> None:
    async with town.node() as made:
        emily = await calls(made)
        await emily.given_to()
        bob = await answers(made)
        await until(lambda: "decline." in bob.heard, 10)
        if how == "says no":
            bob.says("No, not now.")
        elif how == "hangs up":
            bob.hang_up()
        await emily.hears(BACK)
        assert await eventually(emily.outcomes, bool) == ["no_answer" if how == "gives no answer" else "declined"]
        await asyncio.wait_for(bob.hung_up.wait(), 10)
        assert (await eventually(lambda: leg_of(made), lambda leg: leg.ended_at)).status == "completed"


async def test_the_colleagues_line_opens_only_where_the_customer_is(town: Town) -> None:
    async with town.node("a#1") as made, town.node("b#1") as other:
        emily = await calls(made)
        await emily.given_to()
        with pytest.raises(Refused, match="another server process"):
            await answers(other)
        bob = await answers(made)
        presses(bob, "1")
        await eventually(emily.outcomes, lambda told: told == ["completed"])


async def test_when_the_customers_process_is_lost_she_is_with_the_agent_again_and_the_colleague_is_let_go(
    town: Town,
) -> None:
    async with town.node("a#1") as dies, town.node("b#1") as other:
        emily = await calls(dies)
        await emily.hears("Hello.")
        await emily.given_to()
        again = await calls(other, emily.sid)
        assert await again.outcomes() == ["failed"]
        leg = await eventually(lambda: leg_of(other), lambda leg: leg.ended_at)
        assert leg.status == "canceled"
        assert (await again.now()).owner == "ai"
        with pytest.raises(Refused, match=r"ended|Nobody waits"):
            await answers(other)
        await until(lambda: not dies.context.calls, 10)
        assert await again.outcomes() == ["failed"], "the lost process has no say any more"


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "stopped"])
async def test_after_the_loss_of_a_process_in_which_they_talked_she_is_with_the_agent_again(
    town: Town, lost: bool
) -> None:
    async with town.node("a#1") as dies, town.node("b#1") as other:
        emily = await calls(dies)
        await emily.hears("Hello.")
        await emily.given_to()
        bob = await answers(dies)
        presses(bob, "1")
        await eventually(emily.now, lambda one: one.owner == "operator")
        if not lost:
            dies.context.calls[emily.id].leave()
        again = await calls(other, emily.sid)
        await asyncio.wait_for(bob.hung_up.wait(), 10)
        assert (await eventually(again.now, lambda one: one.owner == "ai")).status == "in_progress"
        assert await again.outcomes() == ["completed"]


async def test_a_transfer_that_a_lost_process_had_begun_is_not_dialled_a_second_time(town: Town) -> None:
    async with town.node("a#1") as dies, town.node("b#1") as other:
        emily = await calls(dies)
        await emily.hears("Hello.")
        asked = await emily.given_to()
        await until(lambda: dies.channels["call"].sent != [], 10)
        async with town.store.write() as db:  # it died before it could write that down
            row = await db.get(Command, asked.id)
            assert row is not None
            row.done_at = None
        await calls(other, emily.sid)
        done = await eventually(lambda: other.records.one(Command), lambda one: one.done_at)
        assert "broke off" in done.fault
        assert len(dies.channels["call"].sent) + len(other.channels["call"].sent) == 1


async def test_an_operator_who_asks_for_a_transfer_keeps_the_customer_until_it_is_taken(town: Town) -> None:
    async with town.node() as made:
        emily = await calls(made)
        await emily.hears("Hello.")
        await made.hub.take_over(town.home.workspace_id, emily.id, town.home.ana)
        await eventually(emily.now, lambda one: one.owner == "operator")
        await emily.given_to()
        await until(lambda: made.channels["call"].sent != [], 10)
        await reported(made, "busy")
        await eventually(emily.outcomes, lambda told: told == ["busy"])
        assert (await emily.now()).operator_id == town.home.ana.id
        assert emily.line.heard == "Hello."


async def test_what_the_carrier_takes_for_a_machine_too_late_does_not_part_them(town: Town) -> None:
    async with town.node() as made:
        emily = await calls(made)
        await emily.given_to()
        bob = await answers(made)
        presses(bob, "1")
        await eventually(emily.now, lambda one: one.owner == "operator")
        await reported(made, "voicemail", "machine_end_beep")
        await eventually(lambda: made.records.all(Command, Command.verb == "voicemail"), lambda found: found[0].done_at)
        assert not bob.hung_up.is_set()
        assert (await emily.now()).owner == "operator"
        emily.line.hang_up()
        await asyncio.wait_for(bob.hung_up.wait(), 10)


async def test_handing_back_from_the_page_ends_the_talk(town: Town) -> None:
    async with town.node() as made:
        emily = await calls(made)
        await emily.given_to()
        bob = await answers(made)
        presses(bob, "1")
        await eventually(emily.now, lambda one: one.owner == "operator")
        await made.hub.hand_back(town.home.workspace_id, emily.id, town.home.ben)
        await asyncio.wait_for(bob.hung_up.wait(), 10)
        assert (await emily.now()).owner == "ai"
