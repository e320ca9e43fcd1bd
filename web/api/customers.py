"""Customers: the people on the other side, and what they are known by."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity
from hub.core import customers
from hub.models import Customer, Identity
from hub.models.customer import IdentityKind, Strength
from hub.store import people
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import Language, PathId, Shape, TimeZone, patching, shown

_EXAMPLE = {"name": "Ana Gómez", "language": "es-MX", "time_zone": "America/Mexico_City"}
_IDENTITY = {"kind": "phone", "value": "+12025550141"}
_KNOWN = {
    "id": "0198c0de-0000-7000-8000-000000000005",
    **_IDENTITY,
    "strength": "asserted",
    "source": "api",
    "proof": {},
    "created_at": "2026-01-31T09:00:00Z",
}
_STORED = {
    "id": "0198c0de-0000-7000-8000-000000000004",
    **_EXAMPLE,
    "notes": "",
    "custom_fields": {"plan": "gold"},
    "identities": [_KNOWN],
    "merged_into": None,
    "created_at": "2026-01-31T09:00:00Z",
    "updated_at": "2026-01-31T09:00:00Z",
}


class IdentityCreate(Shape):
    """One way a customer is known; phone numbers are kept as E.164, emails in lower case."""

    model_config = shown(_IDENTITY)
    kind: IdentityKind
    value: str = Field(min_length=1, max_length=320)
    strength: Strength = Field(
        default="asserted", description="verified: you have made sure that it is theirs; asserted: somebody said so."
    )


class IdentityPublic(Shape):
    """One way a customer is known, and where that came from."""

    model_config = shown(_KNOWN)
    id: UUID
    kind: str
    value: str
    strength: str = Field(description="verified, asserted or inferred; nobody is recognised by an inferred one.")
    source: str
    proof: dict[str, Any] = Field(description="Of a verified one: how, by and at say how we know.")
    created_at: datetime


class CustomerFields(Shape):
    """What can be set about a customer."""

    name: str = Field(default="", max_length=200)
    language: Language = ""
    time_zone: TimeZone | None = Field(default=None, description="IANA name; null: unknown")
    notes: str = Field(default="", max_length=10_000)
    custom_fields: dict[str, Any] = Field(default={}, max_length=100, description="Fields of your own.")


class CustomerCreate(CustomerFields):
    """A customer to store, with what they are known by."""

    model_config = shown({**_EXAMPLE, "identities": [_IDENTITY]})
    identities: list[IdentityCreate] = Field(default=[], max_length=20)


class CustomerUpdate(CustomerFields):
    """Fields to replace; a field left out stays as it is."""

    model_config = patching({"notes": "Prefers mornings"})


class CustomerPublic(Shape):
    """A customer: one person over all channels."""

    model_config = shown(_STORED)
    id: UUID
    name: str
    language: str
    time_zone: str | None
    notes: str
    custom_fields: dict[str, Any]
    identities: list[IdentityPublic]
    merged_into: UUID | None = Field(description="Who this record was found to be: all it had is theirs.")
    created_at: datetime
    updated_at: datetime


class CustomerPage(Page[CustomerPublic]):
    """Some of the customers."""


def identity_public(known: Identity) -> IdentityPublic:
    return IdentityPublic(
        id=known.id,
        kind=known.kind,
        value=known.value,
        strength=known.strength,
        source=known.source,
        proof=known.proof,
        created_at=known.created_at,
    )


def public(customer: Customer, known: Sequence[Identity]) -> CustomerPublic:
    return CustomerPublic(
        id=customer.id,
        name=customer.name,
        language=customer.language,
        time_zone=customer.time_zone or None,
        notes=customer.notes,
        custom_fields=customer.custom_fields,
        identities=[identity_public(one) for one in known if one.customer_id == customer.id],
        merged_into=customer.merged_into,
        created_at=customer.created_at,
        updated_at=customer.updated_at,
    )


async def held(db: AsyncSession, request: ApiRequest, customer_id: UUID) -> Customer:
    """This customer of the workspace. Raises `Refusal`."""
    found = await people.customer(db, request.workspace_id, customer_id)
    if found is None:
        raise missing("customer")
    return found


async def remember(
    db: AsyncSession, request: ApiRequest, customer_id: UUID, given: IdentityCreate, *location: object
) -> Identity:
    """Note down that the customer is known by this. Raises `Refusal` when somebody else is."""
    try:
        return await customers.add_in(
            db, request.hub.context, request.workspace_id, customer_id, given.kind, given.value,
            by=request.user.name, source="api", strength=given.strength,
        )  # fmt: skip
    except identity.NotAnIdentity as error:
        raise Refusal(422, str(error), pointer=pointer(*location, "value"), code="not_an_identity") from None
    except customers.NotPossible as error:
        raise Refusal(409, str(error), pointer=pointer(*location, "value"), code=error.code) from None


class Customers(Controller):
    """Customers."""

    path = "/customers"
    tags = ["Customers"]

    @post(opt={"scope": "write"}, summary="Create a customer")
    async def create_customer(self, request: ApiRequest, data: JSONBody[CustomerCreate]) -> CustomerPublic:
        """Whoever writes or is written to becomes a customer without this."""
        now = request.clock.now()
        fields = data.model_dump(mode="json", exclude={"identities"})
        fields["time_zone"] = fields["time_zone"] or ""
        async with request.store.write() as db:
            made = Customer(workspace_id=request.workspace_id, created_at=now, updated_at=now, **fields)
            db.add(made)
            await db.flush()
            known = [
                await remember(db, request, made.id, given, "identities", place)
                for place, given in enumerate(data.identities)
            ]
        return public(made, list({one.id: one for one in known}.values()))

    @get(opt={"scope": "read"}, summary="List customers")
    async def list_customers(
        self,
        request: ApiRequest,
        q: Annotated[str, QueryParameter(max_length=200, description="Part of a name or of an identity.")] = "",
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> CustomerPage:
        """The newest first."""
        async with request.store.read() as db:
            rows = await people.customers(db, request.workspace_id, text=q, before=before(cursor), limit=limit + 1)
            known = await people.identities(db, request.workspace_id, *(row.id for row in rows))
        return CustomerPage(**page(rows, limit, lambda row: public(row, known), lambda row: row.id))

    @get("/{customer_id:uuid}", opt={"scope": "read"}, summary="Get a customer")
    async def get_customer(self, request: ApiRequest, customer_id: PathId) -> CustomerPublic:
        """One customer, with all that they are known by."""
        async with request.store.read() as db:
            found = await held(db, request, customer_id)
            known = await people.identities(db, request.workspace_id, customer_id)
        return public(found, known)

    @patch("/{customer_id:uuid}", opt={"scope": "write"}, summary="Change a customer")
    async def update_customer(
        self, request: ApiRequest, customer_id: PathId, data: JSONBody[CustomerUpdate]
    ) -> CustomerPublic:
        """Replace the given fields."""
        async with request.store.write() as db:
            found = await held(db, request, customer_id)
            for name, value in data.model_dump(mode="json", exclude_unset=True).items():
                setattr(found, name, "" if value is None else value)
            found.updated_at = request.clock.now()
            known = await people.identities(db, request.workspace_id, customer_id)
        return public(found, known)

    @post("/{customer_id:uuid}/identities", opt={"scope": "write"}, summary="Add an identity")
    async def add_identity(
        self, request: ApiRequest, customer_id: PathId, data: JSONBody[IdentityCreate]
    ) -> IdentityPublic:
        """What this customer is known by from now on; given again, its strength is replaced."""
        async with request.store.write() as db:
            await held(db, request, customer_id)
            known = await remember(db, request, customer_id, data)
        return identity_public(known)
