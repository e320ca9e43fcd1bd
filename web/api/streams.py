"""Server-sent events: hints from the bus, facts from the table.

The wire format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from litestar.response import Stream
from pydantic import BaseModel

from hub.models import Event
from hub.models.columns import new_id
from hub.store import access, interactions, listing
from web.api.request import ApiRequest

HEARTBEAT_SECONDS = 15.0
LOOK_BACK = timedelta(seconds=5)
_BATCH = 200
_MOST_AT_START = 50_000
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def response(parts: AsyncIterator[bytes]) -> Stream:
    """The stream as an answer that no proxy holds back."""
    return Stream(parts, media_type="text/event-stream", headers=_HEADERS)


def event(identifier: object, kind: str, shape: BaseModel) -> bytes:
    """One event as it goes over the wire."""
    return f"id: {identifier}\nevent: {kind}\ndata: {shape.model_dump_json()}\n\n".encode()


async def of_interaction(
    request: ApiRequest, interaction_id: UUID, seq: int, show: Callable[[Event], BaseModel]
) -> AsyncIterator[bytes]:
    """Every event after `seq`, in order, for as long as somebody listens."""
    async with request.bus.subscribe(f"interaction:{interaction_id}") as hints:
        yield b": hello\n\n"
        while True:
            async with request.store.read() as db:
                rows = await listing.logged(db, Event, request.workspace_id, interaction_id, after=seq, limit=_BATCH)
            if not await still_welcome(request):
                return
            for row in rows:
                yield event(row.seq, row.type, show(row))
                seq = row.seq
            if len(rows) < _BATCH and not await hints.wait(HEARTBEAT_SECONDS):
                yield b": still here\n\n"


async def of_workspace(
    request: ApiRequest, since: UUID | None, show: Callable[[Event, dict[UUID, str]], BaseModel]
) -> AsyncIterator[bytes]:
    """Every event made after `since` (else: from now), at least once, those of one interaction in order.

    Ids are given out before they are committed, so each look begins a little before the newest event
    sent and passes over what was sent already. One look is one statement: it never sees an event
    without those before it.
    """
    newest = since or new_id()
    sent = {since} if since else set()
    async with request.bus.subscribe(f"workspace:{request.workspace_id}") as hints:
        if since is None:
            sent = {row.id for row in await _look(request, _earlier(newest), _MOST_AT_START)}
        yield b": hello\n\n"
        while True:
            limit = len(sent) + _BATCH
            rows = await _look(request, _earlier(newest), limit)
            if not await still_welcome(request):
                return
            fresh = [row for row in rows if row.id not in sent]
            async with request.store.read() as db:
                known = await listing.trace_ids(db, request.workspace_id, {row.interaction_id for row in fresh})
            for row in fresh:
                yield event(row.id, row.type, show(row, known))
            newest = max([newest, *(row.id for row in fresh)])
            sent = {one for one in (*sent, *(row.id for row in fresh)) if one > _earlier(newest)}
            if len(rows) < limit and not await hints.wait(HEARTBEAT_SECONDS):
                yield b": still here\n\n"


async def still_welcome(request: ApiRequest) -> bool:
    """Whether the key has not been revoked; asked after reading, so that nothing said since is told."""
    async with request.store.read() as db:
        return await access.api_key(db, request.key.id) is not None


async def _look(request: ApiRequest, after: UUID, limit: int) -> Sequence[Event]:
    async with request.store.read() as db:
        return await interactions.workspace_events(db, request.workspace_id, after=after, limit=limit)


def _earlier(identifier: UUID) -> UUID:
    """An id from `LOOK_BACK` before: version 7 ids begin with their milliseconds."""
    return UUID(int=max(0, identifier.int - (int(LOOK_BACK.total_seconds() * 1000) << 80)))
