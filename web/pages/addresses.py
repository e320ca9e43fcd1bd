"""Addresses: where people reach us, who answers there, what to paste at the provider, what is missing."""

import contextlib
import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Channel
from hub.identity import NotAnIdentity, normal
from hub.models import Address, Agent, Team
from hub.store import agents, overview, teams
from web import auth
from web.pages import widget_options
from web.pages.form import Errors, Form, found, read, uuid_or_404
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page

HOOKS = {"sms": ["", "/status"], "whatsapp": ["", "/status"], "call": ["", "/status"]}
"""What below /hooks/{channel} a provider calls: the message, and the reports."""
WHERE = {
    "whatsapp": "Paste both at the carrier under Messaging > Senders > WhatsApp senders: the webhook for incoming "
    "messages and the status callback (POST).",
}
"""Where at the carrier the addresses are pasted, where that is not the usual place."""
PATIENCE = "ct=1000&rt=4000&rc=2&rp=ct,rt,5xx&tt=15000"
"""How the carrier tries again: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides"""
EXAMPLES = {
    "phone": "+15551234567",
    "whatsapp": "+15551234567",
    "email": "help@example.com",
    "visitor": "support-desk",
}
TEAM = "team:"
"""Before the id of a team, where agents and teams are chosen between."""
_FIELDS = ("channel", "value", "name", "agent_id", "origins", "greeting", "accent", *widget_options.FIELDS)
_WIDGET = re.compile(r"[a-z0-9][a-z0-9_-]{1,62}")


@get("/settings/addresses", opt={"roles": auth.ADMINS})
async def listing(request: AnyRequest) -> Template:
    """All addresses, each with what to set up at the provider."""
    return await _listing(request)


async def _listing(request: AnyRequest, status: int = 200, **more: Any) -> Template:
    channels = request.app.state.hub.context.channels
    workspace_id = request.user.workspace_id
    async with request.app.state.store.read() as db:
        rows = await agents.addresses(db, workspace_id)
        last = await overview.last_by_address(db, workspace_id)
        choices = await agents.agents(db, workspace_id)
        groups = await teams.teams(db, workspace_id)
    blank = dict.fromkeys(_FIELDS, "") | {"channel": "sms"} | widget_options.BLANK
    given = {"blank": blank, "values": blank, "editing": ""} | more
    return settings_page(
        request, "addresses", "addresses.html", status,
        cards=[_card(request, row, channels.get(row.channel), last.get(row.id)) for row in rows],
        channels=channels, agents=choices, teams=groups, examples=EXAMPLES, **given,
    )  # fmt: skip


def _card(request: AnyRequest, address: Address, channel: Channel | None, last: Any) -> dict[str, Any]:
    settings = request.app.state.settings
    given = settings.for_channels()
    public = settings.hub_public_url or str(request.base_url).rstrip("/")
    lacking = [name for name in channel.settings if not given.get(name)] if channel else []
    if not settings.hub_public_url:
        lacking.append("HUB_PUBLIC_URL")
    hooks = [f"{public}/hooks/{address.channel}{below}" for below in HOOKS.get(address.channel, [])]
    own = channel.hook_path(address.id) if channel else ""
    return {
        "address": address,
        "label": channel.label if channel else address.channel,
        "lacking": lacking if channel else ["a channel of this name"],
        "last": last,
        "hooks": [f"{url}#{PATIENCE}" for url in hooks],
        "parse": public + own if own else "",
        "events": f"{public}/hooks/{address.channel}/events" if own else "",
        "domain": settings.hub_email_domain or address.value.rpartition("@")[2],
        "where": WHERE.get(address.channel, "Paste the webhook at the carrier under “A message comes in” (POST)."),
        "tag": f'<script src="{public}/static/chat/widget.js" data-widget="{address.value}" async></script>'
        if address.channel == "webchat"
        else "",
        "page": f"{public}/chat/{address.value}" if address.channel == "webchat" else "",
        "values": {
            "channel": address.channel,
            "value": address.value,
            "name": address.name,
            "agent_id": f"{TEAM}{address.team_id}" if address.team_id else str(address.agent_id or ""),
            "origins": "\n".join(address.options.get("origins") or []),
            "greeting": str(address.options.get("greeting") or ""),
            "accent": str(address.options.get("accent") or ""),
            **widget_options.values(address),
        },
    }


@post("/settings/addresses", opt={"roles": auth.ADMINS}, status_code=200)
async def add(request: AnyRequest) -> Response[Any] | Template:
    """Add an address."""
    form, workspace_id = await read(request), request.user.workspace_id
    async with request.app.state.store.write() as db:
        made = Address(workspace_id=workspace_id, channel=form.text("channel"), value="")
        errors = await _fill(request, db, made, form)
        if not errors:
            db.add(made)
    if errors:
        return await _listing(request, 422, values=_values(form), errors=errors)
    return go(request, f"/settings/addresses#a-{made.id}", f"{made.value} was added.")


def _values(form: Form) -> dict[str, str]:
    return {name: form.text(name) for name in _FIELDS}


async def _fill(request: AnyRequest, db: AsyncSession, address: Address, form: Form) -> Errors:
    """Write the form into the address; what is wrong with it by field."""
    errors = Errors()
    channel: Channel | None = request.app.state.hub.context.channels.get(form.text("channel"))
    if channel is None:
        return Errors(channel="Choose a channel of the list.")
    workspace = found(await agents.workspace(db, address.workspace_id), "workspace")
    value = form.text("value")
    if channel.identity == "visitor" and not _WIDGET.fullmatch(value):
        errors["value"] = "Use 2 to 63 small letters, digits, - and _, such as support-desk."
    elif not (channel.identity in ("phone", "whatsapp") and re.fullmatch(r"MG[0-9a-f]{32}", value)):
        try:
            value = normal(channel.identity, value, workspace.default_region)
        except NotAnIdentity as error:
            errors["value"] = str(error)
    if not errors:
        other = await agents.address_called(db, channel.name, value)
        if other is not None and other[0].id != address.id:
            errors["value"] = "This address is in use already."
    if len(form.text("name")) > 120:
        errors["name"] = "At most 120 characters."
    if len(form.text("greeting")) > 300:
        errors["greeting"] = "At most 300 characters."
    if not re.fullmatch(r"(#[0-9a-fA-F]{6})?", form.text("accent")):
        errors["accent"] = "Write a colour like #3b5bdb, or leave it empty."
    (agent_id, team_id), origins = await _answerer(db, address, form, errors), _origins(form, errors)
    more = widget_options.read(form, errors) if channel.name == "webchat" else {}
    if not errors:
        address.channel, address.value, address.name = channel.name, value, form.text("name")
        address.agent_id, address.team_id = agent_id, team_id
        if channel.name == "webchat":
            look = {"greeting": form.text("greeting"), "accent": form.text("accent")}
            address.options = {**address.options, "origins": origins, **look, **more}
    return errors


async def _answerer(
    db: AsyncSession, address: Address, form: Form, errors: Errors
) -> tuple[UUID | None, UUID | None]:  # fmt: skip
    """The agent, or the team, that answers there."""
    given = form.text("agent_id")
    if not given:
        return None, None
    chosen: Agent | Team | None = None
    with contextlib.suppress(ValueError):
        wanted = UUID(given.removeprefix(TEAM))
        find = teams.team if given.startswith(TEAM) else agents.agent
        chosen = await find(db, address.workspace_id, wanted)
    if chosen is None or chosen.archived_at is not None:
        errors["agent_id"] = "Choose an agent or a team of the list, or nobody."
        return None, None
    return (None, chosen.id) if isinstance(chosen, Team) else (chosen.id, None)


def _origins(form: Form, errors: Errors) -> list[str]:
    made = []
    for line in form.text("origins").split():
        parts = urlsplit(line) if len(line) < 300 and line.isprintable() else urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
            errors["origins"] = f"Write origins like https://www.example.com, one a line; this is none: {line[:60]}"
        made.append(f"{parts.scheme}://{parts.netloc}".lower())
    return list(dict.fromkeys(made))[:50]


@post("/settings/addresses/{address_id:str}", opt={"roles": auth.ADMINS}, status_code=200)
async def save(request: AnyRequest, address_id: str) -> Response[Any] | Template:
    """Change an address, or remove it when nothing has happened at it."""
    form, wanted = await read(request), uuid_or_404(address_id)
    async with request.app.state.store.write() as db:
        address = found(await agents.address(db, request.user.workspace_id, wanted), "address")
        if form.text("do") == "remove":
            if await overview.used(db, address):
                problem = f"{address.value} has interactions and stays for their sake. Give it no agent instead."
                errors = Errors({"": problem})
            else:
                await db.delete(address)
                return go(request, "/settings/addresses", f"{address.value} was removed.")
        else:
            errors = await _fill(request, db, address, form)
            problem = ""
    if errors:
        return await _listing(request, 422, values=_values(form), errors=errors, editing=address_id, problem=problem)
    return go(request, "/settings/addresses", f"{address.value} was saved.")


HANDLERS = [listing, add, save]
