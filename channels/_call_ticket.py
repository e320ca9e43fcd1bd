"""The ticket of a call's media socket: signed by us, good for one minute, read without a database."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass

from hub.channel import Refused

GOOD_FOR_SECONDS = 60
MOST_CHARACTERS = 490
"""The name and the value of a stream's parameter have less than 500 characters together.
https://www.twilio.com/docs/voice/twiml/stream#custom-parameters"""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose call may open a media socket. `call` is the carrier's id, `interaction` ours or empty, `once` a nonce."""

    call: str
    person: str
    ours: str
    interaction: str
    once: str


class TicketOffice:
    """Signs tickets and reads them. `now` gives seconds since 1970."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(b"call.ticket:" + secret.encode()).digest()
        self._now = now

    def sell(self, call: str, person: str, ours: str, interaction: str) -> str:
        """A new ticket. Of very long names only the beginning fits into it."""
        once = secrets.token_urlsafe(12)
        fields = astuple(Ticket(call, _short(person, 80), _short(ours, 40), _short(interaction, 40), once))
        until = int(self._now()) + GOOD_FOR_SECONDS
        text = json.dumps([until, *fields], separators=(",", ":"), ensure_ascii=False)
        payload = base64.urlsafe_b64encode(text.encode()).decode()
        return f"{payload}.{self._signature(payload)}"

    def check(self, ticket: str) -> Ticket:
        """Read a ticket. Raises `Refused`: not of ours, or too old."""
        payload, _, signature = ticket.partition(".")
        if not (ticket.isascii() and hmac.compare_digest(signature, self._signature(payload))):
            raise Refused("The stream's ticket is not one of ours.")
        until, *fields = json.loads(base64.urlsafe_b64decode(payload))
        if self._now() > until:
            raise Refused("The stream's ticket has expired.")
        return Ticket(*fields)

    def _signature(self, payload: str) -> str:
        return hmac.new(self._key, payload.encode(), hashlib.sha256).hexdigest()[:40]


def _short(name: str, most_bytes: int) -> str:
    readable = "".join(character for character in name if character.isprintable())
    return readable.encode()[:most_bytes].decode(errors="ignore")
