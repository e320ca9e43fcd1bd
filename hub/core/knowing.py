"""What an agent knows, out of the store: an index for each agent, made anew when something of it changed."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from hub.core.context import Context
from hub.dialogue.knowledge import Index
from hub.dialogue.turn import Passage
from hub.store import agents

_INDEXES: OrderedDict[UUID, tuple[int, Index]] = OrderedDict()
_INDEXES_KEPT = 256


async def search(
    hub: Context, workspace_id: UUID, agent_id: UUID | None, query: str, limit: int
) -> Sequence[Passage]:  # fmt: skip
    """The best passages for a question, best first."""
    if agent_id is None:
        return ()
    async with hub.store.glance() as db:
        items = await agents.knowledge(db, workspace_id, agent_id)
    stamp = hash(tuple((item.id, item.title, item.text) for item in items))
    kept = _INDEXES.get(agent_id)
    if kept is None or kept[0] != stamp:
        passages = [Passage(item.title, item.text, item.source) for item in items]
        kept = (stamp, await asyncio.to_thread(Index, passages))
        _INDEXES[agent_id] = kept
        while len(_INDEXES) > _INDEXES_KEPT:
            _INDEXES.popitem(last=False)
    return kept[1].search(query, limit)
