"""Every channel of the roster keeps the contract: recorded requests in, inbounds or refusals out."""

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from channels import CHANNELS, open_channels
from hub.channel import Channel, Hook, Inbound, Limits, Outbound, Refused, Reply, Undeliverable
from web.settings import Settings

SETTINGS = {
    "HUB_SECRET_KEY": "the key of the recorded requests",
    "HUB_PUBLIC_URL": "https://hub.example",
    "TWILIO_ACCOUNT_SID": "AC" + "2" * 32,
    "TWILIO_AUTH_TOKEN": "the token of the recorded requests",
    "SENDGRID_API_KEY": "SG.recorded",
    "SENDGRID_EVENT_PUBLIC_KEY": (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFTEAVQXfqJ01UHYx2Ws77JBqAvc4VTHxnMDZZCl5KIsb"
        "/DlgfIggrmjlyafjBTXsAJCacsbigvd3KXXKfb0sHg=="
    ),
}
MESSAGE_STATUSES = {"queued", "sent", "delivered", "read", "failed", "undelivered"}
CALL_STATUSES = {
    "queued", "ringing", "in_progress", "completed", "busy", "no_answer", "failed", "canceled", "voicemail", "",
}  # fmt: skip
"""None where it tells of something else than the call's state, such as a transfer."""


def recorded() -> list[tuple[str, Path]]:
    return [(name, path) for name in CHANNELS for path in sorted(Path("fixtures", name).glob("*.json"))]


def opened(name: str, settings: dict[str, str] = SETTINGS) -> Channel:
    return open_channels(settings)[name]


def receive(channel: Channel, request: dict[str, Any]) -> Reply:
    """What the request gives; a line that it opened is closed again, and left out."""
    hook = Hook(request["method"], request["url"], request["headers"], request["body"].encode())

    async def received() -> Reply:
        try:
            reply = await channel.receive(hook)
            return replace(reply, events=tuple(replace(event, line=None) for event in reply.events))
        finally:
            await channel.close()

    return asyncio.run(received())


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_says_what_it_is(name: str) -> None:
    channel = opened(name)
    assert (channel.name, CHANNELS[name].partition(":")[0]) == (name, f"channels.{name}")
    assert channel.label
    assert channel.identity in ("phone", "email", "whatsapp", "visitor", "crm")
    assert isinstance(channel.limits, Limits)
    assert channel.limits.length > 0
    assert {setting.lower() for setting in channel.settings} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_has_requests_that_were_recorded(name: str) -> None:
    kinds = {path.stem.startswith("refused") for channel, path in recorded() if channel == name}
    assert kinds == {True, False}, f"fixtures/{name} needs requests that are taken and some that are refused"


@pytest.mark.parametrize(("name", "path"), recorded(), ids=str)
def test_a_recorded_request_gives_what_was_recorded(name: str, path: Path) -> None:
    given = json.loads(path.read_text())
    if "refused" in given:
        with pytest.raises(Refused) as refused:
            receive(opened(name), given["request"])
        assert refused.value.status == given["refused"]
        assert len(refused.value.reason) > 10
        return
    reply = receive(opened(name), given["request"])
    assert reply.status == given["status"]
    events = json.loads(json.dumps([asdict(event) for event in reply.events], default=repr))
    assert len(events) == len(given["events"])
    assert [_like(event, wanted) for event, wanted in zip(events, given["events"], strict=True)] == given["events"]
    for event in reply.events:
        assert event.channel == name
        assert event.external_id
        statuses = CALL_STATUSES if opened(name).limits.live else MESSAGE_STATUSES
        assert event.kind != "status" or event.status in statuses or (not event.status and event.opted_out)


def _like(event: Any, wanted: Any) -> Any:
    """Of what is there, as much as is wanted."""
    if isinstance(wanted, dict) and isinstance(event, dict):
        return {name: _like(event.get(name), value) for name, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(event, list) and len(wanted) == len(event):
        return [_like(one, other) for one, other in zip(event, wanted, strict=True)]
    return event


@pytest.mark.parametrize(("name", "path"), recorded(), ids=str)
def test_the_same_request_twice_is_the_same_thing(name: str, path: Path) -> None:
    given = json.loads(path.read_text())
    if "refused" not in given:
        first, second = (receive(opened(name), given["request"]).events for _ in range(2))
        assert [event.external_id for event in first] == [event.external_id for event in second]


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"[]", b"null", b"a=1&a=2", b"\0" * 1000])
def test_nonsense_is_refused_and_nothing_else_is_raised(name: str, body: bytes) -> None:
    for path in (f"/hooks/{name}", f"/hooks/{name}/status", f"/hooks/{name}/x/y"):
        for method in ("GET", "POST"):
            with pytest.raises(Refused):
                asyncio.run(opened(name).receive(Hook(method, f"https://hub.example{path}", {}, body)))


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_that_is_not_configured_sends_nothing_and_says_so(name: str) -> None:
    channel = opened(name, {"HUB_SECRET_KEY": "x"})
    outbound = Outbound("1", "2", "", "+15005550006", "+12025550101", "hello")
    with pytest.raises(Undeliverable) as error:
        asyncio.run(channel.send(outbound))
    assert error.value.words
    assert (error.value.retry, error.value.ambiguous) == (False, False)


def test_what_a_channel_does_not_write_it_cannot_do() -> None:
    bare = Channel()
    with pytest.raises(Refused):
        asyncio.run(bare.receive(Hook("POST", "https://hub.example/hooks/x", {})))
    with pytest.raises(Undeliverable):
        asyncio.run(bare.send(Outbound("1", "2", "", "", "", "hello")))
    with pytest.raises(Undeliverable):
        asyncio.run(bare.find(Outbound("1", "2", "", "", "", "hello")))


def test_an_inbound_is_plain_data() -> None:
    assert asdict(Inbound("sms", "message", "1"))["line"] is None
