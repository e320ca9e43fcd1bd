"""Delivery reports: whatever their order and however often they come, the same row at the end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import open_channels
from hub.channel import Hook, Inbound
from hub.models import Event, Message, OutboxEntry
from hub.models.interaction import FINAL, Interaction, may_follow, outranks
from hub.store import Store
from tests.bench.processes import AUTH_TOKEN, OUR_NUMBER
from tests.fakes import FakeClock
from tests.world import Core, core, furnish, signed

pytestmark = pytest.mark.anyio
ANA = "+12025550101"
FIVE = {"queued": "", "sent": "", "delivered": "", "undelivered": "30003", "failed": "30007"}
WITH_READ = {"queued": "", "sent": "", "delivered": "", "undelivered": "30003", "read": ""}
NEVER_ARRIVED = {"accepted": "", "queued": "", "sent": "", "undelivered": "30003", "failed": "30007"}
WORDS = {"30003": "The phone is switched off or out of reach.", "30007": "The carrier filtered the message as spam."}
STATUSES = ("scheduled", "queued", "ringing", "in_progress", "paused", "ending", *sorted(FINAL))


async def reported(message: Message, status: str, code: str) -> Inbound:
    """The report as its channel makes it of Twilio's request."""
    form = {"MessageSid": "SM" + message.id.hex, "MessageStatus": status}
    if code:
        form["ErrorCode"] = code
    url = f"https://hub.example/hooks/{message.channel}/status?message={message.id}"
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    channel = open_channels({"TWILIO_AUTH_TOKEN": AUTH_TOKEN, "HUB_SECRET_KEY": "x"})[message.channel]
    return (await channel.receive(Hook("POST", url, signed(url, form), body))).events[0]


async def sent_messages(made: Core, count: int, channel: str = "sms") -> list[Message]:
    """So many messages of an operator, all of them with the carrier."""
    home = await furnish(made.records.store, channels=[channel])
    await made.hub.receive(text("hello", channel=channel))
    await made.settled()
    interaction = await made.records.one(Interaction)
    await made.hub.take_over(home.workspace_id, interaction.id, home.ana)
    said = [
        await made.hub.say(home.workspace_id, interaction.id, f"number {number}", operator=home.ana)
        for number in range(count)
    ]
    await made.settled()
    return said


def text(body: str, person: str = ANA, external_id: str = "SM1", channel: str = "sms") -> Inbound:
    return Inbound(channel, "message", external_id, sender=person, recipient=OUR_NUMBER, text=body)


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
@pytest.mark.parametrize(
    ("statuses", "final", "code"),
    [(FIVE, "delivered", ""), (WITH_READ, "read", ""), (NEVER_ARRIVED, "failed", "30007")],
    ids=["five", "with read", "never arrived"],
)
async def test_all_orders_of_five_statuses_end_in_the_same_row(
    store: Store, clock: FakeClock, statuses: dict[str, str], final: str, code: str, channel: str
) -> None:
    async with core(store, clock, channel) as made:
        orders = list(itertools.permutations(statuses))
        messages = await sent_messages(made, len(orders), channel)
        assert len(orders) == 120
        for message, order in zip(messages, orders, strict=True):
            for status in order:
                await made.hub.receive(await reported(message, status, statuses[status]))
        ends = {
            (row.status, row.error_code, row.error_words)
            for row in await made.records.all(Message, Message.role == "operator")
        }
        assert ends == {(final, code, WORDS.get(code, ""))}
        assert {row.state for row in await made.records.all(OutboxEntry)} == {"sent"}


async def test_a_repeated_report_writes_nothing(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        (message,) = await sent_messages(made, 1)
        assert (await made.hub.receive(await reported(message, "delivered", ""))).fresh
        before = len(await made.records.all(Event))
        for status in ("delivered", "sent", "undelivered", "queued"):
            assert not (await made.hub.receive(await reported(message, status, ""))).fresh
        assert len(await made.records.all(Event)) == before


async def test_a_report_about_nothing_of_ours_is_taken_and_forgotten(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        await furnish(store)
        stranger = Message(seq=1, channel="sms", role="agent")  # type: ignore[call-arg]
        receipt = await made.hub.receive(await reported(stranger, "delivered", ""))
        assert (receipt.fresh, receipt.message_id) == (False, None)


async def test_a_customers_own_message_takes_no_delivery_report(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        await furnish(store)
        receipt = await made.hub.receive(text("hello"))
        await made.settled()
        said = await made.records.one(Message, Message.id == receipt.message_id)
        await made.hub.receive(await reported(said, "failed", "30007"))
        assert (await made.records.one(Message, Message.id == said.id)).status == ""


@given(st.lists(st.sampled_from(["queued", "sent", "delivered", "read", "failed", "undelivered"]), min_size=1))
def test_a_message_never_goes_backwards_and_its_end_is_the_highest_report(reports: list[str]) -> None:
    order = ["", "queued", "sent", "undelivered", "failed", "delivered", "read"]
    status = ""
    for report in reports:
        before = status
        status = report if outranks(status, report) else status
        assert order.index(status) >= order.index(before)
    assert status == max(reports, key=order.index)


@given(st.lists(st.sampled_from(STATUSES)))
def test_an_interaction_never_goes_backwards_and_ends_once(wanted: list[str]) -> None:
    stage = {"scheduled": 0, "queued": 1, "ringing": 2, "in_progress": 3, "paused": 3, "ending": 4}
    status = "scheduled"
    for following in wanted:
        if not may_follow(status, following):
            continue
        assert status not in FINAL
        assert following in FINAL or stage[following] >= stage[status]
        status = following
    assert not (status in FINAL and any(may_follow(status, other) for other in STATUSES))
