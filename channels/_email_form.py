"""The form that Inbound Parse posts, read from its raw bytes: its fields come in several charsets at once.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels._email_charset import decoded
from hub.channel import Refused

MOST_FIELDS = 2_000
_MOST_HEAD_BYTES = 16_384
_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;,\"]{1,200}))", re.IGNORECASE)
_PARAMETER = re.compile(rb";\s*(name|filename)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]*))", re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"^content-type:\s*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form; `file_name` is None for one that is no file."""

    name: str
    data: bytes
    file_name: str | None = None
    content_type: str = ""


class Form:
    """The fields by name; texts are decoded by the charsets that the form itself declares."""

    def __init__(self, fields: list[Field]) -> None:
        self._fields = {field.name: field for field in reversed(fields)}
        self.files = [field for field in fields if field.file_name is not None or _ATTACHMENT.fullmatch(field.name)]
        self._charsets = self.json("charsets")

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def raw(self, name: str) -> bytes:
        found = self._fields.get(name)
        return found.data if found else b""

    def text(self, name: str) -> str:
        return decoded(self.raw(name), str(self._charsets.get(name, "")))

    def json(self, name: str) -> Mapping[str, Any]:
        """A field that holds a JSON object; empty when it holds none."""
        try:
            value = json.loads(self.raw(name))
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


_ATTACHMENT = re.compile(r"attachment\d{1,6}")


def read_form(content_type: str, body: bytes) -> Form:
    """Raises `Refused` when it is no multipart form."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().lstrip().startswith("multipart/") or found is None:
        raise Refused("This is not the form that Inbound Parse posts (multipart/form-data).", 400)
    boundary = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    fields: list[Field] = []
    at = body.find(boundary)
    while at >= 0 and len(fields) < MOST_FIELDS:
        begin = at + len(boundary)
        if body[begin : begin + 2] == b"--":
            break
        end = _next(body, boundary, begin)
        field = _field(body, begin, len(body) if end < 0 else end)
        if field is not None:
            fields.append(field)
        at = end
    if not fields:
        raise Refused("The form that was posted has no field that can be read.", 400)
    return Form(fields)


def _next(body: bytes, boundary: bytes, begin: int) -> int:
    """Where the next boundary line begins; -1 at the end of what was posted."""
    found = body.find(b"\n" + boundary, begin)
    return found + 1 if found >= 0 else -1


def _field(body: bytes, begin: int, end: int) -> Field | None:
    head_end, skip = body.find(b"\r\n\r\n", begin, begin + _MOST_HEAD_BYTES), 4
    if head_end < 0:
        head_end, skip = body.find(b"\n\n", begin, begin + _MOST_HEAD_BYTES), 2
    if head_end < 0 or head_end >= end:
        return None
    head = body[begin:head_end]
    parameters = {match[1].lower(): _unquoted(match[2]) if match[2] is not None else match[3]
                  for match in _PARAMETER.finditer(head)}  # fmt: skip
    if b"name" not in parameters:
        return None
    data_end = end
    if body[data_end - 1 : data_end] == b"\n":
        data_end -= 2 if body[data_end - 2 : data_end] == b"\r\n" else 1
    kind = _CONTENT_TYPE.search(head)
    file_name = parameters.get(b"filename")
    return Field(
        name=decoded(parameters[b"name"]),
        data=body[head_end + skip : max(data_end, head_end + skip)],
        file_name=decoded(file_name) if file_name is not None else None,
        content_type=decoded(kind[1]) if kind else "",
    )


def _unquoted(value: bytes) -> bytes:
    return re.sub(rb"\\([\"\\])", rb"\1", value).replace(b"%22", b'"')
