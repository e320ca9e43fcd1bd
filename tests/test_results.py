"""Results in the hub: owed by the end, made once whatever dies, live before it, corrected by people."""

import asyncio
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from hub.channel import Inbound
from hub.core import results as core_results
from hub.core.concluding import MOST_ATTEMPTS, PAUSES, conclude
from hub.core.recover import sweep
from hub.core.results import NoResult, NotFitting, NotOver, correct, shown, take_again
from hub.core.write import finish
from hub.dialogue.results import Extraction, Taken
from hub.engine import EngineFailed, Fault
from hub.models import Event, Interaction, Message, Outcome, ResultCase, ResultValue, UsageEntry
from hub.models.columns import utcnow
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.result_world import ACCOUNTS, acme, definition, thursday
from tests.world import Core, Records, Sandbox, bus, core, eventually, fleet, furnish

pytestmark = pytest.mark.anyio
PERSON = "+12025550101"
T = TypeVar("T")


async def texts(made: Core, *said: str, person: str = PERSON) -> Interaction:
    """Somebody texts, and each text is answered; the interaction as it is then."""
    for number, body in enumerate(said):
        await made.hub.receive(
            Inbound("sms", "message", f"SM{person}{number}{body[:9]}", sender=person, recipient=OUR_NUMBER, text=body)
        )
        await made.settled()
    return await made.records.one(Interaction, Interaction.person == person)


async def ends(made: Core, interaction: Interaction) -> Interaction:
    """It is ended, and the next sweep comes."""
    await made.hub.end(interaction.workspace_id, interaction.id)
    await swept(made)
    return await made.records.one(Interaction, Interaction.id == interaction.id)


async def swept(made: Core) -> None:
    await sweep(made.context, made.context.clock.now())
    await made.settled()


async def results_of(made: Core, interaction: Interaction) -> core_results.Results:
    async with made.context.store.read() as db:
        found = await db.get(Interaction, interaction.id)
        assert found is not None
        return await shown(db, found)


async def test_when_it_is_over_values_stand_with_the_words_that_say_them(store: Store, clock: FakeClock) -> None:
    await furnish(store, definition=definition())
    async with core(store, clock) as made:
        ended = await ends(made, await texts(made, "I come on 2027-03-05, write to ana@example.com", "thanks, great!"))
        found = await results_of(made, ended)
        assert (found.state, found.plain) == ("ready", {"day": "2027-03-05", "email": "ana@example.com"})
        first = (await made.records.all(Message, Message.role == "customer"))[0]
        for value in found.values:
            (words,) = value.evidence
            assert words["message_id"] == str(first.id)
            assert first.text[words["start"] : words["end"]] == words["words"]
        assert found.outcome is not None
        assert (found.outcome.success, found.outcome.sentiment, found.outcome.extractor) == (
            "yes",
            "positive",
            "script",
        )
        assert ended.summary.startswith("The customer wrote and said")
        (event,) = await made.records.events("results.ready")
        assert event.data["results"] == found.plain


async def test_while_it_goes_on_what_the_agent_noted_is_there(store: Store, clock: FakeClock) -> None:
    with acme():
        await furnish(store, definition=definition("acme"))
        async with core(store, clock) as made:
            made.context.accounts = ACCOUNTS
            going_on = await texts(made, "hello", "on Thursday please")
            found = await results_of(made, going_on)
            assert (found.state, found.plain) == ("live", {"day": "2026-03-05", "email": None})
            assert found.values[0].evidence[0]["words"] == "on Thursday please"
            assert found.missing == []


async def test_ending_waits_for_no_extractor_and_a_second_ending_owes_nothing_more(
    store: Store, clock: FakeClock
) -> None:
    await furnish(store, definition=definition())
    async with core(store, clock) as made:
        ended = await texts(made, "hello")
        for _ in range(2):
            await made.hub.end(ended.workspace_id, ended.id)
        (owed,) = await rows(made.records, Outcome)
        assert (owed.due_at is not None, owed.made_at) == (True, None)
        assert (await results_of(made, ended)).state == "pending"
        await swept(made)
        await swept(made)
        assert len(await made.records.events("results.ready")) == 1


async def test_twenty_who_make_it_at_once_make_it_once(database_url: str, clock: FakeClock) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    with acme() as taker:
        taker.finds = thursday
        await furnish(stores[0], definition=definition("acme"))
        async with core(stores[0], clock, node="a#1") as one, core(stores[1], clock, node="b#1") as two:
            one.context.accounts = two.context.accounts = ACCOUNTS
            ended = await texts(one, "on Thursday")
            await one.hub.end(ended.workspace_id, ended.id)
            await asyncio.gather(*(conclude(made.context, ended.id) for made in (one, two) for _ in range(10)))
            assert len(taker.asked) == 1
            assert len(await one.records.events("results.ready")) == 1
            used = await rows(one.records, UsageEntry)
            assert sum(row.quantity for row in used if row.kind == "results") == 3_250
    for made in stores:
        await made.close()


async def rows(records: Records, table: type[T]) -> list[T]:
    """All rows of a table without an id of its own."""
    async with records.store.read() as db:
        return list((await db.exec(select(table))).all())


# a model that fails


@pytest.mark.parametrize("fault", ["busy", "broken", "slow", "garbage"])
async def test_a_model_that_may_answer_later_is_asked_again_and_then_the_embedded_one_does_it(
    store: Store, clock: FakeClock, fault: Fault
) -> None:
    with acme() as taker:
        taker.troubles = [EngineFailed("it did not answer", fault)] * 9
        await furnish(store, definition=definition("acme"))
        async with core(store, clock) as made:
            made.context.accounts = ACCOUNTS
            ended = await ends(made, await texts(made, "I come on 2027-03-05"))
            for pause in PAUSES:
                assert (await results_of(made, ended)).state == "pending"
                await swept(made)
                clock.forward(seconds=pause.total_seconds() + 1)
                await swept(made)
            found = await results_of(made, ended)
            assert (len(taker.asked), found.state, found.plain["day"]) == (3, "ready", "2027-03-05")
            assert found.outcome is not None
            assert (found.outcome.extractor, "it did not answer" in found.outcome.failure) == ("script", True)


async def test_a_model_that_answers_the_second_time_is_taken(store: Store, clock: FakeClock) -> None:
    with acme() as taker:
        taker.troubles, taker.finds = [EngineFailed("busy", "busy")], thursday
        await furnish(store, definition=definition("acme"))
        async with core(store, clock) as made:
            made.context.accounts = ACCOUNTS
            ended = await ends(made, await texts(made, "on Thursday"))
            clock.forward(seconds=PAUSES[0].total_seconds() + 1)
            await swept(made)
            found = await results_of(made, ended)
            assert found.outcome is not None
            assert (found.outcome.extractor, found.outcome.summary) == ("acme", "They come on Thursday.")


@pytest.mark.parametrize("fault", ["refused", "invalid"])
async def test_a_model_that_refuses_us_is_not_asked_again(store: Store, clock: FakeClock, fault: Fault) -> None:
    with acme() as taker:
        taker.troubles = [EngineFailed("the key is not valid", fault)] * 9
        await furnish(store, definition=definition("acme"))
        async with core(store, clock) as made:
            made.context.accounts = ACCOUNTS
            found = await results_of(made, await ends(made, await texts(made, "on 2027-03-05")))
            assert (len(taker.asked), found.state) == (1, "ready")


async def test_without_a_key_the_embedded_one_does_it_and_says_why(store: Store, clock: FakeClock) -> None:
    with acme():
        await furnish(store, definition=definition("acme"))
        async with core(store, clock) as made:
            made.context.accounts = ACCOUNTS
            going_on = await texts(made, "on 2027-03-05")
            made.context.accounts = type(ACCOUNTS)({})
            found = await results_of(made, await ends(made, going_on))
            assert found.outcome is not None
            assert "ACME_API_KEY" in found.outcome.failure
            assert found.outcome.extractor == "script"


async def test_an_extractor_that_breaks_every_time_is_given_up_and_the_end_stands(
    store: Store, clock: FakeClock
) -> None:
    with acme() as taker:
        taker.finds = broken
        await furnish(store, definition=definition("acme"))
        async with core(store, clock) as made:
            made.context.accounts = ACCOUNTS
            ended = await ends(made, await texts(made, "on 2027-03-05"))
            for _ in range(MOST_ATTEMPTS):
                clock.forward(seconds=200)
                await swept(made)
            assert (await results_of(made, ended)).state == "ready"  # by the embedded one


def broken(story: Any) -> Extraction:
    raise ZeroDivisionError


async def test_a_value_without_words_counts_for_nothing(store: Store, clock: FakeClock) -> None:
    with acme() as taker:
        taker.finds = lambda story: Extraction({"day": Taken("2026-12-24", (), 20, "acme")}, success="yes")
        await furnish(store, definition=definition("acme"))
        async with core(store, clock) as made:
            made.context.accounts = ACCOUNTS
            found = await results_of(made, await ends(made, await texts(made, "hello")))
            assert (found.plain["day"], found.values[0].taken, found.missing) == (None, "2026-12-24", ["day"])


# people


async def test_a_correction_counts_everywhere_stays_over_a_second_run_and_becomes_a_case(
    store: Store, clock: FakeClock
) -> None:
    home = await furnish(store, definition=definition())
    async with core(store, clock) as made:
        ended = await ends(made, await texts(made, "I come on 2027-03-05"))
        await correct(made.context, home.workspace_id, ended.id, {"day": "2027-03-06"}, by="Ana")
        await take_again(made.context, home.workspace_id, ended.id)
        await made.settled()
        found = await results_of(made, ended)
        day = found.values[0]
        assert (day.value, day.taken, day.corrected_before, day.corrected_by) == (
            "2027-03-06", "2027-03-05", "2027-03-05", "Ana",
        )  # fmt: skip
        assert found.outcome is not None
        assert found.outcome.run == 2
        first, second = await made.records.events("results.ready")
        assert (first.data["results"]["day"], second.data["results"]["day"]) == ("2027-03-05", "2027-03-06")
        case = await made.records.one(ResultCase)
        assert (case.name, case.expected, case.got, case.by) == ("day", "2027-03-06", "2027-03-05", "Ana")
        assert [line["text"] for line in case.transcript["lines"] if line["role"] == "customer"] == [
            "I come on 2027-03-05"
        ]
        await correct(made.context, home.workspace_id, ended.id, {"day": None}, by="Ben")
        assert (await results_of(made, ended)).missing == ["day"]
        assert (await made.records.one(ResultCase)).expected is None
        assert [event.data["by"] for event in await made.records.events("results.corrected")] == ["Ana", "Ben"]


async def test_what_does_not_fit_or_is_not_there_is_refused(store: Store, clock: FakeClock) -> None:
    home = await furnish(store, definition=definition())
    other = await furnish(store, number="+15005550007", name="Other")
    async with core(store, clock) as made:
        going_on = await texts(made, "hello")
        for given, error in (({"day": "soon"}, NotFitting), ({"colour": "red"}, NoResult)):
            with pytest.raises(error):
                await correct(made.context, home.workspace_id, going_on.id, given, by="Ana")
        with pytest.raises(NoResult):
            await correct(made.context, other.workspace_id, going_on.id, {"day": None}, by="Ana")
        with pytest.raises(NotOver):
            await take_again(made.context, home.workspace_id, going_on.id)
        with pytest.raises(NoResult):
            await take_again(made.context, other.workspace_id, going_on.id)
        assert await made.records.all(ResultCase) == []
        assert await rows(made.records, ResultValue) == []


# killed


@pytest.mark.timeout(120)
async def test_killed_at_every_step_the_outcome_is_made_once(
    database_url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """One life after another dies on its way; the last one finishes what all of them left."""
    async with fleet(database_url, sandbox, tmp_path, definition=definition()) as made:
        for number, step in enumerate(("claimed", "extracted", "settled")):
            failpoint, person = f"conclude.{step}", f"+1202555210{number}"
            dying = await made.hub(HUB_NODE=failpoint, HUB_FAILPOINT=failpoint)
            await made.sandbox.texts(person, "I come on 2027-03-05", dying.url, sid=f"SM{person[1:].rjust(32, '0')}")
            await made.sandbox.sent(person, at_least=1)
            interaction = await made.records.one(Interaction, Interaction.person == person)
            await end_in(made.records.store, interaction.id)
            await asyncio.to_thread(dying.process.wait, 30)
            assert dying.process.returncode == -9
        await expire_claims(made.records.store)
        await made.hub(HUB_NODE="last")
        await eventually(
            lambda: rows(made.records, Outcome), lambda found: len(found) == 3 and all(row.made_at for row in found), 30
        )  # fmt: skip
        ready = await made.records.all(Event, Event.type == "results.ready")
        assert len(ready) == 3
        assert [event.data["results"]["day"] for event in ready] == ["2027-03-05"] * 3


async def end_in(store: Store, interaction_id: UUID) -> None:
    """The interaction ends by another process, which then does nothing more."""
    async with store.write() as db:
        found = await db.get(Interaction, interaction_id)
        assert found is not None
        finish(db, found, "completed", "api_hangup", utcnow())


async def expire_claims(store: Store) -> None:
    """The time for which those who died had claimed it is over."""
    async with store.write() as db:
        await db.exec(update(Outcome).where(col(Outcome.due_at).is_not(None)).values(due_at=utcnow()))
