"""Consents: the append-only ledger of who may be written to."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import JSONBody
from pydantic import Field

from hub import identity, policy
from hub.core import exporting
from hub.models import Consent
from hub.models.customer import Purpose
from hub.store import agents, listing
from web.api.customers import held
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown
from web.api.takeout import csv_file

_EXAMPLE = {"state": "granted", "evidence": "Ticked the box at checkout"}


class ConsentCreate(Shape):
    """An entry to append. Without an identity it counts for all that the customer is known by."""

    model_config = shown(_EXAMPLE)
    state: Literal["granted", "revoked"]
    channel: Literal["", "call", "sms", "whatsapp", "email", "webchat", "web_call"] = Field(
        default="", description="Empty: all channels."
    )
    identity_kind: Literal["", "phone", "email", "whatsapp", "visitor", "crm"] = ""
    identity_value: str = Field(default="", max_length=320)
    purpose: Purpose = Field(
        default="messages",
        description="messages: all that is written, and calls where no channel is named; marketing; calls; recording.",
    )
    evidence: str = Field(default="", max_length=500, description="How you know, in words.")


class ConsentPublic(Shape):
    """An entry of the ledger; the newest that fits counts."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000006",
            "customer_id": "0198c0de-0000-7000-8000-000000000004",
            **_EXAMPLE,
            "channel": "",
            "identity_kind": "",
            "identity_value": "",
            "purpose": "messages",
            "source": "api",
            "by": "My script",
            "created_at": "2026-01-31T09:00:00Z",
        }
    )
    id: UUID
    customer_id: UUID | None
    state: str
    channel: str
    identity_kind: str
    identity_value: str
    purpose: str
    source: str
    evidence: str
    by: str
    created_at: datetime


class ConsentPage(Page[ConsentPublic]):
    """Some of the ledger."""


def public(entry: Consent) -> ConsentPublic:
    return ConsentPublic(
        id=entry.id,
        customer_id=entry.customer_id,
        state=entry.state,
        channel=entry.channel,
        identity_kind=entry.identity_kind,
        identity_value=entry.identity_value,
        purpose=entry.purpose,
        source=entry.source,
        evidence=entry.evidence,
        by=entry.by,
        created_at=entry.created_at,
    )


class Consents(Controller):
    """The consent ledger of one customer."""

    path = "/customers/{customer_id:uuid}/consents"
    tags = ["Customers"]

    @get(opt={"scope": "read"}, summary="List a customer's consents")
    async def list_consents(
        self, request: ApiRequest, customer_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> ConsentPage:
        """The newest first."""
        async with request.store.read() as db:
            await held(db, request, customer_id)
            rows = await listing.newest(
                db, Consent, request.workspace_id, Consent.customer_id == customer_id,
                before=before(cursor), limit=limit + 1,
            )  # fmt: skip
        return ConsentPage(**page(rows, limit, public, lambda row: row.id))

    @post(opt={"scope": "write"}, summary="Record a consent")
    async def add_consent(
        self, request: ApiRequest, customer_id: PathId, data: JSONBody[ConsentCreate]
    ) -> ConsentPublic:
        """`revoked` cancels at once what still waits to be sent to the customer."""
        if bool(data.identity_kind) != bool(data.identity_value):
            raise Refusal(
                422, "Give identity_kind and identity_value together, or neither.",
                pointer=pointer("identity_kind"), code="incomplete",
            )  # fmt: skip
        now = request.clock.now()
        async with request.store.write() as db:
            found = await held(db, request, customer_id)
            value = ""
            if data.identity_kind:
                workspace = await agents.workspace(db, request.workspace_id)
                region = workspace.default_region if workspace else "US"
                value = identity.normal(data.identity_kind, data.identity_value, region)
            made = Consent(
                workspace_id=request.workspace_id, customer_id=found.id, identity_kind=data.identity_kind,
                identity_value=value, channel=data.channel, purpose=data.purpose, state=data.state, source="api",
                evidence=data.evidence, by=request.user.name, created_at=now,
            )  # fmt: skip
            db.add(made)
            if data.state == "revoked":
                await policy.cancel_waiting(db, request.workspace_id, found.id, now, data.channel, purpose=data.purpose)
        return public(made)


class Ledger(Controller):
    """The consent ledger of the workspace."""

    path = "/consents"
    tags = ["Customers"]

    @get(opt={"scope": "read"}, summary="List all consents")
    async def list_ledger(self, request: ApiRequest, limit: Limit = 50, cursor: Cursor = "") -> ConsentPage:
        """Of all customers, the newest first."""
        async with request.store.read() as db:
            rows = await listing.newest(db, Consent, request.workspace_id, before=before(cursor), limit=limit + 1)
        return ConsentPage(**page(rows, limit, public, lambda row: row.id))

    @get("/export", opt={"scope": "read"}, summary="Export the consent ledger")
    async def export_ledger(self, request: ApiRequest) -> Response[Any]:
        """As CSV in UTF-8, the oldest entry first."""
        return csv_file(exporting.consents_csv(request.hub.context, request.workspace_id), "consents.csv")
