"""The sandbox's phone in a real browser."""

import asyncio

import pytest
from playwright.async_api import Page, Route, async_playwright, expect

from tests.browser import CHROMIUM
from tests.test_sandbox import PERSON, World, world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning"),  # the SDK's own use of aiohttp
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def texts_and_hears_back(w: World, page: Page) -> None:
    await page.goto(w.base)
    await expect(page.get_by_text("Text one of the hub's numbers")).to_be_visible()
    await expect(page.get_by_text("live", exact=True)).to_be_visible()
    await page.get_by_label("Text message").fill("<i>Hello</i>")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("img", name="Delivered")).to_be_visible()
    assert w.hub.received[0][1]["Body"] == "<i>Hello</i>"
    await w.send("<img src=x onerror=document.title='owned'>")
    await expect(page.get_by_text("<img src=x")).to_be_visible()
    assert await page.title() == "Sandbox phone"


async def shows_why_a_text_failed(w: World, page: Page) -> None:
    await w.webhooks("status", 2)  # those of the text before are through
    w.hub.answers = [(503, "")] * 3
    await page.get_by_role("button", name="STOP").click()
    await expect(page.get_by_text("The hub answered 503.")).to_be_visible()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("img", name="Delivered")).to_have_count(2)


async def pretends_to_be_off(w: World, page: Page) -> None:
    """What stood before, told while the choice is on its way, is not shown over it."""
    asked, chosen, told, looked_at = (asyncio.Event() for _ in range(4))
    off = page.get_by_label("Phone off")

    async def behaviour(route: Route) -> None:
        if route.request.method == "GET" and not told.is_set():
            answer = await route.fetch()
            asked.set()
            await chosen.wait()
            await route.fulfill(response=answer)
            told.set()
            return
        if route.request.method != "GET":
            await looked_at.wait()
        await route.continue_()

    await page.route("**/control/behaviour*", behaviour)
    await page.evaluate("network.refresh()")
    await asked.wait()
    await off.check()
    chosen.set()
    await told.wait()
    await page.wait_for_timeout(200)
    assert await off.is_checked()
    async with page.expect_response(
        lambda answer: answer.url.endswith("/behaviour") and answer.request.method == "POST"
    ):
        looked_at.set()
    await page.unroute("**/control/behaviour*")
    await w.send("Anybody there?")
    await expect(page.get_by_text("Did not reach this phone (30003)")).to_be_visible()
    (rule,) = (await w.control("GET", "behaviour"))["behaviour"]
    assert rule["to"] == PERSON


async def test_a_person_texts_the_hub_and_sees_what_became_of_it() -> None:
    async with world() as w, async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(10_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        await texts_and_hears_back(w, page)
        await shows_why_a_text_failed(w, page)
        await pretends_to_be_off(w, page)
        await browser.close()
        assert problems == []
