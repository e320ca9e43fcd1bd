"""Mail in the pages: cards, HTML in a frame where nothing runs, the composer's lines, the quarantine."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from channels.email import Email
from fixtures.email.corpus import FORM, form, multi, raw
from hub.channel import Hook
from hub.core import mails
from hub.models import Address, Mail, Message, StoredFile
from tests.mail_world import ANA, OURS, mime
from tests.office import Office, open_office

pytestmark = pytest.mark.anyio
SIGNED = (("dkim", b"{@people.example : pass}"),)
PICTURE = b"\x89PNG\r\n\x1a\n"


class MailOffice:
    """An office with a mailbox; nobody answers there by themselves."""

    def __init__(self, office: Office, address: Address) -> None:
        self.office, self.address = office, address
        self.email: Any = office.hub.context.channels["email"]

    async def comes(self, body: bytes, content_type: str = FORM) -> Message:
        """A mail is posted and read; the message it became."""
        hook = Hook("POST", self.email.hook_path(self.address.id), {"content-type": content_type}, body)
        (inbound,) = (await self.email.receive(hook)).events
        receipt = await self.office.hub.receive(inbound, at=self.address)
        await self.office.settled()
        return await self.message(Message.id == receipt.message_id)

    async def message(self, *conditions: Any) -> Message:
        async with self.office.store.read() as db:
            return (await db.exec(select(Message).where(*conditions).order_by(Message.id.desc()))).first()  # type: ignore[attr-defined,return-value]

    async def keeps(self, body: bytes, content_type: str = "text/plain") -> UUID:
        """What is posted stays in quarantine."""
        context = self.office.hub.context
        hook = Hook(
            "POST", f"http://hub.test{self.email.hook_path(self.address.id)}", {"content-type": content_type}, body
        )
        mail_id = await mails.keep(context, "email", self.address.id, hook)
        await mails.read(context, mail_id)
        return mail_id


@pytest.fixture
async def made(sqlite_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[MailOffice]:
    async with open_office(sqlite_url, tmp_path) as office:
        async with office.store.write() as db:
            address = Address(workspace_id=office.home, channel="email", value=OURS)
            db.add(address)
        yield MailOffice(office, address)


async def test_a_mail_is_a_card_with_its_people_and_what_proves_its_sender(made: MailOffice) -> None:
    reply = mime(Subject="<b>Order</b>", Cc="Ben <ben@people.example>", Message_ID="<1@p.example>",
                 body=f"New words\r\n\r\nOn Mon, 16 Nov 2026, Maya <{OURS}> wrote:\r\n\r\n> Old words")  # fmt: skip
    trusted = await made.comes(form(("email", reply), *SIGNED))
    support = await made.office.person("support")
    page = (await support.get(f"/inbox/{trusted.interaction_id}/thread")).text
    assert "&lt;b&gt;Order&lt;/b&gt;" in page
    assert "<b>Order</b>" not in page
    for shown in ("Ben &lt;ben@people.example&gt;", "sender verified", "New words", "Show the whole text", "Old words"):
        assert shown in page, shown
    card = page[page.index("mail-text") :]
    assert "Old words" not in card[: card.index("</p>")]
    doubtful = await made.comes(
        raw(mime(From="eve@evil.example", Message_ID="<2@p.example>", Auto_Submitted="auto-replied"))
    )
    page = (await support.get(f"/inbox/{doubtful.interaction_id}/thread")).text
    assert "sender not verified" in page
    assert "The agent does not answer this." in page


HTML = (
    b'<p onclick="x()">Hello <script>alert(1)</script><style>p{}</style><a href="javascript:x()">a</a>'
    b'<a href="https://ok.example/">ok</a><img src="https://spy.example/p.gif">'
    b'<img src="cid:pic"><img src=x onerror=y()>'
    b'<iframe src="https://evil.example"></iframe><form action="/x"><input></form><svg onload=z()></svg>'
    b'<div style="position:fixed;color:red;background:url(https://spy.example/q)">styled</div>'
    b'<base href="//evil.example"></p>'
)


async def test_html_is_shown_without_anything_that_runs_or_tells(made: MailOffice) -> None:
    inline = b"Content-Type: image/png\r\nContent-ID: <pic>\r\nContent-Disposition: inline\r\n\r\n" + PICTURE
    said = await made.comes(raw(multi("related", b"Content-Type: text/html\r\n\r\n" + HTML, inline)))
    path = f"/inbox/messages/{said.id}/page"
    viewer = await made.office.person("viewer")
    answer = await viewer.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "img-src data:;" in policy
    shown = answer.text
    for evil in ("alert", "onclick", "onerror", "onload", "javascript:", "<iframe", "<form", "<input", "<svg",
                 "spy.example", "position", "url(", "//evil"):  # fmt: skip
        assert evil not in shown, evil
    assert 'href="https://ok.example/"' in shown
    assert 'rel="noopener noreferrer nofollow"' in shown
    assert "data:image/png;base64," in shown
    assert "color:red" in shown.replace(" ", "")
    with_pictures = await viewer.get(f"{path}?pictures=1")
    assert "https://spy.example/p.gif" in with_pictures.text
    assert "img-src data: https: http:" in with_pictures.headers["content-security-policy"]
    card = (await viewer.get(f"/inbox/{said.interaction_id}/thread")).text
    (frame,) = re.findall(r"<iframe[^>]*>", card)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame
    assert "message.html" not in card  # it is no attachment


async def test_the_html_of_a_mail_is_for_its_workspace_alone(made: MailOffice) -> None:
    said = await made.comes(raw(mime(Content_Type="text/html", body="<p>secret</p>")))
    nobody = await made.office.person("")
    assert (await nobody.get(f"/inbox/messages/{said.id}/page")).status_code in (302, 303)
    async with made.office.store.write() as db:
        held = await db.get(Message, said.id)
        assert held is not None
        held.workspace_id = made.office.other
    viewer = await made.office.person("viewer")
    assert (await viewer.get(f"/inbox/messages/{said.id}/page")).status_code == 404


async def test_an_operator_answers_with_subject_copies_and_files(made: MailOffice) -> None:
    said = await made.comes(form(("email", mime(Cc=f"Ben <ben@people.example>, {OURS}", Subject="Order")), *SIGNED))
    support = await made.office.person("support")
    place = f"/inbox/{said.interaction_id}"
    await support.post(f"{place}/take-over")
    thread = (await support.get(f"{place}/thread")).text
    assert 'value="Re: Order"' in thread
    assert 'name="cc" value="Ben &lt;ben@people.example&gt;"' in thread
    files = {"files": [("files", ("a.txt", b"one", "text/plain")), ("files", ("b.txt", b"two", "text/plain"))]}
    fields = {"text": "Here", "note": "", "subject": "Order, at last",
              "cc": "Ben <ben@people.example>; C@people.example", "bcc": "", "quote": "1"}  # fmt: skip
    headers = {"x-csrftoken": support.client.cookies.get("hub_csrf", "")}
    answer = await support.client.post(f"{place}/messages", data=fields, files=files["files"], headers=headers)
    assert answer.status_code == 200, answer.text
    sent = await made.message(Message.role == "operator")
    assert sent.content["subject"] == "Order, at last"
    assert sent.content["mail"]["cc"] == ["ben@people.example", "c@people.example"]
    assert [item["name"] for item in sent.media] == ["a.txt", "b.txt"]
    await made.office.settled()


async def test_copies_that_are_no_addresses_are_refused_and_leave_no_files(made: MailOffice) -> None:
    said = await made.comes(form(("email", mime()), *SIGNED))
    support = await made.office.person("support")
    place = f"/inbox/{said.interaction_id}"
    await support.post(f"{place}/take-over")
    headers = {"x-csrftoken": support.client.cookies.get("hub_csrf", "")}
    fields = {"text": "Here", "note": "", "subject": "x", "cc": "ben", "bcc": ""}
    answer = await support.client.post(
        f"{place}/messages", data=fields, files=[("files", ("a.txt", b"one", "text/plain"))], headers=headers
    )
    assert (answer.status_code, "is not an email address" in answer.text) == (409, True)
    async with made.office.store.read() as db:
        assert (await db.exec(select(StoredFile))).all() == []


async def test_the_quarantine_is_listed_shown_as_text_tried_again_and_emptied(made: MailOffice) -> None:
    support = await made.office.person("support")
    assert "Nothing is in quarantine" in (await support.get("/inbox/quarantine")).text
    mail_id = await made.keeps(b"<script>alert(1)</script>\x00\x1b[31m \xff")
    assert "Quarantine" in (await support.get("/inbox")).text
    assert "not the form that Inbound Parse posts" in (await support.get("/inbox/quarantine")).text
    page = (await support.get(f"/inbox/quarantine/{mail_id}")).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    again = await support.post(f"/inbox/quarantine/{mail_id}/release")
    assert again.headers["location"] == f"/inbox/quarantine/{mail_id}"
    done = await support.post(f"/inbox/quarantine/{mail_id}/delete")
    assert done.headers["location"] == "/inbox/quarantine"
    async with made.office.store.read() as db:
        assert (await db.exec(select(Mail))).all() == []
    assert (await support.get(f"/inbox/quarantine/{mail_id}")).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("support", 200), ("builder", 403), ("viewer", 403)])
async def test_the_quarantine_is_for_admins_and_support(made: MailOffice, role: str, status: int) -> None:
    person = await made.office.person(role)
    assert (await person.get("/inbox/quarantine")).status_code == status


async def test_addresses_show_the_urls_to_paste(made: MailOffice) -> None:
    page = (await (await made.office.person("admin")).get("/settings/addresses")).text
    assert f"http://hub.test{made.email.hook_path(made.address.id)}" in page
    assert "http://hub.test/hooks/email/events" in page
    assert isinstance(made.email, Email)
    assert ANA not in page
