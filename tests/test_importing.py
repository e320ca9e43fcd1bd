"""Customers as CSV: whatever wrote the file, every row is judged before anything is done; exports run nothing."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channel import File
from hub.core import exporting, files, importing
from hub.core.importing import NotATable, check, guess, sheet
from hub.models import Consent, Customer, CustomerImport, Identity, StoredFile
from hub.models.columns import new_id
from hub.store import Store, people
from tests.fakes import FakeClock
from tests.test_customers_merging import says
from tests.world import core, furnish

pytestmark = pytest.mark.anyio
TEXT = "Name,Phone,Straße\nZoë “Z” Müller,+12025550101,Hauptstraße 1\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters_are_found_out(encoding: str, delimiter: str) -> None:
    table = sheet(TEXT.replace(",", delimiter).encode(encoding))
    assert table.header == ["Name", "Phone", "Straße"]
    assert table.rows == [(2, ["Zoë “Z” Müller", "+12025550101", "Hauptstraße 1"])]
    assert table.delimiter == delimiter


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b'name,phone\nAna,"+1202', "Line 2: a quote is opened and never closed"),
        (b'name\n"Ana"x\n', "Line 2: something stands behind a closing quote"),
        (b"name,phone\nAna\0,1\n", "Line 2 holds a NUL"),
        (b"\xff\xfen\0a\0", None),
        (("name," * 101 + "x\n").encode(), "more than 100 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(data: bytes, words: str | None) -> None:
    if words is None:
        assert sheet(data).header == ["na"]
        return
    with pytest.raises(NotATable, match=words):
        sheet(data)


def judged(line: str, header: str = "name,phone,email,time zone,note,plan", **more: Any) -> tuple[str, str]:
    table = sheet(f"{header}\n{line}\n".encode())
    row = check(table, guess(table.header), more.get("region", "US"))[-1]
    return row.state, row.why


@pytest.mark.parametrize(
    ("line", "state", "why"),
    [
        ("Ana,(202) 555-0101,,,,", "ok", ""),
        ("Ana,'+12025550101,ana@example.com,Europe/Berlin,-3 degrees,+5", "ok", ""),
        ("Ana,1-800-FLOWERS,,,,", "bad", "letters"),
        ("Ana,+19005550101,,,,", "bad", "premium"),
        ("Ana,12345,,,,", "bad", "short code"),
        ("Ana,+1202,,,,", "bad", "wrong length"),
        ("=cmd|' /C calc'!A0,,ana@example.com,,,", "bad", "formula"),
        ("Ana,,ana@example.com,,@SUM(1),", "bad", "formula"),
        ("Ana,,ana@example.com,,,=1+1", "bad", "plan: looks like a spreadsheet formula"),
        ("Ana,,not a mailbox,,,", "bad", "email"),
        ("Ana,,ana@example.com,Mars/North,,", "bad", "no time zone"),
        ("Ana,+12025550101", "bad", "has 2 cells, the first line 6"),
        (",,,,hello,", "bad", "no name, number or address"),
    ],
)
def test_every_row_is_judged_with_its_reason(line: str, state: str, why: str) -> None:
    found = judged(line)
    assert found[0] == state, found
    assert why in found[1]


def test_a_row_that_stands_twice_is_a_duplicate_and_lines_count_as_the_file_has_them() -> None:
    table = sheet(b'name,phone\n"Ana\nMaria",+12025550101\n\nBen,+1 202 555 0101\n')
    rows = check(table, guess(table.header), "US")
    assert [(row.line, row.state, row.why) for row in rows] == [
        (2, "ok", ""), (5, "duplicate", "the same as line 2"),
    ]  # fmt: skip


@given(st.text(max_size=40))
def test_no_exported_cell_is_a_formula_and_all_come_back(value: str) -> None:
    (read,) = next(csv.reader(io.StringIO(exporting.line([value]), newline="")), [""])
    assert read[:1] not in ("=", "-", "@", "\t", "\r")
    assert read[:1] != "+" or read[1:].isdigit()
    assert read.removeprefix("'") == value.removeprefix("'")


async def test_an_import_adds_what_is_new_and_fills_what_is_missing(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        ana = await says(made, "+12025550101", "Hello")
        data = b"name,phone,email,plan\nAna,+12025550101,ana@example.com,gold\nBen,+12025550102,,\nBad,1,,\n"
        table = sheet(data)
        rows = check(table, guess(table.header), "US")
        async with store.read() as db:
            await importing.compare(db, home.workspace_id, rows)
        assert [row.state for row in rows] == ["duplicate", "ok", "bad"]
        done = await importing.carry_out(made.context, home.workspace_id, rows, by="Ana", update=True)
        assert done == {"created": 1, "updated": 1, "left_out": 1}
        again = await importing.carry_out(made.context, home.workspace_id, rows, by="Ana")
        assert again == {"created": 0, "updated": 0, "left_out": 3}
        found = await made.records.one(Customer, Customer.id == ana)
        assert (found.name, found.custom_fields) == ("Ana", {"plan": "gold"})
        assert len(await made.records.all(Identity)) == 3
        assert await made.records.all(Consent) == []
        told = "".join([line async for line in exporting.customers_csv(made.context, home.workspace_id)])
        lines = list(csv.DictReader(io.StringIO(told.lstrip("\ufeff"))))
        assert [(one["name"], one["phone"], one["plan"]) for one in lines] == [
            ("Ben", "+12025550102", ""), ("Ana", "+12025550101", "gold"),
        ]  # fmt: skip
        async with store.read() as db:
            assert len(await people.customers(db, home.workspace_id)) == 2


async def test_an_import_that_was_cut_off_goes_on_with_the_rest(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        made.context.data_dir = tmp_path
        text = "Name,Phone\n" + "".join(f"Person {n},(202) 555-{n:04}\n" for n in range(100, 160))
        file = await files.take_up(made.context, home.workspace_id, File("people.csv", "text/csv", text.encode()))
        table = importing.sheet(text.encode())
        rows = importing.check(table, ["name", "phone"], "US")
        run = await importing.begin(made.context, file, rows, by="Ana", update=False)
        again = await importing.begin(made.context, file, rows, by="Ana", update=False)
        assert again.id == run.id, "a second click starts no second import"
        await made.settled()
        done = await made.records.one(CustomerImport)
        assert (done.seen, done.total, done.created) == (60, 60, 60)
        assert done.ended_at is not None
        assert not importing.stopped(done, clock.now())
        assert await made.records.all(StoredFile) == []
        async with store.write() as db:  # as a process leaves it that was killed
            cut = CustomerImport(
                workspace_id=home.workspace_id, file_id=new_id(), total=60, created=20,
                created_at=clock.now(), updated_at=clock.now(),
            )  # fmt: skip
            db.add(cut)
        clock.forward(seconds=31)
        assert importing.stopped(cut, clock.now())
        rest = importing.check(table, ["name", "phone"], "US")
        async with store.read() as db:
            await importing.compare(db, home.workspace_id, rest)
        assert {row.state for row in rest} == {"duplicate"}
