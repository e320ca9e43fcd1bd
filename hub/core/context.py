"""What every act of the hub needs at hand, and the background tasks it keeps hold of."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from hub.channel import Channel
from hub.clock import Clock
from hub.core.accounts import Accounts
from hub.core.catalogues import Catalogues
from hub.core.secrets import Secrets
from hub.dialogue.outbound import Outside
from hub.sealing import Seal
from hub.store import Store

if TYPE_CHECKING:
    from hub.core.hooks import Hooks
    from hub.core.live.call import LiveCall
    from hub.models import StoredFile

log = logging.getLogger("hub")

T = TypeVar("T")

MOST_ANSWERS_AT_ONCE = 32
MOST_CALLS = 100
MOST_READ_AT_ONCE = 4
MOST_EXTRACTED_AT_ONCE = 4
MOST_WAITING_AT_ONCE = 1_000
"""For answers that are thought of elsewhere: such a wait costs nothing, and must not keep others from theirs."""


def _nothing_later(interaction_id: UUID, at: datetime) -> None:
    """Without durable work the sweep finds what is due."""


def _nowhere(file: "StoredFile") -> str:
    """Without a public URL nobody outside can fetch it."""
    return ""


def _no_page(question_id: UUID) -> str:
    """Without a public URL nobody outside can answer."""
    return ""


def _no_door(interaction_id: UUID, call_id: UUID) -> str:
    """Without a public URL nobody outside can post."""
    return ""


@dataclass(slots=True)
class Context:
    """`node` names this process; `outside` makes requests for tools; `later` wakes a delivery; `accounts` has whose
    account an engine signs in with, `catalogues` the voices of those accounts; `secrets` are what definitions refer to;
    `seal` closes what may not be read in the database.

    `result_url` is where the result of a function is posted to; `data_dir` is where recordings and files are kept,
    `file_url` where a provider fetches one of the files, `question_url` where a question is answered; `calls` are the
    live interactions that this process holds, of which it takes `most_calls`, `arriving` the carrier's ids of those
    whose line is being taken, `warmed` the engines it has opened before, by part and name; `hooks`
    looks at what happens in interactions.
    """

    store: Store
    channels: Mapping[str, Channel]
    outside: Outside
    accounts: Accounts = field(default_factory=lambda: Accounts({}))
    catalogues: Catalogues = field(default_factory=Catalogues)
    secrets: Secrets = field(default_factory=Secrets)
    seal: Seal = field(default_factory=lambda: Seal(token_hex()))
    result_url: Callable[[UUID, UUID], str] = _no_door
    node: str = "node"
    data_dir: Path = Path("data")
    clock: Clock = field(default_factory=Clock)
    later: Callable[[UUID, datetime], None] = _nothing_later
    file_url: "Callable[[StoredFile], str]" = _nowhere
    question_url: Callable[[UUID], str] = _no_page
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_ANSWERS_AT_ONCE))
    waiting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_WAITING_AT_ONCE))
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_READ_AT_ONCE))
    underway: set[UUID] = field(default_factory=set)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    answering: dict[UUID, bool] = field(default_factory=dict)
    delivering: dict[UUID, bool] = field(default_factory=dict)
    calls: "dict[UUID, LiveCall]" = field(default_factory=dict)
    most_calls: int = MOST_CALLS
    arriving: set[str] = field(default_factory=set)
    warmed: set[tuple[str, str]] = field(default_factory=set)
    concluding: set[UUID] = field(default_factory=set)
    extracting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_EXTRACTED_AT_ONCE))
    hooks: "Hooks | None" = None
    hooking: dict[UUID, bool] = field(default_factory=dict)

    @property
    def lines(self) -> set[str]:
        """The carrier's ids of the calls that this process holds or is taking."""
        return {live.external_id for live in self.calls.values()} | self.arriving

    @property
    def all_busy(self) -> bool:
        """Whether one call more would spoil those there are."""
        return len(self.lines) >= self.most_calls

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run it beside the request; its failure is logged."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed", exc_info=error)

    async def settle(self) -> None:
        """Wait until nothing runs in the background."""
        while self.tasks:
            await asyncio.gather(*self.tasks, return_exceptions=True)


async def alone(running: dict[UUID, bool], key: UUID, work: Any) -> None:
    """Run `work()` for this key, one at a time in this process; a call meanwhile makes it run once more."""
    if key in running:
        running[key] = True
        return
    try:
        running[key] = True
        while running.get(key):
            running[key] = False
            await work()
    finally:
        running.pop(key, None)
