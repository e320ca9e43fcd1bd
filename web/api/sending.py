"""Sending to a customer: the hub picks the channel and says why."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from litestar import Controller, post
from litestar.params import JSONBody
from pydantic import Field

from hub.core.sending import Way, choose
from web.api.customers import held
from web.api.interaction_shapes import MessagePublic, message_public
from web.api.messages import operator_of
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

_TO_SEND = {"text": "Your order A1004 is on its way."}
_WAY = {
    "channel": "sms",
    "person": "+12025550141",
    "open": True,
    "obstacle": "",
    "heard_at": "2026-01-30T09:00:00Z",
}
Textual = Literal["", "sms", "whatsapp", "email", "webchat"]


class PreviewCreate(Shape):
    """What would be told the customer."""

    model_config = shown(_TO_SEND)
    text: str = Field(min_length=1, max_length=100_000)
    channel: Textual = Field(default="", description="This one and no other; empty: the one that is best now.")
    purpose: Literal["", "marketing"] = Field(default="", description="An advertisement needs its own leave.")


class SendCreate(PreviewCreate):
    """What to tell the customer."""

    subject: str = Field(default="", max_length=300, description="Where it goes by email.")
    user_id: UUID | None = Field(default=None, description="The operator who says it; null: for the agent.")


class WayPublic(Shape):
    """One way of reaching the customer, and what is in its way now."""

    model_config = shown(_WAY)
    channel: str
    person: str
    open: bool
    obstacle: str
    heard_at: datetime | None = Field(description="When they last wrote there.")


class SendPreview(Shape):
    """How it would be sent; the best way is first."""

    model_config = shown({"words": "By SMS to +12025550141: they last wrote there 1 day ago.", "ways": [_WAY]})
    words: str
    ways: list[WayPublic]


class Sending(Controller):
    """Messages to one customer, on whichever channel."""

    path = "/customers/{customer_id:uuid}/messages"
    tags = ["Customers"]

    @post(opt={"scope": "write"}, summary="Send to a customer")
    async def send_to(self, request: ApiRequest, customer_id: PathId, data: JSONBody[SendCreate]) -> MessagePublic:
        """By the channel that is best now: its window, consent, the hour where they are, where they wrote last, cost.

        When a receipt says that it failed, the next one is taken, once. 422 with all the reasons when there is none.
        """
        operator = await operator_of(request, data.user_id) if data.user_id else None
        said = await request.hub.send_to(
            request.workspace_id, customer_id, data.text,
            channel=data.channel, purpose=data.purpose, subject=data.subject, operator=operator,
        )  # fmt: skip
        return message_public(said)

    @post("/preview", opt={"scope": "write"}, status_code=200, summary="See how it would be sent")
    async def preview(self, request: ApiRequest, customer_id: PathId, data: JSONBody[PreviewCreate]) -> SendPreview:
        """Nothing is sent."""
        async with request.store.read() as db:
            customer = await held(db, request, customer_id)
            choice = await choose(
                db, request.hub.context, customer, data.text, purpose=data.purpose, channel=data.channel
            )
        return SendPreview(words=choice.words, ways=[_public(way) for way in choice.ways])


def _public(way: Way) -> WayPublic:
    return WayPublic(
        channel=way.channel, person=way.person, open=way.open, obstacle=way.obstacle, heard_at=way.heard_at
    )
