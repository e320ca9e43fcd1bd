"""A responder that decides what is said on calls: lines spoken as they come, keys, transfers, and every way to fail."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.sandbox.twilio.voice.audio import from_mulaw
from hub.core import definitions
from hub.models import AgentDefinition
from tests.call_world import Exchange, agent, exchange, says
from tests.fakes import FakeClock
from tests.responder_world import (
    FALLBACK,
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
from tests.test_calls_faults import silences
from tests.test_calls_phone import keys_in
from tests.world import Sandbox, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 300, "within_ms": 20_000}
SOUND: dict[str, Any] = {"wait": "speech", "within_ms": 12_000}
COLLEAGUE = "+12025559999"


@pytest.fixture
async def phones(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Server]:
    async with responder() as made:
        yield made


async def number_of(phones: Exchange, server: Server, **more: Any) -> str:
    """A number of ours whose agent's answers come from there."""
    settings = webhook_agent(server.url).responder
    definition = agent(**{"voice_mode": "webhook", "responder": settings, "idle_seconds": 30, **more})
    return await phones.number(await kept(phones, definition))


async def kept(phones: Exchange, definition: AgentDefinition) -> AgentDefinition:
    """With its secret sealed, as every door has it."""
    context = phones.house.hub.context
    async with context.store.write() as db:
        made, faults = await definitions.settle(context, db, phones.house.home.workspace_id, definition)
    assert faults == []
    return made


async def events(phones: Exchange, type: str) -> list[dict[str, Any]]:
    return [event.data for event in await phones.records.events(type)]


async def test_a_caller_talks_with_a_responder(phones: Exchange, server: Server) -> None:
    number = await number_of(phones, server)
    sid = await phones.calls_us(number, [QUIET, says("Is it there?"), QUIET, says("Thanks."), QUIET, {"hang_up": True}])
    await phones.over(sid)
    assert await phones.heard_words(sid) == "hello.you said is it there?.you said thanks.."
    interaction = await phones.ended(sid)
    first, second = (asked.body for asked in server.asked)
    assert (first["channel"], first["transcript"], first["trace_id"]) == ("call", "Is it there?", interaction.trace_id)
    assert [entry["content"] for entry in second["recentHistory"]] == [
        "Hello.",
        "Is it there?",
        "You said Is it there?.",
    ]
    assert len({asked.connection for asked in server.asked}) == 1


async def test_a_line_that_goes_on_is_spoken_at_once_and_the_last_one_ends_the_turn(
    phones: Exchange, server: Server
) -> None:
    server.answer = lines({"text": "I look.", "interim": True}, {"text": "It is there."}, {"text": "Never."}, every=1.2)
    number = await number_of(phones, server)
    sid = await phones.calls_us(number, [QUIET, says("Where is it?"), SOUND])
    await phones.until(sid, script="done")
    assert len(server.asked[0].lines_at) == 1, "it waited for the last line"
    await phones.goes_on(sid, [{"pause_ms": 3_500}, {"hang_up": True}])
    await phones.over(sid)
    assert await phones.heard_words(sid) == "hello.i look.it is there."


async def test_the_responder_hangs_up_after_its_words(phones: Exchange, server: Server) -> None:
    server.answer = whole({"text": "Goodbye then.", "hangup": True})
    sid = await phones.calls_us(await number_of(phones, server), [QUIET, says("Bye.")])
    await phones.over(sid)
    assert await phones.heard_words(sid) == "hello.goodbye then."
    interaction = await phones.ended(sid)
    assert (interaction.status, interaction.ended_reason) == ("completed", "agent_hangup")


async def test_keys_are_pressed_after_the_words(phones: Exchange, server: Server) -> None:
    server.answer = whole({"text": "I press.", "digits": "1w9"})
    sid = await phones.calls_us(await number_of(phones, server), [QUIET, says("Press."), {"pause_ms": 3_000}])
    await phones.until(sid, script="done")
    await phones.hangs_up(sid)
    await phones.over(sid)
    assert keys_in(from_mulaw(await phones.heard(sid)).astype(float))[-2:] == ["1", "9"]
    (pressed,) = await events(phones, "call.pressed")
    assert (pressed["digits"], pressed["fault"]) == ("1w9", "")


async def test_keys_alone_are_no_silence_to_be_asked_about(phones: Exchange, server: Server) -> None:
    server.answer = whole({"dtmf": "5"})
    sid = await phones.calls_us(await number_of(phones, server), [QUIET, says("Press."), {"pause_ms": 1_500}])
    await phones.until(sid, script="done")
    await phones.hangs_up(sid)
    await phones.over(sid)
    assert keys_in(from_mulaw(await phones.heard(sid)).astype(float))[-1:] == ["5"]
    assert "sorry" not in await phones.heard_words(sid)


@pytest.mark.parametrize("told", [{"number": COLLEAGUE}, {}])
async def test_the_responder_transfers_to_its_number_or_the_agents(
    phones: Exchange, server: Server, told: dict[str, str]
) -> None:
    server.answer = whole({"text": "I connect you.", "action": "transfer", **told})
    await phones.answers(COLLEAGUE, answer="yes", after_ms=50, script=[{"pause_ms": 300}, {"hang_up": True}])
    number = await number_of(phones, server, transfer_to="" if told else COLLEAGUE)
    sid = await phones.calls_us(number, [QUIET, says("A person.")])
    call = await phones.over(sid)
    assert any(event["event"] == "dial_answered" for event in call["events"])
    assert "i connect you." in await phones.heard_words(sid)
    interaction = await phones.ended(sid)
    assert (interaction.status, interaction.ended_reason) == ("completed", "transfer")


@pytest.mark.parametrize("told", [{}, {"number": "12345"}])
async def test_a_transfer_that_cannot_be_is_told_and_the_agent_goes_on(
    phones: Exchange, server: Server, told: dict[str, str]
) -> None:
    server.answer = whole({"text": "I connect you.", "action": "transfer", **told})
    sid = await phones.calls_us(await number_of(phones, server), [QUIET, says("A person."), {"pause_ms": 3_500}])
    await phones.until(sid, script="done")
    server.answer = echo()
    await phones.goes_on(sid, [says("And now?"), QUIET, {"hang_up": True}])
    await phones.over(sid)
    assert (await phones.heard_words(sid)).endswith("you said and now?.")
    why = [
        *(e["why"] for e in await events(phones, "engine.failed")),
        *(e["words"] for e in await events(phones, "call.transfer_failed")),
    ]
    assert len(why) == 1
    assert ("no number" if not told else "+12025550177") in why[0]


FAULTS: dict[str, Answer] = {
    "nothing comes": silence,
    "an error": whole({}, status=500),
    "a page": whole(b"<html>", kind="text/html"),
    "garbage": whole(b"%%%"),
    "ten megabytes": whole({"text": "x" * 10_000_000}),
    "closed": closes,
    "dead in the middle": then_closed(lines({"text": "I look.", "interim": True}, ends=False)),
    "stalled in the middle": then_silence(lines({"text": "I look.", "interim": True}, ends=False)),
    "a redirect": whole(b"", status=302, more="location: http://127.0.0.1:1/\r\n"),
}


async def test_however_it_fails_nobody_is_kept_in_silence_and_the_talk_goes_on(
    phones: Exchange, server: Server
) -> None:
    """All faults in calls side by side; each says its own number, so that the server knows which it is."""
    names = list(FAULTS)

    async def faulty(asked: Asked) -> AsyncIterator[bytes]:
        said = asked.body["transcript"].split()[-1].strip(".")
        async for data in (FAULTS[names[int(said)]] if said.isdigit() else echo())(asked):
            yield data

    server.answer = faulty
    number = await number_of(phones, server)

    async def one(at: int) -> tuple[float, str]:
        sid = await phones.calls_us(number, [QUIET, says(f"Fault {at}"), SOUND, QUIET, {"pause_ms": 6_500}, QUIET])
        await phones.until(sid, 60, script="done")
        await phones.goes_on(sid, [says("Well"), SOUND, QUIET, {"hang_up": True}])
        call = await phones.over(sid, 40)
        words = await phones.heard_words(sid)
        return max(one.seconds for one in silences(call, names[at])), words

    found = await asyncio.gather(*(one(at) for at in range(len(names))))
    for name, (longest, words) in zip(names, found, strict=True):
        assert longest <= 8, (name, longest)
        assert FALLBACK.lower() in words, (name, words)
        assert words.endswith("you said well."), (name, words)
        assert ("i look." in words) == ("middle" in name), (name, words)
    told = [event["why"] for event in await events(phones, "engine.failed")]
    assert len(told) == len(names)
    assert len(server.asked) == 2 * len(names), "a turn was asked twice"


async def test_what_is_talked_over_is_cancelled(phones: Exchange, server: Server) -> None:
    long = " ".join(["and this goes on"] * 12)
    server.answer = then_silence(lines({"text": f"I look {long}.", "interim": True}, ends=False))
    sid = await phones.calls_us(
        await number_of(phones, server), [QUIET, says("Where is it?"), SOUND, {"pause_ms": 800}]
    )
    await phones.until(sid, script="done")
    first = server.asked[0]
    assert not first.gone.is_set()
    server.answer = echo()
    await phones.goes_on(sid, [says("Stop that please now", 1_500), QUIET, {"hang_up": True}])
    await phones.over(sid)
    await asyncio.wait_for(first.gone.wait(), 5)
    assert (await phones.heard_words(sid)).endswith("you said stop that please now.")


async def test_a_call_switches_between_modes_and_is_not_lost(phones: Exchange, server: Server) -> None:
    number = await number_of(phones, server)
    sid = await phones.calls_us(number, [QUIET, says("One."), QUIET])
    await phones.until(sid, script="done")
    interaction = await phones.interaction(sid)
    hub, call = phones.house.hub, phones.house.hub.context.calls[interaction.id]
    await hub.switch(interaction.workspace_id, interaction.id, "hosted", by="Ana")
    await eventually(lambda: _value(call.mind.memory.agent["voice_mode"]), lambda mode: mode == "hosted")
    await phones.goes_on(sid, [says("Two."), QUIET])
    await phones.until(sid, script="done")
    assert len(server.asked) == 1
    assert [turn.said for turn in phones.seen.turns] == ["Two."]
    await hub.switch(interaction.workspace_id, interaction.id, "webhook", by="Ana")
    await eventually(lambda: _value(call.mind.memory.agent["voice_mode"]), lambda mode: mode == "webhook")
    await phones.goes_on(sid, [says("Three."), QUIET, {"hang_up": True}])
    await phones.over(sid)
    assert await phones.heard_words(sid) == "hello.you said one..you said two..you said three.."
    assert [entry["content"] for entry in server.asked[1].body["recentHistory"]][-2:] == ["Two.", "You said Two.."]


async def _value(value: str) -> str:
    return value
