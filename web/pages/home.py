"""Home: what is going on now, who waits, how the week went, and what to set up first."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import get
from litestar.response import ServerSentEvent, ServerSentEventMessage, Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, Workspace
from hub.models.customer import called
from hub.store import access, agents, overview, people, usages
from web import auth
from web.pages.page import AnyRequest, page

DAYS = 7
BAR_HEIGHT = 96
LEAST_PAUSE_SECONDS = 2.0


@get("/", opt={"roles": auth.EVERYONE})
async def home(request: AnyRequest) -> Template:
    """The first page."""
    workspace_id = request.user.workspace_id
    async with request.app.state.store.read() as db:
        workspace = await agents.workspace(db, workspace_id)
        assert workspace is not None  # noqa: S101 - the user belongs to it
        rows = await agents.agents(db, workspace_id)
        addresses = await agents.addresses(db, workspace_id)
        chart = await _chart(db, workspace, request.app.state.clock.now())
        steps = await _steps(db, request, workspace_id)
        spent = await _spent(db, workspace_id, request.app.state.clock.now())
        now = await _now(db, request, workspace_id)
    bound = {row.id: [a for a in addresses if a.agent_id == row.id] for row in rows}
    return page(
        request, "home/home.html", "home",
        workspace=workspace, agents=rows, bound=bound, chart=chart, steps=steps, spent=spent, **now,
    )  # fmt: skip


async def _now(db: AsyncSession, request: AnyRequest, workspace_id: UUID) -> dict[str, Any]:
    """The counts and those who wait."""
    workspace = await agents.workspace(db, workspace_id)
    zone = ZoneInfo(workspace.time_zone if workspace else "UTC")
    midnight = request.app.state.clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    owners = await overview.open_by_owner(db, workspace_id)
    today = await overview.messages_since(db, workspace_id, midnight)
    waiting = await overview.waiting_longest(db, workspace_id)
    return {
        "counts": {
            "open": sum(owners.values()),
            "waiting": owners.get("queue", 0),
            "ai": owners.get("ai", 0),
            "today": sum(today.values()),
        },
        "waiting": [(row, await _name(db, row)) for row in waiting],
    }


async def _name(db: AsyncSession, interaction: Interaction) -> str:
    customer = await people.customer(db, interaction.workspace_id, interaction.customer_id)
    return called(customer.name if customer else "", interaction.person)


async def _chart(db: AsyncSession, workspace: Workspace, now: datetime) -> list[dict[str, Any]]:
    """The last days, oldest first, each with its count and the height of its bar."""
    local = now.astimezone(ZoneInfo(workspace.time_zone))
    days = [local.date() - timedelta(days=back) for back in range(DAYS - 1, -2, -1)]
    edges = [datetime(day.year, day.month, day.day, tzinfo=local.tzinfo) for day in days]
    counts = await overview.volume(db, workspace.id, edges)
    most = max([*counts, 1])
    return [
        {"day": day, "count": count, "height": round(BAR_HEIGHT * count / most)}
        for day, count in zip(days, counts, strict=False)
    ]


async def _spent(db: AsyncSession, workspace_id: UUID, now: datetime) -> dict[str, dict[str, dict[str, int]]]:
    """What the last days cost, by channel and by agent; what cost nothing is left out."""
    since = now - timedelta(days=DAYS)
    names = {str(row.id): row.name for row in await agents.agents(db, workspace_id, archived=True)}
    by_channel = await usages.usage(db, workspace_id, since, now, "channel")
    by_agent = await usages.usage(db, workspace_id, since, now, "agent_id")
    return {
        "By channel": {name: cost.totals for name, cost in sorted(by_channel.items()) if any(cost.totals.values())},
        "By agent": {
            names.get(key, "no agent"): cost.totals for key, cost in by_agent.items() if any(cost.totals.values())
        },
    }


async def _steps(db: AsyncSession, request: AnyRequest, workspace_id: UUID) -> list[dict[str, Any]]:
    """What to do first, each with whether it is done."""
    settings, user = request.app.state.settings, request.user.user
    first = next(iter(await agents.agents(db, workspace_id)), None)
    users = [row for row in await access.users(db, workspace_id) if row.disabled_at is None]
    numbers = await agents.addresses(db, workspace_id, "sms")
    sandbox = settings.hub_sandbox_url
    try_path = f"/agents/{first.id}/playground" if first else "/agents/new"
    connected = bool(numbers and settings.twilio_auth_token and not sandbox)
    steps = [
        ("Try an agent in the playground", try_path, await overview.has_test(db, workspace_id), auth.TESTERS),
        ("Connect a Twilio number", "/settings/addresses", connected, auth.ADMINS),
        ("Invite a colleague", "/settings/users", len(users) > 1, auth.ADMINS),
        (
            "Embed the web chat", "/settings/addresses",
            await overview.has_channel(db, workspace_id, "webchat"), auth.ADMINS,
        ),
    ]  # fmt: skip
    if sandbox:
        texted = await overview.has_channel(db, workspace_id, "sms")
        steps.insert(1, ("Text an agent from the sandbox phone", sandbox, texted, auth.EVERYONE))
    return [
        {"text": text, "path": path, "done": done, "outside": path.startswith("http")}
        for text, path, done, roles in steps
        if user.role in roles
    ]


@get("/home/events", opt={"roles": auth.EVERYONE})
async def events(request: AnyRequest) -> ServerSentEvent:
    """The live part of home, drawn anew when something happens."""
    return ServerSentEvent(_drawn(request, request.user.workspace_id))


async def _drawn(request: AnyRequest, workspace_id: UUID) -> AsyncIterator[ServerSentEventMessage]:
    state = request.app.state
    template = request.app.template_engine.get_template("home/live.html")  # type: ignore[union-attr]
    shown = ""
    async with state.bus.subscribe(f"workspace:{workspace_id}") as hints:
        while True:
            async with state.store.read() as db:
                html = template.render(request=request, **await _now(db, request, workspace_id))
            if html != shown:
                shown = html
                yield ServerSentEventMessage(data=html)
            else:
                yield ServerSentEventMessage(comment="still here")
            await asyncio.sleep(LEAST_PAUSE_SECONDS)
            await hints.wait()


HANDLERS = [home, events]
