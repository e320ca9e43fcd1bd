"""Teams at work: frozen into an interaction, and the customer handed from one member to another."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.dialogue import team as frozen_team
from hub.dialogue.turn import HandOver
from hub.models import Interaction, Team
from hub.store import interactions
from hub.store import teams as stored

Definition = dict[str, Any]


async def seated(
    db: AsyncSession, team: Team, member: str, finished: Callable[[Definition], Definition]
) -> dict[str, Any]:  # fmt: skip
    """The columns of an interaction that begins with this member, else with the team's first one.

    All of the team is frozen into it, so that no later change reaches it; each definition is `finished`.
    """
    frozen = frozen_team.freeze(team, await stored.members(db, team.workspace_id, team.definition))
    for one in frozen["members"].values():
        one["agent"] = finished(one["agent"])
    member = member if member in frozen["members"] else str(frozen["first"])
    return {"team_id": team.id, "team": frozen, "member": member, **_seat(frozen, member)}


def _seat(team: frozen_team.Frozen, member: str) -> dict[str, Any]:
    """The columns that say who has the customer."""
    version = int(team["members"][member]["agent_version"])
    agent, agent_id = frozen_team.definition(team, member), frozen_team.agent_id(team, member)
    return {"agent": agent, "agent_id": agent_id, "agent_version": version}


def hand_over(db: AsyncSession, interaction: Interaction, over: HandOver, now: datetime) -> None:
    """From here on this member has the customer, in the transaction that holds the interaction."""
    team, leaving = interaction.team, interaction.member
    if over.member not in team.get("members", {}) or over.member == leaving:
        return
    interaction.member = over.member
    for column, value in _seat(team, over.member).items():
        setattr(interaction, column, value)
    interactions.log(
        db, interaction, "member.changed", now, **{"from": leaving}, to=over.member, reason=over.reason,
        from_name=frozen_team.name(team, leaving), to_name=frozen_team.name(team, over.member),
    )  # fmt: skip


def definitions(interaction: Interaction) -> list[Definition]:
    """Of the agent who has the customer, and of all who may get them."""
    others = [one["agent"] for key, one in interaction.team.get("members", {}).items() if key != interaction.member]
    return [interaction.agent, *others]
