"""Calls from the browser: one POST with a WebRTC offer and a ticket, the answer in the reply.

The sound is in `_webrtc.py`, which needs aiortc and is imported on first use.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from itsdangerous import BadSignature, URLSafeSerializer

from hub.channel import Channel, Hook, Inbound, Limits, Refused, Reply

if TYPE_CHECKING:
    from channels._webrtc import WebCallLine

MOST_BYTES = 65_536
MOST_TICKET_CHARACTERS = 2_000
MOST_CALLS = 60
"""Calls that one process takes at a time; more would make all of them stutter."""
TURN_SECONDS = 3_600
BUSY = "All lines are busy just now. Try again in a minute."


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to one call. `interaction_id` is the interaction that waits for it, if one does."""

    sender: str
    recipient: str
    interaction_id: str
    nonce: str
    expires: float


class WebCall(Channel):
    """Live sound with a browser, over WebRTC.

    Optional settings: `HUB_ICE_SERVERS`, a comma list of `stun:`, `turn:` and `turns:` URLs (none by default), and
    `HUB_TURN_SECRET`, which the TURN server shares with us.
    """

    name = "web_call"
    label = "Browser call"
    identity = "visitor"
    limits = Limits(length=4_096, live=True, pulled=True)

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        now: Callable[[], float] = time.time,
        connect_seconds: float = 15,
        lost_seconds: float = 15,
        most_calls: int = MOST_CALLS,
    ) -> None:
        self._signer = URLSafeSerializer(settings["HUB_SECRET_KEY"], salt="web_call.ticket")
        self._ice = [url.strip() for url in settings.get("HUB_ICE_SERVERS", "").split(",") if url.strip()]
        self._turn_secret = settings.get("HUB_TURN_SECRET", "")
        self._now, self._most_calls = now, most_calls
        self._connect_seconds, self._lost_seconds = connect_seconds, lost_seconds
        self._used: dict[str, float] = {}
        self._lines: set[WebCallLine] = set()
        self._opening = 0

    @property
    def calls(self) -> int:
        """How many calls there are, those being opened included."""
        return len(self._lines) + self._opening

    def ticket(self, sender: str, recipient: str, interaction_id: str = "", lasts: float = 60) -> str:
        """What one call may be opened with, for so many seconds."""
        expires = self._now() + lasts
        return str(self._signer.dumps([sender, recipient, interaction_id, secrets.token_hex(16), expires]))

    def checked(self, ticket: Any) -> Ticket:
        """Whose ticket it is; it stays good. Raises `Refused`: 403 forged, 401 expired, 409 used before."""
        if not isinstance(ticket, str) or not ticket:
            raise Refused("The ticket of the call is missing.", 403)
        try:
            if len(ticket) > MOST_TICKET_CHARACTERS:
                raise ValueError("too long")
            checked = Ticket(*self._signer.loads(ticket))
        except (BadSignature, ValueError, TypeError):
            raise Refused("The ticket of the call is not one of ours. Reload the page and call again.", 403) from None
        if checked.expires < self._now():
            raise Refused("The ticket of the call has expired. Reload the page and call again.", 401)
        if checked.nonce in self._used:
            raise Refused("The ticket of the call has been used. Reload the page and call again.", 409)
        return checked

    def ice_servers(self, user: str = "") -> list[dict[str, Any]]:
        """The STUN and TURN servers for both sides, as `RTCPeerConnection` takes them; TURN passwords last 1 h.

        https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
        """
        turn = [url for url in self._ice if url.startswith(("turn:", "turns:"))]
        stun = [url for url in self._ice if url not in turn]
        servers: list[dict[str, Any]] = [{"urls": stun}] if stun else []
        if turn:
            name = f"{int(self._now()) + TURN_SECONDS}:{user or 'hub'}"
            digest = hmac.digest(self._turn_secret.encode(), name.encode(), hashlib.sha1)
            servers.append({"urls": turn, "username": name, "credential": base64.b64encode(digest).decode()})
        return servers

    async def receive(self, hook: Hook) -> Reply:
        """Take `{"sdp", "type": "offer", "ticket"}`; the answer is `{"sdp", "type": "answer", "call"}`."""
        if hook.method != "POST" or not hook.path.endswith("/hooks/web_call"):
            raise Refused("A call is opened with POST to /hooks/web_call.", 405)
        if len(hook.body) > MOST_BYTES:
            raise Refused(f"A request may have {MOST_BYTES:,} bytes.", 413)
        given = hook.json()
        ticket = self.checked(given.get("ticket"))
        if given.get("type") != "offer" or not isinstance(given.get("sdp"), str):
            raise Refused("Give the browser's offer: `type` is offer, `sdp` its text.", 400)
        if self.calls >= self._most_calls:
            raise Refused(BUSY, 503)
        self._burn(ticket)
        try:
            line, answer = await self._open(given["sdp"], ticket)
        except BaseException:
            self._used.pop(ticket.nonce, None)
            raise
        call = hashlib.sha256(ticket.nonce.encode()).hexdigest()[:32]
        inbound = Inbound(
            channel=self.name,
            kind="call",
            external_id=call,
            once=ticket.nonce,
            sender=ticket.sender,
            recipient=ticket.recipient,
            about=ticket.interaction_id,
            line=line,
            data={"call": call},
        )
        body = json.dumps({"sdp": answer, "type": "answer", "call": call})
        return Reply(events=(inbound,), body=body, media_type="application/json")

    async def _open(self, sdp: str, ticket: Ticket) -> tuple["WebCallLine", str]:
        self._opening += 1
        try:
            webrtc = await asyncio.to_thread(import_module, "channels._webrtc")
            line, answer = await webrtc.answered(
                webrtc.offer(sdp),
                self.ice_servers(ticket.sender),
                connect_seconds=self._connect_seconds,
                lost_seconds=self._lost_seconds,
                ended=self._lines.discard,
            )
            if not line.over:
                self._lines.add(line)
        finally:
            self._opening -= 1
        return line, answer

    def _burn(self, ticket: Ticket) -> None:
        """From now on it opens nothing more; those that have expired need not be remembered."""
        now = self._now()
        if len(self._used) >= 1_000:
            self._used = {nonce: expires for nonce, expires in self._used.items() if expires >= now}
        self._used[ticket.nonce] = ticket.expires

    async def warm_up(self) -> None:
        """Import aiortc, which takes a quarter of a second."""
        webrtc = await asyncio.to_thread(import_module, "channels._webrtc")
        webrtc.check_aiortc()

    async def close(self) -> None:
        """Hang up all calls."""
        await asyncio.gather(*(line.hangup() for line in list(self._lines)))
