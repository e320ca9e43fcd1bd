"""A browser as the person in a call, by its socket; and telephone sound by itself."""

import asyncio
import io
import json
import wave
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest

from fixtures.sandbox.twilio.voice.audio import at_8khz, audible, from_mulaw, from_wav
from tests.test_sandbox import OURS, PERSON
from tests.test_sandbox_voice import BEEP, Leg, World, world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def handset(w: World, origin: str | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    headers = {"Origin": origin or w.base}
    url = f"{w.base}/handset/call?number={PERSON.replace('+', '%2B')}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        assert (await socket.receive_json())["event"] == "ready"
        yield socket


async def heard(socket: aiohttp.ClientWebSocketResponse, event: str) -> tuple[dict[str, Any], int]:
    """The next message `event`, and how many bytes of sound came before it."""
    sound = 0
    while True:
        message = await socket.receive(5)
        if message.type is aiohttp.WSMsgType.BINARY:
            sound += len(message.data)
        elif (told := json.loads(message.data))["event"] == event:
            return told, sound


async def test_a_browser_calls_speaks_presses_keys_and_hangs_up() -> None:
    async def talk(leg: Leg) -> None:
        await leg.play(BEEP * 5)
        while not audible(b64decode((await leg.next("media"))["media"]["payload"])):
            pass
        await leg.play(BEEP * 5)  # the microphone was heard
        await leg.to_the_end()

    async with world() as w, handset(w) as socket:
        w.hub.talk = talk
        await socket.send_json({"do": "dial", "to": "+19995550000"})
        assert "cannot be called" in (await heard(socket, "problem"))[0]["reason"]
        await socket.send_json({"do": "dial", "to": OURS, "rate": 16000})
        joined = (await heard(socket, "joined"))[0]
        await heard(socket, "answered")
        await w.call(joined["sid"], event="stream_start")
        loud = (np.sin(np.arange(16000 // 5) * 0.2) * 9000).astype("<i2").tobytes()
        await socket.send_bytes(loud)
        await socket.send_json({"do": "digits", "digits": "7"})
        await w.call(joined["sid"], event="dtmf")
        for _ in range(40):
            if (await w.call(joined["sid"]))["played_bytes"] == 1600:
                break
            await asyncio.sleep(0.05)
        await socket.send_json({"do": "hang_up"})
        ended, sound = await heard(socket, "over")
        assert ended["status"] == "completed"
        assert sound > 2000, "the browser was sent what the person heard"
        assert (await w.over(joined["sid"]))["played_bytes"] == 1600


async def test_a_browser_rings_answers_and_declines() -> None:
    async with world() as w, handset(w) as socket:
        w.hub.twiml["/answer"] = w.hub.connect()
        made = await w.dial_out()
        told = (await heard(socket, "ringing"))[0]
        assert (told["sid"], told["from"]) == (made.sid, OURS)
        await socket.send_json({"do": "answer", "rate": 48000})
        await heard(socket, "answered")
        await w.call(made.sid, event="stream_start")
        await w.twilio.calls(made.sid).update_async(status="completed")
        assert (await heard(socket, "over"))[0]["status"] == "completed"
        made = await w.dial_out()
        await heard(socket, "ringing")
        await socket.send_json({"do": "decline"})
        assert (await w.over(made.sid))["status"] == "busy"


async def test_other_sites_may_not_use_the_telephone() -> None:
    async with world() as w:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with handset(w, "https://elsewhere.example"):
                pass
        assert caught.value.status == 403


def test_wav_files_of_any_kind_become_telephone_sound() -> None:
    for rate, channels, width in [(8000, 1, 2), (44100, 2, 2), (22050, 1, 1), (48000, 1, 4)]:
        at = np.arange(rate // 2) / rate
        wave_ = np.repeat(np.sin(2 * np.pi * 440 * at), channels)
        kind = {1: lambda x: (x * 100 + 128).astype(np.uint8), 2: lambda x: (x * 25000).astype("<i2")}
        samples = kind[width](wave_) if width in kind else (wave_ * 1.6e9).astype("<i4")
        file = io.BytesIO()
        with wave.open(file, "wb") as opened:
            opened.setnchannels(channels)
            opened.setsampwidth(width)
            opened.setframerate(rate)
            opened.writeframes(samples.tobytes())
        sound = from_mulaw(from_wav(file.getvalue())).astype(np.float64)
        assert abs(len(sound) - 4000) <= 2
        peak = np.argmax(np.abs(np.fft.rfft(sound))) * 8000 / len(sound)
        assert abs(peak - 440) < 5


def test_what_a_telephone_cannot_carry_is_filtered_and_not_folded_back() -> None:
    at = np.arange(22050) / 22050
    high = (np.sin(2 * np.pi * 5000 * at) * 20000).astype(np.int16)
    left = from_mulaw(at_8khz(high, 22050))[200:-200]
    assert np.abs(left.astype(int)).max() < 200
