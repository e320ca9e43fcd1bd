"""Accounts of a workspace with the vendors of engines: kept, changed, removed, tried; each act is accounted for."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import audit
from hub.core.context import Context
from hub.core.customers import NotPossible
from hub.dialogue.outbound import Failed, Forbidden
from hub.engine import EngineFailed
from hub.engines.signing_in import VENDORS, meaning, question
from hub.models import Credential
from hub.store import credentials

FEWEST_KEY, MOST_KEY = 8, 500
SHOWN_FROM = 12
"""Of a shorter key not even its end is shown."""
TEST_SECONDS = 10.0


class NoCredential(LookupError):
    """No such account in this workspace."""


class BadCredential(ValueError):
    """What was given cannot be an account; `field` is which, the text why."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True, slots=True)
class Tested:
    """Whether the vendor accepts an account, in words."""

    works: bool
    words: str


async def add(
    hub: Context, workspace_id: UUID, *, vendor: str, name: str, key: str, base_url: str = "", by: str
) -> Credential:
    """Keep a new account. Raises `BadCredential`."""
    if vendor not in VENDORS:
        raise BadCredential("vendor", f"Choose one of {', '.join(VENDORS)}.")
    await _check(hub, name, key, base_url)
    now = hub.clock.now()
    made = Credential(
        workspace_id=workspace_id, vendor=vendor, name=name, base_url=base_url, sealed="", created_at=now
    )  # fmt: skip
    _seal(hub, made, key)
    async with hub.store.write() as db:
        db.add(made)
        audit.note(db, workspace_id, by, "credential.added", made.id, now, vendor=vendor, name=name)
    return made


async def change(
    hub: Context, workspace_id: UUID, credential_id: UUID, *, name: str | None = None, key: str | None = None,
    base_url: str | None = None, by: str,
) -> Credential:  # fmt: skip
    """Another name or key. The key goes with its address: another `base_url` wants the key again.

    Raises `BadCredential`, `NoCredential`.
    """
    async with hub.store.read() as db:
        known = await _held(db, workspace_id, credential_id)
    if base_url is not None and base_url != known.base_url and key is None:
        raise BadCredential("key", "Give the key again: it is sent to no other address than it was given for.")
    url = known.base_url if base_url is None else base_url
    await _check(hub, known.name if name is None else name, key, url)
    async with hub.store.write() as db:
        row, now = await _held(db, workspace_id, credential_id), hub.clock.now()
        if base_url is not None and key is None and row.base_url != base_url:
            raise BadCredential("key", "Somebody changed this account just now. Load it again.")
        row.name = row.name if name is None else name
        if key is not None:
            row.base_url, row.failed_at, row.failure = url, None, ""
            _seal(hub, row, key)
        changed = [
            field for field, given in (("name", name), ("key", key), ("base_url", base_url)) if given is not None
        ]
        audit.note(db, workspace_id, by, "credential.changed", row.id, now, name=row.name, changed=", ".join(changed))
    hub.accounts.forget(workspace_id, credential_id)
    return row


async def remove(hub: Context, workspace_id: UUID, credential_id: UUID, by: str) -> None:
    """Gone for good. Raises `NotPossible` while an agent uses it, and names those; `NoCredential`."""
    async with hub.store.write() as db:
        row = await _held(db, workspace_id, credential_id)
        users = await credentials.users_of(db, workspace_id, credential_id)
        if users:
            names = ", ".join(f"“{agent.name}”" for agent in users[:10]) + (" and others" if len(users) > 10 else "")
            raise NotPossible(f"{names} work with this account. Choose another one there first.", "in_use")
        audit.note(
            db, workspace_id, by, "credential.removed", row.id, hub.clock.now(), vendor=row.vendor, name=row.name
        )
        await db.delete(row)
    hub.accounts.forget(workspace_id, credential_id)


async def test(hub: Context, workspace_id: UUID, credential_id: UUID) -> Tested:
    """Ask the vendor, and keep what came of it. Raises `NoCredential`."""
    async with hub.store.read() as db:
        row = await _held(db, workspace_id, credential_id)
    hub.accounts.forget(workspace_id, credential_id)
    tested = await _asked(hub, row)
    async with hub.store.write() as db:
        row, now = await _held(db, workspace_id, credential_id), hub.clock.now()
        if tested.works:
            row.used_at, row.failed_at, row.failure = now, None, ""
        else:
            row.failed_at, row.failure = now, tested.words
    return tested


async def _asked(hub: Context, row: Credential) -> Tested:
    try:
        account = await hub.accounts.of(row.workspace_id, row.vendor, row.id)
        url, headers = question(row.vendor, account)
        answer = await hub.outside.request("GET", url, headers=headers, timeout=TEST_SECONDS)
    except (EngineFailed, Forbidden) as error:
        return Tested(False, _sentence(str(error)))
    except Failed as error:
        where = row.base_url or row.vendor
        return Tested(False, _sentence(f"Nobody answered at {where}. {hub.accounts.hide(str(error))}"))
    return Tested(*meaning(row.vendor, answer.status))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


async def _held(db: AsyncSession, workspace_id: UUID, credential_id: UUID) -> Credential:
    row = await credentials.credential(db, workspace_id, credential_id)
    if row is None:
        raise NoCredential("There is no account with this id in this workspace.")
    return row


async def _check(hub: Context, name: str, key: str | None, base_url: str) -> None:
    if not 1 <= len(name.strip()) <= 120:
        raise BadCredential("name", "Write a name of 1 to 120 characters.")
    if key is not None and not (FEWEST_KEY <= len(key) <= MOST_KEY and key.isascii() and key.isprintable()):
        raise BadCredential("key", f"A key has {FEWEST_KEY} to {MOST_KEY} characters, all of them ASCII.")
    if key is not None and " " in key:
        raise BadCredential("key", "A key has no spaces in it. Copy it once more.")
    if base_url:
        try:
            await hub.outside.check(base_url)
        except Forbidden as error:
            raise BadCredential("base_url", str(error)) from None


def _seal(hub: Context, row: Credential, key: str) -> None:
    row.sealed = hub.accounts.sealed(key, row.place)
    row.last_four = key[-4:] if len(key) >= SHOWN_FROM else ""
