"""Whose account an engine of a vendor uses: ours, or a credential of the workspace."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from hub.clock import Clock
from hub.dialogue.outbound import Forbidden, Outside
from hub.engine import NOBODY, Account, EngineFailed
from hub.sealing import Seal, Unsealable
from hub.store import Store, credentials
from hub.voice.chain import Breaker

log = logging.getLogger("hub.accounts")

FRESH_SECONDS, GOOD_SECONDS = 10.0, 900.0
"""What is known of an account is looked up again after so long: beside its use at first, before it after the second."""
NOTED_EVERY = timedelta(minutes=1)
MOST_KEPT = 2_000
FAILURE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a credential since `at` (monotonic seconds); `fault` is why it cannot be used."""

    vendor: str
    account: Account
    at: float
    fault: str = ""


class Accounts:
    """`ours` are the accounts of the settings, by vendor. Without a `store` there are no others."""

    def __init__(
        self, ours: Mapping[str, Account], store: Store | None = None, seal: Seal | None = None,
        outside: Outside | None = None, clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.ours, self._store, self._seal, self._outside = ours, store, seal, outside
        self._clock = clock or Clock()
        self._kept: OrderedDict[tuple[UUID, UUID], Kept] = OrderedDict()
        self._breakers: dict[tuple[UUID, str], Breaker] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def of(self, workspace_id: UUID, vendor: str, credential_id: UUID | str | None = None) -> Account:
        """The account for this vendor's engines: ours, or this credential of the workspace.

        Raises `EngineFailed` when there is none that can be used. The database is asked beforehand or beside, seldom
        here: a call asks when it begins, and each use has what is kept looked up again.
        """
        if not vendor:
            return NOBODY
        if not credential_id:
            found = self.ours.get(vendor)
            if found is None:
                raise EngineFailed(f"there is no key for {vendor}: set {vendor.upper()}_API_KEY", "refused")
            return found
        kept = await self._known(workspace_id, UUID(str(credential_id)))
        if kept.fault:
            raise EngineFailed(kept.fault, "refused")
        if kept.vendor != vendor:
            raise EngineFailed(f"the account chosen is one with {kept.vendor}, and {vendor} is needed", "refused")
        return kept.account

    async def vendor_of(self, workspace_id: UUID, credential_id: UUID | str) -> str:
        """With whom this account is; empty where it is not there."""
        return (await self._known(workspace_id, UUID(str(credential_id)))).vendor

    async def _known(self, workspace_id: UUID, credential_id: UUID) -> Kept:
        kept = self._kept.get((workspace_id, credential_id))
        age = asyncio.get_running_loop().time() - kept.at if kept is not None else 0.0
        if kept is None or kept.fault or age > GOOD_SECONDS:
            return await self._look_up(workspace_id, credential_id)
        if age > FRESH_SECONDS:
            self._beside(self._refresh(workspace_id, credential_id))
        return kept

    async def _refresh(self, workspace_id: UUID, credential_id: UUID) -> None:
        await self._look_up(workspace_id, credential_id)

    async def _look_up(self, workspace_id: UUID, credential_id: UUID) -> Kept:
        if self._store is None or self._seal is None:
            raise EngineFailed("accounts of workspaces are not known here", "refused")
        async with self._store.glance() as db:
            row = await credentials.credential(db, workspace_id, credential_id)
        at = asyncio.get_running_loop().time()
        if row is None:
            return self._keep(workspace_id, credential_id, Kept("", NOBODY, at, "the account chosen is not there"))
        fault, key = "", ""
        try:
            key = self._seal.open(row.sealed, row.place)
        except Unsealable as error:
            fault = f"the key of the account {row.name!r} is lost. {error} Enter the key again"
        if row.base_url and self._outside is not None and not fault:
            try:
                await self._outside.check(row.base_url)
            except Forbidden as error:
                fault = f"the base URL of the account {row.name!r} is refused: {error}"
        if row.used_at is None or self._clock.now() - row.used_at >= NOTED_EVERY:
            self._beside(self._note(workspace_id, credential_id))
        kept = Kept(row.vendor, Account(key, row.base_url, own=True), at, fault)
        return self._keep(workspace_id, credential_id, kept)

    def _keep(self, workspace_id: UUID, credential_id: UUID, kept: Kept) -> Kept:
        self._kept[workspace_id, credential_id] = kept
        self._kept.move_to_end((workspace_id, credential_id))
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept

    def breaker(self, workspace_id: UUID, credential_id: str) -> Breaker:
        """Which engines this process leaves alone with this account."""
        if len(self._breakers) >= MOST_KEPT:
            self._breakers.clear()
        return self._breakers.setdefault((workspace_id, credential_id), Breaker())

    def sealed(self, key: str, place: str) -> str:
        """A key as it is stored."""
        assert self._seal is not None  # noqa: S101 - who has no seal has no doors
        return self._seal.seal(key, place)

    def forget(self, workspace_id: UUID, credential_id: UUID) -> None:
        """It was changed: look it up when it is used next."""
        self._kept.pop((workspace_id, credential_id), None)

    # what comes of using it

    def failed(self, workspace_id: UUID, vendor: str, credential_id: UUID | str | None, words: str) -> None:
        """An engine of this vendor failed. If it used this account, its administrator shall see why."""
        if not (vendor and credential_id) or self._store is None:
            return
        kept = self._kept.get((workspace_id, UUID(str(credential_id))))
        if kept is not None and kept.vendor == vendor:
            self._beside(self._note(workspace_id, UUID(str(credential_id)), self.hide(words)))

    def hide(self, words: str) -> str:
        """The same without any key that is in use: vendors and proxies may repeat in an error what they were sent."""
        for account in (*self.ours.values(), *(kept.account for kept in self._kept.values())):
            if len(account.key) >= 8 and account.key in words:
                words = words.replace(account.key, f"…{account.key[-4:]}")
        return words

    async def _note(self, workspace_id: UUID, credential_id: UUID, failure: str = "") -> None:
        assert self._store is not None  # noqa: S101 - asked before
        async with self._store.write() as db:
            row = await credentials.credential(db, workspace_id, credential_id)
            if row is None:
                return
            if failure:
                row.failed_at, row.failure = self._clock.now(), failure[:FAILURE_CHARACTERS]
            else:
                row.used_at = self._clock.now()

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an account could not be looked after", exc_info=error)

    async def close(self) -> None:
        """Wait for what is still being written down."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
