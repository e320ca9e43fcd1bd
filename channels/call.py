"""Phone calls by Twilio Programmable Voice and Media Streams.

https://www.twilio.com/docs/voice/api/call-resource and https://www.twilio.com/docs/voice/media-streams
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from channels import _call_twiml as twiml
from channels._call_line import CODEC, RATE, CallLine
from channels._call_start import Start, started
from channels._call_status import report, transferred
from channels._call_ticket import Ticket, TicketOffice
from channels._twilio import Account, checked_sid
from channels._twilio_errors import undeliverable
from hub.channel import Channel, Hook, Inbound, Limits, Outbound, Refused, Reply, Socket, Undeliverable

MOST_RESUMED = 5
MOST_TRIES = 2
START_WITHIN_SECONDS = 5.0
RING_SECONDS = 30
_CLOCK_SKEW = timedelta(seconds=30)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DOOR = "/hooks/call"


class Call(Channel):
    """Phone calls, in and out. `now` gives seconds since 1970."""

    name = "call"
    label = "Phone call"
    identity = "phone"
    limits = Limits(length=4096, live=True, billed_by="twilio")
    settings = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")

    def __init__(self, settings: Mapping[str, str], now: Callable[[], float] = time.time) -> None:
        self._account = Account(settings)
        self._tickets = TicketOffice(settings.get("HUB_SECRET_KEY", ""), now)

    async def receive(self, hook: Hook) -> Reply:
        """`/hooks/call` asks what to do with a call, `/status` and `/transferred` below it tell; all signed."""
        below = _below(hook)
        if below not in ("", "/status", "/transferred"):
            raise Refused(f"There is nothing at {_DOOR}{below}.", 404)
        form = self._account.verify(hook)
        try:
            if below == "/status":
                return Reply(events=(report(hook.query(), form),), status=204)
            if below == "/transferred":
                return self._transferred(hook, form)
            return self._asked(hook, form)
        except KeyError as error:
            raise Refused(f"The field {error.args[0]} is missing.", 400) from None

    def _asked(self, hook: Hook, form: Mapping[str, str]) -> Reply:
        query = hook.query()
        about, again, tries = query.get("interaction", ""), _count(query, "again"), _count(query, "try")
        sid, (person, ours), outbound = checked_sid(form, "CallSid"), _parties(form), _is_outbound(form)
        event = Inbound(
            channel="call", kind="call", external_id=sid, sender=person, recipient=ours, about=about,
            also=_account_of(form), status="in_progress" if outbound or again else "ringing", data=form,
        )  # fmt: skip
        return Reply(
            events=(event,) if again <= MOST_RESUMED else (),
            body=self._stream(hook, form, about, again + 1) if again <= MOST_RESUMED else twiml.APOLOGY,
            media_type=twiml.MEDIA_TYPE,
            otherwise=self._later(hook, about, again, tries),
            refused=twiml.HANG_UP if outbound or again or tries else twiml.REJECT,
        )

    def _transferred(self, hook: Hook, form: Mapping[str, str]) -> Reply:
        about, event = hook.query().get("interaction", ""), transferred(hook.query(), form)
        done = event.code == "transfer_completed"
        return Reply(
            events=(event,),
            body=twiml.HANG_UP if done else self._stream(hook, form, about, 1),
            media_type=twiml.MEDIA_TYPE,
            otherwise=twiml.HANG_UP if done else self._later(hook, about, 1, 0),
            refused=twiml.HANG_UP,
        )

    def _stream(self, hook: Hook, form: Mapping[str, str], about: str, again: int) -> str:
        """Open the media socket; `again` counts the requests that came after such a socket had closed."""
        person, ours = _parties(form)
        ticket = self._tickets.sell(checked_sid(form, "CallSid"), person, ours, about)
        media = re.sub("^http", "ws", self._base(hook)) + f"{_DOOR}/media"
        return twiml.connect(media, ticket, self._url(hook, "", again=again, interaction=about))

    def _later(self, hook: Hook, about: str, again: int, tries: int) -> str:
        if tries >= MOST_TRIES:
            return twiml.APOLOGY
        return twiml.one_moment(self._url(hook, "", again=again, interaction=about, **{"try": tries + 1}))

    def _base(self, hook: Hook) -> str:
        parts = urlsplit(hook.url)
        return self._account.public_url or f"{parts.scheme}://{parts.netloc}"

    def _url(self, hook: Hook | None, below: str, **query: str | int) -> str:
        """One of our own addresses; what is empty is left out of its query."""
        base = self._base(hook) if hook else self._account.public_url
        given = urlencode({name: value for name, value in query.items() if value})
        return f"{base}{_DOOR}{below}" + (f"?{given}" if given else "")

    async def connect(self, hook: Hook, socket: Socket) -> Inbound:
        """`/hooks/call/media`: signed for its `ws` address, and begun with the ticket of the call's own answer."""
        if _below(hook) != "/media":
            raise Refused("Calls connect at /hooks/call/media.", 404)
        self._account.verify(hook)
        await socket.accept()
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                start = await started(socket)
        except TimeoutError:
            raise Refused(f"The stream did not start within {START_WITHIN_SECONDS:.0f} seconds.", 408) from None
        ticket = self._admitted(start)

        async def connect_with(to: str) -> None:
            await self._transfer(ticket, to)

        return Inbound(
            channel="call", kind="call", external_id=ticket.call, once=ticket.once, sender=ticket.person,
            recipient=ticket.ours, about=ticket.interaction, also=(start.account,),
            line=CallLine(socket, start.stream, connect_with),
            data={"stream": start.stream, "codec": CODEC, "rate": RATE},
        )  # fmt: skip

    def _admitted(self, start: Start) -> Ticket:
        ticket = self._tickets.check(start.ticket)
        if ticket.call != start.call:
            raise Refused("The stream's ticket is another call's.")
        if start.account != self._account.sid:
            raise Refused("The stream is of another Twilio account.")
        return ticket

    async def _transfer(self, ticket: Ticket, to: str) -> None:
        if not _E164.fullmatch(to):
            raise Undeliverable("A call can be transferred to a number like +15551234567 only.", code="21217")
        client = await self._account.client()
        told = self._url(None, "/transferred", interaction=ticket.interaction)
        try:
            await client.calls(ticket.call).update_async(twiml=twiml.dial(to, ticket.ours, told))
        except Exception as error:
            raise undeliverable(error) from error

    async def send(self, outbound: Outbound) -> str:
        """Call the person; the agent speaks when they answer. `text` is not used."""
        client = await self._account.client()
        mine = {"interaction": outbound.interaction_id}
        told = self._url(None, "/status", **mine)
        given: dict[str, Any] = {
            "to": outbound.recipient, "from_": outbound.sender, "timeout": RING_SECONDS,
            "url": self._url(None, "", **mine), "status_callback": told,
            "status_callback_event": ["initiated", "ringing", "answered", "completed"],
            "machine_detection": "DetectMessageEnd", "async_amd": "true", "async_amd_status_callback": told,
        }  # fmt: skip
        try:
            placed = await client.calls.create_async(**given)
        except Exception as error:
            raise undeliverable(error) from error
        return str(placed.sid)

    async def find(self, outbound: Outbound) -> list[str]:
        client = await self._account.client()
        try:
            listed = await client.calls.list_async(to=outbound.recipient, from_=outbound.sender, limit=200)
        except Exception as error:
            raise undeliverable(error) from error
        since = outbound.created_at - _CLOCK_SKEW if outbound.created_at else None
        made = [call for call in listed if not str(call.direction).startswith("inbound")]
        return [call.sid for call in reversed(made) if since is None or _begin(call) is None or _begin(call) >= since]

    async def hang_up(self, external_id: str) -> None:
        """Twilio ends the call in whatever state it is; one that has ended stays as it is."""
        client = await self._account.client()
        try:
            await client.calls(external_id).update_async(status="completed")
        except Exception as error:
            raise undeliverable(error) from error

    async def warm_up(self) -> None:
        if self._account.configured:
            await self._account.client()

    async def close(self) -> None:
        await self._account.close()


def _below(hook: Hook) -> str:
    """What of the path comes after our door; the public URL may have a path of its own before it."""
    _, door, below = hook.path.rpartition(_DOOR)
    return below if door else hook.path


def _count(query: Mapping[str, str], name: str) -> int:
    given = query.get(name, "")
    return int(given[:4]) if given.isascii() and given.isdigit() else 0


def _is_outbound(form: Mapping[str, str]) -> bool:
    return form.get("Direction", "inbound").startswith("outbound")


def _parties(form: Mapping[str, str]) -> tuple[str, str]:
    """The person's number, as the carrier gives it, and ours. Some hide theirs: "anonymous", "+266696687"."""
    return (form["To"], form["From"]) if _is_outbound(form) else (form["From"], form["To"])


def _account_of(form: Mapping[str, str]) -> tuple[str, ...]:
    return (form["AccountSid"],) if form.get("AccountSid") else ()


def _begin(call: Any) -> Any:
    return call.date_created or call.start_time
