"""Links to an interaction for people who do not sign in: make one, see which work, revoke one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import sharing
from hub.models import Interaction, Share
from hub.store import interactions, shares
from web import auth
from web.pages.form import read
from web.pages.page import AnyRequest, page
from web.pages.thread import interaction_of

FOR_HOURS = {1: "1 hour", 24: "1 day", 168: "7 days", 720: "30 days"}


@dataclass(frozen=True, slots=True)
class Link:
    """A link that works."""

    url: str
    share: Share


async def links_of(db: AsyncSession, request: AnyRequest, interaction: Interaction) -> list[Link]:
    """The links of an interaction that work now, for those who may make some."""
    if request.user.user.role not in auth.TESTERS:
        return []
    public = request.app.state.settings.hub_public_url or str(request.base_url).rstrip("/")
    found = await shares.open_of(db, interaction.workspace_id, interaction.id, request.app.state.clock.now())
    return [Link(f"{public}/shared/{request.app.state.share_links.token(one.id)}", one) for one in found]


@post("/interactions/{interaction_id:uuid}/shares", opt={"roles": auth.TESTERS}, status_code=200)
async def make(request: AnyRequest, interaction_id: UUID) -> Template:
    """A new link that works for `hours`."""
    hours = (await read(request)).text("hours")
    if hours not in map(str, FOR_HOURS):
        raise ValidationException("Choose for how long the link works.")
    async with request.app.state.store.write() as db:
        found = await _held(db, request, interaction_id)
        await sharing.share(db, found, int(hours), request.user.name, request.app.state.clock.now())
    return await _listing(request, interaction_id, f"The link is made. It works for {FOR_HOURS[int(hours)]}.")


@post("/interactions/{interaction_id:uuid}/shares/{share_id:uuid}/revoke", opt={"roles": auth.TESTERS}, status_code=200)
async def revoke(request: AnyRequest, interaction_id: UUID, share_id: UUID) -> Template:
    """Let a link work no more."""
    async with request.app.state.store.write() as db:
        found = await _held(db, request, interaction_id)
        if not await sharing.revoke(db, found, share_id, request.user.name, request.app.state.clock.now()):
            raise NotFoundException("There is no such link.")
    return await _listing(request, interaction_id, "The link no longer works.")


async def _held(db: AsyncSession, request: AnyRequest, interaction_id: UUID) -> Interaction:
    found = await interactions.locked(db, interaction_id)
    if found is None or found.workspace_id != request.user.workspace_id:
        raise NotFoundException("There is no such interaction here.")
    return found


async def _listing(request: AnyRequest, interaction_id: UUID, said: str) -> Template:
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        links = await links_of(db, request, found)
    return page(request, "interaction/shares.html", it=found, links=links, **choices(said))


def choices(said: str = "") -> dict[str, Any]:
    """What the form offers, and what came of the last one."""
    return {"for_hours": FOR_HOURS, "share_said": said}


HANDLERS = [make, revoke]
