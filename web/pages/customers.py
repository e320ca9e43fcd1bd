"""Customers: the list with its search, and one person with all that is known of them."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Customer
from hub.store import agents, interactions, people
from web import auth
from web.pages.form import Errors, Form, found, read, storable, uuid_or_404
from web.pages.page import AnyRequest, go, page
from web.pages.zones import known_zone

PAGE_SIZE = 50
MOST_NOTES = 10_000
MOST_CUSTOM_FIELDS = 50


@get("/customers", opt={"roles": auth.EVERYONE})
async def listing(request: AnyRequest, q: str = "", before: str = "") -> Template:
    """The newest first; `q` looks in names and identities."""
    workspace_id = request.user.workspace_id
    text = q.strip()[:200] if storable(q) else ""
    after = uuid_or_404(before) if before else None
    async with request.app.state.store.read() as db:
        rows = await people.customers(db, workspace_id, text=text, before=after, limit=PAGE_SIZE + 1)
        shown = rows[:PAGE_SIZE]
        identities = await people.identities(db, workspace_id, *(row.id for row in shown))
        last = {row.id: await interactions.last_of_customer(db, workspace_id, row.id) for row in shown}
    known: dict[UUID, list[Any]] = {row.id: [] for row in shown}
    for identity in identities:
        known[identity.customer_id].append(identity)
    return page(
        request, "customers/list.html", "customers",
        customers=shown, known=known, last=last, q=text, before=before, more=len(rows) > PAGE_SIZE,
    )  # fmt: skip


async def _customer(request: AnyRequest, customer_id: str) -> Customer:
    async with request.app.state.store.read() as db:
        return found(await people.customer(db, request.user.workspace_id, uuid_or_404(customer_id)), "customer")


@get("/customers/{customer_id:str}", opt={"roles": auth.EVERYONE})
async def customer(request: AnyRequest, customer_id: str) -> Template:
    """One person: identities, consent, notes, custom fields, everything said."""
    return await _page(request, await _customer(request, customer_id))


async def _page(
    request: AnyRequest, person: Customer, given: dict[str, str] | None = None, errors: Errors | None = None,
    status: int = 200,
) -> Template:  # fmt: skip
    workspace_id = request.user.workspace_id
    fields = "\n".join(f"{name} = {value}" for name, value in person.custom_fields.items())
    stored = {
        "name": person.name, "language": person.language, "time_zone": person.time_zone,
        "notes": person.notes, "custom_fields": fields,
    }  # fmt: skip
    async with request.app.state.store.read() as db:
        rows = await interactions.of_customer(db, workspace_id, person.id)
        return page(
            request, "customers/customer.html", "customers", status=status,
            customer=person, values=given or stored, errors=errors or {},
            identities=await people.identities(db, workspace_id, person.id),
            consents=await people.consents(db, workspace_id, person.id),
            timeline=rows, names=await _agent_names(db, workspace_id),
            may_edit=request.user.user.role in auth.SUPPORT,
        )  # fmt: skip


async def _agent_names(db: AsyncSession, workspace_id: UUID) -> dict[UUID, str]:
    return {row.id: row.name for row in await agents.agents(db, workspace_id, archived=True)}


@post("/customers/{customer_id:str}", opt={"roles": auth.SUPPORT}, status_code=200)
async def save(request: AnyRequest, customer_id: str) -> Response[Any] | Template:
    """Change what is noted of a person."""
    form, person = await read(request), await _customer(request, customer_id)
    given = {name: form.text(name) for name in ("name", "language", "time_zone", "notes", "custom_fields")}
    fields, errors = _custom_fields(form)
    if len(given["name"]) > 200:
        errors["name"] = f"At most 200 characters; this has {len(given['name'])}."
    if len(given["notes"]) > MOST_NOTES:
        errors["notes"] = f"At most {MOST_NOTES:,} characters; this has {len(given['notes']):,}."
    if len(given["language"]) > 35:
        errors["language"] = "Write a language like en-US."
    if given["time_zone"] and not known_zone(given["time_zone"]):
        errors["time_zone"] = "Write a time zone like America/New_York, or leave it empty."
    if errors:
        return await _page(request, person, given, errors, 422)
    async with request.app.state.store.write() as db:
        kept = found(await people.customer(db, request.user.workspace_id, person.id), "customer")
        kept.name, kept.language, kept.time_zone = given["name"], given["language"], given["time_zone"]
        kept.notes, kept.custom_fields = given["notes"], fields
        kept.updated_at = request.app.state.clock.now()
    return go(request, f"/customers/{person.id}", "Saved.")


def _custom_fields(form: Form) -> tuple[dict[str, str], Errors]:
    """One `name = value` a line."""
    made: dict[str, str] = {}
    for line in form.text("custom_fields").split("\n"):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not equals or not name:
            return {}, {"custom_fields": f"Write one “name = value” a line; this is none: {line[:60]}"}
        made[name[:64]] = value[:2_000]
    if len(made) > MOST_CUSTOM_FIELDS:
        return {}, {"custom_fields": f"At most {MOST_CUSTOM_FIELDS} fields; these are {len(made)}."}
    return made, {}


HANDLERS = [listing, customer, save]
