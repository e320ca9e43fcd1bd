"""What is done on a customer's page: identities, codes, consent, a message, merging, splitting, erasing, exports."""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from hub import policy
from hub.core import customers, erasing, exporting, verifying
from hub.core.audit import note
from hub.core.customers import NoCustomer, NotPossible
from hub.core.deliver import deliver
from hub.core.hub import Hub
from hub.core.sending import choose
from hub.identity import NotAnIdentity
from hub.models import Consent, Customer
from hub.models.customer import called
from hub.ownership import NotYours, Taken
from hub.store import people, story
from web import auth
from web.api.takeout import csv_file
from web.pages.customers import PURPOSES, customer_of
from web.pages.form import Form, found, read, storable, uuid_or_404
from web.pages.page import AnyRequest, go, page

_REFUSED = (NotPossible, NoCustomer, NotAnIdentity, policy.NotAllowed, Taken, NotYours)
MOST_FOUND = 8


async def _done(request: AnyRequest, person: Customer, act: Awaitable[Any], said: str) -> Response[Any]:
    """Do it and say so, or say why not, on the customer's page."""
    try:
        await act
    except _REFUSED as error:
        return go(request, f"/customers/{person.id}", str(error), "error")
    return go(request, f"/customers/{person.id}", said)


def _by(request: AnyRequest) -> str:
    return str(request.user.user.name)


# identities and codes


@post("/customers/{customer_id:str}/identities", opt={"roles": auth.SUPPORT}, status_code=200)
async def add_identity(request: AnyRequest, customer_id: str) -> Response[Any]:
    """They are known by this too."""
    form, person = await read(request), await customer_of(request, customer_id)
    kind, value = form.text("kind"), form.text("value")
    if kind not in ("phone", "email", "whatsapp", "crm"):
        return go(request, f"/customers/{person.id}", "Choose what it is.", "error")
    act = customers.add_identity(
        request.app.state.hub.context, request.user.workspace_id, person.id, kind, value, by=_by(request),
        source="operator",
    )  # fmt: skip
    return await _done(request, person, act, "Added.")


@post("/customers/{customer_id:str}/identities/{identity_id:str}/remove", opt={"roles": auth.SUPPORT}, status_code=200)
async def remove_identity(request: AnyRequest, customer_id: str, identity_id: str) -> Response[Any]:
    """They are known by this no more."""
    await read(request)
    person, context = await customer_of(request, customer_id), request.app.state.hub.context
    act = customers.remove_identity(
        context, request.user.workspace_id, person.id, uuid_or_404(identity_id), by=_by(request)
    )
    return await _done(request, person, act, "Removed. What was said by it stays here.")


@post("/customers/{customer_id:str}/codes", opt={"roles": auth.SUPPORT}, status_code=200)
async def send_code(request: AnyRequest, customer_id: str) -> Response[Any]:
    """Send them a one-time code."""
    form, person = await read(request), await customer_of(request, customer_id)
    context = request.app.state.hub.context

    async def act() -> None:
        sent = await verifying.send_code(
            context, request.user.workspace_id, person.id, form.text("kind"), form.text("value"), by=_by(request)
        )
        context.spawn(deliver(context, sent.by_interaction_id))

    return await _done(request, person, act(), "A code is on its way. Ask them for it, and enter it here.")


@post("/customers/{customer_id:str}/codes/check", opt={"roles": auth.SUPPORT}, status_code=200)
async def check_code(request: AnyRequest, customer_id: str) -> Response[Any]:
    """Enter what they read out."""
    form, person = await read(request), await customer_of(request, customer_id)
    context, workspace_id = request.app.state.hub.context, request.user.workspace_id
    try:
        proved = await verifying.check_code(context, workspace_id, person.id, form.text("code"), by=_by(request))
    except _REFUSED as error:
        return go(request, f"/customers/{person.id}", str(error), "error")
    return go(request, f"/customers/{proved.customer_id}", f"Verified: {proved.value}.")


# consent


@post("/customers/{customer_id:str}/consents", opt={"roles": auth.SUPPORT}, status_code=200)
async def record_consent(request: AnyRequest, customer_id: str) -> Response[Any]:
    """What they agreed to or refused, as they told a colleague."""
    form, person = await read(request), await customer_of(request, customer_id)
    state, purpose, channel = form.text("state"), form.text("purpose"), form.text("channel")
    context, now = request.app.state.hub.context, request.app.state.clock.now()
    if state not in ("granted", "revoked") or purpose not in dict(PURPOSES) or channel not in ("", *context.channels):
        return go(request, f"/customers/{person.id}", "Choose what they said, about what, and where.", "error")
    async with request.app.state.store.write() as db:
        db.add(
            Consent(
                workspace_id=person.workspace_id, customer_id=person.id, identity_kind="", identity_value="",
                channel=channel, purpose=purpose, state=state, source="operator", evidence=form.text("evidence")[:500],
                by=_by(request), created_at=now,
            )
        )  # fmt: skip
        if state == "revoked":
            await policy.cancel_waiting(db, person.workspace_id, person.id, now, channel, purpose=purpose)
    return go(request, f"/customers/{person.id}", "Written down.")


@get("/customers/consents.csv", opt={"roles": auth.SUPPORT})
async def consents_file(request: AnyRequest) -> Response[Any]:
    """The whole consent ledger."""
    return csv_file(exporting.consents_csv(request.app.state.hub.context, request.user.workspace_id), "consents.csv")


# a message


@post("/customers/{customer_id:str}/send/preview", opt={"roles": auth.SUPPORT}, status_code=200)
async def preview(request: AnyRequest, customer_id: str) -> Template:
    """How it would be sent, and why not otherwise."""
    form, person = await read(request), await customer_of(request, customer_id)
    async with request.app.state.store.read() as db:
        choice = await choose(
            db, request.app.state.hub.context, person, form.raw("text"),
            purpose="marketing" if form.on("marketing") else "", channel=form.text("channel"),
        )  # fmt: skip
    return page(request, "customers/preview.html", choice=choice)


@get("/customers/{customer_id:str}/send", opt={"roles": auth.SUPPORT})
async def send_form(request: AnyRequest, customer_id: str, back: str = "") -> Template:
    """The form alone; `back` is the interaction in the inbox it was opened from."""
    person = await customer_of(request, customer_id)
    from_inbox = str(uuid_or_404(back)) if back else ""
    async with request.app.state.store.read() as db:
        known = await people.identities(db, person.workspace_id, person.id)
    return page(
        request, "customers/send.html", "customers", customer=person, channels=request.app.state.hub.context.channels,
        title=called(person.name, known[0].value if known else ""), back="inbox" if from_inbox else "",
        way_back=f"/inbox?view=all&interaction={from_inbox}" if from_inbox else f"/customers/{person.id}",
    )  # fmt: skip


@post("/customers/{customer_id:str}/send", opt={"roles": auth.SUPPORT}, status_code=200)
async def send(request: AnyRequest, customer_id: str) -> Response[Any]:
    """Say it by the best way."""
    form, person = await read(request), await customer_of(request, customer_id)
    hub: Hub = request.app.state.hub
    try:
        said = await hub.send_to(
            request.user.workspace_id, person.id, form.raw("text"), channel=form.text("channel"),
            purpose="marketing" if form.on("marketing") else "", subject=form.text("subject")[:300],
            operator=request.user.user,
        )  # fmt: skip
    except _REFUSED as error:
        return go(request, f"/customers/{person.id}", str(error), "error")
    label = hub.context.channels[said.channel].label or said.channel
    back = form.text("back")
    inbox = back == "inbox"
    path = f"/inbox?view=all&interaction={said.interaction_id}" if inbox else f"/customers/{person.id}"
    return go(request, path, f"Sent by {label}.")


# merge, split, undo


@get("/customers/{customer_id:str}/merge", opt={"roles": auth.SUPPORT})
async def merge_search(request: AnyRequest, customer_id: str, q: str = "", other: str = "") -> Template:
    """Others to merge with; with `other`, what would go where."""
    person, workspace_id = await customer_of(request, customer_id), request.user.workspace_id
    async with request.app.state.store.read() as db:
        if other:
            chosen = found(await people.customer(db, workspace_id, uuid_or_404(other)), "customer")
            sides = [await _side(db, workspace_id, one) for one in (person, chosen)]
            both = all(any(one.strength == "verified" for one in side["identities"]) for side in sides)
            merged = customers.merged_fields(_fields(person), _fields(chosen))
            return page(request, "customers/merge_preview.html", customer=person, sides=sides, both=both, merged=merged)
        text = q.strip()[:200] if storable(q) else ""
        rows = [
            one
            for one in await people.customers(db, workspace_id, text=text, limit=MOST_FOUND + 1)
            if one.id != person.id
        ]
        known = await people.identities(db, workspace_id, *(one.id for one in rows))
    return page(request, "customers/merge_found.html", customer=person, rows=rows[:MOST_FOUND], known=known, q=text)


def _fields(person: Customer) -> dict[str, Any]:
    return {name: getattr(person, name) for name in ("name", "language", "time_zone", "notes", "custom_fields")}


async def _side(db: Any, workspace_id: UUID, person: Customer) -> dict[str, Any]:
    identities = await people.identities(db, workspace_id, person.id)
    title = called(person.name, identities[0].value if identities else "")
    figures = await story.figures(db, workspace_id, person.id)
    return {"customer": person, "title": title, "identities": identities, "figures": figures}


@post("/customers/{customer_id:str}/merge", opt={"roles": auth.SUPPORT}, status_code=200)
async def merge(request: AnyRequest, customer_id: str) -> Response[Any]:
    """The other one's things are this one's; or the other way round."""
    form, person = await read(request), await customer_of(request, customer_id)
    other = uuid_or_404(form.text("other"))
    kept, gone = (person.id, other) if form.text("keep") != "other" else (other, person.id)
    try:
        await customers.merge(
            request.app.state.hub.context, request.user.workspace_id, kept, gone, by=_by(request)
        )  # fmt: skip
    except _REFUSED as error:
        return go(request, f"/customers/{person.id}", str(error), "error")
    return go(request, f"/customers/{kept}", "Merged. You can undo it here.")


@post("/customers/{customer_id:str}/split", opt={"roles": auth.SUPPORT}, status_code=200)
async def split(request: AnyRequest, customer_id: str) -> Response[Any]:
    """Some identities, and what came by them, are somebody else's."""
    form, person = await read(request), await customer_of(request, customer_id)
    ids = [uuid_or_404(one) for one in form.all("identity")]
    act = customers.split(
        request.app.state.hub.context, request.user.workspace_id, person.id, ids, by=_by(request),
        name=form.text("name"),
    )  # fmt: skip
    return await _done(request, person, act, "Split. You can undo it here.")


@post("/customers/{customer_id:str}/changes/{change_id:str}/undo", opt={"roles": auth.SUPPORT}, status_code=200)
async def undo(request: AnyRequest, customer_id: str, change_id: str) -> Response[Any]:
    """As it was before."""
    await read(request)
    person = await customer_of(request, customer_id)
    act = customers.undo(
        request.app.state.hub.context, request.user.workspace_id, uuid_or_404(change_id), by=_by(request), of=person.id
    )
    return await _done(request, person, act, "Undone: everything is where it was.")


# out of here


@get("/customers/{customer_id:str}/export", opt={"roles": auth.SUPPORT})
async def export(request: AnyRequest, customer_id: str) -> Response[Any]:
    """Everything about them, as a file."""
    person = await customer_of(request, customer_id)
    made = await exporting.everything_of(request.app.state.hub.context, person.workspace_id, person.id)
    async with request.app.state.store.write() as db:
        note(db, person.workspace_id, _by(request), "customer.exported", person.id, request.app.state.clock.now())
    headers = {"Content-Disposition": f'attachment; filename="customer-{person.id}.json"'}
    return Response(made, media_type="application/json", headers=headers)


@get("/customers/customers.csv", opt={"roles": auth.SUPPORT})
async def export_all(request: AnyRequest, q: str = "") -> Response[Any]:
    """All customers, or those found."""
    context, workspace_id = request.app.state.hub.context, request.user.workspace_id
    text = q.strip()[:200] if storable(q) else ""
    async with request.app.state.store.write() as db:
        note(db, workspace_id, _by(request), "customers.exported", "", request.app.state.clock.now())
    return csv_file(exporting.customers_csv(context, workspace_id, text), "customers.csv")


@post("/customers/{customer_id:str}/erase", opt={"roles": auth.ADMINS}, status_code=200)
async def erase(request: AnyRequest, customer_id: str) -> Response[Any]:
    """Everything about them goes, once the word is typed."""
    form, person = await read(request), await customer_of(request, customer_id)
    if not _confirmed(form):
        return go(request, f"/customers/{person.id}", "Nothing was erased: type ERASE to confirm.", "error")
    context = request.app.state.hub.context
    try:
        await erasing.erase(context, request.user.workspace_id, person.id, by=_by(request))
    except _REFUSED as error:
        return go(request, f"/customers/{person.id}", str(error), "error")
    return go(request, "/customers", "Erased. Nothing of them is left here.")


def _confirmed(form: Form) -> bool:
    return form.text("confirm").casefold() == "erase"


HANDLERS = [
    add_identity, remove_identity, send_code, check_code, record_consent, consents_file, preview, send_form, send,
    merge_search, merge, split, undo, export, export_all, erase,
]  # fmt: skip
