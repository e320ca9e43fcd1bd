"""A browser call in Chromium: a fake microphone, the page's own script, a hub that says everything back."""

import asyncio
import contextlib
import socket
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aioice.ice
import numpy as np
import pytest
import uvicorn
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.static_files import create_static_files_router
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from channels.web_call import WebCall
from hub.channel import Inbound, Pressed
from tests.browser import CHROMIUM
from tests.desk import until
from web import hooks
from web.headers import safe_headers
from web.templating import HERE

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Call</title>
<script type="module" src="/page.js"></script></head><body></body></html>"""
SCRIPT = """
import { Call } from "/static/call.js";
const call = new Call();
const seen = { states: [], notes: [], ended: [], level: 0, agentlevel: 0, words: "" };
call.addEventListener("state", ({ detail }) => {
  seen.states.push(detail.state);
  Object.assign(seen, { words: detail.words, reason: detail.reason });
});
call.addEventListener("note", ({ detail }) => seen.notes.push(detail));
call.addEventListener("ended", ({ detail }) => seen.ended.push(detail));
for (const name of ["level", "agentlevel"])
  call.addEventListener(name, ({ detail }) => {
    seen[name] = Math.max(seen[name], detail.level);
    seen[`${name}_now`] = detail.level;
  });
Object.assign(window, { call, seen });
"""
FLAGS = [
    "--no-sandbox", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection", "--disable-background-networking", "--disable-component-update",
    "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


class EchoHub:
    """Says back what it hears, and tells the keys that are pressed."""

    def __init__(self, channel: WebCall) -> None:
        self.context = SimpleNamespace(channels={"web_call": channel})
        self.inbounds: list[Inbound] = []
        self.sound = b""
        self._talks: set[asyncio.Task[None]] = set()

    async def receive(self, inbound: Inbound) -> None:
        self.inbounds.append(inbound)
        talk = asyncio.ensure_future(self._talk(inbound.line))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, line: Any) -> None:
        async for heard in line.audio():
            if isinstance(heard, Pressed):
                line.tell({"type": "digit", "digit": heard.digit})
            else:
                self.sound += heard.audio
                await line.play(heard.audio)


class Site:
    """A page with the script of calls, and the hub's door, on loopback."""

    def __init__(self) -> None:
        self.channel = WebCall({"HUB_SECRET_KEY": "the key of the tests"})
        self.hub = EchoHub(self.channel)
        self.busy = False

        @get("/", media_type="text/html")
        async def page() -> str:
            return PAGE

        @get("/page.js", media_type="text/javascript")
        async def script() -> str:
            return SCRIPT

        @post("/ticket", status_code=200)
        async def ticket() -> dict[str, Any]:
            return {
                "ticket": self.channel.ticket("visitor", "shop"),
                "ice_servers": self.channel.ice_servers("visitor"),
            }

        self.app = Litestar(
            [page, script, ticket, hooks.hook, create_static_files_router("/static", [HERE / "static"])],
            state=State({"hub": self.hub, "settings": SimpleNamespace(hub_public_url="")}),
            before_send=[safe_headers(False)],
            on_startup=[self.channel.warm_up],
            on_shutdown=[self.channel.close],
            logging_config=None,
        )
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.server = uvicorn.Server(uvicorn.Config(self.app, host="127.0.0.1", port=port, log_level="critical"))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name="calls")

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.server.serve())
        self.loop.close()

    @contextlib.contextmanager
    def serving(self) -> Iterator["Site"]:
        self.thread.start()
        until(lambda: self.server.started)
        try:
            yield self
        finally:
            self.server.should_exit = True
            self.thread.join(15)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    with Site().serving() as made:
        yield made


@pytest.fixture(scope="module")
def tone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears: a tone of 500 Hz that comes and goes."""
    path = tmp_path_factory.mktemp("microphone") / "tone.wav"
    at = np.arange(48_000 * 2) / 48_000
    samples = np.sin(2 * np.pi * 500 * at) * 12_000 * (np.sin(2 * np.pi * at) > 0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(samples.astype(np.int16).tobytes())
    return path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="module")
def chromium(playwright: Playwright, tone_file: Path) -> Iterator[Browser]:
    made = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*FLAGS, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={tone_file}"],
    )
    yield made
    made.close()


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    context = chromium.new_context(permissions=["microphone"])
    yield from _opened(context, site)


def _opened(context: BrowserContext, site: Site) -> Iterator[Page]:
    page, complaints = context.new_page(), []
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto(site.url)
    wait(page, "window.call")
    yield page
    context.close()
    assert complaints == []


def wait(page: Page, expression: str) -> None:
    """Until it holds in the page; Playwright's own waiting needs `eval`, which the page forbids."""
    until(lambda: page.evaluate(expression))


def live(page: Page) -> None:
    page.evaluate("call.start({ ticketUrl: '/ticket' })")
    wait(page, "call.state === 'live'")


def test_a_call_is_heard_on_both_sides(page: Page, site: Site) -> None:
    live(page)
    wait(page, "seen.level > 0.5 && seen.agentlevel > 0.5")
    assert page.evaluate("seen.states") == ["asking", "connecting", "live"]
    assert site.hub.inbounds[0].sender == "visitor"
    until(lambda: len(site.hub.sound) > 64_000)
    samples = np.frombuffer(site.hub.sound, np.int16).astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    assert float(spectrum[20:].argmax() + 20) * 16_000 / len(samples) == pytest.approx(500, abs=15)


def test_notes_come_and_keys_go(page: Page) -> None:
    live(page)
    wait(page, "(call.digit('7'), seen.notes.length > 0)")
    assert page.evaluate("seen.notes[0]") == {"type": "digit", "digit": "7"}


def test_who_mutes_is_not_heard(page: Page, site: Site) -> None:
    live(page)
    wait(page, "seen.level > 0.5")
    page.evaluate("call.mute(true)")
    wait(page, "seen.level_now === 0")
    before = len(site.hub.sound)
    until(lambda: len(site.hub.sound) > before + 64_000)
    assert np.abs(np.frombuffer(site.hub.sound[-32_000:], np.int16)).max() < 200
    page.evaluate("call.mute(false)")
    wait(page, "seen.level_now > 0.5")
    until(lambda: np.abs(np.frombuffer(site.hub.sound[-3_200:], np.int16)).max() > 2_000)


def test_hanging_up_ends_it_on_the_other_side(page: Page, site: Site) -> None:
    live(page)
    page.evaluate("call.hangup()")
    assert page.evaluate("seen.states.at(-1)") == "ended"
    assert page.evaluate("seen.ended.length") == 1
    until(lambda: site.channel.calls == 0)
    live(page)


def test_a_page_that_is_left_hangs_up(page: Page, site: Site) -> None:
    live(page)
    page.goto("about:blank")
    until(lambda: site.channel.calls == 0)


def test_when_the_hub_hangs_up_the_page_says_so(page: Page, site: Site) -> None:
    live(page)
    wait(page, "(call.digit('1'), seen.notes.length > 0)")
    line: Any = site.hub.inbounds[0].line

    async def end() -> None:
        line.tell({"type": "ended", "words": "Goodbye."})
        await asyncio.sleep(0.05)
        await line.hangup()

    asyncio.run_coroutine_threadsafe(end(), site.loop).result(10)
    wait(page, "call.state === 'ended'")
    assert page.evaluate("seen.ended[0].words") == "Goodbye."


def test_another_microphone_takes_over(page: Page, site: Site) -> None:
    live(page)
    devices = page.evaluate("call.devices()")
    assert all(device["label"] for device in devices)
    page.evaluate("async (id) => { await call.setDevice(id) }", devices[-1]["id"])
    page.evaluate("() => { seen.level = 0; seen.agentlevel = 0 }")
    wait(page, "seen.level > 0.3 && seen.agentlevel > 0.3")


def test_a_busy_hub_is_told_in_words(page: Page, site: Site) -> None:
    site.channel._most_calls = 0
    page.evaluate("call.start({ ticketUrl: '/ticket' })")
    wait(page, "call.state === 'failed'")
    assert page.evaluate("[seen.reason, seen.words]") == ["busy", "All lines are busy just now. Try again in a minute."]


def test_a_ticket_that_is_none_is_told_in_words(page: Page) -> None:
    page.evaluate("call.start({ ticket: 'made up' })")
    wait(page, "call.state === 'failed'")
    assert page.evaluate("seen.reason") == "ticket"
    assert "Reload the page" in page.evaluate("seen.words")


def test_hanging_up_while_it_connects_leaves_nothing(page: Page, site: Site) -> None:
    page.evaluate("() => { call.start({ ticketUrl: '/ticket' }); call.hangup(); }")
    assert page.evaluate("seen.states") == ["asking", "ended"]
    page.evaluate("() => { call.start({ ticketUrl: '/ticket' }); }")
    wait(page, "call.state === 'connecting'")
    page.evaluate("call.hangup()")
    until(lambda: site.channel.calls == 0)


def test_a_refused_microphone_is_told_in_words(playwright: Playwright, site: Site) -> None:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    for page in _opened(browser.new_context(permissions=[]), site):
        page.evaluate("call.start({ ticketUrl: '/ticket' })")
        wait(page, "call.state === 'failed'")
        assert page.evaluate("seen.reason") == "refused"
        assert "microphone is not allowed" in page.evaluate("seen.words")
    browser.close()
    assert site.hub.inbounds == []
