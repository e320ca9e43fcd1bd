"""Customers: the list with its search, and one person: what they are known by, agreed to, and all that was said."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Customer
from hub.store import agents, interactions, merging, people, story
from web import auth
from web.pages.form import Errors, Form, found, read, storable, uuid_or_404
from web.pages.page import AnyRequest, go, page
from web.pages.zones import known_zone

PAGE_SIZE = 50
MOST_NOTES = 10_000
MOST_CUSTOM_FIELDS = 50
PURPOSES = (
    ("messages", "Messages"),
    ("marketing", "Marketing"),
    ("calls", "Calls"),
    ("recording", "Recording of calls"),
)
KINDS = (("phone", "Phone"), ("email", "Email"), ("whatsapp", "WhatsApp"), ("crm", "CRM id"))
WHO = (("", "Everyone"), ("customer", "By the customer"), ("us", "By us"), ("notes", "Notes"))


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
        may_edit=request.user.user.role in auth.SUPPORT,
    )  # fmt: skip


async def customer_of(request: AnyRequest, customer_id: str) -> Customer:
    """The customer of this address. Raises `NotFoundException`."""
    async with request.app.state.store.read() as db:
        return found(await people.customer(db, request.user.workspace_id, uuid_or_404(customer_id)), "customer")


@get("/customers/{customer_id:str}", opt={"roles": auth.EVERYONE})
async def customer(request: AnyRequest, customer_id: str) -> Response[Any] | Template:
    """One person: identities, consent, notes, custom fields, everything said."""
    person = await customer_of(request, customer_id)
    if person.merged_into is not None:
        return go(request, f"/customers/{person.merged_into}", "That record was merged into this one.")
    return await show(request, person)


async def show(
    request: AnyRequest, person: Customer, given: dict[str, str] | None = None, errors: Errors | None = None,
    status: int = 200,
) -> Template:  # fmt: skip
    """The page of a customer; `given` and `errors` of the form of what is noted."""
    workspace_id, state = request.user.workspace_id, request.app.state
    fields = "\n".join(f"{name} = {value}" for name, value in person.custom_fields.items())
    stored = {
        "name": person.name, "language": person.language, "time_zone": person.time_zone,
        "notes": person.notes, "custom_fields": fields,
    }  # fmt: skip
    channels = state.hub.context.channels
    async with state.store.read() as db:
        identities = await people.identities(db, workspace_id, person.id)
        changes = await merging.changes(db, workspace_id, person.id)
        others = {change.other_id if change.customer_id == person.id else change.customer_id for change in changes}
        return page(
            request, "customers/customer.html", "customers", status=status,
            customer=person, values=given or stored, errors=errors or {},
            identities=identities, consents=await people.consents(db, workspace_id, person.id),
            lookalikes=await story.lookalikes(db, person, identities),
            changes=changes, undoable=next((one for one in changes if one.undone_at is None), None),
            others={one: await people.customer(db, workspace_id, one) for one in others},
            channels=channels, used=await story.channels_of(db, workspace_id, person.id),
            purposes=PURPOSES, kinds=KINDS,
            verifiable={"phone": "sms" in channels, "whatsapp": "sms" in channels, "email": "email" in channels},
            may_edit=request.user.user.role in auth.SUPPORT, may_erase=request.user.user.role in auth.ADMINS,
            **await _story(request, db, person.id),
        )  # fmt: skip


async def _story(request: AnyRequest, db: AsyncSession, customer_id: UUID) -> dict[str, Any]:
    given = request.query_params
    channel = given.get("channel", "")[:40]
    channel = channel if storable(channel) else ""
    who = given.get("who", "") if given.get("who", "") in dict(WHO) else ""
    channels = request.app.state.hub.context.channels
    live = [name for name, one in channels.items() if one.limits.live] or ["call"]
    try:
        told = await story.chapter(
            db, request.user.workspace_id, customer_id, live,
            channel=channel, who=who, before=given.get("before", ""),
        )  # fmt: skip
    except ValueError:
        raise NotFoundException("There is nothing at this address.") from None
    names = await _agent_names(db, request.user.workspace_id)
    return {"chapter": told, "channel": channel, "who": who, "whos": WHO, "names": names}


@get("/customers/{customer_id:str}/timeline", opt={"roles": auth.EVERYONE})
async def timeline(request: AnyRequest, customer_id: str) -> Template:
    """More of the timeline, or another part of it."""
    person = await customer_of(request, customer_id)
    async with request.app.state.store.read() as db:
        told = await _story(request, db, person.id)
    return page(
        request, "customers/timeline.html", customer=person, channels=request.app.state.hub.context.channels, **told
    )


async def _agent_names(db: AsyncSession, workspace_id: UUID) -> dict[UUID, str]:
    return {row.id: row.name for row in await agents.agents(db, workspace_id, archived=True)}


@post("/customers/{customer_id:str}", opt={"roles": auth.SUPPORT}, status_code=200)
async def save(request: AnyRequest, customer_id: str) -> Response[Any] | Template:
    """Change what is noted of a person."""
    form, person = await read(request), await customer_of(request, customer_id)
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
        return await show(request, person, given, errors, 422)
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


HANDLERS = [listing, customer, timeline, save]
