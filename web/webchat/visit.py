"""One open visit: frames from the visitor become acts of the hub, news of the thread become frames."""

import asyncio
import json
import logging
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from channels.webchat import Visitor
from hub.channel import Refused
from hub.core.chatting import Offer, mail_offer
from hub.models import Interaction
from web.webchat.acts import ACTS
from web.webchat.feed import Thread
from web.webchat.frames import CLOSED, Frame, fault, parsed, short
from web.webchat.marks import Marks
from web.webchat.visits import Visits
from web.websocket import DoorSocket

TRY_AGAIN_SECONDS = 3
TYPING = "typing:"
"""Begins the hint that somebody of ours is writing; their name follows."""
CALL_LOOK_SECONDS = 1.0
"""How often it is looked whether a call is over."""

log = logging.getLogger("hub.webchat")


class Visit:
    """One tab of one visitor, from welcome to leaving. While nothing happens it is this object and no task.

    It is the guest behind its socket (`web.parking`) and a listener of its thread's hints.
    """

    __slots__ = ("_again", "_door", "_marks", "_over", "_showing", "network", "thread", "visitor", "visits")

    def __init__(self, visits: Visits, door: DoorSocket, visitor: Visitor, thread: Thread, network: str) -> None:
        self.visits, self.visitor, self.thread, self.network = visits, visitor, thread, network
        self._door = door
        self._marks: Marks | None = None
        self._showing = self._again = self._over = False

    @property
    def _topic(self) -> str:
        return f"thread:{self.thread.workspace_id}:{self.thread.name}"

    def begin(self, anything_yet: bool) -> None:
        """Be told of news, and show what there is; of somebody new there is nothing yet."""
        self.visits.tabs[self.visitor.id] += 1
        self.visits.rounds.join(self)
        self.visits.hub.context.store.bus.listen(self._topic, self)
        if anything_yet:
            self.look()

    def gone(self) -> None:
        """They have left."""
        if self._over:
            return
        self._over = self._door.gone = True
        self.visits.hub.context.store.bus.leave(self._topic, self)
        self.visits.rounds.leave(self)
        if self._marks is not None:
            self._marks.flush()
        self.visits.tabs[self.visitor.id] -= 1
        if not self.visits.tabs[self.visitor.id]:
            del self.visits.tabs[self.visitor.id]

    # what they are shown

    def hint(self, identifier: str) -> None:
        """Something has changed in the thread, or one of us is writing in it."""
        if identifier.startswith(TYPING):
            name = identifier.removeprefix(TYPING)
            self.visits.hub.context.spawn(self.send({"type": "typing", "on": True, "name": name, "passing": True}))
        else:
            self.look()

    def look(self) -> None:
        """Read the thread again, beside everything else: something is new or may have been missed."""
        self._again = True
        if not self._showing and not self._over:
            self._showing = True
            self.visits.hub.context.spawn(self._show())

    async def _show(self) -> None:
        """Show what is new. When that fails, the socket is closed and the page comes again."""
        try:
            while self._again and not self._over:
                self._again = False
                async with self.visits.hub.context.store.read() as db:
                    news = await self.thread.news(db, self.visits.link)
                    offer = await self._mail_offer(db)
                for frame in news + offer:
                    await self.send(frame)
                self.mark(self.thread.arrived(), "delivered")
        except Exception:
            log.exception("a web chat thread could not be shown")
            await self._door.close(1013, "Try again in a moment.")
        finally:
            self._showing = False
        if self.thread.calling and not self._over:
            asyncio.get_running_loop().call_later(CALL_LOOK_SECONDS, self.look)

    async def _mail_offer(self, db: AsyncSession) -> list[Frame]:
        """Whether an answer by mail is offered, when that has changed."""
        waits = self.thread.state.get("operator", {}).get("owner") == "queue" and self.thread.open_id is not None
        offer = Offer()
        if waits and (chat := await db.get(Interaction, self.thread.open_id)) is not None:
            offer = await mail_offer(db, self.visits.hub.context, chat)
            if offer.again_at is not None:
                seconds = (offer.again_at - self.visits.hub.context.clock.now()).total_seconds()
                asyncio.get_running_loop().call_later(max(seconds, 0) + 0.1, self.look)
        frame: Frame = {"type": "mail", "offer": offer.now, "words": offer.words}
        if self.thread.state.get("mail", {"type": "mail", "offer": False, "words": ""}) == frame:
            return []
        self.thread.state["mail"] = frame
        return [frame]

    def mark(self, message_ids: list[UUID], status: str) -> None:
        """These messages of ours are `delivered` or `read` now."""
        if message_ids:
            self._marks = self._marks or Marks(self.visits.hub)
            self._marks.add(message_ids, status)

    async def send(self, frame: Frame) -> None:
        """Send it; to somebody who has gone, nothing is sent."""
        await self._door.send(json.dumps(frame))

    # what they say

    async def frame(self, data: str | bytes) -> bool:
        """Do what a frame asks for; whatever is wrong with it is said. False: it was the last one."""
        if self._over:
            return False
        try:
            self.visits.frames.take(self.visitor.id)
            await self._take(parsed(data))
        except Refused as refused:
            await self.send(fault(refused))
            if refused.status != 400:
                if refused.status == 429:
                    await self.visits.hold_up()
                await self._door.close(CLOSED.get(refused.status, 4400), refused.reason[:100])
                self.gone()
        return not self._over

    def knock(self) -> bool:
        """Count a ping of their browser."""
        try:
            self.visits.frames.take(self.visitor.id)
        except Refused:
            return False
        return True

    async def _take(self, frame: Frame) -> None:
        act = ACTS.get(str(frame["type"]))
        try:
            if act is None:
                raise Refused(f"Frames are of type {', '.join(ACTS)}.", 400)
            await act(self, frame)
        except Refused as refused:
            await self.send(fault(refused, frame))
        except Exception:
            log.exception("a frame of the web chat failed")
            words = "We could not take it in just now. It is tried again."
            await self.send({
                "type": "error", "code": "unavailable", "id": short(frame.get("id")), "words": words,
                "wait_seconds": TRY_AGAIN_SECONDS,
            })  # fmt: skip
