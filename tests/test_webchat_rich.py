"""The web chat beyond plain words: forms, files, ratings, read and typing, a call back, an answer by mail."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import select
from websockets.exceptions import ConnectionClosed

from channels.webchat import TOKEN_LASTS_SECONDS, Visitor, Webchat
from hub.channel import Refused
from hub.core import chatting
from hub.models import Address, Identity, Interaction, StoredFile
from hub.models.rich import Rich
from hub.policy import NotAllowed
from tests.fakes import FakeChannel
from tests.webchat import GREETING, Site, Tab, running, until

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 200
FORM = {"form": {"fields": [{"name": "email", "label": "Email", "type": "email"}]}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(Path(tmp_path_factory.mktemp("webchat"))) as made:
        yield made


@pytest.fixture
def tab(site: Site) -> Iterator[Tab]:
    with Tab(site) as made:
        made.hello()
        yield made


def talk(tab: Tab, text: str = "hello") -> str:
    """Say something; the interaction it opened."""
    tab.say("first", text)
    return str(tab.until("message", lambda frame: frame.get("id") == "first")["interaction"])


def with_operator(tab: Tab, text: str = "hello") -> str:
    interaction = talk(tab, text)
    tab.site.take_over(interaction)
    tab.until("operator", lambda frame: frame["owner"] == "operator")
    return interaction


def show(tab: Tab, interaction: str, rich: dict[str, Any]) -> dict[str, Any]:
    """Let the operator send rich content; the frame of it."""
    made = Rich(**rich)
    said = tab.site.answer(interaction, made.words() or "Look", content={"rich": made.stored()}, choices=made.choices)
    return tab.until("message", lambda frame: frame["message"] == str(said.id))


def options(site: Site, **more: Any) -> None:
    async def change() -> None:
        async with site.hub.context.store.write() as db:
            address = (await db.exec(select(Address).where(Address.value == "shop"))).one()
            address.options = {**address.options, **more}

    site.run(change())


def address_on(site: Site, channel: str, value: str) -> None:
    async def add() -> None:
        async with site.hub.context.store.write() as db:
            shop = (await db.exec(select(Address).where(Address.value == "shop"))).one()
            db.add(Address(workspace_id=shop.workspace_id, channel=channel, value=value, agent_id=shop.agent_id))

    site.run(add())


# content


def test_cards_and_quick_replies_are_shown_as_they_were_given(tab: Tab) -> None:
    interaction = with_operator(tab)
    card = {"title": "Sofa", "text": "Oak", "buttons": [{"label": "See it", "url": "https://shop.example/1"}]}
    frame = show(tab, interaction, {"cards": [card], "choices": ["Yes", "No"]})
    assert frame["rich"]["cards"][0]["title"] == "Sofa"
    assert frame["choices"] == ["Yes", "No"]


def test_a_form_is_checked_here_too_and_answered_as_one_message(tab: Tab) -> None:
    interaction = with_operator(tab)
    form = show(tab, interaction, FORM)["message"]
    tab.send(type="form", form=form, id="f1", values={"email": "nobody"})
    assert "email" in tab.until("form")["problems"]
    tab.send(type="form", form=form, id="f2", values={"email": "Ana@Example.com"})
    said = tab.until("message", lambda frame: frame["role"] == "customer")
    assert (said["text"], said["form"]) == ("ana@example.com", form)
    stored = tab.site.messages(tab.thread)[-1]
    assert stored.content["rich"]["answer"]["values"] == {"email": "ana@example.com"}


def test_a_form_of_somebody_else_cannot_be_answered(site: Site, tab: Tab) -> None:
    form = show(tab, with_operator(tab), FORM)["message"]
    with Tab(site) as other:
        other.hello()
        talk(other)
        other.send(type="form", form=form, id="f1", values={"email": "a@b.example"})
        assert other.until("error")["code"] == "bad_request"
    assert [m.text for m in site.messages(tab.thread) if m.role == "customer"] == ["hello"]


def test_a_channel_without_cards_refuses_them_with_words(site: Site) -> None:
    async def refused() -> str:
        site.hub.context.channels["sms"] = FakeChannel("sms")  # type: ignore[index]
        begun = await site.hub.start(site.operator.workspace_id, "sms", "+12025550141", text="Hi")
        with pytest.raises(NotAllowed) as error:
            await site.hub.say(begun.workspace_id, begun.id, "Look", content={"rich": FORM})
        return error.value.code

    address_on(site, "sms", "+15005550001")
    assert site.run(refused()) == "rich"


# files


def upload(site: Site, token: str, data: bytes = PNG, kind: str = "image/png", name: str = "a.png") -> httpx.Response:
    headers = {"X-Visitor-Token": token, "Content-Type": kind}
    return httpx.post(f"{site.url}/chat/shop/files", params={"name": name}, content=data, headers=headers)


def test_a_file_goes_with_a_message_and_can_be_opened_by_both(site: Site, tab: Tab) -> None:
    file = upload(site, tab.token, name='x"><img src=x>.png').json()["file"]
    tab.send(type="message", id="m1", text="", files=[file])
    shown = tab.until("message", lambda frame: frame.get("id") == "m1")["media"][0]
    assert shown["kind"] == "image/png"
    answer = httpx.get(site.url + shown["url"])
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    assert "sandbox" in answer.headers["content-security-policy"]
    row = site.rows(select(StoredFile))[-1]
    assert str(row.interaction_id) == str(site.interactions(tab.thread)[0].id)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [(b"<script>", "image/png", 415), (b"<html>", "text/html", 415), (b"MZ", "application/x-msdownload", 415),
     (b"<svg>", "image/svg+xml", 415), (b"", "image/png", 400), (b"a\0b", "text/plain", 415),
     (b"PK\x03\x04", "application/zip", 415)],
)  # fmt: skip
def test_what_is_no_file_of_a_kind_that_is_taken_is_refused(
    site: Site, tab: Tab, data: bytes, kind: str, status: int
) -> None:
    answer = upload(site, tab.token, data, kind)
    assert answer.status_code == status
    assert len(answer.json()["words"]) > 10


def test_a_file_too_large_or_of_nobody_is_refused(site: Site, tab: Tab) -> None:
    assert upload(site, tab.token, PNG + b"\0" * 10_000_000).status_code == 413
    assert upload(site, "nonsense").status_code == 401
    other = Webchat({"HUB_SECRET_KEY": site.app.state.settings.secret_key()}).token(Visitor("other", "0" * 32))
    assert upload(site, other).status_code == 403


def test_a_file_of_somebody_else_cannot_be_sent(site: Site, tab: Tab) -> None:
    file = upload(site, tab.token).json()["file"]
    with Tab(site) as other:
        other.hello()
        other.send(type="message", id="m1", text="mine?", files=[file])
        assert "Attach it again" in other.until("error")["words"]
        assert site.interactions(other.thread) == []


def test_files_without_end_are_refused(site: Site, tab: Tab) -> None:
    codes = [upload(site, tab.token).status_code for _ in range(12)]
    assert codes[:10] == [200] * 10
    assert codes[-1] == 429


# read and typing, both ways


def test_the_visitor_sees_that_an_operator_has_read_and_is_writing(site: Site, tab: Tab) -> None:
    interaction = with_operator(tab)
    tab.say("second", "are you there?")
    said = tab.until("message", lambda frame: frame.get("id") == "second")
    site.run(chatting.mark_read(site.hub.context, site.operator.workspace_id, UUID(interaction), site.operator))
    assert tab.until("seen", lambda frame: frame["seq"] >= said["seq"])["interaction"] == interaction
    topic = f"thread:{site.operator.workspace_id}:{tab.thread}"
    site.loop.call_soon_threadsafe(site.hub.context.store.bus.publish, [(topic, "typing:Sam")])
    assert tab.until("typing", lambda frame: frame.get("passing"))["name"] == "Sam"


def test_that_a_visitor_writes_is_told_to_who_looks(site: Site, tab: Tab) -> None:
    interaction = talk(tab)

    async def told() -> frozenset[str]:
        async with site.hub.context.store.bus.subscribe(f"typing:{interaction}") as hints:
            await asyncio.to_thread(tab.send, type="typing")
            return await hints.wait(5)

    assert site.run(told()) == {"customer"}


# after it


@pytest.mark.parametrize("score", [0, 6, "5", None, True, 2.5, [1]])
def test_a_rating_that_is_none_is_refused(tab: Tab, score: object) -> None:
    tab.send(type="rate", interaction=talk(tab), score=score)
    assert tab.until("error")["code"] == "bad_request"


def test_a_conversation_is_rated_when_it_is_over(site: Site, tab: Tab) -> None:
    interaction = talk(tab)
    tab.send(type="rate", interaction=interaction, score=5)
    assert "not over" in tab.until("error")["words"]
    tab.send(type="end")
    tab.until("ended", lambda frame: frame["over"])
    tab.send(type="rate", interaction=interaction, score=2, words="slow\0")
    tab.until("rated")
    found = site.interaction(UUID(interaction))
    assert (found.rating, found.rating_words) == (2, "slow")


# call me instead


@pytest.fixture
def calls(site: Site) -> Iterator[FakeChannel]:
    class Calls(FakeChannel):
        limits = site.hub.context.channels["call"].limits

    made = Calls("call")
    before = site.hub.context.channels["call"]
    site.hub.context.channels["call"] = made  # type: ignore[index]
    if not site.rows(select(Address).where(Address.channel == "call")):
        address_on(site, "call", "+15005550006")
    options(site, call_me=True)
    yield made
    options(site, call_me=False)
    site.hub.context.channels["call"] = before  # type: ignore[index]


def test_a_visitor_is_called_once_by_the_same_agent_who_knows_the_chat(site: Site, calls: FakeChannel) -> None:
    with Tab(site) as tab:
        assert tab.hello()["call_me"] is True
        interaction = talk(tab, "my sofa is broken")
        tab.send(type="call_me", number="(202) 555-0177")
        assert tab.until("calling")["number"] == "+12025550177"
        call = site.rows(select(Interaction).where(Interaction.person == "+12025550177"))[0]
        chat = site.interaction(UUID(interaction))
        assert (call.channel, call.agent_id, call.meta) == ("call", chat.agent_id, {"chat": interaction})
        assert "my sofa is broken" in call.parameters["chat_summary"]
        assert call.customer_id == chat.customer_id
        until(lambda: [sent.recipient for sent in calls.sent] == ["+12025550177"])
        tab.send(type="call_me", number="(202) 555-0177")
        assert "already" in tab.until("error")["words"]
        tab.send(type="call_me", number="(202) 555-0188")
        assert tab.until("error")["code"] == "too_fast"
        assert len(calls.sent) == 1


@pytest.mark.parametrize("number", ["", "911", "abc", "+19005550100", "x" * 41, None, ["+12025550177"], "+1\x00"])
def test_a_number_that_we_do_not_call_is_refused_with_words(site: Site, calls: FakeChannel, number: object) -> None:
    with Tab(site) as tab:
        tab.hello()
        talk(tab)
        tab.send(type="call_me", number=number)
        assert tab.until("error")["code"] == "bad_request"
    assert calls.sent == []


def test_a_chat_that_does_not_call_says_so(tab: Tab) -> None:
    talk(tab)
    tab.send(type="call_me", number="+12025550199")
    assert tab.until("error")["code"] == "forbidden"


# an answer by mail


@pytest.fixture
def mailbox(site: Site) -> Iterator[FakeChannel]:
    class Mail(FakeChannel):
        identity = "email"

    made = Mail("email")
    site.hub.context.channels["email"] = made  # type: ignore[index]
    if not site.rows(select(Address).where(Address.channel == "email")):
        address_on(site, "email", "help@shop.example")
    yield made
    del site.hub.context.channels["email"]  # type: ignore[attr-defined]


def test_outside_the_hours_the_chat_goes_on_as_an_email_thread(site: Site, mailbox: FakeChannel) -> None:
    options(site, hours="sun 3:00-3:01", time_zone="UTC")
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "I want to talk to a person")
        offer = tab.until("mail")
        assert offer["offer"] is True
        assert "Sunday at 03:00" in offer["words"]
        tab.send(type="leave_email", email="Ana@Example.com")
        assert "by email" in tab.until("ended", lambda frame: frame["over"])["words"]
        mail = site.rows(select(Interaction).where(Interaction.channel == "email"))[0]
        chat = site.interactions(tab.thread)[0]
        assert (mail.person, mail.owner, mail.customer_id) == ("ana@example.com", "queue", chat.customer_id)
        assert chat.ended_reason == "left_email"
        assert mailbox.sent == []
        site.run(site.hub.take_over(mail.workspace_id, mail.id, site.operator))
        site.answer(str(mail.id), "Here is your answer.")
        until(lambda: [sent.recipient for sent in mailbox.sent] == ["ana@example.com"])
    options(site, hours="")


def test_nothing_is_offered_while_no_mailbox_exists_or_somebody_answers(site: Site, tab: Tab) -> None:
    options(site, hours="sun 3:00-3:01", time_zone="UTC")
    talk(tab, "I want to talk to a person")
    tab.until("operator", lambda frame: frame["owner"] == "queue")
    tab.send(type="leave_email", email="a@b.example")
    tab.until("error")
    assert not [frame for frame in tab.frames if frame["type"] == "mail"]
    assert site.rows(select(Identity).where(Identity.value == "a@b.example")) == []
    options(site, hours="")


def test_who_waits_long_is_offered_an_answer_by_mail(site: Site, mailbox: FakeChannel, tab: Tab) -> None:
    talk(tab, "I want to talk to a person")
    waits = tab.until("operator", lambda frame: frame["owner"] == "queue")

    async def offer(later: timedelta) -> chatting.Offer:
        async with site.hub.context.store.write() as db:
            chat = await db.get(Interaction, UUID(waits["interaction"]))
            assert chat is not None
            assert chat.waiting_since is not None
            chat.waiting_since -= later
            return await chatting.mail_offer(db, site.hub.context, chat)

    assert site.run(offer(timedelta(0))).now is False
    assert site.run(offer(chatting.PATIENCE)).now is True


# tokens


def test_a_visitor_token_is_renewed_and_old_ones_end() -> None:
    now = [time.time()]
    made = Webchat({"HUB_SECRET_KEY": "key"}, now=lambda: now[0])
    visitor = Visitor("shop", "0" * 32)
    token = made.token(visitor)
    now[0] += TOKEN_LASTS_SECONDS - 1
    assert made.visitor(token) == visitor
    now[0] += 3
    with pytest.raises(Refused):
        made.visitor(token)
    assert made.visitor(made.token(visitor)) == visitor


def test_each_visit_gives_a_fresh_token_for_the_same_visitor(site: Site, tab: Tab) -> None:
    with Tab(site) as again:
        again.hello(token=tab.token)
        assert again.visitor_id == tab.visitor_id


def test_a_ping_flood_ends_the_connection_and_slows_nobody(site: Site, tab: Tab) -> None:
    with Tab(site) as flooder:
        flooder.hello()
        for _ in range(100):
            flooder.socket.ping()
        with contextlib.suppress(ConnectionClosed):
            flooder.until("nothing of this type")
    tab.say("m1", "still here?")
    tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
