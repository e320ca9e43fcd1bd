"""The doors of live sound: what is forged or replayed costs nothing, what is garbled disturbs nobody."""

import asyncio
import base64
import contextlib
import json
import random
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import channels.call
from channels._call_ticket import TicketOffice
from fixtures.sandbox.twilio.voice.audio import from_wav
from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN
from tests.bench.soak import Left
from tests.call_world import Exchange, agent, exchange, says, spelled
from tests.fakes import FakeClock, until
from tests.world import Sandbox, eventually, signed

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
STREAM, CALL = "MZ" + "1" * 32, "CA" + "7" * 32
CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
FORGED, GARBLED, AT_ONCE = 1_000, 10_000, 20
QUIET = b"\xff" * 160


@pytest.fixture
async def phones(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(database_url, sandbox, clock, tmp_path) as made:
        yield made


def start(ticket: str, *, call: str = CALL, account: str = ACCOUNT_SID, **more: Any) -> str:
    said = {
        "accountSid": account, "streamSid": STREAM, "callSid": call, "tracks": ["inbound"], "mediaFormat": FORMAT,
        "customParameters": {"ticket": ticket}, **more,
    }  # fmt: skip
    return json.dumps({"event": "start", "sequenceNumber": "1", "start": said, "streamSid": STREAM})


def media(audio: bytes, at_ms: int) -> str:
    said = {"track": "inbound", "chunk": "1", "timestamp": str(at_ms), "payload": base64.b64encode(audio).decode()}
    return json.dumps({"event": "media", "sequenceNumber": "2", "media": said, "streamSid": STREAM})


async def rings(phones: Exchange, number: str, call: str) -> str:
    """A call comes in, by a signed webhook; the ticket in its answer."""
    form = {
        "CallSid": call, "AccountSid": ACCOUNT_SID, "From": phones.person(), "To": number, "CallStatus": "ringing",
        "Direction": "inbound",
    }  # fmt: skip
    url = phones.house.public_url + "/hooks/call"
    answer = await phones.house.http.post("/hooks/call", content=urlencode(form), headers=signed(url, form))
    found = re.search(r'name="ticket" value="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


def seen(phones: Exchange, path: str = "/hooks/call/media") -> str:
    return phones.house.public_url.replace("http", "ws") + path


def signature(url: str, token: str = AUTH_TOKEN) -> dict[str, str]:
    return {"x-twilio-signature": RequestValidator(token).compute_signature(url, {})}


@contextlib.asynccontextmanager
async def dialled(phones: Exchange, headers: dict[str, str] | None = None) -> AsyncIterator[ClientConnection]:
    given = signature(seen(phones)) if headers is None else headers
    async with connect(seen(phones), additional_headers=given, proxy=None) as made:
        yield made


async def turned_away(phones: Exchange, headers: dict[str, str], frames: list[str | bytes]) -> None:
    """The handshake is refused, or the socket closed before anything came from it."""
    try:
        async with dialled(phones, headers) as made:
            for frame in frames:
                await made.send(frame)
            with pytest.raises(ConnectionClosed):
                raise AssertionError(f"it said {await made.recv()!r}")
            assert made.close_code == 1008
    except InvalidStatus as refused:
        status = refused.response.status_code
        if status != 403:
            raise AssertionError(f"answered with {status}") from None
    except ConnectionClosed:
        pass  # while we were still sending


def forgeries(phones: Exchange, good: str, used: str, dice: random.Random) -> list[Callable[[], Any]]:
    """Handshakes that no carrier makes: each gives headers and frames."""
    well, opened = signature(seen(phones)), [CONNECTED]
    flipped = list(well["x-twilio-signature"])
    flipped[dice.randrange(20)] = "-"
    office = TicketOffice("the key of the tests", lambda: time.time() - 61)
    expired = office.sell(CALL, "+12025550001", "+15005550006", "")
    another = TicketOffice("another key").sell(CALL, "+12025550001", "+15005550006", "")
    payload, _, mark = good.partition(".")
    other = base64.urlsafe_b64encode(base64.urlsafe_b64decode(payload).replace(b"CA7", b"CA8")).decode()
    at = dice.randrange(len(good))
    bent = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
    second = json.loads(start(good))
    broken: list[str | bytes] = [
        "", "{", "[]", "null", '{"event":"start"}', '{"event":"start","start":{}}', b"\0" * 100, "[" * 50_000,
        json.dumps({**second, "event": "media"}), json.dumps({**second, "start": []}),
        start(good, mediaFormat={**FORMAT, "sampleRate": 16000}), start(good, streamSid="../x"),
        start(good, customParameters={}), start(good, customParameters={"ticket": 7}), "x" * 70_000,
    ]  # fmt: skip
    return [
        lambda: ({}, []),
        lambda: ({"x-twilio-signature": ""}, []),
        lambda: ({"x-twilio-signature": "".join(flipped)}, [CONNECTED, start(good)]),
        lambda: (signature(phones.house.public_url + "/hooks/call/media"), [CONNECTED, start(good)]),
        lambda: (signature(seen(phones, "/hooks/call")), [CONNECTED, start(good)]),
        lambda: (signature("wss://hub.example/hooks/call/media"), [CONNECTED, start(good)]),
        lambda: (signature(seen(phones), "another token"), [CONNECTED, start(good)]),
        lambda: (well, [*opened, start(expired)]),
        lambda: (well, [*opened, start(another)]),
        lambda: (well, [*opened, start(bent)]),
        lambda: (well, [*opened, start(f"{other}.{mark}", call=CALL.replace("CA7", "CA8"))]),
        lambda: (well, [*opened, start(good, call="CA" + "8" * 32)]),
        lambda: (well, [*opened, start(good, account="AC" + "8" * 32)]),
        lambda: (well, [*opened, start(used, call="CA" + "6" * 32)]),
        lambda: (well, [*opened, start("")]),
        lambda: (well, [start(good)]),
        lambda: (well, [*opened, dice.choice(broken)]),
        lambda: (well, [dice.choice(broken)]),
        lambda: (well, opened),  # and no start
        lambda: (well, []),
    ]


async def test_forged_and_replayed_streams_are_refused_before_any_engine_is_touched(
    phones: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels.call, "START_WITHIN_SECONDS", 0.1)
    number = await phones.number(agent())
    good, used = await rings(phones, number, CALL), await rings(phones, number, "CA" + "6" * 32)
    async with dialled(phones) as live:
        await live.send(CONNECTED)
        await live.send(start(used, call="CA" + "6" * 32))
        assert json.loads(await live.recv())["event"] == "media"
        await phones.house.hub.context.channels["call"].warm_up()
        context = phones.house.hub.context
        await until(lambda: len(context.tasks) <= len(context.calls))
        opened, closed = [*phones.seen.opened], phones.seen.closed
        rows, left = await taken_in(phones), Left.now()
        dice = random.Random(7)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                ways = forgeries(phones, good, used, dice)
                await turned_away(phones, *ways[number % len(ways)]())

        await asyncio.gather(*(one(number) for number in range(FORGED)))
        assert phones.seen.opened == opened
        assert phones.seen.closed == closed
        assert await taken_in(phones) == rows
        assert len(phones.house.hub.context.calls) == 1
        await nothing_is_left(left)
    async with dialled(phones) as made:  # the ticket that was tried so often is still good for its own call
        await made.send(CONNECTED)
        await made.send(start(good))
        assert json.loads(await made.recv())["event"] == "media"
    await phones.quiet()


async def taken_in(phones: Exchange) -> dict[str, int]:
    """How many rows there are of what a call leaves in the database when it is let in."""
    counts = await phones.records.counts()
    return {table: counts[table] for table in ("Customer", "InboxEntry", "Interaction", "OutboxEntry")}


async def nothing_is_left(before: Left) -> None:
    async def left() -> tuple[int, int]:
        now = Left.now()
        return now.tasks - before.tasks, now.sockets - before.sockets

    await eventually(left, lambda more: max(more) <= 0, 8)


async def test_forged_offers_are_refused_before_any_engine_is_touched(phones: Exchange) -> None:
    channel: Any = phones.house.hub.context.channels["web_call"]
    assert (await phones.house.http.post("/hooks/web_call", json={})).status_code == 403
    rows, left, dice = await phones.records.counts(), Left.now(), random.Random(7)
    good = channel.ticket("visitor-1", "key")
    payload, _, mark = good.rpartition(".")

    def ticket(number: int) -> Any:
        at = dice.randrange(len(good))
        bent = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
        return [bent, channel.ticket("v", "k", lasts=-1), "", None, 7, [good], payload, f".{mark}", good * 40][
            number % 9
        ]

    for number in range(200):
        offer = {"sdp": "v=0\r\n", "type": "offer", "ticket": ticket(number)}
        answer = await phones.house.http.post("/hooks/web_call", json=offer)
        assert answer.status_code in (401, 403), answer.text
    for sdp in ("", "v=0", "v=0\r\nm=audio 9 UDP 0\r\n", "\0" * 100, "x" * 30_000, {"a": 1}, None):
        answer = await phones.house.http.post("/hooks/web_call", json={"sdp": sdp, "type": "offer", "ticket": good})
        assert answer.status_code == 400, answer.text
    assert phones.seen.opened == []
    assert await phones.records.counts() == rows
    await nothing_is_left(left)


def garbled(dice: random.Random) -> str | bytes:
    """A frame of a stream with something wrong in it, that does not end the stream."""
    frame = media(bytes(dice.randrange(256) for _ in range(160)), dice.choice((0, -5, 10**18, 20)))
    known = json.loads(frame)
    odd: Any = dice.choice((None, [], {}, 7, -1.5, "", "x" * 300, True, {"payload": 7}, "\ud800", "1e999", [[]] * 50))
    way = dice.randrange(9)
    if way == 0:
        return frame[: dice.randrange(len(frame))]
    if way == 1:
        at = dice.randrange(len(frame))
        return frame[:at] + chr(dice.randrange(32, 0x2FF)) + frame[at + 1 :]
    if way == 2:
        known[dice.choice(("event", "media", "streamSid", "sequenceNumber"))] = odd
    elif way == 3:
        known["media"][dice.choice(("payload", "timestamp", "track", "chunk"))] = odd
    elif way == 4:
        return json.dumps({"event": dice.choice(("dtmf", "mark")), dice.choice(("dtmf", "mark", "x")): odd})
    elif way == 5:
        return dice.randbytes(dice.randrange(300))
    elif way == 6:
        return dice.choice(("", "null", "[", "[" * 20_000, '{"event":' * 2_000, "NaN", '"media"', "{}", "\0"))
    elif way == 7:
        return frame.replace('"media"', dice.choice(('"medium"', '"start"', '"connected"', '"clear"')), 1)
    else:
        return json.dumps({"event": "dtmf", "dtmf": {"digit": dice.choice(("", "55", "x", 5, None, "\n"))}})
    return json.dumps(known)


async def test_a_call_lives_through_ten_thousand_garbled_frames(phones: Exchange) -> None:
    number = await phones.number(agent())
    ticket, heard, dice = await rings(phones, number, CALL), bytearray(), random.Random(7)
    async with dialled(phones) as made:

        async def listen() -> None:
            async for frame in made:
                told = json.loads(frame)
                if told["event"] == "media":
                    heard.extend(base64.b64decode(told["media"]["payload"]))
                elif told["event"] == "mark":
                    await made.send(json.dumps({"event": "mark", "mark": told["mark"], "streamSid": STREAM}))

        await made.send(CONNECTED)
        await made.send(start(ticket))
        listening = asyncio.create_task(listen())
        for _ in range(GARBLED):
            await made.send(garbled(dice))
            await asyncio.sleep(0)  # the hub is in the same process
        words = from_wav(base64.b64decode(says("Are you well?", 500)["wav"]))
        sound = QUIET * 60 + words + QUIET * 200
        began = asyncio.get_running_loop().time()
        for number_of_it, at in enumerate(range(0, len(sound), 160)):
            await made.send(media(sound[at : at + 160], number_of_it * 20))
            await asyncio.sleep(began + number_of_it * 0.02 - asyncio.get_running_loop().time())
            if "are you well?" in spelled(bytes(heard)):
                break
        assert "you said are you well?" in spelled(bytes(heard))
        assert not listening.done()
        listening.cancel()
        await made.close()
    await phones.quiet()
    interaction = await phones.interaction(CALL)
    assert "Are you well?" in [text for role, text in await phones.transcript(interaction.id) if role == "customer"]
