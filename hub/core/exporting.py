"""Customers as CSV, and everything about one of them as JSON."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from hub.core.context import Context
from hub.core.customers import NoCustomer
from hub.models import Customer, Event, Identity, Message, Recording, StoredFile
from hub.policy import standing
from hub.store import listing, merging, people, takeout

COLUMNS = (
    "id",
    "name",
    "phone",
    "whatsapp",
    "email",
    "crm",
    "language",
    "time_zone",
    "notes",
    "opted_out",
    "created_at",
)
_PAGE = 500
MOST_LOGGED = 100_000
_EVERY = frozenset({"messages"})


def safe(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; numbers in E.164 stay as they are.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = str(value)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not (text[:1] == "+" and text[1:].isdigit()):
        return f"'{text}"
    return text


def line(cells: Sequence[object]) -> str:
    made = io.StringIO()
    csv.writer(made).writerow([safe(cell) for cell in cells])
    return made.getvalue()


async def customers_csv(hub: Context, workspace_id: UUID, text: str = "") -> AsyncIterator[str]:
    """All customers, or those found by `text`, the newest first; custom fields have columns of their own."""
    async with hub.store.read() as db:
        fields = await takeout.custom_fields(db, workspace_id)
    yield "\ufeff" + line([*COLUMNS, *fields])
    before: UUID | None = None
    while True:
        async with hub.store.read() as db:
            rows = await people.customers(db, workspace_id, text=text, before=before, limit=_PAGE)
            known = await people.identities(db, workspace_id, *(row.id for row in rows))
            refused = await takeout.consents_of(db, workspace_id, [row.id for row in rows])
        for row in rows:
            opted_out = standing(refused.get(row.id, []), "", _EVERY) is not None
            yield line(_cells(row, [one for one in known if one.customer_id == row.id], opted_out, fields))
        if len(rows) < _PAGE:
            return
        before = rows[-1].id


def _cells(row: Customer, known: Sequence[Identity], opted_out: bool, fields: Sequence[str]) -> list[object]:
    def of(kind: str) -> str:
        return "; ".join(one.value for one in known if one.kind == kind)

    return [
        row.id, row.name, of("phone"), of("whatsapp"), of("email"), of("crm"), row.language, row.time_zone, row.notes,
        "yes" if opted_out else "no", row.created_at.isoformat(),
        *(row.custom_fields.get(name, "") for name in fields),
    ]  # fmt: skip


CONSENT_COLUMNS = (
    "created_at", "customer_id", "identity_kind", "identity_value", "purpose", "channel", "state", "source", "evidence",
    "by",
)  # fmt: skip


async def consents_csv(hub: Context, workspace_id: UUID) -> AsyncIterator[str]:
    """The whole consent ledger, the oldest entry first."""
    yield "\ufeff" + line(CONSENT_COLUMNS)
    after: UUID | None = None
    while True:
        async with hub.store.read() as db:
            rows = await takeout.ledger(db, workspace_id, after, _PAGE)
        for row in rows:
            cells = [getattr(row, name) or "" for name in CONSENT_COLUMNS]
            yield line([row.created_at.isoformat(), *cells[1:]])
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


async def everything_of(hub: Context, workspace_id: UUID, customer_id: UUID) -> dict[str, Any]:
    """All that is stored about one customer. Raises `NoCustomer`."""
    async with hub.store.read() as db:
        customer = await people.customer(db, workspace_id, customer_id)
        if customer is None:
            raise NoCustomer("There is no such customer.")
        said = await takeout.interactions_of(db, workspace_id, customer_id)
        made: dict[str, Any] = {
            "customer": _row(customer),
            "identities": [_row(one) for one in await people.identities(db, workspace_id, customer_id)],
            "consents": [_row(one) for one in await people.consents(db, workspace_id, customer_id)],
            "changes": [_row(one) for one in await merging.changes(db, workspace_id, customer_id, limit=1_000)],
            "interactions": [],
        }
        for interaction in said:
            inside: dict[str, Any] = _row(interaction, "agent", "state", "node")
            messages = await listing.logged(db, Message, workspace_id, interaction.id, limit=MOST_LOGGED)
            events = await listing.logged(db, Event, workspace_id, interaction.id, limit=MOST_LOGGED)
            inside |= {"messages": [_row(one) for one in messages], "events": [_row(one) for one in events]}
            for name, kept in (("recordings", Recording), ("files", StoredFile)):
                found = await listing.newest(db, kept, workspace_id, kept.interaction_id == interaction.id, limit=1_000)
                inside[name] = [_row(one, "path") for one in found]
            made["interactions"].append(inside)
    return made


def _row(row: Any, *without: str) -> dict[str, Any]:
    found: dict[str, Any] = row.model_dump(mode="json", exclude={"workspace_id", *without})
    return found
