"""Phone calls from end to end: the sandbox's carrier, people with scripts, a hub reached as the carrier reaches it."""

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import psycopg
import pytest
from sqlalchemy import make_url

from fixtures.sandbox.twilio.voice.audio import from_mulaw
from hub.core.deliver import deliver
from hub.core.recover import sweep
from hub.models import AgentDefinition, Event, Interaction, Message, OutboxEntry
from hub.policy import NotAllowed
from tests.bench.processes import ACCOUNT_SID, OUR_NUMBER
from tests.call_world import Exchange, Script, agent, exchange, says, spelled
from tests.fakes import FakeClock, until
from tests.test_demo_agents import load, split
from tests.world import Sandbox, eventually, sandbox_process, signed

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 300}
BYE: Script = [says("Goodbye", 300), QUIET]
SENTENCES = [f"This is sentence the {number} of five." for number in ("first", "second", "third", "fourth", "fifth")]
COLLEAGUE = "+12025559999"


@pytest.fixture
async def phones(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(database_url, sandbox, clock, tmp_path, TWILIO_TIMEOUT_SECONDS="1") as made:
        yield made


async def rings(phones: Exchange, person: str, **definition: Any) -> Interaction:
    """The hub calls this person."""
    number = await phones.number(agent(**definition), OUR_NUMBER)
    assert number == OUR_NUMBER
    return await phones.house.hub.start(phones.house.home.workspace_id, "call", person)


async def now(phones: Exchange, interaction: Interaction) -> Interaction:
    return await phones.records.one(Interaction, Interaction.id == interaction.id)


async def at_its_end(phones: Exchange, interaction: Interaction, within: float = 15) -> Interaction:
    return await eventually(lambda: now(phones, interaction), lambda found: found.ended_at, within)


async def swept(phones: Exchange) -> None:
    clock = phones.house.clock
    await sweep(phones.house.hub.context, clock.now())
    await phones.house.settled()


async def event_types(phones: Exchange, interaction: Interaction) -> list[str]:
    return [event.type for event in await phones.records.all(Event, Event.interaction_id == interaction.id)]


# in


async def test_a_call_is_talked_with_until_goodbye(phones: Exchange) -> None:
    number = await phones.number(agent())
    sid = await phones.calls_us(number, [QUIET, says("Good morning."), QUIET, *BYE])
    call = await phones.over(sid)
    assert call["status"] == "completed"
    assert await phones.heard_words(sid) == "hello.you said good morning..goodbye."
    interaction = await phones.ended(sid)
    assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")
    assert await phones.transcript(interaction.id) == [
        ("agent", "Hello."), ("customer", "Good morning."), ("agent", "You said Good morning.."),
        ("customer", "Goodbye"), ("agent", "Goodbye."),
    ]  # fmt: skip
    (recording,) = await phones.recordings(interaction.id)
    customer, agent_lane = phones.lanes(recording)
    assert abs(len(customer) / 8 - call["clock_ms"]) < 300
    assert np.abs(customer).max() > 2_000
    assert np.abs(agent_lane).max() > 2_000


@pytest.fixture(scope="module")
def town() -> Iterator[Sandbox]:
    """A carrier of its own, beside which there is a clinic that takes bookings."""
    with sandbox_process("--data") as made:
        yield made


async def test_a_visit_is_booked_by_voice_with_the_clinics_agent_and_the_embedded_engines(
    sqlite_url: str, town: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    """Synthesis, a telephone line, recognition, the script: nothing of a vendor, nothing of the tests."""
    clock.forward(days=(2 - clock.now().weekday()) % 7)  # a Wednesday: "next Tuesday" is six days away
    definition, knowledge = split(load("clinic"))
    definition["parameters"] = {"sandbox_url": town.url}
    definition["call"] = {**definition.get("call", {}), "speaking": {"speed": 1.8}}
    async with exchange(sqlite_url, town, clock, tmp_path) as phones:
        number = await phones.number(AgentDefinition(**definition))
        quiet = {"wait": "quiet", "quiet_ms": 800, "within_ms": 12_000}
        said = [
            "Hello, I'd like to book an appointment.", "A cleaning, please.", "Next Tuesday.", "The first one, please.",
            "Emily Clark.", "Yes, please.",
        ]  # fmt: skip
        talk = [quiet, *(step for text in said for step in ({"say": text}, quiet)), {"hang_up": True}]
        sid = await phones.calls_us(number, talk, max_seconds=110)
        await phones.until(sid, 59, script="done")
        call = await phones.over(sid, 59)
        interaction = await phones.ended(sid)
        story = "\n".join(f"{role}: {text}" for role, text in await phones.transcript(interaction.id))
        assert interaction.status == "completed", story
        used = [event.data for event in await phones.records.events("tool.called")]
        never: dict[str, Any] = {"error": "never"}
        booked = next((tool for tool in used if tool["name"] == "book_appointment"), never)
        assert booked["error"] == "", story
        free = await phones.carrier.get("/clinic/slots", params={"date": booked["arguments"]["date"]})
        assert booked["arguments"]["time"] not in free.json()["slots"]
        assert (booked["arguments"]["name"], booked["arguments"]["phone"]) == ("Emily Clark", interaction.person), story
        messages = [one for one in await phones.messages(interaction.id) if one.role in ("customer", "agent")]
        assert sum(one.role == "customer" for one in messages) >= len(said)
        assert all(one.from_ms is not None for one in messages)
        (recording,) = await phones.recordings(interaction.id)
        assert recording.duration_ms == pytest.approx(call["clock_ms"], abs=1_000)
        assert all(np.abs(lane.astype(int)).max() > 2_000 for lane in phones.lanes(recording))
        assert knowledge


async def test_interrupted_in_the_third_sentence_what_was_heard_is_what_the_carrier_played(phones: Exchange) -> None:
    number, person = await phones.number(agent()), phones.person()
    interruption = says("What about Friday?", 900, before="What about")
    script = [QUIET, says("Five sentences"), {"wait": "speech"}, {"after_played_ms": 2_300}, interruption, QUIET]
    sid = await phones.calls_us(number, [*script, *BYE], sender=person)
    call = await phones.over(sid)
    (clear,) = call["clears"]
    said = "Hello." + "".join(SENTENCES)
    third = len("Hello." + "".join(SENTENCES[:2])) * 240
    assert third + 240 < clear["played_bytes"] < third + len(SENTENCES[2]) * 240, "not in the third sentence"
    played = spelled(await phones.heard(sid)).partition("you said")[0]
    assert said.lower().startswith(played)
    assert abs(len(played) * 240 - clear["played_bytes"]) <= 240
    interaction = await phones.ended(sid)
    (cut,) = [one for one in await phones.messages(interaction.id) if one.heard is not None]
    assert cut.text == " ".join(SENTENCES), "the page shows the rest struck out"
    before = " ".join(SENTENCES[:2])
    assert cut.heard is not None
    assert cut.heard.startswith(before)
    heard_of_third = cut.heard.removeprefix(before).strip()
    assert heard_of_third in parts_heard(SENTENCES[2], clear["played_bytes"] - third)
    after = next(turn for turn in phones.seen.of(person) if turn.said == "What about Friday?")
    assert [entry.text for entry in after.history if entry.role == "agent"] == ["Hello.", cut.heard]


def parts_heard(sentence: str, played: int) -> set[str]:
    """The whole words of it that so many bytes hold, give or take 40 ms."""
    parts = set()
    for near in (played - 320, played, played + 320):
        words = sentence.split()
        while words and len(" ".join(words)) * 240 > near:
            words.pop()
        parts.add(" ".join(words))
    return parts


async def test_keys_are_understood_and_pressed(phones: Exchange) -> None:
    number = await phones.number(agent())
    sid = await phones.calls_us(number, [QUIET, {"digits": "42#"}, QUIET])
    await phones.until(sid, script="done")
    interaction = await phones.interaction(sid)
    home = phones.house.home.workspace_id
    pressed = await phones.house.hub.command(home, interaction.id, "digits", digits="1w9")
    assert (pressed.done_at is not None, pressed.fault) == (True, "")
    refused = await phones.house.hub.command(home, interaction.id, "digits", digits="1x")
    assert "'x'" in refused.fault
    await phones.goes_on(sid, [{"pause_ms": 1_200}, *BYE])
    await phones.over(sid)
    assert next(text for role, text in await phones.transcript(interaction.id) if role == "customer") == "42"
    sound = from_mulaw(await phones.heard(sid)).astype(float)
    assert keys_in(sound) == ["1", "9"]


def keys_in(sound: "np.ndarray[Any, Any]") -> list[str]:
    """The keys whose two tones sound, one after the other."""
    rows, columns, keys = (697, 770, 852, 941), (1209, 1336, 1477), ("123", "456", "789", "*0#")
    found: list[str] = []
    last = ""
    for at in range(0, len(sound) - 400, 200):
        power = np.abs(np.fft.rfft(sound[at : at + 400] * np.hanning(400))) ** 2  # 20 Hz a bin
        near = [sum(power[round(hz / 20) - 1 : round(hz / 20) + 2]) for hz in (*rows, *columns)]
        pure = (max(near[:4]) + max(near[4:])) > 0.8 * power.sum() > 1e9
        key = keys[int(np.argmax(near[:4]))][int(np.argmax(near[4:]))] if pure else ""
        if key and key != last:
            found.append(key)
        last = key
    return found


async def test_a_second_stream_with_the_same_ticket_is_refused_and_the_first_lives(phones: Exchange) -> None:
    number = await phones.number(agent())
    script = [QUIET, {"pause_ms": 1_000}, says("Still there?"), QUIET, *BYE]
    sid = await phones.calls_us(number, script, faults={"second_stream_ms": 300})
    call = await phones.over(sid)
    second = next(one for one in call["streams"] if one["second"])
    assert second["ended_ms"] - second["at_ms"] < 1_000
    assert second["received_bytes"] == 0
    assert await phones.heard_words(sid) == "hello.you said still there?.goodbye."
    assert (await phones.ended(sid)).status == "completed"


async def test_after_a_reset_of_the_socket_the_call_goes_on_and_nothing_is_forgotten(phones: Exchange) -> None:
    number, person = await phones.number(agent()), phones.person()
    sid = await phones.calls_us(number, [QUIET, says("My name is Emily"), QUIET], sender=person)
    await phones.until(sid, script="done")
    await phones.misbehaves(sid, reset_ms=0)
    await phones.until(sid, event="stream_start", at_least=2)
    await phones.goes_on(sid, [QUIET, says("Do you know me?"), QUIET, *BYE])
    call = await phones.over(sid)
    assert [bool(one["end"] and "reset" in one["end"]) for one in call["streams"]] == [True, False]
    interaction = await phones.ended(sid)
    assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")
    assert await phones.transcript(interaction.id) == [
        ("agent", "Hello."), ("customer", "My name is Emily"), ("agent", "Hello Emily."),
        ("agent", "I am here again."), ("customer", "Do you know me?"), ("agent", "You said Do you know me?."),
        ("customer", "Goodbye"), ("agent", "Goodbye."),
    ]  # fmt: skip
    asked = next(turn for turn in phones.seen.of(person) if turn.said == "Do you know me?")
    assert ("customer", "My name is Emily") in [(entry.role, entry.text) for entry in asked.history]
    assert asked.state["turns"] == 4
    parts = await phones.recordings(interaction.id)
    assert [part.from_ms > 500 for part in parts] == [False, True]


async def test_a_half_open_socket_ends_and_leaves_no_call_behind(phones: Exchange) -> None:
    """The carrier's end is silent for ever: the person is not kept in a dead call, the row is not kept open."""
    number = await phones.number(agent(silence_hangup_seconds=5, idle_seconds=2))
    sid = await phones.calls_us(number, [QUIET], faults={"no_stop_ms": 600})
    interaction = await phones.ended(sid, 20)
    assert interaction.ended_reason in ("silence", "customer_hangup")
    await phones.quiet()


# out


async def test_a_call_of_ours_is_answered(phones: Exchange) -> None:
    person = phones.person()
    await phones.answers(person, after_ms=50, script=[QUIET, says("Who is this?"), QUIET, *BYE])
    placed = await rings(phones, person)
    interaction = await at_its_end(phones, placed)
    assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")
    (call,) = await phones.calls_to(person)
    assert interaction.external_id == call["sid"]
    assert await phones.heard_words(call["sid"]) == "hello.you said who is this?.goodbye."
    assert "in_progress" not in [one.status for one in await phones.records.all(Interaction)]


async def test_a_phone_that_screens_calls_is_told_who_calls_and_why(phones: Exchange) -> None:
    person, why = phones.person(), "This is {{agent.name}} from {{clinic}}, about your visit."
    screen = "Hi. If you record your name and reason for calling, I'll see if this person is available."
    script = [QUIET, says(screen), QUIET, says("Say your name again"), QUIET, says("Who is calling"), QUIET, *BYE]
    await phones.answers(person, after_ms=50, script=script)
    placed = await rings(phones, person, screening_message=why, parameters={"clinic": "Bright Smile"})
    interaction = await at_its_end(phones, placed, 30)
    ours = [text for role, text in await phones.transcript(interaction.id) if role == "agent"]
    told = "This is Maya from Bright Smile, about your visit."
    assert ours == ["Hello.", told, told, "You said Who is calling.", "Goodbye."], "later it is a person"


async def test_who_calls_us_is_no_screening_voice(phones: Exchange) -> None:
    number = await phones.number(agent(screening_message="This is Maya."))
    sid = await phones.calls_us(number, [QUIET, says("State your name"), QUIET, *BYE])
    await phones.over(sid)
    assert await phones.heard_words(sid) == "hello.you said state your name.goodbye."


@pytest.mark.parametrize("answer", ["busy", "no_answer", "failed"])
async def test_a_call_of_ours_that_is_not_answered_says_so(phones: Exchange, answer: str) -> None:
    person = phones.person()
    await phones.answers(person, answer=answer, after_ms=30)
    interaction = await at_its_end(phones, await rings(phones, person))
    assert (interaction.status, interaction.answered_at) == (answer, None)
    assert len(await phones.calls_to(person)) == 1
    assert not phones.seen.turns


async def test_a_call_canceled_before_the_answer_rings_no_longer(phones: Exchange) -> None:
    person = phones.person()
    await phones.answers(person, after_ms=20_000)
    placed = await rings(phones, person)
    (call,) = await phones.calls_to(person)
    await eventually(lambda: now(phones, placed), lambda found: found.status == "ringing")
    await phones.house.hub.end(placed.workspace_id, placed.id)
    assert (await phones.over(call["sid"], 5))["status"] == "canceled"
    await phones.house.settled()
    assert (await now(phones, placed)).status == "canceled"


async def test_an_answering_machine_is_left_the_message_after_its_beep(phones: Exchange) -> None:
    person, message = phones.person(), "We called about your visit."
    await phones.answers(person, answer="machine", greeting="Hello, leave a message.", beep_ms=300)
    template = {"voicemail_message": "We called about your {{reason}}.", "parameters": {"reason": "visit"}}
    placed = await rings(phones, person, **template)
    interaction = await at_its_end(phones, placed, 25)
    assert interaction.status == "voicemail"
    (call,) = await phones.calls_to(person)
    heard = await phones.over(call["sid"])
    (detected,) = [event for event in heard["events"] if event["event"] == "detected"]
    sound = await phones.heard(call["sid"])
    before, after = (
        spelled(part) for part in (sound[: int(detected["at_ms"] * 8)], sound[int(detected["at_ms"] * 8) :])
    )
    assert after.endswith(message.lower())
    assert message.lower() not in before
    assert ("agent", message) in await phones.transcript(placed.id)


@pytest.mark.parametrize("mode", ["timeout", "drop_after_accept", "500", "reset"])
async def test_when_it_is_not_known_whether_a_call_was_placed_it_is_never_placed_again(
    phones: Exchange, sandbox: Sandbox, mode: str
) -> None:
    person = phones.person()
    await sandbox.behave(mode=mode, to=person, count=1)
    await phones.answers(person, answer="busy", after_ms=1_500)
    placed = await rings(phones, person)
    if mode == "drop_after_accept":  # the callback settles it
        assert (await at_its_end(phones, placed)).status == "busy"
    else:
        await until(lambda: not phones.house.hub.context.delivering)
        await eventually(lambda: phones.records.one(OutboxEntry), lambda entry: entry.state in ("unsure", "queued"))
    for _ in range(4):
        phones.house.clock.forward(minutes=4)
        await swept(phones)
    interaction = await at_its_end(phones, placed)
    assert interaction.status == ("busy" if mode == "drop_after_accept" else "failed")
    assert len(await sandbox.tries(person)) == 1
    assert len(await phones.calls_to(person, 0)) == (mode == "drop_after_accept")


async def test_a_call_that_nobody_told_us_of_is_found_in_the_carriers_list(phones: Exchange, sandbox: Sandbox) -> None:
    person = phones.person()
    await sandbox.behave(mode="drop_after_accept", to=person, count=1)
    await phones.control("POST", "/behaviour", {"number": person, "faults": {"late_status_ms": 60_000}})
    await phones.answers(person, after_ms=20_000)
    placed = await rings(phones, person)
    (call,) = await phones.calls_to(person)
    await eventually(lambda: phones.records.one(OutboxEntry), lambda entry: entry.state == "unsure")
    phones.house.clock.forward(seconds=10)
    await swept(phones)
    interaction = await now(phones, placed)
    assert (interaction.external_id, interaction.status) == (call["sid"], "queued")
    assert (await phones.records.one(Message, Message.interaction_id == placed.id)).status == "sent"
    await phones.house.hub.end(placed.workspace_id, placed.id)
    assert (await phones.over(call["sid"], 5))["status"] == "canceled"


async def test_a_carrier_that_is_too_busy_is_asked_again(phones: Exchange, sandbox: Sandbox) -> None:
    person = phones.person()
    await sandbox.behave(mode="429", to=person, count=1, retry_after=2)
    await phones.answers(person, answer="busy", after_ms=30)
    placed = await rings(phones, person)
    await eventually(
        lambda: phones.records.one(OutboxEntry), lambda entry: entry.attempts == 1 and entry.state == "queued"
    )
    await swept(phones)
    assert len(await sandbox.tries(person)) == 1, "not before its time"
    phones.house.clock.forward(seconds=3)
    await swept(phones)
    assert (await at_its_end(phones, placed)).status == "busy"
    assert len(await sandbox.tries(person)) == 2


async def test_who_has_opted_out_is_not_called(phones: Exchange, sandbox: Sandbox) -> None:
    person = phones.person()
    await sandbox.behave(mode="429", to=person, retry_after=2)
    placed = await rings(phones, person)
    await eventually(
        lambda: phones.records.one(OutboxEntry), lambda entry: entry.attempts == 1 and entry.state == "queued"
    )
    await phones.house.text(person, "STOP")
    await phones.house.settled()
    await sandbox.behave(mode="accept", to=person)
    phones.house.clock.forward(seconds=5)
    await swept(phones)
    assert (await at_its_end(phones, placed)).status == "canceled"
    with pytest.raises(NotAllowed, match="opted out"):
        await phones.house.hub.start(phones.house.home.workspace_id, "call", person)
    assert await phones.calls_to(person, 0) == []


# transfer


@pytest.mark.parametrize("outcome", ["completed", "busy", "no_answer"])
async def test_a_call_is_transferred_or_the_agent_goes_on(phones: Exchange, outcome: str) -> None:
    number = await phones.number(agent(mind="quick-mind"))
    answer = {"completed": "yes"}.get(outcome, outcome)
    await phones.answers(COLLEAGUE, answer=answer, after_ms=50, script=[{"pause_ms": 300}, {"hang_up": True}])
    sid = await phones.calls_us(number, [QUIET])
    await phones.until(sid, script="done")
    interaction = await phones.interaction(sid)
    asked = await phones.house.hub.command(interaction.workspace_id, interaction.id, "transfer", to=COLLEAGUE)
    assert (asked.done_at is not None, asked.fault) == (True, "")
    assert (await phones.interaction(sid)).status in ("ending", "in_progress")
    if outcome != "completed":
        await phones.until(sid, event="stream_start", at_least=2)
        await phones.goes_on(sid, [QUIET, says("And now?"), QUIET, *BYE])
    call = await phones.over(sid)
    interaction = await phones.ended(sid)
    told = [event.data["outcome"] for event in await phones.records.events("call.transferred")]
    assert told == [outcome]
    if outcome == "completed":
        assert (interaction.status, interaction.ended_reason) == ("completed", "transfer")
        assert any(event["event"] == "dial_answered" for event in call["events"])
    else:
        assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")
        assert await phones.heard_words(sid) == "hello.i am here again.you said and now?.goodbye."


# the database, callbacks


@contextlib.contextmanager
def nobody_writes(phones: Exchange) -> Iterator[None]:
    """Meanwhile the database takes nothing."""
    url = make_url(phones.house.store.url)
    held: Any
    if phones.house.store.is_sqlite:
        held = sqlite3.connect(str(url.database), isolation_level=None)
        held.execute("BEGIN EXCLUSIVE")
    else:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        held = psycopg.connect(plain, autocommit=True)
        held.execute("BEGIN")
        held.execute("LOCK TABLE interaction, message, event IN EXCLUSIVE MODE")
    try:
        yield
    finally:
        held.execute("ROLLBACK")
        held.close()


async def test_a_call_that_we_ended_does_not_come_back_while_its_end_cannot_be_written(phones: Exchange) -> None:
    number = await phones.number(agent())
    sid = await phones.calls_us(number, [QUIET, says("Goodbye", 300), QUIET])
    await phones.until(sid, event="step", at_least=2)
    with nobody_writes(phones):
        await phones.until(sid, event="stream_stop")
    call = await phones.over(sid)
    interaction = await phones.ended(sid)
    assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")
    assert len(call["streams"]) == 1
    assert phones.seen.opened.count("ears") == 3  # both of its engines while it rang, and one for the talk
    await phones.quiet()


async def test_with_the_database_down_the_caller_is_told_to_wait_and_then_talked_with(phones: Exchange) -> None:
    number = await phones.number(agent())
    with nobody_writes(phones):
        sid = await phones.calls_us(number, [QUIET, QUIET, says("At last."), QUIET, *BYE])
        call = await phones.until(sid, event="verb")
        assert next(event["verb"] for event in call["events"] if event["event"] == "verb") == "Say"
    call = await phones.over(sid, 30)
    answered = [one["status"] for one in call["events"] if one["event"] == "webhook"]
    assert answered[:3] == [200] * 3
    assert set(answered[3:]) <= {204}, "the report of its end may have come already"
    assert "hello.you said at last..goodbye." in await phones.heard_words(sid)
    assert (await phones.ended(sid)).status == "completed"


async def told(phones: Exchange, path: str, **form: str) -> httpx.Response:
    """A webhook of the carrier, signed."""
    form = {"AccountSid": ACCOUNT_SID, "From": OUR_NUMBER, "To": "+12025550000", "Direction": "outbound-api", **form}
    url = phones.house.public_url + path
    return await phones.house.http.post(path, content=urlencode(form), headers=signed(url, form))


ENDS = {"completed": "completed", "busy": "busy", "no-answer": "no_answer", "failed": "failed", "canceled": "canceled"}


async def test_reports_in_any_order_late_and_repeated_end_in_the_same_row(phones: Exchange, sandbox: Sandbox) -> None:
    await sandbox.behave(mode="429", retry_after=300)
    await phones.number(agent(), OUR_NUMBER)
    sids = (f"CA{number:032x}" for number in itertools.count(1))
    for end, status in ENDS.items():
        ways = list(
            itertools.permutations(
                ["initiated", "ringing", "in-progress", end] if end == "completed" else ["initiated", "ringing", end]
            )
        )
        rows = set()
        for way in ways:
            sid = next(sids)
            placed = await phones.house.hub.start(phones.house.home.workspace_id, "call", phones.person())
            sequence = {"initiated": 0, "ringing": 1, "in-progress": 2}
            for given in (*way, *way, way[0]):
                answer = await told(
                    phones, f"/hooks/call/status?interaction={placed.id}",
                    CallSid=sid, CallStatus=given, SequenceNumber=str(sequence.get(given, 3)),
                )  # fmt: skip
                assert answer.status_code == 204
            found = await now(phones, placed)
            rows.add(
                (
                    found.status,
                    found.ended_reason,
                    found.failure_reason,
                    found.external_id == sid,
                    found.ended_at is not None,
                )
            )
            assert (await event_types(phones, placed)).count("interaction.ended") == 1
        assert len(rows) == 1, (end, rows)
        assert next(iter(rows))[0] == status
    await phones.house.settled()
    assert {entry.state for entry in await phones.records.all(OutboxEntry)} == {"sent"}


async def test_what_comes_after_the_end_changes_nothing(phones: Exchange) -> None:
    number = await phones.number(agent())
    sid = await phones.calls_us(number, [QUIET, *BYE])
    await phones.over(sid)
    interaction = await phones.ended(sid)
    await phones.recordings(interaction.id)
    await phones.house.settled()
    before = await phones.records.counts()
    for status in ("ringing", "in-progress", "failed", "busy", "completed"):
        for number_of_it in ("0", "9"):
            form = {"CallSid": sid, "CallStatus": status, "SequenceNumber": number_of_it, "Direction": "inbound"}
            assert (await told(phones, "/hooks/call/status", **form)).status_code == 204
    answer = await told(phones, "/hooks/call", CallSid=sid, CallStatus="ringing", Direction="inbound")
    assert "<Reject/>" in answer.text
    machine = {"CallSid": sid, "AnsweredBy": "machine_end_beep", "Direction": "inbound"}
    assert (await told(phones, "/hooks/call/status", **machine)).status_code == 204
    assert await now(phones, interaction) == interaction
    assert await phones.records.counts() == before


async def verbs(phones: Exchange, sid: str) -> list[str]:
    """What the carrier was told to do with a call, so far."""
    return [one["verb"] for one in (await phones.until(sid, 0))["events"] if one["event"] == "verb"]


async def only_line_taken(phones: Exchange, monkeypatch: pytest.MonkeyPatch, number: str) -> str:
    """There is one line, and this call has it."""
    monkeypatch.setattr(phones.house.hub.context, "most_calls", 1)
    sid = await phones.calls_us(number, [QUIET])
    await phones.until(sid, script="done")
    return sid


async def test_who_calls_when_all_lines_are_busy_waits_for_a_moment_and_is_then_talked_with(
    phones: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await phones.number(agent())
    first = await only_line_taken(phones, monkeypatch, number)
    second = await phones.calls_us(number, [])
    await phones.until(second, event="verb")
    await phones.hangs_up(first)
    await phones.until(second, event="stream_start")
    await phones.goes_on(second, [{"wait": "speech"}, QUIET, says("My name is Ana"), QUIET, *BYE])
    await phones.over(second, 30)
    assert (await verbs(phones, second))[:4] == ["Say", "Pause", "Redirect", "Connect"]
    assert await phones.heard_words(second) == "hello.hello ana.goodbye."
    assert (await phones.ended(second)).ended_reason == "goodbye"


async def test_who_finds_all_lines_busy_three_times_is_told_to_call_later(
    phones: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await phones.number(agent())
    first = await only_line_taken(phones, monkeypatch, number)
    second = await phones.calls_us(number, [QUIET])
    await phones.over(second, 30)
    assert await verbs(phones, second) == ["Say", "Pause", "Redirect"] * 2 + ["Say", "Hangup"]
    assert await phones.records.all(Interaction, Interaction.external_id == second) == []
    assert (await phones.until(first, 0))["status"] == "in-progress"
    await phones.hangs_up(first)
    await phones.over(first)


async def test_nobody_is_called_while_all_lines_are_busy(phones: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    person = phones.person()
    first = await only_line_taken(phones, monkeypatch, await phones.number(agent(), OUR_NUMBER))
    await phones.answers(person, script=[QUIET, *BYE])
    placed = await phones.house.hub.start(phones.house.home.workspace_id, "call", person)
    await deliver(phones.house.hub.context, placed.id)
    assert await phones.calls_to(person, at_least=0) == []
    assert (await now(phones, placed)).status == "queued"
    await phones.hangs_up(first)
    await phones.over(first)
    await phones.quiet()
    await deliver(phones.house.hub.context, placed.id)
    assert (await at_its_end(phones, placed)).ended_reason == "goodbye"
    assert len(await phones.calls_to(person)) == 1


async def test_who_was_called_is_talked_with_though_all_lines_are_busy_by_then(
    phones: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = phones.person()
    await phones.answers(person, script=[QUIET, *BYE], after_ms=1_000)
    placed = await rings(phones, person)
    await phones.calls_to(person)
    monkeypatch.setattr(phones.house.hub.context, "most_calls", 0)
    assert (await at_its_end(phones, placed)).ended_reason == "goodbye"


async def test_lines_that_open_in_the_same_moment_are_no_more_than_there_are(
    phones: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones.house.hub.context, "most_calls", 3)
    number = await phones.number(agent())
    sids = await asyncio.gather(*(phones.calls_us(number, [QUIET]) for _ in range(8)))
    most = 0
    for _ in range(60):
        most = max(most, len(phones.house.hub.context.calls))
        await asyncio.sleep(0.02)
    assert most == 3
    for sid in sids:
        await phones.hangs_up(sid)
    for sid in sids:
        await phones.over(sid)


async def test_many_calls_at_once_are_each_talked_with_alone(phones: Exchange) -> None:
    number = await phones.number(agent())

    async def one(name: str) -> None:
        sid = await phones.calls_us(number, [QUIET, says(f"My name is {name}"), QUIET, *BYE])
        await phones.over(sid, 30)
        assert await phones.heard_words(sid) == f"hello.hello {name.lower()}.goodbye."
        interaction = await phones.ended(sid)
        assert interaction.ended_reason == "goodbye"

    await asyncio.gather(*(one(name) for name in ("Anna", "Berta", "Cora", "Dora", "Emma", "Frida", "Greta", "Heidi")))
    assert await phones.records.all(Interaction, Interaction.status != "completed") == []
