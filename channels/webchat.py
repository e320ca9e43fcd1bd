"""Web chat: people on a website, known by a signed visitor token."""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from hub.channel import Channel, Hook, Inbound, Limits, Media, Refused, Reply

MOST_BYTES = 65_536
MOST_TOKEN_CHARACTERS = 1_000
MOST_FILES = 5
TOKEN_LASTS_SECONDS = 180 * 86_400
"""A visitor token is good for so long; each visit gives a fresh one."""
FILE_LASTS_SECONDS = 86_400
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VISITOR_ID = re.compile(r"[0-9a-f]{32}")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor of one widget; `id` is 128 random bits in hexadecimal."""

    widget: str
    id: str


class TooFast(Refused):
    """More than the pace allows; goes again after `wait_seconds`."""

    def __init__(self, wait_seconds: int) -> None:
        unit = "second" if wait_seconds == 1 else "seconds"
        super().__init__(f"You are sending too fast. Wait {wait_seconds} {unit} and send it again.", 429)
        self.wait_seconds = wait_seconds


class Pace:
    """So many at once and then so many a second, for each key; who has all of it again is forgotten."""

    _MOST_KEYS = 50_000

    def __init__(self, burst: float, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._now = burst, per_second, now
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one. Raises `TooFast`."""
        now = self._now()
        full_at = max(self._full_at.pop(key, now), now)
        left = self._burst - (full_at - now) * self._per_second
        self._full_at[key] = full_at + 1 / self._per_second if left >= 1 else full_at
        self._forget(now)
        if left < 1:
            raise TooFast(int((1 - left) / self._per_second) + 1)

    def _forget(self, now: float) -> None:
        """Those who were not counted for longest, as far as they have all of it again or are too many."""
        for _ in range(2):
            key = next(iter(self._full_at))
            if self._full_at[key] > now and len(self._full_at) <= self._MOST_KEYS:
                return
            del self._full_at[key]

    def __len__(self) -> int:
        return len(self._full_at)


class Webchat(Channel):
    """Messages from the widget; the widget reads ours from the hub."""

    name = "webchat"
    label = "Web chat"
    identity = "visitor"
    limits = Limits(length=4_000, media_count=MOST_FILES, pulled=True, greets=True, receipts=True, rich=True)

    def __init__(self, settings: Mapping[str, str], now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._signer = URLSafeSerializer(settings["HUB_SECRET_KEY"], salt="webchat.visitor")
        self._files = URLSafeSerializer(settings["HUB_SECRET_KEY"], salt="webchat.file")
        self._pace = Pace(burst=12, per_second=1)

    def token(self, visitor: Visitor) -> str:
        """What this visitor proves itself with from now on."""
        return str(self._signer.dumps([visitor.widget, visitor.id, int(self._now())]))

    def visitor(self, token: Any) -> Visitor:
        """Whose token it is. Raises `Refused` (401)."""
        if not isinstance(token, str) or not token:
            raise Refused("The visitor token is missing.", 401)
        try:
            if len(token) > MOST_TOKEN_CHARACTERS:
                raise ValueError("too long")
            widget, identifier, *at = self._signer.loads(token)
            if not (isinstance(widget, str) and _VISITOR_ID.fullmatch(identifier)):
                raise ValueError("of another kind")
            if at and self._now() - at[0] > TOKEN_LASTS_SECONDS:  # those of before bore no time
                raise ValueError("too old")
        except (BadSignature, ValueError, TypeError):
            raise Refused("The visitor token is not valid. Begin without one to get a new one.", 401) from None
        return Visitor(widget, identifier)

    def file_token(self, visitor: Visitor, file: Media) -> str:
        """What a file of this visitor is named by in their next message."""
        parts = [visitor.id, file.file_id, file.content_type, file.name, file.size_bytes, int(self._now())]
        return str(self._files.dumps(parts))

    def _media(self, visitor: Visitor, given: Any) -> tuple[Media, ...]:
        """The files that a message names. Raises `Refused`."""
        if given is None:
            return ()
        if not isinstance(given, list) or len(given) > MOST_FILES:
            raise Refused(f"A message may have {MOST_FILES} files; send the others in another one.", 400)
        return tuple(self._file(visitor, token) for token in given)

    def _file(self, visitor: Visitor, token: Any) -> Media:
        try:
            if not isinstance(token, str) or len(token) > 2 * MOST_TOKEN_CHARACTERS:
                raise ValueError("no token")
            whose, file_id, content_type, name, size, at = self._files.loads(token)
            if whose != visitor.id or self._now() - at > FILE_LASTS_SECONDS:
                raise ValueError("of somebody else, or old")
        except (BadSignature, ValueError, TypeError):
            raise Refused("The attached file is not known here any more. Attach it again.", 400) from None
        return Media(f"/files/{file_id}", content_type, name, size, file_id)

    async def receive(self, hook: Hook) -> Reply:
        """Take `{"token", "id", "text", "files"}`: one message. The same client `id` again is the same message."""
        if hook.method != "POST" or not hook.path.endswith("/hooks/webchat"):
            raise Refused("Messages of the web chat are sent with POST to /hooks/webchat.", 405)
        if len(hook.body) > MOST_BYTES:
            raise Refused(f"A request may have {MOST_BYTES:,} bytes.", 413)
        given = hook.json()
        return self.message(self.visitor(given.get("token")), given)

    def message(
        self, visitor: Visitor, given: Mapping[str, Any], content: Mapping[str, Any] | None = None
    ) -> Reply:  # fmt: skip
        """One message of this visitor, who has proved who they are; `content` stands beside it. Raises `Refused`."""
        client_id, media = _client_id(given.get("id")), self._media(visitor, given.get("files"))
        text = self._text(given.get("text") or "" if media else given.get("text"), needed=not media)
        self._pace.take(visitor.id)
        inbound = Inbound(
            channel=self.name,
            kind="message",
            external_id=f"{visitor.id}:{client_id}",
            sender=visitor.id,
            recipient=visitor.widget,
            thread=thread(visitor),
            text=text,
            media=media,
            content=content or {},
            data={"id": client_id, "text": text},
        )
        body = json.dumps({"id": client_id, "status": "sent"})
        return Reply(events=(inbound,), body=body, media_type="application/json")

    def _text(self, text: Any, *, needed: bool) -> str:
        if not isinstance(text, str) or (needed and not text.strip()):
            raise Refused("The message is empty: write a `text`.", 400)
        if len(text) > self.limits.length:
            raise Refused(
                f"The message has {len(text):,} characters; {self.limits.length:,} fit. Shorten or split it.",
                400,
            )
        if found := UNSTORABLE.search(text):
            raise Refused(
                f"The message holds U+{ord(found[0]):04X}, which is no character. Take it out and send again.",
                400,
            )
        return text


def thread(visitor: Visitor) -> str:
    """The name of all that is said with this visitor in this widget."""
    return f"{visitor.widget}:{visitor.id}"


def _client_id(value: Any) -> str:
    if not isinstance(value, str) or not _CLIENT_ID.fullmatch(value):
        raise Refused("Give the message an `id` of 1 to 64 letters, digits, - or _.", 400)
    return value
