"""The provider door: live connections become lines, and a provider is always answered something it understands."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import web.hooks
import web.sockets
from channels.call import Call
from hub.channel import Channel, Hook, Inbound, Refused, Reply, Socket
from hub.core.receive import Receipt
from tests.fakes import until
from tests.test_call_channel import ACCOUNT, CONNECTED, SETTINGS, STREAM, TOKEN, start
from tests.world import served

pytestmark = pytest.mark.anyio
CALL = "CA" + "1" * 32


class Pipe(Channel):
    """A channel for the door's tests: takes anything, or what its path says."""

    name = "pipe"

    async def receive(self, hook: Hook) -> Reply:
        said = hook.query()
        otherwise, refused = said.get("otherwise"), said.get("refused")
        event = Inbound("pipe", "message", said.get("event", "1"))
        return Reply((event,), 201, "<ok/>", "text/xml", {"x-a": "b"}, otherwise, refused)

    async def connect(self, hook: Hook, socket: Socket) -> Inbound:
        if hook.path.endswith("/refused"):
            raise Refused("Not here.")
        await socket.accept()
        if hook.path.endswith("/late"):
            raise Refused("Not like that.", 400)
        if hook.path.endswith("/broken"):
            raise ValueError("a fault of ours")
        if hook.path.endswith("/stalled"):
            await socket.receive()
        return Inbound("pipe", "call", hook.url, data={"socket": socket, "hook": hook})


class Desk:
    """Stands behind the door in the hub's place: does what the event's id says, and lets lines echo."""

    def __init__(self, channels: dict[str, Channel]) -> None:
        self.context = SimpleNamespace(channels=channels)
        self.taken: list[Inbound] = []
        self.lives: list[asyncio.Task[None]] = []
        self.heard: list[str | bytes] = []
        self.free = asyncio.Event()

    async def receive(self, inbound: Inbound) -> Receipt:
        self.taken.append(inbound)
        if inbound.external_id == "refuse":
            raise Refused("It has ended.", 409)
        if inbound.external_id == "busy":
            raise Refused("All lines are busy.", 503)
        if inbound.external_id == "break":
            raise ConnectionError("no database")
        if inbound.external_id == "stall":
            await asyncio.Event().wait()
        if inbound.kind != "call" or inbound.external_id.endswith("/unclaimed"):
            return Receipt(True)
        self.lives.append(asyncio.create_task(self._echo(inbound)))
        return Receipt(True, live=self.lives[-1])

    async def _echo(self, inbound: Inbound) -> None:
        if inbound.line is not None:
            async for piece in inbound.line.audio():
                await inbound.line.play(piece[0])  # type: ignore[arg-type]
            return
        pipe: Socket = inbound.data["socket"]
        if "/busy" in inbound.external_id:
            await self.free.wait()
        while (frame := await pipe.receive()) is not None:
            if frame == "bye":
                return
            self.heard.append(frame)
            await pipe.send(frame)


@dataclass
class Door:
    url: str
    desk: Desk
    http: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def opened(self, path: str, **headers: str) -> AsyncIterator[ClientConnection]:
        async with connect(self.url.replace("http", "ws") + path, additional_headers=headers, proxy=None) as made:
            yield made

    async def turned_away(self, path: str, **headers: str) -> int:
        """The HTTP status with which a handshake is answered."""
        with pytest.raises(InvalidStatus) as answer:
            async with self.opened(path, **headers):
                pass
        return int(answer.value.response.status_code)


@contextlib.asynccontextmanager
async def a_door(public_url: str = "") -> AsyncIterator[Door]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    desk = Desk({"pipe": Pipe(), "call": Call({**SETTINGS, "HUB_PUBLIC_URL": public_url or url})})
    state = State({"hub": desk, "settings": SimpleNamespace(hub_public_url=public_url or url)})
    handlers: list[Any] = [web.hooks.hook, web.hooks.hook_below, web.sockets.media]
    app = Litestar(handlers, state=state, openapi_config=None, logging_config=None)
    async with served(app, listening), httpx.AsyncClient(base_url=url) as http:
        yield Door(url, desk, http)


@pytest.fixture
async def door(anyio_backend: str) -> AsyncIterator[Door]:
    async with a_door() as made:
        yield made


# live connections


async def test_frames_go_both_ways_until_the_other_side_goes(door: Door) -> None:
    async with door.opened("/hooks/pipe/live?x=%41") as made:
        for frame in ("text", b"bytes", "é" * 100, ""):
            await made.send(frame)
            assert await made.recv() == frame
    await until(lambda: door.desk.lives[0].done())
    hook: Hook = door.desk.taken[0].data["hook"]
    assert hook.url == door.url.replace("http", "ws") + "/hooks/pipe/live?x=%41"
    assert (hook.method, hook.body) == ("GET", b"")
    assert hook.headers["upgrade"] == "websocket"


async def test_what_was_sent_before_the_other_side_went_is_heard_though_nothing_can_be_answered(door: Door) -> None:
    async with door.opened("/hooks/pipe/busy") as made:
        for frame in ("one", "two", "stop"):
            await made.send(frame)
    door.desk.free.set()
    await until(lambda: door.desk.lives[0].done())
    assert door.desk.heard == ["one", "two", "stop"]


async def test_when_the_talk_is_over_the_socket_is_closed(door: Door) -> None:
    async with door.opened("/hooks/pipe/live") as made:
        await made.send("bye")
        with pytest.raises(ConnectionClosed):
            await made.recv()
        assert made.close_code == 1000


@pytest.mark.parametrize(
    ("path", "code"),
    [("/hooks/pipe/late", 1008), ("/hooks/pipe/broken", 1011), ("/hooks/pipe/unclaimed", 1000)],
)
async def test_a_socket_that_leads_nowhere_is_closed(door: Door, path: str, code: int) -> None:
    async with door.opened(path) as made:
        with pytest.raises(ConnectionClosed):
            await made.recv()
        assert made.close_code == code


async def test_a_handshake_of_nobody_we_know_is_turned_away(door: Door) -> None:
    for path in ("/hooks/pipe/refused", "/hooks/pigeon/media", "/hooks/call/media", "/hooks/call/other"):
        assert await door.turned_away(path) == 403
    assert door.desk.taken == []


async def test_a_handshake_that_stalls_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.sockets, "CONNECTED_WITHIN_SECONDS", 0.05)
    async with door.opened("/hooks/pipe/stalled") as made:
        with pytest.raises(ConnectionClosed):
            await made.recv()
        assert made.close_code == 1008


def ticket(door: Door) -> str:
    channel = door.desk.context.channels["call"]
    return str(channel._tickets.sell(CALL, "+12025550101", "+15005550006", ""))


def signature(url: str) -> dict[str, str]:
    return {"x-twilio-signature": RequestValidator(TOKEN).compute_signature(url, {})}


@pytest.mark.parametrize("public", ["", "https://hub.example"])
async def test_a_call_is_talked_with_through_the_door(public: str) -> None:
    async with a_door(public) as door:
        seen = (public or door.url).replace("http", "ws", 1) + "/hooks/call/media"
        async with door.opened("/hooks/call/media", **signature(seen)) as made:
            await made.send(CONNECTED)
            await made.send(start(ticket(door)))
            said = {"track": "inbound", "timestamp": "0", "payload": "YWJj"}
            await made.send(json.dumps({"event": "media", "streamSid": STREAM, "media": said}))
            heard = json.loads(await made.recv())
            assert heard == {"event": "media", "streamSid": STREAM, "media": {"payload": "YWJj"}}
        await until(lambda: door.desk.lives[0].done())
        (taken,) = door.desk.taken
        assert (taken.external_id, taken.also) == (CALL, (ACCOUNT,))


async def test_a_call_signed_for_the_http_address_is_turned_away(door: Door) -> None:
    assert await door.turned_away("/hooks/call/media", **signature(door.url + "/hooks/call/media")) == 403


async def test_a_call_with_another_ticket_is_closed(door: Door) -> None:
    seen = door.url.replace("http", "ws", 1) + "/hooks/call/media"
    async with door.opened("/hooks/call/media", **signature(seen)) as made:
        await made.send(CONNECTED)
        await made.send(start("another"))
        with pytest.raises(ConnectionClosed):
            await made.recv()
        assert made.close_code == 1008
    assert door.desk.taken == []


async def test_whoever_has_gone_is_not_sent_anything() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.send":
            raise RuntimeError("gone")

    sent: list[str] = []
    made = web.sockets.DoorSocket(receive, send)  # type: ignore[arg-type]
    await made.accept()
    await made.accept()
    await made.send("hello")
    await made.send("hello")
    await made.close()
    await made.close()
    assert await made.receive() is None
    assert await made.receive() is None
    assert sent == ["websocket.accept", "websocket.send"]


# what is answered, whatever happens


async def test_what_could_be_stored_is_answered_as_the_channel_says(door: Door) -> None:
    answer = await door.http.post("/hooks/pipe?otherwise=<later/>&refused=<no/>")
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (201, "<ok/>", "b")


async def test_what_could_not_be_stored_is_answered_with_the_channels_words_for_that(door: Door) -> None:
    answer = await door.http.post("/hooks/pipe?event=break&otherwise=<later/>&refused=<no/>")
    assert (answer.status_code, answer.text) == (200, "<later/>")
    assert answer.headers["content-type"].startswith("text/xml")
    assert (await door.http.post("/hooks/pipe?event=break&refused=<no/>")).status_code == 503


async def test_what_the_hub_refuses_is_answered_with_the_channels_words_for_that(door: Door) -> None:
    answer = await door.http.post("/hooks/pipe?event=refuse&otherwise=<later/>&refused=<no/>")
    assert (answer.status_code, answer.text) == (200, "<no/>")
    assert answer.headers["content-type"].startswith("text/xml")
    assert (await door.http.post("/hooks/pipe?event=refuse&otherwise=<later/>")).status_code == 409


async def test_what_the_hub_is_too_busy_for_may_come_again(door: Door) -> None:
    answer = await door.http.post("/hooks/pipe?event=busy&otherwise=<later/>&refused=<no/>")
    assert (answer.status_code, answer.text) == (200, "<later/>")
    assert (await door.http.post("/hooks/pipe?event=busy&refused=<no/>")).status_code == 503


async def test_a_provider_that_is_owed_an_answer_is_not_kept_waiting(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.hooks, "STORED_WITHIN_SECONDS", 0.05)
    answer = await door.http.post("/hooks/pipe?event=stall&otherwise=<later/>")
    assert (answer.status_code, answer.text) == (200, "<later/>")
