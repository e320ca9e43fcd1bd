"""Secrets that definitions refer to: given once, kept sealed, and stood for by a reference from then on."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.clock import Clock
from hub.models import Secret
from hub.sealing import Seal, Unsealable
from hub.store import Store, credentials

PREFIX = "secret:"
PREVIOUS_COUNTS = timedelta(hours=24)
FRESH_SECONDS = 10.0
MOST_KEPT = 2_000


class Lost(Exception):
    """The secret is not there or cannot be opened; the text says why."""


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """A secret in plain since `at` (monotonic seconds), and the one before it, which counts `until` then."""

    text: str
    previous: str
    until: datetime | None
    at: float


def refers_to(reference: str) -> UUID | None:
    """The id that a reference such as `secret:0198c0de-...` stands for; None when it is none."""
    try:
        return UUID(reference.removeprefix(PREFIX)) if reference.startswith(PREFIX) else None
    except ValueError:
        return None


class Secrets:
    """The secrets of all workspaces. Without a store there are none."""

    def __init__(self, store: Store | None = None, seal: Seal | None = None, clock: Clock | None = None) -> None:
        self._store, self._seal, self._clock = store, seal, clock or Clock()
        self._kept: dict[tuple[UUID, str], Kept] = {}

    async def of(self, workspace_id: UUID, reference: str) -> tuple[str, ...]:
        """What it stands for, and during a change what it stood for before. Raises `Lost`."""
        now, kept = asyncio.get_running_loop().time(), self._kept.get((workspace_id, reference))
        if kept is None or now - kept.at > FRESH_SECONDS:
            kept = await self._look_up(workspace_id, reference)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[workspace_id, reference] = kept
        still = kept.previous and kept.until is not None and self._clock.now() < kept.until
        return (kept.text, kept.previous) if still else (kept.text,)

    async def _look_up(self, workspace_id: UUID, reference: str) -> Kept:
        secret_id = refers_to(reference)
        if self._store is None or self._seal is None or secret_id is None:
            raise Lost("There is no secret.")
        async with self._store.glance() as db:
            row = await credentials.secret(db, workspace_id, secret_id)
        if row is None:
            raise Lost("There is no such secret in this workspace.")
        try:
            text = self._seal.open(row.sealed, row.place)
            previous = self._seal.open(row.previous, row.place) if row.previous else ""
        except Unsealable as error:
            raise Lost(f"{error} Give the secret again.") from error
        return Kept(text, previous, row.previous_until, asyncio.get_running_loop().time())

    async def keep(self, db: AsyncSession, workspace_id: UUID, text: str, before: str = "") -> str:
        """Seal it in this transaction; gives its reference. What `before` stands for counts a while longer."""
        assert self._seal is not None  # noqa: S101 - who has no seal has no doors
        secret_id = refers_to(before)
        row = await credentials.secret(db, workspace_id, secret_id) if secret_id else None
        if row is None:
            row = Secret(workspace_id=workspace_id, sealed="", created_at=self._clock.now())
            db.add(row)
        elif self._opened(row) != text:
            row.previous, row.previous_until = row.sealed, self._clock.now() + PREVIOUS_COUNTS
        row.sealed = self._seal.seal(text, row.place)
        reference = f"{PREFIX}{row.id}"
        self._kept.pop((workspace_id, reference), None)
        return reference

    def _opened(self, row: Secret) -> str:
        assert self._seal is not None  # noqa: S101 - as above
        try:
            return self._seal.open(row.sealed, row.place)
        except Unsealable:
            return ""
