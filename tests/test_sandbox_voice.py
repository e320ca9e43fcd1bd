"""Twilio Voice of the sandbox: calls both ways, TwiML, media streams, and what is recorded of them."""

import asyncio
import io
import json
import wave
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import httpx
import numpy as np
import pytest
from litestar import Litestar, Request, Response, WebSocket, post, websocket
from litestar.exceptions import WebSocketDisconnect
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from fixtures.sandbox import SandboxSettings, create_sandbox
from fixtures.sandbox.twilio.voice.audio import at_8khz, audible, from_mulaw, from_wav, tone
from tests.test_sandbox import OURS, PERSON, SID, TOKEN, TwilioHttp, listen, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]

Talk = Callable[["Leg"], Awaitable[None]]
BEEP = tone(20, 600)  # one frame that is heard


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Leg:
    """The hub's end of one media stream."""

    socket: WebSocket[Any, Any, Any]
    sid: str = ""
    start: dict[str, Any] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)

    async def begin(self) -> None:
        connected = json.loads(await self.socket.receive_text())
        assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        self.start = json.loads(await self.socket.receive_text())
        self.sid = self.start["streamSid"]

    async def next(self, event: str = "") -> dict[str, Any]:
        while True:
            message: dict[str, Any] = json.loads(await self.socket.receive_text())
            self.seen.append(message)
            self.arrived.append(asyncio.get_running_loop().time())
            if event in ("", message["event"]):
                return message

    async def hear(self, count: int) -> list[dict[str, Any]]:
        return [await self.next("media") for _ in range(count)]

    async def send(self, event: str, **more: Any) -> None:
        await self.socket.send_text(json.dumps({"event": event, "streamSid": self.sid, **more}))

    async def play(self, audio: bytes) -> None:
        await self.send("media", media={"payload": b64encode(audio).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})

    async def to_the_end(self) -> None:
        while True:
            await self.next()


@dataclass
class Hub:
    """Answers `twiml` by path, refuses what is not signed; `talk` is its end of a call."""

    url: str = ""
    known_as: str = ""
    twiml: dict[str, str] = field(default_factory=dict)
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    talk: Talk = Leg.to_the_end
    legs: list[Leg] = field(default_factory=list)
    lone: bool = False  # one stream per call, as a hub with one-time tokens has it

    @property
    def public(self) -> str:
        return self.known_as or self.url

    def connect(self, more: str = "", **parameters: str) -> str:
        inner = "".join(f'<Parameter name="{name}" value="{value}"/>' for name, value in parameters.items())
        url = "ws" + self.public.removeprefix("http") + "/hooks/call/media"
        return f'<Response><Connect><Stream url="{url}">{inner}</Stream></Connect>{more}</Response>'

    def app(self) -> Litestar:
        @post("/{path:path}", status_code=200)
        async def hook(request: Request[Any, Any, Any]) -> Response[str]:
            params = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
            path, query = request.scope["path"], request.scope["query_string"].decode()
            url = self.public + path + (f"?{query}" if query else "")
            if not RequestValidator(TOKEN).validate(url, params, request.headers.get("x-twilio-signature", "")):
                self.refused.append(url)
                return Response("not signed", status_code=403)
            self.received.append((path, params))
            body = self.twiml.get(path, "" if path.endswith("status") else self.connect())
            return Response(body, media_type="text/xml", status_code=200 if body != "500" else 500)

        @websocket("/hooks/call/media")
        async def media(socket: WebSocket[Any, Any, Any]) -> None:
            url = "ws" + self.public.removeprefix("http") + socket.scope["path"]
            signed = RequestValidator(TOKEN).validate(url, {}, socket.headers.get("x-twilio-signature", ""))
            if not signed or (self.lone and self.legs):
                self.refused.append(url)
                await socket.close()
                return
            await socket.accept()
            leg = Leg(socket)
            self.legs.append(leg)
            try:
                await leg.begin()
                await self.talk(leg)
                await socket.close()
            except WebSocketDisconnect:
                pass

        return Litestar([hook, media], openapi_config=None, logging_config=None)

    def told(self, path: str) -> list[dict[str, str]]:
        return [params for there, params in self.received if there == path]


@dataclass
class World:
    hub: Hub
    base: str
    http: httpx.AsyncClient
    twilio: Client

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def dial_in(self, *script: dict[str, Any], **more: Any) -> str:
        asked = {"from": PERSON, "to": OURS, "script": script, **more}
        sid: str = (await self.control("POST", "voice/calls", asked))["sid"]
        return sid

    async def call(self, sid: str, **until: Any) -> dict[str, Any]:
        query = "&".join(f"{name}={value}" for name, value in until.items())
        found: dict[str, Any] = await self.control("GET", f"voice/calls/{sid}?{query}")
        return found

    async def over(self, sid: str) -> dict[str, Any]:
        found = await self.call(sid, over="true")
        assert found["status"] in ("completed", "busy", "no-answer", "failed", "canceled"), found
        return found

    async def dial_out(self, **more: Any) -> Any:
        given = {"to": PERSON, "from_": OURS, "url": f"{self.hub.public}/answer", **more}
        return await self.twilio.calls.create_async(**given)


@asynccontextmanager
async def world(known_as: str = "", **settings: Any) -> AsyncIterator[World]:
    hub = Hub(known_as=known_as)
    hub_socket, hub.url = listen()
    socket_, base = listen()
    chosen = SandboxSettings(
        hub_url=hub.url, public_url=known_as or None, account_sid=SID, auth_token=TOKEN, demo_data=False, **settings
    )
    async with (
        serving(hub.app(), hub_socket),
        serving(create_sandbox(chosen), socket_),
        httpx.AsyncClient(base_url=base, timeout=10) as http,
        TwilioHttp(base) as carrier,
    ):
        yield World(hub, base, http, Client(SID, TOKEN, http_client=carrier))


def kinds(call: dict[str, Any]) -> list[str]:
    return [row["event"] for row in call["events"]]


def frames(content: bytes) -> int:
    with wave.open(io.BytesIO(content)) as opened:
        assert (opened.getframerate(), opened.getsampwidth(), opened.getnchannels()) == (8000, 2, 1)
        return opened.getnframes()


async def test_a_person_calls_speaks_and_hangs_up() -> None:
    async with world() as w:
        w.hub.twiml["/hooks/call"] = w.hub.connect(token="abc", lang="en")
        sid = await w.dial_in({"say": "I'd like to book a cleaning"}, {"hang_up": True}, caller_name="Dana")
        call = await w.over(sid)
        assert (call["status"], call["reason"], call["script"]) == ("completed", "The person hung up.", "done")
        told = w.hub.told("/hooks/call")[0]
        assert (told["CallSid"], told["CallStatus"], told["Direction"]) == (sid, "ringing", "inbound")
        assert (told["From"], told["To"], told["CallerName"]) == (PERSON, OURS, "Dana")
        leg = w.hub.legs[0]
        assert leg.start["sequenceNumber"] == "1"
        assert leg.start["start"] == {
            "accountSid": SID,
            "streamSid": leg.sid,
            "callSid": sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "abc", "lang": "en"},
        }
        media = [message for message in leg.seen if message["event"] == "media"]
        spoken = [b64decode(message["media"]["payload"]) for message in media]
        assert {len(sound) for sound in spoken} == {160}
        assert 40 < sum(map(audible, spoken)) < 100  # the sentence takes about 1.8 s
        assert [m["media"]["chunk"] for m in media] == [str(n + 1) for n in range(len(media))]
        assert [m["media"]["timestamp"] for m in media] == [str(20 * n) for n in range(len(media))]
        assert leg.seen[-1] == {
            "event": "stop",
            "sequenceNumber": str(len(leg.seen) + 1),
            "streamSid": leg.sid,
            "stop": {"accountSid": SID, "callSid": sid},
        }
        assert w.hub.refused == []


async def test_frames_keep_to_the_clock() -> None:
    async with world() as w:
        sid = await w.dial_in({"pause_ms": 1500}, {"hang_up": True})
        call = await w.over(sid)
        leg = w.hub.legs[0]
        late = [at - leg.arrived[0] - n * 0.02 for n, at in enumerate(leg.arrived[:-1])]
        assert abs(late[-1]) < 0.04, "no drift"
        assert sorted(map(abs, late))[len(late) // 2] < 0.01
        assert 1500 <= call["clock_ms"] <= 1600


async def test_sound_sent_ahead_is_played_in_real_time_and_its_marks_come_back_then() -> None:
    async def talk(leg: Leg) -> None:
        await leg.play(BEEP * 10 + b"\xff" * 70)  # 200 ms and a bit, of any size
        await leg.mark("first")
        await leg.play(BEEP * 5)
        await leg.mark("second")
        for name in ("first", "second"):
            assert (await leg.next("mark"))["mark"] == {"name": name}

    async with world() as w:
        w.hub.talk = talk
        call = await w.over(await w.dial_in())
        first, second = call["marks"]
        assert [m["cleared"] for m in call["marks"]] == [False, False]
        base = call["stream_at_ms"]
        assert 205 <= first["at_ms"] - base <= 280
        assert 305 <= second["at_ms"] - base <= 380
        assert second["played_bytes"] == call["played_bytes"] == 15 * 160 + 70
        assert len(call["played"]) == 1
        assert 290 <= call["played"][0]["to_ms"] - call["played"][0]["from_ms"] <= 330
        heard = await w.http.get(f"/control/voice/calls/{call['sid']}/heard.wav")
        said = await w.http.get(f"/control/voice/calls/{call['sid']}/said.wav")
        assert frames(heard.content) == frames(said.content) == call["clock_ms"] * 8


async def test_clear_discards_what_waits_and_returns_its_marks_at_once() -> None:
    async def talk(leg: Leg) -> None:
        await leg.play(BEEP * 100)
        await leg.mark("one")
        await leg.mark("two")
        await leg.hear(10)
        await leg.send("clear")
        assert (await leg.next("mark"))["mark"]["name"] == "one"
        assert (await leg.next("mark"))["mark"]["name"] == "two"

    async with world() as w:
        w.hub.talk = talk
        call = await w.over(await w.dial_in())
        [clear] = call["clears"]
        assert clear["marks"] == ["one", "two"]
        assert clear["received_bytes"] == 16000
        assert clear["played_bytes"] + clear["discarded_bytes"] == 16000
        assert 8 * 160 <= clear["played_bytes"] <= 14 * 160
        assert [m["cleared"] for m in call["marks"]] == [True, True]
        assert call["played_bytes"] == clear["played_bytes"]


async def test_a_person_waits_for_the_agent_interrupts_and_presses_keys() -> None:
    async def talk(leg: Leg) -> None:
        await leg.play(BEEP * 20)
        first = await leg.next("dtmf")
        assert first["dtmf"] == {"track": "inbound_track", "digit": "1"}
        assert (await leg.next("dtmf"))["dtmf"]["digit"] == "#"
        await leg.play(BEEP * 500)
        await leg.to_the_end()

    async with world() as w:
        w.hub.talk = talk
        steps = [
            {"wait": "speech"},
            {"wait": "quiet", "quiet_ms": 200},
            {"digits": "1#"},
            {"after_played_ms": 200},
            {"tone_ms": 100, "hz": 440},
            {"wait": "quiet", "within_ms": 60},
            {"hang_up": True},
        ]
        call = await w.over(await w.dial_in(*steps))
        begun = {row["does"]: row["at_ms"] for row in call["events"] if row["event"] == "step"}
        assert 560 <= begun["digits 1#"] - call["stream_at_ms"] <= 720, "400 ms of sound, then 200 ms of quiet"
        assert 380 <= begun["tone_ms"] - begun["digits 1#"] <= 560, "two keys, then 200 ms of sound"
        assert "wait_given_up" in kinds(call)
        said = await w.http.get(f"/control/voice/calls/{call['sid']}/said.wav")
        assert max(said.content[44:]) > 0


async def test_a_call_is_driven_step_by_step_and_waited_for() -> None:
    async with world() as w:
        sid = await w.dial_in()
        await w.call(sid, event="stream_start")
        await w.control("POST", f"voice/calls/{sid}/steps", {"script": [{"digits": "5"}]})
        call = await w.call(sid, script="done")
        assert [row["digit"] for row in call["events"] if row["event"] == "dtmf"] == ["5"]
        await w.control("POST", f"voice/calls/{sid}/hang-up")
        assert (await w.over(sid))["status"] == "completed"
        listed = await w.control("GET", f"voice/calls?from={PERSON.replace('+', '%2B')}&over=true&at_least=1")
        assert [row["sid"] for row in listed["calls"]] == [sid]


ENDINGS: list[tuple[str, str, int | None]] = [
    ('<Response><Reject reason="busy"/></Response>', "busy", None),
    ("<Response><Reject/></Response>", "no-answer", None),
    ("<Response><Hangup/></Response>", "completed", None),
    ("<Response/>", "completed", None),
    ("<Response><Juggle/></Response>", "failed", 12200),
    ("not TwiML", "failed", 12100),
    ("<Response><Redirect>/hooks/call</Redirect></Response>", "failed", 12400),
    ("500", "failed", 11200),
]


async def test_how_a_call_ends_by_its_twiml() -> None:
    async with world() as w:
        for twiml, status, code in ENDINGS:
            w.hub.twiml["/hooks/call"] = twiml
            call = await w.over(await w.dial_in())
            assert (call["status"], call["error_code"]) == (status, code), twiml
            assert call["reason"]
            await w.call(call["sid"], event="webhook", at_least=2)
            last = w.hub.told("/hooks/call/status")[-1]
            assert (last["CallSid"], last["CallStatus"]) == (call["sid"], status)
            assert last["CallDuration"] == ("1" if call["answered"] else "0")
        assert w.hub.refused == []


async def test_the_fallback_is_told_why_and_answers_in_its_place() -> None:
    async with world(voice_fallback_url="") as w:
        number = (await w.twilio.incoming_phone_numbers.list_async())[0]
        assert number.voice_url.startswith(f"{w.hub.url}/hooks/call#")
        await w.twilio.incoming_phone_numbers(number.sid).update_async(voice_fallback_url=f"{w.hub.url}/fallback")
        w.hub.twiml.update({"/hooks/call": "<Broken", "/fallback": "<Response><Hangup/></Response>"})
        call = await w.over(await w.dial_in())
        assert call["status"] == "completed"
        assert w.hub.told("/fallback")[0]["ErrorCode"] == "12100"
        assert w.hub.told("/fallback")[0]["ErrorUrl"] == f"{w.hub.url}/hooks/call"


async def test_verbs_are_carried_out_in_turn() -> None:
    async with world() as w:
        w.hub.twiml["/hooks/call"] = (
            '<Response><Say>Hello</Say><Play digits="12"/><Pause length="0"/>'
            '<Redirect method="GET">/not-there?a=b</Redirect></Response>'
        )
        call = await w.over(await w.dial_in())
        verbs = [row["verb"] for row in call["events"] if row["event"] == "verb"]
        assert verbs == ["Say", "Play", "Pause", "Redirect"]
        assert call["played"], "the person heard it"
        assert call["played_bytes"] == 0, "it was not the hub's sound"
        redirected = [row["url"] for row in call["events"] if row["event"] == "webhook" and row["kind"] == "call"]
        assert redirected[1].startswith(f"{w.hub.url}/not-there?a=b&CallSid={call['sid']}")


async def test_what_a_hub_is_known_as_is_signed_and_its_local_address_dialled() -> None:
    async with world(known_as="https://hub.example.test") as w:
        call = await w.over(await w.dial_in({"pause_ms": 60}, {"hang_up": True}))
        assert call["streams"][0]["url"] == "wss://hub.example.test/hooks/call/media"
        assert call["streams"][0]["status"] == 101
        assert w.hub.refused == []


async def test_a_message_that_is_none_ends_the_stream_and_the_next_verb_follows() -> None:
    async def talk(leg: Leg) -> None:
        await leg.send("juggle")
        await leg.to_the_end()

    async with world() as w:
        w.hub.talk = talk
        w.hub.twiml["/hooks/call"] = w.hub.connect("<Say>Sorry</Say>")
        call = await w.over(await w.dial_in())
        assert (call["status"], call["error_code"]) == ("completed", 31951)
        assert [row["verb"] for row in call["events"] if row["event"] == "verb"] == ["Connect", "Say"]


async def test_a_refused_stream_is_told_and_the_next_verb_follows() -> None:
    async with world() as w:
        url = f"ws{w.hub.url.removeprefix('http')}/nowhere"
        w.hub.twiml["/hooks/call"] = (
            f'<Response><Connect><Stream url="{url}" statusCallback="/stream/status"/></Connect><Hangup/></Response>'
        )
        call = await w.over(await w.dial_in())
        assert (call["reason"], call["error_code"]) == ("The hub hung up by <Hangup>.", 31920)
        assert call["streams"][0]["status"] in (403, 404)


# From the hub to the person, through the official SDK


async def test_the_hub_calls_a_person_and_is_told_how_it_goes() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"script": [{"pause_ms": 60}, {"hang_up": True}], "after_ms": 20})
        w.hub.twiml["/answer"] = w.hub.connect()
        callback = f"{w.hub.url}/voice/status?intent=7#rc=1"
        made = await w.dial_out(
            status_callback=callback, status_callback_event=["initiated", "ringing", "answered", "completed"]
        )
        assert (made.status, made.direction, made.sid[:2]) == ("queued", "outbound-api", "CA")
        call = await w.over(made.sid)
        await w.call(made.sid, event="webhook", at_least=5)
        told = w.hub.told("/voice/status")
        assert [one["CallStatus"] for one in told] == ["initiated", "ringing", "in-progress", "completed"]
        assert [one["SequenceNumber"] for one in told] == ["0", "1", "2", "3"]
        assert "CallDuration" not in told[2]
        assert told[3]["CallDuration"] == "1"
        assert w.hub.told("/answer")[0]["CallStatus"] == "in-progress"
        fetched = await w.twilio.calls(made.sid).fetch_async()
        assert (fetched.status, fetched.duration, fetched.to, fetched._from) == ("completed", "1", PERSON, OURS)
        assert fetched.start_time.tzinfo is not None
        assert call["reason"] == "The person hung up."
        assert w.hub.refused == []


async def test_a_person_who_cannot_be_reached() -> None:
    async with world() as w:
        for answer in ("busy", "no_answer", "failed"):
            await w.control("POST", "voice/persons", {"number": PERSON, "answer": answer, "after_ms": 10})
            made = await w.dial_out(status_callback=f"{w.hub.url}/voice/status")
            call = await w.over(made.sid)
            assert call["status"] == answer.replace("_", "-")
            await w.call(made.sid, event="webhook")
            assert w.hub.told("/voice/status")[-1]["CallStatus"] == call["status"]
        assert w.hub.told("/answer") == []


async def test_a_machine_is_told_from_a_person() -> None:
    async with world() as w:
        w.hub.twiml["/answer"] = "<Response><Hangup/></Response>"
        for answer, wanted, found in [
            ("yes", "Enable", "human"),
            ("machine", "Enable", "machine_start"),
            ("machine", "DetectMessageEnd", "machine_end_beep"),
        ]:
            person = {"answer": answer, "greeting": "Hi", "beep_ms": 100, "detect_ms": 20}
            await w.control("POST", "voice/persons", person)
            call = await w.over((await w.dial_out(machine_detection=wanted)).sid)
            assert call["answered_by"] == w.hub.told("/answer")[-1]["AnsweredBy"] == found
        detected = next(row for row in call["events"] if row["event"] == "detected")
        assert 300 <= detected["at_ms"] <= 1500, "after greeting and beep"


async def test_detection_in_the_background_is_told_to_its_callback() -> None:
    async with world() as w:
        person = {"answer": "machine", "greeting": "Hi", "beep_ms": 100}
        await w.control("POST", "voice/persons", person)
        w.hub.twiml["/answer"] = w.hub.connect()
        made = await w.dial_out(
            machine_detection="DetectMessageEnd",
            async_amd="true",
            async_amd_status_callback=f"{w.hub.url}/amd/status",
        )
        await w.call(made.sid, event="webhook", at_least=2)
        told = w.hub.told("/amd/status")[0]
        assert (told["CallSid"], told["AnsweredBy"]) == (made.sid, "machine_end_beep")
        assert w.hub.legs, "the call went on meanwhile"
        assert "AnsweredBy" not in w.hub.told("/answer")[0]


async def test_a_live_call_is_redirected_and_ended_by_the_api() -> None:
    async with world() as w:
        w.hub.twiml["/answer"] = w.hub.connect()
        w.hub.twiml["/elsewhere"] = w.hub.connect(again="yes")
        made = await w.dial_out()
        await w.call(made.sid, event="stream_start")
        await w.twilio.calls(made.sid).update_async(url=f"{w.hub.url}/elsewhere")
        call = await w.call(made.sid, event="stream_start", at_least=2)
        assert w.hub.legs[0].seen[-1]["event"] == "stop"
        assert w.hub.legs[1].start["start"]["customParameters"] == {"again": "yes"}
        assert call["streams"][0]["sid"] != call["streams"][1]["sid"]
        updated = await w.twilio.calls(made.sid).update_async(twiml="<Response><Say>Bye</Say><Pause/></Response>")
        assert updated.status == "in-progress"
        await w.call(made.sid, event="verb", at_least=4)
        await w.twilio.calls(made.sid).update_async(status="completed")
        call = await w.over(made.sid)
        assert (call["status"], call["reason"]) == ("completed", "The hub ended the call by the API.")
        with pytest.raises(TwilioRestException) as caught:
            await w.twilio.calls(made.sid).update_async(status="completed")
        assert (caught.value.status, caught.value.code) == (400, 21220)


async def test_a_ringing_call_is_canceled() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"after_ms": 30_000})
        made = await w.dial_out()
        await w.call(made.sid, status="ringing")
        await w.twilio.calls(made.sid).update_async(status="canceled")
        assert (await w.over(made.sid))["status"] == "canceled"


async def test_calls_are_listed_by_filter_and_page() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"answer": "busy"})
        made = [(await w.dial_out()).sid for _ in range(3)]
        other = await w.dial_out(to="+12025550199")
        await w.control("GET", "voice/calls?over=true&at_least=4")
        assert [c.sid for c in await w.twilio.calls.list_async(to=PERSON, page_size=2)] == made[::-1]
        assert len(await w.twilio.calls.list_async(status="busy")) == 4
        assert [c.sid for c in await w.twilio.calls.list_async(to=other.to, from_=OURS)] == [other.sid]
        since = (await w.twilio.calls(other.sid).fetch_async()).date_created
        assert await w.twilio.calls.list_async(start_time_after=since.replace(year=since.year + 1)) == []


async def test_what_twilio_refuses_is_refused_with_its_code() -> None:
    async with world() as w:
        good = {"to": PERSON, "from_": OURS, "url": f"{w.hub.url}/answer"}
        for asked, code in [
            ({**good, "to": "not a number"}, 21211),
            ({**good, "to": "+15005550001"}, 21217),
            ({**good, "from_": "+15005550007"}, 21210),
            ({**good, "url": "ftp://example.test/x"}, 21205),
            ({"to": PERSON, "from_": OURS}, 21205),
        ]:
            with pytest.raises(TwilioRestException) as caught:
                await w.twilio.calls.create_async(**asked)
            assert (caught.value.status, caught.value.code) == (400, code)
        assert (await w.control("GET", "voice/calls"))["total"] == 0


async def test_rules_for_messages_hold_for_calls() -> None:
    async with world() as w:
        await w.control("POST", "behaviour", {"mode": "429", "retry_after": 2, "count": 1})
        with pytest.raises(TwilioRestException) as caught:
            await w.dial_out()
        assert (caught.value.status, caught.value.code) == (429, 20429)
        await w.control("POST", "behaviour", {"mode": "drop_after_accept", "count": 1})
        with pytest.raises(Exception, match="disconnected"):
            await w.dial_out()
        assert (await w.control("GET", "voice/calls?at_least=1"))["total"] == 1


# Transfers


async def test_a_dialled_person_is_joined_and_the_action_told() -> None:
    async with world() as w:
        other = "+12025550177"
        script = [{"tone_ms": 200, "hz": 500}, {"hang_up": True}]
        await w.control("POST", "voice/persons", {"number": other, "script": script})
        w.hub.twiml["/hooks/call"] = (
            f'<Response><Dial action="/dialled" callerId="{OURS}"><Number>{other}</Number></Dial></Response>'
        )
        w.hub.twiml["/dialled"] = "<Response><Hangup/></Response>"
        call = await w.over(await w.dial_in({"tone_ms": 100, "hz": 700}))
        told = w.hub.told("/dialled")[0]
        legs = (await w.control("GET", f"voice/calls?parent={call['sid']}&events=1"))["calls"]
        assert (told["DialCallStatus"], told["DialCallSid"]) == ("completed", legs[0]["sid"])
        assert (told["DialCallDuration"], told["CallSid"]) == ("1", call["sid"])
        assert (legs[0]["direction"], legs[0]["from"], legs[0]["to"]) == ("outbound-dial", OURS, other)
        heard = call["played"][0]
        assert 180 <= heard["to_ms"] - heard["from_ms"] <= 240, "the caller heard the dialled person"
        assert legs[0]["played"], "and the other way round"


async def test_a_busy_number_is_told_to_the_action() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"answer": "busy"})
        w.hub.twiml["/hooks/call"] = '<Response><Dial action="/dialled">+12025550177</Dial></Response>'
        w.hub.twiml["/dialled"] = "<Response><Say>Busy</Say></Response>"
        call = await w.over(await w.dial_in())
        assert w.hub.told("/dialled")[0]["DialCallStatus"] == "busy"
        assert [row["verb"] for row in call["events"] if row["event"] == "verb"] == ["Dial", "Say"]


# Misbehaviour


async def test_after_a_reset_the_next_verb_resumes_the_call() -> None:
    async with world() as w:
        w.hub.twiml["/hooks/call"] = w.hub.connect("<Redirect>/resume</Redirect>")
        w.hub.twiml["/resume"] = w.hub.connect(resumed="1")
        sid = await w.dial_in(faults={"reset_ms": 100})
        call = await w.call(sid, event="stream_start", at_least=2)
        assert call["streams"][0]["end"] == "The connection was reset, as asked for."
        assert 90 <= call["streams"][0]["ended_ms"] - call["streams"][0]["at_ms"] <= 200
        assert w.hub.legs[1].start["start"]["customParameters"] == {"resumed": "1"}
        assert not call["answered"] or call["status"] == "in-progress"


async def test_a_second_stream_with_the_same_token_is_tried_and_what_became_of_it_kept() -> None:
    async with world() as w:
        w.hub.lone = True
        w.hub.twiml["/hooks/call"] = w.hub.connect(token="once")
        await w.control("POST", "voice/behaviour", {"faults": {"second_stream_ms": 40}, "count": 1})
        sid = await w.dial_in()
        call = await w.call(sid, event="second_stream")
        first, second = call["streams"]
        assert (first["sid"], first["ended_ms"]) == (second["sid"], None)
        assert (second["second"], second["status"]) == (True, 403)


async def test_marks_stay_away_frames_double_and_sizes_vary_on_command() -> None:
    async def talk(leg: Leg) -> None:
        await leg.play(BEEP)
        await leg.mark("lost")
        await leg.hear(30)

    async with world() as w:
        w.hub.talk = talk
        faults = {"missing_marks": True, "odd_chunks": True, "duplicate": 3}
        call = await w.over(await w.dial_in(faults=faults))
        assert (call["marks"][0]["name"], call["marks"][0]["returned"]) == ("lost", False)
        media = [m["media"] for m in w.hub.legs[0].seen if m["event"] == "media"]
        assert len({len(b64decode(m["payload"])) for m in media}) > 5
        chunks = [m["chunk"] for m in media]
        assert chunks[2] == chunks[3] == "3"
        assert "mark" not in [m["event"] for m in w.hub.legs[0].seen]


async def test_a_half_open_stream_says_nothing_more_and_a_silent_one_goes_on() -> None:
    async with world() as w:
        quiet = await w.dial_in(faults={"silence": {"after_ms": 60, "for_ms": 200}})
        await w.call(quiet, event="stream_start")
        half = await w.dial_in(faults={"no_stop_ms": 60})
        await w.call(half, event="half_open")
        await w.control("POST", f"voice/calls/{half}/hang-up")
        await w.control("POST", f"voice/calls/{quiet}/steps", {"script": [{"pause_ms": 400}, {"hang_up": True}]})
        await w.over(quiet)
        one, other = w.hub.legs
        times = [int(m["media"]["timestamp"]) for m in one.seen if m["event"] == "media"]
        assert [b - a for a, b in pairwise(times) if b - a != 20] == [220]
        assert len(other.seen) == 3
        assert other.seen[-1]["event"] == "media"


async def test_status_callbacks_come_late_doubled_and_out_of_order_on_command() -> None:
    async with world() as w:
        faults = {"late_status_ms": 20, "duplicate_status": 1, "reorder_status": True}
        await w.control("POST", "voice/persons", {"answer": "busy"})
        await w.control("POST", "voice/behaviour", {"faults": faults})
        made = await w.dial_out(
            status_callback=f"{w.hub.url}/voice/status", status_callback_event=["initiated", "ringing", "completed"]
        )
        await w.call(made.sid, event="webhook", at_least=6)
        told = w.hub.told("/voice/status")
        assert [one["SequenceNumber"] for one in told] == ["2", "2", "1", "1", "0", "0"]


async def test_a_reset_ends_what_goes_on_and_forgets_the_rules() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"answer": "busy"})
        sid = await w.dial_in()
        await w.call(sid, event="stream_start")
        await w.control("POST", "reset")
        assert (await w.over(sid))["reason"] == "The sandbox was reset."
        assert (await w.control("GET", "voice/persons"))["persons"] == []


async def test_what_is_wrong_in_a_script_is_said() -> None:
    async with world() as w:
        for step, words in [
            ({"say": "a", "pause_ms": 3}, "A step is one of"),
            ({"digits": "x"}, "`digits`"),
            ({"wav": "AAAA"}, "`wav` is a WAV file"),
            ({"say": "a", "voice": "nobody"}, "no voice nobody"),
        ]:
            answer = await w.http.post("/control/voice/calls", json={"from": PERSON, "script": [step]})
            assert answer.status_code == 400
            assert words in answer.text


async def test_forty_calls_at_once_keep_their_time() -> None:
    async with world() as w:
        sids = await asyncio.gather(*(w.dial_in({"pause_ms": 500}, {"hang_up": True}) for _ in range(40)))
        calls = [await w.over(sid) for sid in sids]
        assert {call["status"] for call in calls} == {"completed"}
        assert all(500 <= call["clock_ms"] <= 1500 for call in calls)
        assert sum(call["streams"][0]["frames_sent"] for call in calls) >= 40 * 24


# A browser as the person


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


# Sound by itself


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
