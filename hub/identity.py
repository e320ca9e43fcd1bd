"""Which customer this is."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Consent, Customer, Identity, Workspace
from hub.models.columns import new_id
from hub.store import digest, people

_SAME_PERSON = {"phone": "whatsapp", "whatsapp": "phone"}


class NotAnIdentity(ValueError):
    """The value cannot be an identity of this kind; the text says what it should look like."""


def normal(kind: str, value: str, region: str = "US") -> str:
    """The one spelling of an identity: E.164, lower-case email, anything else trimmed.

    Raises `NotAnIdentity`. Short codes are kept as they are.
    """
    value = value.strip()
    if not value:
        raise NotAnIdentity(f"The {kind} is empty.")
    if len(value) > 320:
        raise NotAnIdentity(f"The {kind} is longer than 320 characters.")
    if kind in ("phone", "whatsapp"):
        return _number(value.removeprefix("whatsapp:"), region)
    if kind == "email":
        local, at, domain = value.rpartition("@")
        if not (at and local and "." in domain) or any(c.isspace() for c in value):
            raise NotAnIdentity(f"{value!r} is not an email address; write it like ana@example.com.")
        return value.lower()
    return value


def _number(value: str, region: str) -> str:
    if not value.startswith("+") and value.isdigit() and len(value) <= 6:
        return value
    try:
        number = phonenumbers.parse(value, None if value.startswith("+") else region)
    except phonenumbers.NumberParseException:
        raise NotAnIdentity(f"{value!r} is not a phone number; write it like +15551234567.") from None
    if not phonenumbers.is_possible_number(number):
        raise NotAnIdentity(f"{value!r} has the wrong length for a phone number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def same_person(kind: str) -> list[str]:
    """The kinds by which one value is one person: a phone number is a WhatsApp number too."""
    return [kind, _SAME_PERSON[kind]] if kind in _SAME_PERSON else [kind]


async def recognise(
    db: AsyncSession,
    workspace: Workspace,
    kind: str,
    value: str,
    *,
    name: str = "",
    source: str = "",
    strength: str = "asserted",
) -> Customer:
    """The customer known by this identity, made when there is none.

    A phone number and a WhatsApp sender of the same number are one person.
    """
    value = normal(kind, value, workspace.default_region)
    rows = await people.known_as(db, workspace.id, same_person(kind), value)
    known = {row[0].kind: row[1] for row in rows}
    for row in rows:
        if row[0].kind == kind and strength == "verified":
            row[0].strength = strength
    found = known.get(kind)
    if found is None:
        found = next(iter(known.values()), None) or await _newcomer(db, workspace, kind, value)
        _remember(db, workspace, found.id, kind, value, source, strength)
    if name and not found.name:
        found.name = name[:200]
    return found


async def _newcomer(db: AsyncSession, workspace: Workspace, kind: str, value: str) -> Customer:
    """Somebody new. Whoever was erased is new too, but what they refused still counts."""
    made = Customer(id=new_id(), workspace_id=workspace.id)
    db.add(made)
    await db.flush()
    await remember_refusals(db, workspace.id, made.id, [(kind, value)])
    return made


async def remember_refusals(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID, known: Iterable[tuple[str, str]]
) -> None:
    """Of somebody new who is known by these: what they refused before they were erased."""
    for kind, value in known:
        stone = await people.tombstone(db, workspace_id, digest(db, kind, value))
        for purpose, channel in stone.refusals if stone else []:
            db.add(
                Consent(
                    workspace_id=workspace_id, customer_id=customer_id, identity_kind=kind, identity_value=value,
                    channel=channel, purpose=purpose, state="revoked", source="erased",
                    evidence="Refused before their data was erased.",
                )
            )  # fmt: skip


def zones(own: str, value: str, otherwise: str) -> list[ZoneInfo]:
    """The time zones somebody may be in: their own, else those of their number's region, else the workspace's."""
    if own:
        return [ZoneInfo(own)]
    names: Sequence[str] = ()
    if value.startswith("+"):
        from phonenumbers import timezone  # its table is large, and seldom needed

        names = [name for name in timezone.time_zones_for_number(phonenumbers.parse(value)) if _is_zone(name)]
    return [ZoneInfo(name) for name in names] or [ZoneInfo(otherwise)]


def _is_zone(name: str) -> bool:
    return name != "Etc/Unknown" and name in available_timezones()


async def infer(
    db: AsyncSession, workspace: Workspace, customer_id: UUID, kind: str, value: str, source: str
) -> Identity | None:
    """They seem to have this too: noted, but nobody is recognised by it. None when it is no identity or known."""
    try:
        value = normal(kind, value, workspace.default_region)
    except NotAnIdentity:
        return None
    if any((one.kind, one.value) == (kind, value) for one in await people.identities(db, workspace.id, customer_id)):
        return None
    return _remember(db, workspace, customer_id, kind, value, source, "inferred")


def proof(how: str, by: str, at: datetime) -> dict[str, Any]:
    """How we know that an identity is theirs, who says so, and since when."""
    return {"how": how, "by": by, "at": at.isoformat()}


def _remember(
    db: AsyncSession, workspace: Workspace, customer_id: UUID, kind: str, value: str, source: str, strength: str
) -> Identity:
    identity = Identity(
        workspace_id=workspace.id, customer_id=customer_id, kind=kind, value=value, strength=strength, source=source
    )
    db.add(identity)
    return identity
