"""Mail in Chromium: nothing of it runs or leaves, pictures wait to be asked for, an answer has subject and copies."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Page, Request, Route, expect
from sqlmodel import select

from channels.email import Email
from fixtures.email.corpus import FORM, raw
from hub.channel import Hook
from hub.core import mails
from hub.models import Address, Interaction, Message
from tests.browser.test_whatsapp import MARKUP, picture
from tests.desk import Desk
from tests.mail_world import ANA, OURS, encoded

Window = Callable[..., Page]
RUNNING = (
    "script:not([src]), style, base, object, embed, meta[http-equiv], form[action*=evil], "
    "[onerror], [onload], [onfocus], [ontoggle]"
)
SPY = "http://spy.example"
PAGE = "".join(
    (
        *MARKUP,
        '<meta http-equiv="refresh" content="0;url=http://spy.example/refresh">',
        '<link rel="stylesheet" href="http://spy.example/sheet.css"><link rel="prefetch" href="http://spy.example/pre">',
        f'<div style="background:url({SPY}/background);position:fixed;color:red">styled</div>',
        f"<style>@import '{SPY}/import';*{{background:url({SPY}/rule)}}</style>",
        f'<img src="{SPY}/pixel.png" alt="a picture" srcset="{SPY}/set.png 2x"><img src="//spy.example/bare.png">',
        f'<video src="{SPY}/film" poster="{SPY}/poster" autoplay></video><audio src="{SPY}/sound" autoplay></audio>',
        f'<form action="{SPY}/form" method="post"><input name="password" autofocus><button>Go</button></form>',
        f'<iframe src="{SPY}/frame"></iframe><embed src="{SPY}/embed">',
        f'<table background="{SPY}/table"><tr><td background="{SPY}/cell">x</table>',
        f'<svg><image href="{SPY}/svg"/><use href="{SPY}/use#x"/><script>window.ran=1</script></svg>',
        "<a href='java&#10;script:top.ran=1' target=_top>click me</a>",
        "<a href='data:text/html,<script>1</script>'>data</a>",
        "<p id=proof>The end of it</p>",
    )
)


class Letters:
    """A mailbox at a desk, to which people write; nobody answers by themselves."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        found: Any = desk.hub.context.channels["email"]
        self.email: Email = found
        desk.hub.answer_soon = lambda *_: None  # type: ignore[method-assign]
        self.address: Address = desk.run(self._address())

    async def _address(self) -> Address:
        async with self.desk.hub.context.store.write() as db:
            address = Address(workspace_id=self.desk.home, channel="email", value=OURS)
            db.add(address)
        return address

    def hook(self, body: bytes, content_type: str = FORM) -> Hook:
        return Hook("POST", self.email.hook_path(self.address.id), {"content-type": content_type}, body)

    def comes(self, mail: bytes) -> Message:
        """The message that this mail became."""

        async def receive() -> UUID | None:
            (inbound,) = (await self.email.receive(self.hook(raw(mail)))).events
            return (await self.desk.hub.receive(inbound, at=self.address)).message_id

        found: Message = self.desk.rows(select(Message).where(Message.id == self.desk.run(receive())))[0]
        return found

    def stays(self, body: bytes, content_type: str) -> UUID:
        """What is posted cannot be read and waits in quarantine."""

        async def keep() -> UUID:
            mail_id = await mails.keep(self.desk.hub.context, "email", self.address.id, self.hook(body, content_type))
            await mails.read(self.desk.hub.context, mail_id)
            return mail_id

        found: UUID = self.desk.run(keep())
        return found

    def takes_over(self, interaction_id: UUID) -> None:
        self.desk.run(self.desk.hub.take_over(self.desk.home, interaction_id, self.desk.user("ana@example.com")))


@pytest.fixture
def letters(desk: Desk) -> Letters:
    return Letters(desk)


def word(text: str) -> str:
    """As a header carries it (RFC 2047)."""
    return f"=?utf-8?B?{encoded(text.encode())}?="


def nasty(number: int, evil: str, *, replies_to: int | None = None) -> bytes:
    """A mail that says this wherever something can be said."""
    person, of = f"{word(evil)} <{ANA}>", f"<{number}@people.example>"
    lines = [
        f"From: {person}", f"Reply-To: {person}", f"To: {word(evil)} <{OURS}>",
        f"Cc: {word(evil)} <ben@people.example>", f"Subject: {word(evil)}", f"Message-ID: {of}",
        'Content-Type: multipart/mixed; boundary="b"',
    ]  # fmt: skip
    if replies_to is not None:
        lines.append(f"In-Reply-To: <{replies_to}@people.example>")
    kind = re.sub(r"[^\w/.+-]", "", evil)[:40] or "x"
    parts = [
        ("text/plain; charset=utf-8", "", f"{number} {evil}".encode()),
        ("text/html; charset=utf-8", "", f"{evil}{PAGE}".encode()),
        ("image/png", word(evil), picture()),
        (f"text/{kind}", word(evil), evil.encode()),
        ("text/html", word(f"{evil}.html"), PAGE.encode()),
        ("image/svg+xml", word(evil), b"<svg xmlns='http://www.w3.org/2000/svg' onload='top.ran=1'/>"),
    ]
    body = [""]
    for content_type, name, data in parts:
        body += ["--b", f"Content-Type: {content_type}", "Content-Transfer-Encoding: base64"]
        body += [f'Content-Disposition: attachment; filename="{name}"'] if name else []
        body += ["", encoded(data)]
    return "\r\n".join([*lines, *body, "--b--", ""]).encode()


class Watched:
    """What a page did besides being looked at."""

    def __init__(self, page: Page) -> None:
        self.page, self.dialogs, self.popups = page, list[str](), 0
        self.away: list[str] = []
        page.context.on("request", self._request)
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("popup", self._popup)

    def _request(self, request: Request) -> None:
        place = urlsplit(request.url)
        if place.scheme not in ("data", "blob", "about") and place.hostname != "127.0.0.1":
            self.away.append(request.url)

    def _popup(self, _: Page) -> None:
        self.popups += 1

    def unharmed(self, within: str = "main") -> None:
        """Nothing ran, nothing asked the outside, and all is where it was."""
        shown = [frame for frame in self.page.frames if frame.url not in ("", "about:blank", ":")]  # others are folded
        assert {frame.evaluate("window.ran") for frame in shown} == {None}
        assert self.page.locator(within).first.locator(RUNNING).count() == 0
        links = self.page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.protocol)")
        assert set(links) <= {"http:", "https:", "mailto:", "tel:"}
        assert (self.dialogs, self.popups, self.away) == ([], 0, [])


def test_mail_full_of_markup_shows_it_and_runs_none_of_it(window: Window, letters: Letters, desk: Desk) -> None:
    said = [letters.comes(nasty(at, evil, replies_to=at - 1 if at else None)) for at, evil in enumerate(MARKUP)]
    (interaction,) = {one.interaction_id for one in said}
    held = [letters.stays(f"{evil}{PAGE}".encode(), re.sub(r"[^ -~]", "", evil)) for evil in MARKUP]
    page = window(path=f"/inbox?view=all&interaction={interaction}")
    watched = Watched(page)
    page.reload()
    expect(page.locator("#items .mail-subject")).to_have_count(len(MARKUP))
    texts = page.locator("#items .mail-text").all_text_contents()
    assert set(texts) == {f"{at} {evil}" for at, evil in enumerate(MARKUP)}
    shown = page.locator("#items .mail-subject").all_text_contents()
    assert [" ".join(one.split()) for one in shown] == [" ".join(evil.split()) for evil in MARKUP]
    title = page.title()
    name = title.rpartition(" ")[2]
    frame = opened_page(page)
    expect(frame.locator("#proof, p:has-text('The end of it')")).to_be_visible()
    expect(frame.locator("script, form, input, iframe, svg, video, audio, link, meta[http-equiv]")).to_have_count(0)
    watched.unharmed("#thread")
    assert page.title() == title
    customer = desk.rows(select(Interaction).where(Interaction.id == interaction))[0].customer_id
    places = ["/inbox?view=all&q=script", f"/interactions/{interaction}", f"/customers/{customer}", "/inbox/quarantine"]
    for path in (*places, *(f"/inbox/quarantine/{one}" for one in held)):
        page.goto(path)
        expect(page.locator("main")).to_be_visible()
        watched.unharmed()
        assert urlsplit(page.url).path == urlsplit(path).path
        assert page.title().endswith(name)
    assert "//evil.example" in page.locator("pre").inner_text()
    for one in said:
        page.goto(f"/inbox/messages/{one.id}/page")
        watched.unharmed("body")
        assert page.title() == ""


def opened_page(page: Page) -> Any:
    """The last mail as its sender laid it out."""
    fold = page.locator("#items .mail-fold", has=page.locator("iframe")).last
    fold.locator("summary").click()
    sandbox = fold.locator("iframe").get_attribute("sandbox") or ""
    assert set(sandbox.split()) == {"allow-popups", "allow-popups-to-escape-sandbox"}
    return fold.frame_locator("iframe")


def test_pictures_of_other_servers_are_loaded_when_asked_for(window: Window, letters: Letters) -> None:
    said = letters.comes(nasty(1, "hello"))
    page = window(path=f"/inbox?view=all&interaction={said.interaction_id}")
    watched = Watched(page)

    def drawn(route: Route) -> None:
        route.fulfill(body=picture(), content_type="image/png")

    page.context.route(f"{SPY}/**", drawn)
    frame = opened_page(page)
    image = frame.get_by_alt_text("a picture")
    expect(image).to_be_attached()
    watched.unharmed("#thread")
    page.get_by_role("link", name="Load pictures").last.click()
    expect(image).to_have_js_property("naturalWidth", 40)
    assert f"{SPY}/pixel.png" in watched.away
    assert set(watched.away) <= {f"{SPY}/pixel.png", f"{SPY}/bare.png"}
    assert page.evaluate("window.ran") is None


def test_an_answer_has_subject_copies_and_a_file_and_goes_by_keyboard(
    window: Window, letters: Letters, desk: Desk
) -> None:
    said = letters.comes(nasty(1, "Where is my order?"))
    letters.takes_over(said.interaction_id)
    page = window(path=f"/inbox?view=all&interaction={said.interaction_id}")
    expect(page.locator("[name=subject]")).to_have_value("Re: Where is my order?")
    expect(page.locator("[name=cc]")).to_have_value(re.compile("<ben@people.example>"))
    expect(page.get_by_label("Quote their mail below")).to_be_checked()
    page.fill("[name=subject]", "Your order")
    page.fill("[name=bcc]", "nobody")
    page.set_input_files("[name=files]", {"name": "a plan.txt", "mimeType": "text/plain", "buffer": b"plan"})
    expect(page.locator("#compose-files")).to_contain_text("a plan.txt")
    page.fill("#composer-text", "It comes")
    page.locator("#composer-text").press("Enter")
    page.locator("#composer-text").press_sequentially("on Monday.")
    assert len(desk.messages(said.interaction_id)) == 1  # Enter begins a line
    page.locator("#composer-text").press("Control+Enter")
    expect(page.get_by_text("is not an email address")).to_be_visible()
    expect(page.locator("#composer-text")).to_have_value("It comes\non Monday.")
    page.fill("[name=bcc]", "carl@people.example")
    page.locator("#composer-text").press("Control+Enter")
    expect(page.locator(".item[data-role=operator] .mail-subject")).to_have_text("Your order")
    sent = desk.messages(said.interaction_id)[-1]
    assert (sent.text, sent.content["subject"]) == ("It comes\non Monday.", "Your order")
    assert sent.content["mail"]["cc"] == ["ben@people.example"]
    assert sent.content["mail"]["bcc"] == ["carl@people.example"]
    assert [one["name"] for one in sent.media] == ["a plan.txt"]
    expect(page.locator("#composer-text")).to_have_value("")


def test_a_text_message_has_no_subject(window: Window, letters: Letters, desk: Desk) -> None:
    interaction = desk.texts("+12025550101", "hello")
    letters.takes_over(interaction)
    page = window(path=f"/inbox?view=all&interaction={interaction}")
    expect(page.locator("#composer-text")).to_be_visible()
    expect(page.locator("[name=subject], [name=cc], [name=files]")).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_mail_is_wider_than_the_page(window: Window, letters: Letters, width: int) -> None:
    said = letters.comes(nasty(1, "x" * 300))
    letters.takes_over(said.interaction_id)
    page = window(path=f"/inbox?view=all&interaction={said.interaction_id}", width=width)
    opened_page(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
