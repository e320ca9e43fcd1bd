"""Out of a running call something is sent by text; its answer, by text or at the link, is spoken about in the call."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub import policy
from hub.models import Event, Interaction, Message, Question
from tests.call_world import QUESTION, Exchange, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import Sandbox, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 300}


@pytest.fixture
async def phones(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


async def asked(phones: Exchange) -> tuple[str, str, str]:
    """A call out of which a question was sent: its carrier's id, who calls, and the link they got."""
    number, person = await phones.number(agent()), phones.person()
    sid = await phones.calls_us(
        number, [QUIET, says("Send me a question", 900), {"wait": "quiet", "quiet_ms": 300}], sender=person
    )
    (sms,) = await phones.house.sandbox.sent(person, 1)
    assert sms["body"].startswith(QUESTION)
    return sid, person, sms["body"].rpartition("\n")[2]


async def ends(phones: Exchange, sid: str, expected: str) -> Interaction:
    """Once the agent has said this, they say goodbye."""

    async def heard() -> str:
        return await phones.heard_words(sid)

    await eventually(heard, lambda words: expected in words, 20)
    await phones.goes_on(sid, [says("Goodbye", 300), QUIET])
    await phones.over(sid)
    return await phones.ended(sid)


async def answered(url: str, text: str) -> httpx.Response:
    """As a browser does it."""
    async with httpx.AsyncClient(timeout=20, headers={"accept": "text/html"}) as browser:
        await browser.get(url)
        return await browser.post(url, data={"answer": text}, headers={"x-csrftoken": browser.cookies["hub_csrf"]})


async def test_an_answer_at_the_link_is_spoken_about_in_the_call_and_the_link_works_once(phones: Exchange) -> None:
    sid, person, link = await asked(phones)
    assert (await answered(link, "")).status_code == 422
    assert "has arrived" in (await answered(link, "A blue one")).text
    again = await answered(link, "No, a green one")
    assert (again.status_code, "answered already" in again.text) == (410, True)
    interaction = await ends(phones, sid, "you said a blue one.")
    said = [(one.role, one.text) for one in await phones.messages(interaction.id)]
    assert ("customer", "A blue one") in said
    assert (await phones.records.one(Question)).answered_at is not None
    by_text = await phones.records.all(Message, Message.channel == "sms", Message.role == "customer")
    assert [(one.text, one.content) for one in by_text] == [("A blue one", {"form": {"question": QUESTION}})]
    assert len(await phones.house.sandbox.sent(person)) == 1, "the agent answers in the call and not by text as well"
    commands = await phones.records.all(Event, Event.type == "call.commanded")
    assert [(one.data["verb"], one.data["fault"]) for one in commands] == [("told", "")]


async def test_an_answer_by_text_is_spoken_about_too_and_one_after_the_call_is_answered_by_text(
    phones: Exchange,
) -> None:
    sid, person, link = await asked(phones)
    assert (await phones.house.text(person, "A red one")).status_code == 200
    await ends(phones, sid, "you said a red one.")
    assert len(await phones.house.sandbox.sent(person)) == 1
    assert "has arrived" in (await answered(link, "What are your opening hours on Saturday?")).text
    await phones.house.settled()
    sent = await phones.house.sandbox.sent(person, 2)
    assert len(sent) == 2, "the call is over: the agent of the number answers by text"


async def test_a_link_that_is_forged_or_too_old_asks_nothing(phones: Exchange) -> None:
    sid, _, link = await asked(phones)
    assert (await answered(link[:-2] + ("AA" if link[-2:] != "AA" else "BB"), "x")).status_code == 410
    phones.house.clock.forward(hours=1)
    late = await answered(link, "x")
    assert (late.status_code, "too old" in late.text) == (410, True)
    await phones.hangs_up(sid)
    await phones.ended(sid)


async def test_of_who_refused_recording_neither_sound_nor_words_are_kept(phones: Exchange) -> None:
    number, person = await phones.number(agent()), phones.person()
    async with phones.house.store.write() as db:
        home = phones.house.home.workspace_id
        now = phones.house.clock.now()
        await policy.refuse(db, home, "phone", person, purpose="recording", source="operator", now=now)
    script = [QUIET, says("Good morning."), QUIET, says("Goodbye", 300), QUIET]
    sid = await phones.calls_us(number, script, sender=person)
    await phones.over(sid)
    interaction = await phones.ended(sid)
    assert "morning" not in str(await phones.transcript(interaction.id)), "nor are the words kept"
    for recording in await phones.recordings(interaction.id):
        assert not any(lane.any() for lane in phones.lanes(recording)), "quiet is all that is on it"
