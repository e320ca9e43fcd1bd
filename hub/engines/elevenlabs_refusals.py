"""What a refusal of ElevenLabs means: https://elevenlabs.io/docs/developers/resources/error-messages"""

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.engine import EngineFailed
from hub.engines.refusals import refused

VENDOR = "ElevenLabs"


class TooManyAtOnce(EngineFailed):
    """All the requests that the subscription allows at once are under way."""


def refusal(status: int, body: Any) -> EngineFailed:
    """The failure in the vendor's own words, if it has any. `body` is what it sent: bytes, or what they say."""
    if isinstance(body, bytes):
        try:
            body = msgspec.json.decode(body)
        except msgspec.MsgspecError:
            body = body.decode("utf-8", "replace")
    detail = body.get("detail", "") if isinstance(body, Mapping) else body
    failed = refused(VENDOR, status, _words(detail))
    at_once = isinstance(detail, Mapping) and "too_many_concurrent" in str(detail.get("status"))
    return TooManyAtOnce(str(failed), failed.fault) if at_once else failed


def _words(detail: Any) -> str:
    if isinstance(detail, Mapping):
        return str(detail.get("message") or detail.get("status") or "")
    if isinstance(detail, list):
        said = [one for one in detail if isinstance(one, Mapping)]
        return "; ".join(f"{'.'.join(map(str, one.get('loc', ())))} {one.get('msg', '')}" for one in said)
    text = str(detail)
    return "" if "<" in text else text
