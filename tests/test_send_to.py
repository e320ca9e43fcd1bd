"""Sending to a customer: the channel is chosen by what is allowed and likely to be read, and the next one follows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from hub import identity, policy
from hub.channel import Inbound, Limits, Undeliverable
from hub.core import customers
from hub.core.sending import choose
from hub.models import Customer, Interaction, Message, Workspace
from hub.policy import NotAllowed
from hub.store import Store, agents, people
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.test_customers_merging import says
from tests.world import Core, Home, core, furnish

pytestmark = pytest.mark.anyio
ANA, MAIL = "+12025550101", "ana@example.com"


async def world(made: Core) -> Home:
    """A hub with SMS, WhatsApp and mail, whose hours never end."""
    whatsapp, email = made.channels["whatsapp"], made.channels["email"]
    whatsapp.identity, whatsapp.label = "whatsapp", "WhatsApp"
    whatsapp.limits = Limits(length=1600, window=timedelta(hours=24), receipts=True)
    email.identity, email.label = "email", "Email"
    email.limits = Limits(length=100_000, inline_files=True, receipts=True)
    made.channels["sms"].label = "SMS"
    home = await furnish(made.context.store, channels=("sms", "whatsapp", "email"))
    await hours(made, home, "00:00", "24:00")
    return home


async def hours(made: Core, home: Home, start: str, end: str) -> None:
    async with made.context.store.write() as db:
        workspace = await agents.workspace(db, home.workspace_id)
        assert workspace is not None
        workspace.contact_from, workspace.contact_to = start, end


async def words(made: Core, home: Home, customer_id: UUID, text: str = "Your parcel is here.", **more: Any) -> str:
    async with made.context.store.read() as db:
        customer = await people.customer(db, home.workspace_id, customer_id)
        assert customer is not None
        return (await choose(db, made.context, customer, text, **more)).words


async def mailbox(made: Core, home: Home, customer_id: UUID) -> None:
    await customers.add_identity(
        made.context, home.workspace_id, customer_id, "email", MAIL, by="Ana", source="operator"
    )


async def test_it_goes_where_they_wrote_last_and_the_thread_says_why(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        clock.forward(minutes=5)
        assert await says(made, ANA, "Or here", channel="whatsapp") == ana
        await mailbox(made, home, ana)
        said = await made.hub.send_to(home.workspace_id, ana, "Your parcel is here.", operator=home.ana)
        await made.settled()
        assert (said.channel, said.role, said.author) == ("whatsapp", "operator", "Ana")
        assert made.channels["whatsapp"].sent[-1].text == "Your parcel is here."
        note = await made.records.one(Message, Message.note, Message.channel == "whatsapp")
        assert note.text == f"Sent by WhatsApp to {ANA}: they last wrote there just now."


async def test_a_closed_window_leaves_sms(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        await says(made, ANA, "Or here", channel="whatsapp")
        clock.forward(hours=27)
        told = await words(made, home, ana)
        assert told == (
            f"By SMS to {ANA}: they last wrote there 1 day ago; not by WhatsApp: its window closed 3 hours ago."
        )


async def test_a_refusal_and_quiet_hours_are_obstacles(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        await mailbox(made, home, ana)
        await hours(made, home, "00:00", "00:00")
        assert (await words(made, home, ana)).startswith("By SMS"), "who has just written is awake"
        clock.forward(hours=2)
        told = await words(made, home, ana)
        assert told.startswith(f"By Email to {MAIL}: they have not written there yet; not by SMS: it is ")
        async with made.context.store.write() as db:
            await policy.refuse(
                db, home.workspace_id, "email", MAIL, channel="email", source="unsubscribe", now=clock.now()
            )
        with pytest.raises(NotAllowed, match=r"no way to reach them.*not by Email: they refused it \(unsubscribe"):
            await made.hub.send_to(home.workspace_id, ana, "Hello?")
        assert [entry.text for entry in made.channels["email"].sent] == []


async def test_an_advertisement_needs_its_own_leave(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        async with made.context.store.write() as db:
            await policy.refuse(
                db, home.workspace_id, "phone", ANA, purpose="marketing", source="operator", now=clock.now()
            )
        assert "they refused it (operator" in await words(made, home, ana, purpose="marketing")
        assert (await words(made, home, ana)).startswith("By SMS")


async def failing(made: Core, home: Home, clock: FakeClock) -> tuple[UUID, Message]:
    ana = await says(made, ANA, "Hello")
    await mailbox(made, home, ana)
    clock.forward(minutes=1)
    said = await made.hub.send_to(home.workspace_id, ana, "Your parcel is here.")
    await made.settled()
    assert said.channel == "sms"
    return ana, said


def receipt(said: Message, status: str, number: int = 0) -> Inbound:
    return Inbound(
        "sms", "status", f"status-{status}-{number}", about=str(said.id), status=status, code="30003",
        words="Their phone is off.",
    )  # fmt: skip


async def test_a_failure_receipt_takes_the_next_way_once_and_says_so(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        ana, said = await failing(made, home, clock)
        for number, status in enumerate(("undelivered", "failed", "undelivered", "sent")):
            await made.hub.receive(receipt(said, status, number))
            await made.settled()
        assert [(sent.recipient, sent.text) for sent in made.channels["email"].sent] == [(MAIL, "Your parcel is here.")]
        thread = await made.records.all(Message, Message.interaction_id == said.interaction_id, Message.note)
        assert thread[-1].text.startswith(
            "It did not arrive (Their phone is off.). Sent again by Email to ana@example.com"
        )
        assert {row.customer_id for row in await made.records.all(Interaction)} == {ana}


async def test_what_the_carrier_does_not_take_goes_another_way_and_what_may_have_arrived_does_not(
    store: Store, clock: FakeClock
) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        await mailbox(made, home, ana)
        made.sms.troubles = [Undeliverable("The number does not exist.", code="21211")]
        await made.hub.send_to(home.workspace_id, ana, "One")
        await made.settled()
        made.sms.troubles = [Undeliverable("No answer from the carrier.", ambiguous=True)]
        await made.hub.send_to(home.workspace_id, ana, "Two")
        await made.settled()
        assert [sent.text for sent in made.channels["email"].sent] == ["One"]


async def test_when_every_way_failed_the_thread_says_so(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        _, said = await failing(made, home, clock)
        made.channels["email"].troubles = [Undeliverable("The mailbox is full.", code="552")]
        await made.hub.receive(receipt(said, "failed"))
        await made.settled()
        last = (await made.records.all(Message, Message.note, Message.channel == "email"))[-1]
        assert last.text.startswith("It did not arrive (The mailbox is full.), and there is no other way.")


@pytest.mark.parametrize(
    ("value", "own", "expected"),
    [
        ("+12025550101", "Europe/Berlin", ["Europe/Berlin"]),
        ("+12025550101", "", ["America/New_York"]),
        ("+493012345678", "", ["Europe/Berlin"]),
        ("ana@example.com", "", ["Asia/Tokyo"]),
    ],
)
def test_whose_clock_counts(value: str, own: str, expected: list[str]) -> None:
    assert [zone.key for zone in identity.zones(own, value, "Asia/Tokyo")] == expected


@pytest.mark.parametrize(
    ("at", "allowed"),
    [("06:59", False), ("07:00", True), ("19:59", True), ("20:00", False), ("23:30", False)],
)
def test_every_clock_that_may_be_theirs_has_to_allow_it(at: str, allowed: bool) -> None:
    workspace = Workspace(name="W", contact_from="08:00", contact_to="21:00")
    now = datetime.fromisoformat(f"2026-01-15T{at}:00").replace(tzinfo=UTC)
    berlin_and_london = [ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")]
    quiet = policy.quiet(workspace, berlin_and_london, now)
    assert (not quiet) == (allowed and at != "07:00")
    assert Customer(workspace_id=UUID(int=1)).time_zone == ""
    assert OUR_NUMBER
