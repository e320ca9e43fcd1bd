"""Warm transfers over the sandbox's carrier: two lines at once, one of a customer and one of a colleague."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.models import Command, Event, Interaction, Message, User
from tests.bench.processes import OUR_NUMBER
from tests.call_world import Exchange, Script, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import Sandbox, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 300}
BYE: Script = [says("Goodbye", 300), QUIET]
COLLEAGUE = "+12025559999"
FAST = 48
BACK, OVER = "Nobody is there.", "You are back."


@pytest.fixture
async def phones(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(sqlite_url, sandbox, clock, tmp_path, TWILIO_TIMEOUT_SECONDS="1") as made:
        yield made


WORDS: dict[str, Any] = {
    "transfer_message": "One moment.", "transfer_failed_message": BACK, "transfer_over_message": OVER,
    "idle_seconds": 10.0, "hold_message": "", "voice_options": {"letter_bytes": FAST},
}  # fmt: skip


async def customer_calls(phones: Exchange, *script: dict[str, Any], **call: Any) -> tuple[str, Interaction]:
    """A customer has greeted the agent, at the number that we also call from."""
    number = await phones.number(agent(**{**WORDS, **call}), OUR_NUMBER)
    sid = await phones.calls_us(number, [QUIET, *script])
    await phones.until(sid, script="done")
    return sid, await phones.interaction(sid)


async def transfer(phones: Exchange, interaction: Interaction, briefing: str = "", to: str = COLLEAGUE) -> Command:
    return await phones.house.hub.command(
        interaction.workspace_id, interaction.id, "transfer", by="Sam", to=to, warm=True, briefing=briefing
    )


async def told(phones: Exchange, within: float = 20) -> str:
    """What came of the only transfer."""
    (found,) = await eventually(lambda: phones.records.events("call.transferred"), bool, within)
    assert (found.data["to"], found.data["warm"]) == (COLLEAGUE, True)
    return str(found.data["outcome"])


async def leg_of(phones: Exchange) -> Interaction:
    return await phones.records.one(Interaction, Interaction.direction == "outbound")


async def leg_ended(phones: Exchange, within: float = 10) -> Interaction:
    return await eventually(lambda: leg_of(phones), lambda leg: leg.ended_at, within)


async def goes_on_with_the_agent(phones: Exchange, sid: str, *after: str) -> Interaction:
    """The customer talks with the agent until goodbye; `after` is what they heard of us before."""
    interaction_id = (await phones.interaction(sid)).id
    await eventually(
        lambda: phones.transcript(interaction_id),
        lambda said: [text for role, text in said if role == "agent"] == list(after),
    )
    await phones.goes_on(sid, [says("Are you there?", 300), QUIET, *BYE])
    await phones.over(sid)
    ended = await phones.ended(sid)
    assert (ended.status, ended.ended_reason, ended.owner) == ("completed", "goodbye", "ai")
    assert await phones.heard_words(sid, FAST) == "".join(after).lower() + "you said are you there?.goodbye."
    return ended


async def test_a_colleague_is_briefed_and_takes_the_customer_who_is_with_the_agent_again_after_the_talk(
    phones: Exchange,
) -> None:
    await phones.answers(
        COLLEAGUE, after_ms=50,
        script=[QUIET, {"digits": "1"}, {"pause_ms": 500}, says("This is the workshop", 900), {"wait": "speech"}],
    )  # fmt: skip
    sid, interaction = await customer_calls(phones, says("My name is Emily", 300), QUIET)
    assert (await transfer(phones, interaction)).fault == ""
    assert await told(phones) == "completed"
    (call,) = await phones.calls_to(COLLEAGUE)
    taken = await eventually(lambda: phones.interaction(sid), lambda found: found.owner == "operator")
    assert (taken.operator_id, taken.status) == (None, "in_progress")
    await phones.until(call["sid"], event="step", at_least=5)
    await phones.goes_on(sid, [{"pause_ms": 300}, says("Can you mend it?", 900), {"pause_ms": 300}])
    await phones.until(call["sid"], script="done")
    await phones.until(sid, script="done")
    assert phones.seen.spoken[-1] != OVER
    await phones.hangs_up(call["sid"])
    await eventually(lambda: phones.interaction(sid), lambda found: found.owner == "ai")
    await phones.goes_on(sid, [QUIET, *BYE])
    await phones.over(sid)
    ended = await phones.ended(sid)
    assert (ended.status, ended.ended_reason) == ("completed", "goodbye")
    talk = await phones.until(call["sid"], over="true")
    spoke = [event["at_ms"] for event in talk["events"] if event["event"] == "step"][3:5]
    assert not [one for one in talk["played"] if spoke[0] < one["from_ms"] < spoke[1]], "nobody hears themselves"
    briefed = await phones.heard_words(call["sid"], FAST)
    assert briefed.startswith("a call for you from maya.on the line is a caller with the number 1 2 0 2")
    assert "we noted name emily.they said, my name is emily.press 1 to take the call, or 2 to decline." in briefed
    assert await phones.transcript(interaction.id) == [
        ("agent", "Hello."), ("customer", "My name is Emily"), ("agent", "Hello Emily."), ("agent", "One moment."),
        ("operator", "This is the workshop"), ("customer", "Can you mend it?"), ("agent", OVER),
        ("customer", "Goodbye"), ("agent", "Goodbye."),
    ]  # fmt: skip
    said = {one.text: one for one in await phones.messages(interaction.id)}
    assert said["This is the workshop"].author == COLLEAGUE
    leg = await leg_ended(phones)
    assert (leg.channel, leg.meta, leg.status) == ("call", {"transfer_of": str(interaction.id)}, "completed")
    events = [event.type for event in await phones.records.all(Event, Event.interaction_id == interaction.id)]
    story = [
        "call.transferring", "call.transferred", "interaction.taken_over", "call.joined", "call.left",
        "interaction.handed_back",
    ]  # fmt: skip
    assert [one for one in events if one in story] == story
    await is_kept_in_both_lanes(phones, interaction, said)
    assert len(await phones.calls_to(COLLEAGUE)) == 1


async def is_kept_in_both_lanes(phones: Exchange, interaction: Interaction, said: dict[str, Message]) -> None:
    (recording,) = await phones.recordings(interaction.id)
    customer, others = phones.lanes(recording)
    for lane, text in ((customer, "Can you mend it?"), (others, "This is the workshop")):
        at = said[text]
        assert at.from_ms is not None
        assert at.to_ms is not None
        sound = lane[at.from_ms * 8 : at.to_ms * 8].astype(int)
        assert np.abs(sound).max() > 2_000, text


async def test_a_briefing_that_is_given_is_told_instead_and_a_spoken_yes_takes_the_call(phones: Exchange) -> None:
    await phones.answers(COLLEAGUE, after_ms=50, script=[QUIET, says("Yes, please.", 300), {"pause_ms": 20_000}])
    sid, interaction = await customer_calls(phones)
    await transfer(phones, interaction, "She wants a refund.")
    assert await told(phones) == "completed"
    await phones.hangs_up(sid)
    (call,) = await phones.calls_to(COLLEAGUE)
    assert (await phones.over(call["sid"], 5))["status"] == "completed"
    assert "she wants a refund.press 1" in await phones.heard_words(call["sid"], FAST)
    ended = await phones.ended(sid)
    assert (ended.status, ended.ended_reason) == ("completed", "customer_hangup")
    await phones.quiet()
    assert await told(phones) == "completed"


async def test_a_colleague_is_called_though_all_lines_are_busy(
    phones: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are to take over one of the calls there are."""
    sid, interaction = await customer_calls(phones)
    monkeypatch.setattr(phones.house.hub.context, "most_calls", 1)
    await phones.answers(COLLEAGUE, script=[{"wait": "speech"}, {"digits": "2"}])
    await transfer(phones, interaction)
    assert await told(phones) == "declined"
    await phones.hangs_up(sid)
    await phones.over(sid)


@pytest.mark.parametrize(
    ("rule", "outcome", "leg_status"),
    [
        ({"script": [{"wait": "speech"}, {"digits": "2"}]}, "declined", "completed"),
        ({"answer": "busy"}, "busy", "busy"),
        ({"answer": "machine", "greeting": "Leave a message."}, "voicemail", "voicemail"),
    ],
    ids=["key_2", "busy", "machine"],
)
async def test_whatever_keeps_the_colleague_away_the_agent_comes_back(
    phones: Exchange, rule: dict[str, Any], outcome: str, leg_status: str
) -> None:
    await phones.answers(COLLEAGUE, after_ms=50, **rule)
    sid, interaction = await customer_calls(phones)
    await transfer(phones, interaction)
    assert await told(phones) == outcome
    assert (await leg_ended(phones)).status == leg_status
    await goes_on_with_the_agent(phones, sid, "Hello.", "One moment.", BACK)
    await phones.quiet()
    assert len(await phones.calls_to(COLLEAGUE)) == 1


@pytest.mark.parametrize("rings", [True, False], ids=["while_it_rings", "while_they_are_briefed"])
async def test_when_the_customer_is_gone_the_colleague_is_hung_up_on(phones: Exchange, rings: bool) -> None:
    await phones.answers(COLLEAGUE, after_ms=20_000 if rings else 50)
    sid, interaction = await customer_calls(phones)
    await transfer(phones, interaction)
    (call,) = await phones.calls_to(COLLEAGUE)
    await phones.until(call["sid"], status="ringing" if rings else "in-progress")
    if not rings:
        await phones.until(call["sid"], event="stream_start")
    await phones.hangs_up(sid)
    assert await told(phones) == "customer_gone"
    assert (await phones.over(call["sid"], 8))["status"] == ("canceled" if rings else "completed")
    assert (await phones.ended(sid)).ended_reason == "customer_hangup"
    assert (await leg_ended(phones)).status == ("canceled" if rings else "completed")
    await phones.quiet()


async def test_an_agent_that_gives_the_customer_away_briefs_first_and_goes_on_when_nobody_takes_them(
    phones: Exchange,
) -> None:
    await phones.answers(COLLEAGUE, answer="busy", after_ms=300)
    sid, _ = await customer_calls(phones, says("A person", 300), QUIET, transfer_to=COLLEAGUE, transfer_warm=True)
    assert await told(phones) == "busy"
    await goes_on_with_the_agent(phones, sid, "Hello.", "I connect you.", BACK)
    assert (await phones.interaction(sid)).waiting_since is None


async def test_a_colleague_who_takes_over_by_the_page_calls_the_transfer_off(phones: Exchange) -> None:
    await phones.answers(COLLEAGUE, after_ms=20_000)
    sid, interaction = await customer_calls(phones)
    await transfer(phones, interaction)
    (call,) = await phones.calls_to(COLLEAGUE)
    home = interaction.workspace_id
    operator = User(workspace_id=home, email="olga@example.com", name="Olga", role="support", password_hash="x")
    async with phones.house.store.write() as db:
        db.add(operator)
    await phones.house.hub.take_over(interaction.workspace_id, interaction.id, operator)
    assert await told(phones) == "failed"
    assert (await phones.over(call["sid"], 8))["status"] == "canceled"
    assert (await phones.interaction(sid)).operator_id == operator.id
    assert BACK not in phones.seen.spoken


async def test_a_transfer_that_cannot_begin_says_why_and_disturbs_nobody(phones: Exchange) -> None:
    await phones.answers(COLLEAGUE, after_ms=20_000)
    sid, interaction = await customer_calls(phones)
    assert "customer's own number" in (await transfer(phones, interaction, to=interaction.person)).fault
    assert "not a phone number" in (await transfer(phones, interaction, to="the boss")).fault
    await goes_on_with_the_agent(phones, sid, "Hello.")


async def test_two_transfers_of_a_call_are_not_made_at_once(phones: Exchange) -> None:
    await phones.answers(COLLEAGUE, after_ms=20_000)
    _, interaction = await customer_calls(phones)
    assert (await transfer(phones, interaction)).fault == ""
    assert "under way" in (await transfer(phones, interaction)).fault
    assert len(await phones.calls_to(COLLEAGUE)) == 1


@pytest.mark.parametrize("joined", [True, False])
async def test_a_customer_whose_line_broke_comes_back_to_the_agent_and_the_colleague_is_let_go(
    phones: Exchange, joined: bool
) -> None:
    script = [QUIET, {"digits": "1"}] if joined else [{"wait": "speech"}]
    await phones.answers(COLLEAGUE, after_ms=50, script=script)
    sid, interaction = await customer_calls(phones)
    await transfer(phones, interaction, "x" * 400)
    (call,) = await phones.calls_to(COLLEAGUE)
    if joined:
        await eventually(lambda: phones.interaction(sid), lambda found: found.owner == "operator")
    else:
        await phones.until(call["sid"], script="done")
    await phones.misbehaves(sid, reset_ms=0)
    await phones.until(sid, event="stream_start", at_least=2)
    assert (await phones.over(call["sid"], 8))["status"] == "completed"
    assert await told(phones) == ("completed" if joined else "failed")
    await phones.goes_on(sid, [QUIET, *BYE])
    await phones.over(sid)
    ended = await phones.ended(sid)
    assert (ended.owner, ended.ended_reason) == ("ai", "goodbye")
    assert (await phones.heard_words(sid, FAST)).endswith("i am here again.goodbye.")
