"""The door for mail: stored before it is read, answered with 200 or 503 and nothing else, read once whatever dies."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels._email_reader import IN_A_THREAD_UP_TO
from channels.email import Email
from fixtures.email.corpus import FORM, Nasty, bodies, multi, raw
from hub.core import mails
from hub.core.recover import sweep
from hub.models import Address, Mail, Message, StoredFile
from hub.store import Store
from tests.fakes import FakeClock
from tests.mail_world import OURS, Post, encoded, mime, post_office
from tests.test_recovery import SETTLED_WITHIN, died
from tests.world import QUESTION, Sandbox, eventually, fleet

pytestmark = pytest.mark.anyio


@pytest.fixture
async def post(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Post]:
    async with post_office(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


def folder(post: Post) -> Path:
    return post.hub.hub.context.data_dir / mails.FOLDER


# what is answered


async def test_a_token_that_is_none_of_ours_is_answered_404_before_anything_is_read(post: Post) -> None:
    path = post.path[:-1] + ("a" if post.path[-1] != "a" else "b")
    before = await post.records.counts()
    for wrong in (path, "/hooks/email/x", "/hooks/email", post.path + "/more", "/hooks/email/" + "a" * 42):
        answer = await post.hub.http.post(wrong, content=b"x" * 100, headers={"content-type": FORM})
        assert answer.status_code == 404, wrong
    assert await post.records.counts() == before
    assert not folder(post).exists()


async def test_a_mailbox_that_was_removed_takes_no_mail(post: Post) -> None:
    async with post.hub.store.write() as db:
        address = await db.get(Address, post.address_id)
        assert address is not None
        await db.delete(address)
    assert await post.posts(mime()) == 404


async def test_what_cannot_be_stored_is_answered_503_and_comes_again(post: Post) -> None:
    folder(post).parent.mkdir(parents=True, exist_ok=True)
    folder(post).write_text("a file in the folder's place")
    assert await post.posts(mime()) == 503
    folder(post).unlink()
    assert await post.posts(mime()) == 200
    assert len(await post.letters(Message.role == "customer")) == 1


async def test_a_body_larger_than_any_mail_is_answered_503(post: Post) -> None:
    answer = await post.hub.http.post(post.path, content=b"x" * 41_000_000, headers={"content-type": FORM})
    assert answer.status_code == 503
    assert await post.waiting() == []


async def test_other_routes_do_not_take_such_bodies(post: Post) -> None:
    assert (await post.hub.http.post("/hooks/sms", content=b"x" * 3_000_000)).status_code == 413


async def test_a_mail_of_thirty_megabytes_is_taken_and_holds_nobody_up(post: Post) -> None:
    data = bytes(range(256)) * 84_000  # 21.5 MB, in base64 29 MB
    part = b"Content-Type: application/pdf; name=big.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    coded = encoded(data)
    lines = "\r\n".join(coded[at : at + 76] for at in range(0, len(coded), 76)).encode()
    body = raw(multi("mixed", b"Content-Type: text/plain\r\n\r\nA large one", part + lines))
    assert len(body) > 29_000_000
    longest = 0.0
    done = asyncio.Event()

    async def listening() -> None:
        """A call's sound would come every 20 ms."""
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not done.is_set():
            before = loop.time()
            await asyncio.sleep(0.02)
            longest = max(longest, loop.time() - before - 0.02)

    assert await post.posts_form(FORM, body, wait=False) == 200
    watching = asyncio.create_task(listening())
    await post.hub.settled()
    done.set()
    await watching
    said = await post.letter(Message.role == "customer")
    assert said.text == "A large one"
    assert (await post.records.one(StoredFile)).size_bytes == len(data)
    assert longest < 1.0


async def test_the_same_mail_posted_thrice_is_one(post: Post) -> None:
    for _ in range(3):
        assert await post.posts(mime(Message_ID="<once@people.example>")) == 200
        assert await post.posts(mime(Message_ID="", Date="Fri, 20 Nov 2026 10:00:00 +0000", body="No id")) == 200
    assert len(await post.letters(Message.role == "customer")) == 2
    assert len(await post.letters(Message.role == "agent")) == 2
    assert not [path for path in folder(post).rglob("*") if path.is_file()]


# nasty mail


def chosen() -> list[Nasty]:
    """A few of each kind, and all that are refused."""
    everything = list(bodies())
    return [nasty for at, nasty in enumerate(everything) if at % 9 == 0 or nasty.refused]


async def test_nasty_mail_is_always_answered_200_and_becomes_a_message_or_a_quarantined_mail(post: Post) -> None:
    nasty = chosen()
    for one in nasty:
        assert await post.posts_form(one.content_type, one.body, wait=False) == 200, one.name
    await post.hub.settled()
    waiting = await post.waiting()
    assert all(mail.state == "quarantined" and len(mail.reason) > 10 for mail in waiting)
    refused = sum(one.refused for one in nasty)
    assert refused <= len(waiting) <= refused + 8  # some name senders that nobody can answer
    assert len(await post.letters(Message.role == "customer")) >= len(nasty) * 0.5


# whatever dies


@pytest.mark.timeout(180)
async def test_a_mail_that_was_acknowledged_is_read_and_answered_once_whenever_the_server_is_killed(
    sqlite_url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with fleet(sqlite_url, sandbox, tmp_path) as made:
        async with made.records.store.write() as db:
            address = Address(
                workspace_id=made.home.workspace_id, channel="email", value=OURS, agent_id=made.home.agent_id
            )
            db.add(address)
        path = Email(made.environment).hook_path(address.id)
        acknowledged: list[str] = []
        for number, failpoint in enumerate(("mail.reading", "mail.read")):
            hub = await made.hub(HUB_NODE="a", HUB_FAILPOINT=failpoint, HUB_WORK="0")  # left to a later life
            await sandbox.ask("POST", "/control/mail/hub", {"url": hub.url})
            person = f"ana{number}@people.example"
            asked = {"from": person, "to": [OURS], "text": QUESTION, "subject": "Hello", "url": hub.url + path}
            told = await sandbox.ask("POST", "/control/mail/inbound", asked)
            acknowledged.append(person)
            await died(hub)
            assert told["status"] == "delivered"
        hub = await made.hub(HUB_NODE="a")
        await sandbox.ask("POST", "/control/mail/hub", {"url": hub.url})

        async def left() -> list[Mail]:
            return list(await made.records.all(Mail))

        await eventually(left, lambda rows: not rows, SETTLED_WITHIN)
        for person in acknowledged:
            query = f"/control/mail/messages?to={person}&at_least=1&wait_ms={SETTLED_WITHIN * 1000}"
            assert (await sandbox.ask("GET", query))["total"] >= 1, person
        said = await made.records.all(Message, Message.role == "customer")
        assert len({message.external_id for message in said}) == len(said)
        assert not [path for path in (tmp_path / mails.FOLDER).rglob("*") if path.is_file()]


async def test_a_mail_that_takes_the_process_with_it_is_given_up_after_some_tries(
    post: Post, clock: FakeClock, store: Store
) -> None:
    context = post.hub.hub.context
    (folder(post) / "x").mkdir(parents=True)
    (folder(post) / "x" / "mail").write_bytes(raw(mime()))
    async with post.hub.store.write() as db:
        db.add(
            Mail(
                workspace_id=post.hub.home.workspace_id, address_id=post.address_id, channel="email",
                url=post.hub.url + post.path, content_type=FORM, path=f"{mails.FOLDER}/x/mail",
                attempts=mails.MOST_ATTEMPTS, received_at=clock.now(),
            )
        )  # fmt: skip
    clock.forward(minutes=3)
    await sweep(context, clock.now())
    await post.hub.settled()
    (mail,) = await post.waiting()
    assert (mail.state, "tried" in mail.reason) == ("quarantined", True)


# the quarantine


async def test_a_quarantined_mail_is_tried_again_and_deleted(post: Post) -> None:
    context, home = post.hub.hub.context, post.hub.home.workspace_id
    assert await post.posts_form("application/json", b"{}") == 200
    (mail,) = await post.waiting()
    assert (mail.state, "not the form" in mail.reason) == ("quarantined", True)
    assert not await mails.release(context, home, mail.id)
    path = context.data_dir / mail.path
    path.write_bytes(raw(mime()))
    async with post.hub.store.write() as db:
        held = await db.get(Mail, mail.id)
        assert held is not None
        held.content_type = FORM
    assert await mails.release(context, home, mail.id)
    await post.hub.settled()
    assert (await post.letter(Message.role == "customer")).text == "Hello there"
    assert await post.posts_form("text/plain", b"x") == 200
    (other,) = await post.waiting()
    with pytest.raises(LookupError):
        await mails.delete(context, mail.id, other.id)  # of another workspace
    await mails.delete(context, home, other.id)
    assert await post.waiting() == []
    assert not path.exists()


@pytest.mark.parametrize("size", [IN_A_THREAD_UP_TO // 2, IN_A_THREAD_UP_TO * 2])
async def test_small_and_large_mails_are_read_alike(post: Post, size: int) -> None:
    body = "\r\n".join(["Hello there", "", *["> quoted"] * (size // 10)])
    given: dict[str, Any] = {"Message_ID": "<n@people.example>", "body": body}
    assert await post.posts(mime(**given)) == 200
    assert (await post.letter(Message.role == "customer")).text == "Hello there"
