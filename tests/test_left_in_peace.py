"""What must not be kept from its course: a STOP with a picture, a snooze, an end, others' answers."""

from datetime import timedelta

import pytest

from hub.channel import Inbound, Limits, Media
from hub.core import recover
from hub.core.live.writer import Writer
from hub.models import Consent, Customer, InboxEntry, Interaction, Message
from hub.ownership import NotYours
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.world import core, furnish

pytestmark = pytest.mark.anyio
ANA, BEN = "+12025550101", "+12025550102"


def message(text: str, number: int = 1, sender: str = ANA, media: tuple[Media, ...] = ()) -> Inbound:
    return Inbound("sms", "message", f"SM{number}", sender=sender, recipient=OUR_NUMBER, text=text, media=media)


async def test_stop_counts_also_with_a_picture(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(message("STOP", media=(Media("https://example.com/signature.png"),)))
        await made.settled()
        assert (await made.records.one(Consent)).state == "revoked"
        assert not made.sms.sent


async def test_what_is_snoozed_is_not_closed_before_it_wakes(store: Store, clock: FakeClock) -> None:
    home = await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(message("hello"))
        await made.settled()
        interaction = await made.records.one(Interaction)
        await made.hub.snooze(home.workspace_id, interaction.id, clock.now() + timedelta(days=3), home.ana)
        clock.forward(days=2)
        assert await recover.close_idle(made.context) == 0
        clock.forward(days=2.5)
        assert await recover.close_idle(made.context) == 1


async def test_what_has_ended_is_assigned_to_nobody(store: Store, clock: FakeClock) -> None:
    home = await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(message("hello"))
        await made.settled()
        place = (home.workspace_id, (await made.records.one(Interaction)).id)
        await made.hub.end(*place)
        for operator in (home.ana, None):
            with pytest.raises(NotYours, match="has ended"):
                await made.hub.assign(*place, operator, home.ben)
        ended = await made.records.one(Interaction)
        assert (ended.owner, ended.waiting_since) == ("ai", None)


async def test_one_that_cannot_be_answered_keeps_no_other_waiting(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        for number, sender in enumerate((ANA, BEN), 1):
            await made.hub.receive(message("hello", number, sender))
        await made.settled()
        async with store.write() as db:
            for entry in await made.records.all(InboxEntry):
                kept = await db.merge(entry)
                kept.done_at = None
            for interaction in await made.records.all(Interaction):
                held = await db.merge(interaction)
                held.answered_seq = 0
            first = await db.merge((await made.records.all(Customer))[0])
            first.time_zone = "Nowhere/Atlantis"
        sent = len(made.sms.sent)
        began = clock.now()
        clock.forward(minutes=1)
        await recover.sweep(made.context, began)
        await made.settled()
        assert [one.recipient for one in made.sms.sent[sent:]] == [BEN]


async def test_who_waits_for_a_person_and_says_stop_waits_no_more(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(message("I want to talk to a person", 1))
        await made.settled()
        waiting = await made.records.one(Interaction)
        assert (waiting.owner, waiting.waiting_since is None) == ("queue", False)
        await made.hub.receive(message("STOP", 2))
        stopped = await made.records.one(Interaction)
        assert (stopped.owner, stopped.waiting_since) == ("ai", None)


async def test_a_call_is_not_closed_for_being_quiet(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(message("hello"))
        await made.settled()
        made.sms.limits = Limits(length=1600, live=True)
        clock.forward(days=2)
        assert await recover.close_idle(made.context) == 0


async def test_what_was_said_on_a_call_is_written_once_after_a_failure(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(message("hello"))
        await made.settled()
        failures = 1

        def fails_once(db: object, interaction: Interaction) -> None:
            nonlocal failures
            failures -= 1
            if failures >= 0:
                raise OSError("the database went away")

        writer = Writer(made.context, (await made.records.one(Interaction)).id, "Front desk")
        writer.speaks(1, "agent", "We open at nine. And close at five.", 0)
        writer.spoke(1, "agent", "We open at nine. And close at five.", "We open at nine.", 900, {})
        writer.put(fails_once)
        writer.close()
        await writer.run()
        said = [one for one in await made.records.all(Message) if one.from_ms is not None]
        assert [(one.text, one.heard) for one in said] == [("We open at nine. And close at five.", "We open at nine.")]
