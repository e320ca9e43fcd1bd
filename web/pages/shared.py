"""An interaction as somebody with a link reads it: who, when, what was said and its sound; nothing else, nothing to do.

Not guarded: the link is signed, and works until it expires or is revoked. It never shows how to reach the customer.
"""

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import HttpMethod, Response, get, route
from litestar.exceptions import HTTPException, NotFoundException
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import sharing
from hub.models import Interaction, Message, Recording, Share
from hub.models.customer import called, masked
from hub.models.interaction import FINAL
from hub.store import calls, interactions, people, shares
from web import transcripts
from web.headers import with_waveform
from web.pages.interactions import recorded
from web.pages.page import AnyRequest, page
from web.pages.recordings import may_grow, outline_of, sound_of
from web.spoken import heard, markers

SPEAKERS = ("customer", "agent", "operator")
NONE = "This link is not one of ours. Ask whoever sent it for the whole link."
OVER = "This link has expired or was revoked. Ask whoever sent it for a new one."
_PUBLIC = {"public": True}
_READ = [HttpMethod.GET, HttpMethod.HEAD]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the head of the page says."""

    interaction: Interaction
    title: str
    channel_label: str
    live: bool
    until: Any

    @property
    def ended(self) -> bool:
        return self.interaction.status in FINAL


@get("/shared/{token:str}", opt=_PUBLIC)
async def show(request: AnyRequest, token: str) -> Template:
    """The page behind a link. 404: not one of ours; 410: it no longer works."""
    state = request.app.state
    async with state.store.read() as db:
        share, interaction = await _behind(db, request, token)
        head = await _shown(db, request, share, interaction)
        said = await transcripts.said_in(db, interaction.workspace_id, interaction.id)
        sound = await recorded(db, interaction) if head.live else ""
    if not sharing.just_opened(share, state.clock.now()):
        async with state.store.write() as db:
            await sharing.opened(db, share.id, state.clock.now())
    nonce = secrets.token_urlsafe(16)
    made = page(
        request, "shared/page.html", me=None, head=head, said=[one for one in said if _to_be_read(one)],
        recorded=sound, address=f"/shared/{token}", nonce=nonce, may_download=False, latencies=None,
    )  # fmt: skip
    made.headers["Content-Security-Policy"] = with_waveform(nonce)
    return made


@get("/shared/{token:str}/peaks.json", opt=_PUBLIC)
async def outline(request: AnyRequest, token: str) -> dict[str, Any]:
    """What the waveform shows, without marks of what our people and tools did."""
    async with request.app.state.store.read() as db:
        _, found = await _behind(db, request, token)
        parts = await calls.recordings(db, found.workspace_id, found.id)
    data_dir: Path = request.app.state.hub.context.data_dir
    growing = may_grow(found, parts, request.app.state.clock.now())
    return {
        "growing": growing,
        "parts": [await asyncio.to_thread(outline_of, data_dir, one, growing) for one in parts],
        "markers": markers((), parts, found.answered_at),
    }


@route("/shared/{token:str}/recordings/{name:str}", http_method=_READ, opt=_PUBLIC)
async def sound(request: AnyRequest, token: str, name: str) -> Response[Any]:
    """One part of the recording, by its id: `{id}.wav`."""
    async with request.app.state.store.read() as db:
        _, found = await _behind(db, request, token)
        parts: list[Recording] = list(await calls.recordings(db, found.workspace_id, found.id))
    for one in parts:
        if name == f"{one.id}.wav":
            return await sound_of(request, one)
    raise NotFoundException("This call has no such recording.")


async def _behind(db: AsyncSession, request: AnyRequest, token: str) -> tuple[Share, Interaction]:
    share_id: UUID | None = request.app.state.share_links.read(token)
    share = await shares.share(db, share_id) if share_id else None
    found = await interactions.interaction(db, share.workspace_id, share.interaction_id) if share else None
    if share is None or found is None:
        raise NotFoundException(NONE)
    if not share.open_at(request.app.state.clock.now()):
        raise HTTPException(OVER, status_code=410)
    return share, found


async def _shown(db: AsyncSession, request: AnyRequest, share: Share, interaction: Interaction) -> Shown:
    customer = await people.customer(db, interaction.workspace_id, interaction.customer_id)
    channel = request.app.state.hub.context.channels.get(interaction.channel)
    return Shown(
        interaction=interaction,
        title=masked(called(customer.name if customer else "", interaction.person)),
        channel_label=transcripts.channel_label(channel, interaction.channel),
        live=channel is not None and channel.limits.live,
        until=share.expires_at,
    )


def _to_be_read(message: Message) -> bool:
    return message.role in SPEAKERS and bool(heard(message).strip() or message.media)


HANDLERS = [show, outline, sound]
