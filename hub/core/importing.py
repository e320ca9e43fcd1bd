"""Customers out of a CSV file: read whatever wrote it, checked row by row before anything is done."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import available_timezones

import phonenumbers
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity
from hub.core import files
from hub.core.audit import note
from hub.core.context import Context
from hub.models import Customer, CustomerImport, Identity, StoredFile
from hub.models.columns import new_id
from hub.store import agents, lock, people, takeout

MOST_ROWS = 20_000
MOST_COLUMNS = 100
_AT_ONCE = 200
STOPPED_AFTER = timedelta(seconds=30)
_DELIMITERS = ",;\t|"
FIELDS = ("name", "phone", "whatsapp", "email", "crm", "language", "time_zone", "notes")
IDENTITIES = ("phone", "whatsapp", "email", "crm")
CUSTOM = "custom:"
_GUESSES = {
    "name": ("name", "full name", "customer", "customer name", "contact", "display name"),
    "phone": ("phone", "phone number", "mobile", "cell", "telephone", "tel", "number", "msisdn"),
    "whatsapp": ("whatsapp", "whatsapp number", "wa"),
    "email": ("email", "e-mail", "mail", "email address"),
    "crm": ("crm", "crm id", "customer id", "external id"),
    "language": ("language", "locale", "lang"),
    "time_zone": ("time zone", "timezone", "tz"),
    "notes": ("notes", "note", "comment", "comments", "remarks"),
}
_IGNORED = ("id", "opted out", "created at", "updated at")
State = Literal["ok", "bad", "duplicate"]


class NotATable(ValueError):
    """The file cannot be read as CSV; the text says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read: its first row, and the others with the line each begins at."""

    header: list[str]
    rows: list[tuple[int, list[str]]]
    encoding: str
    delimiter: str


@dataclass(slots=True)
class Row:
    """One line of it as it would be imported. `why` says what is wrong, or of whom it is a duplicate."""

    line: int
    state: State = "ok"
    why: str = ""
    values: dict[str, str] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)

    def known_as(self) -> list[tuple[str, str]]:
        return [(kind, self.values[kind]) for kind in IDENTITIES if self.values.get(kind)]


def decode(data: bytes) -> tuple[str, str]:
    """The text of a file and how it is encoded: by its mark, else UTF-8, else Windows-1252. Raises `NotATable`."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[:200].count(0) > len(data[:200]) // 4:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8-sig":
            raise NotATable("The file begins as UTF-16 and goes on as something else. Save it as UTF-8.") from None
        encoding = "cp1252"
        text = data.decode(encoding, "replace")
    if "\0" in text:
        raise NotATable(
            f"Line {text[: text.index(chr(0))].count(chr(10)) + 1} holds a NUL character. Is it a CSV file?"
        )
    return text, encoding.removesuffix("-sig")


def delimiter_of(text: str) -> str:
    """What stands between the cells: whichever parts the first lines into equally many, the most of them."""
    lines = [row for row in text.splitlines()[:20] if row.strip()]
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        if counts and counts[0] > 1:
            score = counts[0] * sum(count == counts[0] for count in counts)
            if score > most:
                best, most = delimiter, score
    return best


def sheet(data: bytes) -> Sheet:
    """The file as a table. Raises `NotATable`."""
    text, encoding = decode(data)
    delimiter = delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((begins, row))
            begins = reader.line_num + 1
            if len(rows) > MOST_ROWS + 1:
                raise NotATable(f"The file has more than {MOST_ROWS:,} rows. Split it.")
    except csv.Error as error:
        raise NotATable(f"Line {begins}: {_plain(error)}") from None
    if not rows:
        raise NotATable("The file is empty.")
    header = [cell.strip()[:64] for cell in rows[0][1]]
    if len(header) > MOST_COLUMNS:
        raise NotATable(f"The file has more than {MOST_COLUMNS} columns.")
    return Sheet(header, rows[1:], encoding, delimiter)


def _plain(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end of data" in words:
        return "a quote is opened and never closed."
    if "expected after" in words:
        return "something stands behind a closing quote. Double quotes inside of a quoted cell."
    return f"{words}."


def guess(header: Sequence[str]) -> list[str]:
    """What each column is likely to be: a field, a custom field, or "" to leave it out."""
    taken: set[str] = set()
    made = []
    for name in header:
        plain = re.sub(r"[\s_-]+", " ", name.strip().lower())
        found = next((key for key, names in _GUESSES.items() if plain in names and key not in taken), "")
        taken.add(found)
        made.append(found or (f"{CUSTOM}{name}" if name and plain not in _IGNORED else ""))
    return made


def check(table: Sheet, mapping: Sequence[str], region: str) -> list[Row]:
    """Every row as it would be imported, as far as the file alone tells."""
    seen: dict[tuple[str, str], int] = {}
    made = []
    for line, cells in table.rows:
        row = _row(line, cells, table.header, mapping, region)
        if row.state == "ok":
            repeated = next((seen[one] for one in row.known_as() if one in seen), 0)
            if repeated:
                row.state, row.why = "duplicate", f"the same as line {repeated}"
            for one in row.known_as():
                seen.setdefault(one, line)
        made.append(row)
    return made


def _row(line: int, cells: Sequence[str], header: Sequence[str], mapping: Sequence[str], region: str) -> Row:
    row = Row(line)
    if len(cells) != len(header):
        row.state, row.why = "bad", f"has {len(cells)} cells, the first line {len(header)}"
        return row
    for column, cell in zip(mapping, cells, strict=False):
        value = _without_quote(cell.strip())
        if not column or not value:
            continue
        try:
            if column.startswith(CUSTOM):
                row.custom[column.removeprefix(CUSTOM)[:64]] = _text(value, 2_000)
            else:
                row.values[column] = _value(column, value, region)
        except ValueError as error:
            row.state, row.why = "bad", f"{column.removeprefix(CUSTOM)}: {error}"
            row.values[column] = cell[:100]
    if row.state == "ok" and not row.known_as() and not row.values.get("name"):
        row.state, row.why = "bad", "has no name, number or address"
    return row


def _without_quote(cell: str) -> str:
    """A cell without the quote that keeps spreadsheets from reading it as a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def _text(value: str, most: int) -> str:
    if value[:1] in ("=", "@") or (value[:1] in ("+", "-") and not re.match(r"[+-][\d\s(]", value)):
        raise ValueError("looks like a spreadsheet formula")
    if len(value) > most:
        raise ValueError(f"has more than {most:,} characters")
    return value


def _value(column: str, value: str, region: str) -> str:
    if column in ("phone", "whatsapp"):
        return _number(value, region)
    if column in IDENTITIES:
        return identity.normal(column, _text(value, 320), region)
    if column == "time_zone" and value not in available_timezones():
        raise ValueError(f"{value!r} is no time zone; write one like Europe/Berlin")
    if column == "language" and not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", value):
        raise ValueError(f"{value!r} is no language; write one like en-US")
    return _text(value, {"name": 200, "notes": 10_000}.get(column, 64))


def _number(value: str, region: str) -> str:
    if re.search(r"[A-Za-z]", value.removeprefix("whatsapp:")):
        raise ValueError(f"{value!r} has letters in it")
    found = identity.normal("phone", value, region)
    if not found.startswith("+"):
        raise ValueError(f"{value!r} is a short code")
    if phonenumbers.number_type(phonenumbers.parse(found)) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        raise ValueError(f"{found} is a premium-rate number")
    return found


async def compare(db: AsyncSession, workspace_id: UUID, rows: Iterable[Row]) -> None:
    """Mark the rows whose customer is known already."""
    fine = [row for row in rows if row.state == "ok"]
    for start in range(0, len(fine), _AT_ONCE):
        some = fine[start : start + _AT_ONCE]
        known = await people.known_by(db, workspace_id, [value for row in some for _, value in row.known_as()])
        for row in some:
            held = [known[one] for one in row.known_as() if one in known]
            if len(set(held)) > 1:
                row.state, row.why = "bad", "its numbers and addresses are of different customers: merge them first"
            elif held:
                row.state, row.why = "duplicate", f"known already as customer {held[0]}"


async def carry_out(
    hub: Context, workspace_id: UUID, rows: Sequence[Row], *, by: str, update: bool = False, run: UUID | None = None
) -> Mapping[str, int]:
    """Import what is ok; with `update`, fill what known customers lack. How many were made, updated and left out.

    What is done is counted in the `CustomerImport` of this id, in the transaction that does it.
    """
    done = {"created": 0, "updated": 0, "left_out": 0}
    for start in range(0, len(rows), _AT_ONCE):
        async with hub.store.write() as db:
            for row in rows[start : start + _AT_ONCE]:
                done[await _take(db, hub, workspace_id, row, update=update)] += 1
            await _count(db, run, done, hub.clock.now())
    async with hub.store.write() as db:
        now = hub.clock.now()
        await _count(db, run, done, now, ended_at=now)
        note(db, workspace_id, by, "customers.imported", "", now, **done)
    return done


async def _count(db: AsyncSession, run: UUID | None, done: Mapping[str, int], now: datetime, **more: Any) -> None:
    made = await db.get(CustomerImport, run) if run is not None else None
    if made is not None:
        for name, value in {**done, "updated_at": now, **more}.items():
            setattr(made, name, value)


async def begin(hub: Context, file: StoredFile, rows: Sequence[Row], *, by: str, update: bool) -> CustomerImport:
    """Import the rows of this file beside the request; the file goes when that is done. One that runs goes on."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        await lock(db, file.workspace_id, "import", str(file.id))
        made = await takeout.running_import(db, file.workspace_id, file.id, now - STOPPED_AFTER)
        if made is not None:
            return made
        made = CustomerImport(
            workspace_id=file.workspace_id, file_id=file.id, name=file.name, by=by, total=len(rows),
            created_at=now, updated_at=now,
        )  # fmt: skip
        db.add(made)

    async def run() -> None:
        await carry_out(hub, file.workspace_id, rows, by=by, update=update, run=made.id)
        await files.forget(hub, file)

    hub.spawn(run())
    return made


def stopped(run: CustomerImport, now: datetime) -> bool:
    """Whether the process that carried it out is gone."""
    return run.ended_at is None and now - run.updated_at > STOPPED_AFTER


async def _take(db: AsyncSession, hub: Context, workspace_id: UUID, row: Row, *, update: bool) -> str:
    if row.state == "bad" or (row.state == "duplicate" and not update):
        return "left_out"
    known = row.known_as()
    for one in sorted(known):
        await lock(db, workspace_id, *one)
    held = {
        found.customer_id for kind, value in known if (found := await people.identity(db, workspace_id, kind, value))
    }
    if len(held) > 1 or (held and not update):
        return "left_out"
    now = hub.clock.now()
    customer = await people.customer(db, workspace_id, held.pop()) if held else None
    word = "updated"
    if customer is None:
        word, customer = "created", Customer(id=new_id(), workspace_id=workspace_id, created_at=now, updated_at=now)
        db.add(customer)
        await db.flush()
    _fill(customer, row)
    customer.updated_at = now
    mine = {(one.kind, one.value) for one in await people.identities(db, workspace_id, customer.id)}
    for kind, value in known:
        if (kind, value) not in mine:
            db.add(
                Identity(
                    workspace_id=workspace_id, customer_id=customer.id, kind=kind, value=value, source="import",
                    created_at=now,
                )
            )  # fmt: skip
    if word == "created":
        await identity.remember_refusals(db, workspace_id, customer.id, known)
    await db.flush()
    return word


def _fill(customer: Customer, row: Row) -> None:
    """What the customer has no value for."""
    for name in ("name", "language", "time_zone", "notes"):
        if not getattr(customer, name) and row.values.get(name):
            setattr(customer, name, row.values[name])
    customer.custom_fields = {**row.custom, **customer.custom_fields}


async def region_of(hub: Context, workspace_id: UUID) -> str:
    """Where numbers without a country are read as of."""
    async with hub.store.read() as db:
        workspace = await agents.workspace(db, workspace_id)
    return workspace.default_region if workspace else "US"
