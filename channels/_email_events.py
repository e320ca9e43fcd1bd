"""SendGrid's Event Webhook: what became of our mails.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event and
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hub.channel import Hook, Inbound, Refused

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_STATUS = {"processed": "sent", "delivered": "delivered", "open": "read", "click": "read", "bounce": "undelivered",
           "blocked": "undelivered", "dropped": "failed"}  # fmt: skip
_REFUSALS = {"spamreport": "spam", "unsubscribe": "unsubscribe", "group_unsubscribe": "unsubscribe"}
_DROPPED = {"bounced": "bounce", "unsubscribed": "unsubscribe", "spam": "spam", "invalid": "bounce"}
_WORDS = {
    "bounce": "The mail came back: this address does not take mail.",
    "blocked": "The recipient's mail server refused the mail for now.",
    "dropped": "SendGrid did not send the mail.",
    "spam": "The customer reported our mail as spam.",
    "unsubscribe": "The customer unsubscribed from our mail.",
}


class Signature:
    """Whose events we believe: ECDSA over the timestamp and the raw bytes, by the key that its settings show."""

    def __init__(self, public_key: str) -> None:
        self._given = "".join(public_key.split())
        self._key: Any = None

    def verify(self, hook: Hook) -> None:
        """Raises `Refused` for what SendGrid did not sign."""
        if not self._given:
            raise Refused("The Event Webhook is not configured: set SENDGRID_EVENT_PUBLIC_KEY.")
        signature, timestamp = hook.headers.get(SIGNATURE, ""), hook.headers.get(TIMESTAMP, "")
        if not signature or not timestamp:
            raise Refused("The signature headers of the Event Webhook are missing.")
        if not self._matches(signature, timestamp.encode("utf-8", "replace") + hook.body):
            raise Refused("The signature does not match. SENDGRID_EVENT_PUBLIC_KEY must be this webhook's own key.")

    def _matches(self, signature: str, signed: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        if self._key is None:
            self._key = _public_key(self._given)
        try:
            self._key.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _public_key(given: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(base64.b64decode(given))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused("SENDGRID_EVENT_PUBLIC_KEY is no key: copy it from the Event Webhook's settings.")
    return key


def reports(body: bytes) -> Iterator[Inbound]:
    """What the events say about mails of ours; others are passed over. Raises `Refused` for what is no list."""
    try:
        events = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("The body is not JSON.", 400) from None
    if not isinstance(events, list):
        raise Refused("The body must be a list of events.", 400)
    for event in events:
        if isinstance(event, dict) and (report := _report(event)) is not None:
            yield report


def _report(event: Mapping[str, Any]) -> Inbound | None:
    identifier, about, kind = event.get("sg_event_id"), event.get("hub_message"), event.get("event")
    if not (isinstance(identifier, str) and 0 < len(identifier) <= 200 and isinstance(about, str) and about):
        return None
    if str(event.get("email", "")).lower() != str(event.get("hub_recipient", event.get("email", ""))).lower():
        return None  # about a copy of it, which is none of the customer's
    if kind == "bounce" and event.get("type") == "blocked":
        kind = "blocked"
    reason = " ".join(str(event.get("reason") or event.get("response") or "").split())[:300]
    refusal = _refusal(str(kind), reason)
    status = _STATUS.get(str(kind), "")
    if not status and not refusal:
        return None
    said = _WORDS.get(refusal or str(kind), "")
    failed = status in ("undelivered", "failed")
    return Inbound(
        channel="email",
        kind="status",
        external_id=f"event:{identifier}",
        about=about,
        status=status,
        code=str(event.get("status") or kind)[:40] if failed else "",
        words=f"{said} {reason}".strip() if failed else said,
        opted_out=bool(refusal),
        source=refusal,
        data={"event": str(kind), "reason": reason},
    )


def _refusal(kind: str, reason: str) -> str:
    """Why nothing more is to be sent to them: bounce, spam or unsubscribe; empty when it may."""
    if kind == "bounce":
        return "bounce"
    if kind == "dropped":
        return next((why for word, why in _DROPPED.items() if word in reason.lower()), "")
    return _REFUSALS.get(kind, "")
