"""A mail comes in, an answer goes out into its thread, what becomes of it is told: through the door and the API."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.channel import File
from hub.core import files
from hub.core.recover import GIVE_UP_AFTER, sweep
from hub.core.verifying import is_verified
from hub.models import AgentDefinition, Consent, Customer, Identity, Interaction, Message, OutboxEntry, StoredFile
from hub.models.flow import Flow, Stage, Transition
from hub.policy import NotAllowed
from tests.fakes import FakeClock
from tests.mail_world import ANA, BEN, OURS, Post, encoded, mime, post_office
from tests.world import QUESTION, Sandbox, eventually

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
async def post(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Post]:
    async with post_office(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


@pytest.mark.parametrize("form", ["raw", "parsed"])
async def test_a_mail_is_answered_into_its_thread_and_its_delivery_is_reported(post: Post, form: str) -> None:
    mail = await post.writes(ANA, QUESTION, name="Ana Lima", subject="Saturday?", form=form)
    assert mail["status"] == "delivered"
    (answer,) = await post.gets(ANA, at_least=1)
    assert "Saturday from 9 to 13" in answer["text"]
    assert (answer["from"], answer["to"], answer["subject"]) == (OURS, [ANA], "Re: Saturday?")
    headers = answer["headers"]
    assert headers["In-Reply-To"] == f"<{mail['message_id']}>"
    assert headers["References"] == f"<{mail['message_id']}>"
    assert headers["Auto-Submitted"] == "auto-replied"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert answer["reply_to"].startswith("reply+")
    assert answer["reply_to"].endswith("@clinic.example")
    assert f"> {QUESTION}" in answer["text"]
    said = await post.letter(Message.role == "agent")
    assert (await post.becomes(said, "delivered")).external_id == answer["message_id"]
    assert (await post.records.one(Customer)).name == "Ana Lima"
    assert (await post.records.one(Identity)).strength == "verified"
    assert await post.waiting() == []


async def test_a_conversation_keeps_its_thread_and_only_new_words_are_read(post: Post) -> None:
    first = await post.writes(ANA, "Hello", subject="Two things")
    (one,) = await post.gets(ANA, at_least=1)
    second = await post.writes(ANA, QUESTION, answers=one["id"])
    _, two = await post.gets(ANA, at_least=2)
    assert second["to"] == [one["reply_to"]]
    chain = two["headers"]["References"].split()
    assert chain == [f"<{first['message_id']}>", f"<{one['message_id']}>", f"<{second['message_id']}>"]
    assert two["subject"] == "Re: Two things"
    letters = await post.letters()
    assert [message.text for message in letters if message.role == "customer"] == ["Hello", QUESTION]
    assert "> " in letters[2].content["mail"]["whole"]
    await post.records.one(Interaction)


async def test_a_mail_nobody_signed_gives_an_identity_that_is_only_asserted(post: Post) -> None:
    await post.writes(ANA, "Hi", dkim="{@evil.example : pass}")
    assert (await post.records.one(Identity)).strength == "asserted"
    mail = (await post.letter(Message.role == "customer")).content["mail"]
    assert (mail["trusted"], "signed by evil.example" in mail["trust"]) == (False, True)
    await post.writes(ANA, "Hi again")
    assert (await post.records.one(Identity)).strength == "verified"


async def test_nobody_else_speaks_with_the_proof_of_a_customer(post: Post) -> None:
    """What a customer may have done depends on who wrote last: neither a colleague nor a Reply-To proves that."""
    await post.writes(ANA, "Hello")
    (ours,) = await post.gets(ANA, at_least=1)
    await post.writes(BEN, "From a colleague", answers=ours["id"])
    found = await post.records.one(Interaction)
    newest = (await post.letters(Message.role == "customer"))[-1]
    assert (newest.interaction_id, newest.content["mail"]["trusted"]) == (found.id, False)
    assert newest.content["mail"]["trust"] == f"{BEN} wrote this, not {ANA}."
    assert not await is_verified(post.hub.hub.context, found.id)
    await post.writes(ANA, "It is me again", answers=ours["id"])
    assert await is_verified(post.hub.hub.context, found.id)
    await post.writes("eve@evil.example", "Let me in", headers={"Reply-To": ANA})
    forged = (await post.letters(Message.role == "customer"))[-1]
    assert (forged.text, forged.content["mail"]["trusted"]) == ("Let me in", False)
    assert not await is_verified(post.hub.hub.context, forged.interaction_id)


async def test_attachments_come_in_and_go_out(post: Post) -> None:
    attached = [
        {"name": "photo.png", "content": encoded(PNG), "content_type": "image/png"},
        {"name": "Grüße.pdf", "content": encoded(b"%PDF"), "content_type": "application/pdf"},
    ]
    await post.writes(ANA, "See attached", attachments=attached)
    said = await post.letter(Message.role == "customer")
    names = [(item["name"], item["content_type"], item["size_bytes"]) for item in said.media]
    assert names == [("photo.png", "image/png", len(PNG)), ("Grüße.pdf", "application/pdf", 4)]
    context = post.hub.hub.context
    rows = {row.name: row for row in await post.records.all(StoredFile)}
    assert await files.read(context, rows["photo.png"]) == PNG
    found = await post.records.one(Interaction)
    place = (post.hub.home.workspace_id, found.id)
    await post.hub.hub.take_over(*place, post.hub.home.ana)
    async with post.hub.store.write() as db:
        media, _ = await files.keep(context, db, found.workspace_id, found.id, File("map.png", "image/png", PNG))
    content = {"subject": "Our map", "mail": {"cc": [BEN], "bcc": ["boss@clinic.example"], "quote": False}}
    await post.hub.hub.say(*place, "Here it is", operator=post.hub.home.ana, media=(media,), content=content)
    await post.hub.settled()
    mail = (await post.gets(ANA, at_least=2))[-1]
    assert (mail["subject"], mail["cc"], mail["bcc"]) == ("Our map", [BEN], ["boss@clinic.example"])
    assert mail["text"] == "Here it is"
    assert "Auto-Submitted" not in mail["headers"]
    assert mail["name"] == "Ana"
    assert [(one["name"], one["size"]) for one in mail["attachments"]] == [("map.png", len(PNG))]


async def test_all_that_is_said_in_a_turn_is_one_mail(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    stages = [
        Stage(id="start", type="verbatim", text="First this.", transitions=[Transition(to="then")]),
        Stage(id="then", type="verbatim", text="Then that.", transitions=[Transition(to="last")]),
        Stage(id="last", text="What else?"),
    ]
    definition = AgentDefinition(name="Maya", flow=Flow(stages=stages))
    async with post_office(sqlite_url, sandbox, clock, tmp_path, definition=definition) as post:
        await post.writes(ANA, "Hello")
        said = await post.letter(Message.role == "agent")
        assert re.search(r"First this\.\s+Then that\.\s+What else\?$", said.text)


# what is sent, once


async def test_too_fast_is_tried_again_and_sent_once(post: Post, clock: FakeClock) -> None:
    await post.behave(mode="429", count=1, retry_after=30)
    await post.writes(ANA, QUESTION)
    assert await post.gets(ANA) == []
    assert (await post.records.one(OutboxEntry)).state == "queued"
    clock.forward(seconds=31)
    await sweep(post.hub.hub.context, clock.now())
    assert len(await post.gets(ANA, at_least=1)) == 1
    assert [call["status"] for call in await post.tries(ANA)] == [429, 202]


async def test_what_may_have_been_taken_is_never_sent_again_and_events_settle_it(post: Post, clock: FakeClock) -> None:
    await post.behave(mode="drop_after_accept", count=1)
    await post.writes(ANA, QUESTION)
    said = await post.becomes(await post.letter(Message.role == "agent"), "delivered")
    assert (await post.records.one(OutboxEntry)).state == "sent"
    clock.forward(minutes=30)
    await sweep(post.hub.hub.context, clock.now())
    await post.hub.settled()
    assert len(await post.tries(ANA)) == 1
    assert (await post.letter(Message.id == said.id)).status == "delivered"


@pytest.mark.parametrize("mode", ["500", "reset"])
async def test_what_nobody_knows_of_is_given_up_with_words_and_not_sent_again(
    post: Post, clock: FakeClock, mode: str
) -> None:
    await post.behave(mode=mode)
    await post.writes(ANA, QUESTION)
    assert (await post.records.one(OutboxEntry)).state == "unsure"
    clock.forward(seconds=GIVE_UP_AFTER.total_seconds() + 60)
    await sweep(post.hub.hub.context, clock.now())
    failed = await post.letter(Message.role == "agent")
    assert (failed.status, failed.error_code) == ("failed", "unconfirmed")
    assert len(await post.tries(ANA)) == 1


async def test_what_is_refused_is_told_in_sendgrids_own_words(post: Post) -> None:
    await post.behave(mode="refuse")
    await post.writes(ANA, QUESTION)
    failed = await post.letter(Message.role == "agent")
    assert (failed.status, failed.error_code) == ("failed", "403")
    assert "verified Sender Identity" in failed.error_words


# what becomes of it


async def test_a_mail_that_is_opened_is_read_whatever_order_the_events_come_in(post: Post) -> None:
    await post.behave(
        mode="accept", status_sequence=["sent", "delivered", "read"], reorder_status=True, duplicate_status=1
    )
    await post.writes(ANA, QUESTION)
    said = await post.becomes(await post.letter(Message.role == "agent"), "read")
    await eventually(lambda: post.gets(ANA), lambda mails: mails[0]["status"] == "processed")
    await post.hub.settled()
    assert (await post.letter(Message.id == said.id)).status == "read"


async def stopped(post: Post) -> NotAllowed:
    """Nothing more can be said to them by mail; how that is told."""
    found = await post.records.one(Interaction)
    place = (post.hub.home.workspace_id, found.id)
    await post.hub.hub.take_over(*place, post.hub.home.ana)
    with pytest.raises(NotAllowed) as refused:
        await post.hub.hub.say(*place, "One more thing", operator=post.hub.home.ana)
    return refused.value


@pytest.mark.parametrize(
    ("event", "fields", "source", "words"),
    [
        ("bounce", {}, "bounce", "comes back"),
        ("dropped", {"reason": "Bounced Address"}, "bounce", "comes back"),
        ("dropped", {"reason": "Unsubscribed Address"}, "unsubscribe", "unsubscribed"),
        ("spamreport", {}, "spam", "spam"),
        ("unsubscribe", {}, "unsubscribe", "unsubscribed"),
        ("group_unsubscribe", {}, "unsubscribe", "unsubscribed"),
    ],
)
async def test_who_refuses_mail_or_cannot_get_it_gets_no_more(
    post: Post, event: str, fields: dict[str, str], source: str, words: str
) -> None:
    await post.writes(ANA, QUESTION)
    (mail,) = await post.gets(ANA, at_least=1)
    told = await post.event(mail, event, **fields)
    assert told["status"] == "204"
    consent = await post.records.one(Consent)
    assert (consent.state, consent.source, consent.channel) == ("revoked", source, "email")
    assert words in (await stopped(post)).reason


async def test_a_server_that_refuses_for_now_stops_nothing(post: Post) -> None:
    await post.writes(ANA, QUESTION)
    (mail,) = await post.gets(ANA, at_least=1)
    said = await post.letter(Message.role == "agent")
    await post.becomes(said, "delivered")
    await post.event(mail, "bounce", type="blocked")
    assert await post.records.all(Consent) == []


async def test_an_event_that_is_told_again_takes_back_no_consent_given_since(post: Post) -> None:
    await post.writes(ANA, QUESTION)
    (mail,) = await post.gets(ANA, at_least=1)
    told = await post.event(mail, "unsubscribe")
    (revoked,) = await post.records.all(Consent)
    async with post.hub.store.write() as db:
        db.add(
            Consent(
                workspace_id=revoked.workspace_id, customer_id=revoked.customer_id, identity_kind="email",
                identity_value=ANA, channel="email", state="granted", source="operator",
            )
        )  # fmt: skip
    again = {"sg_event_id": told["event"]["sg_event_id"]}
    await post.event(mail, "unsubscribe", **again)
    assert [entry.state for entry in await post.records.all(Consent)] == ["revoked", "granted"]


async def test_one_click_unsubscribes_and_the_page_asks_first(post: Post) -> None:
    await post.writes(ANA, QUESTION)
    (mail,) = await post.gets(ANA, at_least=1)
    link = mail["headers"]["List-Unsubscribe"].strip("<>")
    page = await post.hub.http.get(link)
    assert (page.status_code, "Unsubscribe" in page.text) == (200, True)
    assert await post.records.all(Consent) == []
    assert (await post.hub.http.get(link[:-1] + "_")).status_code == 404
    for _ in range(2):
        done = await post.hub.http.post(link, content="List-Unsubscribe=One-Click")
        assert (done.status_code, "You are unsubscribed" in done.text) == (200, True)
    await post.records.one(Consent)
    assert "unsubscribed" in (await stopped(post)).reason
    await post.writes(ANA, "Are you there?")
    await post.hub.settled()
    assert len(await post.gets(ANA)) == 1


# robots


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"}, {"Auto_Submitted": "auto-generated"}, {"Precedence": "bulk"},
        {"Precedence": "list"}, {"X_Auto_Response_Suppress": "All"}, {"Return_Path": "<>"}, {"List_Id": "<l.example>"},
        {"X_Autoreply": "yes"}, {"Subject": "Automatic reply: Hello"}, {"Subject": "Abwesenheitsnotiz: Urlaub"},
        {"From": "MAILER-DAEMON@people.example"}, {"From": "no-reply@people.example"}, {"From": OURS},
    ],
)  # fmt: skip
async def test_a_machines_mail_is_shown_and_never_answered(post: Post, headers: dict[str, str]) -> None:
    assert await post.posts(mime(Message_ID="<a@people.example>", **headers)) == 200
    said = await post.letter(Message.role == "customer")
    assert len(said.content["automatic"]) > 10
    assert await post.letters(Message.role == "agent") == []
    assert (await post.records.one(Interaction)).waiting_since is None


async def test_a_mail_that_says_no_machine_sent_it_is_answered(post: Post) -> None:
    await post.posts(mime(Message_ID="<a@people.example>", Auto_Submitted="no"))
    assert len(await post.letters(Message.role == "agent")) == 1


@pytest.mark.parametrize("marked", [False, True])
async def test_two_auto_responders_send_one_reply_each(post: Post, marked: bool) -> None:
    robot = {"address": ANA, "text": "I am away until Monday. Your ticket is #{n}.", "marked": marked}
    await post.sandbox.ask("POST", "/control/mail/robots", robot)
    first = "I am away until Monday. Your ticket is #0."
    await post.writes(ANA, first)

    async def replies() -> list[Message]:
        return await post.letters(Message.role == "customer")

    await eventually(replies, lambda said: len(said) == 2)
    await post.hub.settled()
    await post.sandbox.ask("GET", "/control/mail/messages?direction=all&at_least=4&wait_ms=300")
    ours, theirs = await post.letters(Message.role == "agent"), await replies()
    assert (len(ours), len(theirs)) == (1, 2)  # the first mail, one answer of ours, one of theirs
    assert theirs[-1].content["automatic"]


async def test_two_of_our_own_agents_do_not_write_to_each_other_for_ever(post: Post) -> None:
    """Each would answer the other; ours say in their headers that a machine wrote them."""
    await post.writes(ANA, QUESTION)
    (answer,) = await post.gets(ANA, at_least=1)
    own = mime(
        From=f"Robot <{BEN}>", Message_ID="<r@people.example>", Auto_Submitted=answer["headers"]["Auto-Submitted"]
    )
    await post.posts(own)
    assert len(await post.letters(Message.role == "agent")) == 1


async def test_after_ten_answers_in_ten_minutes_a_person_has_to_look(post: Post, clock: FakeClock) -> None:
    for number in range(12):
        await post.posts(mime(Message_ID=f"<{number}@people.example>", body=f"Word {'abcdefghijklmnop'[number]}"))
    assert len(await post.letters(Message.role == "agent")) == 10
    clock.forward(minutes=11)
    await post.posts(mime(Message_ID="<later@people.example>", body="Hello again"))
    assert len(await post.letters(Message.role == "agent")) == 11
