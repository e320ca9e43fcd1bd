"""Customers in and out: import, export, erase; the audit log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream
from pydantic import Field

from hub.core import erasing, exporting, importing
from hub.core.audit import note
from hub.models import AuditEntry
from hub.store import listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown
from web.api.workspace import Region

MOST_CSV_CHARACTERS = 1_500_000
MOST_ROWS_SHOWN = 200


class ImportCreate(Shape):
    """A CSV file as text, its first row names the columns."""

    model_config = shown({"csv": "Name;Phone\nAna;(202) 555-0141\n", "columns": ["name", "phone"], "dry_run": True})
    csv: str = Field(min_length=1, max_length=MOST_CSV_CHARACTERS)
    columns: list[str] = Field(
        default=[], max_length=importing.MOST_COLUMNS,
        description="What each column is: name, phone, whatsapp, email, crm, language, time_zone, notes, "
        "custom:<name>, or empty to leave it out; none given: guessed by their names.",
    )  # fmt: skip
    region: Region | None = Field(default=None, description="Of numbers without a country; null: the workspace's.")
    update: bool = Field(default=False, description="Fill in what customers who are known already lack.")
    dry_run: bool = Field(default=False, description="Only check; nothing is imported.")


class RowPublic(Shape):
    """One row that is not simply imported, and why."""

    line: int
    state: str = Field(description="bad or duplicate.")
    why: str


class ImportPublic(Shape):
    """What became of the rows, or would."""

    model_config = shown(
        {
            "columns": ["name", "phone"], "ok": 1, "bad": 0, "duplicate": 0, "created": 0, "updated": 0, "left_out": 0,
            "rows": [],
        }
    )  # fmt: skip
    columns: list[str]
    ok: int
    bad: int
    duplicate: int
    created: int
    updated: int
    left_out: int
    rows: list[RowPublic] = Field(description=f"The first {MOST_ROWS_SHOWN} that are not ok.")


class CustomerExport(Shape):
    """All that is stored about one customer."""

    model_config = shown(
        {"customer": {"name": "Ana"}, "identities": [], "consents": [], "changes": [], "interactions": []}
    )
    customer: dict[str, Any]
    identities: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    interactions: list[dict[str, Any]] = Field(description="With their messages, events, recordings and files.")


class AuditPublic(Shape):
    """Who did what."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000033",
            "by": "Nightly export",
            "action": "customer.erased",
            "subject": "0198c0de-0000-7000-8000-000000000004",
            "data": {"interactions": 3, "files": 1},
            "at": "2026-01-31T09:00:00Z",
        }
    )
    id: UUID
    by: str
    action: str
    subject: str
    data: dict[str, Any]
    at: datetime


class AuditPage(Page[AuditPublic]):
    """Some of the audit log."""


def csv_file(lines: AsyncIterator[str], name: str) -> Stream:
    """A CSV file to keep, sent as it is read."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Stream(lines, media_type="text/csv; charset=utf-8", headers=headers)


def columns_of(table: importing.Sheet, given: list[str]) -> list[str]:
    """What each column is to be. Raises `ValueError`."""
    if not given:
        return importing.guess(table.header)
    if len(given) != len(table.header):
        raise ValueError(f"The file has {len(table.header)} columns, and {len(given)} are named.")
    for name in given:
        if name and name not in importing.FIELDS and not name.startswith(importing.CUSTOM):
            raise ValueError(f"{name[:60]!r} is no field of a customer.")
    used = [name for name in given if name]
    if len(used) != len(set(used)):
        raise ValueError("Two columns are to be the same field.")
    if not used:
        raise ValueError("No column is to be imported: name at least one.")
    return given


class Takeout(Controller):
    """Import, export, erase."""

    tags = ["Customers"]

    @get("/customers/export", opt={"scope": "read"}, summary="Export customers")
    async def export_customers(
        self,
        request: ApiRequest,
        q: Annotated[str, QueryParameter(max_length=200, description="Part of a name or of an identity.")] = "",
    ) -> Response[Any]:
        """As CSV in UTF-8, the newest first; values that a spreadsheet would take for formulas are escaped."""
        return csv_file(exporting.customers_csv(request.hub.context, request.workspace_id, q), "customers.csv")

    @post("/customers/import", opt={"scope": "write"}, status_code=200, summary="Import customers")
    async def import_customers(self, request: ApiRequest, data: JSONBody[ImportCreate]) -> ImportPublic:
        """At most 20,000 rows. With `dry_run` first, to see what is wrong with which line."""
        context, workspace_id = request.hub.context, request.workspace_id
        try:
            table = await asyncio.to_thread(importing.sheet, data.csv.encode("utf-8", "replace"))
            columns = columns_of(table, data.columns)
        except importing.NotATable as error:
            raise Refusal(422, str(error), pointer=pointer("csv"), code="not_a_table") from None
        except ValueError as error:
            raise Refusal(422, str(error), pointer=pointer("columns"), code="columns") from None
        region = data.region or await importing.region_of(context, workspace_id)
        rows = await asyncio.to_thread(importing.check, table, columns, region)
        async with request.store.read() as db:
            await importing.compare(db, workspace_id, rows)
        done = {"created": 0, "updated": 0, "left_out": 0}
        if not data.dry_run:
            done |= await importing.carry_out(context, workspace_id, rows, by=request.user.name, update=data.update)
        counts = {state: sum(row.state == state for row in rows) for state in ("ok", "bad", "duplicate")}
        shown_rows = [RowPublic(line=row.line, state=row.state, why=row.why) for row in rows if row.state != "ok"]
        return ImportPublic(columns=columns, **counts, **done, rows=shown_rows[:MOST_ROWS_SHOWN])

    @get("/customers/{customer_id:uuid}/export", opt={"scope": "read"}, summary="Export everything of a customer")
    async def export_customer(self, request: ApiRequest, customer_id: PathId) -> CustomerExport:
        """All that is stored about them, as they may ask for it."""
        made = await exporting.everything_of(request.hub.context, request.workspace_id, customer_id)
        async with request.store.write() as db:
            note(db, request.workspace_id, request.user.name, "customer.exported", customer_id, request.clock.now())
        return CustomerExport(**made)

    @delete("/customers/{customer_id:uuid}", opt={"scope": "write"}, summary="Erase a customer")
    async def erase_customer(self, request: ApiRequest, customer_id: PathId) -> None:
        """Everything said, recorded and known is deleted for good; refusals stay respected. 409 during a call."""
        await erasing.erase(request.hub.context, request.workspace_id, customer_id, by=request.user.name)

    @get("/audit", opt={"scope": "read"}, summary="Read the audit log", tags=["Workspace"])
    async def audit(self, request: ApiRequest, limit: Limit = 50, cursor: Cursor = "") -> AuditPage:
        """Who merged, split, verified, imported, exported or erased customers; the newest first."""
        async with request.store.read() as db:
            rows = await listing.newest(db, AuditEntry, request.workspace_id, before=before(cursor), limit=limit + 1)
        return AuditPage(**page(rows, limit, _audit_public, lambda row: row.id))


def _audit_public(entry: AuditEntry) -> AuditPublic:
    return AuditPublic(**{name: getattr(entry, name) for name in AuditPublic.model_fields})
