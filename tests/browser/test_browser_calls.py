"""Calls from the pages in Chromium, end to end without any vendor: somebody speaks, is understood, and gets a slot."""

from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, Playwright, expect, sync_playwright
from sqlmodel import col, select

from hub.models import Address, Interaction, Message, User
from tests.browser import CHROMIUM
from tests.browser.spoken_world import (
    Demo,
    Opened,
    ended,
    events,
    loudness,
    newest_call,
    recording_of,
    say,
    wait,
    wav,
    windows,
)
from tests.browser.test_web_call import FLAGS
from tests.browser.test_webchat import HOST_PAGE, _Quiet

ASKS = "I need to see a dentist."
REFUSED = """navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("no", "NotAllowedError");
}"""
WATCH = """(() => {
  window.grown = [];
  new MutationObserver(() => {
    for (const bubble of document.querySelectorAll(".bubble[data-growing], [data-growing] .bubble"))
      if (grown.at(-1) !== bubble.textContent) grown.push(bubble.textContent);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
})()"""
"""Keeps what has stood in a bubble that was still growing."""
WIDE = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="module")
def chromium(playwright: Playwright, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Its own microphone hears somebody ask for a dentist, over and over."""
    path = tmp_path_factory.mktemp("microphone") / "asks.wav"
    path.write_bytes(wav(demo, ASKS, before_ms=1_500, after_ms=7_000))
    made = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*FLAGS, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={path}"],
    )
    yield made
    made.close()


@pytest.fixture
def window(chromium: Browser, demo: Demo) -> Iterator[Opened]:
    with windows(chromium, demo) as opened:
        yield opened


# the playground


class Caller:
    """Somebody who calls the agent from the playground and speaks when it is their turn."""

    def __init__(self, demo: Demo, page: Page) -> None:
        self.demo, self.page, self.turns = demo, page, 0

    def calls(self) -> None:
        self.page.get_by_role("radio", name="Call", exact=True).check()
        self.page.get_by_role("button", name="Call Maya").click()
        self.may_speak()

    def says(self, text: str) -> None:
        """Say it, and hear the answer out."""
        say(self.demo, self.page, text)
        self.turns += 1
        expect(self.page.locator(f'.voice-items[data-customer="{self.turns}"]')).to_be_attached()
        self.may_speak()

    def may_speak(self) -> None:
        """The agent has had its say."""
        state, last = self.page.locator("[data-part=state]"), self.page.locator(".voice-items > .bubble-row").last
        wait(
            self.page,
            lambda: (
                state.inner_text() == "Your turn: speak"
                and self.page.locator(".voice-items > .bubble-row").count() > self.turns
                and last.get_attribute("data-role") == "agent"
                and not last.locator("[data-speaking]").count()
            ),
        )


def a_free_time(demo: Demo, day: str) -> tuple[str, str]:
    """One that can be had on that day, and how people say it."""
    free = httpx.get(f"{demo.sandbox_url}/clinic/slots", params={"date": day}).json()["slots"]
    said = {"09:30": "Nine thirty in the morning.", "10:30": "At ten thirty.", "11:00": "At eleven o'clock."}
    return next((time, words) for time, words in said.items() if time in free)


def test_a_caller_books_a_slot_by_voice_and_the_recording_plays_both(demo: Demo, window: Opened) -> None:
    page = window(f"/agents/{demo.agent().id}/playground", "bea@example.com")
    caller = Caller(demo, page)
    caller.calls()
    page.evaluate(WATCH)
    call = newest_call(demo)
    assert call.test
    assert call.parameters["sandbox_url"] == demo.sandbox_url
    for sentence in ("Hello, I'd like to book an appointment.", "A cleaning, please.", "Next Tuesday."):
        caller.says(sentence)
    day = events(demo, call.id, "field.collected")[-1]["value"]
    at, words = a_free_time(demo, day)
    for sentence in (words, "Emily Clark.", "2 0 2, 5 5 5, 0 1 4 3."):
        caller.says(sentence)
    say(demo, page, "Yes, please.")
    log = page.locator(".voice-log")
    expect(log.locator(".tool-card").filter(has_text="book_appointment")).to_contain_text("ok")

    collected = {data["field"]: data["value"] for data in events(demo, call.id, "field.collected")}
    wanted = {"reason": "cleaning", "date": day, "time": at, "name": "Emily Clark", "phone": "+12025550143"}
    assert collected == wanted
    assert at not in httpx.get(f"{demo.sandbox_url}/clinic/slots", params={"date": day}).json()["slots"]

    expect(log.locator("[data-role=customer] .bubble").first).to_have_text("hello I'd like to book an appointment")
    expect(page.locator(".voice-known")).to_contain_text("Emily Clark")
    expect(page.locator("[data-part=latency]")).to_contain_text("ms")
    grown = page.evaluate("grown")
    assert any(0 < len(text.split()) < 5 and "hello I'd like to book".startswith(text) for text in grown), grown

    page.get_by_role("button", name="Hang up").click()
    expect(page.locator("[data-part=over]")).to_contain_text("You hung up.")
    assert ended(demo, page, call).ended_reason == "customer_hangup"
    wait(page, lambda: recording_of(demo, call).finished_at)
    customer, agent = loudness(demo.folder / recording_of(demo, call).path)
    assert customer > 100
    assert agent > 100

    page.get_by_role("link", name="Recording and transcript").click()
    page.wait_for_selector('#player[data-drawn="1"]')
    expect(page.locator("#thread")).to_contain_text("next Tuesday")
    page.locator("#play").click()
    wait(page, lambda: page.evaluate("hubPlayer.nowMs() > 1000"))


def test_keys_mute_and_the_next_call(demo: Demo, window: Opened) -> None:
    page = window(f"/agents/{demo.agent().id}/playground?mode=call", "bea@example.com", width=390)
    page.get_by_role("button", name="Call Maya").click()
    expect(page.locator("[data-part=acts]")).to_be_visible()
    expect(page.locator("[data-part=timer]")).to_have_text("0:01")
    mute = page.locator("[data-part=mute]")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    expect(mute).to_have_text("Muted")
    page.get_by_role("button", name="Keypad").click()
    page.locator("[data-key='4']").click()
    page.keyboard.press("2")
    expect(page.locator(".voice-items")).to_contain_text("The customer pressed 2")
    assert not page.evaluate(WIDE)
    assert [data["digit"] for data in events(demo, newest_call(demo).id, "call.digit")] == ["4", "2"]
    page.get_by_role("button", name="Hang up").click()
    page.get_by_role("button", name="New call").click()
    expect(page.get_by_role("button", name="Call Maya")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".voice-items .bubble")).to_have_count(1)
    call = newest_call(demo)
    page.goto("/agents")
    ended(demo, page, call)


def test_a_refused_microphone_is_told_in_words_on_both_pages(demo: Demo, window: Opened) -> None:
    page = window(f"/agents/{demo.agent().id}/playground?mode=call", "bea@example.com", microphone=REFUSED)
    page.get_by_role("button", name="Call Maya").click()
    expect(page.locator("[data-part=fault]")).to_contain_text("The microphone is not allowed.")
    expect(page.get_by_role("button", name="Call Maya")).to_be_visible()
    page = window("/chat/clinic", microphone=REFUSED)
    page.get_by_role("button", name="start a call").click()
    expect(page.get_by_role("alert")).to_contain_text("The microphone is not allowed.")
    expect(page.locator("#callbar")).to_be_hidden()
    expect(page.get_by_role("button", name="start a call")).to_be_visible()


# the web chat


def spoken(page: Page | FrameLocator) -> Any:
    return page.locator(".row.spoken .bubble")


def test_a_visitor_goes_from_writing_to_speaking_and_back_in_one_thread(demo: Demo, window: Opened) -> None:
    page = window("/chat/clinic", width=390)
    page.get_by_label("Your message").fill("I want to talk to a person")
    page.keyboard.press("Enter")
    expect(page.get_by_text("somebody will answer right here")).to_be_visible()
    page.get_by_role("button", name="start a call").click()
    expect(spoken(page)).to_have_count(1)
    page.evaluate(WATCH)
    expect(page.locator("#call-state")).to_have_text("Speak now", timeout=20_000)
    assert not page.evaluate(WIDE)
    say(demo, page, "Hello, I'd like to book an appointment.")
    expect(spoken(page).nth(1)).to_have_text("You said: hello I'd like to book an appointment")
    expect(spoken(page).nth(2)).to_contain_text("What would you like to come in for?")
    assert page.evaluate("grown.some((text) => text.startsWith('You said: hello'))")
    sam_writes(demo, "Hi, Sam here. I am reading along.")
    expect(page.get_by_text("I am reading along.")).to_be_visible()
    expect(page.locator("#call-time")).to_contain_text("0:")
    page.get_by_role("button", name="Hang up").click()
    expect(page.locator(".note.of-call")).to_contain_text(" s")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type("Thanks, that was quick")
    page.keyboard.press("Enter")
    expect(page.locator(".ours .bubble").last).to_have_text("You: Thanks, that was quick")
    expect(page.locator(".ours .tick.sent")).to_have_count(2)
    before = thread(page)
    page.reload()
    expect(page.locator(".ours .bubble")).to_have_count(3)
    assert thread(page) == before
    call = newest_call(demo)
    (chat,) = demo.rows(
        select(Interaction).where(Interaction.channel == "webchat", Interaction.customer_id == call.customer_id)
    )
    assert chat.person == call.person


def thread(page: Page) -> list[str]:
    rows: list[str] = page.evaluate(
        "[...document.querySelectorAll('#log .bubble, #log .of-call')].map((e) => e.innerText)"
    )
    return rows


def sam_writes(demo: Demo, text: str) -> None:
    """Sam takes the newest chat over and writes in it."""
    sam = demo.rows(select(User).where(User.email == "sam@example.com"))[0]
    query = select(Message).where(Message.channel == "webchat").order_by(col(Message.created_at).desc()).limit(1)
    chat = demo.rows(query)[0]
    demo.run(demo.hub.take_over(sam.workspace_id, chat.interaction_id, sam))
    demo.run(demo.hub.say(sam.workspace_id, chat.interaction_id, text, operator=sam))


@pytest.fixture
def other_site(demo: Demo, tmp_path: Path) -> Iterator[str]:
    """A page of another origin with the widget in it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    url = f"http://127.0.0.1:{server.server_port}"
    (tmp_path / "index.html").write_text(HOST_PAGE.format(url=demo.url, key="clinic"))

    async def allow() -> None:
        async with demo.hub.context.store.write() as db:
            query = select(Address).where(Address.channel == "webchat", Address.value == "clinic")
            (await db.exec(query)).one().options = {"origins": [url]}

    demo.run(allow())
    serving = Thread(target=server.serve_forever)
    serving.start()
    yield url
    server.shutdown()
    serving.join()
    server.server_close()


def test_the_browsers_own_microphone_is_heard_through_the_widget_on_another_site(
    demo: Demo, window: Opened, other_site: str
) -> None:
    page = window(other_site, microphone="")
    page.get_by_role("button", name="Chat with us").click()
    chat = page.frame_locator("iframe")
    chat.get_by_role("button", name="start a call").click()
    expect(spoken(chat).filter(has_text="I need to see a dentist").first).to_be_visible(timeout=30_000)
    expect(spoken(chat).filter(has_text="What would you like to come in for?").first).to_be_visible()
    page.get_by_role("button", name="Close the chat").first.click()
    page.get_by_role("button", name="Chat with us, in a call").click()
    chat.get_by_role("button", name="Hang up").click()
    expect(chat.locator("#callbar")).to_be_hidden()
    ended(demo, page, newest_call(demo))
