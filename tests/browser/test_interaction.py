"""The page of a call in Chromium: waveform, sound and transcript in step, downloads, a call that goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from hub.store import interactions
from tests.desk import Desk, until
from tests.test_pages_interaction_calls import EVIL, a_call, say, sound_of

Window = Callable[..., Page]


def call_at(desk: Desk, **how: Any) -> UUID:
    context = desk.hub.context
    it: UUID = desk.run(a_call(context.store, desk.home, desk.folder, context.clock.now(), **how))
    return it


def opened(window: Window, it: UUID, width: int = 1440) -> Page:
    page = window(path=f"/interactions/{it}", width=width)
    page.wait_for_selector('#player[data-drawn="1"]')
    return page


def now_seconds(page: Page) -> float:
    return float(page.evaluate("hubPlayer.nowMs() / 1000"))


def place(page: Page) -> int:
    return int(page.locator("#wave").get_attribute("aria-valuenow") or -1)


def test_a_sentence_seeks_plays_and_is_marked_while_it_sounds(desk: Desk, window: Window) -> None:
    page = opened(window, call_at(desk))
    expect(page.locator("#player-length")).to_have_text("0:12")
    assert page.locator("#wave").evaluate("box => [...box.children].some(child => child.shadowRoot)")
    sentence = page.get_by_role("link", name="We open at nine.")
    sentence.click()
    until(lambda: now_seconds(page) > 7.3)
    expect(sentence).to_have_attribute("aria-current", "true")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    greeting = page.get_by_role("link", name="How can I help?")
    greeting.focus()
    page.keyboard.press("Enter")
    expect(greeting).to_have_attribute("aria-current", "true")
    assert 1.9 < now_seconds(page) < 4
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="what are your hours")).to_be_focused()


def test_the_waveform_is_moved_through_by_mouse_and_keyboard(desk: Desk, window: Window) -> None:
    page = opened(window, call_at(desk))
    wave = page.locator("#wave")
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 2, "y": 20})
    expect(wave).to_have_attribute("aria-valuetext", "0:06 of 0:12")
    wave.focus()
    page.keyboard.press("ArrowLeft")
    expect(wave).to_have_attribute("aria-valuenow", "1")
    page.keyboard.press("End")
    expect(wave).to_have_attribute("aria-valuenow", "12")
    page.keyboard.press("Home")
    expect(wave).to_have_attribute("aria-valuenow", "0")
    marks = page.locator(".wave-mark")
    expect(marks.first).to_have_attribute("aria-label", "Tool find slot, 0:06")
    assert "The customer interrupted, 0:09" in (marks.nth(1).get_attribute("aria-label") or "")
    marks.first.click()
    expect(wave).to_have_attribute("aria-valuenow", "5")
    expect(page.locator('.wave-shades [data-kind="redacted"]')).to_have_count(1)


def test_one_lane_is_heard_alone_at_another_speed_without_its_silence(desk: Desk, window: Window) -> None:
    page = opened(window, call_at(desk))
    with page.expect_request(lambda request: "lane=customer" in request.url):
        page.check("#lanes [value=customer]")
    page.select_option("#speed", "2")
    page.check("#skip-silence")
    page.click("#play")
    until(lambda: now_seconds(page) > 4.3)
    page.check("#lanes [value=others]")
    until(lambda: now_seconds(page) > 7.0)
    expect(page.locator("#speed")).to_have_value("2")


def test_what_was_not_heard_is_struck_and_nothing_said_becomes_markup(desk: Desk, window: Window) -> None:
    page = opened(window, call_at(desk))
    struck = page.locator("del.unheard")
    assert [text.removeprefix("Not heard: ") for text in struck.all_text_contents()] == [
        "we are closed.", "Anything else?", "Nobody heard this.",
    ]  # fmt: skip
    expect(page.locator(".cut-mark").first).to_have_text("interrupted")
    assert " ".join(EVIL.split()) in " ".join(page.locator('.item[data-role="operator"]').inner_text().split())
    expect(page.locator(".latency")).to_have_count(1)
    expect(page.locator(".latency")).to_contain_text("950 ms")


@pytest.mark.parametrize(
    ("link", "ending", "begins"),
    [
        ("Customer only", "-customer.wav", b"RIFF"),
        ("Stereo, customer left", "-stereo.wav", b"RIFF"),
        ("Subtitles (WebVTT)", ".vtt", b"WEBVTT"),
        ("JSON", ".json", b"{"),
    ],
)
def test_sound_and_words_are_taken_away(desk: Desk, window: Window, link: str, ending: str, begins: bytes) -> None:
    it = call_at(desk)
    page = opened(window, it)
    page.click(".player-downloads summary")
    with page.expect_download() as waiting:
        page.locator(".player-downloads").get_by_role("link", name=link).click()
    assert waiting.value.suggested_filename == f"{it}{ending}"
    assert Path(waiting.value.path()).read_bytes().startswith(begins)


def test_a_call_that_goes_on_grows_on_its_page_until_it_ends(desk: Desk, window: Window) -> None:
    it = call_at(desk, live=True)
    page = opened(window, it)
    page.wait_for_selector('html[data-live="on"]')
    expect(page.locator("#interaction-head")).to_contain_text("live")
    expect(page.locator("#duration time")).to_have_attribute("data-style", "timer")
    with (desk.folder / f"recordings/{it}-0.wav").open("ab") as file:
        file.write(sound_of(3).tobytes())

    async def goes_on() -> None:
        async with desk.hub.context.store.write() as db:
            held = await interactions.locked(db, it)
            assert held is not None
            await say(db, held, "customer", "are you still there", from_ms=12_500, to_ms=14_000)

    desk.run(goes_on())
    said = page.get_by_role("link", name="are you still there")
    expect(said).to_be_visible()
    expect(page.locator("#player-length")).to_have_text("0:15")
    said.click()
    until(lambda: now_seconds(page) > 12.6)
    desk.run(desk.hub.end(desk.home, it, "operator_hangup"))
    expect(page.locator("#interaction-head")).to_contain_text("a colleague hung up")
    expect(page.locator("#duration time")).to_have_count(0)


def test_a_call_of_several_parts_is_one_transcript(desk: Desk, window: Window) -> None:
    page = opened(window, call_at(desk, parts=2))
    parts = page.locator("#player-parts button")
    expect(parts).to_have_count(2)
    parts.nth(1).click()
    expect(parts.nth(1)).to_have_attribute("aria-pressed", "true")
    assert now_seconds(page) == 20
    page.get_by_role("link", name="what are your hours").click()
    expect(parts.nth(0)).to_have_attribute("aria-pressed", "true")
    until(lambda: 4.6 < now_seconds(page) < 9)


def test_without_sound_the_transcript_is_still_there(desk: Desk, window: Window) -> None:
    page = window(path=f"/interactions/{call_at(desk, record=False)}")
    expect(page.locator("#player-note")).to_contain_text("calls are not recorded")
    expect(page.locator("#player-sound")).to_be_hidden()
    expect(page.locator("#player-text").get_by_role("link")).to_have_count(3)
    expect(page.locator("#items")).to_contain_text("what are your hours")


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_page_fits_its_window(desk: Desk, window: Window, width: int) -> None:
    page = opened(window, call_at(desk, name="Maximiliane Oberhauser-Wintergarten of Somewhere"), width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in page.locator("#player button:visible, #player summary").all():
        size = button.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 24


def test_the_inbox_plays_a_call_in_its_thread(desk: Desk, window: Window) -> None:
    it = call_at(desk)
    page = window(path=f"/inbox?view=closed&interaction={it}")
    audio = page.locator(".call-card audio")
    audio.evaluate("audio => audio.play()")
    until(lambda: audio.evaluate("audio => audio.currentTime") > 0.3)
    assert float(audio.evaluate("audio => audio.duration")) == 12_000 / 1000
    expect(page.locator("#composer-text")).to_have_attribute("placeholder", "Write a note. Only colleagues see it.")
    page.get_by_role("link", name="Waveform and transcript").click()
    page.wait_for_url(f"**/interactions/{it}")
