"""What is known about one interaction when a person reads it: thread, owner, customer, rendered in parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar.exceptions import NotFoundException
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import ownership, policy
from hub.channel import Channel, Limits
from hub.models import Consent, Customer, Interaction, User
from hub.models.customer import called
from hub.models.interaction import FINAL
from hub.segments import GSM_BASIC, GSM_EXTENSION
from hub.store import access, interactions, people, results, timeline, usages
from web import spoken
from web.auth import SUPPORT
from web.pages.page import AnyRequest
from web.transcripts import channel_label

ANSWERERS = ("admin", "support")
_MOST_TIMED = 1_000
GSM = {"basic": GSM_BASIC, "extension": GSM_EXTENSION}


@dataclass(frozen=True, slots=True)
class Head:
    """Who has the interaction, and what this user may do about it; free text may go out before `free_until`."""

    interaction: Interaction
    customer: Customer
    owner_name: str
    channel_label: str
    limits: Limits
    colleagues: list[User]
    newer_id: UUID | None
    can_act: bool
    mine: bool
    now: datetime
    free_until: datetime | None

    @property
    def title(self) -> str:
        return called(self.customer.name, self.interaction.person)

    @property
    def ended(self) -> bool:
        return self.interaction.status in FINAL

    @property
    def agent_name(self) -> str:
        return str(self.interaction.agent.get("name", "")) or "the agent"

    @property
    def may_reply(self) -> bool:
        return self.mine and self.can_act and not self.ended


async def interaction_of(db: AsyncSession, request: AnyRequest, interaction_id: UUID) -> Interaction:
    """The interaction, if it is of this user's workspace. Raises `NotFoundException`."""
    found = await interactions.interaction(db, request.user.workspace_id, interaction_id)
    if found is None:
        raise NotFoundException("There is no such interaction here.")
    return found


async def head_of(db: AsyncSession, request: AnyRequest, interaction: Interaction) -> Head:
    customer = await people.customer(db, interaction.workspace_id, interaction.customer_id)
    if customer is None:
        raise NotFoundException("This customer was removed.")
    channel: Channel | None = request.app.state.hub.context.channels.get(interaction.channel)
    user: User = request.user.user
    colleagues = await access.users(db, interaction.workspace_id)
    newer = await interactions.last_of_customer(db, interaction.workspace_id, interaction.customer_id)
    newer_id = None
    if newer is not None and newer.id != interaction.id and interaction.ended_at and newer.ended_at is None:
        newer_id = newer.id
    limits = channel.limits if channel else Limits(length=4_000)
    return Head(
        interaction=interaction,
        customer=customer,
        owner_name=await ownership.name_of(db, interaction) if interaction.owner == "operator" else "",
        channel_label=channel_label(channel, interaction.channel),
        limits=limits,
        colleagues=[u for u in colleagues if u.role in ANSWERERS and u.disabled_at is None],
        newer_id=newer_id,
        can_act=user.role in SUPPORT,
        mine=interaction.owner == "operator" and interaction.operator_id == user.id,
        now=request.app.state.clock.now(),
        free_until=await policy.free_until(
            db, interaction.workspace_id, interaction.channel, interaction.thread, limits
        ),
    )


async def facts_of(db: AsyncSession, interaction: Interaction, live: bool) -> dict[str, Any]:
    """The figures of the interaction's page: how long, how many messages, how fast the answers of a call were, how it
    went and what it costs.
    """
    begin = (interaction.answered_at or interaction.created_at) if live else interaction.created_at
    end = interaction.ended_at or interaction.last_message_at
    said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=_MOST_TIMED) if live else []
    return {
        "seconds": max(int((end - begin).total_seconds()), 0),
        "count": await timeline.message_count(db, interaction),
        "latencies": spoken.quantiles(said),
        "outcome": await results.outcome(db, interaction.workspace_id, interaction.id),
        "cost": await usages.cost(db, interaction),
    }


async def side_of(db: AsyncSession, interaction: Interaction) -> dict[str, Any]:
    """What the customer panel shows beside the head."""
    workspace_id, customer_id = interaction.workspace_id, interaction.customer_id
    newest: dict[tuple[str, str, str], Consent] = {}
    for entry in await people.consents(db, workspace_id, customer_id):
        newest.setdefault((entry.identity_kind, entry.identity_value, entry.channel), entry)
    return {
        "identities": await people.identities(db, workspace_id, customer_id),
        "consents": list(newest.values()),
        "known": await timeline.known_so_far(db, interaction),
        "others": await timeline.others_of_customer(db, interaction),
    }


def render(request: AnyRequest, template: str, context: Mapping[str, Any]) -> str:
    """A part of a page as text, for a live update."""
    engine: Any = request.app.template_engine
    given = {"me": request.user.user, "query": "", **context}
    return str(engine.get_template(template).render(given))
