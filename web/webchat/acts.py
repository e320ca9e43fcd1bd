"""What a visitor may ask for after hello, each by a frame of its type."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from channels.webchat import UNSTORABLE
from hub import forms
from hub.channel import Refused, Reply
from hub.core import chatting
from hub.core.hub import NotFound
from hub.identity import NotAnIdentity
from hub.models import Address, Message
from hub.models.rich import FormSpec
from hub.policy import NotAllowed
from hub.store import agents, interactions
from web.webchat.frames import Frame, uuid

if TYPE_CHECKING:
    from web.webchat.visit import Visit

MOST_EMAIL_CHARACTERS = 254


async def message(visit: "Visit", frame: Frame) -> None:
    visit.visits.count(visit.visits.talking, visit.network)
    await _say(visit, visit.visits.channel.message(visit.visitor, frame))


async def form(visit: "Visit", frame: Frame) -> None:
    """The answer to a form of ours: checked field by field, then one message."""
    visits = visit.visits
    visits.count(visits.talking, visit.network)
    asked, spec, region = await _asked(visit, frame.get("form"))
    try:
        filled = forms.fill_in(spec, frame.get("values"), region)
    except forms.Unfilled as unfilled:
        await visit.send({"type": "form", "form": str(asked.id), "problems": unfilled.problems})
        return
    content = {"rich": {"answer": {"form": str(asked.id), "values": filled.values}}}
    text = UNSTORABLE.sub("", filled.text)[: visits.channel.limits.length]
    await _say(visit, visits.channel.message(visit.visitor, {"id": frame.get("id"), "text": text}, content))
    await visit.send({"type": "form", "form": str(asked.id), "problems": {}})


async def _asked(visit: "Visit", given: Any) -> tuple[Message, FormSpec, str]:
    """The form that is answered, which must stand in the visitor's own thread. Raises `Refused`."""
    message_id = uuid(given)
    async with visit.visits.hub.context.store.read() as db:
        found = await interactions.message(db, visit.thread.workspace_id, message_id)
        workspace = await agents.workspace(db, visit.thread.workspace_id)
    spec = (found.content.get("rich") or {}).get("form") if found is not None else None
    if found is None or not spec or found.interaction_id not in visit.thread.known or workspace is None:
        raise Refused("This form is not there any more. Write your answer instead.", 400)
    return found, FormSpec(**spec), workspace.default_region


async def _say(visit: "Visit", reply: Reply) -> None:
    for inbound in reply.events:
        await visit.visits.hub.receive(inbound)
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
    score, words = frame.get("score"), frame.get("words", "")
    interaction_id = uuid(frame.get("interaction"))
    if not isinstance(score, int) or isinstance(score, bool) or score not in chatting.SCORES:
        raise Refused("A `score` is a number from 1 to 5.", 400)
    if not isinstance(words, str) or len(words) > chatting.MOST_WORDS:
        raise Refused(f"`words` are a text of at most {chatting.MOST_WORDS:,} characters.", 400)
    if interaction_id not in visit.thread.known:
        raise Refused("This conversation is not yours to rate.", 403)
    with _told():
        await chatting.rate(
            visit.visits.hub.context, visit.thread.workspace_id, interaction_id, score, UNSTORABLE.sub("", words)
        )
    await visit.send({"type": "rated", "interaction": str(interaction_id), "score": score})


async def call_me(visit: "Visit", frame: Frame) -> None:
    """Ring them at a number of theirs, with this chat in mind."""
    visits, number = visit.visits, frame.get("number")
    address = await _address(visit)
    if address is None or not address.options.get("call_me"):
        raise Refused("This chat does not call. Write to us instead.", 403)
    if not isinstance(number, str) or len(number) > 40 or UNSTORABLE.search(number):
        raise Refused("Write a phone number like +15551234567.", 400)
    chat_id = _open(visit)
    visits.count(visits.calling_from, visit.network)
    visits.calling.take(visit.visitor.id)
    visits.calling.take(re.sub(r"\D", "", number)[-9:])
    with _told():
        call = await chatting.call_back(visits.hub, visit.thread.workspace_id, chat_id, number)
    await visit.send({"type": "calling", "number": call.person})


async def leave_email(visit: "Visit", frame: Frame) -> None:
    """Be answered by mail: the chat goes on as an email thread."""
    visits, email = visit.visits, frame.get("email")
    if not isinstance(email, str) or len(email) > MOST_EMAIL_CHARACTERS or UNSTORABLE.search(email):
        raise Refused("Write an email address like ana@example.com.", 400)
    if not visit.thread.state.get("mail", {}).get("offer"):
        raise Refused("Somebody answers here. Write your message instead.", 409)
    chat_id, address = _open(visit), await _address(visit)
    visits.leaving.take(visit.visitor.id)
    with _told():
        await chatting.answer_by_mail(
            visits.hub, visit.thread.workspace_id, chat_id, email, address.name if address else ""
        )


async def _address(visit: "Visit") -> Address | None:
    async with visit.visits.hub.context.store.read() as db:
        found = await agents.address_called(db, "webchat", visit.visitor.widget)
    return found[0] if found else None


def _open(visit: "Visit") -> UUID:
    if visit.thread.open_id is None:
        raise Refused("Write to us first, so that we know what it is about.", 409)
    return visit.thread.open_id


@contextmanager
def _told() -> Iterator[None]:
    """What the hub does not allow is said to the visitor."""
    try:
        yield
    except (NotAllowed, NotAnIdentity, NotFound) as error:
        raise Refused(str(error), 400) from None


async def end(visit: "Visit", frame: Frame) -> None:
    if visit.thread.open_id:
        await visit.visits.hub.end(visit.thread.workspace_id, visit.thread.open_id, "customer_hangup")


async def called(visit: "Visit", frame: Frame) -> None:
    visit.look()


async def ping(visit: "Visit", frame: Frame) -> None:
    await visit.send({"type": "pong"})


ACTS: dict[str, Callable[["Visit", Frame], Awaitable[None]]] = {
    "message": message,
    "form": form,
    "read": read,
    "typing": typing,
    "rate": rate,
    "call_me": call_me,
    "leave_email": leave_email,
    "end": end,
    "called": called,
    "ping": ping,
}
