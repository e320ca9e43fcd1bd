"""`Idempotency-Key`: a POST that is repeated under the same key is carried out once.

As at https://docs.stripe.com/api/idempotent_requests: the same key and body give the stored answer, another
body is refused, a duplicate beside the first one too. Keys are kept for 24 hours.
"""

import hashlib
import json
from typing import Any

from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from hub.models import Replay
from hub.models.columns import new_id
from hub.store import Store, replays
from web.api.refusals import Refusal, bad_parameter

HEADER = "idempotency-key"
_KEPT_HEADERS = ("content-type", "location")
_DECIDED = {404, 409, 422}


class Idempotency(ASGIMiddleware):
    """Carries a POST under a key out once. A route with `opt={"secret": True}` keeps no answer."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request: Request[Any, Any, Any] = Request(scope, receive=receive, send=send)
        key = request.headers.get(HEADER)
        principal = scope.get("user")
        if key is None or request.method != "POST" or principal is None:
            await next_app(scope, receive, send)
            return
        if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
            raise bad_parameter("Idempotency-Key", "Give 1 to 255 printable ASCII characters, such as a UUID.")
        state = request.app.state
        mine = replays.Claim(principal.workspace_id, key, new_id())
        digest = hashlib.sha256(
            b"\0".join((str(principal.key.id).encode(), _target(request), await request.body()))
        ).hexdigest()
        async with state.store.write() as db:
            found = await replays.claim(db, mine, digest, state.clock.now())
        if found is not None:
            await _again(found, digest, send)
            return
        answer = await _carry_out(mine, next_app, scope, receive)
        secret = bool(scope["route_handler"].opt.get("secret"))
        await _keep(state.store, mine, answer, secret=secret)
        for message in answer:
            await send(message)


def _target(request: Request[Any, Any, Any]) -> bytes:
    return "?".join(filter(None, (request.url.path, request.url.query))).encode()


async def _carry_out(mine: replays.Claim, next_app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    answer: list[Message] = []

    async def gather(message: Message) -> None:
        answer.append(message)

    token = replays.current.set(mine)
    try:
        await next_app(scope, receive, gather)
    finally:
        replays.current.reset(token)
    return answer


async def _keep(store: Store, mine: replays.Claim, answer: list[Message], *, secret: bool) -> None:
    status = int(answer[0]["status"])  # type: ignore[typeddict-item]
    given = {name.decode().lower(): value.decode() for name, value in answer[0]["headers"]}  # type: ignore[typeddict-item]
    headers = {name: given[name] for name in _KEPT_HEADERS if name in given}
    body = b"".join(part.get("body", b"") for part in answer[1:]).decode()  # type: ignore[misc]
    async with store.write() as db:
        if mine.marked or status in _DECIDED:
            await replays.answered(db, mine, status, json.dumps(headers), "" if secret and status < 300 else body)
        else:
            await replays.release(db, mine)


async def _again(found: Replay, digest: str, send: Send) -> None:
    """Answer a request whose key is known. Raises `Refusal`."""
    if found.digest != digest:
        raise Refusal(
            422, "This Idempotency-Key was used for another request. Take a new key for a new request.",
            code="idempotency_key_reused",
        )  # fmt: skip
    if found.state == "running":
        raise Refusal(
            409, "The first request with this Idempotency-Key is still being carried out. Ask again in a moment.",
            code="concurrent", headers={"retry-after": "1"},
        )  # fmt: skip
    if found.state == "committed" or not found.body:
        raise Refusal(
            409, "The first request with this Idempotency-Key was carried out; its answer is not kept. List to see.",
            code="already_done",
        )  # fmt: skip
    headers = [(name.encode(), value.encode()) for name, value in json.loads(found.headers).items()]
    headers.append((b"idempotent-replayed", b"true"))
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": found.body.encode(), "more_body": False})
