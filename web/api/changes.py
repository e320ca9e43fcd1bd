"""Merging and splitting customers, and taking it back."""

from datetime import datetime
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody
from pydantic import Field

from hub.core import customers
from hub.models import CustomerChange
from hub.store import listing
from web.api.customers import held
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

_CHANGE = {
    "id": "0198c0de-0000-7000-8000-000000000032",
    "kind": "merge",
    "customer_id": "0198c0de-0000-7000-8000-000000000004",
    "other_id": "0198c0de-0000-7000-8000-000000000014",
    "by": "Nightly export",
    "created_at": "2026-01-31T09:00:00Z",
    "undone_at": None,
    "undone_by": "",
}


class MergeCreate(Shape):
    """Whose things become this customer's."""

    model_config = shown({"other_id": "0198c0de-0000-7000-8000-000000000014"})
    other_id: UUID


class SplitCreate(Shape):
    """Which identities, with all that came by them, become a new customer's."""

    model_config = shown({"identity_ids": ["0198c0de-0000-7000-8000-000000000005"], "name": "Ben"})
    identity_ids: list[UUID] = Field(min_length=1, max_length=50)
    name: str = Field(default="", max_length=200)


class ChangePublic(Shape):
    """A merge or a split. `customer_id` is who stayed, `other_id` who was merged into them or split off."""

    model_config = shown(_CHANGE)
    id: UUID
    kind: str
    customer_id: UUID
    other_id: UUID
    by: str
    created_at: datetime
    undone_at: datetime | None
    undone_by: str


class ChangePage(Page[ChangePublic]):
    """Some of the changes."""


def public(change: CustomerChange) -> ChangePublic:
    return ChangePublic(**{name: getattr(change, name) for name in ChangePublic.model_fields})


class Changes(Controller):
    """Merges and splits of one customer."""

    path = "/customers/{customer_id:uuid}"
    tags = ["Customers"]

    @post("/merge", opt={"scope": "write"}, summary="Merge another customer into this one")
    async def merge(self, request: ApiRequest, customer_id: PathId, data: JSONBody[MergeCreate]) -> ChangePublic:
        """All that the other has is this one's from now on. It can be undone."""
        context = request.hub.context
        return public(
            await customers.merge(context, request.workspace_id, customer_id, data.other_id, by=request.user.name)
        )

    @post("/split", opt={"scope": "write"}, summary="Split a customer")
    async def split(self, request: ApiRequest, customer_id: PathId, data: JSONBody[SplitCreate]) -> ChangePublic:
        """The identities, and what came by them, are a new customer's: `other_id` of the answer. It can be undone."""
        made = await customers.split(
            request.hub.context, request.workspace_id, customer_id, data.identity_ids, by=request.user.name,
            name=data.name,
        )  # fmt: skip
        return public(made)

    @get("/changes", opt={"scope": "read"}, summary="List merges and splits")
    async def list_changes(
        self, request: ApiRequest, customer_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> ChangePage:
        """Those that this customer took part in, the newest first."""
        async with request.store.read() as db:
            await held(db, request, customer_id)
            rows = await listing.newest(
                db, CustomerChange, request.workspace_id,
                (CustomerChange.customer_id == customer_id) | (CustomerChange.other_id == customer_id),
                before=before(cursor), limit=limit + 1,
            )  # fmt: skip
        return ChangePage(**page(rows, limit, public, lambda row: row.id))

    @post("/changes/{change_id:uuid}/undo", opt={"scope": "write"}, status_code=200, summary="Undo a merge or a split")
    async def undo(self, request: ApiRequest, customer_id: PathId, change_id: PathId) -> ChangePublic:
        """As it was; what came in meanwhile stays with the identity it came by. 409 when a later one stands."""
        made = await customers.undo(
            request.hub.context, request.workspace_id, change_id, by=request.user.name, of=customer_id
        )
        return public(made)
