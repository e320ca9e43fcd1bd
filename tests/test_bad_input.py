"""Bad input of every kind at the carrier's door: a clear error or kept, never a 500."""

from urllib.parse import quote, urlencode

import pytest
from twilio.request_validator import RequestValidator

from hub.models import InboxEntry, Message
from tests.bench.processes import AUTH_TOKEN
from tests.world import QUESTION, House, message_form, signed

pytestmark = pytest.mark.anyio
ANA = "+12025550501"
KEPT = {
    "a megabyte": {"Body": "wörter " * 140_000},
    "a megabyte of different words": {"Body": " ".join(f"word{number}" for number in range(100_000))},
    "a null character": {"Body": "a\0b"},
    "nothing but null characters": {"Body": "\0\0"},
    "no text": {"Body": ""},
    "control characters": {"Body": "".join(map(chr, range(1, 32)))},
    "markup": {"Body": "<script>alert(1)</script>'\";--"},
    "braces": {"Body": "{{name}} {0} %s ${x}"},
    "right to left": {"Body": "\u202eabc\u2066"},
    "many joiners": {"Body": "a" + "\u0301" * 5000},
    "an unknown field": {"Strange": "x", "Other[]": "y"},
    "a null character in a field": {"FromCity": "San\0Francisco"},
    "huge NumMedia": {"NumMedia": "9" * 5000, **{f"MediaUrl{n}": "https://x.example/" for n in range(10)}},
    "negative NumMedia": {"NumMedia": "-1"},
    "superscript NumMedia": {"NumMedia": "²"},
    "words for NumMedia": {"NumMedia": "two"},
    "an address nobody entered": {"To": "+15005557777"},
    "an address with a null character": {"To": "+1500555\x006666"},
}
REFUSED = {
    "no MessageSid": {"MessageSid": None},
    "empty MessageSid": {"MessageSid": ""},
    "a long MessageSid": {"MessageSid": "SM" + "1" * 5000},
    "a null character in MessageSid": {"MessageSid": "SM1\0"},
    "no From": {"From": None},
    "empty From": {"From": ""},
    "a From that is no number": {"From": "nobody at all"},
    "a long From": {"From": "+1" * 500},
    "no To": {"To": None},
    "NumMedia without media": {"NumMedia": "1"},
}


def changed(hub: House, changes: dict[str, str | None]) -> dict[str, str]:
    form = {**message_form(ANA, QUESTION, hub.sid()), **changes}
    return {name: value for name, value in form.items() if value is not None}


@pytest.mark.parametrize("changes", KEPT.values(), ids=KEPT.keys())
async def test_it_is_kept_and_answered(hub: House, changes: dict[str, str | None]) -> None:
    answer = await hub.hook("/hooks/sms", changed(hub, changes))
    assert answer.status_code == 200
    await hub.settled()
    said = await hub.records.one(Message, Message.role == "customer")
    assert "\0" not in said.text
    assert said.text[:40_000] == (changes.get("Body", QUESTION) or "").replace("\0", "")[:40_000]
    entry = await hub.records.one(InboxEntry)
    assert entry.done_at is not None or "To" in changes


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
async def test_it_is_refused_with_a_reason_and_leaves_nothing(hub: House, changes: dict[str, str | None]) -> None:
    before = await hub.records.counts()
    answer = await hub.hook("/hooks/sms", changed(hub, changes))
    assert answer.status_code in (400, 404)
    assert len(answer.json()["detail"]) > 10
    assert await hub.records.counts() == before


async def raw(hub: House, body: bytes, path: str = "/hooks/sms") -> int:
    """Send bytes, signed as what a lenient reader makes of them."""
    pairs = [tuple(pair.split("=", 1)) if "=" in pair else (pair, "") for pair in body.decode("latin-1").split("&")]
    headers = {
        "x-twilio-signature": RequestValidator(AUTH_TOKEN).compute_signature(hub.public_url + path, dict(pairs)),
        "content-type": "application/x-www-form-urlencoded",
    }
    return (await hub.http.post(path, content=body, headers=headers)).status_code


async def test_what_is_no_form_is_refused(hub: House) -> None:
    before = await hub.records.counts()
    lone = b"Body=%ED%A0%80&" + urlencode(message_form(ANA, "x", hub.sid())).encode()
    many = "&".join(f"a{number}=1" for number in range(1_500)).encode()
    bodies = (b"", b"\xff\xfe\x00", b"%", b"%zz=%zz", b"&&&&", b"=", b"{}", b"\x00" * 100, lone, many, b"a" * 1_000_000)
    for body in bodies:
        assert await raw(hub, body) in (400, 403), body[:20]
    too_big = await raw(hub, b"Body=" + b"x" * 3_000_000)
    assert too_big == 413
    assert await hub.records.counts() == before


async def test_repeated_fields_count_by_the_last(hub: House) -> None:
    pairs = [("Body", "first"), *message_form(ANA, "second", hub.sid()).items()]

    class Several(dict[str, str]):
        def getall(self, name: str) -> list[str]:
            return [value for key, value in pairs if key == name]

    signature = RequestValidator(AUTH_TOKEN).compute_signature(hub.public_url + "/hooks/sms", Several(pairs))
    headers = {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded"}
    assert (await hub.http.post("/hooks/sms", content=urlencode(pairs), headers=headers)).status_code == 200
    assert (await hub.records.said(ANA))[0] == ("customer", "second")


@pytest.mark.parametrize(
    ("query", "changes", "status"),
    [
        ("message=nonsense", {}, 204),
        ("message=%00", {}, 204),
        ("message=" + "x" * 5000, {}, 204),
        ("", {}, 204),
        ("message=1&message=2", {"ErrorCode": "\0" + "9" * 5000}, 204),
        ("", {"MessageStatus": "exploded"}, 400),
        ("", {"MessageSid": "\0"}, 400),
        ("", {"MessageSid": ""}, 400),
    ],
)
async def test_odd_delivery_reports_do_no_harm(hub: House, query: str, changes: dict[str, str], status: int) -> None:
    path = "/hooks/sms/status" + (f"?{query}" if query else "")
    form = {"MessageSid": hub.sid(), "MessageStatus": "delivered", **changes}
    headers = signed(hub.public_url + path, form)
    answer = await hub.http.post(path, content=urlencode(form, quote_via=quote), headers=headers)
    assert answer.status_code == status
