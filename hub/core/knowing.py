"""What an agent knows, out of the store: an index for each agent, made anew when something of it changed."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from hub.core.context import Context
from hub.dialogue.knowledge import Index
from hub.dialogue.passages import passages
from hub.dialogue.turn import Passage
from hub.models import Knowledge
from hub.store import knowledge
from hub.store.knowledge import Stamp

_INDEXES: OrderedDict[UUID, tuple[Stamp, Index]] = OrderedDict()
_INDEXES_KEPT = 256


async def search(
    hub: Context, workspace_id: UUID, agent_id: UUID | None, query: str, limit: int
) -> Sequence[Passage]:  # fmt: skip
    """The best passages for a question, best first."""
    if agent_id is None:
        return ()
    async with hub.store.glance() as db:
        stamp = await knowledge.stamp(db, workspace_id, agent_id)
    kept = _INDEXES.get(agent_id)
    if kept is None or kept[0] != stamp:
        async with hub.store.glance() as db:
            items = await knowledge.of_agent(db, workspace_id, agent_id)
        kept = (stamp, await asyncio.to_thread(_index, items))
        _INDEXES[agent_id] = kept
        while len(_INDEXES) > _INDEXES_KEPT:
            _INDEXES.popitem(last=False)
    _INDEXES.move_to_end(agent_id)
    return kept[1].search(query, limit)


def _index(items: Sequence[Knowledge]) -> Index:
    return Index([one for item in items if item.text for one in passages(item.title, item.text, item.source)])
