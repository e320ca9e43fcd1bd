"""What comes in: who it is from, which interaction it belongs to, how that ends and what no webhook told."""

import asyncio
from datetime import timedelta

import pytest

from hub.channel import Inbound, Refused
from hub.core.recover import close_idle
from hub.models import Address, AgentDefinition, Customer, Identity, InboxEntry, Interaction, Message
from hub.models.agent import Timing
from hub.store import Store
from hub.work import Work
from tests.bench.processes import OUR_NUMBER, free_port
from tests.fakes import FakeClock
from tests.world import QUESTION, House, bus, core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


def text(body: str, external_id: str, person: str = ANA, **more: str) -> Inbound:
    return Inbound("sms", "message", external_id, sender=person, text=body, **{"recipient": OUR_NUMBER, **more})


async def test_two_first_messages_at_the_same_instant_open_one_interaction(database_url: str, clock: FakeClock) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    await furnish(stores[0])
    async with core(stores[0], clock, node="a#1") as one, core(stores[1], clock, node="b#1") as two:
        for number in range(10):
            person = f"+120255501{number:02d}"
            await asyncio.gather(
                one.hub.receive(text("hello", f"SM{number}a", person)),
                two.hub.receive(text("hello?", f"SM{number}b", person)),
            )
        await one.settled()
        await two.settled()
        assert len(await one.records.all(Interaction)) == 10
        assert len(await one.records.all(Customer)) == 10
        assert len(await one.records.all(Message, Message.role == "customer")) == 20
    for store in stores:
        await store.close()


async def test_the_same_message_twenty_times_at_once_is_stored_once(database_url: str, clock: FakeClock) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    await furnish(stores[0])
    async with core(stores[0], clock, node="a#1") as one, core(stores[1], clock, node="b#1") as two:
        receipts = await asyncio.gather(
            *(made.hub.receive(text(QUESTION, "SM1")) for _ in range(10) for made in (one, two))
        )
        await one.settled()
        await two.settled()
        assert sum(receipt.fresh for receipt in receipts) == 1
        assert len({receipt.message_id for receipt in receipts}) == 1
        assert len(await one.records.all(InboxEntry)) == 1
        assert [role for role, _ in await one.records.said()] == ["customer", "agent"]
        assert len(one.sms.sent) + len(two.sms.sent) == 1
    for store in stores:
        await store.close()


async def test_a_quiet_interaction_closes_and_the_next_message_opens_a_new_one(store: Store, clock: FakeClock) -> None:
    await furnish(store, definition=AgentDefinition(name="Maya", timing=Timing(idle_close_seconds=600)))
    async with core(store, clock) as made:
        await made.hub.receive(text("hello", "SM1"))
        await made.settled()
        clock.forward(seconds=590)
        assert await close_idle(made.context) == 0
        clock.forward(seconds=20)
        assert await close_idle(made.context) == 1
        assert await close_idle(made.context) == 0
        closed = await made.records.one(Interaction)
        assert (closed.status, closed.ended_reason) == ("completed", "idle")
        await made.hub.receive(text("hello again", "SM2"))
        await made.settled()
        old, new = await made.records.all(Interaction)
        assert (old.id, new.status, new.customer_id) == (closed.id, "in_progress", closed.customer_id)
        assert len(await made.records.all(Customer)) == 1


async def test_a_message_keeps_an_interaction_open(store: Store, clock: FakeClock) -> None:
    await furnish(store, definition=AgentDefinition(name="Maya", timing=Timing(idle_close_seconds=600)))
    async with core(store, clock) as made:
        for number in range(3):
            await made.hub.receive(text("hello", f"SM{number}"))
            await made.settled()
            clock.forward(seconds=500)
            assert await close_idle(made.context) == 0


async def test_the_poller_takes_in_what_no_webhook_told_and_only_once(hub: House) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    (lost,) = await hub.sandbox.texts(ANA, QUESTION, nobody, sid="SM" + "5" * 32)
    assert lost["status"] is None
    work = Work(hub.hub.context)
    await asyncio.gather(work.poll(), work.poll())
    await work.poll()
    await hub.settled()
    assert [role for role, _ in await hub.records.said(ANA)] == ["customer", "agent"]
    assert len(await hub.sandbox.sent(ANA, at_least=1)) == 1
    (late,) = await hub.sandbox.texts(ANA, QUESTION, hub.url, sid="SM" + "5" * 32)
    await hub.settled()
    assert late["status"] == 200
    assert len(await hub.records.all(InboxEntry)) == 1
    assert len(await hub.sandbox.tries(ANA)) == 1


async def test_one_message_that_cannot_be_taken_keeps_no_other_from_being_polled(
    store: Store, clock: FakeClock
) -> None:
    await furnish(store, channels=("sms", "whatsapp"))
    async with core(store, clock, "whatsapp", "sms") as made:
        made.sms.waiting = [text("hello", "SM1"), text("", "SM2", person="nonsense"), text("again", "SM3")]
        await Work(made.context).poll()
        assert [body for role, body in await made.records.said() if role == "customer"] == ["hello", "again"]


async def test_one_number_is_one_customer_however_it_is_written(store: Store, clock: FakeClock) -> None:
    await furnish(store, channels=("sms", "whatsapp"))
    async with core(store, clock, "sms", "whatsapp") as made:
        made.channels["whatsapp"].identity = "whatsapp"
        for number, person in enumerate(["+12025550101", " +1 (202) 555-0101 ", "2025550101"]):
            await made.hub.receive(text("hi", f"SM{number}", person))
        await made.hub.receive(
            Inbound("whatsapp", "message", "W1", sender="whatsapp:+12025550101", recipient=OUR_NUMBER, text="hi")
        )
        await made.settled()
        customer = await made.records.one(Customer)
        known = {(row.kind, row.value, row.customer_id) for row in await made.records.all(Identity)}
        assert known == {("phone", ANA, customer.id), ("whatsapp", ANA, customer.id)}


async def test_the_same_person_is_another_customer_in_another_workspace(store: Store, clock: FakeClock) -> None:
    home, other = await furnish(store), await furnish(store, number="+15005550007", name="Shop")
    async with core(store, clock) as made:
        await made.hub.receive(text("hi", "SM1"))
        await made.hub.receive(text("hi", "SM2", recipient="+15005550007"))
        await made.settled()
        one, two = await made.records.all(Customer)
        assert [one.workspace_id, two.workspace_id] == [home.workspace_id, other.workspace_id]
        assert {row.workspace_id for row in await made.records.all(Interaction)} == {
            home.workspace_id,
            other.workspace_id,
        }


async def test_a_number_nobody_entered_is_the_only_workspaces(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await asyncio.gather(
            *(made.hub.receive(text("hi", f"SM{n}", f"+1202555010{n}", recipient="+15005559999")) for n in range(5))
        )
        await made.settled()
        assert [row.value for row in await made.records.all(Address)] == [OUR_NUMBER, "+15005559999"]


async def test_a_number_nobody_entered_is_refused_when_it_could_be_anybodys(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    await furnish(store, number="+15005550007", name="Shop")
    async with core(store, clock) as made:
        with pytest.raises(Refused, match="Add it under Addresses"):
            await made.hub.receive(text("hi", "SM1", recipient="+15005559999"))
        assert (await made.records.counts())["InboxEntry"] == 0


async def test_a_closed_idle_time_is_the_agents_own(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(text("hello", "SM1"))
        await made.settled()
        interaction = await made.records.one(Interaction)
        assert interaction.idle_at is not None
        assert interaction.idle_at - interaction.last_message_at == timedelta(days=1)
