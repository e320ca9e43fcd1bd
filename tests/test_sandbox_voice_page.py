"""The handset's call screen in real Chromium, with a pretended microphone."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright, expect

from fixtures.sandbox.twilio.voice.audio import audible, tone
from tests.browser import CHROMIUM
from tests.test_sandbox_voice import Leg, World, world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]
ALLOWED = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
ADA = "+12025550101"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def phone(w: World, *arguments: str, width: int = 390) -> AsyncIterator[Page]:
    """The page, live; nothing may go wrong in it."""
    wrong: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--no-first-run", *arguments],
        )
        page = await browser.new_page(viewport={"width": width, "height": 844})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        await page.goto(f"{w.base}/")
        await expect(page.locator("#live")).to_have_text("live")
        yield page
        await browser.close()
    assert wrong == []


async def test_a_person_calls_from_the_page_and_is_called() -> None:
    async def talk(leg: Leg) -> None:
        await leg.play(tone(3000, 440))
        await leg.to_the_end()

    async with world() as w, phone(w, *ALLOWED) as page:
        w.hub.talk = talk
        await page.get_by_role("button", name="Call this number").click()
        await expect(page.locator("#call-state")).to_have_text("In call")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("button", name="5", exact=True).click()
        listed = await w.control("GET", "voice/calls?event=dtmf&at_least=1")
        sid = listed["calls"][0]["sid"]
        media = w.hub.legs[0].seen
        for _ in range(50):  # the pretended microphone beeps once a second
            if any(m["event"] == "media" and audible(b64decode(m["media"]["payload"])) for m in list(media)):
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("nothing of the microphone arrived")
        await page.get_by_role("button", name="Hang up").click()
        assert (await w.over(sid))["reason"] == "The person hung up."
        await expect(page.locator("#call-state")).to_have_text("Call ended")
        await page.get_by_role("button", name="Close", exact=True).click()

        w.hub.twiml["/answer"] = w.hub.connect()
        made = await w.dial_out(to=ADA)
        await expect(page.locator("#call-state")).to_have_text("Incoming call")
        await page.get_by_role("button", name="Answer").click()
        await expect(page.locator("#call-state")).to_have_text("In call")
        await w.twilio.calls(made.sid).update_async(status="completed")
        await expect(page.locator("#call-state")).to_have_text("Call ended")


async def test_who_refuses_the_microphone_is_told_and_can_listen() -> None:
    async with world() as w, phone(w, "--deny-permission-prompts", width=1280) as page:
        await page.get_by_role("button", name="Call this number").click()
        await expect(page.locator("#call-problem")).to_contain_text("You can listen and press keys.")
        await expect(page.locator("#call-state")).to_have_text("In call")
        await page.get_by_role("button", name="Hang up").click()
