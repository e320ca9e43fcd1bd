"""An operator in a live phone call, in Chromium with a microphone that speaks: the carrier says who was heard when."""

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, Playwright, async_playwright, expect

from fixtures.sandbox.twilio.voice.audio import from_mulaw
from hub.models import Event, Interaction, Message
from tests.browser import CHROMIUM
from tests.call_world import Exchange, agent, exchange, says, spelled
from tests.fakes import FakeClock
from tests.test_pages_call_panel import PASSWORD, with_people
from tests.world import Sandbox, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET = {"wait": "quiet", "quiet_ms": 300, "within_ms": 20_000}
LOUD = 1_500
LETTER_BYTES = 480
"""The agent spells slowly: five sentences take nine seconds, in which somebody can take over."""
SOUND = ["--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream"]
expect.set_options(timeout=20_000)
LEVEL = "() => document.querySelector('call-panel').level"


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the operator says, over and over, with a second between."""
    speech = from_mulaw(Path("fixtures/audio/sentences.ulaw").read_bytes()[7_200:24_000]).astype(float)
    at = np.arange(len(speech) * 6) / 6
    path = tmp_path_factory.mktemp("microphone") / "operator.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.interp(at, np.arange(len(speech)), speech).astype("<i2").tobytes() + bytes(96_000))
    return path


@pytest.fixture
async def phones(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(sqlite_url, sandbox, clock, tmp_path) as made:
        await with_people(made.house)
        yield made


@dataclass
class Ringing:
    """A phone call that is going on, as the carrier and the hub know it."""

    phones: Exchange
    sid: str
    id: Any

    async def heard(self) -> "np.ndarray[Any, Any]":
        """All that the customer has heard so far, 8 kHz."""
        return from_mulaw(await self.phones.heard(self.sid))

    async def loud_seconds(self, since: int) -> float:
        """How much of what they heard after that sample was loud, in stretches of 20 ms."""
        sound = np.abs((await self.heard())[since:].astype(int))
        frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
        return float((frames.max(axis=1) > LOUD).sum()) * 0.02 if len(frames) else 0.0

    async def events(self) -> list[str]:
        return [event.type for event in await self.phones.records.all(Event, Event.interaction_id == self.id)]

    async def said(self, role: str) -> list[str]:
        return [text for who, text in await self.phones.transcript(self.id) if who == role]

    async def now(self) -> Interaction:
        return await self.phones.records.one(Interaction, Interaction.id == self.id)

    async def customer(self, *script: dict[str, Any]) -> None:
        await self.phones.goes_on(self.sid, list(script))


async def a_call(phones: Exchange) -> Ringing:
    """Somebody calls, hears the greeting and waits."""
    slow = agent(voice_options={"letter_bytes": LETTER_BYTES})
    sid = await phones.calls_us(await phones.number(slow), [QUIET])
    await phones.until(sid, script="done")
    interaction = await phones.interaction(sid)
    return Ringing(phones, sid, interaction.id)


@contextlib.asynccontextmanager
async def window(
    playwright: Playwright, phones: Exchange, path: str, *flags: str, width: int = 1440, who: str = "support"
) -> AsyncIterator[Page]:
    """A signed-in person's window; what the page complains about fails the test."""
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *SOUND, *flags])
    context = await browser.new_context(base_url=phones.house.url, viewport={"width": width, "height": 900})
    page, complaints = await context.new_page(), list[str]()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.goto("/signin")
    await page.fill("#email", f"{who}@x.test")
    await page.fill("#password", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url("**/inbox*")
    await page.goto(path)
    yield page
    await browser.close()
    assert complaints == []


def part(page: Page, name: str) -> Any:
    return page.locator(f'[data-call="{name}"]')


async def level(page: Page, name: str, right: Callable[[float], bool]) -> None:
    async def ask() -> float:
        return float((await page.evaluate(LEVEL))[name])

    await eventually(ask, right, 20)


async def test_an_operator_listens_takes_over_speaks_and_hands_back(phones: Exchange, microphone: Path) -> None:
    flags = ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"]
    call = await a_call(phones)
    async with (
        async_playwright() as play,
        window(play, phones, f"/inbox?view=all&interaction={call.id}", *flags) as page,
    ):
        await listens(call, page)
        await takes_over(call, page)
        await the_agent_keeps_silent(call, page)
        await hands_back(call, page)
        await hangs_up(call, page)


async def listens(call: Ringing, page: Page) -> None:
    """Sound comes without a microphone, and words as they are spoken."""
    await part(page, "listen").click()
    await expect(part(page, "listen")).to_have_attribute("aria-pressed", "true")
    await eventually(call.events, lambda events: "call.joined" in events)
    await call.customer(says("Five sentences"))
    await expect(part(page, "captions").locator('[data-role="customer"]')).to_contain_text("Five sentences")
    await expect(part(page, "captions").locator('[data-role="agent"]')).to_contain_text("This is sentence the first")
    await expect(part(page, "who")).to_have_text("Maya speaks")
    await level(page, "heard", lambda heard: heard > 0.3)
    assert (await page.evaluate(LEVEL))["mine"] == 0


async def takes_over(call: Ringing, page: Page) -> None:
    """The agent stops in mid-speech, and the customer hears the operator."""
    await part(page, "take").click()
    await eventually(call.events, lambda events: "interaction.taken_over" in events)
    since = len(await call.heard())
    await expect(page.locator("#ownership")).to_contain_text("You are answering.")
    await expect(part(page, "back")).to_be_visible()
    await expect(part(page, "hint")).to_contain_text("You are heard")
    await level(page, "mine", lambda mine: mine > 0.3)
    await eventually(lambda: call.loud_seconds(since), lambda loud: loud > 1.5, 20)
    heard = (await call.said("agent"))[-1]
    assert "This is sentence the first of five.".startswith(heard[:35]), heard
    assert "fifth of five" not in heard, "the agent spoke to its end"
    assert len((await call.phones.until(call.sid))["clears"]) == 1, "what the carrier had not played yet is not played"
    assert (await call.now()).owner == "operator"


async def the_agent_keeps_silent(call: Ringing, page: Page) -> None:
    """What the customer says now is shown to the operator and answered by nobody else."""
    asked, agent_said = len(call.phones.seen.turns), await call.said("agent")
    await call.customer(says("Can you help me?"))
    await expect(part(page, "captions").locator('[data-role="customer"]')).to_contain_text("Can you help me?")
    await eventually(lambda: call.said("customer"), lambda said: "Can you help me?" in said)
    since = len(await call.heard())
    await eventually(lambda: call.loud_seconds(since), lambda loud: loud > 1, 20)
    await part(page, "mute").click()
    await expect(part(page, "hint")).to_contain_text("You are muted")
    await level(page, "mine", lambda mine: mine == 0)
    assert (len(call.phones.seen.turns), await call.said("agent")) == (asked, agent_said)


async def hands_back(call: Ringing, page: Page) -> None:
    """The microphone is let go, and the agent goes on."""
    await part(page, "note").fill("Will come on Monday instead.")
    await part(page, "back").click()
    await eventually(call.events, lambda events: "interaction.handed_back" in events)
    (left,) = await call.phones.records.all(Message, Message.note)
    assert left.text.startswith("Will come on Monday instead.\n\n")
    await expect(part(page, "take")).to_have_text("Take over")
    await expect(page.locator("#ownership")).to_contain_text("Maya (AI) is answering.")
    await eventually(lambda: call.said("agent"), lambda said: said[-1] == "I am here again.", 20)
    since = len(await call.heard())
    await call.customer(says("Thank you"))
    await eventually(lambda: call.said("agent"), lambda said: said[-1] == "You said Thank you.", 20)
    assert "you said thank you" in spelled((await call.phones.heard(call.sid))[since:], LETTER_BYTES)
    assert (await page.evaluate(LEVEL))["mine"] == 0


async def hangs_up(call: Ringing, page: Page) -> None:
    await part(page, "end").click()
    await call.phones.over(call.sid)
    await expect(part(page, "who")).to_have_text("The call has ended.")
    assert (await call.phones.ended(call.sid)).ended_reason == "operator_hangup"


async def test_a_refused_microphone_leaves_the_call_to_the_agent(phones: Exchange) -> None:
    call = await a_call(phones)
    async with async_playwright() as play, window(play, phones, f"/inbox?view=all&interaction={call.id}") as page:
        await expect(part(page, "who")).not_to_have_text("Connecting…")
        await page.keyboard.press("t")
        await expect(page.locator("#call-said")).to_contain_text("The microphone is not allowed.")
        await expect(page.locator("#call-said")).to_contain_text("Nothing has changed in the call.")
        assert (await call.now()).owner == "ai"
        await call.customer(says("Good morning"))
        await eventually(lambda: call.said("agent"), lambda said: "You said Good morning." in said, 20)


async def test_words_for_the_agent_and_keys_go_by_the_panel(phones: Exchange) -> None:
    call = await a_call(phones)
    async with async_playwright() as play, window(play, phones, f"/interactions/{call.id}", width=390) as page:
        said = page.locator("#call-said")
        await expect(part(page, "who")).to_have_text("Nobody speaks")
        await part(page, "more").click()
        await page.locator("#call-text").fill("Be brief.")
        await page.keyboard.press("Enter")
        await expect(said).to_contain_text("Nobody hears it.")
        await expect(page.locator("#call-text")).to_have_value("")
        await page.locator("#call-text").fill("One moment.")
        await part(page, "say").click()
        await expect(said).to_have_text("The agent says it.")
        await expect(part(page, "captions")).to_contain_text("One moment.")
        await page.locator("#call-to").fill("12345")
        await part(page, "transfer").click()
        await expect(said).to_contain_text("Begin the number with +")
        await part(page, "pause").click()
        await expect(part(page, "resume")).to_be_visible()
        await expect(part(page, "who")).to_have_text("Maya is on hold")
        await part(page, "resume").click()
        await part(page, "recording-pause").click()
        await expect(part(page, "recording")).to_have_text("Recording paused")
        wide = await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert wide, "the page is wider than the phone"


async def test_the_panel_comes_back_when_the_connection_was_lost_and_goes_with_the_thread(phones: Exchange) -> None:
    call = await a_call(phones)
    async with async_playwright() as play, window(play, phones, f"/inbox?view=all&interaction={call.id}") as page:
        await part(page, "listen").click()
        await eventually(call.events, lambda events: events.count("call.joined") == 1)
        room = phones.house.hub.context.calls[call.id].conversation.room
        assert room is not None
        for guest in list(room.guests.values()):
            await guest.line._door.close(1011)  # type: ignore[attr-defined]
        await eventually(call.events, lambda events: events.count("call.joined") == 2, 20)
        await expect(part(page, "who")).to_have_text("Nobody speaks")
        await page.evaluate(
            "htmx.ajax('GET', '/inbox?view=mine', {target: '#detail', select: '#detail', swap: 'outerHTML'})"
        )
        await eventually(call.events, lambda events: events.count("call.left") == 2, 20)


async def test_who_may_not_answer_reads_along(phones: Exchange) -> None:
    call = await a_call(phones)
    path = f"/inbox?view=all&interaction={call.id}"
    async with async_playwright() as play, window(play, phones, path, who="viewer") as page:
        await expect(part(page, "who")).to_have_text("Nobody speaks")
        await call.customer(says("Good morning"))
        await expect(part(page, "captions").locator('[data-role="customer"]')).to_contain_text("Good morning")
        await expect(part(page, "captions").locator('[data-role="agent"]')).to_contain_text("You said Good morning")
        await expect(page.get_by_text("for support and admins")).to_be_visible()
        assert await page.locator("call-panel button:visible").count() == 0
        await call.phones.hangs_up(call.sid)
        await expect(part(page, "who")).to_have_text("The call has ended.")
    assert "call.joined" not in await call.events()


async def test_a_call_of_another_process_says_so_and_is_found_again(phones: Exchange) -> None:
    call = await a_call(phones)
    calls = phones.house.hub.context.calls
    held = calls.pop(call.id)
    path = f"/inbox?view=all&interaction={call.id}"
    async with async_playwright() as play, window(play, phones, path) as page:
        await expect(page.locator("#call-said")).to_contain_text("This call is on another server process.")
        await expect(part(page, "take")).to_have_attribute("title", "Not connected to the call.")
        await part(page, "listen").click(force=True)
        await expect(page.locator("#call-said")).to_have_text("Not connected to the call.")
        calls[call.id] = held
        await part(page, "again").click()
        await expect(part(page, "who")).to_have_text("Nobody speaks")
        await expect(part(page, "again")).to_be_hidden()
