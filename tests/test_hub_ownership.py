"""Who may speak: two operators at once, the agent's silence, and how it goes on afterwards."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.channel import Inbound
from hub.core.hub import NotFound
from hub.dialogue.turn import Piece, Say, Toolbox, Turn
from hub.engines import ENGINES
from hub.models import AgentDefinition, Event, InboxEntry, Interaction, Message
from hub.ownership import NotYours, Taken
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, gated, until
from tests.world import Core, Home, Sandbox, bus, core, furnish, house, looking_up

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


class Echo:
    """An engine that says what it knows of the conversation."""

    vendor = ""

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        known = " / ".join(f"{entry.role}: {entry.text}" for entry in turn.history)
        yield Say(f"[{turn.cue}] {known} / now: {turn.said}")


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> AgentDefinition:
    monkeypatch.setitem(ENGINES, "echo", f"{__name__}:Echo")
    return AgentDefinition(name="Maya", engine="echo")


async def opened(made: Core, home: Home, text: str = "hello") -> Interaction:
    await made.hub.receive(message(text))
    await made.settled()
    return await made.records.one(Interaction)


def message(text: str, number: int = 1) -> Inbound:
    return Inbound("sms", "message", f"SM{number}", sender=ANA, recipient=OUR_NUMBER, text=text)


async def test_of_two_who_take_over_at_once_one_wins_and_the_other_is_told_who(
    database_url: str, clock: FakeClock
) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    home = await furnish(stores[0])
    async with core(stores[0], clock, node="a#1") as one, core(stores[1], clock, node="b#1") as two:
        interaction = await opened(one, home)
        place = (home.workspace_id, interaction.id)
        winners = []
        for _ in range(10):
            got = await asyncio.gather(
                one.hub.take_over(*place, home.ana), two.hub.take_over(*place, home.ben), return_exceptions=True
            )
            (taken,) = [result for result in got if isinstance(result, BaseException)]
            (won,) = [result for result in got if not isinstance(result, BaseException)]
            winner, hub = (home.ana, one.hub) if won.operator_id == home.ana.id else (home.ben, two.hub)
            assert isinstance(taken, Taken)
            assert taken.who == winner.name
            assert str(taken) == f"{winner.name} is already answering this customer."
            assert (await one.records.one(Interaction)).operator_id == winner.id
            winners.append(winner.name)
            await hub.hand_back(*place, winner)
            await one.settled()
            await two.settled()
        assert len(await one.records.events("interaction.taken_over")) == 10
    for store in stores:
        await store.close()


async def test_the_agent_is_silent_from_the_commit_on_even_when_it_was_thinking(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    async with (
        gated() as gate,
        house(database_url, sandbox, clock, tmp_path, definition=looking_up(gate.url)) as made,
    ):
        await made.text(ANA, "hello")
        await until(lambda: gate.asked)
        interaction = await made.records.one(Interaction)
        await made.hub.take_over(made.home.workspace_id, interaction.id, made.home.ana)
        gate.open()
        await made.settled()
        await made.text(ANA, "are you there?")
        await made.settled()
        assert await made.records.said() == [("customer", "hello"), ("customer", "are you there?")]
        assert await sandbox.tries(ANA) == []
        assert all(entry.done_at for entry in await made.records.all(InboxEntry))
        assert (await made.records.one(Interaction)).waiting_since is not None


async def test_handing_back_lets_the_agent_go_on_with_all_that_was_said(
    store: Store, clock: FakeClock, echo: AgentDefinition
) -> None:
    home = await furnish(store, definition=echo)
    async with core(store, clock) as made:
        interaction = await opened(made, home, "is it ready?")
        place = (home.workspace_id, interaction.id)
        await made.hub.take_over(*place, home.ana)
        await made.hub.say(*place, "It is ready on Friday.", operator=home.ana)
        await made.hub.say(*place, "a grumpy one", operator=home.ana, note=True)
        await made.hub.hand_back(*place, home.ana)
        await made.settled()
        last = made.sms.sent[-1].text
        assert last.startswith("[handed_back]")
        assert "operator: It is ready on Friday." in last
        assert "grumpy" not in last
        await made.hub.receive(message("thanks", 2))
        await made.settled()
        assert "operator: It is ready on Friday." in made.sms.sent[-1].text
        assert made.sms.sent[-1].text.endswith("now: thanks")


async def test_what_the_customer_asked_last_is_answered_after_handing_back(
    store: Store, clock: FakeClock, echo: AgentDefinition
) -> None:
    home = await furnish(store, definition=echo)
    async with core(store, clock) as made:
        interaction = await opened(made, home)
        place = (home.workspace_id, interaction.id)
        await made.hub.take_over(*place, home.ana)
        await made.hub.receive(message("and on Sunday?", 2))
        await made.settled()
        assert len(made.sms.sent) == 1
        await made.hub.hand_back(*place, home.ana)
        await made.settled()
        assert made.sms.sent[-1].text.endswith("now: and on Sunday?")


async def test_handing_back_leaves_colleagues_a_note_of_what_was_said_and_the_agent_none(
    store: Store, clock: FakeClock, echo: AgentDefinition
) -> None:
    home = await furnish(store, definition=echo)
    async with core(store, clock) as made:
        interaction = await opened(made, home, "is it ready?")
        place = (home.workspace_id, interaction.id)
        await made.hub.take_over(*place, home.ana)
        await made.hub.say(*place, "On Friday.", operator=home.ana)
        await made.hub.say(*place, "a grumpy one", operator=home.ana, note=True)
        await made.hub.receive(message("can it be " + "really " * 60 + "sooner?", 2))
        await made.settled()
        clock.forward(minutes=4)
        await made.hub.assign(*place, None, home.ana)
        await made.hub.take_over(*place, home.ben)
        await made.hub.say(*place, "Thursday then.", operator=home.ben)
        await made.hub.hand_back(*place, home.ben, "  Promised Thursday.  ")
        await made.hub.hand_back(*place, home.ben)
        await made.settled()
        grumpy, note = await made.records.all(Message, Message.note)
        assert (grumpy.text, note.author, note.role) == ("a grumpy one", "Ben", "operator")
        first, told, last = note.text.split("\n\n")
        assert first == "Promised Thursday."
        assert told == "Ben handed back after 4 min. Messages: 1 from Ana, 1 from the customer, 1 from Ben."
        heading, *lines = last.splitlines()
        assert (heading, lines[0], lines[2]) == ("Said last:", "Ana: On Friday.", "Ben: Thursday then.")
        assert lines[1].startswith("Customer: can it be really")
        assert len(lines[1]) <= 210
        assert "Promised" not in made.sms.sent[-1].text


async def test_handing_back_what_nobody_spoke_in_says_so(store: Store, clock: FakeClock, echo: AgentDefinition) -> None:
    home = await furnish(store, definition=echo)
    async with core(store, clock) as made:
        interaction = await opened(made, home)
        place = (home.workspace_id, interaction.id)
        for _ in range(2):  # what was said before it was taken over again counts no more
            await made.hub.take_over(*place, home.ana)
            await made.hub.hand_back(*place, home.ana)
        notes = await made.records.all(Message, Message.note)
        assert [note.text for note in notes] == ["Ana handed back after 0 s. Nothing was said."] * 2
        await made.settled()


async def test_only_who_took_over_may_write(store: Store, clock: FakeClock) -> None:
    home = await furnish(store)
    async with core(store, clock) as made:
        interaction = await opened(made, home)
        place = (home.workspace_id, interaction.id)
        sent = len(made.sms.sent)
        with pytest.raises(NotYours, match="Take over first"):
            await made.hub.say(*place, "hi", operator=home.ana)
        await made.hub.take_over(*place, home.ana)
        with pytest.raises(Taken, match="Ana is already answering"):
            await made.hub.say(*place, "hi", operator=home.ben)
        with pytest.raises(NotYours, match="Ana is answering; only they or an admin"):
            await made.hub.hand_back(*place, home.ben)
        await made.settled()
        assert len(made.sms.sent) == sent


async def test_an_interaction_of_another_workspace_is_not_there(store: Store, clock: FakeClock) -> None:
    home, other = await furnish(store), await furnish(store, number="+15005550007", name="Shop")
    async with core(store, clock) as made:
        interaction = await opened(made, home)
        answer = await made.records.one(Message, Message.role == "agent")
        place = (other.workspace_id, interaction.id)
        before = len(await made.records.all(Event))
        for act in (
            made.hub.take_over(*place, other.ana),
            made.hub.hand_back(*place, other.ana),
            made.hub.say(*place, "hi", operator=other.ana),
            made.hub.say(*place, "hi", operator=other.ana, note=True),
            made.hub.assign(*place, other.ana, other.ana),
            made.hub.tag(*place, ["mine"], other.ana),
            made.hub.snooze(*place, None, other.ana),
            made.hub.end(*place),
            made.hub.send_again(other.workspace_id, answer.id, other.ana),
        ):
            with pytest.raises(NotFound):
                await act
        assert len(await made.records.all(Event)) == before
        assert (await made.records.one(Interaction)).owner == "ai"


async def test_the_agent_that_fails_hands_over_with_words(store: Store, clock: FakeClock) -> None:
    home = await furnish(store, definition=AgentDefinition(name="Maya", engine="no such engine"))
    async with core(store, clock) as made:
        await opened(made, home)
        interaction = await made.records.one(Interaction)
        assert interaction.owner == "queue"
        assert "A colleague will get back to you" in made.sms.sent[0].text
        assert len(await made.records.events("interaction.needs_human")) == 1


async def test_without_an_agent_a_text_waits_for_a_person(store: Store, clock: FakeClock) -> None:
    home = await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(Inbound("sms", "message", "SM1", sender=ANA, recipient="+15005550008", text="hello"))
        await made.settled()
        interaction = await made.records.one(Interaction)
        assert (interaction.owner, interaction.workspace_id) == ("queue", home.workspace_id)
        assert interaction.waiting_since is not None
        assert made.sms.sent == []
