"""Events are believed when SendGrid signed them: the vectors of its SDK pass, every flipped bit is refused."""

import base64
import contextlib
import json

import pytest

from channels._email_events import SIGNATURE, TIMESTAMP, Signature
from hub.channel import Hook, Refused

# https://github.com/sendgrid/sendgrid-python/blob/main/test/unit/test_eventwebhook.py
PUBLIC_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaIN"
    "XvVpiglSI8eNEc6wEA3F+g=="
)
GOOD = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
OTHER_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj"
    "+y7GjUuFDb/R1NGe1OPzpA=="
)
OTHER_SIGNATURE = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH3j/0="
STAMP = "1600112502"
EVENTS = [
    {
        "email": "hello@world.com",
        "event": "dropped",
        "reason": "Bounced Address",
        "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
        "timestamp": 1600112492,
    }
]
BODY = (json.dumps(EVENTS, sort_keys=True, separators=(",", ":")) + "\r\n").encode()


def refused(body: bytes = BODY, signature: str = GOOD, timestamp: str = STAMP, key: str = PUBLIC_KEY) -> bool:
    headers = {name: value for name, value in ((SIGNATURE, signature), (TIMESTAMP, timestamp)) if value}
    hook = Hook("POST", "https://hub.example/hooks/email/events", headers, body)
    with contextlib.suppress(Refused):
        Signature(key).verify(hook)
        return False
    return True


def test_the_vector_of_the_sdk_passes() -> None:
    assert not refused()


def test_a_key_copied_with_line_breaks_is_the_same_key() -> None:
    assert not refused(key=PUBLIC_KEY[:40] + "\n" + PUBLIC_KEY[40:] + "\n")


@pytest.mark.parametrize(
    "changed",
    [
        {"key": OTHER_KEY},
        {"body": b"payload"},
        {"signature": OTHER_SIGNATURE},
        {"timestamp": "timestamp"}, {"signature": ""}, {"timestamp": ""}, {"key": ""}, {"key": "nonsense"},
        {"signature": "nonsense"}, {"signature": "é" * 20}, {"timestamp": "\udc80"}, {"body": b""},
        {"signature": GOOD + "AA"}, {"signature": GOOD[:-4]}, {"key": base64.b64encode(b"x" * 91).decode()},
    ],
)  # fmt: skip
def test_anything_else_is_refused(changed: dict[str, str | bytes]) -> None:
    assert refused(**changed)  # type: ignore[arg-type]


def test_every_flipped_bit_of_the_body_is_refused() -> None:
    for at in range(len(BODY)):
        bit = 1 << at % 8
        assert refused(body=BODY[:at] + bytes([BODY[at] ^ bit]) + BODY[at + 1 :]), at


def test_every_flipped_bit_of_signature_and_timestamp_is_refused() -> None:
    raw = base64.b64decode(GOOD)
    for at in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[at // 8] ^= 1 << at % 8
        assert refused(signature=base64.b64encode(flipped).decode()), at
    for at in range(len(STAMP)):
        assert refused(timestamp=STAMP[:at] + str((int(STAMP[at]) + 1) % 10) + STAMP[at + 1 :]), at
