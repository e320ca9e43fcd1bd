"""One person texts, calls, mails and chats: one customer, one timeline, whatever happens at once."""

import asyncio
import re
from uuid import UUID

import pytest

from hub.channel import Inbound, Limits
from hub.core import customers
from hub.core.acts import Acts
from hub.core.customers import NotPossible
from hub.models import Customer, Identity, Interaction, Message
from hub.store import Store, story
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.test_customers_merging import says
from tests.test_send_to import world
from tests.world import Core, core, furnish

pytestmark = pytest.mark.anyio
ANA, BEN, MAIL = "+12025550101", "+12025550102", "ana@example.com"


async def calls(made: Core, person: str) -> UUID:
    """Their phone rings at our number; the customer it is of."""
    made.channels["call"].limits = Limits(length=1_000, live=True)
    ringing = Inbound("call", "call", "CA1", sender=person, recipient=OUR_NUMBER, status="ringing")
    receipt = await made.hub.receive(ringing)
    return (await made.records.one(Interaction, Interaction.id == receipt.interaction_id)).customer_id


async def chats(made: Core, home_id: UUID) -> None:
    """They come by web chat, say their number and prove it."""
    made.channels["webchat"].identity = "visitor"
    made.channels["webchat"].limits = Limits(length=4_000, pulled=True)
    begun = await made.hub.start(home_id, "webchat", "visitor-1", text="Hello!")
    acts = Acts(made.context, begun.id)
    await acts.call("verify_customer", {"to": ANA})
    await made.settled()
    code = re.search(r"\b\d{6}\b", made.sms.sent[-1].text)
    assert code
    assert (await acts.call("verify_customer", {"code": code[0]})).error == ""


async def test_five_channels_are_one_customer_with_one_timeline(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email", "call", "webchat") as made:
        home = await world(made)
        ana = await says(made, ANA, "By text")
        assert await says(made, ANA, "By WhatsApp", channel="whatsapp") == ana
        assert await calls(made, ANA) == ana
        await customers.add_identity(made.context, home.workspace_id, ana, "email", MAIL, by="Ana", source="operator")
        assert await says(made, MAIL, "By mail", channel="email") == ana
        await chats(made, home.workspace_id)
        (one,) = await made.records.all(Customer, Customer.merged_into.is_(None))  # type: ignore[union-attr]
        assert one.id == ana
        kinds = {known.kind for known in await made.records.all(Identity, Identity.customer_id == ana)}
        assert kinds == {"phone", "whatsapp", "email", "visitor"}
        async with store.read() as db:
            told = await story.chapter(db, home.workspace_id, ana, ["call"])
        assert {entry.channel for entry in told.told} == {"sms", "whatsapp", "email", "call", "webchat"}
        assert [entry.at for entry in told.told] == sorted((entry.at for entry in told.told), reverse=True)
        assert [entry.channel for entry in told.told if entry.call] == ["call"]


async def test_what_an_agent_picked_up_in_passing_makes_nobody_the_same(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        ana = await says(made, ANA, "Hello")
        await customers.add_identity(
            made.context, home.workspace_id, ana, "phone", BEN, by="x", source="webchat", strength="inferred"
        )
        ben = await says(made, BEN, "Hi")
        assert ben != ana
        async with store.read() as db:
            customer = await db.get(Customer, ana)
            assert customer is not None
            known = await made.records.all(Identity, Identity.customer_id == ana)
            assert [one.id for one in await story.lookalikes(db, customer, known)] == [ben]


async def test_messages_that_come_in_while_records_are_merged_and_undone_are_never_left_behind(
    store: Store, clock: FakeClock
) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        ana, ben = await says(made, ANA, "Hello"), await says(made, BEN, "Hi")

        async def write(number: int) -> None:
            text = Inbound("sms", "message", f"SMr{number}", sender=BEN, recipient=OUR_NUMBER, text=str(number))
            receipt = await made.hub.receive(text)
            if number % 3 == 0 and receipt.interaction_id:
                await made.hub.end(home.workspace_id, receipt.interaction_id)

        async def merge_and_undo() -> None:
            for _ in range(4):
                change = await customers.merge(made.context, home.workspace_id, ana, ben, by="Ana")
                await asyncio.sleep(0.01)
                await customers.undo(made.context, home.workspace_id, change.id, by="Ana")
            await customers.merge(made.context, home.workspace_id, ana, ben, by="Ana")

        await asyncio.gather(merge_and_undo(), *(write(number) for number in range(20)))
        await made.settled()
        for table in (Identity, Interaction, Message):
            assert await made.records.all(table, table.customer_id == ben) == [], table.__name__
        said = await made.records.all(Message, Message.role == "customer")
        assert sorted(one.text for one in said if one.text.isdigit()) == sorted(map(str, range(20)))


async def test_two_who_merge_the_same_records_both_ways_leave_one(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        ana, ben = await says(made, ANA, "Hello"), await says(made, BEN, "Hi")
        done = await asyncio.gather(
            customers.merge(made.context, home.workspace_id, ana, ben, by="Ana"),
            customers.merge(made.context, home.workspace_id, ben, ana, by="Ben"),
            return_exceptions=True,
        )
        assert [isinstance(one, NotPossible) for one in done].count(True) == 1, done
        assert len(await made.records.all(Customer, Customer.merged_into.is_(None))) == 1  # type: ignore[union-attr]
