"""Hooks in written conversations: what sets them off, what they do, how often, and what is written down of it."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.core import recover
from hub.core.accounts import Accounts
from hub.models import AgentDefinition, Interaction, Message
from hub.store import Store
from tests.fakes import FakeClock
from tests.model_world import vendor
from tests.obedient import obedient
from tests.test_customers_merging import says
from tests.test_tools import reply, served
from tests.world import Core, core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


@contextlib.asynccontextmanager
async def desk(store: Store, clock: FakeClock, *hooks: dict[str, Any], **more: Any) -> AsyncIterator[Core]:
    definition = AgentDefinition.model_validate({"name": "Maya", "engine": "obedient", "hooks": list(hooks), **more})
    with obedient():
        async with core(store, clock, "sms", "email") as made:
            made.channels["email"].identity = "email"
            await furnish(store, definition=definition)
            yield made


def hook(on: str, *do: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"on": on, "do": list(do), **more}


def say(text: str) -> dict[str, Any]:
    return {"action": "say", "text": text}


async def ran(made: Core) -> list[tuple[str, str, str]]:
    """What hooks did: what set them off, the action, and the fault."""
    return [(one.data["on"], one.data["action"], one.data["fault"]) for one in await made.records.events("hook.ran")]


async def agent_said(made: Core) -> list[str]:
    return [one.text for one in await made.records.all(Message, Message.role == "agent")]


async def newest(made: Core) -> Interaction:
    return (await made.records.all(Interaction))[-1]


async def test_words_of_the_customer_set_one_off_once_and_the_agent_answers_all_the_same(
    store: Store, clock: FakeClock
) -> None:
    refund = hook("customer.said", say("Refunds take a week, {{name}}."), phrases=["money back", "refund"])
    async with desk(store, clock, refund, parameters={"name": "Ana"}) as made:
        await says(made, ANA, "Hello there")
        assert await ran(made) == []
        await says(made, ANA, "I want my MONEY  back!")
        await says(made, ANA, "My money back, I said")
        assert (await agent_said(made)).count("Refunds take a week, Ana.") == 1
        assert (await agent_said(made)).count("Hello.") == 3, "each message was answered by the agent as well"
        assert await ran(made) == [("customer.said", "say", "")]
        assert "Refunds take a week, Ana." in [one.text for one in made.sms.sent]


async def test_a_phrase_is_a_phrase_and_no_part_of_a_word(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock, hook("customer.said", say("Yes."), phrases=["art"], times=5)) as made:
        await says(made, ANA, "I want to start a party")
        assert await ran(made) == []
        await says(made, ANA, "Modern art, please")
        assert await ran(made) == [("customer.said", "say", "")]


async def test_it_runs_so_many_times_and_never_sets_itself_off(store: Store, clock: FakeClock) -> None:
    loop = hook("agent.said", say("And another thing."), times=20)
    async with desk(store, clock, loop, *[hook("customer.said", say("x"), times=20)] * 4) as made:
        await says(made, ANA, "Hello")
        assert (await agent_said(made)).count("And another thing.") == 1
        for number in range(15):
            await says(made, ANA, f"Number {number}")
        assert len(await ran(made)) == 50, "so many in one conversation, whatever its hooks say"


async def test_hanging_up_handing_over_and_setting_a_parameter(store: Store, clock: FakeClock) -> None:
    hooks = (
        hook("customer.said", {"action": "set_parameter", "name": "callback_about", "value": "gold"}, phrases=["gold"]),
        hook("customer.said", {"action": "hand_to_human", "text": "A complaint."}, phrases=["complaint"]),
        hook("customer.said", {"action": "hang_up"}, {"action": "say", "text": "Too late."}, phrases=["that is all"]),
    )
    async with desk(store, clock, *hooks) as made:
        await says(made, ANA, "I am a gold member")
        await says(made, ANA, "What do you know of me?")
        assert (await agent_said(made))[-1] == "Hello. gold"
        await says(made, ANA, "That is all.")
        assert ((await newest(made)).status, (await newest(made)).ended_reason) == ("completed", "agent_hangup")
        assert (await ran(made))[-1] == ("customer.said", "say", "The interaction has ended.")
        await says(made, ANA, "I have a complaint")
        assert (await newest(made)).owner == "queue"
        (needed,) = await made.records.events("interaction.needs_human")
        assert needed.data["reason"] == "A complaint."


async def test_what_only_calls_can_do_is_refused_in_words(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock, hook("started", {"action": "pause"}, {"action": "resume"})) as made:
        await says(made, ANA, "Hello")
        assert await ran(made) == [
            ("started", "pause", "Only a call can be paused."),
            ("started", "resume", "Only a call can be paused."),
        ]


async def test_an_operators_conversation_is_left_alone(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock, hook("customer.said", say("Beep."), phrases=["boat"])) as made:
        await says(made, ANA, "Hello")
        from tests.world import User

        ana = (await made.records.all(User))[0]
        interaction = await newest(made)
        await made.hub.take_over(interaction.workspace_id, interaction.id, ana)
        await says(made, ANA, "I have a boat")
        assert await ran(made) == [("customer.said", "say", "An operator has this conversation.")]
        assert "Beep." not in await agent_said(made)


FLOW = {"stages": [
    {"id": "start", "type": "start", "text": "Hi.", "fields": [
        {"name": "size", "type": "choice", "question": "Which?", "choices": [{"value": "small"}, {"value": "large"}]}],
     "transitions": [{"to": "look", "on": "field", "field": "size"}]},
    {"id": "look", "type": "tool", "tool": "look", "transitions": [{"to": "told"}]},
    {"id": "told", "text": "Looked."},
]}  # fmt: skip


async def test_stages_fields_and_tool_results_set_hooks_off(store: Store, clock: FakeClock) -> None:
    hooks = (
        hook("stage.entered", say("At the end."), of="told"),
        hook("field.collected", say("A large one!"), of="size", values=["large"]),
        hook("field.collected", say("A small one!"), of="size", values=["small"]),
        hook("tool.result", say("It failed."), of="look", outcome="error"),
        hook("tool.result", say("It went well."), of="look", outcome="ok"),
    )
    tool = {"name": "look", "url": "http://127.0.0.1:9/", "timeout_ms": 1_000}
    async with desk(store, clock, *hooks, flow=FLOW, tools=[tool], engine="script") as made:
        await says(made, ANA, "Hello")
        await says(made, ANA, "large")
        said = await agent_said(made)
        assert "A large one!" in said
        assert "It failed." in said
        assert "At the end." in said
        assert not {"A small one!", "It went well."} & set(said)


async def test_a_text_a_tool_and_a_webhook_go_outside_once(store: Store, clock: FakeClock) -> None:
    async with served(lambda h, b: reply(200, {"ok": True})) as (port, heard):
        hooks = (
            hook("customer.said", {"action": "webhook", "url": f"http://127.0.0.1:{port}/told"}, phrases=["tell"]),
            hook("customer.said", {"action": "tool", "name": "look", "arguments": {"who": "{{known_as}}"}},
                 phrases=["look"]),
            hook("customer.said", {"action": "send_text", "text": "For {{known_as}}", "to": "+12025550102"},
                 phrases=["text"]),
        )  # fmt: skip
        tool = {"name": "look", "method": "POST", "url": f"http://127.0.0.1:{port}/look"}
        async with desk(store, clock, *hooks, tools=[tool, {"name": "send_text", "kind": "builtin"}]) as made:
            await says(made, ANA, "Please tell them")
            await says(made, ANA, "Now look")
            await says(made, ANA, "And text Ben")
            await recover.sweep(made.context, clock.now())
            await made.settled()
            assert [one[1:] for one in await ran(made)] == [("webhook", ""), ("tool", ""), ("send_text", "")]
            told = json.loads(heard[0].split("\r\n\r\n", 1)[1])
            assert (told["data"]["on"], told["data"]["event"]["text"]) == ("message.created", "Please tell them")
            assert "webhook-signature: v1," in heard[0].lower()
            assert json.loads(heard[1].split("\r\n\r\n", 1)[1]) == {"who": ANA}
            assert len(heard) == 2
            assert [(one.text, one.recipient) for one in made.sms.sent if "For" in one.text] == [
                (f"For {ANA}", "+12025550102")
            ]
            called = [one.data["name"] for one in await made.records.events("tool.called")]
            assert called == ["look", "send_text"]


async def test_a_webhook_that_fails_is_tried_again_and_given_up_in_words(store: Store, clock: FakeClock) -> None:
    async with served(lambda h, b: reply(503, b"")) as (port, heard):
        told = hook("started", {"action": "webhook", "url": f"http://127.0.0.1:{port}/"})
        async with desk(store, clock, told) as made:
            await says(made, ANA, "Hello")
            assert (len(heard), await ran(made)) == (1, [])
            for _ in range(4):
                clock.forward(minutes=6)
                await recover.sweep(made.context, clock.now())
                await made.settled()
            assert len(heard) == 3
            assert await ran(made) == [("interaction.started", "webhook", "The server answered 503.")]
            ids = {line for one in heard for line in one.lower().split("\r\n") if line.startswith("webhook-id")}
            assert len(ids) == 1, "the other side can tell that it is the same"


async def test_silence_and_time_set_hooks_off_also_after_a_restart(store: Store, clock: FakeClock) -> None:
    hooks = (
        hook("silence", say("Are you still there?"), seconds=600, times=2),
        hook("duration", say("Time flies."), seconds=3_600),
    )
    async with desk(store, clock, *hooks) as made:
        await says(made, ANA, "Hello")
        assert await ran(made) == []
    clock.forward(seconds=601)
    async with desk_again(store, clock) as made:
        await recover.sweep(made.context, clock.now())
        await recover.sweep(made.context, clock.now())
        await made.settled()
        assert await ran(made) == [("silence", "say", "")], "once in one silence"
        clock.forward(seconds=3_000)
        await recover.sweep(made.context, clock.now())
        await made.settled()
        assert sorted(await ran(made)) == [("duration", "say", ""), ("silence", "say", ""), ("silence", "say", "")]
        clock.forward(hours=2)
        await recover.sweep(made.context, clock.now())
        assert len(await ran(made)) == 3


@contextlib.asynccontextmanager
async def desk_again(store: Store, clock: FakeClock) -> AsyncIterator[Core]:
    """Another process on the same database."""
    with obedient():
        async with core(store, clock, "sms", node="node#2") as made:
            yield made


async def test_the_agents_third_message_and_the_end_set_hooks_off(store: Store, clock: FakeClock) -> None:
    async with served(lambda h, b: reply(200, {})) as (port, heard):
        hooks = (
            hook("messages", say("We have talked for a while."), count=3),
            hook("ended", {"action": "webhook", "url": f"http://127.0.0.1:{port}/"}, say("Nobody hears this.")),
        )
        async with desk(store, clock, *hooks) as made:
            for _ in range(5):
                await says(made, ANA, "Hm")
            assert (await agent_said(made)).index("We have talked for a while.") == 3
            interaction = await newest(made)
            await made.hub.end(interaction.workspace_id, interaction.id)
            await made.settled()
            assert len(heard) == 1
            assert ("ended", "say", "The interaction has ended.") in await ran(made)


async def test_hooks_of_other_channels_wait_for_theirs(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock, hook("started", say("Ring."), channels=["call"])) as made:
        await says(made, ANA, "Hello")
        assert await ran(made) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (hook("silence", say("x")), "silence needs a number of seconds"),
        (hook("messages", say("x")), "messages needs a count"),
        (hook("started", {"action": "say"}), "say needs a text"),
        (hook("started", {"action": "webhook"}), "webhook needs a url"),
        (hook("started"), "at least 1 item"),
        (hook("started", say("x"), times=21), "less than or equal to 20"),
    ],
)
def test_a_hook_that_cannot_work_is_refused_when_it_is_saved(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AgentDefinition.model_validate({"name": "Maya", "hooks": [given]})


async def test_the_agent_is_told_a_note_in_its_next_turns_and_then_no_more(store: Store, clock: FakeClock) -> None:
    note = {"action": "note", "text": "{{name}} is in a hurry.", "turns": 2}
    definition = AgentDefinition.model_validate({
        "name": "Maya", "engine": "openai", "parameters": {"name": "Ana"}, "opening_message": "Hello.",
        "hooks": [hook("customer.said", note, phrases=["hurry"])],
    })  # fmt: skip
    async with vendor() as model, core(store, clock, "sms") as made:
        made.context.accounts = Accounts({"openai": model.account})
        await furnish(store, definition=definition)
        for text in ("I'm in a hurry", "Two", "Three", "Four"):
            await says(made, ANA, text)
        assert await ran(made) == [("customer.said", "note", "")]
        told = ["Ana is in a hurry." in json.dumps(one) for one in await model.asked()]
        assert sum(told) == 2
        assert told[-1] is False
