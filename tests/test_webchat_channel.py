"""The web chat as a translator: recorded requests in, inbounds or refusals out."""

import asyncio
import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from channels.webchat import Pace, TooFast, Visitor, Webchat
from hub.channel import Hook, Outbound, Refused, Reply, Undeliverable

SECRET = "the key of the recorded requests"
RECORDED = sorted(Path("fixtures/webchat").glob("*.json"))
VISITOR = Visitor("shop", "7a6e5c3b0a9032dd277f6643b2a2e873")


def channel() -> Webchat:
    return Webchat({"HUB_SECRET_KEY": SECRET})


def receive(made: Webchat, request: dict[str, Any]) -> Reply:
    hook = Hook(request["method"], request["url"], request["headers"], request["body"].encode("utf-8"))
    return asyncio.run(made.receive(hook))


def message(made: Webchat, text: str = "hi", visitor: Visitor = VISITOR) -> dict[str, Any]:
    body = json.dumps({"token": made.token(visitor), "id": "m1", "text": text})
    return {"method": "POST", "url": "https://hub.example/hooks/webchat", "headers": {}, "body": body}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_request_gives_what_was_recorded(path: Path) -> None:
    recorded = json.loads(path.read_text())
    if "refused" in recorded:
        with pytest.raises(Refused) as refused:
            receive(channel(), recorded["request"])
        assert refused.value.status == recorded["refused"]
        assert refused.value.reason
        return
    reply = receive(channel(), recorded["request"])
    assert reply.status == recorded["status"]
    events = [asdict(event) for event in reply.events]
    assert [{**event, **want} for event, want in zip(events, recorded["events"], strict=True)] == events
    assert json.loads(reply.body) == {"id": "m1", "status": "sent"}


def test_the_token_is_not_kept_with_what_came_in() -> None:
    made = channel()
    reply = receive(made, message(made))
    assert made.token(VISITOR) not in json.dumps(asdict(reply.events[0]))


def test_a_token_says_whose_it_is_and_cannot_be_changed() -> None:
    made = channel()
    token = made.token(VISITOR)
    assert made.visitor(token) == VISITOR
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with contextlib.suppress(Refused):
            assert made.visitor(changed) == VISITOR  # the last letter of base64 has spare bits


def test_a_token_for_something_else_signed_with_the_same_key_is_refused() -> None:
    from itsdangerous import URLSafeSerializer

    for salt, value in (("session", ["shop", VISITOR.id]), ("webchat.visitor", "shop"), ("webchat.visitor", [1, 2])):
        token = URLSafeSerializer(SECRET, salt=salt).dumps(value)
        with pytest.raises(Refused) as refused:
            channel().visitor(token)
        assert refused.value.status == 401


def test_a_visitor_who_writes_too_fast_is_told_how_long_to_wait() -> None:
    made = channel()
    for _ in range(12):
        assert receive(made, message(made)).status == 200
    with pytest.raises(TooFast) as refused:
        receive(made, message(made))
    assert refused.value.status == 429
    assert refused.value.wait_seconds == 1
    assert "Wait 1 second" in refused.value.reason
    assert receive(made, message(made, visitor=Visitor("shop", "0" * 32))).status == 200


def test_a_pace_gives_back_what_time_brings_and_forgets_the_oldest() -> None:
    now = [0.0]
    pace = Pace(burst=2, per_second=0.5, now=lambda: now[0])
    pace.take("a")
    pace.take("a")
    with pytest.raises(TooFast) as refused:
        pace.take("a")
    assert refused.value.wait_seconds == 3
    now[0] = 2.0
    pace.take("a")
    with pytest.raises(TooFast):
        pace.take("a")


def test_nothing_is_ever_sent_since_the_page_reads_from_us() -> None:
    made = channel()
    assert made.limits.pulled
    outbound = Outbound(id="1", interaction_id="2", thread="", sender="shop", recipient="x", text="hi")
    with pytest.raises(Undeliverable):
        asyncio.run(made.send(outbound))
