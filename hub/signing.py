"""Signed requests to servers of others, as Standard Webhooks have them: https://www.standardwebhooks.com"""

import base64
import binascii
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence

PREFIX = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64


class BadSecret(ValueError):
    """It is no secret that can sign; the text says how one is made."""


def new_secret() -> str:
    """A secret of 32 random bytes."""
    return PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The bytes it signs with. Raises `BadSecret`."""
    words = "Write whsec_ and 24 to 64 random bytes in base64; `openssl rand -base64 32` makes them."
    if not secret.startswith(PREFIX):
        raise BadSecret(words)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret(words) from None
    if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise BadSecret(words)
    return key


def signed(message_id: str, at: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of a request with this body, sent `at` (Unix seconds): one signature for each secret."""
    content = f"{message_id}.{at}.".encode() + body
    made = [base64.b64encode(hmac.digest(key_of(one), content, hashlib.sha256)).decode() for one in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in made),
    }
