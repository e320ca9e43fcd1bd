"""A mail of ours as SendGrid's API takes it: headers of the thread, quoted history, plain text and simple HTML.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import base64
import html
import re
from collections.abc import Sequence
from typing import Any

from channels._email_headers import people
from hub.channel import File, Outbound, Quoted, Undeliverable

MOST_BYTES = 25_000_000
"""Of all attachments; the API takes 30 MB with everything around them."""
_MOST_REFERENCES = 20
_MOST_QUOTED = 20_000
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


def message_id(outbound: Outbound, domain: str) -> str:
    return f"{outbound.id}@{domain}"


def mail(outbound: Outbound, *, domain: str, reply_to: str, unsubscribe: str) -> dict[str, Any]:
    """The request. Raises `Undeliverable` for what cannot be sent."""
    about = outbound.content.get("mail") or {}
    if sum(len(file.data) for file in outbound.files) > MOST_BYTES:
        raise Undeliverable(f"The attachments are larger than {MOST_BYTES // 1_000_000} MB together.", code="too_large")
    subject = _line(outbound.subject) or "Message"
    to = [outbound.recipient]
    cc, bcc = (_copies(about.get(name) or [], besides=to) for name in ("cc", "bcc"))
    bcc = [address for address in bcc if address not in cc]
    made: dict[str, Any] = {
        "personalizations": [{
            "to": [{"email": outbound.recipient}],
            **({"cc": [{"email": address} for address in cc]} if cc else {}),
            **({"bcc": [{"email": address} for address in bcc]} if bcc else {}),
        }],
        "from": {"email": outbound.sender, **({"name": name} if (name := _line(about.get("from_name"))) else {})},
        "reply_to": {"email": reply_to},
        "subject": subject,
        "content": [
            {"type": "text/plain", "value": _plain(outbound.text, outbound.quoted)},
            {"type": "text/html", "value": _page(outbound.text, outbound.quoted)},
        ],
        "headers": _headers(outbound, about, domain, unsubscribe),
        "custom_args": {"hub_message": outbound.id, "hub_recipient": outbound.recipient},
    }  # fmt: skip
    if outbound.files:
        made["attachments"] = [_attachment(file) for file in outbound.files]
    return made


def _headers(outbound: Outbound, about: dict[str, Any], domain: str, unsubscribe: str) -> dict[str, str]:
    made = {"Message-ID": f"<{message_id(outbound, domain)}>"}
    if parent := _identifier(about.get("in_reply_to")):
        made["In-Reply-To"] = f"<{parent}>"
    if references := [f"<{found}>" for one in about.get("references") or [] if (found := _identifier(one))]:
        made["References"] = " ".join([*references[:1], *references[1:][-_MOST_REFERENCES:]])
    if about.get("automatic"):
        made["Auto-Submitted"] = "auto-replied" if parent else "auto-generated"
        made["X-Auto-Response-Suppress"] = "All"
    made["List-Unsubscribe"] = f"<{unsubscribe}>"
    made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return made


def _copies(given: Sequence[Any], besides: Sequence[str]) -> list[str]:
    found = [person.address for one in given for person in people(str(one).encode("utf-8", "replace"))]
    return [address for address in dict.fromkeys(found) if address not in besides]


def _identifier(value: Any) -> str:
    """A message id that is safe in a header: no spaces, no brackets, ASCII."""
    text = str(value or "")
    return text if text.isascii() and re.fullmatch(r"[^\s<>]{1,400}", text) else ""


def _line(value: Any) -> str:
    """On one line, so that it begins no header of its own."""
    return " ".join(str(value or "").split())[:900]


def _attachment(file: File) -> dict[str, str]:
    return {
        "content": base64.b64encode(file.data).decode(),
        "type": re.sub(r"[;,\r\n].*", "", file.content_type).strip() or "application/octet-stream",
        "filename": _line(file.name) or "attachment",
        "disposition": "attachment",
    }


def _said(quoted: Quoted) -> str:
    return f"On {quoted.at:%a, %d %b %Y at %H:%M} UTC, {_line(quoted.author)} wrote:"


def _plain(text: str, quoted: Quoted | None) -> str:
    if quoted is None:
        return text or " "
    lines = [f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in _cut(quoted.text).split("\n")]
    return "\n".join([text, "", _said(quoted), *lines])


def _page(text: str, quoted: Quoted | None) -> str:
    history = ""
    if quoted is not None:
        shown = html.escape(_cut(quoted.text)).replace("\n", "<br>\n")
        history = (
            f'<div class="gmail_quote"><p>{html.escape(_said(quoted))}</p>\n<blockquote style="margin:0 0 0 .8ex;'
            f'border-left:2px solid #ccc;padding-left:1ex">{shown}</blockquote></div>'
        )
    return f"<html><body>{_paragraphs(text)}\n{history}</body></html>"


def _paragraphs(text: str) -> str:
    parts = [part for part in re.split(r"\n{2,}", text.strip()) if part.strip()]
    return "\n".join(f"<p>{_linked(part)}</p>" for part in parts) or "<p></p>"


def _linked(text: str) -> str:
    made, at = [], 0
    for found in _LINK.finditer(text):
        made.append(html.escape(text[at : found.start()]))
        made.append(f'<a href="{html.escape(found[0])}">{html.escape(found[0])}</a>')
        at = found.end()
    return "".join([*made, html.escape(text[at:])]).replace("\n", "<br>\n")


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_QUOTED else text[:_MOST_QUOTED] + "\n[...]"
