"""Who is who: identities added and removed, records merged and split, both undone with nothing lost."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity
from hub.core.audit import note
from hub.core.context import Context
from hub.models import Consent, Customer, CustomerChange, Identity, Interaction
from hub.models.columns import new_id
from hub.store import agents, lock, merging, people

_FIELDS = ("name", "language", "time_zone", "notes", "custom_fields")


class NotPossible(Exception):
    """It cannot be done to these customers; the text says why and what to do. `code` is a word for programs."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


class NoCustomer(LookupError):
    """No such customer, identity or change in this workspace."""


# identities


async def add_identity(
    hub: Context, workspace_id: UUID, customer_id: UUID, kind: str, value: str, *, by: str, source: str,
    strength: str = "asserted",
) -> Identity:  # fmt: skip
    """What this customer is known by from now on; given again, its strength is replaced.

    Raises `NoCustomer`, `NotAnIdentity`, and `NotPossible` when somebody else is known by it.
    """
    async with hub.store.write() as db:
        await _there(db, workspace_id, customer_id)
        return await add_in(db, hub, workspace_id, customer_id, kind, value, by=by, source=source, strength=strength)


async def add_in(
    db: AsyncSession, hub: Context, workspace_id: UUID, customer_id: UUID, kind: str, value: str, *, by: str,
    source: str, strength: str = "asserted",
) -> Identity:  # fmt: skip
    """The same, within a transaction that holds the customer."""
    workspace = await agents.workspace(db, workspace_id)
    now = hub.clock.now()
    value = identity.normal(kind, value, workspace.default_region if workspace else "US")
    await lock(db, workspace_id, kind, value)
    known = await people.identity(db, workspace_id, kind, value)
    if known is not None and known.customer_id != customer_id:
        raise NotPossible(f"Customer {known.customer_id} is known by this {kind} already.", "identity_taken")
    if known is None:
        known = next((one for one in await people.identities(db, workspace_id, customer_id)
                      if (one.kind, one.value) == (kind, value)), None)  # fmt: skip
    if known is None:
        known = Identity(
            workspace_id=workspace_id, customer_id=customer_id, kind=kind, value=value, source=source, created_at=now
        )
        db.add(known)
    known.strength = strength
    known.proof = identity.proof(f"word of {source}", by, now) if strength == "verified" else {}
    await db.flush()
    return known


async def remove_identity(hub: Context, workspace_id: UUID, customer_id: UUID, identity_id: UUID, *, by: str) -> None:
    """The customer is known by this no more; what was said by it stays theirs. Raises `NoCustomer`."""
    async with hub.store.write() as db:
        await _there(db, workspace_id, customer_id)
        found = await merging.some_identities(db, customer_id, [identity_id])
        if not found:
            raise NoCustomer("No such identity of this customer.")
        await db.delete(found[0])
        note(db, workspace_id, by, "identity.removed", customer_id, hub.clock.now(), kind=found[0].kind)


async def _there(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> Customer:
    """The customer, held, who stands for themselves. Raises `NoCustomer`, `NotPossible`."""
    found = (await merging.held(db, workspace_id, customer_id)).get(customer_id)
    if found is None:
        raise NoCustomer("There is no such customer.")
    if found.merged_into is not None:
        raise NotPossible(f"This record was merged into customer {found.merged_into}. Use that one.", "merged")
    return found


# merge and split


async def merge(hub: Context, workspace_id: UUID, kept_id: UUID, other_id: UUID, *, by: str) -> CustomerChange:
    """All that `other` has is `kept`'s from now on; what `kept` has no value for is taken from `other`.

    Raises `NoCustomer`, `NotPossible`.
    """
    async with hub.store.write() as db:
        return await merge_in(db, hub, workspace_id, kept_id, other_id, by=by)


async def merge_in(
    db: AsyncSession, hub: Context, workspace_id: UUID, kept_id: UUID, other_id: UUID, *, by: str
) -> CustomerChange:
    """The same, within a transaction."""
    if kept_id == other_id:
        raise NotPossible("That is the same customer.", "same")
    await _hold(db, workspace_id, kept_id, other_id)
    kept, other = await _there(db, workspace_id, kept_id), await _there(db, workspace_id, other_id)
    moved = {
        "identities": await merging.all_of(db, Identity, other_id),
        "interactions": await merging.all_of(db, Interaction, other_id),
        "consents": await merging.all_of(db, Consent, other_id),
    }
    before = {name: getattr(kept, name) for name in _FIELDS}
    for name, value in merged_fields(before, {name: getattr(other, name) for name in _FIELDS}).items():
        setattr(kept, name, value)
    other.merged_into = kept_id
    await merging.move(db, other_id, kept_id, **moved)
    after = {name: getattr(kept, name) for name in _FIELDS}
    data = {**_as_text(moved), "before": before, "after": after}
    return _write_down(db, hub.clock.now(), workspace_id, "merge", kept_id, other_id, by, data)


def merged_fields(kept: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What the kept record says afterwards: its own words first; notes of both."""
    made = {name: kept[name] or other[name] for name in ("name", "language", "time_zone")}
    notes = [text for text in dict.fromkeys((kept["notes"], other["notes"])) if text]
    return {**made, "notes": "\n\n".join(notes), "custom_fields": {**other["custom_fields"], **kept["custom_fields"]}}


async def split(
    hub: Context, workspace_id: UUID, customer_id: UUID, identity_ids: Sequence[UUID], *, by: str, name: str = ""
) -> CustomerChange:
    """These identities, and what came by them, are a new customer's. Raises `NoCustomer`, `NotPossible`."""
    async with hub.store.write() as db:
        await _hold(db, workspace_id, customer_id)
        await _there(db, workspace_id, customer_id)
        going = await merging.some_identities(db, customer_id, identity_ids)
        if len(going) != len(set(identity_ids)) or not going:
            raise NoCustomer("Choose identities of this customer.")
        if len(going) == len(await merging.all_of(db, Identity, customer_id)):
            raise NotPossible("Leave the customer at least one identity.", "all")
        now = hub.clock.now()
        made = Customer(
            id=new_id(), workspace_id=workspace_id, name=name.strip()[:200], created_at=now, updated_at=now
        )  # fmt: skip
        db.add(made)
        await db.flush()
        moved = await _moving_with(db, hub, customer_id, going)
        await merging.move(db, customer_id, made.id, **moved)
        data = {**_as_text(moved), "name": made.name}
        return _write_down(db, now, workspace_id, "split", customer_id, made.id, by, data)


async def _moving_with(
    db: AsyncSession, hub: Context, customer_id: UUID, identities: Sequence[Identity], since: datetime | None = None
) -> dict[str, list[UUID]]:
    kinds = {name: channel.identity for name, channel in hub.channels.items()}
    return {
        "identities": [one.id for one in identities],
        "interactions": await merging.came_by(db, customer_id, identities, kinds, since),
        "consents": await merging.consents_by(db, customer_id, identities, since),
    }


def _write_down(
    db: AsyncSession, now: datetime, workspace_id: UUID, kind: str, customer_id: UUID, other_id: UUID, by: str,
    data: dict[str, Any],
) -> CustomerChange:  # fmt: skip
    made = CustomerChange(
        workspace_id=workspace_id, kind=kind, customer_id=customer_id, other_id=other_id, by=by, data=data,
        created_at=now,
    )  # fmt: skip
    db.add(made)
    note(db, workspace_id, by, f"customer.{kind}", customer_id, now, other_id=str(other_id))
    return made


async def _hold(db: AsyncSession, workspace_id: UUID, *customer_ids: UUID) -> dict[UUID, Customer]:
    """Nobody is recognised as one of these, and nothing is said with them, while things move."""
    known = await people.identities(db, workspace_id, *customer_ids)
    for kind, value in sorted({(kind, one.value) for one in known for kind in identity.same_person(one.kind)}):
        await lock(db, workspace_id, kind, value)
    await merging.hold_interactions(db, *customer_ids)
    return await merging.held(db, workspace_id, *customer_ids)


# undo


async def undo(
    hub: Context, workspace_id: UUID, change_id: UUID, *, by: str, of: UUID | None = None
) -> CustomerChange:  # fmt: skip
    """As it was before; what came in meanwhile stays with the identity it came by. Undoing twice changes nothing.

    `of` is a customer who has to have taken part in it.

    Raises `NoCustomer`, and `NotPossible` when a later change of the same customers stands.
    """
    async with hub.store.write() as db:
        change = await merging.change(db, workspace_id, change_id)
        if change is None or of not in (None, change.customer_id, change.other_id):
            raise NoCustomer("There is no such change.")
        if change.undone_at is not None:
            return change
        if await merging.standing_on(db, change):
            raise NotPossible("These customers were merged or split again since. Undo that first.", "later_change")
        held = await _hold(db, workspace_id, change.customer_id, change.other_id)
        if len(held) != 2:
            raise NotPossible("One of these customers was erased.", "erased")
        kept, other = held[change.customer_id], held[change.other_id]
        if change.kind == "merge":
            await _undo_merge(db, hub, change, kept, other)
        else:
            await _undo_split(db, change, kept, other)
        change.undone_at, change.undone_by = hub.clock.now(), by
        note(db, workspace_id, by, f"customer.{change.kind}_undone", kept.id, change.undone_at, other_id=str(other.id))
        return change


async def _undo_merge(
    db: AsyncSession, hub: Context, change: CustomerChange, kept: Customer, other: Customer
) -> None:  # fmt: skip
    moved = {name: _as_ids(change.data[name]) for name in ("identities", "interactions", "consents")}
    going = await merging.some_identities(db, kept.id, moved["identities"])
    going += await merging.same_numbers(db, kept.id, going, change.created_at)
    since = await _moving_with(db, hub, kept.id, going, change.created_at)
    back = {name: list({*moved[name], *since[name]}) for name in moved}
    other.merged_into = None
    await db.flush()
    await merging.move(db, kept.id, other.id, **back)
    before, after = change.data["before"], change.data["after"]
    for name in _FIELDS:
        if name != "custom_fields" and getattr(kept, name) == after[name]:
            setattr(kept, name, before[name])
    kept.custom_fields = {
        key: value
        for key, value in kept.custom_fields.items()
        if key in before["custom_fields"] or (key, value) not in after["custom_fields"].items()
    }


async def _undo_split(db: AsyncSession, change: CustomerChange, kept: Customer, other: Customer) -> None:
    """All that the split-off customer has by now comes back; what was noted of them since is kept."""
    mine = {name: getattr(kept, name) for name in _FIELDS}
    theirs = {name: getattr(other, name) for name in _FIELDS}
    if theirs["name"] == change.data["name"]:
        theirs["name"] = ""
    for name, value in merged_fields(mine, theirs).items():
        setattr(kept, name, value)
    for table in (Identity, Interaction, Consent):
        ids = await merging.all_of(db, table, other.id)
        nothing: dict[str, list[UUID]] = {"identities": [], "interactions": [], "consents": []}
        await merging.move(db, other.id, kept.id, **{**nothing, _NAMES[table]: ids})
    await db.flush()
    await db.delete(other)


_NAMES: dict[type[Any], str] = {Identity: "identities", Interaction: "interactions", Consent: "consents"}


def _as_text(moved: dict[str, list[UUID]]) -> dict[str, list[str]]:
    return {name: [str(one) for one in ids] for name, ids in moved.items()}


def _as_ids(given: Iterable[str]) -> list[UUID]:
    return [UUID(one) for one in given]
