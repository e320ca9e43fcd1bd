"""Events: all that happens, as lists and as live streams (server-sent events)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get
from litestar.params import HeaderParameter
from litestar.response import Stream
from pydantic import Field

from hub.models import Event
from hub.store import interactions, listing
from web.api import streams
from web.api.paging import Cursor, Limit, Page, after, before, page
from web.api.refusals import bad_parameter, missing
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

LastEventId = Annotated[
    str,
    HeaderParameter(
        name="Last-Event-ID", max_length=40, description="The `id:` that was last seen: the stream goes on after it."
    ),
]
_STREAM: dict[str, Any] = {"media_type": "text/event-stream", "opt": {"scope": "read"}}


class EventPublic(Shape):
    """One entry of the append-only log. `seq` counts within the interaction, from 1 without gaps."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000030",
            "interaction_id": "0198c0de-0000-7000-8000-000000000020",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "seq": 1,
            "type": "interaction.started",
            "data": {"channel": "sms", "direction": "outbound"},
            "at": "2026-01-31T09:00:00Z",
        }
    )
    id: UUID
    interaction_id: UUID
    trace_id: str
    seq: int
    type: str = Field(description="Such as interaction.started, message.created, message.delivered.")
    data: dict[str, Any]
    at: datetime


class EventPage(Page[EventPublic]):
    """Some of the events."""


def public(event: Event, trace_ids: dict[UUID, str]) -> EventPublic:
    return EventPublic(
        id=event.id,
        interaction_id=event.interaction_id,
        trace_id=trace_ids.get(event.interaction_id, ""),
        seq=event.seq,
        type=event.type,
        data=event.data,
        at=event.at,
    )


def place(last_event_id: str) -> int:
    """The `seq` that an interaction's stream goes on after. Raises `Malformed`."""
    if last_event_id == "":
        return 0
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 10):
        raise bad_parameter("Last-Event-ID", "Give the `id:` of an event of this stream: its seq.")
    return int(last_event_id)


class Events(Controller):
    """Events."""

    tags = ["Events"]

    @get("/events", opt={"scope": "read"}, summary="List events of the workspace")
    async def list_events(self, request: ApiRequest, limit: Limit = 50, cursor: Cursor = "") -> EventPage:
        """The oldest first.

        An event may come in a moment late, behind a cursor that you hold; the stream misses none.
        """
        async with request.store.read() as db:
            rows = await interactions.workspace_events(db, request.workspace_id, after=before(cursor), limit=limit + 1)
            known = await listing.trace_ids(db, request.workspace_id, {row.interaction_id for row in rows})
        return EventPage(**page(rows, limit, lambda row: public(row, known), lambda row: row.id))

    @get("/interactions/{interaction_id:uuid}/events", opt={"scope": "read"}, summary="List events of an interaction")
    async def list_interaction_events(
        self, request: ApiRequest, interaction_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> EventPage:
        """In their order, without gaps."""
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
            if found is None:
                raise missing("interaction")
            rows = await listing.logged(
                db, Event, request.workspace_id, interaction_id, after=after(cursor), limit=limit + 1
            )
        known = {found.id: found.trace_id}
        return EventPage(**page(rows, limit, lambda row: public(row, known), lambda row: row.seq))

    @get("/events/stream", summary="Follow the workspace", **_STREAM)
    async def stream_events(self, request: ApiRequest, last_event_id: LastEventId = "") -> Stream:
        """Server-sent events of all interactions, from now on or after `Last-Event-ID`.

        Each comes at least once, those of one interaction in order; pass over an `id` that you have seen.
        """
        since = None
        if last_event_id:
            try:
                since = UUID(last_event_id)
            except ValueError:
                raise bad_parameter("Last-Event-ID", "Give the `id:` of an event of this stream.") from None
        return streams.response(streams.of_workspace(request, since, public))

    @get("/interactions/{interaction_id:uuid}/events/stream", summary="Follow an interaction", **_STREAM)
    async def stream_interaction_events(
        self, request: ApiRequest, interaction_id: PathId, last_event_id: LastEventId = ""
    ) -> Stream:
        """Server-sent events from the first on, or after `Last-Event-ID` (a `seq`): each once, in order, no gaps."""
        seq = place(last_event_id)
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
        if found is None:
            raise missing("interaction")
        known = {found.id: found.trace_id}
        return streams.response(
            streams.of_interaction(request, interaction_id, seq, lambda event: public(event, known))
        )
