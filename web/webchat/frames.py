"""Frames of the web chat's socket: JSON objects with a type, and what is answered to those that are none."""

import json
from typing import Any
from uuid import UUID

from channels.webchat import MOST_BYTES, TooFast
from hub.channel import Refused

Frame = dict[str, Any]

_CODES = {401: "token", 403: "forbidden", 404: "widget", 413: "too_large", 429: "too_fast"}
CLOSED = {400: 4400, 401: 4401, 403: 4403, 404: 4404, 408: 4408, 413: 1009, 415: 1003, 429: 4429}
"""HTTP status of a refusal > close code of the socket."""


def parsed(data: str | bytes) -> Frame:
    """The frame; its type is empty when it has none. Raises `Refused`: 400, or 413 and 415, which end the visit."""
    if isinstance(data, bytes):
        raise Refused("Frames are JSON texts, not binary.", 415)
    if len(data) > MOST_BYTES or len(data.encode()) > MOST_BYTES:
        raise Refused(f"A frame may have {MOST_BYTES:,} bytes.", 413)
    try:
        frame = json.loads(data)
    except (ValueError, RecursionError):
        raise Refused("The frame is not JSON.", 400) from None
    if not isinstance(frame, dict):
        raise Refused("A frame is a JSON object with a `type`.", 400)
    return {"type": "", **frame}


def fault(refused: Refused, frame: Frame | None = None) -> Frame:
    """The error frame for a refusal. With `wait_seconds`, the same again may go well after that time."""
    told: Frame = {"type": "error", "code": _CODES.get(refused.status, "bad_request"), "words": refused.reason}
    if frame and frame.get("id"):
        told["id"] = short(frame["id"])
    if isinstance(refused, TooFast):
        told["wait_seconds"] = refused.wait_seconds
    return told


def short(value: Any) -> str:
    return value[:64].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def uuid(value: Any) -> UUID:
    """The interaction that a frame names. Raises `Refused`."""
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise Refused("Say in `interaction` which conversation you mean.", 400) from None
