"""Chromium, and signed-in people in windows of their own. Anything a page complains about fails the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import aioice.ice
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from hub.core.live import warm_up
from tests.browser import CHROMIUM
from tests.browser.spoken_world import Demo, demo_in
from tests.desk import PASSWORD, Desk, desk_in

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as made:
        yield made


@pytest.fixture
def window(chromium: Browser, desk: Desk) -> Iterator[Callable[..., Page]]:
    """Opens a window of its own for a signed-in person; `complaints` of all windows must stay empty."""
    contexts, complaints = [], []

    def opened(email: str = "ana@example.com", path: str = "/inbox?view=all", width: int = 1440) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900}, base_url=desk.url)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type == "error" and "Content Security Policy" in said.text
                else None
            ),
        )
        page.goto(f"/signin?next={path.replace('&', '%26')}")
        page.fill("#email", email)
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(f"**{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo with its sample agents; the clinic's speaks fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
        with demo_in(Path(tmp_path_factory.mktemp("demo"))) as made:
            made.changes("Maya", speaking={"engine": "espeak", "speed": 2.0})
            agent = made.agent()
            made.run(warm_up(made.hub.context, agent.workspace_id, agent.definition))
            yield made
