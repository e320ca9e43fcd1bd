"""Live pages: one stream per page, which carries ids of what changed and the parts that look different."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from litestar import get
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from hub.feed import TICK_SECONDS, Subscription
from hub.models import Interaction
from hub.store import Store, access, inbox, interactions, timeline
from web import auth
from web.pages.page import AnyRequest
from web.pages.thread import facts_of, head_of, render, side_of

LEAST_PAUSE_SECONDS = 0.15
LONGEST_PAUSE_SECONDS = 2.0
PAUSE_PER_WORK = 4.0
STREAM_SECONDS = 600.0
MOST_SINGLE_ROWS = 60
WRITING = "customer"
"""The hint that the customer of the open conversation is writing."""
SIDE_EVENTS = {"field.collected", "interaction.tagged", "consent.revoked", "consent.granted"}


@dataclass(slots=True)
class Watch:
    """What one page shows, and how far it has been told. `filters` None: the page has no list."""

    request: AnyRequest
    filters: inbox.Filters | None
    interaction_id: UUID | None
    query: str = ""
    seq: int = 0
    sent: dict[UUID, inbox.Entry] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    behind: bool = False
    writing: bool = False

    @property
    def store(self) -> Store:
        store: Store = self.request.app.state.store
        return store

    async def messages(self) -> AsyncIterator[ServerSentEventMessage]:
        """Subscribe first, then read; after that whenever something is hinted at or the tick comes."""
        workspace_id, began = self.request.user.workspace_id, time.monotonic()
        topics = [f"workspace:{workspace_id}", *([f"typing:{self.interaction_id}"] if self.interaction_id else [])]
        async with self.request.app.state.bus.subscribe(*topics) as hints:
            yield ServerSentEventMessage(comment="hello", retry=500)
            changed: frozenset[str] | None = None
            while time.monotonic() - began < STREAM_SECONDS and await self._still_welcome():
                started = time.monotonic()
                self.writing = changed is not None and WRITING in changed
                update = await self._update(changed and changed - {WRITING})
                if update:
                    yield ServerSentEventMessage(
                        data=json.dumps(update, ensure_ascii=False), event="hub:live", id=str(self.seq)
                    )
                else:
                    yield ServerSentEventMessage(comment="tick")
                spent = time.monotonic() - started
                changed = await self._next(hints, spent)

    async def _next(self, hints: Subscription, spent: float) -> frozenset[str] | None:
        """Ids that changed, None to look at everything. Bursts are gathered; costly work makes it rarer."""
        await asyncio.sleep(min(max(LEAST_PAUSE_SECONDS, spent * PAUSE_PER_WORK), LONGEST_PAUSE_SECONDS))
        if self.behind:
            return frozenset({str(self.interaction_id)})
        ids = await hints.wait(TICK_SECONDS)
        return None if not ids or len(ids) > MOST_SINGLE_ROWS else ids

    async def _still_welcome(self) -> bool:
        principal = self.request.user
        async with self.store.read() as db:
            user = await access.user(db, principal.workspace_id, principal.user.id)
        return user is not None and user.disabled_at is None and user.role == principal.user.role

    async def _update(self, changed: frozenset[str] | None) -> dict[str, Any]:
        update: dict[str, Any] = {"writing": self.interaction_id.hex} if self.writing and self.interaction_id else {}
        if self.writing and not changed:
            return update
        async with self.store.read() as db:
            if self.filters is not None:
                update |= await self._rows(db, changed)
            if self.interaction_id and (changed is None or str(self.interaction_id) in changed):
                update |= await self._thread(db)
        return update

    async def _rows(self, db: Any, changed: frozenset[str] | None) -> dict[str, Any]:
        assert self.filters is not None  # noqa: S101 - asked before
        update: dict[str, Any] = {}
        workspace_id, now = self.request.user.workspace_id, self.request.app.state.clock.now()
        only = [UUID(identifier) for identifier in changed] if changed is not None else None
        found = await inbox.listing(
            db, workspace_id, self.filters, now, only=only, limit=len(only) if only else inbox.PAGE_ROWS
        )
        fresh = [entry for entry in found.entries if self.sent.get(entry.id) != entry]
        if only is None:
            self.sent = {}
            update["order"] = [entry.id.hex for entry in found.entries]
            update["until"] = found.entries[-1].key if found.cursor else ""
        else:
            listed = {entry.id for entry in found.entries}
            gone = [identifier.hex for identifier in only if identifier not in listed]
            if gone:
                update["gone"] = gone
        self.sent |= {entry.id: entry for entry in found.entries}
        if fresh:
            update["rows"] = [
                {
                    "id": entry.id.hex,
                    "key": entry.key,
                    "html": render(
                        self.request, "inbox/row.html", {"entry": entry, "query": self.query, "open_id": None}
                    ),
                }
                for entry in fresh
            ]
        counts = await inbox.counts(db, workspace_id, self.filters.user_id, now)
        if counts != self.counts:
            self.counts = counts
            update["counts"] = {name: shown_count(number) for name, number in counts.items()}
        return update

    async def _thread(self, db: Any) -> dict[str, Any]:
        assert self.interaction_id is not None  # noqa: S101 - asked before
        interaction: Interaction | None = await interactions.interaction(
            db, self.request.user.workspace_id, self.interaction_id
        )
        if interaction is None or interaction.last_seq <= self.seq:
            return {}
        news = await timeline.changes(db, interaction, self.seq)
        head = await head_of(db, self.request, interaction)
        alone = self.filters is None
        context = {"head": head, "query": self.query, "tags": [], "full": alone}
        update: dict[str, Any] = {
            "thread": interaction.id.hex,
            "items": render(self.request, "inbox/items.html", {**context, "items": news.items}),
            "head": render(self.request, "inbox/head.html", context),
            "ownership": render(self.request, "inbox/ownership.html", context),
        }
        if alone:
            facts = await facts_of(db, interaction, head.limits.live)
            update["facts"] = render(self.request, "interaction/facts.html", {**context, **facts})
            update["ended"] = head.ended
        if any(item.event and item.event.type in SIDE_EVENTS for item in news.items):
            side = await side_of(db, interaction)
            update["who"] = render(self.request, "inbox/who.html", context)
            update["side"] = render(self.request, "inbox/known.html", {**context, **side})
        self.seq, self.behind = news.last_seq, news.last_seq < interaction.last_seq
        return update


def shown_count(number: int) -> str:
    return "99+" if number >= inbox.MOST_COUNTED else str(number)


def resumed(request: AnyRequest) -> int:
    """The event the page was told last: by its own account after a lost connection, else by its address."""
    for given in (request.headers.get("last-event-id", ""), request.query_params.get("after", "")):
        if given.isascii() and given.isdigit() and len(given) < 10:
            return int(given)
    return 0


def stream(watch: Watch) -> ServerSentEvent:
    return ServerSentEvent(watch.messages(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


@get("/interactions/{interaction_id:uuid}/live", opt={"roles": auth.EVERYONE})
async def interaction_live(request: AnyRequest, interaction_id: UUID) -> ServerSentEvent:
    """One interaction, growing."""
    return stream(Watch(request, None, interaction_id, seq=resumed(request)))


HANDLERS = [interaction_live]
