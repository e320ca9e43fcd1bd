"""A responder that decides what is said in texts: what it is told, what its answers do, and every way it can fail."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub import versions
from hub.core import definitions
from hub.models import AgentDefinition, Event, Interaction, Message
from hub.store import agents
from tests.fakes import FakeClock
from tests.responder_world import (
    FALLBACK,
    OTHER_SECRET,
    SECRET,
    Answer,
    Asked,
    Server,
    closes,
    echo,
    lines,
    responder,
    silence,
    then_closed,
    then_silence,
    webhook_agent,
    whole,
)
from tests.world import House, Sandbox, eventually, house

pytestmark = pytest.mark.anyio
ANA, BEN = "+12025550101", "+12025550102"


@dataclass
class World:
    """A hub whose agent at the number is answered for by `server`."""

    hub: House
    server: Server

    async def define(self, definition: AgentDefinition) -> None:
        """The agent is so from now on, saved as every door saves it."""
        context, home = self.hub.hub.context, self.hub.home
        async with context.store.write() as db:
            stored = await agents.agent(db, home.workspace_id, home.agent_id)
            assert stored is not None
            made, faults = await definitions.settle(context, db, home.workspace_id, definition, stored.definition)
            assert faults == []
            now = context.clock.now()
            versions.replace(db, stored, made.model_dump(mode="json"), "Bea", now)

    async def says(self, text: str, person: str = ANA) -> list[str]:
        """A person texts; what they are sent since the beginning."""
        assert (await self.hub.text(person, text)).status_code == 200
        await self.hub.settled()
        return await self.sent(person)

    async def sent(self, person: str = ANA) -> list[str]:
        said = await self.hub.records.said(person)
        return [text for role, text in said if role == "agent"]

    async def failures(self) -> list[str]:
        return [str(event.data["why"]) for event in await self.hub.records.events("engine.failed")]

    async def interaction(self, person: str = ANA) -> Interaction:
        return await self.hub.records.one(Interaction, Interaction.person == person)


@pytest.fixture
async def world(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[World]:
    async with responder() as server, house(database_url, sandbox, clock, tmp_path) as hub:
        made = World(hub, server)
        await made.define(webhook_agent(server.url, parameters={"shop": "Oak"}))
        yield made


def verified(asked: Any, secret: str) -> bool:
    """As a receiver checks it: https://www.standardwebhooks.com"""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.raw
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return wanted in asked.headers["webhook-signature"].split()


async def test_a_text_is_answered_by_the_responder_which_is_told_the_turn(world: World) -> None:
    assert await world.says("Is my order there?") == ["You said Is my order there?."]
    (asked,) = world.server.asked
    interaction = await world.interaction()
    body = asked.body
    assert (body["event"], body["channel"], body["cue"]) == ("agent.message", "sms", "message")
    assert (body["interaction_id"], body["trace_id"]) == (str(interaction.id), interaction.trace_id)
    assert body["transcript"] == "Is my order there?"
    assert body["parameters"] == {"shop": "Oak"}
    assert body["customer"]["known_as"] == ANA
    assert body["recentHistory"] == []
    assert body["conversationState"] is None
    assert verified(asked, SECRET)
    assert not verified(asked, OTHER_SECRET)
    assert asked.headers["idempotency-key"] == asked.headers["webhook-id"]


async def test_history_is_as_long_as_was_chosen_and_leaves_out_what_is_asked(world: World) -> None:
    await world.define(webhook_agent(world.server.url, history=3))
    for number in range(4):
        await world.says(f"number {number}")
    last = world.server.asked[-1].body
    assert last["transcript"] == "number 3"
    assert [entry["content"] for entry in last["recentHistory"]] == [
        "You said number 1.",
        "number 2",
        "You said number 2.",
    ]
    assert [entry["role"] for entry in last["recentHistory"]] == ["agent", "customer", "agent"]


async def test_lines_of_a_text_are_one_message(world: World) -> None:
    world.server.answer = lines({"text": "I look.", "interim": True}, {"text": "It is there."})
    assert await world.says("Where is it?") == ["I look.\nIt is there."]


async def test_plain_text_is_taken_as_text(world: World) -> None:
    world.server.answer = whole(b"It is there, \xe2\x82\xac 5.", kind="text/plain; charset=utf-8")
    assert await world.says("Where?") == ["It is there, € 5."]


@pytest.mark.parametrize("told", [{}, {"text": ""}, {"text": None}])
async def test_a_responder_may_choose_to_say_nothing(world: World, told: dict[str, Any]) -> None:
    world.server.answer = whole(told)
    assert await world.says("thanks") == []
    assert await world.failures() == []
    interaction = await world.interaction()
    assert interaction.answered_seq == interaction.heard_seq
    assert interaction.owner == "ai"


async def test_state_and_parameters_come_back_with_the_next_turn(world: World) -> None:
    world.server.answer = whole({"text": "Noted.", "state": {"step": 1, "old": True}, "parameters": {"city": "Bern"}})
    await world.says("Bern")
    world.server.answer = whole({"text": "Noted.", "state": {"step": 2, "old": None}})
    await world.says("on")
    await world.says("and on")
    second, third = (asked.body for asked in world.server.asked[1:])
    assert (second["conversationState"], second["parameters"]["city"]) == ({"step": 1, "old": True}, "Bern")
    assert third["conversationState"] == {"step": 2}
    assert (await world.interaction()).parameters == {"city": "Bern"}


async def test_hanging_up_ends_a_text_conversation_after_its_words(world: World) -> None:
    world.server.answer = whole({"text": "Goodbye then.", "hangup": True})
    assert await world.says("bye") == ["Goodbye then."]
    interaction = await world.interaction()
    assert (interaction.status, interaction.ended_reason) == ("completed", "agent_hangup")


async def test_a_person_can_be_asked_for(world: World) -> None:
    world.server.answer = whole({"text": "I pass you on.", "action": "human"})
    assert await world.says("a person") == ["I pass you on."]
    assert (await world.interaction()).owner == "queue"


@pytest.mark.parametrize("told", [{"action": "transfer", "number": "+12025550177"}, {"digits": "1"}, {"dtmf": "1"}])
async def test_what_is_for_calls_is_refused_in_words_on_a_text_channel(world: World, told: dict[str, str]) -> None:
    world.server.answer = whole({"text": "Here you go.", **told})
    assert await world.says("please") == ["Here you go."]
    (why,) = await world.failures()
    assert "is for calls; this is sms" in why
    assert (await world.interaction()).owner == "ai"


FAULTS: dict[str, tuple[Answer, str]] = {
    "an error": (whole({"text": "no"}, status=500), "it answered 500"),
    "not found": (whole({"text": "no"}, status=404), "it answered 404"),
    "refused": (whole({"text": "no"}, status=401), "does not accept our requests"),
    "overloaded": (whole({"text": "no"}, status=429), "it is overloaded"),
    "a redirect": (whole(b"", status=302, more="location: http://127.0.0.1:1/\r\n"), "a redirect; we follow none"),
    "a page": (whole(b"<html>Bad gateway</html>", kind="text/html"), "the answer is text/html"),
    "no type": (whole({"text": "x"}, kind=""), "of no type"),
    "garbage": (whole(b"\x00\xff{{{"), "no JSON"),
    "cut JSON": (whole(b'{"text": "It is th'), "no JSON"),
    "a list": (whole([{"text": "x"}]), "no JSON object"),
    "a string": (whole("hello"), "no JSON object"),
    "deep": (whole(b"[" * 100_000), "no JSON"),
    "no such field": (whole({"message": "hi"}), "no field that we know"),
    "a number for text": (whole({"text": 5}), "text cannot be used"),
    "another action": (whole({"text": "x", "action": "explode"}), "action cannot be used"),
    "a huge state": (whole({"text": "x", "state": {"a": "b" * 40_000}}), "state is larger"),
    "not UTF-8": (whole(b"\xff\xfe\xff", kind="text/plain"), "no UTF-8"),
    "compressed": (whole({"text": "x"}, more="content-encoding: gzip\r\n"), "compressed"),
    "ten megabytes": (whole({"text": "x" * 10_000_000}), "larger than 1,000,000 bytes"),
    "an endless line": (lines(b"x" * 200_000), "longer than 64,000 bytes"),
    "endless lines": (lines(*[{"text": "", "interim": True, "x": "y" * 60_000}] * 40), "larger than 1,000,000 bytes"),
    "no answer at all": (closes, "Not reachable"),
    "dead before the last line": (then_closed(lines({"text": "I look.", "interim": True}, ends=False)), "broke off"),
    "no last line": (lines({"text": "I look.", "interim": True}), "ended before its last line"),
    "a line of garbage": (lines({"text": "I look.", "interim": True}, b"%%%"), "no JSON"),
    "a lying length": (then_closed(whole(b"{}", more="content-length: 90\r\n")), "Not reachable"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_comes_the_customer_gets_words_and_the_admin_the_reason(world: World, fault: str) -> None:
    answer, why = FAULTS[fault]
    world.server.answer = answer
    sent = await world.says("hello")
    assert sent[-1] == FALLBACK
    assert sent[:-1] in ([], ["I look."])
    (told,) = await world.failures()
    assert why in told, told
    assert len(world.server.asked) == 1, "it was asked twice"
    world.server.answer = echo()
    assert (await world.says("again"))[-1] == "You said again."
    assert (await world.interaction()).owner == "ai"


async def test_one_that_is_slow_or_stalls_is_given_up_in_time(world: World) -> None:
    for answer in (silence, then_silence(lines({"text": "I look.", "interim": True}, ends=False))):
        began = time.monotonic()
        world.server.answer = answer
        assert (await world.says("hello"))[-1] == FALLBACK
        assert 4.5 < time.monotonic() - began < 8
        await asyncio.wait_for(world.server.asked[-1].gone.wait(), 2)
    assert all("within" in why or "seconds" in why for why in await world.failures())


async def test_after_three_turns_without_an_answer_a_person_takes_over(world: World) -> None:
    world.server.answer = whole({}, status=500)
    for _ in range(2):
        await world.says("hello")
        assert (await world.interaction()).owner == "ai"
    await world.says("hello")
    assert (await world.interaction()).owner == "queue"


async def test_one_that_is_down_is_asked_once_more_and_not_again(world: World) -> None:
    await world.server.close()
    assert await world.says("hello") == [FALLBACK]
    (why,) = await world.failures()
    assert "Not reachable" in why


async def test_one_that_comes_up_a_moment_later_answers_still(world: World) -> None:
    port = int(world.server.url.rpartition(":")[2].partition("/")[0])
    await world.server.close()
    text = asyncio.create_task(world.says("hello"))
    again = Server()

    async def up() -> bool:
        async with world.hub.store.read() as db:
            return bool((await db.get(Interaction, (await world.interaction()).id)) is not None)

    with contextlib.suppress(AssertionError):
        await eventually(up, bool, 0.2)
    server = await asyncio.start_server(again._serve, "127.0.0.1", port)
    assert await text == ["You said hello."]
    server.close()
    await again.close()


async def test_a_private_address_is_refused_unless_allowed(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    async with (
        responder() as server,
        house(database_url, sandbox, clock, tmp_path, HUB_WEBHOOK_ALLOW_PRIVATE="0") as hub,
    ):
        made = World(hub, server)
        await made.define(webhook_agent(server.url.replace("127.0.0.1", "localhost")))
        assert await made.says("hello") == [FALLBACK]
        assert "not a public address" in (await made.failures())[0]
        assert server.asked == []


async def test_connections_are_used_again_and_a_closed_one_does_not_lose_the_turn(world: World) -> None:
    for number in range(4):
        await world.says(f"number {number}")
    assert {asked.connection for asked in world.server.asked} == {1}
    world.server.drop()
    assert (await world.says("still there?"))[-1] == "You said still there?."
    assert await world.failures() == []
    world.server.answer = lines({"text": "a", "interim": True}, {"text": "b"})
    for number in range(3):
        await world.says(f"line {number}")
    assert len({asked.connection for asked in world.server.asked[-3:]}) == 1


async def test_a_connection_that_closes_when_it_is_used_again_does_not_lose_the_turn(world: World) -> None:
    await world.says("one")

    async def closes_the_old_one(asked: Asked) -> AsyncIterator[bytes]:
        async for data in (closes if asked.connection == 1 else echo())(asked):
            yield data

    world.server.answer = closes_the_old_one
    assert (await world.says("two"))[-1] == "You said two."
    assert await world.failures() == []
    _, first, again = world.server.asked
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.raw == again.raw


async def test_a_turn_that_is_overtaken_is_cancelled_and_both_messages_are_answered_once(world: World) -> None:
    world.server.answer = silence
    assert (await world.hub.text(ANA, "first")).status_code == 200
    (first,) = await world.server.asked_times(1)
    world.server.answer, began = echo(), time.monotonic()
    assert await world.says("second") == ["You said first\nsecond."]
    assert time.monotonic() - began < 4, "it was waited for until its time was up"
    await asyncio.wait_for(first.gone.wait(), 2)
    assert len(world.server.asked) == 2
    assert first.headers["webhook-id"] != world.server.asked[1].headers["webhook-id"]


async def test_one_that_waits_keeps_nobody_else_waiting(world: World) -> None:
    world.server.answer = silence
    for number in range(40):
        assert (await world.hub.text(f"+1202555{number:04}", "hello")).status_code == 200
    await world.server.asked_times(40)
    world.server.answer = echo()
    assert (await world.hub.text(BEN, "hello")).status_code == 200
    await eventually(lambda: world.sent(BEN), bool, 3)
    assert await world.sent(BEN) == ["You said hello."]


async def test_a_new_secret_signs_beside_the_old_one_for_a_day(world: World) -> None:
    await world.define(webhook_agent(world.server.url, secret=OTHER_SECRET))
    await world.says("hello")
    asked = world.server.asked[-1]
    assert verified(asked, OTHER_SECRET)
    assert verified(asked, SECRET)
    world.hub.clock.forward(hours=25)
    await world.says("hello again")
    asked = world.server.asked[-1]
    assert verified(asked, OTHER_SECRET)
    assert not verified(asked, SECRET)


async def test_a_running_conversation_switches_between_modes_and_is_not_lost(world: World) -> None:
    await world.says("hello")
    interaction = await world.interaction()
    hub = world.hub.hub
    await hub.switch(world.hub.home.workspace_id, interaction.id, "hosted", by="Ana")
    sent = await world.says("what are your opening hours on Saturday?")
    assert len(world.server.asked) == 1
    assert "Saturday" in sent[-1]
    await hub.switch(world.hub.home.workspace_id, interaction.id, "webhook", by="Ana")
    assert (await world.says("and now?"))[-1] == "You said and now?."
    told = world.server.asked[-1].body["recentHistory"]
    assert [entry["content"] for entry in told][:2] == ["hello", "You said hello."]
    assert (await world.interaction()).id == interaction.id
    switched = await world.hub.records.all(Event, Event.type == "interaction.mode_switched")
    assert [event.data["voice_mode"] for event in switched] == ["hosted", "webhook"]


async def test_the_secret_is_nowhere_in_plain(world: World, tmp_path: Path) -> None:
    await world.says("hello")
    rows = [*await world.hub.records.all(Interaction), *await world.hub.records.all(Message)]
    told = json.dumps([row.model_dump(mode="json") for row in rows])
    assert SECRET not in told
    assert SECRET.removeprefix("whsec_") not in told
