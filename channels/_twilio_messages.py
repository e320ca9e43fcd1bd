"""What the text channels of Twilio share: https://www.twilio.com/docs/messaging/api/message-resource"""

import mimetypes
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urljoin

from channels._twilio import API, Account, checked_sid
from channels._twilio_errors import outside_window, undeliverable, unread, words
from hub.channel import Channel, File, Hook, Inbound, Media, Outbound, Refused, Reply, Undeliverable

_STATUS = {
    "accepted": "queued", "scheduled": "queued", "queued": "queued", "sending": "queued", "sent": "sent",
    "delivered": "delivered", "read": "read", "failed": "failed", "canceled": "failed",
    "undelivered": "undelivered",
}  # fmt: skip
_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_CLOCK_SKEW = timedelta(seconds=30)
MOST_MEDIA = 10
_KEPT = ("image/", "audio/", "video/", "text/", "application/pdf", "application/vnd.", "application/msword",
         "application/rtf", "application/zip")  # fmt: skip
_LIST = "/Media.json"


class TwilioMessages(Channel):
    """A text channel of Twilio's. `prefix` stands before its numbers there, as in `whatsapp:+15551234567`."""

    prefix = ""
    settings = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._account = Account(settings)

    async def receive(self, hook: Hook) -> Reply:
        """`/hooks/{name}` takes messages, `/hooks/{name}/status` delivery reports; both signed."""
        form = self._account.verify(hook)
        try:
            if hook.path.endswith("/status"):
                return Reply(events=(self._report(hook, form),), status=204)
            return Reply(events=(self._heard(form),), body=_EMPTY_TWIML, media_type="text/xml")
        except KeyError as error:
            raise Refused(f"The field {error.args[0]} is missing.", 400) from None

    def _heard(self, form: Mapping[str, str]) -> Inbound:
        """A person's message. Raises `Refused` and `KeyError`."""
        return Inbound(
            channel=self.name,
            kind="message",
            external_id=checked_sid(form, "MessageSid"),
            sender=self._bare(form["From"]),
            recipient=self._bare(form["To"]),
            also=_known_as(form.get("MessagingServiceSid"), form.get("AccountSid")),
            text=form.get("Body", ""),
            media=_media(form),
            data=form,
        )

    def _report(self, hook: Hook, form: Mapping[str, str]) -> Inbound:
        sid, status = checked_sid(form, "MessageSid"), form["MessageStatus"]
        if status not in _STATUS:
            raise Refused(f"The message status {status!r} is not known.", 400)
        code = form.get("ErrorCode", "")
        return Inbound(
            channel=self.name,
            kind="status",
            external_id=f"{sid}:{status}",
            about=hook.query().get("message") or sid,
            also=(sid,),
            status=_STATUS[status],
            code=code,
            words=words(code),
            opted_out=code == "21610",
            outside_window=outside_window(code),
            data=form,
        )

    def _bare(self, address: str) -> str:
        """The number of an address there. Raises `Refused` for one of another channel."""
        kind, colon, number = address.rpartition(":")
        if kind + colon != self.prefix:
            raise Refused(
                f"This is a message from {address}: {self.label} takes other addresses. Check the webhook.", 400
            )
        return number

    async def send(self, outbound: Outbound) -> str:
        client = await self._account.client()
        callback = f"{self._account.public_url}/hooks/{self.name}/status?{urlencode({'message': outbound.id})}"
        given = {"to": self.prefix + outbound.recipient, "status_callback": callback, **await self._worded(outbound)}
        if outbound.sender.startswith("MG"):
            given["messaging_service_sid"] = outbound.sender
        else:
            given["from_"] = self.prefix + outbound.sender
        try:
            sent = await client.messages.create_async(**given)
        except Exception as error:
            raise undeliverable(error) from error
        return str(sent.sid)

    async def _worded(self, outbound: Outbound) -> dict[str, Any]:
        """What the message says, as arguments of the client."""
        given: dict[str, Any] = {"body": outbound.text}
        return given | ({"media_url": [item.url for item in outbound.media]} if outbound.media else {})

    def _bodies(self, outbound: Outbound) -> set[str]:
        """What a listing may show as the body of this message."""
        return {outbound.text}

    async def find(self, outbound: Outbound) -> list[str]:
        client = await self._account.client()
        wanted: dict[str, Any] = {"to": self.prefix + outbound.recipient}
        if outbound.created_at:
            wanted["date_sent_after"] = outbound.created_at - _CLOCK_SKEW
        try:
            listed = await client.messages.list_async(**wanted, limit=200)
        except Exception as error:
            raise undeliverable(error) from error
        bodies = self._bodies(outbound)
        same = [m for m in listed if m.direction != "inbound" and m.body in bodies]
        return [m.sid for m in reversed(same)]

    async def missed(self, since: datetime) -> list[Inbound]:
        """Messages that Twilio took for us since then: what a lost webhook would have told."""
        client = await self._account.client()
        try:
            listed = await client.messages.list_async(date_sent_after=since, limit=500)
        except Exception as error:
            raise undeliverable(error) from error
        return [self._polled(m) for m in reversed(listed) if m.direction == "inbound" and self._is_ours(str(m.from_))]

    def _is_ours(self, address: str) -> bool:
        return address.rpartition(":")[0] == self.prefix.removesuffix(":")

    def _polled(self, m: Any) -> Inbound:
        base = self._account.base_url.rstrip("/") or API
        attached = f"{base}{m.uri.removesuffix('.json')}{_LIST}" if str(m.num_media or "0") != "0" else ""
        return Inbound(
            channel=self.name, kind="message", external_id=m.sid, sender=self._bare(m.from_),
            recipient=self._bare(m.to), text=m.body or "", also=_known_as(m.messaging_service_sid, m.account_sid),
            media=(Media(attached),) if attached else (), data={"polled": True},
        )  # fmt: skip

    async def fetch(self, media: Media, most_bytes: int) -> list[File]:
        """The file behind a MediaUrl, with the account's credentials; of a polled message, all of them."""
        if not media.url.endswith(_LIST):
            return [await self._file(media.url, media.name, most_bytes)]
        try:
            listed = (await self._account.ask("GET", media.url)).get("media_list", [])
        except Exception as error:
            raise unread(error) from error
        urls = [urljoin(media.url, str(row["uri"]).removesuffix(".json")) for row in listed[:MOST_MEDIA]]
        return [await self._file(url, "", most_bytes) for url in urls]

    async def _file(self, url: str, name: str, most_bytes: int) -> File:
        content, kind = await self._account.download(url, most_bytes)
        if not kind.startswith(_KEPT):
            raise Undeliverable(f"Attachments of the type {kind} are not kept.")
        return File(name or f"attachment{mimetypes.guess_extension(kind) or ''}", kind, content)

    async def warm_up(self) -> None:
        if self._account.configured:
            await self._account.client()

    async def close(self) -> None:
        await self._account.close()


def _media(form: Mapping[str, str]) -> tuple[Media, ...]:
    given = form.get("NumMedia") or "0"
    count = min(int(given[:4]), MOST_MEDIA) if given.isascii() and given.isdigit() else 0
    return tuple(
        Media(url=form[f"MediaUrl{i}"], content_type=form.get(f"MediaContentType{i}", "")) for i in range(count)
    )


def _known_as(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)
