"""SMS and MMS by Twilio Programmable Messaging: https://www.twilio.com/docs/messaging/api/message-resource"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from channels._twilio import Account, undeliverable, words
from hub.channel import Channel, Hook, Inbound, Limits, Media, Outbound, Refused, Reply

_STATUS = {
    "accepted": "queued", "scheduled": "queued", "queued": "queued", "sending": "queued", "sent": "sent",
    "delivered": "delivered", "read": "read", "failed": "failed", "canceled": "failed",
    "undelivered": "undelivered",
}  # fmt: skip
_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_CLOCK_SKEW = timedelta(seconds=30)
_MOST_MEDIA = 10
_SID = re.compile(r"[A-Za-z]{2}[0-9A-Za-z]{1,62}")


class Sms(Channel):
    """Text messages to and from phone numbers."""

    name = "sms"
    label = "SMS"
    identity = "phone"
    limits = Limits(length=1600, split_over=320, segmented=True, media_count=_MOST_MEDIA, receipts=True, keywords=True)
    settings = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._account = Account(settings)

    async def receive(self, hook: Hook) -> Reply:
        """`/hooks/sms` takes messages, `/hooks/sms/status` delivery reports; both signed."""
        form = self._account.verify(hook)
        try:
            if hook.path.endswith("/status"):
                return Reply(events=(_report(hook, form),), status=204)
            return Reply(events=(_message(form),), body=_EMPTY_TWIML, media_type="text/xml")
        except KeyError as error:
            raise Refused(f"The field {error.args[0]} is missing.", 400) from None

    async def send(self, outbound: Outbound) -> str:
        client = await self._account.client()
        callback = f"{self._account.public_url}/hooks/sms/status?{urlencode({'message': outbound.id})}"
        given: dict[str, Any] = {"to": outbound.recipient, "body": outbound.text, "status_callback": callback}
        if outbound.sender.startswith("MG"):
            given["messaging_service_sid"] = outbound.sender
        else:
            given["from_"] = outbound.sender
        if outbound.media:
            given["media_url"] = [item.url for item in outbound.media]
        try:
            sent = await client.messages.create_async(**given)
        except Exception as error:
            raise undeliverable(error) from error
        return str(sent.sid)

    async def find(self, outbound: Outbound) -> list[str]:
        client = await self._account.client()
        since = outbound.created_at - _CLOCK_SKEW if outbound.created_at else None
        try:
            listed = await client.messages.list_async(to=outbound.recipient, date_sent_after=since, limit=200)
        except Exception as error:
            raise undeliverable(error) from error
        same = [m for m in listed if m.direction != "inbound" and m.body == outbound.text]
        return [m.sid for m in reversed(same)]

    async def missed(self, since: datetime) -> list[Inbound]:
        """Messages that Twilio took for us since then: what a lost webhook would have told."""
        client = await self._account.client()
        try:
            listed = await client.messages.list_async(date_sent_after=since, limit=500)
        except Exception as error:
            raise undeliverable(error) from error
        return [
            Inbound(
                channel="sms", kind="message", external_id=m.sid, sender=m.from_, recipient=m.to,
                text=m.body or "", also=_known_as(m.messaging_service_sid, m.account_sid), data={"polled": True},
            )
            for m in reversed(listed)
            if m.direction == "inbound" and not str(m.from_).startswith("whatsapp:")
        ]  # fmt: skip

    async def warm_up(self) -> None:
        if self._account.configured:
            await self._account.client()

    async def close(self) -> None:
        await self._account.close()


def _message(form: Mapping[str, str]) -> Inbound:
    given = form.get("NumMedia") or "0"
    count = min(int(given[:4]), _MOST_MEDIA) if given.isascii() and given.isdigit() else 0
    return Inbound(
        channel="sms",
        kind="message",
        external_id=_sid(form),
        sender=form["From"],
        recipient=form["To"],
        also=_known_as(form.get("MessagingServiceSid"), form.get("AccountSid")),
        text=form.get("Body", ""),
        media=tuple(
            Media(url=form[f"MediaUrl{i}"], content_type=form.get(f"MediaContentType{i}", "")) for i in range(count)
        ),
        data=form,
    )


def _report(hook: Hook, form: Mapping[str, str]) -> Inbound:
    sid, status = _sid(form), form["MessageStatus"]
    if status not in _STATUS:
        raise Refused(f"The message status {status!r} is not known.", 400)
    code = form.get("ErrorCode", "")
    return Inbound(
        channel="sms",
        kind="status",
        external_id=f"{sid}:{status}",
        about=hook.query().get("message") or sid,
        also=(sid,),
        status=_STATUS[status],
        code=code,
        words=words(code),
        opted_out=code == "21610",
        data=form,
    )


def _sid(form: Mapping[str, str]) -> str:
    sid = form["MessageSid"]
    if not _SID.fullmatch(sid):
        raise Refused("MessageSid is not the id of a message.", 400)
    return sid


def _known_as(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)
