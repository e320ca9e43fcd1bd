"""The web chat in Chromium, on a page of another origin."""

import base64
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, WebSocketRoute, expect, sync_playwright
from sqlmodel import col, select

from hub.core import chatting
from hub.models import Interaction
from tests.browser import CHROMIUM
from tests.webchat import GREETING, Site, running, until

HOST_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>A shop</title>
<style>* {{ font: 40px serif; color: red; }} button, iframe {{ display: none; position: static; }}</style></head>
<body><h1>A shop</h1><script src="{url}/static/chat/widget.js" data-widget="{key}" async></script></body></html>"""
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NASTY = [
    "<img src=x onerror=\"document.title='pwned'\">",
    "<script>document.title='pwned'</script>",
    "javascript:document.title='pwned'",
    "https://shop.example/\"onmouseover=\"document.title='pwned'",
    "{{7*7}} ${7*7} &lt;b&gt;",
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and its origin."""
    folder = Path(tmp_path_factory.mktemp("pages"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pages: tuple[Path, str]) -> Iterator[Site]:
    with running(Path(tmp_path_factory.mktemp("hub")), [pages[1]]) as made:
        for key in ("shop", "closed"):
            (pages[0] / f"{key}.html").write_text(HOST_PAGE.format(url=made.url, key=key))
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1024, "height": 768}, locale="en-US")
    made.set_default_timeout(10_000)
    yield made
    made.close()


def visit(context: BrowserContext, address: str) -> tuple[Page, list[str]]:
    """Open it; gives the page and all that goes wrong in it."""
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    page.goto(address)
    return page, faults


def open_chat(page: Page) -> FrameLocator:
    page.get_by_role("button", name="Chat with us").click()
    return page.frame_locator("iframe")


def write(chat: FrameLocator | Page, text: str) -> None:
    box = chat.get_by_label("Your message")
    box.fill(text)
    box.press("Enter")


def newest(site: Site) -> UUID:
    """The newest interaction."""
    found = until(lambda: site.rows(select(Interaction.id).order_by(col(Interaction.created_at).desc())))
    assert isinstance(found[0], UUID)
    return found[0]


def test_the_widget_on_another_site_talks_with_the_agent(
    site: Site, pages: tuple[Path, str], context: BrowserContext
) -> None:
    page, faults = visit(context, f"{pages[1]}/shop.html")
    chat = open_chat(page)
    expect(chat.get_by_text(GREETING)).to_be_visible()
    expect(chat.get_by_text("You are talking with Maya, an AI assistant")).to_be_visible()
    expect(chat.get_by_label("Your message")).to_be_focused()
    write(chat, "Hello there")
    expect(chat.locator(".ours .bubble")).to_have_text("You: Hello there")
    expect(chat.locator(".ours .tick.sent")).to_have_count(1)
    expect(chat.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    expect(chat.get_by_text(GREETING)).to_have_count(1)
    assert faults == []


def test_a_reload_and_another_tab_go_on_with_the_thread(
    site: Site, pages: tuple[Path, str], context: BrowserContext
) -> None:
    page, _ = visit(context, f"{pages[1]}/shop.html")
    write(open_chat(page), "Remember me")
    chat = page.frame_locator("iframe")
    expect(chat.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    page.reload()
    chat = open_chat(page)
    expect(chat.locator(".ours .bubble")).to_have_text("You: Remember me")
    expect(chat.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    other, _ = visit(context, f"{pages[1]}/shop.html")
    second = open_chat(other)
    expect(second.locator(".ours .bubble")).to_have_count(1)
    write(second, "From the other tab")
    expect(chat.get_by_text("From the other tab")).to_be_visible()


def test_what_is_written_without_a_network_is_sent_once_it_is_back(site: Site, context: BrowserContext) -> None:
    page, _ = visit(context, f"{site.url}/chat/shop")
    write(page, "Before the tunnel")
    expect(page.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    interaction = newest(site)
    context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    write(page, "In the tunnel")
    write(page, "Still in it")
    expect(page.locator(".tick.waiting")).to_have_count(2)
    site.take_over(str(interaction))
    site.answer(str(interaction), "Sam wrote meanwhile")
    context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_be_hidden()
    expect(page.get_by_text("Sam wrote meanwhile")).to_be_visible()
    expect(page.locator(".tick.sent")).to_have_count(3)
    said = [m.text for m in site.messages(site.interaction(interaction).thread) if m.role == "customer"]
    assert said == ["Before the tunnel", "In the tunnel", "Still in it"]


def test_what_was_not_sent_survives_a_reload(site: Site, context: BrowserContext) -> None:
    page, _ = visit(context, f"{site.url}/chat/shop")
    expect(page.get_by_text(GREETING)).to_be_visible()
    page.get_by_label("Your message").fill("half a thought")
    page.evaluate("""localStorage.setItem('hub-chat:shop:outbox',
        JSON.stringify([{id: 'left-over', text: 'Left over', at: new Date().toISOString()}]))""")
    page.reload()
    expect(page.locator(".ours .tick.sent")).to_have_count(1)
    expect(page.get_by_text("Left over")).to_be_visible()
    expect(page.get_by_label("Your message")).to_have_value("half a thought")


def test_a_site_that_is_not_allowed_cannot_frame_the_chat(
    site: Site, pages: tuple[Path, str], context: BrowserContext
) -> None:
    page, faults = visit(context, f"{pages[1]}/closed.html")
    page.get_by_role("button", name="Chat with us").click()
    until(lambda: page.wait_for_timeout(20) or faults)
    assert "frame-ancestors" in faults[0]
    until(lambda: page.wait_for_timeout(20) or any(frame.url.startswith("chrome-error:") for frame in page.frames[1:]))
    expect(page.get_by_text("The chat is not available on this page.")).to_be_visible(timeout=10_000)


def test_nothing_that_anybody_writes_runs_as_code(site: Site, pages: tuple[Path, str], context: BrowserContext) -> None:
    page, faults = visit(context, f"{pages[1]}/shop.html")
    chat = open_chat(page)
    for text in NASTY:
        write(chat, text)
        expect(chat.locator(".ours .bubble").filter(has_text=text)).to_be_visible()
    expect(chat.locator(".ours .tick.sent")).to_have_count(len(NASTY))
    interaction = str(newest(site))
    site.take_over(interaction)
    for text in NASTY:
        site.answer(interaction, text)
        expect(chat.locator(".theirs .bubble").filter(has_text=text)).to_be_visible()
    assert page.title() == "A shop"
    assert "pwned" not in page.frames[1].title()
    assert page.frames[1].locator(".log img, .log script, .log [onmouseover]").count() == 0
    for link in page.frames[1].locator(".log a").all():
        assert (link.get_attribute("href") or "").startswith("https://shop.example/")
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    assert faults == []


def test_an_operator_joins_and_what_was_not_seen_is_counted(
    site: Site, pages: tuple[Path, str], context: BrowserContext
) -> None:
    page, _ = visit(context, f"{pages[1]}/shop.html")
    chat = open_chat(page)
    write(chat, "I want to talk to a person")
    expect(chat.get_by_text("somebody will answer right here")).to_be_visible()
    page.keyboard.press("Escape")
    expect(chat.get_by_label("Your message")).to_be_hidden()
    expect(page.get_by_role("button", name="Chat with us")).to_be_focused()
    interaction = newest(site)
    site.take_over(str(interaction))
    said = site.answer(str(interaction), "Hi, I'm Sam")
    expect(page.get_by_role("button", name="Chat with us, 1 unread")).to_be_visible()
    thread = site.interaction(interaction).thread

    def status() -> str:
        return next(m.status for m in site.messages(thread) if m.id == said.id)

    until(lambda: status() == "delivered")
    page.keyboard.press("Enter")
    expect(chat.get_by_text("Sam joined")).to_be_visible()
    expect(chat.locator("#who")).to_have_text("Sam · here with you")
    until(lambda: status() == "read")
    assert page.locator("hub-chat .badge").is_hidden()


def test_a_conversation_is_ended_rated_and_begun_anew_by_keyboard(site: Site, context: BrowserContext) -> None:
    page, _ = visit(context, f"{site.url}/chat/shop")
    write(page, "That was all")
    expect(page.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    page.get_by_role("button", name="End this conversation").press("Enter")
    page.get_by_role("button", name="Keep chatting").press("Enter")
    expect(page.get_by_label("Your message")).to_be_visible()
    page.get_by_role("button", name="End this conversation").press("Enter")
    page.get_by_role("button", name="End it").press("Enter")
    expect(page.get_by_text("You ended this conversation.")).to_be_visible()
    page.get_by_role("radio", name="4 of 5: Good").press("Space")
    page.get_by_label("What should we know?").fill("Quick")
    page.get_by_role("button", name="Send rating").press("Enter")
    expect(page.get_by_text("Thank you for telling us.")).to_be_visible()
    interaction = newest(site)
    assert site.events(interaction, "interaction.rated")[0].data == {"score": 4, "words": "Quick"}
    page.get_by_role("button", name="Start a new conversation").press("Enter")
    expect(page.get_by_label("Your message")).to_be_focused()
    write(page, "And one more")
    expect(page.get_by_text("New conversation", exact=True)).to_have_count(1)
    expect(page.locator(".ours .tick.sent")).to_have_count(2)
    assert newest(site) != interaction
    expect(page.get_by_text(GREETING)).to_have_count(2)


def test_suggested_answers_are_buttons_that_answer(site: Site, context: BrowserContext) -> None:
    page, _ = visit(context, f"{site.url}/chat/shop")
    write(page, "hello")
    expect(page.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    site.offer(newest(site), "Which one?", ["The blue one", "الأزرق", "A" * 120])
    page.get_by_role("button", name="The blue one").click()
    expect(page.locator(".ours .bubble").last).to_have_text("You: The blue one")
    expect(page.get_by_role("button", name="The blue one")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390, 1024])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_at_any_width(
    site: Site, pages: tuple[Path, str], browser: Browser, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 640}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page, _ = visit(context, f"{pages[1]}/shop.html")
    chat = open_chat(page)
    for text in ("Donaudampfschifffahrt" * 20, "مرحبا، أين طلبي رقم A1004؟", "👩‍👧‍👦🎉", "x" * 4_000):
        write(chat, text)
    expect(chat.locator(".ours .tick.sent")).to_have_count(4)
    inner = page.frames[1]
    assert inner.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = inner.evaluate("""[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility()
        && !e.closest('.quiet') && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.className)""")
    assert wide == []
    panel = page.locator("hub-chat .panel").bounding_box()
    assert panel is not None
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= width
    assert panel["y"] >= 0
    context.close()


def test_a_form_says_what_is_wrong_before_it_is_sent(site: Site, context: BrowserContext) -> None:
    page, faults = visit(context, f"{site.url}/chat/shop")
    write(page, "A person please")
    expect(page.locator(".ours .tick.sent")).to_have_count(1)
    interaction = str(newest(site))
    site.take_over(interaction)
    fields = [
        {"name": "email", "label": "Your email", "type": "email"},
        {"name": "day", "label": "Day", "type": "date"},
    ]
    site.answer(interaction, "Where and when?", content={"rich": {"form": {"fields": fields}}})
    email = page.locator(".form").get_by_label("Your email")
    email.fill("nobody")
    page.locator(".form").get_by_role("button", name="Send").click()
    expect(email).to_be_focused()
    expect(email).to_have_attribute("aria-invalid", "")
    email.fill("ana@example.com")
    page.get_by_label("Day").fill("2026-12-01")
    page.keyboard.press("Enter")
    expect(page.locator(".ours .bubble").last).to_contain_text("ana@example.com")
    expect(page.locator(".form")).to_have_count(0)
    assert faults == []


def test_a_picture_is_dropped_in_sent_and_shown(site: Site, context: BrowserContext, tmp_path: Path) -> None:
    page, faults = visit(context, f"{site.url}/chat/shop")
    picture = tmp_path / "sofa.png"
    picture.write_bytes(PNG)
    page.set_input_files("#pick", picture)
    expect(page.locator(".attached[data-done]")).to_contain_text("sofa.png")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".ours .picture img")).to_have_count(1)
    expect(page.locator(".ours .tick.sent")).to_have_count(1)
    page.reload()
    expect(page.locator(".ours .picture img")).to_have_js_property("complete", True)
    assert page.locator(".ours .picture img").evaluate("image => image.naturalWidth") == 1
    page.set_input_files("#pick", {"name": "page.html", "mimeType": "text/html", "buffer": b"<script>"})
    expect(page.locator("#notice")).to_contain_text("cannot be sent here")
    assert faults == []


def test_a_file_picked_before_the_connection_stands_waits_for_it(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    held: list[WebSocketRoute] = []
    page.route_web_socket("**/hooks/webchat/live", lambda socket: held.append(socket))  # with nobody for now
    page.goto(f"{site.url}/chat/shop")
    page.set_input_files("#pick", {"name": "sofa.png", "mimeType": "image/png", "buffer": PNG})
    expect(page.locator(".attached")).to_contain_text("sofa.png")
    expect(page.locator("#notice")).to_be_empty()
    page.route_web_socket("**/hooks/webchat/live", lambda socket: socket.connect_to_server())
    for socket in held:
        socket.close()
    expect(page.locator(".attached[data-done]")).to_contain_text("sofa.png")


def test_what_is_written_before_the_connection_stands_is_shown_as_after_a_reload(
    site: Site, context: BrowserContext
) -> None:
    page = context.new_page()
    held: list[WebSocketRoute] = []
    page.route_web_socket("**/hooks/webchat/live", lambda socket: held.append(socket))  # with nobody for now
    page.goto(f"{site.url}/chat/shop")
    write(page, "Too quick for you")
    expect(page.locator(".ours .tick.waiting")).to_have_count(1)
    page.route_web_socket("**/hooks/webchat/live", lambda socket: socket.connect_to_server())
    for socket in held:
        socket.close()
    expect(page.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    expect(page.locator(".ours .tick.sent")).to_have_count(1)
    expect(page.locator(".follows")).to_have_count(0)
    before = page.locator("#log .bubble").all_inner_texts()
    page.reload()
    expect(page.locator(".theirs .bubble:not(.dots)")).to_have_count(2)
    assert page.locator("#log .bubble").all_inner_texts() == before


def test_an_operator_is_seen_writing_and_having_read(site: Site, context: BrowserContext) -> None:
    page, _ = visit(context, f"{site.url}/chat/shop")
    write(page, "A person please")
    expect(page.locator(".ours .tick.sent")).to_have_count(1)
    interaction = newest(site)
    site.take_over(str(interaction))
    write(page, "Anybody?")
    expect(page.locator(".ours .tick.sent")).to_have_count(2)
    home = site.operator.workspace_id
    site.run(chatting.mark_read(site.hub.context, home, interaction, site.operator))
    expect(page.locator(".ours").last.locator(".seen")).to_have_text("Seen")
    topic = f"thread:{home}:{site.interaction(interaction).thread}"
    site.loop.call_soon_threadsafe(site.hub.context.store.bus.publish, [(topic, "typing:Sam")])
    expect(page.locator("#typing-words")).to_have_text("Sam is writing…")
    expect(page.locator("#typing")).to_be_visible()
