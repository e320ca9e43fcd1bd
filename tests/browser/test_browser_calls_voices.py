"""Voices in Chromium: one is searched, heard and taken; a call is spoken by a vendor, and by others when it fails."""

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from fixtures.sandbox import tones
from hub.core.accounts import Accounts
from hub.core.live import warm_up
from hub.engine import Account
from tests.browser import CHROMIUM
from tests.browser.spoken_world import (
    Demo,
    Opened,
    ended,
    events,
    newest_call,
    recording_of,
    wait,
    windows,
)
from tests.browser.test_browser_calls import WIDE, Caller
from tests.browser.test_web_call import FLAGS

BUILDER = "bea@example.com"
GEORGE = "JBFqnCBsd6RMkjVDRZzb"
MOST_SECONDS = 4.0


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def vendors(demo: Demo) -> Iterator[httpx.Client]:
    """The sandbox's, with accounts of ours; they behave at the end."""
    context = demo.hub.context
    before, context.accounts = context.accounts, Accounts({
        "elevenlabs": Account("sandbox", f"{demo.sandbox_url}/elevenlabs"),
        "openai": Account("sandbox", f"{demo.sandbox_url}/openai/v1"),
    })  # fmt: skip
    with httpx.Client(base_url=f"{demo.sandbox_url}/control/engines") as made:
        yield made
        for vendor in ("elevenlabs", "openai-audio"):
            made.delete(f"/{vendor}")
    context.accounts = before


@pytest.fixture
def window(chromium: Browser, demo: Demo, vendors: httpx.Client) -> Iterator[Opened]:
    with windows(chromium, demo) as opened:
        yield opened


def misbehave(vendors: httpx.Client, vendor: str, name: str, **more: Any) -> None:
    assert vendors.post(f"/{vendor}", json={"fault": {"name": name, **more}}).status_code == 200


def choosing(demo: Demo, window: Opened, width: int = 1440) -> Page:
    page = window(f"/agents/{demo.agent().id}/voice", BUILDER, width)
    page.get_by_role("button", name="Choose: ElevenLabs voice").click()
    expect(page.get_by_role("dialog", name="Choose a voice")).to_be_visible()
    return page


def test_a_voice_is_searched_heard_and_taken(demo: Demo, window: Opened) -> None:
    page = choosing(demo, window)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_count(8)
    dialog.get_by_role("searchbox", name="Search voices").fill("british")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    with page.expect_response("**/voices/preview**") as heard:
        dialog.get_by_role("button", name="Hear George").click()
    assert heard.value.status in (200, 206)
    expect(dialog.get_by_role("button", name="Hear George")).to_have_attribute("aria-pressed", "true")
    expect(dialog.get_by_role("button", name="Hear George")).to_have_attribute("aria-pressed", "false")  # to its end
    dialog.get_by_role("button", name="Use George").click()
    expect(dialog).not_to_be_visible()
    field = page.get_by_label("ElevenLabs voice", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_value(GEORGE)
    page.get_by_role("button", name="Save draft", exact=True).click()
    expect(page.get_by_text("Saved as a draft.")).to_be_visible()
    assert demo.agent().edited["call"]["speaking"]["voices"]["elevenlabs"] == GEORGE


def test_what_a_vendor_does_not_give_is_told_in_words(demo: Demo, window: Opened, vendors: httpx.Client) -> None:
    misbehave(vendors, "elevenlabs", "500", stage="preview")
    page = choosing(demo, window)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Hear Rachel").click()
    expect(dialog.get_by_role("status")).to_contain_text("could not be fetched: it answered 500")
    vendors.delete("/elevenlabs")
    demo.hub.context.catalogues.forget()
    misbehave(vendors, "elevenlabs", "401", stage="voices", count=1)
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Choose: ElevenLabs voice").click()
    expect(dialog.get_by_role("alert")).to_contain_text("ElevenLabs does not accept our account (401): Invalid API key")
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.get_by_role("listitem")).to_have_count(8)


def test_embedded_voices_are_heard_on_a_phone_without_scrolling_sideways(demo: Demo, window: Opened) -> None:
    page = window(f"/agents/{demo.agent().id}/voice", BUILDER, 390)
    page.get_by_role("button", name="Choose: Embedded voice").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("searchbox").fill("german woman")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    with page.expect_response("**/voices/preview**") as heard:
        dialog.get_by_role("button", name="Hear German, woman").click()
    assert heard.value.headers["content-type"] == "audio/wav"
    assert not page.evaluate(WIDE)
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(page.get_by_role("button", name="Choose: Embedded voice")).to_be_focused()


def test_a_browser_call_is_spoken_by_the_vendor_and_by_others_when_it_fails(
    demo: Demo, window: Opened, vendors: httpx.Client
) -> None:
    demo.changes("Maya", speaking={"engine": "auto"})
    demo.run(warm_up(demo.hub.context, demo.agent().workspace_id, demo.agent().definition))
    caller = Caller(demo, window(f"/agents/{demo.agent().id}/playground", BUILDER))
    caller.calls()
    misbehave(vendors, "elevenlabs", "reset_middle", stage="speech", after=4)
    caller.says("What are your opening hours?")
    misbehave(vendors, "openai-audio", "never", stage="speech")
    caller.says("What are your opening hours?")
    call = newest_call(demo)
    caller.page.get_by_role("button", name="Hang up").click()
    call = ended(demo, caller.page, call)
    failed = [(one["engine"], one["why"]) for one in events(demo, call.id, "engine.failed")]
    assert [engine for engine, _ in failed] == ["elevenlabs", "openai"], failed
    assert "ElevenLabs" in failed[0][1]
    recording = recording_of(demo, call)
    wait(caller.page, lambda: recording_of(demo, call).finished_at)
    customer, agent, rate = lanes(demo.hub.context.data_dir / recording.path)
    opening = str(demo.agent().definition["opening_message"]).split()[0]
    assert opening.lower() in tones.read(agent, rate).lower()
    assert max(waits(customer, agent, rate)) <= MOST_SECONDS


def lanes(path: Path) -> tuple[Any, Any, int]:
    with wave.open(str(path)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return both[:, 0], both[:, 1], file.getframerate()


def waits(customer: Any, agent: Any, rate: int) -> list[float]:
    """From the end of each thing the customer said to the next sound of ours, in seconds."""
    step = rate // 50
    speaks, answers = (
        np.abs(lane[: len(lane) // step * step].astype(int)).reshape(-1, step).max(axis=1) > 600
        for lane in (customer, agent)
    )
    ends = [at for at in np.flatnonzero(speaks) if not speaks[at + 1 : at + 50].any()]
    return [float(np.argmax(answers[at + 1 :]) + 1) / 50 for at in ends if answers[at + 1 :].any()]
