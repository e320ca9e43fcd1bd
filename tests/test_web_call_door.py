"""What opens a browser call and what does not: tickets, offers, STUN and TURN servers."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

import channels._webrtc
from channels.web_call import WebCall
from hub.channel import Hook, Refused

pytestmark = pytest.mark.anyio
URL = "https://hub.example/hooks/web_call"
SETTINGS = {"HUB_SECRET_KEY": "the key of the tests"}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channel(clock: Clock) -> WebCall:
    return WebCall(SETTINGS, now=clock)


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each peer connection that the channel makes."""
    made: list[int] = []

    class Counted(RTCPeerConnection):
        def __init__(self, *given: Any, **named: Any) -> None:
            made.append(1)
            super().__init__(*given, **named)

    monkeypatch.setattr(channels._webrtc, "RTCPeerConnection", Counted)
    return made


def hook(body: Any) -> Hook:
    return Hook("POST", URL, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


async def an_offer() -> str:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("audio")
    peer.createDataChannel("hub")
    await peer.setLocalDescription(await peer.createOffer())
    sdp = str(peer.localDescription.sdp)
    await peer.close()
    return sdp


async def refusal(channel: WebCall, **given: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        await channel.receive(hook({"type": "offer", **given}))
    return refused.value.status, refused.value.reason


async def test_a_ticket_opens_one_call(channel: WebCall) -> None:
    sdp, ticket = await an_offer(), channel.ticket("visitor", "shop", "interaction")
    reply = await channel.receive(hook({"sdp": sdp, "type": "offer", "ticket": ticket}))
    assert reply.events[0].sender == "visitor"
    assert await refusal(channel, sdp=sdp, ticket=ticket) == (
        409, "The ticket of the call has been used. Reload the page and call again.",
    )  # fmt: skip
    await channel.close()
    assert channel.calls == 0


async def test_forged_expired_and_used_tickets_cost_no_peer(channel: WebCall, clock: Clock, peers: list[int]) -> None:
    sdp = await an_offer()
    good, late = channel.ticket("visitor", "shop"), channel.ticket("visitor", "shop", lasts=5)
    await channel.receive(hook({"sdp": sdp, "type": "offer", "ticket": good}))
    assert len(peers) == 1
    clock.now += 10
    stranger = WebCall({"HUB_SECRET_KEY": "another"}, now=clock).ticket("visitor", "shop")
    for number in range(250):
        flipped = list(late)
        flipped[number % len(late)] = "x" if flipped[number % len(late)] != "x" else "y"
        assert (await refusal(channel, sdp=sdp, ticket="".join(flipped)))[0] == 403
        assert (await refusal(channel, sdp=sdp, ticket=(stranger, None, 7, [], "", "x" * 60_000)[number % 6]))[0] == 403
        assert (await refusal(channel, sdp=sdp, ticket=late))[0] == 401
        assert (await refusal(channel, sdp=sdp, ticket=good))[0] == 409
    assert len(peers) == 1
    await channel.close()


async def test_garbage_is_refused_in_words_and_costs_no_peer(channel: WebCall, peers: list[int]) -> None:
    sdp, ticket = await an_offer(), channel.ticket("visitor", "shop")
    audio, data = sdp.split("m=audio")[1].split("m=application")
    video = sdp.replace("m=audio", "m=video")
    garbage = [
        "", "v=0", "x" * 40_000, "\0", "m=audio", sdp[:300], sdp[:-1000], video, sdp.replace("m=audio", "m=text"),
        f"{sdp}m=audio{audio}", f"{sdp}m=application{data}", sdp.replace("a=ice-ufrag", "a=nothing"),
        sdp.replace("a=fingerprint", "a=nothing"), sdp.replace("opus", "speex"), sdp.replace("a=mid:1", "a=mid:0"),
        sdp.replace("m=audio ", "m=audio x"), *(sdp[:at] + sdp[at + 7 :] for at in range(0, 300, 9)),
    ]  # fmt: skip
    refused = []
    for offer in garbage:
        try:
            await channel.receive(hook({"sdp": offer, "type": "offer", "ticket": channel.ticket("visitor", "shop")}))
        except Refused as error:
            refused.append(error)
    assert {(error.status, len(error.reason) > 20) for error in refused} == {(400, True)}
    assert len(refused) >= 16
    for kind, text in (("answer", sdp), ("offer", None), ("offer", 5), (None, sdp)):
        assert (await refusal(channel, type=kind, sdp=text, ticket=ticket))[0] == 400
    with pytest.raises(Refused) as large:
        await channel.receive(hook(b"x" * 70_000))
    assert large.value.status == 413
    await channel.close()


async def test_a_ticket_is_not_lost_to_a_bad_offer(channel: WebCall) -> None:
    ticket = channel.ticket("visitor", "shop")
    assert (await refusal(channel, sdp="v=0", ticket=ticket))[0] == 400
    await channel.receive(hook({"sdp": await an_offer(), "type": "offer", "ticket": ticket}))
    await channel.close()


async def test_more_calls_than_there_are_lines_are_told_to_wait(clock: Clock) -> None:
    channel, sdp = WebCall(SETTINGS, now=clock, most_calls=1), await an_offer()
    first = await channel.receive(hook({"sdp": sdp, "type": "offer", "ticket": channel.ticket("a", "shop")}))
    waiting = channel.ticket("b", "shop")
    status, words = await refusal(channel, sdp=sdp, ticket=waiting)
    assert status == 503
    assert "busy" in words
    assert first.events[0].line is not None
    await first.events[0].line.hangup()
    await channel.receive(hook({"sdp": sdp, "type": "offer", "ticket": waiting}))
    await channel.close()


async def test_what_is_asked_of_the_browser_costs_little(channel: WebCall) -> None:
    sdp = await an_offer()
    reply = await channel.receive(hook({"sdp": sdp, "type": "offer", "ticket": channel.ticket("visitor", "shop")}))
    answer = json.loads(reply.body)
    assert answer["type"] == "answer"
    assert "usedtx=1" in answer["sdp"]
    assert "stereo=0" in answer["sdp"]
    assert "PCMU" not in answer["sdp"]
    await channel.close()


async def test_names_and_tcp_are_left_out_of_an_offer() -> None:
    sdp = await an_offer()
    line = "a=candidate:1 1 udp 1 {} 5000 typ host\r\n"
    hidden = line.format("3b1f2c5e-1111-4222-8333-444455556666.local")
    tcp = "a=candidate:2 1 tcp 1 127.0.0.1 9 typ host tcptype active\r\n"
    many = "".join(line.format(f"192.0.2.{number}") for number in range(100))
    kept = channels._webrtc.offer(sdp.replace("a=end-of-candidates\r\n", hidden + tcp + many)).sdp
    assert ".local" not in kept
    assert "tcptype" not in kept
    assert kept.count("a=candidate:") <= channels._webrtc.MOST_CANDIDATES


def test_no_server_is_asked_unless_one_is_set() -> None:
    assert WebCall(SETTINGS).ice_servers("visitor") == []
    assert WebCall(SETTINGS | {"HUB_ICE_SERVERS": " , "}).ice_servers("visitor") == []


def test_turn_passwords_are_short_lived_and_the_servers_own() -> None:
    clock = Clock()
    channel = WebCall(
        SETTINGS
        | {
            "HUB_ICE_SERVERS": "stun:stun.example:3478, turn:turn.example, turns:turn.example:443",
            "HUB_TURN_SECRET": "north",
        },
        now=clock,
    )
    stun, turn = channel.ice_servers("visitor")
    assert stun == {"urls": ["stun:stun.example:3478"]}
    assert turn["urls"] == ["turn:turn.example", "turns:turn.example:443"]
    assert turn["username"] == f"{int(clock.now) + 3600}:visitor"
    digest = hmac.new(b"north", turn["username"].encode(), hashlib.sha1).digest()
    assert turn["credential"] == base64.b64encode(digest).decode()


# A process-wide hook cannot be taken off again, so it looks here whether anybody wants to know.
_watched: list[list[Any]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.connect"):
        _watched[-1].append((event, arguments[1] if event in ("socket.sendto", "socket.connect") else arguments[0]))


@pytest.fixture
def outside() -> Iterator[list[Any]]:
    """Names asked for and packets sent from here on."""
    if "watching" not in globals():
        sys.addaudithook(_watch)
        globals()["watching"] = True
    seen: list[Any] = []
    _watched.append(seen)
    yield seen
    _watched.remove(seen)


async def test_answering_a_call_asks_nobody_outside(channel: WebCall, outside: list[Any]) -> None:
    sdp = await an_offer()
    socket.getaddrinfo("localhost", 1)
    assert outside, "the hook sees nothing"
    outside.clear()
    await channel.receive(hook({"sdp": sdp, "type": "offer", "ticket": channel.ticket("visitor", "shop")}))
    await channel.close()
    assert [seen for seen in outside if "127.0.0.1" not in str(seen)] == []


def test_aiortc_is_loaded_when_it_is_needed() -> None:
    loaded = "import sys, channels.web_call; print(any(name in sys.modules for name in ('aiortc', 'av', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "False\n"


def test_this_aiortc_can_be_given_our_own_ears() -> None:
    channels._webrtc.check_aiortc()
