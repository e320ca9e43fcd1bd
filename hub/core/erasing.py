"""Erasing a person: nothing of them is left but what keeps them out, and keeps refusals respected."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.audit import note
from hub.core.context import Context
from hub.core.customers import NoCustomer, NotPossible
from hub.models import Consent, Identity, Tombstone
from hub.store import digest, erasing, mails, people
from hub.voice.peaks import kept_at

Refusal = tuple[str, str]
MOST_MAILS = 10_000


async def erase(hub: Context, workspace_id: UUID, customer_id: UUID, *, by: str) -> None:
    """Take a customer, all that was said and all files of it out of the database and off the disk.

    Left are: the providers' ids of what came in, so that it is not taken in again; a keyed digest of each identity
    with what it refused; an entry of the audit log. Raises `NoCustomer`, and `NotPossible` while a call is running.
    """
    async with hub.store.write() as db:
        customer = await people.customer(db, workspace_id, customer_id)
        if customer is None:
            raise NoCustomer("There is no such customer.")
        everyone = [customer_id, *await erasing.merged_into(db, customer_id)]
        interactions = await erasing.interactions_of(db, everyone)
        if await erasing.in_a_call(db, interactions):
            raise NotPossible("They are in a call just now. End it, then erase them.", "in_a_call")
        await erasing.leave_no_trace_on_disk(db)
        addresses = await _bury(db, hub, workspace_id, everyone)
        paths = await erasing.files_of(db, interactions) + await _unread_mails(db, hub, workspace_id, addresses)
        await erasing.forget(db, workspace_id, everyone, interactions)
        note(
            db, workspace_id, by, "customer.erased", customer_id, hub.clock.now(),
            interactions=len(interactions), files=len(paths),
        )  # fmt: skip
        await db.flush()
        await asyncio.to_thread(_unlink, hub.data_dir, paths)  # before the commit: what fails here fails as a whole
    await hub.store.forget_words()


async def _unread_mails(db: AsyncSession, hub: Context, workspace_id: UUID, addresses: set[str]) -> list[str]:
    """Raw mails in quarantine that name one of their addresses: their rows go here; where the files are."""
    if not addresses:
        return []
    gone = []
    for mail in await mails.quarantined(db, workspace_id, limit=MOST_MAILS):
        if await asyncio.to_thread(_names, hub.data_dir / mail.path, addresses):
            await db.delete(mail)
            gone.append(mail.path)
    return gone


def _names(path: Path, addresses: Iterable[str]) -> bool:
    try:
        text = path.read_bytes().lower()
    except FileNotFoundError:
        return False
    written = [[address, address.replace("@", "%40"), address.replace("@", "=40")] for address in addresses]
    return any(spelling.lower().encode() in text for spellings in written for spelling in spellings)


async def _bury(db: AsyncSession, hub: Context, workspace_id: UUID, everyone: Iterable[UUID]) -> set[str]:
    """Remember of each identity, unreadably, that it was theirs and what they refused; gives their mail addresses."""
    identities: list[Identity] = []
    for customer_id in everyone:
        identities += await people.identities(db, workspace_id, customer_id)
    ledger = [entry for one in everyone for entry in reversed(await people.consents(db, workspace_id, one))]
    for kind, value in {(one.kind, one.value) for one in identities if one.strength != "inferred"}:
        theirs = [
            entry
            for entry in ledger
            if entry.customer_id or (entry.identity_kind, entry.identity_value) == (kind, value)
        ]
        stone = await people.tombstone(db, workspace_id, digest(db, kind, value))
        if stone is None:
            stone = Tombstone(
                workspace_id=workspace_id, digest=digest(db, kind, value), created_at=hub.clock.now()
            )  # fmt: skip
            db.add(stone)
        stone.refusals = [list(one) for one in sorted(standing_refusals(theirs))]
    return {one.value for one in identities if one.kind == "email"}


def standing_refusals(entries: Iterable[Consent]) -> set[Refusal]:
    """What is refused after all these entries, oldest first: (purpose, channel)."""
    standing: dict[Refusal, Consent] = {}
    for entry in entries:
        if entry.state == "revoked":
            standing[entry.purpose, entry.channel] = entry
            continue
        lifted = entry.source != "keyword"
        for key, refusal in list(standing.items()):
            fits = key[0] == entry.purpose and entry.channel in ("", key[1])
            if fits and (lifted or refusal.source in ("keyword", "carrier")):
                del standing[key]
    return set(standing)


def _unlink(folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        kept_at(folder / path).unlink(missing_ok=True)
        (folder / path).unlink(missing_ok=True)
