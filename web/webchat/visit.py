"""One open visit: frames from the visitor become acts of the hub, news of the thread become frames."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from channels.webchat import TooFast, Visitor, Webchat
from hub.channel import Hook, Refused
from hub.core import Hub
from hub.feed import Subscription
from hub.store import interactions
from web.webchat.calls import Frame
from web.webchat.feed import Thread
from web.webchat.marks import Marks

UNTIL_HINTED_SECONDS = 86_400.0
TRY_AGAIN_SECONDS = 3
CALL_LOOK_SECONDS = 1.0
"""How often it is looked whether a call is over."""
SCORES = ("good", "bad")

log = logging.getLogger("hub.webchat")

Send = Callable[[Frame], Awaitable[None]]


class Visit:
    """One tab of one visitor, from welcome to leaving."""

    __slots__ = ("_channel", "_hints", "_hub", "_marks", "_send", "_token", "thread", "visitor")

    def __init__(self, hub: Hub, channel: Webchat, visitor: Visitor, thread: Thread, send: Send) -> None:
        self.thread, self.visitor = thread, visitor
        self._hub, self._channel, self._send = hub, channel, send
        self._token = channel.token(visitor)
        self._marks = Marks(hub)
        self._hints: Subscription | None = None

    async def show(self, anything_yet: bool) -> None:
        """Send what is new in the thread, for ever; of somebody new there is nothing yet."""
        topic = f"thread:{self.thread.workspace_id}:{self.thread.name}"
        store = self._hub.context.store
        async with store.bus.subscribe(topic) as self._hints:
            if not anything_yet:
                await self._hints.wait(UNTIL_HINTED_SECONDS)
            while True:
                async with store.read() as db:
                    news = await self.thread.news(db)
                for frame in news:
                    await self._send(frame)
                self._marks.add(self.thread.arrived(), "delivered")
                await self._hints.wait(CALL_LOOK_SECONDS if self.thread.calling else UNTIL_HINTED_SECONDS)

    def look(self) -> None:
        """Read the thread again: something may have been missed."""
        if self._hints is not None:
            self._hints.hint("look")

    def leave(self) -> None:
        self._marks.flush()

    async def take(self, frame: Frame, network: Callable[[], None]) -> None:
        """Do what a frame asks for; whatever is wrong with it is said in an error frame.

        `network` counts a message of the visitor's network address; it raises `TooFast`.
        """
        act = _ACTS.get(str(frame.get("type")))
        try:
            if act is None:
                raise Refused(f"Frames are of type {', '.join(_ACTS)}.", 400)
            if act is Visit._message:
                network()
            await act(self, frame)
        except Refused as refused:
            await self._send(fault(refused, frame))
        except Exception:
            log.exception("a frame of the web chat failed")
            await self._send(
                {
                    "type": "error",
                    "code": "unavailable",
                    "id": _short(frame.get("id")),
                    "words": "We could not take it in just now. It is tried again.",
                    "wait_seconds": TRY_AGAIN_SECONDS,
                }
            )

    async def _message(self, frame: Frame) -> None:
        given = {"token": self._token, "id": frame.get("id"), "text": frame.get("text")}
        headers = {"content-type": "application/json"}
        hook = Hook("POST", "https://localhost/hooks/webchat", headers, json.dumps(given).encode())
        reply = await self._channel.receive(hook)
        for inbound in reply.events:
            await self._hub.receive(inbound)
        await self._send({"type": "status", **json.loads(reply.body)})

    async def _read(self, frame: Frame) -> None:
        seq = frame.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool):
            raise Refused("Say in `seq` up to which message you have read.", 400)
        self._marks.add(self.thread.read_up_to(_uuid(frame.get("interaction")), seq), "read")

    async def _typing(self, frame: Frame) -> None:
        if self.thread.open_id:
            self._hub.context.store.bus.publish([(f"typing:{self.thread.open_id}", "customer")])

    async def _rate(self, frame: Frame) -> None:
        score, interaction_id = frame.get("score"), _uuid(frame.get("interaction"))
        if score not in SCORES:
            raise Refused(f"A `score` is {' or '.join(SCORES)}.", 400)
        if interaction_id not in self.thread.known:
            raise Refused("This conversation is not yours to rate.", 403)
        context = self._hub.context
        async with context.store.write() as db:
            interaction = await interactions.locked(db, interaction_id)
            if interaction is not None:
                interactions.log(db, interaction, "interaction.rated", context.clock.now(), score=score)

    async def _end(self, frame: Frame) -> None:
        if self.thread.open_id:
            await self._hub.end(self.thread.workspace_id, self.thread.open_id, "customer_hangup")

    async def _called(self, frame: Frame) -> None:
        self.look()

    async def _ping(self, frame: Frame) -> None:
        await self._send({"type": "pong"})


_ACTS: dict[str, Callable[[Visit, Frame], Awaitable[None]]] = {
    "message": Visit._message,
    "read": Visit._read,
    "typing": Visit._typing,
    "rate": Visit._rate,
    "end": Visit._end,
    "called": Visit._called,
    "ping": Visit._ping,
}
"""What a visitor may ask for after hello."""


def fault(refused: Refused, frame: Frame | None = None) -> Frame:
    """The error frame for a refusal. With `wait_seconds`, the same again may go well after that time."""
    codes = {401: "token", 403: "forbidden", 404: "widget", 413: "too_large", 429: "too_fast"}
    told: Frame = {"type": "error", "code": codes.get(refused.status, "bad_request"), "words": refused.reason}
    if frame and frame.get("id"):
        told["id"] = _short(frame["id"])
    if isinstance(refused, TooFast):
        told["wait_seconds"] = refused.wait_seconds
    return told


def _short(value: Any) -> str:
    return value[:64].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _uuid(value: Any) -> UUID:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise Refused("Say in `interaction` which conversation you mean.", 400) from None
