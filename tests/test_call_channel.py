"""Phone calls: what the carrier is told to do, what it tells us, and who may open a line."""

import asyncio
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from channels._call_line import CallLine
from channels._call_ticket import MOST_CHARACTERS, TicketOffice
from channels.call import Call
from hub.channel import Hook, Inbound, Outbound, Refused, Reply, Sound, Undeliverable
from tests.virtual import run
from tests.world import signed

TOKEN, OLD_TOKEN = "the token", "the token before"
ACCOUNT, CALL, STREAM = "AC" + "2" * 32, "CA" + "1" * 32, "MZ" + "3" * 32
PERSON, OURS = "+12025550101", "+15005550006"
INTERACTION = "0193a5f0-0000-7000-8000-000000000001"
PUBLIC = "https://hub.example"
MEDIA = "wss://hub.example/hooks/call/media"
SETTINGS = {
    "HUB_SECRET_KEY": "a secret", "HUB_PUBLIC_URL": PUBLIC, "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_AUTH_TOKEN_PREVIOUS": OLD_TOKEN,
}  # fmt: skip


class Time:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def form(**more: str) -> dict[str, str]:
    return {
        "CallSid": CALL, "AccountSid": ACCOUNT, "From": PERSON, "To": OURS, "CallStatus": "ringing",
        "Direction": "inbound", "ApiVersion": "2010-04-01", **more,
    }  # fmt: skip


def outbound_form(**more: str) -> dict[str, str]:
    return form(From=OURS, To=PERSON, CallStatus="in-progress", Direction="outbound-api", **more)


def received(path: str, given: dict[str, str], channel: Call | None = None, token: str = TOKEN) -> Reply:
    hook = Hook("POST", PUBLIC + path, signed(PUBLIC + path, given, token), urlencode(given).encode())
    return asyncio.run((channel or Call(SETTINGS)).receive(hook))


def event(path: str, given: dict[str, str]) -> Inbound:
    (only,) = received(path, given).events
    return only


def twiml(body: str | bytes | None) -> ElementTree.Element:
    assert body is not None
    root = ElementTree.fromstring(body)
    assert root.tag == "Response"
    return root


def verbs(body: str | bytes | None) -> list[str]:
    return [verb.tag for verb in twiml(body)]


def redirect(body: str | bytes | None) -> tuple[str, dict[str, str]]:
    """Where the carrier asks next: path and query."""
    found = twiml(body).find("Redirect")
    assert found is not None
    assert found.get("method") == "POST"
    parts = urlsplit(found.text or "")
    assert f"{parts.scheme}://{parts.netloc}" == PUBLIC
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


# what the carrier is told to do


def test_a_call_is_answered_with_a_stream_and_a_way_back() -> None:
    reply = received("/hooks/call", form())
    assert (reply.status, reply.media_type) == (200, "text/xml")
    assert verbs(reply.body) == ["Connect", "Redirect"]
    stream = twiml(reply.body).find("Connect/Stream")
    assert stream is not None
    assert stream.get("url") == MEDIA
    parameter = stream.find("Parameter")
    assert parameter is not None
    assert parameter.get("name") == "ticket"
    assert 100 < len(parameter.get("value", "")) + len("ticket") < 500
    assert redirect(reply.body) == ("/hooks/call", {"again": "1"})


def test_an_inbound_call_is_told_as_ringing() -> None:
    (told,) = received("/hooks/call", form()).events
    assert (told.channel, told.kind, told.external_id, told.status) == ("call", "call", CALL, "ringing")
    assert (told.sender, told.recipient, told.about, told.also) == (PERSON, OURS, "", (ACCOUNT,))
    assert told.line is None
    assert told.data["CallSid"] == CALL


def test_an_answered_call_of_ours_is_told_as_in_progress_from_the_person() -> None:
    path = f"/hooks/call?interaction={INTERACTION}"
    reply = received(path, outbound_form())
    (told,) = reply.events
    assert (told.sender, told.recipient, told.about, told.status) == (PERSON, OURS, INTERACTION, "in_progress")
    assert redirect(reply.body) == ("/hooks/call", {"again": "1", "interaction": INTERACTION})


@pytest.mark.parametrize(
    "person",
    [
        "anonymous",
        "Anonymous",
        "+266696687",
        "client:ana & <ben>",
        "sip:ana@example.com:5060;x=1",
        "",
        "é\u0000" * 900,
        '"\\' * 90,
    ],
)
def test_people_without_a_number_are_answered_too(person: str) -> None:
    reply = received("/hooks/call", form(From=person))
    assert reply.events[0].sender == person
    parameter = twiml(reply.body).find("Connect/Stream/Parameter")
    assert parameter is not None
    assert len(parameter.get("value", "")) <= MOST_CHARACTERS


def test_a_call_whose_stream_closed_is_taken_up_five_times() -> None:
    for again in range(1, 6):
        reply = received(f"/hooks/call?again={again}", form(CallStatus="in-progress"))
        assert verbs(reply.body) == ["Connect", "Redirect"]
        assert redirect(reply.body)[1] == {"again": str(again + 1)}
        assert (reply.events[0].external_id, reply.events[0].status) == (CALL, "in_progress")
    reply = received("/hooks/call?again=6", form(CallStatus="in-progress"))
    assert verbs(reply.body) == ["Say", "Hangup"]
    assert reply.events == ()


def test_a_call_that_the_hub_refuses_is_not_picked_up_or_hung_up() -> None:
    assert verbs(received("/hooks/call", form()).refused) == ["Reject"]
    assert verbs(received("/hooks/call?again=1", form()).refused) == ["Hangup"]
    assert verbs(received("/hooks/call?try=1", form()).refused) == ["Hangup"]
    assert verbs(received(f"/hooks/call?interaction={INTERACTION}", outbound_form()).refused) == ["Hangup"]


def test_when_nothing_can_be_stored_the_person_is_asked_for_patience_twice_and_then_told() -> None:
    path, given, asked = "/hooks/call?interaction=7&again=2", outbound_form(), []
    while "Redirect" in verbs(body := received(path, given).otherwise):
        assert verbs(body) == ["Say", "Pause", "Redirect"]
        at, query = redirect(body)
        asked.append(query)
        path = f"{at}?{urlencode(query)}"
    assert [query["try"] for query in asked] == ["1", "2"]
    assert all((query["interaction"], query["again"]) == ("7", "2") for query in asked)
    assert verbs(body) == ["Say", "Hangup"]


@pytest.mark.parametrize("public", ["http://127.0.0.1:8000", "https://hub.example/below", ""])
def test_the_streams_address_is_the_public_url_in_its_ws_spelling(public: str) -> None:
    base = public or "http://localhost:9"
    given = form()
    hook = Hook(
        "POST", f"{base}/hooks/call", signed(f"{base}/hooks/call", given, TOKEN), urlencode(given).encode()
    )  # fmt: skip
    reply = asyncio.run(Call({**SETTINGS, "HUB_PUBLIC_URL": public}).receive(hook))
    stream = twiml(reply.body).find("Connect/Stream")
    assert stream is not None
    assert stream.get("url") == "ws" + base.removeprefix("http") + "/hooks/call/media"


# what is refused


@pytest.mark.parametrize("path", ["/hooks/call", "/hooks/call/status", "/hooks/call/transferred"])
def test_what_is_not_signed_is_refused(path: str) -> None:
    given = form(DialCallStatus="busy")
    body, headers = urlencode(given).encode(), signed(PUBLIC + path, given, TOKEN)
    assert asyncio.run(Call(SETTINGS).receive(Hook("POST", PUBLIC + path, headers, body)))
    forged = [
        Hook("POST", PUBLIC + path, {}, body),
        Hook("POST", PUBLIC + path, {"x-twilio-signature": ""}, body),
        Hook("POST", PUBLIC + path, signed(PUBLIC + path, given, "another token"), body),
        Hook("POST", PUBLIC + path + "?again=1", headers, body),
        Hook("POST", PUBLIC + path, headers, body + b"&x=1"),
        Hook("POST", "http" + PUBLIC.removeprefix("https") + path, headers, body),
    ]
    for hook in forged:
        with pytest.raises(Refused) as refused:
            asyncio.run(Call(SETTINGS).receive(hook))
        assert refused.value.status == 403
    assert received(path, given, token=OLD_TOKEN)


@pytest.mark.parametrize("path", ["/media", "/x", "/status/x", "/transferred/", "er"])
def test_there_is_nothing_at_other_addresses(path: str) -> None:
    with pytest.raises(Refused) as refused:
        received("/hooks/call" + path, form())
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("path", "lacking"),
    [
        ("/hooks/call", "CallSid"), ("/hooks/call", "From"), ("/hooks/call", "To"),
        ("/hooks/call/status", "CallSid"), ("/hooks/call/status", "CallStatus"),
        ("/hooks/call/transferred", "CallSid"), ("/hooks/call/transferred", "DialCallStatus"),
        ("/hooks/call/transferred", "From"),
    ],
)  # fmt: skip
def test_what_lacks_a_field_is_refused_and_says_which(path: str, lacking: str) -> None:
    given = form(DialCallStatus="busy")
    del given[lacking]
    with pytest.raises(Refused, match=lacking) as refused:
        received(path, given)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/hooks/call", {"CallSid": "1' OR 1"}), ("/hooks/call/status", {"CallSid": ""}),
        ("/hooks/call/status", {"CallStatus": "exploded"}), ("/hooks/call/transferred", {"DialCallStatus": "lost"}),
        ("/hooks/call/status", {"AnsweredBy": "a parrot", "CallStatus": "in-progress"}),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_refused(path: str, more: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        received(path, form(**{"DialCallStatus": "busy", **more}))
    assert refused.value.status == 400


# what the carrier tells


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("queued", "queued"), ("initiated", "queued"), ("ringing", "ringing"), ("in-progress", "in_progress"),
        ("answered", "in_progress"), ("completed", "completed"), ("busy", "busy"), ("no-answer", "no_answer"),
        ("failed", "failed"), ("canceled", "canceled"),
    ],
)  # fmt: skip
def test_a_status_is_told_in_our_words(given: str, status: str) -> None:
    path = f"/hooks/call/status?interaction={INTERACTION}"
    told = event(path, outbound_form() | {"CallStatus": given, "SequenceNumber": "2"})
    assert (told.kind, told.status, told.about, told.also) == ("status", status, INTERACTION, (CALL,))
    assert (told.external_id, told.code, told.words) == (f"{CALL}:2", "", "")
    assert received(path, form(CallStatus=given)).status == 204


def test_a_status_without_our_id_or_a_number_is_known_by_the_carriers() -> None:
    told = event("/hooks/call/status", form(CallStatus="completed"))
    assert (told.about, told.external_id) == (CALL, f"{CALL}:completed")
    assert event("/hooks/call/status", form(CallStatus="busy", SequenceNumber="x" * 600)).external_id == f"{CALL}:busy"


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"CallStatus": "failed", "SipResponseCode": "410"}, "410", "The number is no longer in use."),
        ({"CallStatus": "no-answer", "SipResponseCode": "480"}, "480", "The phone is switched off or out of reach."),
        ({"CallStatus": "busy", "SipResponseCode": "603"}, "603", "The call was declined."),
        ({"CallStatus": "failed", "SipResponseCode": "499"}, "499", "The carrier ended the call with code 499."),
        ({"CallStatus": "failed", "ErrorCode": "13224", "SipResponseCode": "500"}, "13224",
         "This number is invalid, or no carrier reaches it."),
        ({"CallStatus": "completed", "SipResponseCode": "200"}, "", ""),
        ({"CallStatus": "completed", "SipResponseCode": "487"}, "", ""),
    ],
)  # fmt: skip
def test_why_nobody_was_reached_is_told_in_plain_words(more: dict[str, str], code: str, words: str) -> None:
    told = event("/hooks/call/status", form(**more))
    assert (told.code, told.words) == (code, words)


@pytest.mark.parametrize(
    ("by", "status"),
    [
        ("machine_end_beep", "voicemail"), ("machine_end_silence", "voicemail"), ("machine_end_other", "voicemail"),
        ("machine_start", "voicemail"), ("fax", "voicemail"), ("human", "in_progress"), ("unknown", "in_progress"),
    ],
)  # fmt: skip
def test_who_answered_is_told(by: str, status: str) -> None:
    given = {"CallSid": CALL, "AccountSid": ACCOUNT, "AnsweredBy": by, "MachineDetectionDuration": "4100"}
    told = event(f"/hooks/call/status?interaction={INTERACTION}", given)
    assert (told.kind, told.status, told.code, told.about) == ("status", status, by, INTERACTION)
    assert told.external_id == f"{CALL}:answered_by"


def test_the_end_of_a_call_is_the_end_whoever_answered_it() -> None:
    told = event("/hooks/call/status", form(CallStatus="completed", AnsweredBy="machine_end_beep"))
    assert (told.status, told.code) == ("completed", "")
    more = {"CallStatus": "in-progress", "AnsweredBy": "machine_start", "SequenceNumber": "2"}
    told = event("/hooks/call/status", form(**more))
    assert (told.external_id, told.status, told.code) == (f"{CALL}:2", "in_progress", "")


@pytest.mark.parametrize(
    ("more", "code", "then"),
    [
        ({"DialCallStatus": "completed"}, "transfer_completed", ["Hangup"]),
        ({"DialCallStatus": "answered"}, "transfer_completed", ["Hangup"]),
        ({"DialCallStatus": "busy"}, "transfer_busy", ["Connect", "Redirect"]),
        ({"DialCallStatus": "no-answer"}, "transfer_no_answer", ["Connect", "Redirect"]),
        ({"DialCallStatus": "failed", "ErrorCode": "13224"}, "transfer_failed", ["Connect", "Redirect"]),
        ({"DialCallStatus": "canceled"}, "transfer_declined", ["Connect", "Redirect"]),
        ({"DialCallStatus": "busy", "DialSipResponseCode": "603"}, "transfer_declined", ["Connect", "Redirect"]),
    ],
)
def test_how_a_transfer_ended_is_told_and_the_agent_goes_on(more: dict[str, str], code: str, then: list[str]) -> None:
    reply = received(f"/hooks/call/transferred?interaction={INTERACTION}", form(DialCallSid="CA" + "9" * 32, **more))
    (told,) = reply.events
    assert (told.kind, told.status, told.code, told.about, told.also) == ("status", "", code, INTERACTION, (CALL,))
    assert told.external_id == f"{CALL}:transfer:CA{'9' * 32}"
    assert verbs(reply.body) == then
    assert verbs(reply.refused) == ["Hangup"]
    assert verbs(reply.otherwise) == (["Hangup"] if then == ["Hangup"] else ["Say", "Pause", "Redirect"])
    if "ErrorCode" in more:
        assert told.words == "This number is invalid, or no carrier reaches it."


# who may open a line


class Socket:
    """What the carrier says on its socket, all at once."""

    def __init__(self, *frames: str | bytes | None) -> None:
        self.frames = list(frames)
        self.accepted = False
        self.sent: list[str | bytes] = []

    async def accept(self) -> None:
        self.accepted = True

    async def receive(self) -> str | bytes | None:
        assert self.accepted
        if not self.frames:
            await asyncio.Event().wait()
        return self.frames.pop(0)

    async def send(self, data: str | bytes) -> None:
        self.sent.append(data)

    async def close(self, code: int = 1000) -> None:
        self.frames.append(None)


CONNECTED = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})


def start(ticket: str, **more: Any) -> str:
    details = {
        "accountSid": ACCOUNT, "streamSid": STREAM, "callSid": CALL, "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"ticket": ticket}, **more,
    }  # fmt: skip
    return json.dumps({"event": "start", "sequenceNumber": "1", "start": details, "streamSid": STREAM})


def sold(channel: Call, path: str = "/hooks/call", given: dict[str, str] | None = None) -> str:
    """The ticket in the answer to a call."""
    parameter = twiml(received(path, given or form(), channel).body).find("Connect/Stream/Parameter")
    assert parameter is not None
    return parameter.get("value", "")


def handshake(url: str = MEDIA, token: str = TOKEN) -> Hook:
    return Hook("GET", url, {"x-twilio-signature": RequestValidator(token).compute_signature(url, {})})


def connected(channel: Call, socket: Socket, hook: Hook | None = None) -> Inbound:
    return run(channel.connect(hook or handshake(), socket))


def refusal(channel: Call, socket: Socket, hook: Hook | None = None) -> Refused:
    with pytest.raises(Refused) as refused:
        connected(channel, socket, hook)
    return refused.value


def test_a_stream_with_its_ticket_becomes_a_line() -> None:
    async def main() -> None:
        channel = Call(SETTINGS)
        socket = Socket(CONNECTED, start(ticket), '{"event":"media","media":{"payload":"YWI=","timestamp":"20"}}')
        inbound = await channel.connect(handshake(), socket)
        assert (inbound.kind, inbound.external_id, inbound.about) == ("call", CALL, INTERACTION)
        assert (inbound.sender, inbound.recipient, inbound.also) == (PERSON, OURS, (ACCOUNT,))
        assert len(inbound.once) == 16
        assert isinstance(inbound.line, CallLine)
        assert [piece async for piece in _first(inbound.line)] == [Sound(b"ab", 20)]
        await inbound.line.play(b"xy")
        assert json.loads(socket.sent[0]) == {"event": "media", "streamSid": STREAM, "media": {"payload": "eHk="}}

    ticket = sold(Call(SETTINGS), f"/hooks/call?interaction={INTERACTION}", outbound_form())
    run(main())


async def _first(line: CallLine) -> Any:
    async for piece in line.audio():
        yield piece
        return


def test_each_answer_has_another_ticket() -> None:
    channel = Call(SETTINGS)
    nonces = {connected(channel, Socket(CONNECTED, start(sold(channel)))).once for _ in range(3)}
    assert len(nonces) == 3


def test_the_handshake_is_checked_before_the_socket_is_accepted() -> None:
    channel = Call(SETTINGS)
    good = handshake()
    forged = [
        Hook("GET", MEDIA, {}),
        Hook("GET", MEDIA, {"x-twilio-signature": ""}),
        handshake(token="another token"),
        Hook("GET", MEDIA + "?x=1", good.headers),
        Hook("GET", MEDIA.replace("wss", "ws"), good.headers),
        Hook("GET", MEDIA, handshake("https" + MEDIA.removeprefix("wss")).headers),
        Hook("GET", MEDIA.replace("hub.example", "hub.exbmple"), good.headers),
    ]
    for hook in forged:
        socket = Socket(CONNECTED, start(sold(channel)))
        assert refusal(channel, socket, hook).status == 403
        assert not socket.accepted
    assert refusal(channel, Socket(), handshake("wss://hub.example/hooks/call/other")).status == 404
    assert connected(channel, Socket(CONNECTED, start(sold(channel))), handshake(token=OLD_TOKEN)).once


def every_bit(text: str) -> list[str]:
    """The text with one bit flipped, in every way."""
    return [
        text[:at] + chr(ord(text[at]) ^ 1 << bit) + text[at + 1 :] for at in range(len(text)) for bit in range(7)
    ]  # fmt: skip


def test_one_flipped_bit_of_the_signature_is_enough_to_be_refused() -> None:
    channel = Call(SETTINGS)
    for signature in every_bit(handshake().headers["x-twilio-signature"]):
        assert refusal(channel, Socket(), Hook("GET", MEDIA, {"x-twilio-signature": signature})).status == 403


def test_one_flipped_bit_of_the_address_is_enough_to_be_refused() -> None:
    channel, headers = Call(SETTINGS), handshake().headers
    scheme, rest = MEDIA[:6], MEDIA[6:]
    for changed in every_bit(rest):
        assert refusal(channel, Socket(), Hook("GET", scheme + changed, headers)).status in (403, 404)


def test_one_flipped_bit_of_the_ticket_is_enough_to_be_refused() -> None:
    office = TicketOffice("a secret")
    ticket = office.sell(CALL, PERSON, OURS, INTERACTION)
    assert office.check(ticket).call == CALL
    for changed in [*every_bit(ticket), "", ".", ticket[:-1], ticket + "0", "é" + ticket, "\ud800", ticket.upper()]:
        with pytest.raises(Refused) as refused:
            office.check(changed)
        assert refused.value.status == 403


def test_a_ticket_is_good_for_a_minute() -> None:
    now = Time()
    channel = Call(SETTINGS, now)
    ticket = sold(channel)
    now.now += 59
    assert connected(channel, Socket(CONNECTED, start(ticket))).once
    now.now += 2
    assert "expired" in refusal(channel, Socket(CONNECTED, start(ticket))).reason


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"callSid": "CA" + "8" * 32}, "another call's"),
        ({"accountSid": "AC" + "8" * 32}, "another Twilio account"),
        ({"customParameters": {}}, "not one of ours"),
        ({"customParameters": {"ticket": TicketOffice("another").sell(CALL, PERSON, OURS, "")}}, "not one of ours"),
        ({"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1}}, "mu-law"),
        ({"mediaFormat": {"encoding": "audio/l16", "sampleRate": 8000, "channels": 1}}, "mu-law"),
        ({"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2}}, "mu-law"),
        ({"streamSid": 'MZ","event":"clear'}, "id"),
        ({"streamSid": None}, "start"),
        ({"mediaFormat": None}, "start"),
    ],
    ids=count(),
)
def test_a_stream_of_another_kind_is_refused(more: dict[str, Any], reason: str) -> None:
    channel = Call(SETTINGS)
    socket = Socket(CONNECTED, start(sold(channel), **more))
    assert reason in refusal(channel, socket).reason
    assert socket.accepted


@pytest.mark.parametrize(
    "frames",
    [
        ["{}"], [b"\xff"], ["\ud800"], [CONNECTED, CONNECTED], ["[" * 9_000], [None], [CONNECTED, None],
        [CONNECTED, "{"], [" " * 70_000 + CONNECTED], [CONNECTED, " " * 70_000], ['{"event":"media"}'],
    ],
    ids=range(11),
)  # fmt: skip
def test_a_stream_that_does_not_begin_as_one_is_refused(frames: list[Any]) -> None:
    assert refusal(Call(SETTINGS), Socket(*frames)).status in (400, 413)


@pytest.mark.parametrize("frames", [[], [CONNECTED]])
def test_a_stream_that_does_not_begin_is_given_up_after_five_seconds(frames: list[str]) -> None:
    async def main() -> None:
        begin = asyncio.get_running_loop().time()
        with pytest.raises(Refused, match="5 seconds"):
            await Call(SETTINGS).connect(handshake(), Socket(*frames))
        assert asyncio.get_running_loop().time() - begin == pytest.approx(5)

    run(main())


def test_without_a_token_nobody_connects() -> None:
    assert refusal(Call({"HUB_SECRET_KEY": "a secret"}), Socket()).status == 403


# calls of ours


class Requests:
    """Twilio's API on this machine: what was asked, and an answer to it."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        self.status, self.answer = status, json.dumps(answer).encode()
        self.asked: list[tuple[str, dict[str, list[str]]]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0)
        body = (await reader.readexactly(length)).decode()
        self.asked.append((head.partition(" HTTP")[0], parse_qs(body)))
        if self.status:
            lines = f"HTTP/1.1 {self.status} X\r\ncontent-type: application/json\r\nconnection: close\r\n"
            writer.write(f"{lines}content-length: {len(self.answer)}\r\n\r\n".encode() + self.answer)
            await writer.drain()
        writer.close()


def at_twilio(status: int, answer: dict[str, Any], ask: Callable[[Call], Any]) -> tuple[Any, Requests]:
    """Ask something of a channel whose carrier answers this; what came of it, and what was asked there."""

    async def main() -> tuple[Any, Requests]:
        requests = Requests(status, answer)
        server = await asyncio.start_server(requests.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        channel = Call({**SETTINGS, "TWILIO_BASE_URL": f"http://127.0.0.1:{port}"})
        try:
            return await ask(channel), requests
        finally:
            await channel.close()
            server.close()

    return asyncio.run(main())


OUTBOUND = Outbound("1", INTERACTION, "", OURS, PERSON, "")


def test_a_call_is_placed_with_its_interaction_in_every_address() -> None:
    sid, requests = at_twilio(201, {"sid": CALL, "status": "queued"}, lambda channel: channel.send(OUTBOUND))
    assert sid == CALL
    ((asked, given),) = requests.asked
    assert asked == f"POST /2010-04-01/Accounts/{ACCOUNT}/Calls.json"
    told = [f"{PUBLIC}/hooks/call/status?interaction={INTERACTION}"]
    assert given == {
        "To": [PERSON], "From": [OURS], "Url": [f"{PUBLIC}/hooks/call?interaction={INTERACTION}"], "Timeout": ["30"],
        "StatusCallback": told, "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "MachineDetection": ["DetectMessageEnd"], "AsyncAmd": ["true"], "AsyncAmdStatusCallback": told,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "answer", "code", "retry", "ambiguous"),
    [
        (400, {"code": 21217, "message": "no"}, "21217", False, False),
        (400, {"code": 21216, "message": "no"}, "21216", False, False),
        (429, {"code": 20429, "message": "slow"}, "20429", True, False),
        (500, {"code": 20500, "message": "oh"}, "20500", False, True),
        (0, {}, "", False, True),
    ],
)
def test_a_call_that_could_not_be_placed_says_what_that_means(
    status: int, answer: dict[str, Any], code: str, retry: bool, ambiguous: bool
) -> None:
    with pytest.raises(Undeliverable) as error:
        at_twilio(status, answer, lambda channel: channel.send(OUTBOUND))
    assert (error.value.code, error.value.retry, error.value.ambiguous) == (code, retry, ambiguous)
    assert error.value.words


def test_a_carrier_that_is_not_there_did_not_take_it() -> None:
    channel = Call({**SETTINGS, "TWILIO_BASE_URL": "http://127.0.0.1:1"})

    async def main() -> None:
        try:
            await channel.send(OUTBOUND)
        finally:
            await channel.close()

    with pytest.raises(Undeliverable) as error:
        asyncio.run(main())
    assert (error.value.retry, error.value.ambiguous) == (True, False)


def test_calls_that_the_carrier_lists_are_found_oldest_first() -> None:
    from datetime import UTC, datetime

    def listed(sid: str, at: str, direction: str = "outbound-api") -> dict[str, str]:
        return {"sid": sid, "date_created": f"Mon, 03 Aug 2026 {at} +0000", "direction": direction}

    answer = {
        "calls": [
            listed("CA4", "12:00:05"), listed("CA3", "12:00:01", "inbound"), listed("CA2", "11:59:40"),
            listed("CA1", "11:59:10"),
        ],
        "next_page_uri": None,
    }  # fmt: skip
    outbound = Outbound("1", INTERACTION, "", OURS, PERSON, "", created_at=datetime(2026, 8, 3, 12, tzinfo=UTC))
    found, requests = at_twilio(200, answer, lambda channel: channel.find(outbound))
    assert found == ["CA2", "CA4"]
    asked = parse_qs(urlsplit(requests.asked[0][0].partition(" ")[2]).query)
    assert (asked["To"], asked["From"]) == ([PERSON], [OURS])


def transfer(to: str) -> Callable[[Call], Any]:
    async def ask(channel: Call) -> None:
        ticket = sold_now(channel)
        inbound = await channel.connect(handshake(), Socket(CONNECTED, start(ticket)))
        assert inbound.line is not None
        await inbound.line.transfer(to)

    def sold_now(channel: Call) -> str:
        return channel._tickets.sell(CALL, PERSON, OURS, INTERACTION)

    return ask


def test_a_transfer_lets_the_carrier_dial() -> None:
    _, requests = at_twilio(200, {"sid": CALL}, transfer("+12025550199"))
    ((asked, given),) = requests.asked
    assert asked == f"POST /2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"
    dial = twiml(given["Twiml"][0]).find("Dial")
    assert dial is not None
    assert dial.get("action") == f"{PUBLIC}/hooks/call/transferred?interaction={INTERACTION}"
    assert (dial.get("callerId"), dial.get("method")) == (OURS, "POST")
    assert dial.findtext("Number") == "+12025550199"


@pytest.mark.parametrize("to", ["", "12025550199", "+0123456789", "+1202555019a", "sip:ana@example.com", "+1<Dial/>"])
def test_a_transfer_goes_to_a_whole_number_only(to: str) -> None:
    with pytest.raises(Undeliverable, match="15551234567"):
        at_twilio(200, {}, transfer(to))


def test_a_transfer_of_a_call_that_is_over_says_so() -> None:
    with pytest.raises(Undeliverable, match="over already"):
        at_twilio(400, {"code": 21220, "message": "not in progress"}, transfer("+12025550199"))
