"""WhatsApp in the inbox: the window counts down, templates take its place, attachments are looked at, nothing runs."""

import struct
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from hub.channel import File, Inbound, Limits, Media, Template
from hub.core.templates import filled
from hub.models import Address, Agent, Message, User
from tests.desk import OURS, Desk, until
from tests.fakes import FakeChannel

Window = Callable[..., Page]
DAY = timedelta(hours=24)
MARKUP = (
    "<script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    '"><svg onload=window.ran=1>',
    "'><iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "javascript:window.ran=1",
    "</p></li></script><script>window.ran=1//",
    "{{ 7*7 }}{% raw %}",
    "<a href=javascript:window.ran=1>click</a>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    '" autofocus onfocus=window.ran=1 x="',
    "' hx-get='/signout' hx-trigger='load' x='",
    "<body onload=window.ran=1>",
    "<math><mtext></table></math><img src onerror=window.ran=1>",
    "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "${window.ran=1}",
    "<details open ontoggle=window.ran=1>",
    "<object data=javascript:window.ran=1>",
    "\u202egnp.exe<script>window.ran=1</script>",
    "<form action=//evil.example><button>Sign in</button></form>",
)


class WhatsAppAtHand(FakeChannel):
    """WhatsApp by which nothing leaves; its templates are those given."""

    label = "WhatsApp"
    identity = "whatsapp"
    limits = Limits(length=1600, media_count=1, window=DAY, templates=True, receipts=True, keywords=True, fetched=True)

    def __init__(self) -> None:
        super().__init__("whatsapp")
        self.known = [
            Template("HX1", "order_update", "en", "Hi {{1}}, your order {{2}} is on its way.", {"1": "Ada", "2": "A1"}),
            Template("HX2", "reminder", "en", "See you at {{1}}.", {"1": "9:30"}, "utility", buttons=("Yes", "No")),
            Template("HX3", "prize", "en", "You won!", status="rejected", reason="Not allowed"),
        ]

    async def templates(self, *, anew: bool = False) -> list[Template]:
        return self.known


class Written:
    """What customers do by WhatsApp at a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.channel = desk, WhatsAppAtHand()
        desk.hub.context.channels["whatsapp"] = self.channel  # type: ignore[index]
        desk.hub.answer_soon = lambda *_: None  # type: ignore[method-assign]
        desk.run(self._address())

    async def _address(self) -> None:
        async with self.desk.hub.context.store.write() as db:
            agent = (await db.exec(select(Agent).where(Agent.workspace_id == self.desk.home))).first()
            assert agent is not None
            db.add(Address(workspace_id=self.desk.home, channel="whatsapp", value=OURS, agent_id=agent.id))

    def by(self, person: str, text: str, name: str = "Ana Lima", **more: Any) -> UUID:
        inbound = Inbound(
            channel="whatsapp", kind=more.pop("kind", "message"), external_id=uuid4().hex, sender=person,
            recipient=OURS, text=text, sender_name=name, **more,
        )  # fmt: skip
        receipt = self.desk.run(self.desk.hub.receive(inbound))
        assert receipt.interaction_id is not None
        found: UUID = receipt.interaction_id
        return found

    def ago(self, interaction_id: UUID, age: timedelta) -> None:
        """The customer's messages are so old now."""

        async def write() -> None:
            async with self.desk.hub.context.store.write() as db:
                query = select(Message).where(Message.interaction_id == interaction_id, Message.role == "customer")
                for message in (await db.exec(query)).all():
                    message.created_at = self.desk.hub.context.clock.now() - age

        self.desk.run(write())

    def take_over(self, interaction_id: UUID) -> None:
        ana = self.desk.user("ana@example.com")
        self.desk.run(self.desk.hub.take_over(self.desk.home, interaction_id, ana))


@pytest.fixture
def written(desk: Desk) -> Written:
    return Written(desk)


def opened(window: Window, interaction_id: UUID, width: int = 1440) -> Page:
    page = window(path=f"/inbox?view=all&interaction={interaction_id}", width=width)
    expect(page.locator("#thread")).to_be_visible()
    return page


def test_the_window_is_counted_down_and_closes_by_itself(window: Window, written: Written) -> None:
    interaction = written.by("+12025550101", "hello")
    written.take_over(interaction)
    written.ago(interaction, DAY - timedelta(hours=3, minutes=12, seconds=30))
    page = opened(window, interaction)
    expect(page.locator("#window-words")).to_have_text("Free text for 3 h 12 min")
    expect(page.locator("#composer-text")).to_be_visible()
    written.ago(interaction, DAY - timedelta(seconds=4))
    page.reload()
    expect(page.locator("#window-words")).to_contain_text("s", timeout=3_000)
    expect(page.locator("#window-words")).to_have_text(
        "Free text is closed until the customer writes; a template can be sent.", timeout=15_000
    )
    expect(page.locator("#composer-text")).to_be_hidden()
    expect(page.locator("#template-q")).to_be_visible()
    page.keyboard.press("n")
    expect(page.locator("#composer-text")).to_be_visible()


def test_a_template_is_found_filled_in_seen_and_sent(window: Window, written: Written, desk: Desk) -> None:
    interaction = written.by("+12025550101", "hello")
    written.take_over(interaction)
    written.ago(interaction, timedelta(days=2))
    page = opened(window, interaction)
    page.fill("#template-q", "order")
    expect(page.locator(".template-choice:visible")).to_have_count(1)
    page.fill("#template-q", "")
    expect(page.locator(".template-choice[data-off] input")).to_be_disabled()
    page.check("input[value=HX1]")
    expect(page.locator("#template-send")).to_be_disabled()
    page.fill("[name=place-1]", "Ana")
    expect(page.locator("#template-text")).to_have_text("Hi Ana, your order {{2}} is on its way.")
    page.fill("[name=place-2]", "two    wide")
    page.click("#template-send")
    expect(page.locator("#template-error")).to_contain_text("four spaces")
    page.fill("[name=place-2]", "A1004")
    page.keyboard.press("Enter")
    sent = page.locator(".item[data-role=operator] .bubble-text")
    expect(sent).to_have_text("Hi Ana, your order A1004 is on its way.")
    expect(page.locator(".template-mark")).to_contain_text("order_update")
    until(lambda: written.channel.sent)
    (outbound,) = written.channel.sent
    assert outbound.content["template"]["variables"] == {"1": "Ana", "2": "A1004"}
    desk.reports(desk.messages(interaction)[-1], "read")
    expect(page.locator(".item[data-role=operator] .tick[data-read]")).to_be_visible()


def test_what_is_parked_offers_a_template_in_the_open_thread(window: Window, written: Written, desk: Desk) -> None:
    interaction = written.by("+12025550101", "hello")
    written.take_over(interaction)
    ana = desk.user("ana@example.com")
    said = desk.run(desk.hub.say(desk.home, interaction, "In time, I thought", operator=ana))
    page = opened(window, interaction)
    until(lambda: desk.messages(interaction)[-1].status == "sent")
    refused = Inbound(
        "whatsapp", "status", uuid4().hex, about=str(said.id), status="failed", code="63016",
        words="Send an approved template.", outside_window=True,
    )  # fmt: skip
    desk.run(desk.hub.receive(refused))
    expect(page.locator(".item-error")).to_contain_text("Send an approved template.")
    expect(page.locator("#composer-text")).to_be_hidden()  # what the provider says of the window counts
    page.click(".item-error [data-templates]")
    expect(page.locator("#template-q")).to_be_focused()
    written.by("+12025550101", "I am back")
    expect(page.locator("#window-words")).to_contain_text("Free text for")
    page.keyboard.press("Escape")
    expect(page.locator("#composer-text")).to_be_focused()


def test_the_picker_comes_and_goes_by_keyboard(window: Window, written: Written) -> None:
    interaction = written.by("+12025550101", "hello")
    written.take_over(interaction)
    page = opened(window, interaction)
    page.keyboard.press("w")
    expect(page.locator("#template-q")).to_be_focused()
    expect(page.locator("#composer-text")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#composer-text")).to_be_focused()


def test_a_thread_full_of_markup_shows_it_and_runs_none_of_it(window: Window, written: Written, desk: Desk) -> None:
    person, interaction = "+12025550101", None
    for number, evil in enumerate(MARKUP):
        content = {
            "button": {"text": evil, "payload": evil},
            "place": {"label": evil, "address": evil, "latitude": evil, "longitude": evil},
            "referral": {"headline": evil, "text": evil, "url": evil, "kind": evil},
            "answers": {"message_id": evil, "text": evil, "by": evil},
            "reaction": evil,
        }
        files = (File(evil, "image/png", picture()), File(evil, evil, b"x"), File(evil, "text/html", evil.encode()))
        media = (Media(evil, evil, evil), Media("http://127.0.0.1:1/x", evil, evil, fault=evil))
        interaction = written.by(person, f"{number} {evil}", name=evil, content=content, files=files, media=media)
    assert interaction is not None
    written.channel.known = [
        Template(
            f"HX{number}", evil, evil, f"{evil} {{{{1}}}}", {"1": evil}, evil, buttons=(evil, "{{1}}"), reason=evil
        )
        for number, evil in enumerate(MARKUP)
    ]
    written.take_over(interaction)
    ana = desk.user("ana@example.com")
    said = [desk.run(say_template(desk, interaction, f"HX{at}", MARKUP[at], ana)) for at in (0, 1, 11)]
    for message, evil in zip(said, MARKUP, strict=False):
        desk.reports(message, "failed", words=evil, code=evil[:20])
    written.ago(interaction, timedelta(days=2))
    page = opened(window, interaction)
    page.wait_for_selector(".template-choice")
    for at in (0, 5, 11):
        page.locator(".template-choice input").nth(at).check(force=True)
        page.fill("[name=place-1]", MARKUP[at])
        expect(page.locator("#template-text")).to_contain_text(MARKUP[at][:20].strip())
    for at in range(3):
        page.locator("[data-view]").nth(at).click()
        expect(page.locator("#viewer-name")).not_to_be_empty()
        page.keyboard.press("Escape")
    shown = page.locator("#items .bubble-text").all_text_contents()
    assert {f"{number} {evil}" for number, evil in enumerate(MARKUP)} <= set(shown)
    assert page.evaluate("window.ran") is None
    assert (
        page.locator("#items :is(script, iframe, style, form, base, object, svg[onload], [onerror], [onload])").count()
        == 0
    )
    assert not [url for url in page.evaluate("[...document.links].map(a => a.href)") if url.startswith("javascript:")]
    page.goto(f"/interactions/{interaction}")
    expect(page.locator("#items .item").first).to_be_visible()
    page.goto("/inbox?view=all")
    expect(page.locator(".row")).to_have_count(1)
    assert page.evaluate("window.ran") is None


async def say_template(desk: Desk, interaction: UUID, template_id: str, value: str, by: User) -> Message:
    text, content = await filled(desk.hub.context, "whatsapp", template_id, {"1": value})
    return await desk.hub.say(desk.home, interaction, text, operator=by, content=content)


def test_pictures_are_looked_at_by_keyboard(window: Window, written: Written, desk: Desk) -> None:
    files = tuple(File(f"picture {number}.png", "image/png", picture()) for number in (1, 2, 3))
    interaction = written.by("+12025550101", "three", files=(*files, File("list.pdf", "application/pdf", b"%PDF-1.4")))
    page = opened(window, interaction)
    page.locator("[data-view]").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#media-dialog")).to_be_visible()
    expect(page.locator("#viewer-place")).to_have_text("1 of 3")
    for key, name in (("ArrowRight", "2"), ("End", "3"), ("ArrowRight", "3"), ("ArrowLeft", "2"), ("Home", "1")):
        page.keyboard.press(key)
        expect(page.locator("#viewer-name")).to_have_text(f"picture {name}.png")
    assert page.evaluate("document.querySelector('#viewer-stage img').naturalWidth") > 0
    with page.expect_download() as download:
        page.click("#viewer-download")
    assert download.value.suggested_filename == "picture 1.png"
    page.keyboard.press("Escape")
    expect(page.locator("#media-dialog")).to_be_hidden()
    expect(page.locator("[data-view]").first).to_be_focused()
    with page.expect_download() as document:
        page.click(".media-card")
    assert document.value.suggested_filename == "list.pdf"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_nothing_is_wider_than_the_page(window: Window, written: Written, width: int) -> None:
    interaction = written.by("+12025550101", "x" * 300, files=(File("y" * 190 + ".bin", "application/pdf", b"x"),))
    written.take_over(interaction)
    written.ago(interaction, timedelta(days=2))
    page = opened(window, interaction, width)
    page.wait_for_selector(".template-choice")
    page.locator(".template-choice input").first.check(force=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def picture() -> bytes:
    """A small PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x40\x90\x60" * 40) * 30)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
