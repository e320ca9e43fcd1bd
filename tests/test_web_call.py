"""Browser calls, with aiortc in the browser's place, over loopback."""

import asyncio
import contextlib
import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler

from channels.web_call import WebCall
from hub.channel import Hook, Inbound, Pressed, Sound, Undeliverable

pytestmark = pytest.mark.anyio
URL = "https://hub.example/hooks/web_call"
SETTINGS = {"HUB_SECRET_KEY": "the key of the tests"}
GARBAGE = (
    "", "{", "[]", "null", "7", b"\0", '{"type":"digit"}', '{"type":"digit","digit":"55"}', "[" * 900, "x" * 5_000,
    '{"type":"digit","digit":5}', '{"type":"mute","muted":true}', '{"type":"digit","digit":["5"]}',
)  # fmt: skip


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves loopback out; tests have nothing else."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


def tone(hertz: float, seconds: float, rate: int = 16_000) -> bytes:
    at = np.arange(int(seconds * rate)) / rate
    return (np.sin(2 * np.pi * hertz * at) * 8_000).astype(np.int16).tobytes()


def pitch(sound: bytes, rate: int = 16_000) -> float:
    """The loudest frequency."""
    spectrum = np.abs(np.fft.rfft(np.frombuffer(sound, np.int16)))
    return float(spectrum.argmax()) * rate / (len(sound) // 2)


def loudness(sound: bytes) -> float:
    return float(np.abs(np.frombuffer(sound, np.int16).astype(float)).mean()) if sound else 0.0


class Microphone(MediaStreamTrack):
    """A tone in frames of 20 ms; it says nothing while `paused`."""

    kind = "audio"

    def __init__(self, hertz: float = 1_000) -> None:
        super().__init__()
        self._sound, self._number, self._begun = tone(hertz, 60, 48_000), 0, 0.0
        self.paused = False

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._begun = self._begun or loop.time()
        while True:
            self._number += 1
            await asyncio.sleep(self._begun + self._number * 0.02 - loop.time())
            if self.readyState != "live":
                raise MediaStreamError
            if not self.paused:
                break
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        at = self._number * 1920 % (len(self._sound) - 1920)
        frame.planes[0].update(self._sound[at : at + 1920])
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._number * 960, Fraction(1, 48_000)
        return frame


class Browser:
    """The other side of a call: what it is told and what it hears."""

    def __init__(self, hertz: float = 1_000) -> None:
        self.microphone = Microphone(hertz)
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.addTrack(self.microphone)
        self.channel: RTCDataChannel = self.peer.createDataChannel("hub")
        self.told: list[dict[str, Any]] = []
        self.channel.on("message", lambda message: self.told.append(json.loads(message)))
        self.heard = b""
        self.peer.on("track", self._track)
        self._listening: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def take(self, answer: dict[str, str]) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))

    def _track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=16_000)
        with contextlib.suppress(MediaStreamError):
            while True:
                for frame in resampler.resample(await track.recv()):
                    self.heard += bytes(frame.planes[0])[: frame.samples * 2]

    async def close(self) -> None:
        await self.peer.close()
        if self._listening:
            self._listening.cancel()
            await asyncio.wait([self._listening])


def hook(body: dict[str, Any]) -> Hook:
    return Hook("POST", URL, {"content-type": "application/json"}, json.dumps(body).encode())


async def until(condition: Callable[[], object], within_seconds: float = 5) -> None:
    async with asyncio.timeout(within_seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
async def channel() -> AsyncIterator[WebCall]:
    made = WebCall(SETTINGS)
    await made.warm_up()
    yield made
    await made.close()


async def ring(channel: WebCall, browser: Browser) -> Inbound:
    """Call; gives what the hub is given."""
    request = {"sdp": await browser.offer(), "type": "offer", "ticket": channel.ticket("visitor-1", "shop", "i-1")}
    reply = await channel.receive(hook(request))
    answer = json.loads(reply.body)
    await browser.take(answer)
    (inbound,) = reply.events
    assert answer["call"] == inbound.external_id
    return inbound


@contextlib.asynccontextmanager
async def call(channel: WebCall, hertz: float = 1_000) -> AsyncIterator[tuple[Any, Browser, "Listener"]]:
    browser = Browser(hertz)
    inbound = await ring(channel, browser)
    assert inbound.line is not None
    listener = Listener(inbound.line)
    try:
        yield inbound.line, browser, listener
    finally:
        await browser.close()
        await inbound.line.hangup()
        await listener.task


class Listener:
    """Hears a line out."""

    def __init__(self, line: Any) -> None:
        self.sounds: list[Sound] = []
        self.pressed: list[str] = []
        self.task = asyncio.ensure_future(self._listen(line))

    async def _listen(self, line: Any) -> None:
        async for heard in line.audio():
            if isinstance(heard, Pressed):
                self.pressed.append(heard.digit)
            else:
                self.sounds.append(heard)

    @property
    def sound(self) -> bytes:
        return b"".join(sound.audio for sound in self.sounds)


async def test_a_call_brings_who_calls_whom_and_about_what(channel: WebCall) -> None:
    browser = Browser()
    inbound = await ring(channel, browser)
    assert (inbound.channel, inbound.kind, inbound.sender, inbound.recipient, inbound.about) == (
        "web_call", "call", "visitor-1", "shop", "i-1",
    )  # fmt: skip
    assert inbound.once
    assert (inbound.line.rate, inbound.line.codec) == (16_000, "pcm16")  # type: ignore[union-attr]
    await browser.close()


async def test_what_the_browser_says_is_heard_steadily(channel: WebCall) -> None:
    async with call(channel, hertz=1_000) as (_, _browser, heard):
        await until(lambda: len(heard.sound) > 48_000)
        assert pitch(heard.sound[-16_000:]) == pytest.approx(1_000, abs=10)
        at = 0
        for sound in heard.sounds:
            assert sound.at_ms == at * 1000 // 16_000
            at += len(sound.audio) // 2


async def test_what_is_played_reaches_the_browser(channel: WebCall) -> None:
    async with call(channel) as (line, browser, _heard):
        await line.play(tone(440, 1.0))
        await until(lambda: line.played() == 32_000)
        await until(lambda: loudness(browser.heard[-6_400:]) > 3_000 or len(browser.heard) > 44_000)
        loud = [at for at in range(0, len(browser.heard) - 640, 640) if loudness(browser.heard[at : at + 640]) > 2_000]
        await until(lambda: len(browser.heard) > 30_000)
        assert loud
        assert pitch(browser.heard[loud[0] + 3_200 : loud[0] + 19_200]) == pytest.approx(440, abs=10)


async def test_playing_goes_by_the_clock_and_waits_when_two_seconds_are_unplayed(channel: WebCall) -> None:
    async with call(channel) as (line, _browser, _heard):
        await until(lambda: line._began)
        begun = time.monotonic()
        await line.play(tone(440, 2.4))
        waited = time.monotonic() - begun
        assert 0.3 < waited < 0.6
        assert line.played() == pytest.approx(0.4 * 32_000, abs=1_280)


async def test_what_is_cleared_is_never_played(channel: WebCall) -> None:
    async with call(channel) as (line, _browser, _heard):
        await line.play(tone(440, 1.5)[:-100])
        await until(lambda: line.played() > 6_400)
        await line.clear()
        played = line.played()
        await asyncio.sleep(0.08)
        assert line.played() == played
        await line.play(tone(300, 0.1))
        await until(lambda: line.played() == played + 3_200)


async def test_the_rest_of_a_sentence_is_played_though_it_fills_no_frame(channel: WebCall) -> None:
    async with call(channel) as (line, _browser, _heard):
        await line.play(tone(440, 0.1) + b"\1\1" * 50)
        await until(lambda: line.played() == 3_300)


async def test_nothing_is_sent_in_silence(channel: WebCall) -> None:
    async with call(channel) as (line, _browser, heard):
        await until(lambda: len(heard.sound) > 32_000)
        sent = await _packets_sent(line)
        await asyncio.sleep(0.1)
        assert await _packets_sent(line) == sent
        await line.play(tone(440, 0.2))
        await until(lambda: line.played() == 6_400)
        assert await _packets_sent(line) >= sent + 9


async def _packets_sent(line: Any) -> int:
    stats = await line._peer.getTransceivers()[0].sender.getStats()
    return sum(entry.packetsSent for entry in stats.values() if entry.type == "outbound-rtp")


async def test_a_silent_browser_is_heard_as_silence_in_real_time(channel: WebCall) -> None:
    async with call(channel) as (_, browser, heard):
        await until(lambda: len(heard.sound) > 16_000)
        browser.microphone.paused = True
        await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)
        before = len(heard.sound)
        await until(lambda: len(heard.sound) >= before + 9_600)
        assert loudness(heard.sound[-6_400:]) < 1
        browser.microphone.paused = False
        await until(lambda: loudness(heard.sound[-640:]) > 3_000)


async def test_notes_and_keys_go_over_the_data_channel(channel: WebCall) -> None:
    async with call(channel) as (line, browser, heard):
        line.tell({"type": "too early"})
        await until(lambda: browser.channel.readyState == "open" and line._notes)
        line.tell({"type": "caption", "text": "Grüße"})
        await until(lambda: browser.told)
        assert browser.told == [{"type": "caption", "text": "Grüße"}]
        for message in GARBAGE:
            browser.channel.send(message)
        for digit in "5*#":
            browser.channel.send(json.dumps({"type": "digit", "digit": digit}))
        await until(lambda: heard.pressed == ["5", "*", "#"])


async def test_notes_that_nobody_reads_are_dropped(channel: WebCall) -> None:
    async with call(channel) as (line, _browser, _heard):
        await until(lambda: line._notes and line._notes.readyState == "open")
        for _ in range(500):
            line.tell({"text": "x" * 1_000})
        assert line._notes.bufferedAmount < 80_000


async def test_when_the_browser_hangs_up_the_line_ends(channel: WebCall) -> None:
    async with call(channel) as (line, browser, heard):
        await until(lambda: heard.sounds)
        await browser.close()
        await asyncio.wait_for(heard.task, 5)
        await line.play(tone(440, 5))
        await until(lambda: channel.calls == 0)


async def test_when_the_hub_hangs_up_the_browser_knows(channel: WebCall) -> None:
    async with call(channel) as (line, browser, heard):
        await until(lambda: heard.sounds and browser.channel.readyState == "open")
        await asyncio.gather(line.hangup(), line.hangup())
        await line.hangup()
        await until(lambda: browser.channel.readyState == "closed")
        assert heard.task.done() or await heard.task is None


async def test_who_never_connects_is_let_go() -> None:
    channel = WebCall(SETTINGS, connect_seconds=1)
    browser = Browser()
    request = {"sdp": await browser.offer(), "type": "offer", "ticket": channel.ticket("v", "shop")}
    (inbound,) = (await channel.receive(hook(request))).events
    assert channel.calls == 1
    assert [heard async for heard in inbound.line.audio()] == []  # type: ignore[union-attr]
    await until(lambda: channel.calls == 0)
    await browser.close()


async def test_who_is_lost_is_let_go() -> None:
    channel = WebCall(SETTINGS, lost_seconds=0.4)
    async with call(channel) as (_, browser, heard):
        await until(lambda: heard.sounds)
        for transceiver in browser.peer.getTransceivers():
            await transceiver.sender.transport.transport._connection._nominated[1].protocol.close()
        await asyncio.wait_for(heard.task, 5)
    assert channel.calls == 0


async def test_a_line_says_what_it_cannot_do(channel: WebCall) -> None:
    async with call(channel) as (line, _browser, _heard):
        with pytest.raises(Undeliverable, match="keys"):
            await line.send_digits("1")
        with pytest.raises(Undeliverable, match="transferred"):
            await line.transfer("+15551230000")


async def test_fifty_calls_in_a_row_leave_nothing_behind(channel: WebCall) -> None:
    async def once() -> None:
        async with call(channel) as (line, _browser, heard):
            await line.play(tone(440, 1.0))
            await until(lambda: heard.sounds)
            await line.hangup()

    def left() -> tuple[int, int, int]:
        gc.collect()
        return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    await once()
    before = left()
    for _ in range(50):
        await once()
    after = left()
    assert after <= tuple(count + 1 for count in before)
    assert channel.calls == 0
