"""A test chat taken back: an earlier turn said differently, the last answer anew; kept as a test and said again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.models import Interaction, Message, Price, UsageEntry
from hub.store import interactions
from tests.office import Office, Person, form_of, open_office

pytestmark = pytest.mark.anyio
BOOK, WHEN, NAME = "I'd like to book a cleaning", "next Tuesday", "Ann Lee"


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


async def begin(office: Office, *texts: str, **fields: str) -> tuple[Person, UUID]:
    """A chat in which this was said."""
    bea = await office.person("builder")
    answer = await bea.post(
        f"/agents/{office.agent}/playground", **{"parameter.sandbox_url": "http://127.0.0.1:9", **fields}
    )
    await office.settled()
    chat = chat_in(answer)
    for text in texts:
        assert (await say(office, bea, chat, text)).status_code == 303
    return bea, chat


def chat_in(answer: Any) -> UUID:
    return UUID(answer.headers["location"].partition("chat=")[2])


async def say(office: Office, bea: Person, chat: UUID, text: str, **more: str) -> Any:
    answer = await bea.post(f"/agents/{office.agent}/playground/{chat}", text=text, **more)
    await office.settled()
    return answer


async def said(office: Office, chat: UUID) -> list[Message]:
    async with office.store.read() as db:
        return await interactions.messages(db, office.home, chat)


async def interaction(office: Office, chat: UUID) -> Interaction:
    async with office.store.read() as db:
        found = await interactions.interaction(db, office.home, chat)
    assert found is not None
    return found


def of_customer(messages: list[Message]) -> list[str]:
    return [message.text for message in messages if message.role == "customer"]


async def test_an_earlier_turn_is_said_differently_and_all_after_it_is_left_behind(office: Office) -> None:
    bea, chat = await begin(office, BOOK, WHEN, NAME)
    before = await said(office, chat)
    second = next(message for message in before if message.text == WHEN)
    fresh = chat_in(await say(office, bea, chat, "Where can I park?", again=str(second.id)))
    now = await said(office, fresh)
    assert of_customer(now) == [BOOK, "Where can I park?"]
    kept = [message.text for message in before if message.seq < second.seq]
    assert [message.text for message in now][: len(kept)] == kept
    assert now[-1].role == "agent"
    assert "Ann" not in (await bea.get(f"/agents/{office.agent}/playground?chat={fresh}")).text
    old = await interaction(office, chat)
    assert (old.status, of_customer(await said(office, chat))) == ("completed", [BOOK, WHEN, NAME])


async def test_the_agent_knows_after_it_what_it_knew_before_it(office: Office) -> None:
    bea, chat = await begin(office, BOOK, WHEN)
    when = next(message for message in await said(office, chat) if message.text == WHEN)
    fresh = chat_in(await say(office, bea, chat, "Wednesday in two weeks", again=str(when.id)))
    page = (await bea.get(f"/agents/{office.agent}/playground?chat={fresh}")).text
    assert "<dt>reason</dt><dd>cleaning</dd>" in page
    state = (await interaction(office, fresh)).state
    assert state["fields"]["reason"] == "cleaning"
    assert state["fields"]["date"] != (await interaction(office, chat)).state["fields"]["date"]


async def test_the_last_answer_is_made_anew_with_the_draft_as_it_is_now(office: Office) -> None:
    bea, chat = await begin(office, "What is the meaning of life?")
    question = next(message for message in await said(office, chat) if message.role == "customer")
    path = f"/agents/{office.agent}"
    given = form_of((await bea.get(path)).text, path)
    await bea.post(path, **(given | {"fallback_message": "Ask me about teeth instead."}))
    fresh = chat_in(await say(office, bea, chat, question.text, again=str(question.id)))
    assert (await said(office, fresh))[-1].text.startswith("Ask me about teeth instead.")
    assert (await office.published()).version == 1, "the draft was tested, and customers do not meet it"


async def test_an_ended_chat_can_be_taken_back(office: Office) -> None:
    bea, chat = await begin(office, BOOK)
    await office.hub.end(office.home, chat)
    message = next(message for message in await said(office, chat) if message.role == "customer")
    fresh = chat_in(await say(office, bea, chat, "Where can I park?", again=str(message.id)))
    assert (await interaction(office, fresh)).ended_at is None
    assert of_customer(await said(office, fresh)) == ["Where can I park?"]


async def test_what_is_no_message_of_the_customer_here_takes_nothing_back(office: Office) -> None:
    bea, chat = await begin(office, BOOK)
    _, another = await begin(office, "Where can I park?")
    opening = (await said(office, chat))[0]
    theirs = next(message for message in await said(office, another) if message.role == "customer")
    for again in (str(opening.id), str(theirs.id), str(uuid4()), "1"):
        assert (await say(office, bea, chat, "x", again=again)).status_code == 404, again
    assert (await interaction(office, chat)).ended_at is None


async def test_the_draft_the_published_or_an_older_version_is_tested(office: Office) -> None:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}"
    for words in ("Second", "Third"):
        given = form_of((await bea.get(path)).text, path)
        await bea.post(path, **(given | {"opening_message": words}))
        if words == "Second":
            page = (await bea.get(path)).text
            await bea.post(f"{path}/publish", **form_of(page, f"{path}/publish"))
    for version, expected, number in (("draft", "Third", 0), ("published", "Second", 2), ("2", "Second", 2)):
        _, chat = await begin(office, version=version)
        assert (await said(office, chat))[0].text == expected
        assert (await interaction(office, chat)).agent_version == number
    _, chat = await begin(office, version="1")
    assert "Bright Smile" in (await said(office, chat))[0].text
    assert (await bea.post(f"{path}/playground", version="9")).status_code == 404
    assert (await bea.post(f"{path}/playground", version="../x")).status_code == 404


async def test_a_chat_is_kept_as_a_test_and_said_again(office: Office) -> None:
    bea, chat = await begin(office, BOOK, "Where can I park?")
    kept = await bea.post(
        f"/agents/{office.agent}/tests", chat=str(chat), name="Books, then asks",
        expectations="Names the car park\n\n Comes back to the day ",
    )  # fmt: skip
    assert kept.status_code == 303
    page = (await bea.get(f"/agents/{office.agent}/tests")).text
    shown = ("Books, then asks", "Names the car park", "Comes back to the day", BOOK.replace("'", "&#39;"), "reason")
    for words in shown:
        assert words in page, words
    run = page.partition("/tests/")[2].partition("/run")[0]
    again = await bea.post(f"/agents/{office.agent}/tests/{run}/run")
    await office.settled()
    assert of_customer(await said(office, chat_in(again))) == [BOOK, "Where can I park?"]
    assert (await bea.post(f"/agents/{office.agent}/tests/{run}/remove")).status_code == 303
    assert "No tests yet" in (await bea.get(f"/agents/{office.agent}/tests")).text


async def test_a_chat_in_which_nothing_was_said_is_no_test(office: Office) -> None:
    bea, chat = await begin(office)
    await bea.post(f"/agents/{office.agent}/tests", chat=str(chat))
    assert "Say something first" in (await bea.get(f"/agents/{office.agent}/tests")).text
    assert "No tests yet" in (await bea.get(f"/agents/{office.agent}/tests")).text


async def test_each_answer_shows_what_it_cost_where_anything_has_a_price(office: Office) -> None:
    bea, chat = await begin(office, BOOK)
    said_at = next(message.seq for message in await said(office, chat) if message.role == "customer")
    async with office.store.write() as db:
        now = office.hub.context.clock.now()
        price = {"vendor": "openai", "unit": "input_token", "amount_micros": 3_000, "per": 1_000, "valid_from": now}
        db.add(Price(workspace_id=office.home, **price))
        used = {"kind": "llm", "vendor": "openai", "model": "gpt-4.1", "unit": "input_token", "quantity": 500}
        db.add(
            UsageEntry(interaction_id=chat, key="1", workspace_id=office.home, turn=said_at, at=now, **used)
        )  # fmt: skip
    page = (await bea.get(f"/agents/{office.agent}/playground?chat={chat}")).text
    assert "ms, $0.0015</small>" in page
