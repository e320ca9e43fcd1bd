"""What several entries of the consent ledger come to, for every purpose, channel and source; and spoken refusals."""

from uuid import UUID

import pytest

from hub import policy
from hub.channel import Inbound, Limits, Undeliverable
from hub.core import customers
from hub.core.acts import Acts
from hub.models import Consent, Interaction, Message, OutboxEntry
from hub.policy import NotAllowed, purposes, standing
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.test_customers_merging import says
from tests.test_send_to import world
from tests.world import core, furnish

TEXT, CALL = Limits(length=1_600), Limits(length=1_600, live=True)
ANA, MAIL = "+12025550101", "ana@example.com"
NO, YES = "revoked", "granted"


def entry(state: str, purpose: str = "messages", channel: str = "", source: str = "operator") -> Consent:
    return Consent(
        workspace_id=UUID(int=1), identity_kind="phone", identity_value=ANA, state=state, purpose=purpose,
        channel=channel, source=source,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "text", "call", "advertisement", "mail"),
    [
        ([], True, True, True, True),
        ([entry(NO)], False, False, False, False),
        ([entry(NO, channel="sms")], False, True, False, True),
        ([entry(NO, channel="email", source="unsubscribe")], True, True, True, False),
        ([entry(NO, "calls")], True, False, True, True),
        ([entry(NO, "marketing")], True, True, False, True),
        ([entry(NO, "recording")], True, True, True, True),
        ([entry(NO), entry(YES)], True, True, True, True),
        ([entry(NO), entry(YES, channel="sms")], True, False, True, False),
        ([entry(NO, "calls"), entry(YES)], True, False, True, True),
        ([entry(NO, source="keyword"), entry(YES, source="keyword")], True, True, True, True),
        ([entry(NO, source="carrier"), entry(YES, source="keyword")], True, True, True, True),
        ([entry(NO, source="spoken"), entry(YES, source="keyword")], False, False, False, False),
        ([entry(NO, source="operator"), entry(NO, source="keyword"), entry(YES, source="keyword")],
         False, False, False, False),
        ([entry(YES), entry(NO)], False, False, False, False),
    ],
)  # fmt: skip
def test_what_stands_after_these(
    entries: list[Consent], text: bool, call: bool, advertisement: bool, mail: bool
) -> None:
    assert (standing(entries, "sms", purposes(TEXT)) is None) is text
    assert (standing(entries, "call", purposes(CALL)) is None) is call
    assert (standing(entries, "sms", purposes(TEXT, {"purpose": "marketing"})) is None) is advertisement
    assert (standing(entries, "email", purposes(TEXT)) is None) is mail


@pytest.mark.anyio
async def test_start_lifts_what_stop_set_and_nothing_else(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        ana = await says(made, ANA, "STOP")
        await says(made, ANA, "START")
        assert made.sms.sent[-1].text.startswith("Clinic: you are subscribed again")
        async with store.write() as db:
            await policy.refuse(db, home.workspace_id, "phone", ANA, source="spoken", now=clock.now(), evidence="No!")
        sent = len(made.sms.sent)
        await says(made, ANA, "START")
        assert len(made.sms.sent) == sent
        last = (await made.records.all(Message, Message.customer_id == ana))[-1]
        assert "refused messages in another way too" in last.text


@pytest.mark.anyio
async def test_a_bounce_stops_mail_to_that_box_alone_and_cancels_what_waits(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp", "email") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        for value in (MAIL, "second@example.com"):
            await customers.add_identity(
                made.context, home.workspace_id, ana, "email", value, by="x", source="operator"
            )
        made.channels["email"].troubles = [Undeliverable("Later.", retry=True)]
        await made.hub.start(home.workspace_id, "email", MAIL, text="One")
        await made.settled()
        async with store.write() as db:
            canceled = await policy.refuse(
                db, home.workspace_id, "email", MAIL, channel="email", source="bounce", only_here=True, now=clock.now()
            )
        assert canceled == 1
        assert (await made.records.one(OutboxEntry, OutboxEntry.recipient == MAIL)).state == "canceled"
        with pytest.raises(NotAllowed, match="comes back"):
            await made.hub.start(home.workspace_id, "email", MAIL, text="Two")
        await made.hub.start(home.workspace_id, "email", "second@example.com", text="Three")
        await made.hub.start(home.workspace_id, "sms", ANA, text="Four")
        await made.settled()
        assert [sent.text for sent in made.channels["email"].sent] == ["Three"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("said", "purpose", "channel", "answered"),
    [
        ("Please don't call me again.", "calls", "", True),
        ("Stop texting me", "messages", "sms", False),
        ("Take me off your list!", "messages", "", False),
    ],
)
async def test_a_refusal_in_ones_own_words_is_written_down_by_the_agent(
    store: Store, clock: FakeClock, said: str, purpose: str, channel: str, answered: bool
) -> None:
    async with core(store, clock) as made:
        await furnish(store)
        ana = await says(made, ANA, "Hello")
        before = len(made.sms.sent)
        await says(made, ANA, said)
        (kept,) = await made.records.all(Consent)
        assert (kept.purpose, kept.channel, kept.source, kept.evidence, kept.by) == (
            purpose, channel, "spoken", said, "Maya",
        )  # fmt: skip
        assert kept.customer_id == ana
        assert (len(made.sms.sent) > before) is answered, "who wants no texts gets none to say so"
        (interaction,) = await made.records.all(Interaction)
        assert interaction.status == "completed"


@pytest.mark.anyio
async def test_who_refuses_calls_is_not_called_and_a_recording_refused_is_none(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "call") as made:
        made.channels["call"].limits = CALL
        home = await furnish(store, channels=("sms", "call"))
        await says(made, ANA, "Hello")
        (interaction,) = await made.records.all(Interaction)
        acts = Acts(made.context, interaction.id)
        assert (await acts.call("record_refusal", {"what": "recording"})).error == ""
        async with store.read() as db:
            assert not await policy.may_record(db, interaction, "phone")
        await made.hub.start(home.workspace_id, "call", ANA)
        await made.settled()
        assert len(made.channels["call"].sent) == 1
        assert (await acts.call("record_refusal", {"what": "calls"})).error == ""
        with pytest.raises(NotAllowed, match="opted out of calls"):
            await made.hub.start(home.workspace_id, "call", ANA)
        answer = await made.hub.receive(
            Inbound("sms", "message", "SMlast", sender=ANA, recipient=OUR_NUMBER, text="Hi")
        )
        assert answer.answer, "texts are still answered"
