"""Every door has a rule: public by design, signed, or guarded; what is not signed has no effect."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import WebsocketRouteHandler
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.bench.processes import AUTH_TOKEN
from tests.fakes import FakeClock
from tests.world import QUESTION, House, Sandbox, house, message_form, signed

pytestmark = pytest.mark.anyio
ANA = "+12025550101"

PUBLIC = {
    "/chat/{key:str}",
    "/chat/{key:str}/accent.css",
    "/health/live",
    "/health/ready",
    "/schema",
    "/schema/openapi.json",
    "/schema/{path:str}",
    "/signin",
    "/static/chat/widget.js",
    "/static/{file_path:path}",
}
SIGNED = {
    "/a/{token:str}",
    "/chat/{key:str}/call",
    "/hooks/email/{rest:path}",
    "/chat/{key:str}/files",
    "/hooks/{channel:str}",
    "/hooks/{channel:str}/{rest:path}",
    "/hooks/webchat/live",
    "/media/{token:str}",
    "/shared/{token:str}",
    "/shared/{token:str}/peaks.json",
    "/shared/{token:str}/recordings/{name:str}",
}
"""By the carrier, or by us: the web chat's token, the link to an attachment, a question, a shared interaction."""
SOCKET = "WebSocket"

HOOKS = [
    f"/hooks/{channel}{below}"
    for channel in ("sms", "whatsapp")
    for below in ("", "/status", "/status?message=0193a5f0-0000-7000-8000-000000000000")
]


def rules(app: Litestar) -> dict[str, list[tuple[str, dict[str, object]]]]:
    """Path > method (or `SOCKET`) and rule of each of its handlers; preflight answers aside."""
    found: dict[str, list[tuple[str, dict[str, object]]]] = {}
    for route in app.routes:
        handlers = getattr(route, "route_handlers", None) or [route.route_handler]  # type: ignore[union-attr]
        found.setdefault(route.path, []).extend(
            (method, dict(handler.opt)) for handler in handlers for method in _methods(handler)
        )
    return found


def _methods(handler: object) -> set[str]:
    if isinstance(handler, WebsocketRouteHandler):
        return {SOCKET}
    return set(getattr(handler, "http_methods", {"GET"})) - {"OPTIONS"}


async def handshake(hub: House, path: str, **headers: str) -> int:
    """The HTTP status with which a WebSocket is turned away."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(hub.url.replace("http", "ws") + path, additional_headers=headers, proxy=None):
            pass
    return int(refused.value.response.status_code)


async def test_every_route_is_public_by_design_signed_or_guarded(hub: House) -> None:
    found = rules(hub.app)
    open_to_all = {path for path, said in found.items() if any(opt.get("public") for _, opt in said)}
    assert open_to_all == PUBLIC | SIGNED
    for path in found.keys() - open_to_all:
        for _, opt in found[path]:
            assert opt.get("roles") or opt.get("scope") in ("read", "write"), path
            assert path.startswith("/v1/") == bool(opt.get("scope")), path


async def test_a_guarded_route_lets_nobody_in_who_does_not_say_who_they_are(hub: House) -> None:
    before = await hub.records.counts()
    guarded = {path: said for path, said in rules(hub.app).items() if path not in PUBLIC | SIGNED}
    assert len(guarded) > 20
    assert any(method == SOCKET for said in guarded.values() for method, _ in said)
    for path, said in guarded.items():
        here = re.sub(r"{[^}]*}", "0193a5f0-0000-7000-8000-000000000000", path)
        for method, _ in said:
            if method == SOCKET:
                assert await handshake(hub, here) == 403, path
                continue
            answer = await hub.http.request(method, here, headers={"accept": "application/json"})
            assert answer.status_code in (303, 302, 401, 403), (method, path, answer.status_code)
    assert await hub.records.counts() == before


def forgeries(url: str, form: dict[str, str]) -> dict[str, tuple[str, dict[str, str]]]:
    """Name > (body, headers) of requests that Twilio did not make."""
    body, good = urlencode(form), signed(url, form)
    kind = {"content-type": good["content-type"]}
    signature = good["x-twilio-signature"]
    flipped = ("A" if signature[3] != "A" else "B").join((signature[:3], signature[4:]))
    return {
        "no header": (body, kind),
        "empty header": (body, {**kind, "x-twilio-signature": ""}),
        "nonsense": (body, {**kind, "x-twilio-signature": "nonsense"}),
        "not ASCII": (body, {**kind, "x-twilio-signature": "\xe9" * 28}),
        "one character flipped": (body, {**kind, "x-twilio-signature": flipped}),
        "shorter": (body, {**kind, "x-twilio-signature": signature[:-1]}),
        "another token": (body, signed(url, form, "another token")),
        "another URL": (body, signed(url + "x", form)),
        "another form": (urlencode({**form, "Extra": "1"}), good),
        "one bit of the body": (body.replace("SM", "SN", 1), good),
        "nothing in it": ("", good),
        "a null byte": (body + "%00", good),
    }


@pytest.mark.parametrize("path", HOOKS)
async def test_what_is_not_signed_is_refused_and_leaves_nothing(hub: House, path: str) -> None:
    form = {**message_form(ANA, QUESTION, "SM" + "1" * 32), "MessageStatus": "delivered"}
    if "whatsapp" in path:
        form |= {name: f"whatsapp:{form[name]}" for name in ("From", "To")}
    before = await hub.records.counts()
    for name, (body, headers) in forgeries(hub.public_url + path, form).items():
        raw = {key: value.encode("latin-1") for key, value in headers.items()}
        answer = await hub.http.post(path, content=body, headers=raw)
        assert answer.status_code == 403, name
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await hub.http.get(path)).status_code == 403
    assert not hub.hub.context.tasks
    assert await hub.records.counts() == before
    assert await hub.sandbox.tries(form["From"]) == []
    good = await hub.hook(path, form)
    assert good.status_code in (200, 204)


async def test_a_socket_that_is_not_signed_is_turned_away_and_leaves_nothing(hub: House) -> None:
    """The media socket of a phone call; no other channel has one at this door."""
    before = await hub.records.counts()
    seen = hub.public_url.replace("http", "ws") + "/hooks/call/media"
    signature = {name: signed(url, {})["x-twilio-signature"] for name, url in (("http", hub.public_url), ("ws", seen))}
    for headers in ({}, {"x-twilio-signature": ""}, {"x-twilio-signature": signature["http"]}):
        assert await handshake(hub, "/hooks/call/media", **headers) == 403
    for path in ("/hooks/call/other", "/hooks/sms/media", "/hooks/web_call/media", "/hooks/pigeon/media"):
        assert await handshake(hub, path, **{"x-twilio-signature": signature["ws"]}) == 403
    assert not hub.hub.context.tasks
    assert await hub.records.counts() == before


async def test_a_visitor_without_the_token_of_their_chat_is_given_no_ticket_for_a_call(hub: House) -> None:
    before = await hub.records.counts()
    bodies: list[Any] = [{}, {"token": ""}, {"token": "forged"}, {"token": None}, {"token": ["x"]}, []]
    for body in bodies:
        assert (await hub.http.post("/chat/any/call", json=body)).status_code == 401, body
    for raw in (b"{", b"", b"\xff", b"[" * 10_000):
        assert (await hub.http.post("/chat/any/call", content=raw)).status_code in (400, 401), raw[:9]
    assert await hub.records.counts() == before


async def test_a_hook_of_no_channel_is_not_there(hub: House) -> None:
    assert (await hub.http.post("/hooks/pigeon", content="x")).status_code == 404
    assert (await hub.http.post("/hooks/sms/../../signin")).status_code in (400, 403, 404, 405)


async def test_behind_a_proxy_the_public_url_is_what_counts(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    public = "https://hub.example.com"
    async with house(database_url, sandbox, clock, tmp_path, public_url=public) as hub:
        form = message_form(ANA, QUESTION, hub.sid())
        seen = signed(hub.url + "/hooks/sms", form)
        assert (await hub.http.post("/hooks/sms", content=urlencode(form), headers=seen)).status_code == 403
        for forged in (
            {"host": "hub.example.com"},
            {"x-forwarded-host": "hub.example.com", "x-forwarded-proto": "https"},
        ):
            answer = await hub.http.post("/hooks/sms", content=urlencode(form), headers={**seen, **forged})
            assert answer.status_code == 403
        assert (await hub.text(ANA, QUESTION)).status_code == 200
        await hub.settled()
        (call,) = await sandbox.sent(ANA, at_least=1)
        assert call["body"]


async def test_the_previous_token_is_accepted_while_it_is_being_replaced(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    async with house(database_url, sandbox, clock, tmp_path, TWILIO_AUTH_TOKEN_PREVIOUS="old") as hub:
        for token, status in ((AUTH_TOKEN, 200), ("old", 200), ("older", 403), ("", 403)):
            form = message_form(ANA, QUESTION, hub.sid())
            headers = signed(hub.public_url + "/hooks/sms", form, token)
            answer = await hub.http.post("/hooks/sms", content=urlencode(form), headers=headers)
            assert answer.status_code == status, token


async def test_without_a_token_nothing_is_believed(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    more = {"TWILIO_AUTH_TOKEN": "", "TWILIO_ACCOUNT_SID": ""}
    async with house(database_url, sandbox, clock, tmp_path, **more) as hub:
        form = message_form(ANA, QUESTION, hub.sid())
        headers = signed(hub.public_url + "/hooks/sms", form, "")
        answer: httpx.Response = await hub.http.post("/hooks/sms", content=urlencode(form), headers=headers)
        assert answer.status_code == 403
        assert "TWILIO_AUTH_TOKEN" in answer.json()["detail"]
