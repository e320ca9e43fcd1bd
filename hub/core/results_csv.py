"""Results as CSV."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.core.context import Context
from hub.core.exporting import line
from hub.models import Interaction, Outcome
from hub.store import results

COLUMNS = (
    "interaction_id", "ended_at", "channel", "direction", "person", "agent", "status", "success", "sentiment",
    "summary",
)  # fmt: skip
_PAGE = 500
MOST_COLUMNS = 100


async def results_csv(
    hub: Context, workspace_id: UUID, begin: datetime, end: datetime, agent_id: UUID | None = None
) -> AsyncIterator[str]:  # fmt: skip
    """A line for each interaction that ended then, the oldest first; a column for each result of their agents."""
    names = await _names(hub, workspace_id, begin, end, agent_id)
    yield "\ufeff" + line([*COLUMNS, *names])
    async for rows in _pages(hub, workspace_id, begin, end, agent_id):
        async with hub.store.read() as db:
            known = await results.values(db, workspace_id, *(interaction.id for interaction, _ in rows))
        values = {(one.interaction_id, one.name): one.counts for one in known}
        for interaction, outcome in rows:
            cells = [_cell(values.get((interaction.id, name))) for name in names]
            yield line([*_head(interaction, outcome), *cells])


async def _pages(
    hub: Context, workspace_id: UUID, begin: datetime, end: datetime, agent_id: UUID | None
) -> AsyncIterator[Sequence[tuple[Interaction, Outcome]]]:  # fmt: skip
    after: UUID | None = None
    while True:
        async with hub.store.read() as db:
            rows = await results.ended_between(db, workspace_id, begin, end, agent_id, after, _PAGE)
        if rows:
            yield rows
        if len(rows) < _PAGE:
            return
        after = rows[-1][0].id


async def _names(
    hub: Context, workspace_id: UUID, begin: datetime, end: datetime, agent_id: UUID | None
) -> list[str]:  # fmt: skip
    names: dict[str, None] = {}
    async for rows in _pages(hub, workspace_id, begin, end, agent_id):
        for interaction, _ in rows:
            names |= dict.fromkeys(str(field.get("name", "")) for field in interaction.agent.get("results") or [])
    return list(names)[:MOST_COLUMNS]


def _head(interaction: Interaction, outcome: Outcome) -> list[object]:
    ended = interaction.ended_at.isoformat() if interaction.ended_at else ""
    return [
        interaction.id, ended, interaction.channel, interaction.direction, interaction.person,
        interaction.agent.get("name", ""), interaction.status, outcome.success, outcome.sentiment, outcome.summary,
    ]  # fmt: skip


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
