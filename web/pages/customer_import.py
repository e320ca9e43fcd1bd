"""Importing customers: a file, what its columns are, what is wrong with which row, and then it is done."""

import asyncio
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import File
from hub.core import files, importing
from hub.core.importing import CUSTOM, FIELDS, Row, Sheet
from hub.models import StoredFile
from hub.store import files as stored
from hub.store import takeout
from web import auth
from web.api.takeout import columns_of
from web.pages.form import Form, found, read, uuid_or_404
from web.pages.page import AnyRequest, go, is_htmx, page
from web.pages.zones import regions

MOST_BYTES = 10_000_000
MOST_SHOWN = 200
_NAMES = {
    "name": "Name", "phone": "Phone", "whatsapp": "WhatsApp", "email": "Email", "crm": "CRM id", "language": "Language",
    "time_zone": "Time zone", "notes": "Notes",
}  # fmt: skip


@get("/customers/import", opt={"roles": auth.SUPPORT})
async def choose_file(request: AnyRequest) -> Template:
    """The empty form."""
    return page(request, "customers/import.html", "customers", problem="")


@post("/customers/import", opt={"roles": auth.SUPPORT}, status_code=200, request_max_body_size=MOST_BYTES + 100_000)
async def upload(request: AnyRequest) -> Response[Any] | Template:
    """Keep the file, if it is a table."""
    form = await read(request)
    given = form.files.get("file")
    data = await given.read() if given is not None else b""
    try:
        if not data:
            raise importing.NotATable("Choose a CSV file.")
        if len(data) > MOST_BYTES:
            raise importing.NotATable("The file has more than 10 MB. Split it.")
        await asyncio.to_thread(importing.sheet, data)
    except importing.NotATable as error:
        return page(request, "customers/import.html", "customers", 422, problem=str(error))
    context = request.app.state.hub.context
    row = await files.take_up(context, request.user.workspace_id, File(_name(given), "text/csv", data))
    return go(request, f"/customers/import/{row.id}")


def _name(given: Any) -> str:
    return str(getattr(given, "filename", "") or "customers.csv")


@get("/customers/import/{file_id:str}", opt={"roles": auth.SUPPORT})
async def columns(request: AnyRequest, file_id: str) -> Template:
    """What each column is, as far as that can be guessed, and what would become of the rows."""
    return await _show(request, file_id, Form({}, {}))


@post("/customers/import/{file_id:str}", opt={"roles": auth.SUPPORT}, status_code=200)
async def check(request: AnyRequest, file_id: str) -> Response[Any] | Template:
    """The same with other columns; or, once that is asked for, the import itself."""
    form = await read(request)
    if not form.text("go"):
        return await _show(request, file_id, form)
    kept, table = await _table(request, file_id)
    try:
        mapping = columns_of(table, form.all("column"))
    except ValueError:
        return await _show(request, file_id, form)
    rows = await _rows(request, table, mapping, _region(form))
    run = await importing.begin(
        request.app.state.hub.context, kept, rows, by=request.user.user.name, update=form.on("update")
    )
    return go(request, f"/customers/imports/{run.id}")


@get("/customers/imports/{run_id:str}", opt={"roles": auth.SUPPORT})
async def progress(request: AnyRequest, run_id: str) -> Template:
    """How far an import has come; a fragment of it for the page that shows it already."""
    wanted = uuid_or_404(run_id)
    async with request.app.state.store.read() as db:
        run = found(await takeout.customer_import(db, request.user.workspace_id, wanted), "import")
    template = "customers/import_run.html" if is_htmx(request) else "customers/import_progress.html"
    return page(request, template, "customers", run=run, stopped=importing.stopped(run, request.app.state.clock.now()))


@post("/customers/import/{file_id:str}/forget", opt={"roles": auth.SUPPORT}, status_code=200)
async def forget(request: AnyRequest, file_id: str) -> Response[Any]:
    """Think better of it: the file goes."""
    await read(request)
    kept, _ = await _table(request, file_id)
    await files.forget(request.app.state.hub.context, kept)
    return go(request, "/customers", "Nothing was imported, and the file is gone.")


async def _table(request: AnyRequest, file_id: str) -> tuple[StoredFile, Sheet]:
    wanted: UUID = uuid_or_404(file_id)
    async with request.app.state.store.read() as db:
        kept = await _kept(db, request, wanted)
    try:
        data = await files.read(request.app.state.hub.context, kept)
        return kept, await asyncio.to_thread(importing.sheet, data)
    except (OSError, importing.NotATable):
        raise NotFoundException("The file to import is gone. Choose it again.") from None


async def _kept(db: AsyncSession, request: AnyRequest, file_id: UUID) -> StoredFile:
    row = await stored.file(db, request.user.workspace_id, file_id)
    return found(
        row if row and row.interaction_id is None and row.content_type == "text/csv" else None, "file to import"
    )


async def _rows(request: AnyRequest, table: Sheet, mapping: list[str], region: str) -> list[Row]:
    context, workspace_id = request.app.state.hub.context, request.user.workspace_id
    region = region or await importing.region_of(context, workspace_id)
    rows = await asyncio.to_thread(importing.check, table, mapping, region)
    async with request.app.state.store.read() as db:
        await importing.compare(db, workspace_id, rows)
    return rows


def _region(form: Form) -> str:
    return form.text("region") if form.text("region") in regions() else ""


async def _show(request: AnyRequest, file_id: str, form: Form) -> Template:
    kept, table = await _table(request, file_id)
    problem, mapping = "", form.all("column")
    try:
        mapping = columns_of(table, mapping)
    except ValueError as error:
        problem, mapping = str(error), importing.guess(table.header)
    context = request.app.state.hub.context
    region = _region(form) or await importing.region_of(context, request.user.workspace_id)
    rows = await _rows(request, table, mapping, region)
    counts = {state: sum(row.state == state for row in rows) for state in ("ok", "duplicate", "bad")}
    shown = sorted(rows, key=lambda row: {"bad": 0, "duplicate": 1, "ok": 2}[row.state])[:MOST_SHOWN]
    samples = [next((cells[at] for _, cells in table.rows if at < len(cells) and cells[at].strip()), "")
               for at in range(len(table.header))]  # fmt: skip
    return page(
        request, "customers/import_check.html", "customers", 422 if problem else 200,
        file=kept, table=table, mapping=mapping, samples=samples, rows=shown, total=len(rows), counts=counts,
        names=_NAMES, fields=FIELDS, custom=CUSTOM, region=region, regions=regions(), update=form.on("update"),
        problem=problem,
    )  # fmt: skip


HANDLERS = [choose_file, upload, columns, check, progress, forget]
