"""The hub's own tools in written conversations: each does what it says, or says why not."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.core import recover
from hub.core.toolbox import Tools
from hub.dialogue.turn import Turn
from hub.models import Address, AgentDefinition, Callback, Consent, Customer, Event, Interaction, Message
from hub.store import Store
from tests.fakes import FakeClock
from tests.obedient import obedient
from tests.test_customers_merging import says
from tests.world import Core, core, furnish

pytestmark = pytest.mark.anyio
ANA, BEN = "+12025550101", "+12025550102"
FLOW = {"stages": [{"id": "start", "type": "start", "fields": [
    {"name": "name", "type": "name", "question": "Your name?"},
    {"name": "day", "type": "date", "question": "Which day?", "future": True},
    {"name": "guests", "type": "number", "question": "How many?", "minimum": 1, "maximum": 8},
    {"name": "room", "type": "choice", "question": "Where?", "choices": [{"value": "garden"}, {"value": "hall"}]},
    {"name": "smoking", "type": "yes_no", "question": "Do you smoke?"},
]}]}  # fmt: skip
TOOLS = (
    "hang_up", "transfer", "send_text", "send_mail", "send_link", "verify_customer", "record_refusal", "collect_field",
    "schedule_callback", "hand_to_human", "set_parameter", "send_digits",
)  # fmt: skip


@contextlib.asynccontextmanager
async def desk(store: Store, clock: FakeClock, **more: Any) -> AsyncIterator[Core]:
    tools = [{"name": name, "kind": "builtin"} for name in TOOLS]
    definition = AgentDefinition.model_validate({"name": "Maya", "engine": "obedient", "tools": tools, **more})
    with obedient():
        async with core(store, clock, "sms", "email", "call") as made:
            made.channels["email"].identity = "email"
            await furnish(store, definition=definition, channels=("sms", "email"))
            yield made


async def told(made: Core, words: str, person: str = ANA) -> str:
    """What the agent says to these words."""
    await says(made, person, words)
    said = await made.records.all(Message, Message.role == "agent")
    return said[-1].text if said else ""


async def used(made: Core, words: str) -> str:
    """What came of the tool that the agent is told to use."""
    await says(made, ANA, words)
    called = (await made.records.events("tool.called"))[-1].data
    return str(called["error"] or json.dumps(called["result"]))


async def newest(made: Core) -> Interaction:
    return (await made.records.all(Interaction, Interaction.person == ANA))[-1]


async def test_hanging_up_ends_the_conversation_after_the_last_words(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        await told(made, 'use hang_up {"reason": "goodbye"}')
        ended = await newest(made)
        assert (ended.status, ended.ended_reason) == ("completed", "goodbye")
        assert made.sms.sent[-1].text == '{"ended": true}'


@pytest.mark.parametrize("name", ["hand_to_human", "transfer"])
async def test_a_person_goes_on_from_there(store: Store, clock: FakeClock, name: str) -> None:
    async with desk(store, clock) as made:
        await told(made, f'use {name} {{"reason": "She wants a refund."}}')
        assert (await newest(made)).owner == "queue"
        (needed,) = await made.records.events("interaction.needs_human")
        assert needed.data["reason"] == "She wants a refund."


async def test_texts_and_mails_go_to_who_they_are_known_as_or_where_they_said(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        assert "say it in your answer" in await used(made, 'use send_text {"text": "It is on its way."}')
        assert "No mailbox" in await used(made, 'use send_mail {"text": "Hello"}')
        assert '"sent": true' in await used(made, 'use send_mail {"text": "Hi", "subject": "S", "to": "a@b.example"}')
        assert made.channels["email"].sent[-1].recipient == "a@b.example"
        assert "Arguments are missing: text" in await used(made, "use send_text")
        assert "Give a question" in await used(made, 'use send_link {"text": "Here"}')
        assert '"by": "email"' in await used(
            made, 'use send_link {"url": "https://x.example/", "by": "email", "to": "a@b.example"}'
        )


async def test_a_number_that_the_agent_itself_wrote_down_is_nobodys_word(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        await says(made, ANA, "Hello")
        tools = await toolbox(made, "Please write to my other phone")
        assert (await tools.call("set_parameter", {"name": "phone", "value": BEN})).error == ""
        for box in (tools, await toolbox(made, "Go on")):
            for name in ("send_text", "schedule_callback"):
                given = {"text": "x"} if name == "send_text" else {"at": at(clock, hours=1), "by": "sms"}
                assert "has not named this number" in (await box.call(name, {**given, "to": BEN})).error
        assert [one.recipient for one in made.sms.sent] == [ANA]


async def toolbox(made: Core, said: str) -> Tools:
    """What the agent may do while it answers these words."""
    interaction = await newest(made)
    parameters = dict(interaction.parameters)
    turn = Turn(interaction.agent, "message", said, [], {}, datetime.now(UTC), parameters=parameters)
    return Tools(
        made.context, interaction.workspace_id, interaction.id, interaction.agent_id, interaction.agent, parameters,
        "turn", turn,
    )  # fmt: skip


async def test_a_code_is_sent_and_checked_in_the_conversation_itself(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        assert '"sent": true' in await used(made, "use verify_customer")
        code = next(found for one in made.sms.sent if (found := re.search(r"\b\d{6}\b", one.text)))
        assert "not the code" in await used(made, 'use verify_customer {"code": "one two three"}')
        assert '"verified": true' in await used(made, f'use verify_customer {{"code": "{code[0]}"}}')


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("name", '"Ana Kim"', "Ana Kim"),
        ("guests", "4", 4),
        ("guests", '"four"', 4),
        ("room", '"the garden"', "garden"),
        ("smoking", "true", True),
        ("smoking", '"no"', False),
    ],
)
async def test_a_field_is_collected_as_the_flow_keeps_it(
    store: Store, clock: FakeClock, field: str, value: str, kept: Any
) -> None:
    async with desk(store, clock, flow=FLOW) as made:
        await told(made, f'use collect_field {{"field": "{field}", "value": {value}, "words": "as I said"}}')
        (collected,) = await made.records.events("field.collected")
        assert (collected.data["field"], collected.data["value"]) == (field, kept)
        assert collected.data["evidence"] == "as I said"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("guests", "12", "most I can take is"),
        ("guests", '"a lot of pancakes"', "no number"),
        ("room", '"the cellar"', ""),
        ("day", '"yesterday"', "passed"),
        ("colour", '"red"', "There are: name, day, guests, room, smoking"),
    ],
)
async def test_a_value_that_a_field_cannot_take_is_not_kept(
    store: Store, clock: FakeClock, field: str, value: str, words: str
) -> None:
    async with desk(store, clock, flow=FLOW) as made:
        said = await told(made, f'use collect_field {{"field": "{field}", "value": {value}}}')
        assert words in said, said
        assert await made.records.events("field.collected") == []


async def test_a_parameter_that_was_set_is_known_in_the_next_turn_and_what_is_fixed_stays(
    store: Store, clock: FakeClock
) -> None:
    async with desk(store, clock, parameters={"clinic": "Oak Lane"}) as made:
        assert await told(made, 'use set_parameter {"name": "callback_about", "value": "the crown"}') == (
            '{"set": "callback_about"}'
        )
        assert await told(made, "And now?") == "Hello. the crown"
        assert (await newest(made)).parameters == {"callback_about": "the crown"}
        assert "fixed" in await told(made, 'use set_parameter {"name": "clinic", "value": "Elm Street"}')
        assert "cannot be set" in await told(made, 'use set_parameter {"name": "secret.key", "value": "x"}')
        assert "too long" in await told(made, f'use set_parameter {{"name": "x", "value": "{"y" * 5000}"}}')
        assert len(await made.records.events("parameter.set")) == 1


async def test_keys_are_pressed_only_where_there_is_a_line(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        assert "no telephone line" in await told(made, 'use send_digits {"digits": "1"}')
        assert "digits: " in await told(made, 'use send_digits {"digits": "x"}')


async def test_a_refusal_is_written_down(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        await told(made, 'use record_refusal {"what": "calls", "words": "Never call me."}')
        (refused,) = await made.records.all(Consent)
        assert (refused.state, refused.purpose) == ("revoked", "calls")


# callbacks


def at(clock: FakeClock, **ahead: float) -> str:
    return (clock.now() + timedelta(**ahead)).isoformat(timespec="minutes")


async def swept(made: Core, clock: FakeClock) -> None:
    await recover.sweep(made.context, clock.now())
    await made.settled()


async def test_a_promised_callback_is_kept_when_its_time_has_come_and_once(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        promise = f'{{"at": "{at(clock, hours=2)}", "about": "the crown", "by": "sms"}}'
        assert '"promised": true' in await told(made, f"use schedule_callback {promise}")
        await told(made, f"use schedule_callback {promise}")
        assert len(await made.records.all(Callback)) == 1, "the same promise is made once"
        await made.hub.end((await newest(made)).workspace_id, (await newest(made)).id)
        await swept(made, clock)
        assert len(await made.records.all(Interaction)) == 1, "it is not time yet"
        clock.forward(hours=2, minutes=1)
        await swept(made, clock)
        await swept(made, clock)
        kept = await made.records.one(Callback)
        began = (await made.records.all(Interaction))[-1]
        assert (kept.started_id, kept.fault) == (began.id, "")
        assert (began.direction, began.channel, began.person) == ("outbound", "sms", ANA)
        assert made.sms.sent[-1].text == "Hello. the crown"
        assert len(await made.records.all(Interaction)) == 2
        assert [one.data["due_at"][:16] for one in await made.records.events("callback.promised")] == [
            kept.due_at.isoformat()[:16]
        ]


async def test_a_callback_by_phone_is_owed_to_the_carrier(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        await told(made, f'use schedule_callback {{"at": "{at(clock, hours=1)}", "by": "call", "to": "{BEN}"}}')
        clock.forward(hours=1, minutes=1)
        async with store.write() as db:
            home = (await made.records.all(Interaction))[0]
            db.add(Address(workspace_id=home.workspace_id, channel="call", value="+15005550006"))
        await swept(made, clock)
        calls = await made.records.all(Interaction, Interaction.channel == "call")
        assert [(one.person, one.direction) for one in calls] == [(BEN, "outbound")]


async def test_a_callback_that_may_not_be_is_written_down_with_its_reason(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        await told(made, f'use schedule_callback {{"at": "{at(clock, hours=1)}", "by": "sms"}}')
        await told(made, 'use record_refusal {"what": "everything", "words": "everything"}')
        clock.forward(hours=1, minutes=1)
        await made.hub.end((await newest(made)).workspace_id, (await newest(made)).id)
        await swept(made, clock)
        (failed,) = await made.records.events("callback.failed")
        assert "opted out" in failed.data["fault"]
        assert (await made.records.one(Callback)).done_at is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{"at": "tomorrow"}', "Give the time like"),
        ('{"at": "2020-01-01T10:00"}', "That time is over"),
        ('{"at": "2099-01-01T10:00"}', "too far away"),
        ('{"at": "2099-01-01T10:00", "by": "pigeon"}', "by: "),
        ("{}", "Arguments are missing: at"),
    ],
)
async def test_a_time_that_cannot_be_is_refused_in_words(
    store: Store, clock: FakeClock, given: str, words: str
) -> None:
    async with desk(store, clock) as made:
        assert words in await told(made, f"use schedule_callback {given}")
        assert await made.records.all(Callback) == []


async def test_a_time_without_a_zone_is_the_customers_own(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as made:
        await says(made, ANA, "Hello")
        async with store.write() as db:
            customer = await db.get(Customer, (await newest(made)).customer_id)
            assert customer is not None
            customer.time_zone = "Asia/Tokyo"
        naive = (clock.now() + timedelta(days=3)).strftime("%Y-%m-%dT09:00")
        await told(made, f'use schedule_callback {{"at": "{naive}"}}')
        due = (await made.records.one(Callback)).due_at
        assert due == datetime.fromisoformat(f"{naive}+09:00")
        assert await made.records.all(Event, Event.type == "callback.started") == []
