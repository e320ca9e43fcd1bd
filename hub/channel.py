"""The contract between the hub and the ways of reaching people.

A channel is a pure translator: a provider's request becomes `Inbound`s, an `Outbound` becomes a
provider's request. It decides nothing. Only the standard library is imported here.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

Kind = Literal["message", "call", "status", "reaction"]


class Refused(Exception):
    """A request that a channel does not accept: nothing is stored and no work is done.

    `status` is the HTTP status to answer with; the text says what was wrong and how to mend it.
    """

    def __init__(self, reason: str, status: int = 403) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Undeliverable(Exception):
    """The only error `Channel.send` raises.

    `retry`: the provider certainly did not take it and a later try may succeed.
    `ambiguous`: it may have been taken; it is never sent again by itself.
    `code` is the provider's own code, `words` what a person should read.
    `opted_out`: the provider says that the recipient refuses messages. `outside_window`: it takes no free text to
    this person now, but a template.
    """

    def __init__(
        self,
        words: str,
        *,
        retry: bool = False,
        ambiguous: bool = False,
        code: str = "",
        retry_after: timedelta | None = None,
        opted_out: bool = False,
        outside_window: bool = False,
    ) -> None:
        super().__init__(words)
        self.words = words
        self.retry = retry
        self.ambiguous = ambiguous
        self.code = code
        self.retry_after = retry_after
        self.opted_out = opted_out
        self.outside_window = outside_window


@dataclass(frozen=True, slots=True)
class Media:
    """One attachment, by reference: `url` is where its bytes are, `content_type` a MIME type, `file_id` ours.

    `fault` says why its bytes could not be had.
    """

    url: str
    content_type: str = ""
    name: str = ""
    size_bytes: int | None = None
    file_id: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """One attachment as bytes."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Hook:
    """A provider's request as plain data.

    `url` is the URL as the provider saw it (public URL + raw path + query), `headers` have
    lower-case names, `body` is raw.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def pairs(self) -> list[tuple[str, str]]:
        """The form's name-value pairs in order. Raises `Refused(400)` when it is no form."""
        try:
            return parse_qsl(self.body.decode("utf-8"), keep_blank_values=True, max_num_fields=1000, errors="strict")
        except ValueError as error:
            raise Refused(f"The body is not a form in UTF-8: {error}.", 400) from None

    def form(self) -> dict[str, str]:
        """The form as a dictionary; the last of repeated names counts."""
        return dict(self.pairs())

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises `Refused(400)` when it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Refused(f"The body is not JSON: {error}.", 400) from None
        if not isinstance(value, dict):
            raise Refused("The body must be a JSON object.", 400)
        return value


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a person or a provider told us.

    `external_id` is the provider's id and, with the channel, makes it unique. `thread` names the
    exchange it belongs to. `about` is the message a status or reaction concerns: our own message id
    or the provider's. `also` are other names its recipient may be stored under (a pool of numbers, the
    provider account). `status` is one of the message statuses of `hub.models`; `code` the
    provider's error code, `words` what it means; `also` holds the provider's id of that message;
    `opted_out` that the person refuses messages, `outside_window` that they take no free text now, but a template.
    `data` is the provider's request, raw.
    `replies_to` are the provider's ids of messages it may answer, the likeliest first. `content` is what it carries
    beside its text, as pages show it, and `files` are attachments that came with it as bytes.

    Of a letter (a channel with `Limits.letters`), `about` is our interaction whose reply address it was sent to,
    `html` the text as its sender laid it out, unsafe; `proven`: it certainly comes from its sender; `automatic` says
    why a machine is taken to have written it, which the agent never answers. Of a status, `source` says how we know
    that the person refuses messages.

    Of a call, `external_id` is the carrier's id of the call, however often its line is made anew; `line` is there
    when somebody can be talked with, and `once` then names the ticket that opened it, which opens no second one.
    Without a line, a `status` inbound about a call has an interaction's status, and `about` is our interaction id or
    the carrier's id of the call.
    """

    channel: str
    kind: Kind
    external_id: str
    sender: str = ""
    recipient: str = ""
    text: str = ""
    media: tuple[Media, ...] = ()
    thread: str = ""
    also: tuple[str, ...] = ()
    about: str = ""
    status: str = ""
    code: str = ""
    words: str = ""
    sender_name: str = ""
    opted_out: bool = False
    outside_window: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)
    line: "Line | None" = None
    once: str = ""
    subject: str = ""
    replies_to: tuple[str, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    html: str = ""
    proven: bool = False
    automatic: str = ""
    source: str = "carrier"


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a message of ours answers, to be quoted below it."""

    text: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Template:
    """A text that the provider has looked at beforehand, which may go out when free text may not.

    `variables` are the names of its places, each with an example; `{{name}}` stands for them in `body` and `buttons`.
    `status` is `approved`, `pending`, `rejected`, `paused`, `disabled` or `unsubmitted`, `reason` why it is not
    approved; `category` the provider's word for what it is for. `media` is the address of a picture that belongs to it.
    """

    id: str
    name: str
    language: str
    body: str
    variables: Mapping[str, str] = field(default_factory=dict)
    category: str = ""
    status: str = "approved"
    buttons: tuple[str, ...] = ()
    reason: str = ""
    media: str = ""

    def filled(self, text: str, values: Mapping[str, str]) -> str:
        """This text with the values in its places, as the person will read it."""
        return re.sub(r"{{\s*(\w+)\s*}}", lambda place: values.get(place[1], place[0]), text)


@dataclass(frozen=True, slots=True)
class Outbound:
    """What we tell a person. `id` is our message id; it rides in the provider's callback URL.

    `content` is what it carries beside its text; `files` are its attachments as bytes where `Limits.inline_files`;
    `quoted` is what it answers, where `Limits.letters`; `choices` are short answers to offer. Of a template,
    `content["template"]` has its `id` and `variables`, and `text` is what it says.
    """

    id: str
    interaction_id: str
    thread: str
    sender: str
    recipient: str
    text: str
    media: tuple[Media, ...] = ()
    subject: str = ""
    choices: tuple[str, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    quoted: Quoted | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request produced: the inbounds, and the answer for the provider.

    For providers that must be given something they understand whatever happens here, with the same media type and
    200: `otherwise` is answered instead when the inbounds could not be stored or the hub is too busy (503),
    `refused` when it refuses them.
    """

    events: tuple[Inbound, ...] = ()
    status: int = 200
    body: str | bytes = b""
    media_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    otherwise: str | bytes | None = None
    refused: str | bytes | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a channel can carry, as data: policy and composer read it and know no channel by name.

    `length`: characters in one message. `split_over`: longer agent text is split at sentence ends.
    `segmented`: billed by GSM-7 / UCS-2 segments. `media_bytes`: of all files of ours in one message. `window`: free
    text only this long after the person's last message. `live`: it carries sound. `receipts`: the provider reports
    delivery. `pulled`: the person's own client reads the messages from us, so nothing is sent. `greets`: it shows the
    agent's opening message before the person says anything. `keywords`: STOP, START and HELP count. `rich`: the
    person's client shows cards and forms (`hub.models.rich`). `inline_files`: attachments travel as bytes. `letters`:
    messages have a subject and copies and name those they answer; each that answers none of ours begins an exchange,
    and who refuses them refuses them on this channel. `fetched`: what is attached to what comes in is to be had from
    the provider only, by `fetch`. `typing`: the person can be shown that we are writing. `billed_by`: the vendor who
    charges for each message, or for the time of a call.
    """

    length: int
    split_over: int | None = None
    segmented: bool = False
    media_count: int = 0
    media_bytes: int | None = None
    window: timedelta | None = None
    templates: bool = False
    live: bool = False
    receipts: bool = False
    pulled: bool = False
    greets: bool = False
    keywords: bool = False
    inline_files: bool = False
    letters: bool = False
    rich: bool = False
    fetched: bool = False
    typing: bool = False
    billed_by: str = ""


class Sound(NamedTuple):
    """A stretch of what the person says, in the line's codec.

    `at_ms` is where it begins on the sender's clock, counted from the line's begin; -1 when nobody knows.
    """

    audio: bytes
    at_ms: int = -1


class Pressed(NamedTuple):
    """A key of the person's phone: 0-9, * or #."""

    digit: str


class Line(Protocol):
    """Live audio, both ways: a carrier's socket, a WebRTC peer, an operator's browser, a pair in a test.

    `codec` is `mulaw` (G.711, one byte a sample) or `pcm16` (signed, little-endian, mono), `rate` in samples
    a second. One task listens, one plays; both may be cancelled at any point. `broken`: `audio` ended although nobody
    hung up, so that the person may come back by another line.
    """

    rate: int
    codec: str
    broken: bool

    def audio(self) -> AsyncIterator[Sound | Pressed]:
        """What the person says, until they go. It never raises for a connection that broke: it ends."""
        ...

    async def play(self, audio: bytes) -> None:
        """Queue it behind what is still to be played; waits while more than about 2 s are unplayed."""
        ...

    async def clear(self) -> None:
        """What has not been played yet never will be."""
        ...

    def played(self) -> int:
        """How many bytes of what was given to `play` the person has heard by now; what was cleared is not counted."""
        ...

    async def hangup(self) -> None:
        """End the connection. `audio` ends. Hanging up twice is no error."""
        ...

    async def send_digits(self, digits: str) -> None:
        """Press keys: 0-9, *, # and w for half a second's wait. Raises `Undeliverable` where that cannot be done."""
        ...

    async def transfer(self, to: str) -> None:
        """Let the carrier connect the person with this number; the line ends. Raises `Undeliverable`."""
        ...

    def tell(self, note: Mapping[str, Any]) -> None:
        """Captions and state for the person's screen, where there is one; never waits."""
        ...


class Socket(Protocol):
    """A provider's WebSocket, as plain as a `Hook`. Until it is accepted, a refusal answers the handshake."""

    async def accept(self) -> None: ...

    async def receive(self) -> str | bytes | None:
        """The next frame; None when the other side has gone."""
        ...

    async def send(self, data: str | bytes) -> None:
        """Send a frame. One to somebody who has gone is dropped."""
        ...

    async def close(self, code: int = 1000) -> None: ...


class Channel:
    """One way of reaching people. What a channel does not override, it cannot do.

    `name` is the key of the roster, the URL segment and the column value. `identity` is the kind of
    identity its senders are known by. `settings` are the settings names it needs to be configured.
    """

    name: str = ""
    label: str = ""
    identity: str = ""
    limits: Limits = Limits(length=4096)
    settings: tuple[str, ...] = ()

    def keeps(self, hook: Hook) -> str:
        """The id of our address when this request, of which the body is not looked at, must be stored as it is and
        answered before it is received: its provider gives it up on a refusal. Raises `Refused`.
        """
        return ""

    def hook_path(self, address_id: UUID) -> str:
        """Where the provider is to send what comes to this address, when it has a path of its own."""
        return ""

    async def receive(self, hook: Hook) -> Reply:
        """Check and translate a request. Raises `Refused`."""
        raise Refused(f"{self.name} takes no requests.", 404)

    async def connect(self, hook: Hook, socket: Socket) -> Inbound:
        """Accept a live connection; the `Inbound` carries the line. Raises `Refused`."""
        raise Refused(f"{self.name} takes no connections.", 404)

    async def send(self, outbound: Outbound) -> str:
        """Hand it to the provider; gives the provider's id. Raises `Undeliverable`."""
        raise Undeliverable(f"{self.name} cannot send.")

    async def find(self, outbound: Outbound) -> list[str]:
        """The provider's ids, oldest first, of messages listed there that say just this.

        It settles what was ambiguous. Raises `Undeliverable` when the provider cannot be asked.
        """
        raise Undeliverable(f"{self.name} cannot be asked what it sent.")

    async def templates(self, *, anew: bool = False) -> list[Template]:
        """All there are at the provider, whatever their status; from memory unless `anew`. Raises `Undeliverable`."""
        return []

    async def fetch(self, media: Media, most_bytes: int) -> list[File]:
        """What is behind an attachment that came in, each at most so large. Raises `Undeliverable`."""
        raise Undeliverable(f"{self.name} fetches no attachments.")

    async def attend(self, external_id: str) -> None:
        """Show the person that this message of theirs was read and an answer is being written. It never raises."""

    async def hang_up(self, external_id: str) -> None:
        """End a call that has no line of ours, such as one that still rings. Raises `Undeliverable`."""

    async def missed(self, since: datetime) -> list[Inbound]:
        """What the provider holds for us since then, delivered or not; receiving is idempotent."""
        return []

    async def warm_up(self) -> None:
        """Import and connect what the first message would otherwise wait for."""

    async def close(self) -> None:
        """Let go of connections."""
