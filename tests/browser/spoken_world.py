"""The demo on loopback with somebody at a microphone: what they are to say is synthesised and fed to the page."""

import array
import asyncio
import base64
import concurrent.futures
import contextlib
import io
import socket
import threading
import time
import wave
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from playwright.sync_api import Browser, BrowserContext, Frame, Page
from sqlmodel import col, select

from fixtures.sandbox import SandboxSettings, create_sandbox
from hub.core import Hub
from hub.engine import NOBODY
from hub.engines import voice
from hub.models import Agent, Event, Interaction, Recording
from hub.voice.speech import PCM_16K
from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN
from tests.desk import WAIT_SECONDS, until
from tests.world import served
from web.app import create_app
from web.samples import PASSWORD, seed
from web.serve import prepare
from web.settings import Settings

MICROPHONE = """(() => {
  if (!navigator.mediaDevices) return;
  let context, desk, places = new Set();
  navigator.mediaDevices.getUserMedia = async () => {
    context ??= new AudioContext();
    await context.resume();
    if (!desk) {
      desk = context.createGain();
      const breath = context.createConstantSource();
      breath.offset.value = 0;
      breath.connect(desk);
      breath.start();
    }
    const place = context.createMediaStreamDestination();
    desk.connect(place);
    return place.stream;
  };
  window.speak = async (encoded) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes.buffer) });
    source.connect(desk);
    await new Promise((over) => { source.onended = over; source.start(); });
  };
})()"""
"""In place of the browser's microphone; `speak` says a WAV into it and returns when it has been said."""


class Demo:
    """The hub with its three demo agents and the sandbox their tools ask, in a thread with a loop of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listening = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2)]
        self.url, self.sandbox_url = (f"http://127.0.0.1:{made.getsockname()[1]}" for made in self._listening)
        self.settings = Settings(
            hub_public_url=self.url, hub_data_dir=folder, hub_database_url="", hub_redis_url="", hub_work=False,
            hub_secret_key="a secret of the tests", hub_webhook_allow_private=True, twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=AUTH_TOKEN, twilio_base_url=self.sandbox_url, hub_sandbox_url=self.sandbox_url,
        )  # fmt: skip
        self._ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="demo")
        self.thread.start()
        until(lambda: self._ready.is_set() or not self.thread.is_alive(), 60)
        assert self._ready.is_set(), "the demo did not start"

    async def _serve(self) -> None:
        await asyncio.to_thread(prepare, self.settings)
        await seed(self.settings)
        self.loop, self._enough = asyncio.get_running_loop(), asyncio.Event()
        self.app = create_app(self.settings)
        sandbox = create_sandbox(SandboxSettings(hub_url=self.url, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN))
        async with served(self.app, self._listening[0]), served(sandbox, self._listening[1]):
            self._ready.set()
            await self._enough.wait()

    @property
    def hub(self) -> Hub:
        return self.app.state.hub  # type: ignore[no-any-return]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """On the demo's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_SECONDS)

    def rows(self, query: Any) -> list[Any]:
        async def read() -> list[Any]:
            async with self.hub.context.store.read() as db:
                return list((await db.exec(query)).all())

        return self.run(read())  # type: ignore[no-any-return]

    def agent(self, name: str = "Maya") -> Agent:
        found: Agent = self.rows(select(Agent).where(Agent.name == name))[0]
        return found

    def changes(self, name: str, **call: Any) -> None:
        """Other settings of sound for this agent; what was drafted before is gone."""

        async def change() -> None:
            async with self.hub.context.store.write() as db:
                agent = (await db.exec(select(Agent).where(Agent.name == name))).one()
                agent.definition = {**agent.definition, "call": {**agent.definition.get("call", {}), **call}}
                agent.draft = None

        self.run(change())

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._enough.set)
        self.thread.join(30)
        assert not self.thread.is_alive()


@contextlib.contextmanager
def demo_in(folder: Path) -> Iterator[Demo]:
    made = Demo(folder)
    try:
        yield made
    finally:
        made.stop()


async def _synthesised(text: str) -> bytes:
    mouth = await voice("espeak").open(PCM_16K, "en-US", {"voice": "en-us+f5"}, NOBODY)
    try:
        return b"".join([piece async for piece in mouth.speak(text)])
    finally:
        await mouth.close()


def wav(demo: Demo, *texts: str, before_ms: int = 100, after_ms: int = 100) -> bytes:
    """Each sentence with quiet around it, as a WAV of 16 kHz."""
    return _wav([demo.run(_synthesised(text)) for text in texts], before_ms, after_ms)


def synthesised(text: str) -> bytes:
    """The same for one sentence, where no demo runs in this process."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return _wav([pool.submit(asyncio.run, _synthesised(text)).result()], 100, 100)


def _wav(sentences: list[bytes], before_ms: int, after_ms: int) -> bytes:
    quiet = [b"\0\0" * 16 * length for length in (before_ms, after_ms)]
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"".join(quiet[0] + sentence + quiet[1] for sentence in sentences))
    return made.getvalue()


def say(demo: Demo, page: Page | Frame, text: str) -> None:
    """Say it into the page's microphone."""
    speak(page, wav(demo, text))


def speak(page: Page | Frame, sound: bytes) -> None:
    """Play this WAV into the page's microphone."""
    page.evaluate("(sound) => window.speak(sound)", base64.b64encode(sound).decode())


def loudness(path: Path, from_ms: int = 0, to_ms: int | None = None) -> tuple[float, ...]:
    """The mean level of each lane of a recording, or of a stretch of it: customer, everybody else."""
    with wave.open(str(path), "rb") as file:
        lanes, per_ms = file.getnchannels(), file.getframerate() / 1000
        file.setpos(min(round(from_ms * per_ms), file.getnframes()))
        stop = file.getnframes() if to_ms is None else round(to_ms * per_ms)
        samples = array.array("h", file.readframes(max(stop - file.tell(), 0)))
    return tuple(sum(map(abs, samples[lane::lanes])) / max(len(samples) // lanes, 1) for lane in range(lanes))


Opened = Callable[..., Page]


@contextlib.contextmanager
def windows(browser: Browser, demo: Demo) -> Iterator[Opened]:
    """Opens a page in a window of its own; `microphone` is a script that stands in for the browser's."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(path: str, email: str = "", width: int = 1440, microphone: str = MICROPHONE, **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, base_url=demo.url, permissions=["microphone"], **options
        )
        contexts.append(context)
        if microphone:
            context.add_init_script(microphone)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        if email:
            page.goto(f"/signin?next={quote(path)}")
            page.fill("#email", email)
            page.fill("#password", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_url(f"**{path}")
        else:
            page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == [], complaints


def wait(page: Page, condition: Callable[[], object], within_seconds: float = 20) -> None:
    """Until it holds, while the page goes on."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, page.inner_text("body")
        page.wait_for_timeout(40)


def events(demo: Demo, interaction_id: UUID, type: str) -> list[dict[str, Any]]:
    query = select(Event).where(Event.interaction_id == interaction_id, Event.type == type).order_by(col(Event.seq))
    return [event.data for event in demo.rows(query)]


def newest_call(demo: Demo) -> Interaction:
    query = select(Interaction).where(Interaction.channel == "web_call").order_by(col(Interaction.created_at).desc())
    found: Interaction = demo.rows(query.limit(1))[0]
    return found


def ended(demo: Demo, page: Page, call: Interaction) -> Interaction:
    def now() -> Interaction:
        found: Interaction = demo.rows(select(Interaction).where(Interaction.id == call.id))[0]
        return found

    wait(page, lambda: now().ended_at)
    return now()


def recording_of(demo: Demo, call: Interaction) -> Recording:
    (found,) = demo.rows(select(Recording).where(Recording.interaction_id == call.id))
    assert isinstance(found, Recording)
    return found
