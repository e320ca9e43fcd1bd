"""Twilio Voice of the sandbox: calls both ways, TwiML, media streams, and what is recorded of them."""

import asyncio
import io
import json
import wave
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from litestar import Litestar, Request, Response, WebSocket, post, websocket
from litestar.exceptions import WebSocketDisconnect
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from fixtures.sandbox import SandboxSettings, create_sandbox
from fixtures.sandbox.twilio.voice.audio import audible, tone
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
