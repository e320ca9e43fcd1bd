"""WhatsApp by Twilio: https://www.twilio.com/docs/whatsapp and https://www.twilio.com/docs/messaging/guides/webhook-request"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from channels._twilio import checked_sid
from channels._twilio_content import Contents, numbered
from channels._twilio_messages import TwilioMessages
from hub.channel import Inbound, Limits, Outbound, Template, Undeliverable

log = logging.getLogger("channels.whatsapp")
_NO_CONTENT = "21655"
_TYPING = "https://messaging.twilio.com/v2/Indicators/Typing.json"


class WhatsApp(TwilioMessages):
    """Messages to and from WhatsApp numbers."""

    name = "whatsapp"
    label = "WhatsApp"
    identity = "whatsapp"
    prefix = "whatsapp:"
    limits = Limits(
        length=1600, split_over=1500, media_count=1, window=timedelta(hours=24), templates=True, receipts=True,
        keywords=True, fetched=True, typing=True, billed_by="twilio",
    )  # fmt: skip

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._contents = Contents(self._account)

    def _heard(self, form: Mapping[str, str]) -> Inbound:
        inbound = replace(super()._heard(form), sender_name=form.get("ProfileName", ""))
        original = form.get("OriginalRepliedMessageSid", "")
        if form.get("MessageType") == "reaction" and original:
            return replace(inbound, kind="reaction", about=checked_sid(form, "OriginalRepliedMessageSid"))
        content = _content(form)
        if form.get("MessageType") == "document" and len(inbound.media) == 1:  # its body is then the file's name
            inbound = replace(inbound, media=(replace(inbound.media[0], name=inbound.text),))
        text = inbound.text or form.get("ButtonText") or form.get("ListTitle") or _place(content) or _contact(form)
        return replace(inbound, text=text, content=content, replies_to=(original,) if original else ())

    async def send(self, outbound: Outbound) -> str:
        try:
            return await super().send(outbound)
        except Undeliverable as error:
            if error.code != _NO_CONTENT or not outbound.choices:
                raise
            self._contents.forget_choices()  # somebody has removed the buttons that we had made
            text = numbered(outbound.text, outbound.choices)
            return await super().send(replace(outbound, text=text, choices=()))

    async def _worded(self, outbound: Outbound) -> dict[str, Any]:
        if template := outbound.content.get("template"):
            variables = template.get("variables") or {}
            given = {"content_sid": template["id"]}
            return given | ({"content_variables": json.dumps(variables)} if variables else {})
        if not outbound.choices:
            return await super()._worded(outbound)
        buttons = None if outbound.media else await self._contents.for_choices(outbound.text, outbound.choices)
        if buttons is not None:
            return buttons
        return await super()._worded(replace(outbound, text=numbered(outbound.text, outbound.choices)))

    def _bodies(self, outbound: Outbound) -> set[str]:
        return {outbound.text, outbound.text.strip(), numbered(outbound.text, outbound.choices)}

    async def templates(self, *, anew: bool = False) -> list[Template]:
        return await self._contents.templates(anew=anew)

    async def attend(self, external_id: str) -> None:
        """Marks it read and shows "typing" for 25 s: https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource"""
        try:
            await self._account.ask("POST", _TYPING, {"channel": "whatsapp", "messageId": external_id})
        except Exception as error:
            log.info("could not show that we are writing: %s", error)


def _content(form: Mapping[str, str]) -> dict[str, Any]:
    """What came beside the text: the button that was pressed, a place, the advertisement that led here."""
    parts = {
        "button": {
            "text": form.get("ButtonText") or form.get("ListTitle", ""),
            "payload": form.get("ButtonPayload") or form.get("ListId", ""),
        },
        "place": {
            "label": form.get("Label", ""), "address": form.get("Address", ""),
            "latitude": form.get("Latitude", ""), "longitude": form.get("Longitude", ""),
        },
        "referral": {
            "headline": form.get("ReferralHeadline", ""), "text": form.get("ReferralBody", ""),
            "url": form.get("ReferralSourceUrl", ""), "kind": form.get("ReferralSourceType", ""),
        },
    }  # fmt: skip
    return {name: part for name, part in parts.items() if any(part.values())}


def _place(content: Mapping[str, Any]) -> str:
    """A place in words."""
    place = content.get("place", {})
    where = ", ".join(part for part in (place.get("label"), place.get("address")) if part)
    at = ", ".join(part for part in (place.get("latitude"), place.get("longitude")) if part)
    return f"Location: {where} ({at})" if where and at else f"Location: {where or at}" if where or at else ""


def _contact(form: Mapping[str, str]) -> str:
    return "A contact" if form.get("MessageType") == "contacts" else ""
