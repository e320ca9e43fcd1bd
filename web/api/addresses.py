"""Addresses: the numbers, mailboxes and widgets at which people reach us."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity
from hub.models import Address
from hub.store import agents, listing, teams
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, patching, shown

ChannelName = Literal["call", "sms", "whatsapp", "email", "webchat", "web_call"]
_KINDS = {"call": "phone", "sms": "phone", "whatsapp": "whatsapp", "email": "email"}
_SENDER = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,63}")
_EXAMPLE = {
    "channel": "sms",
    "value": "+12025550100",
    "name": "Front desk",
    "agent_id": "0198c0de-0000-7000-8000-000000000001",
}


class AddressCreate(Shape):
    """An address of yours, as the provider calls it."""

    model_config = shown(_EXAMPLE)
    channel: ChannelName
    value: str = Field(min_length=1, max_length=320, description="E.164 number, email, sender id or widget key.")
    name: str = Field(default="", max_length=200)
    agent_id: UUID | None = Field(default=None, description="Who answers there; null: a team, or people.")
    team_id: UUID | None = Field(default=None, description="The team that answers there, in place of an agent.")
    options: dict[str, Any] = Field(default={}, max_length=100, description="Options of the channel.")


class AddressUpdate(Shape):
    """Fields to replace; a field left out stays as it is."""

    model_config = patching({"agent_id": None})
    name: str = Field(default="", max_length=200)
    agent_id: UUID | None = None
    team_id: UUID | None = None
    options: dict[str, Any] = Field(default={}, max_length=100)


class AddressPublic(Shape):
    """An address of ours."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000007",
            **_EXAMPLE,
            "team_id": None,
            "options": {},
            "created_at": "2026-01-31T09:00:00Z",
        }
    )
    id: UUID
    channel: str
    value: str
    name: str
    agent_id: UUID | None
    team_id: UUID | None
    options: dict[str, Any]
    created_at: datetime


class AddressPage(Page[AddressPublic]):
    """Some of the addresses."""


def public(address: Address) -> AddressPublic:
    return AddressPublic(
        id=address.id,
        channel=address.channel,
        value=address.value,
        name=address.name,
        agent_id=address.agent_id,
        team_id=address.team_id,
        options=address.options,
        created_at=address.created_at,
    )


async def _check_answerer(
    db: AsyncSession, request: ApiRequest, agent_id: UUID | None, team_id: UUID | None
) -> None:  # fmt: skip
    """Whether the agent or the team is there. Raises `Refusal`."""
    if agent_id is not None and team_id is not None:
        raise Refusal(422, "Give agent_id or team_id, not both.", pointer=pointer("team_id"), code="ambiguous")
    agent = await agents.agent(db, request.workspace_id, agent_id) if agent_id else None
    team = await teams.team(db, request.workspace_id, team_id) if team_id else None
    for name, wanted, found in (("agent", agent_id, agent), ("team", team_id, team)):
        if wanted and found is None:
            raise missing(name)
        if found is not None and found.archived_at is not None:
            raise Refusal(409, f"This {name} is archived.", pointer=pointer(f"{name}_id"), code="archived")


async def _normal(db: AsyncSession, request: ApiRequest, channel: str, value: str) -> str:
    """The one spelling; a sender id or the id of a messaging service stays as it is."""
    value = value.strip()
    kind = _KINDS.get(channel, "visitor")
    if kind in ("phone", "whatsapp") and _SENDER.fullmatch(value):
        return value
    workspace = await agents.workspace(db, request.workspace_id)
    try:
        return identity.normal(kind, value, workspace.default_region if workspace else "US")
    except identity.NotAnIdentity as error:
        raise Refusal(422, str(error), pointer=pointer("value"), code="not_an_identity") from None


class Addresses(Controller):
    """Addresses."""

    path = "/addresses"
    tags = ["Addresses"]

    @post(opt={"scope": "write"}, summary="Add an address")
    async def create_address(self, request: ApiRequest, data: JSONBody[AddressCreate]) -> AddressPublic:
        """From now on what arrives there is ours. Each address belongs to one workspace."""
        try:
            async with request.store.write() as db:
                await _check_answerer(db, request, data.agent_id, data.team_id)
                made = Address(
                    workspace_id=request.workspace_id, channel=data.channel, name=data.name,
                    value=await _normal(db, request, data.channel, data.value), agent_id=data.agent_id,
                    team_id=data.team_id, options=data.options, created_at=request.clock.now(),
                )  # fmt: skip
                db.add(made)
                await db.flush()
        except IntegrityError:
            raise Refusal(
                409, f"This {data.channel} address is in use already.", pointer=pointer("value"), code="address_taken"
            ) from None
        return public(made)

    @get(opt={"scope": "read"}, summary="List addresses")
    async def list_addresses(
        self,
        request: ApiRequest,
        channel: Annotated[ChannelName | None, QueryParameter(description="Only of this channel.")] = None,
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> AddressPage:
        """The newest first."""
        where = [Address.channel == channel] if channel else []
        async with request.store.read() as db:
            rows = await listing.newest(
                db, Address, request.workspace_id, *where, before=before(cursor), limit=limit + 1
            )
        return AddressPage(**page(rows, limit, public, lambda row: row.id))

    @get("/{address_id:uuid}", opt={"scope": "read"}, summary="Get an address")
    async def get_address(self, request: ApiRequest, address_id: PathId) -> AddressPublic:
        """One address."""
        async with request.store.read() as db:
            found = await agents.address(db, request.workspace_id, address_id)
        if found is None:
            raise missing("address")
        return public(found)

    @patch("/{address_id:uuid}", opt={"scope": "write"}, summary="Change an address")
    async def update_address(
        self, request: ApiRequest, address_id: PathId, data: JSONBody[AddressUpdate]
    ) -> AddressPublic:
        """Replace the given fields. An agent takes the place of a team and a team that of an agent; with neither,
        people answer.
        """
        async with request.store.write() as db:
            found = await agents.address(db, request.workspace_id, address_id)
            if found is None:
                raise missing("address")
            await _check_answerer(db, request, data.agent_id, data.team_id)
            if data.agent_id or data.team_id:
                found.agent_id = found.team_id = None
            for name in data.model_fields_set:
                setattr(found, name, getattr(data, name))
        return public(found)

    @delete("/{address_id:uuid}", opt={"scope": "write"}, summary="Delete an address")
    async def delete_address(self, request: ApiRequest, address_id: PathId) -> None:
        """What arrives there is refused from now on. Interactions stay; open ones can no longer be delivered by it."""
        async with request.store.write() as db:
            found = await agents.address(db, request.workspace_id, address_id)
            if found is None:
                raise missing("address")
            await listing.let_go_of_address(db, request.workspace_id, address_id)
            await db.delete(found)
