"""Channels joined over the carrier's and the mail provider's own formats: what begins on one goes on in another."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import col
from websockets.asyncio.client import ClientConnection, connect

from hub.core import customers
from hub.core.acts import Acts
from hub.models import Address, Agent, Customer, Identity, Interaction, Message, User, Workspace
from hub.policy import NotAllowed
from tests.bench.processes import OUR_NUMBER
from tests.call_world import QUESTION, Exchange, agent, exchange
from tests.fakes import FakeClock
from tests.mail_world import Post, mailbox
from tests.whatsapp_world import carrier_window, writes
from tests.world import House, Sandbox, eventually
from web.auth import hash_password

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
ANA, MAIL, PASSWORD = "+12025550101", "ana@people.example", "correct horse battery"
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 300}
PARCEL = "Your parcel is here."


@dataclass
class Joined:
    """A hub with all its channels, the carrier and the post office it is joined to."""

    phones: Exchange
    post: Post

    @property
    def house(self) -> House:
        return self.phones.house

    @property
    def home(self) -> UUID:
        return self.house.home.workspace_id

    async def chat(self, agent_id: UUID | None = None, **options: Any) -> str:
        """A widget on somebody's page; its key."""
        row = Address(
            workspace_id=self.home, channel="webchat", value="shop", name="Oak & Linen", agent_id=agent_id,
            options={"origins": [], **options},
        )  # fmt: skip
        async with self.house.store.write() as db:
            db.add(row)
        return row.value

    async def newest(self, channel: str) -> Interaction:
        return (await self.phones.records.all(Interaction, Interaction.channel == channel))[-1]

    async def acts(self, channel: str) -> Acts:
        """The tools of the agent in the newest interaction by this channel."""
        return Acts(self.house.hub.context, (await self.newest(channel)).id)

    async def code(self, seen: int = 0) -> str:
        """The code that a mail brought, after so many mails."""
        mail = (await self.post.gets(MAIL, seen + 1))[-1]
        found = re.search(r"\b\d{6}\b", mail["text"])
        assert found, mail["text"]
        return found[0]

    async def send(self, customer_id: UUID, text: str = PARCEL) -> Message:
        said = await self.house.hub.send_to(self.home, customer_id, text, operator=self.house.home.ana)
        await self.house.settled()
        return said

    async def notes(self, interaction_id: UUID) -> list[str]:
        rows = await self.phones.records.all(
            Message, Message.interaction_id == interaction_id, col(Message.note).is_(True)
        )
        return [row.text for row in rows]


@pytest.fixture
async def joined(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Joined]:
    async with exchange(sqlite_url, sandbox, clock, tmp_path, channels=("sms", "whatsapp")) as phones:
        made = Joined(phones, await mailbox(phones.house))
        async with phones.house.store.write() as db:
            workspace = await db.get(Workspace, made.home)
            assert workspace is not None
            workspace.contact_from, workspace.contact_to = "00:00", "24:00"
        yield made


@dataclass
class Visitor:
    """Somebody at a widget's page."""

    socket: ClientConnection
    frames: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def until(self, type: str, **fields: Any) -> dict[str, Any]:
        """The next frame of this type in which these fields are so."""
        while True:
            frame: dict[str, Any] = json.loads(await self.socket.recv())
            self.frames.append(frame)
            assert frame["type"] != "error", frame
            if frame["type"] == type and all(frame.get(name) == value for name, value in fields.items()):
                return frame


@contextlib.asynccontextmanager
async def visitor(house: House, widget: str, first: str) -> AsyncIterator[Visitor]:
    """Somebody comes to the widget and writes."""
    url = house.url.replace("http", "ws") + "/hooks/webchat/live"
    async with connect(url, origin=house.url, compression=None) as socket:  # type: ignore[arg-type]
        made = Visitor(socket)
        await made.send(type="hello", widget=widget)
        await made.until("welcome")
        await made.send(type="message", id="m1", text=first)
        yield made


async def test_a_question_left_outside_the_hours_is_answered_by_mail_and_goes_on_there(joined: Joined) -> None:
    house, post = joined.house, joined.post
    shop = await joined.chat(hours="sun 3:00-3:01", time_zone="UTC")
    async with visitor(house, shop, "My sofa is broken.\nWhat now?") as ana:
        await ana.until("mail", offer=True)
        await ana.send(type="leave_email", email="Ana@People.Example")
        await ana.until("ended", over=True)
    thread = await joined.newest("email")
    assert (thread.owner, thread.person) == ("queue", MAIL)
    await house.hub.take_over(joined.home, thread.id, house.home.ana)
    await house.hub.say(joined.home, thread.id, "We send you new feet.", operator=house.home.ana)
    (mail,) = await post.gets(MAIL, 1)
    assert (mail["subject"], mail["name"]) == ("Re: Your message to Oak & Linen", "Ana")
    assert mail["text"].startswith("We send you new feet.")
    assert "ana@people.example wrote:\n> My sofa is broken.\n> What now?" in mail["text"]
    assert {"In-Reply-To", "References"}.isdisjoint(mail["headers"]), "there is no mail of theirs that it answers"
    await post.writes(MAIL, "Thank you, four of them please.", answers=mail["id"])
    assert (await joined.newest("email")).id == thread.id
    await house.hub.say(joined.home, thread.id, "They are on their way.", operator=house.home.ana)
    _, second = await post.gets(MAIL, 2)
    assert second["subject"] == "Re: Your message to Oak & Linen"
    assert mail["message_id"] in second["headers"]["References"]
    said = [(one.role, one.text) for one in await post.letters(col(Message.note).is_(False))]
    assert said == [
        ("customer", "My sofa is broken.\nWhat now?"),
        ("operator", "We send you new feet."),
        ("customer", "Thank you, four of them please."),
        ("operator", "They are on their way."),
    ]


async def test_an_address_left_in_a_chat_proves_nothing(joined: Joined) -> None:
    await joined.post.writes(MAIL, "Hello")
    known = await joined.phones.records.one(Identity, Identity.kind == "email")
    assert known.strength == "verified", "its signature was checked"
    assert await (await joined.acts("email")).verified()
    shop = await joined.chat(hours="sun 3:00-3:01", time_zone="UTC")
    async with visitor(joined.house, shop, "Cancel all my orders") as eve:
        await eve.until("mail", offer=True)
        await eve.send(type="leave_email", email=MAIL)
        await eve.until("ended", over=True)
    assert not await (await joined.acts("email")).verified()


async def test_who_wants_to_be_called_is_rung_by_the_agent_who_knows_the_chat(joined: Joined) -> None:
    phones = joined.phones
    person = phones.person()
    await phones.number(agent(), OUR_NUMBER)
    await phones.number(agent(name="Mia", mind="script", opening_message="You wrote {{chat_summary}}"))
    (mia,) = await phones.records.all(Agent, Agent.name == "Mia")
    shop = await joined.chat(mia.id, call_me=True)
    await phones.answers(person, after_ms=50, script=[QUIET])
    async with visitor(joined.house, shop, "My sofa is broken.") as ana:
        await ana.until("status")
        await ana.send(type="call_me", number=person)
        assert (await ana.until("calling"))["number"] == person
    (call,) = await phones.calls_to(person)

    async def heard() -> str:
        return await phones.heard_words(call["sid"])

    await eventually(heard, lambda words: "my sofa is broken." in words, 20)
    await phones.hangs_up(call["sid"])
    ended, chat = await phones.ended(call["sid"]), await joined.newest("webchat")
    assert (ended.channel, ended.person, ended.customer_id) == ("call", person, chat.customer_id)
    assert (ended.agent_id, ended.meta["chat"]) == (mia.id, str(chat.id))


async def test_send_to_takes_the_open_window_then_sms_and_after_a_failure_the_next_way_once(
    joined: Joined, clock: FakeClock
) -> None:
    house, records = joined.house, joined.phones.records
    await house.text(ANA, "Hello")
    await writes(house, ANA, "Or here")
    await house.settled()
    ana = (await joined.newest("sms")).customer_id
    await customers.add_identity(house.hub.context, joined.home, ana, "email", MAIL, by="Ana", source="operator")
    first = await joined.send(ana)
    assert (await house.sandbox.sent(f"whatsapp:{ANA}", 1))[-1]["body"] == PARCEL
    assert await joined.notes(first.interaction_id) == [f"Sent by WhatsApp to {ANA}: they last wrote there just now."]

    clock.forward(hours=25)
    second = await joined.send(ana, "It is still here.")
    assert (await house.sandbox.sent(ANA, 1))[-1]["body"] == "It is still here."
    (why,) = await joined.notes(second.interaction_id)
    assert "not by WhatsApp: its window closed 1 hour ago" in why

    await house.sandbox.behave(mode="refuse", code=30003, to=ANA, duplicate_status=2)
    third = await joined.send(ana, "It goes back tomorrow.")
    (mail,) = await joined.post.gets(MAIL, 1)
    assert mail["text"].startswith("It goes back tomorrow.")
    failed = await records.one(Message, Message.id == third.id)
    assert (failed.channel, failed.status, failed.error_code) == ("sms", "undelivered", "30003")
    assert (await joined.notes(third.interaction_id))[-1].startswith(
        f"It did not arrive ({failed.error_words}). Sent again by Email to {MAIL}"
    )
    await house.report(third, failed.external_id, "failed", "30003")
    await house.settled()
    assert len(await joined.post.gets(MAIL)) == 1


async def test_a_window_that_the_carrier_has_closed_is_closed_for_send_to_as_for_every_answer(joined: Joined) -> None:
    house, records = joined.house, joined.phones.records
    await writes(house, ANA, "Hello")
    await house.settled()
    thread = await joined.newest("whatsapp")
    await customers.add_identity(
        house.hub.context, joined.home, thread.customer_id, "phone", ANA, by="Ana", source="operator"
    )
    await house.hub.end(joined.home, thread.id)
    await carrier_window(house.sandbox, ANA, 24 * 3600)
    first = await joined.send(thread.customer_id, "One")
    assert first.channel == "whatsapp"
    assert (await house.sandbox.sent(ANA, 1))[-1]["body"] == "One", "it goes the next way"
    assert (await records.one(Message, Message.id == first.id)).error_code == "63016"
    second = await joined.send(thread.customer_id, "Two")
    assert second.channel == "sms"
    assert "not by WhatsApp: its window closed" in (await joined.notes(second.interaction_id))[-1]
    with pytest.raises(NotAllowed, match="only an approved template"):
        await house.hub.say(joined.home, first.interaction_id, "Three")
    await house.hub.end(joined.home, first.interaction_id)
    with pytest.raises(NotAllowed, match="only an approved template"):
        await house.hub.start(joined.home, "whatsapp", ANA, text="Four")
    assert (await joined.send(thread.customer_id, "Five")).channel == "sms"
    await writes(house, ANA, "I am here again")
    assert (await joined.send(thread.customer_id, "Six")).channel == "whatsapp"


async def test_they_are_answered_from_the_number_they_wrote_to(joined: Joined) -> None:
    house, second = joined.house, "+15005550007"
    async with house.store.write() as db:
        db.add(Address(workspace_id=joined.home, channel="whatsapp", value=second, agent_id=house.home.agent_id))
    await writes(house, ANA, "Hello", to=f"whatsapp:{second}")
    await house.settled()
    thread = await joined.newest("whatsapp")
    said = await joined.send(thread.customer_id)
    assert said.interaction_id == thread.id
    assert (await house.sandbox.sent(f"whatsapp:{ANA}", 1))[-1]["from"] == f"whatsapp:{second}"


async def test_a_question_mailed_out_of_a_call_is_answered_by_mail_and_spoken_about_there(joined: Joined) -> None:
    phones = joined.phones
    number = await phones.number(agent())
    sid = await phones.calls_us(number, [QUIET])
    await phones.until(sid, script="done")
    sent = await (await joined.acts("call")).call("send_link", {"question": QUESTION, "by": "email", "to": MAIL})
    assert sent.data == {"sent": True, "by": "email", "to": "a…@people.example"}
    (mail,) = await joined.post.gets(MAIL, 1)
    assert (mail["subject"], mail["text"].split("\n")[0]) == ("From your call with Clinic", QUESTION)
    await joined.post.writes(MAIL, "A blue one", answers=mail["id"], wait=False)

    async def heard() -> str:
        return await phones.heard_words(sid)

    await eventually(heard, lambda words: "you said a blue one." in words, 20)
    await phones.hangs_up(sid)
    call = await phones.ended(sid)
    assert (await joined.newest("email")).customer_id == call.customer_id
    assert len(await joined.post.gets(MAIL)) == 1, "it is answered in the call and not by mail as well"


async def proves_the_mailbox(joined: Joined, channel: str) -> None:
    """They are sent a code to their mailbox, and type it in the conversation by this channel."""
    before = len(await joined.post.gets(MAIL))
    acts = await joined.acts(channel)
    assert (await acts.call("verify_customer", {"to": MAIL})).error == ""
    code = await joined.code(before)
    assert (await acts.call("verify_customer", {"code": f"It is {code}."})).data == {"verified": True, "kind": "email"}


async def test_who_texts_whatsapps_calls_mails_and_chats_is_one_customer_on_one_page(joined: Joined) -> None:
    house, phones, records = joined.house, joined.phones, joined.phones.records
    await house.text(ANA, "Said by text")
    await writes(house, ANA, "Said by WhatsApp")
    sid = await phones.calls_us(await phones.number(agent()), [QUIET], sender=ANA)
    await phones.until(sid, script="done")
    await phones.hangs_up(sid)
    await phones.ended(sid)
    await joined.post.writes(MAIL, "Said by mail", subject="A question")
    assert len({one.customer_id for one in await records.all(Interaction)}) == 2, "nothing joins them yet"
    await proves_the_mailbox(joined, "sms")
    shop = await joined.chat(house.home.agent_id)
    async with visitor(house, shop, "Said in the chat") as ana:
        await ana.until("status")
        await house.settled()
        await proves_the_mailbox(joined, "webchat")
    (one,) = await records.all(Customer, col(Customer.merged_into).is_(None))
    assert {row.customer_id for row in await records.all(Interaction)} == {one.id}
    known = {(row.kind, row.strength) for row in await records.all(Identity, Identity.customer_id == one.id)}
    assert ("email", "verified") in known
    assert {kind for kind, _ in known} == {"phone", "whatsapp", "email", "visitor"}
    page = await page_of(joined, one.id)
    for words in ("by text", "by WhatsApp", "by mail", "in the chat"):
        assert f"Said {words}" in page
    assert page.count('class="story-call"') == 1
    assert "A question" in page
    assert not re.search(r"\b\d{6}\b is your code", page), "nobody reads their codes"


async def page_of(joined: Joined, customer_id: UUID) -> str:
    """The customer's page as an operator sees it."""
    async with joined.house.store.write() as db:
        ana = await db.get(User, joined.house.home.ana.id)
        assert ana is not None
        ana.password_hash = hash_password(PASSWORD)
    async with httpx.AsyncClient(base_url=joined.house.url, headers={"accept": "text/html"}, timeout=20) as browser:
        await browser.get("/signin")
        form = {"email": ana.email, "password": PASSWORD, "next": "", "_csrf_token": browser.cookies["hub_csrf"]}
        assert (await browser.post("/signin", data=form)).status_code == 303
        answer = await browser.get(f"/customers/{customer_id}")
        assert answer.status_code == 200
        return answer.text
