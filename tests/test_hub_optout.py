"""Who writes STOP gets nothing more: not what is queued, not what was being sent, on no channel of the workspace."""

import asyncio
import time

import pytest

from hub.channel import Inbound, Undeliverable
from hub.core.recover import sweep
from hub.models import Consent, Interaction, Message, OutboxEntry
from hub.policy import NotAllowed
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.test_policy import STOPS
from tests.world import QUESTION, Core, House, core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"
LATER = Undeliverable("Too fast.", retry=True, code="20429")


def text(body: str, external_id: str, channel: str = "sms", person: str = ANA, to: str = OUR_NUMBER) -> Inbound:
    return Inbound(channel, "message", external_id, sender=person, recipient=to, text=body)


async def test_stop_in_every_spelling_never_reaches_an_agent(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        for number, word in enumerate(STOPS):
            person = f"+1202555{number:04d}"
            await made.hub.receive(text(word, f"SM{number}", person=person))
            await made.settled()
            assert [role for role, _ in await made.records.said(person)] == ["customer", "system"], word
        assert made.sms.sent == []
        ledger = await made.records.all(Consent)
        assert [(entry.state, entry.source, entry.evidence) for entry in ledger] == [
            ("revoked", "keyword", word) for word in STOPS
        ]


async def test_stop_cancels_what_is_queued_within_a_second(hub: House) -> None:
    await hub.sandbox.behave(mode="429", retry_after=1, to=ANA)
    await hub.text(ANA, QUESTION)
    await hub.settled()
    assert (await hub.records.one(OutboxEntry)).state == "queued"
    began = time.monotonic()
    await hub.text(ANA, "Stop.")
    assert (await hub.records.one(OutboxEntry)).state == "canceled"
    assert time.monotonic() - began < 1
    await hub.sandbox.ask("DELETE", "/control/behaviour")
    hub.clock.forward(seconds=3)
    await sweep(hub.hub.context, hub.clock.now())
    assert await hub.sandbox.sent(ANA) == []
    answer = await hub.records.one(Message, Message.role == "agent")
    assert (answer.status, answer.error_words) == ("failed", "Not sent: the customer has opted out.")


async def test_stop_while_a_message_is_on_its_way_keeps_it_from_being_tried_again(
    store: Store, clock: FakeClock
) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        made.sms.gate, made.sms.troubles = asyncio.Event(), [LATER]
        await made.hub.receive(text(QUESTION, "SM1"))
        await made.sms.on_its_way.wait()
        await made.hub.receive(text("STOP", "SM2"))
        made.sms.gate.set()
        await made.settled()
        clock.forward(minutes=1)
        await sweep(made.context, clock.now())
        assert made.sms.sent == []
        assert (await made.records.one(OutboxEntry)).state == "canceled"
        answer = await made.records.one(Message, Message.role == "agent")
        assert (answer.status, answer.error_code) == ("failed", "opted_out")


async def test_stop_counts_over_all_channels_of_the_workspace_and_in_no_other(store: Store, clock: FakeClock) -> None:
    channels = ("sms", "whatsapp")
    home = await furnish(store, channels=channels)
    await furnish(store, number="+15005550007", name="Shop", channels=channels)
    async with core(store, clock, *channels) as made:
        made.channels["whatsapp"].troubles = [LATER, LATER]
        await made.hub.receive(text(QUESTION, "W1", "whatsapp"))
        await made.hub.receive(text(QUESTION, "W2", "whatsapp", to="+15005550007"))
        await made.settled()
        await made.hub.receive(text("STOP", "S1"))
        clock.forward(minutes=1)
        await sweep(made.context, clock.now())
        await made.settled()
        assert [sent.sender for sent in made.channels["whatsapp"].sent] == ["+15005550007"]
        whatsapp = await made.records.one(
            Interaction, Interaction.channel == "whatsapp", Interaction.workspace_id == home.workspace_id
        )
        await made.hub.take_over(home.workspace_id, whatsapp.id, home.ana)
        with pytest.raises(NotAllowed, match="opted out"):
            await made.hub.say(home.workspace_id, whatsapp.id, "One more thing", operator=home.ana)


async def test_after_stop_the_agent_stays_silent_until_start(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        for number, body in enumerate(["STOP", QUESTION, "HELP"]):
            await made.hub.receive(text(body, f"SM{number}"))
            await made.settled()
        assert made.sms.sent == []
        await made.hub.receive(text("START", "SM5"))
        await made.hub.receive(text(QUESTION, "SM6"))
        await made.settled()
        subscribed, answer = (sent.text for sent in made.sms.sent)
        assert "you are subscribed again" in subscribed
        assert "Saturday" in answer
        assert [entry.state for entry in await made.records.all(Consent)] == ["revoked", "granted"]


async def test_help_answers_without_the_agent(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(text("Help!", "SM1"))
        await made.settled()
        assert [sent.text for sent in made.sms.sent] == [
            "Clinic: write your question here and we will answer. Reply STOP to opt out."
        ]
        assert [role for role, _ in await made.records.said()] == ["customer", "system"]


async def test_the_ledger_is_only_ever_added_to(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        before: list[dict[str, object]] = []
        for number, body in enumerate(["STOP", "START", "quit", "stop", "START"]):
            await made.hub.receive(text(body, f"SM{number}"))
            await made.settled()
            ledger = [entry.model_dump() for entry in await made.records.all(Consent)]
            assert ledger[:-1] == before
            before = ledger
        assert [entry["state"] for entry in before] == ["revoked", "granted", "revoked", "revoked", "granted"]


async def test_the_carriers_refusal_21610_is_an_opt_out(hub: House) -> None:
    refuser = "+15005550004"
    await hub.text(refuser, QUESTION)
    await hub.settled()
    entry = await hub.records.one(Consent)
    assert (entry.state, entry.source, entry.evidence) == ("revoked", "carrier", "21610")
    failed = await hub.records.one(Message, Message.role == "agent")
    assert (failed.status, failed.error_words) == ("failed", "The customer has opted out (replied STOP).")


async def test_21610_in_a_report_is_an_opt_out_once_and_not_again_after_start(hub: House) -> None:
    await hub.sandbox.behave(hold_status=True, to=ANA)
    await hub.text(ANA, QUESTION)
    await hub.settled()
    message = await hub.records.one(Message, Message.role == "agent")
    assert message.status == "sent"
    for _ in range(3):
        assert (await hub.report(message, message.external_id, "undelivered", "21610")).status_code == 204
    assert len(await hub.records.all(Consent)) == 1
    await hub.text(ANA, "START")
    await hub.report(message, message.external_id, "undelivered", "21610")
    assert [entry.state for entry in await hub.records.all(Consent)] == ["revoked", "granted"]


async def test_what_a_crash_left_behind_is_not_sent_after_stop(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock, node="a#1") as first:
        first.sms.troubles = [LATER]
        await first.hub.receive(text(QUESTION, "SM1"))
        await first.settled()
        await _claimed_by_a_node_that_died(first)
        await first.hub.receive(text("STOP", "SM2"))
    async with core(store, clock, node="a#2") as second:
        began = clock.now()
        clock.forward(minutes=3)
        await sweep(second.context, began)
        await second.settled()
        assert second.sms.asked == 1
        assert second.sms.sent == []
        assert (await second.records.one(OutboxEntry)).state == "canceled"


async def _claimed_by_a_node_that_died(made: Core) -> None:
    async with made.records.store.write() as db:
        entry = await db.get_one(OutboxEntry, (await made.records.one(OutboxEntry)).message_id)
        entry.state, entry.node = "sending", "a#0"
