"""A post of Inbound Parse, raw or parsed by SendGrid, as one letter. Slow for large mails: it belongs off the loop."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels._email_form import Form, read_form
from channels._email_headers import MOST_REFERENCES, Headers, Person, headers_of, people
from channels._email_html import text_of
from channels._email_mime import MOST_FILE_BYTES, MOST_FILES, Parts, Unreadable, parts_of
from channels._email_robots import automatic
from channels._email_trim import trimmed, without_marks
from channels._email_trust import proven, why_not
from hub.channel import File

MOST_WHOLE_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Letter:
    """`mail` is what pages show of it (`content["mail"]`); `recipients` whom it was sent to, by the envelope first;
    `answers` the message ids it may answer, the likeliest first.
    """

    id: str
    sender: Person
    recipients: tuple[str, ...]
    answers: tuple[str, ...]
    subject: str
    text: str
    html: str
    files: tuple[File, ...]
    mail: Mapping[str, Any]
    proven: bool
    automatic: str


def read_letter(content_type: str, body: bytes) -> Letter:
    """Raises `Refused` or `Unreadable` when no letter can be made out of it."""
    form = read_form(content_type, body)
    if form.raw("email").strip():
        return _letter(form, parts_of(form.raw("email")))
    if not any(name in form for name in ("headers", "text", "html", "subject")):
        raise Unreadable("The form holds no mail: neither `email` nor `headers`, `text` or `html`.")
    return _letter(form, _parsed_by_sendgrid(form))


def _parsed_by_sendgrid(form: Form) -> Parts:
    info, named = form.json("attachment-info"), form.json("content-ids")
    made = Parts(headers_of(form.raw("headers")), form.text("text"), form.text("html"))
    size = 0
    for field in form.files[:MOST_FILES]:
        size += len(field.data)
        if size > MOST_FILE_BYTES:
            made.notes.append("The mail has more attachments than fit; the others were left out.")
            break
        told = info.get(field.name)
        about: Mapping[str, Any] = told if isinstance(told, dict) else {}
        kind = str(about.get("type") or field.content_type or "application/octet-stream").partition(";")[0].strip()
        name = str(about.get("filename") or about.get("name") or field.file_name or "").strip()
        made.files.append(File(name[:200] or f"attachment-{len(made.files) + 1}", kind[:100].lower(), field.data))
        for identifier, of in named.items():
            if of == field.name:
                made.inline.setdefault(str(identifier).strip("<>"), len(made.files) - 1)
    return made


def _letter(form: Form, parts: Parts) -> Letter:
    headers, envelope = parts.headers, form.json("envelope")
    author = _author(headers, form)
    answer_to = [person for person in headers.people("reply-to") if person.address != author.address]
    sender = answer_to[0] if len(answer_to) == 1 else author
    subject = headers.text("subject") or " ".join(form.text("subject").split())
    text, whole, html = _words(parts)
    dkim, spf = form.text("dkim"), form.text("SPF")
    sure = headers.count("from") <= 1 and len(headers.people("from")) <= 1 and proven(dkim, author.address)
    from_machine = automatic(headers, sender.address, _envelope_from(envelope), subject)
    answers = list(
        dict.fromkeys([*headers.ids("in-reply-to")[:10], *reversed(headers.ids("references")[-MOST_REFERENCES:])])
    )
    to, cc = _people(headers, form, "to"), _people(headers, form, "cc")
    mail = {
        "from": str(author), "reply_to": str(sender) if sender is not author else "", "to": [str(one) for one in to],
        "cc": [str(one) for one in cc], "message_id": _own_id(headers), "references": list(reversed(answers))[-20:],
        "date": headers.text("date")[:100], "trusted": sure and sender is author, "trust": _doubt(
            sure, author, sender, why_not(dkim, spf, author.address)
        ),
        "automatic": from_machine, "html": bool(html), "whole": whole, "inline": dict(list(parts.inline.items())[:50]),
        "notes": parts.notes,
    }  # fmt: skip
    return Letter(
        id=_own_id(headers) or _made_id(parts, author),
        sender=sender,
        recipients=_recipients(envelope, to, cc),
        answers=tuple(answers),
        subject=subject[:998],
        text=text,
        html=html,
        files=tuple(parts.files),
        mail=mail,
        proven=sure and sender is author,
        automatic=from_machine,
    )


def _doubt(sure: bool, author: Person, sender: Person, why: str) -> str:
    """Why it is not certain that the customer wrote it; empty when it is."""
    if not sure:
        return why
    return "" if sender is author else f"{author.address} sent it and wants the answer to go to {sender.address}."


def _words(parts: Parts) -> tuple[str, str, str]:
    """The new text, the whole text when that is more, and the HTML."""
    html = parts.html if parts.html.strip() else ""
    plain = parts.text if parts.text.strip() else (text_of(html) if html else "")
    cut = trimmed(plain)
    whole = without_marks(plain)
    return cut.text, whole[:MOST_WHOLE_CHARACTERS] if cut.rest else "", html


def _author(headers: Headers, form: Form) -> Person:
    for found in (headers.people("from"), people(form.raw("from")), headers.people("sender")):
        if found:
            return found[0]
    envelope = form.json("envelope").get("from")
    found = people(str(envelope or "").encode())
    if not found:
        raise Unreadable("It has no sender: neither its From nor its envelope names anybody.")
    return found[0]


def _people(headers: Headers, form: Form, name: str) -> list[Person]:
    return headers.people(name) or people(form.raw(name))


def _recipients(envelope: Mapping[str, Any], to: list[Person], cc: list[Person]) -> tuple[str, ...]:
    given = envelope.get("to")
    listed = given if isinstance(given, list) else [given]
    first = [one.address for item in listed[:50] if isinstance(item, str) for one in people(item.encode())]
    return tuple(dict.fromkeys([*first, *(one.address for one in (*to, *cc))]))[:200]


def _envelope_from(envelope: Mapping[str, Any]) -> str | None:
    found = envelope.get("from")
    return found.strip() if isinstance(found, str) else None


def _own_id(headers: Headers) -> str:
    found = headers.ids("message-id")
    return found[0] if found and len(found[0]) <= 400 else ""


def _made_id(parts: Parts, author: Person) -> str:
    """For a mail without an id of its own: of what it says, so that the same mail has the same one."""
    told = "\0".join(
        [author.address, parts.headers.text("date"), parts.headers.text("subject"), parts.text, parts.html]
    )
    digest = hashlib.sha256(told.encode("utf-8", "replace"))
    for file in parts.files:
        digest.update(file.data)
    return f"{digest.hexdigest()}@without-id"
