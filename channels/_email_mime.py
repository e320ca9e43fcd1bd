"""A raw mail (RFC 5322, MIME) taken apart: headers, text, HTML, files; a broken one is read as far as it goes."""

import email
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import policy
from email.message import Message
from urllib.parse import unquote_to_bytes

from channels._email_charset import clean, decoded
from channels._email_headers import Headers, words
from hub.channel import File

MOST_PARTS = 2_000
"""Parts that are looked at."""
MOST_FILES = 100
MOST_FILE_BYTES = 30_000_000
MOST_TEXT_BYTES = 2_000_000
_TEXTS = ("text/plain", "text/html")
_NAMES = {"message/rfc822": "message.eml", "text/calendar": "invite.ics", "application/pgp-signature": "signature.asc"}


class Unreadable(ValueError):
    """No mail can be made out of it; the text says why."""


@dataclass(slots=True)
class Parts:
    """What a mail is made of. `inline` says which file a Content-ID names; `notes` what was left out, and why."""

    headers: Headers
    text: str = ""
    html: str = ""
    files: list[File] = field(default_factory=list)
    inline: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parts_of(raw: bytes) -> Parts:
    """Raises `Unreadable`."""
    if not raw.strip():
        raise Unreadable("The mail is empty.")
    try:
        root = email.message_from_bytes(raw.lstrip(b"\r\n"), policy=policy.compat32)
        made = Parts(headers_of_message(root))
        _take(root, made)
    except RecursionError:
        raise Unreadable("Its parts are nested too deeply.") from None
    return made


def headers_of_message(message: Message) -> Headers:
    return Headers((name, _bytes(value)) for name, value in message.raw_items())


def _bytes(value: object) -> bytes:
    return re.sub(rb"\r?\n[ \t]*", b" ", str(value).encode("utf-8", "surrogateescape"))


def _take(root: Message, made: Parts) -> None:
    """Walk over the leaves in their order, without recursion."""
    texts: list[str] = []
    pages: list[str] = []
    waiting, seen = [root], 0
    while waiting and seen < MOST_PARTS:
        part, seen = waiting.pop(), seen + 1
        kind = part.get_content_type()
        inside = part.get_payload() if part.is_multipart() else None
        if kind.startswith("multipart/") and isinstance(inside, list):
            waiting.extend(item for item in reversed(inside) if isinstance(item, Message))
        elif kind in _TEXTS and not _attached(part):
            text = _text(part)
            if kind == "text/html":
                pages.append(text)
            elif text.strip():
                texts.append(text)
        else:
            _take_file(part, kind, made)
    if waiting:
        made.notes.append(f"The mail has more than {MOST_PARTS:,} parts; the others were left out.")
    made.text = "\n".join(texts)[:MOST_TEXT_BYTES]
    made.html = "\n".join(pages)[:MOST_TEXT_BYTES]


def _attached(part: Message) -> bool:
    disposition = str(part.get("content-disposition", "")).strip().lower()
    return disposition.startswith("attachment") or bool(_name(part))


def _text(part: Message) -> str:
    data = _payload(part)[:MOST_TEXT_BYTES]
    text = decoded(data, _charset(part))
    if "format=flowed" in _value(part, "content-type").lower():
        return unflowed(text, delete_space="delsp=yes" in _value(part, "content-type").lower())
    return text


def _value(part: Message, name: str) -> str:
    return _bytes(part.get(name, "")).decode("latin-1")


def _charset(part: Message) -> str:
    found = re.search(r"charset\*?\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))", _value(part, "content-type"), re.IGNORECASE)
    return (found[1] or found[2] or "").rpartition("'")[2] if found else ""


def _payload(part: Message) -> bytes:
    """Its bytes, decoded as far as they can be."""
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AssertionError):
        data = None
    if isinstance(data, bytes):
        return data
    if part.is_multipart():
        inside = part.get_payload()
        return _mail_within(inside) if isinstance(inside, list) else b""
    try:
        return str(part.get_payload()).encode("utf-8", "surrogateescape")
    except UnicodeError:  # its charset is none: the bytes as they stand in the mail
        return part.as_bytes().partition(b"\n\n")[2]


def _mail_within(inside: Sequence[object]) -> bytes:
    """A forwarded mail as a file."""
    first = inside[0] if inside else None
    if not isinstance(first, Message):
        return b""
    try:
        return first.as_bytes()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return b""


def _take_file(part: Message, kind: str, made: Parts) -> None:
    if len(made.files) >= MOST_FILES:
        note = f"The mail has more than {MOST_FILES} attachments; the others were left out."
        if note not in made.notes:
            made.notes.append(note)
        return
    data, name = _payload(part), _name(part)
    if not data and not name:
        return
    if sum(len(one.data) for one in made.files) + len(data) > MOST_FILE_BYTES:
        made.notes.append(f"The attachment {name or 'without a name'} is too large and was left out.")
        return
    identifier = clean(_value(part, "content-id")).strip().strip("<>")[:300]
    if identifier:
        made.inline.setdefault(identifier, len(made.files))
    made.files.append(File(name or _invented(kind, len(made.files) + 1), kind[:100], data))


def _invented(kind: str, number: int) -> str:
    if kind in _NAMES:
        return _NAMES[kind]
    return f"attachment-{number}{mimetypes.guess_extension(kind) or '.bin'}"


_PARAMETER = re.compile(
    r";\s*(filename|name)(\*\d{1,2})?(\*)?\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;]*))", re.IGNORECASE
)


def _name(part: Message) -> str:
    """The file's name, by RFC 2231, RFC 2047 or in raw bytes; empty when it has none."""
    for header in ("content-disposition", "content-type"):
        pieces: dict[str, list[tuple[str, str, bool]]] = {}
        for found in _PARAMETER.finditer(_value(part, header)):
            value = re.sub(r"\\(.)", r"\1", found[4]) if found[4] is not None else found[5]
            pieces.setdefault(found[1].lower(), []).append((found[2] or "", value, bool(found[3])))
        for values in (pieces.get("filename"), pieces.get("name")):
            if values and (name := _joined(values).strip()):
                return " ".join(name.split())[:200]
    return ""


def _joined(pieces: list[tuple[str, str, bool]]) -> str:
    """`filename*0*=...; filename*1*=...` or just `filename=...`."""
    extended = [piece for piece in pieces if piece[0] or piece[2]]
    if not extended:
        return words(pieces[0][1].encode("latin-1", "replace"))
    charset, data = "", b""
    for number, value, encoded in sorted(extended, key=lambda piece: int(piece[0][1:] or 0)):
        if encoded and value.count("'") >= 2 and number in ("", "*0"):
            charset, _, value = value.split("'", 2)
        data += unquote_to_bytes(value) if encoded else value.encode("latin-1", "replace")
    return decoded(data, charset)


def unflowed(text: str, *, delete_space: bool = False) -> str:
    """Soft line breaks taken back: RFC 3676."""
    made: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        if open_depth == depth and content != "-- ":
            made[-1] += content
        else:
            made.append(">" * depth + (" " if depth else "") + content)
        soft = content.endswith(" ") and content != "-- "
        if soft and delete_space:
            made[-1] = made[-1][:-1]
        open_depth = depth if soft else -1
    return "\n".join(made)
