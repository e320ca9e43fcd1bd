"""What a visitor may ask for after hello, each by a frame of its type."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from hub.channel import Refused
from hub.store import interactions
from web.webchat.frames import Frame, uuid

if TYPE_CHECKING:
    from web.webchat.visit import Visit

SCORES = ("good", "bad")


async def message(visit: "Visit", frame: Frame) -> None:
    visits = visit.visits
    visits.count(visits.talking, visit.network)
    reply = visits.channel.message(visit.visitor, frame)
    for inbound in reply.events:
        await visits.hub.receive(inbound)
    await visit.send({"type": "status", **json.loads(reply.body)})


async def read(visit: "Visit", frame: Frame) -> None:
    seq = frame.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool):
        raise Refused("Say in `seq` up to which message you have read.", 400)
    visit.mark(visit.thread.read_up_to(uuid(frame.get("interaction")), seq), "read")


async def typing(visit: "Visit", frame: Frame) -> None:
    if visit.thread.open_id:
        visit.visits.hub.context.store.bus.publish([(f"typing:{visit.thread.open_id}", "customer")])


async def rate(visit: "Visit", frame: Frame) -> None:
    score, interaction_id = frame.get("score"), uuid(frame.get("interaction"))
    if score not in SCORES:
        raise Refused(f"A `score` is {' or '.join(SCORES)}.", 400)
    if interaction_id not in visit.thread.known:
        raise Refused("This conversation is not yours to rate.", 403)
    context = visit.visits.hub.context
    async with context.store.write() as db:
        interaction = await interactions.locked(db, interaction_id)
        if interaction is not None:
            interactions.log(db, interaction, "interaction.rated", context.clock.now(), score=score)


async def end(visit: "Visit", frame: Frame) -> None:
    if visit.thread.open_id:
        await visit.visits.hub.end(visit.thread.workspace_id, visit.thread.open_id, "customer_hangup")


async def called(visit: "Visit", frame: Frame) -> None:
    visit.look()


async def ping(visit: "Visit", frame: Frame) -> None:
    await visit.send({"type": "pong"})


ACTS: dict[str, Callable[["Visit", Frame], Awaitable[None]]] = {
    "message": message,
    "read": read,
    "typing": typing,
    "rate": rate,
    "end": end,
    "called": called,
    "ping": ping,
}
