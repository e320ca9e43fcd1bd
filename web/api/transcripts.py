"""What is said in an interaction, line by line: all of it, or live as it is spoken."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get
from litestar.datastructures.headers import Accept
from litestar.params import QueryParameter
from litestar.response import Stream
from pydantic import Field

from hub.feed import Subscription
from hub.models import Event, Interaction, Message
from hub.models.customer import called
from hub.store import interactions, listing, people
from web import transcripts
from web.api import streams
from web.api.events import LastEventId, place
from web.api.refusals import Refusal, missing
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

Format = Literal["json", "txt", "vtt"]
WhichFormat = Annotated[Format, QueryParameter(description="json, txt or vtt; goes before `Accept`.")]
MOST_PARTIALS = 100
"""So many words that change wait for one listener; of one who is slower, the oldest are dropped."""
LAST_WORDS_SECONDS = 2.0
"""How long after the end what was heard of the last line may still come in."""
LOOK_SECONDS = 0.1
SPEAKERS = frozenset({"customer", "agent", "operator"})
FORMATS: dict[str, Format] = {"application/json": "json", "text/plain": "txt", "text/vtt": "vtt"}
_BATCH = 200
_PARTIAL = "partial"
_LINE: dict[str, Any] = {
    "seq": 4,
    "message_id": "0198c0de-0000-7000-8000-000000000021",
    "role": "agent",
    "author": "Front desk",
    "text": "We are open until five. Shall I book you in?",
    "heard": "We are open until five.",
    "from_ms": 5_200,
    "to_ms": 7_000,
    "sentences": [[5_200, 7_000, "We are open until five."]],
    "at": "2026-01-31T09:00:05Z",
}


class LinePublic(Shape):
    """One thing said. `heard` is what the customer heard of `text`: less, when they interrupted."""

    model_config = shown(_LINE)
    seq: int = Field(description="Its place in the interaction's event log.")
    message_id: UUID
    role: str = Field(description="customer, agent or operator.")
    author: str
    text: str
    heard: str
    from_ms: int | None = Field(description="Where it begins in the call, counted from when it was answered.")
    to_ms: int | None
    sentences: list[Any] = Field(description="Of something we spoke: where each sentence stands, [from, to, text].")
    at: datetime


class TranscriptPublic(Shape):
    """All that was said, in order."""

    model_config = shown(
        {
            "interaction_id": "0198c0de-0000-7000-8000-000000000020",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "channel": "call",
            "status": "completed",
            "answered_at": "2026-01-31T09:00:00Z",
            "ended_at": "2026-01-31T09:01:03Z",
            "lines": [_LINE],
        }
    )
    interaction_id: UUID
    trace_id: str
    channel: str
    status: str
    answered_at: datetime | None
    ended_at: datetime | None
    lines: list[LinePublic]


class EndedPublic(Shape):
    """How it ended; nothing more comes."""

    status: str
    ended_reason: str
    failure_reason: str
    ended_at: datetime


def line_public(said: Message) -> LinePublic:
    return LinePublic(
        seq=said.seq, message_id=said.id, role=said.role, author=said.author, text=said.text,
        heard=said.text if said.heard is None else said.heard, from_ms=said.from_ms, to_ms=said.to_ms,
        sentences=list(said.timing.get("sentences", [])), at=said.created_at,
    )  # fmt: skip


class Transcripts(Controller):
    """Transcripts."""

    path = "/interactions/{interaction_id:uuid}"
    tags = ["Calls"]

    @get("/transcript", opt={"scope": "read"}, summary="Read what was said", response_headers={"Vary": "Accept"})
    async def get_transcript(
        self,
        request: ApiRequest,
        interaction_id: PathId,
        format: WhichFormat | None = None,
    ) -> TranscriptPublic | Response[str]:
        """The lines of customer, agent and operators in their order, with what was heard and when.

        As JSON; as text or, of calls, as WebVTT subtitles with `format`, or else with `Accept: text/plain` or
        `text/vtt`. Text and subtitles have only what was heard, as the page of the interaction gives it.
        """
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
            if found is None:
                raise missing("interaction")
            customer = await people.customer(db, request.workspace_id, found.customer_id)
            said = await transcripts.said_in(db, request.workspace_id, interaction_id)
        accept = Accept(request.headers.get("accept", ""))
        kind = format or FORMATS[accept.best_match(list(FORMATS)) or "application/json"]
        name = called(customer.name if customer else "", found.person)
        channel = request.hub.context.channels.get(found.channel)
        if kind == "txt":
            label = transcripts.channel_label(channel, found.channel)
            return Response(transcripts.text(name, label, found.created_at, said), media_type="text/plain")
        if kind == "vtt":
            if channel is None or not channel.limits.live:
                raise Refusal(404, transcripts.ONLY_CALLS, code="no_subtitles")
            return Response(transcripts.subtitles(name, said), media_type="text/vtt")
        return TranscriptPublic(
            interaction_id=found.id, trace_id=found.trace_id, channel=found.channel, status=found.status,
            answered_at=found.answered_at, ended_at=found.ended_at,
            lines=[line_public(one) for one in said if one.role in SPEAKERS],
        )  # fmt: skip

    @get(
        "/transcript/stream", opt={"scope": "read"}, media_type="text/event-stream", summary="Follow what is said",
    )  # fmt: skip
    async def stream_transcript(
        self, request: ApiRequest, interaction_id: PathId, last_event_id: LastEventId = ""
    ) -> Stream | Response[None]:
        """Server-sent events, from the first line on or after `Last-Event-ID`, until the interaction has ended.

        `turn`: a line that is final, as in the transcript. `partial`: words as they are spoken, `{role, text}`, each
        instead of the one before; they have no id, are not kept and come only from the server that holds the call.
        `ended`: how it ended, then the stream closes; 204 tells who comes back after it to stay away.
        """
        seq = place(last_event_id)
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
        if found is None:
            raise missing("interaction")
        if found.ended_at is not None and seq >= found.last_seq:
            return Response(None, status_code=204)
        return streams.response(_Listener(request, interaction_id, seq).parts())


class _Listener:
    """One who follows a transcript: facts from the table, and from the call itself, if it is here, words under way."""

    def __init__(self, request: ApiRequest, interaction_id: UUID, seq: int) -> None:
        self._request, self._id, self._seq = request, interaction_id, seq
        self._partials: list[Mapping[str, Any]] = []
        self._unheard: set[str] = set()
        self._watched: Any = None
        self._hints = Subscription()

    async def parts(self) -> AsyncIterator[bytes]:
        async with self._request.bus.subscribe(f"interaction:{self._id}") as self._hints:
            try:
                yield b": hello\n\n"
                while True:
                    self._watch()
                    # Asked before we look: what the call still writes comes after.
                    live = self._id in self._request.hub.context.calls
                    found, rows = await self._look()
                    if found is None or not await streams.still_welcome(self._request):
                        return
                    for row in rows:
                        if (line := await self._line(row)) is not None:
                            yield streams.event(row.seq, "turn", line)
                        self._seq = row.seq
                    if len(rows) == _BATCH:
                        continue
                    if found.ended_at is not None and not self._more_to_come(live, found.ended_at):
                        yield streams.event(max(self._seq, found.last_seq), "ended", _ended(found, found.ended_at))
                        return
                    async for part in self._until_news(self._patience(found)):
                        yield part
            finally:
                if self._watched is not None:
                    self._watched.watchers.discard(self._hear)

    async def _until_news(self, seconds: float) -> AsyncIterator[bytes]:
        """The words under way until there is something new in the table, or for so long."""
        while True:
            hinted = await self._hints.wait(seconds)
            words, self._partials = self._partials, []
            if words and not await streams.still_welcome(self._request):
                return
            for one in words:
                yield f"event: {_PARTIAL}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n".encode()
            if hinted != {_PARTIAL}:
                if not hinted and seconds >= streams.HEARTBEAT_SECONDS:
                    yield b": still here\n\n"
                return

    async def _look(self) -> tuple[Interaction | None, list[Event]]:
        request = self._request
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, self._id)  # first: its end is the last row
            rows = await listing.logged(db, Event, request.workspace_id, self._id, after=self._seq, limit=_BATCH)
        return found, list(rows)

    async def _line(self, row: Event) -> LinePublic | None:
        """The line that is final with this event, if one is."""
        if row.type not in ("message.created", "message.heard"):
            return None
        async with self._request.store.read() as db:
            said = await interactions.message(db, self._request.workspace_id, UUID(row.data["message_id"]))
        if said is None or said.note or said.role not in SPEAKERS:
            return None
        if row.type == "message.heard":
            self._unheard.discard(str(said.id))
            return line_public(said)
        if _spoken_by_us(said):
            self._unheard.add(str(said.id))
            return None
        return line_public(said)

    def _more_to_come(self, live: bool, ended_at: datetime) -> bool:
        """Whether what was heard of the last line may still be written down."""
        since = (self._request.clock.now() - ended_at).total_seconds()
        return (live or bool(self._unheard)) and since < LAST_WORDS_SECONDS

    def _patience(self, found: Interaction) -> float:
        """How long to wait for news before looking again: not long when it ends, or when its call must be here."""
        here = found.node == self._request.hub.context.node
        soon = found.ended_at is not None or (here and self._watched is None)
        return LOOK_SECONDS if soon else streams.HEARTBEAT_SECONDS

    # words under way

    def _watch(self) -> None:
        """Listen to the call, once it is here; after a broken line to the one that took its place."""
        call = self._request.hub.context.calls.get(self._id)
        writer = call.writer if call is not None else None
        if writer is not self._watched:
            if self._watched is not None:
                self._watched.watchers.discard(self._hear)
            if writer is not None:
                writer.watchers.add(self._hear)
            self._watched = writer

    def _hear(self, type: str, data: Mapping[str, Any]) -> None:
        if type != "caption" or data.get("final") or not data.get("text"):
            return
        self._partials.append({"role": data["role"], "text": data["text"]})
        del self._partials[:-MOST_PARTIALS]
        self._hints.hint(_PARTIAL)


def _spoken_by_us(said: Message) -> bool:
    """Whether a voice of ours speaks it: it is final once we know what was heard of it."""
    return said.from_ms is not None and said.role != "customer" and said.operator_id is None


def _ended(found: Interaction, at: datetime) -> EndedPublic:
    return EndedPublic(
        status=found.status, ended_reason=found.ended_reason, failure_reason=found.failure_reason, ended_at=at
    )
