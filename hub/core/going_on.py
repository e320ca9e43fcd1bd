"""A text that is being answered elsewhere while its writer goes on: the answer is not waited for."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hub.core.context import Context
from hub.models import Interaction

T = TypeVar("T")


async def unless_they_go_on(hub: Context, answered: Interaction, thinking: Coroutine[Any, Any, T]) -> T | None:
    """What comes of the thinking; None when something newer was said or somebody else answers: then it is cancelled."""
    task = asyncio.create_task(thinking)
    try:
        async with hub.store.bus.subscribe(f"interaction:{answered.id}") as hints:
            while not task.done():
                news = asyncio.create_task(hints.wait(3_600))
                try:
                    await asyncio.wait([task, news], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    news.cancel()
                if not task.done() and await _went_on(hub, answered):
                    return None
        return await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _went_on(hub: Context, answered: Interaction) -> bool:
    async with hub.store.glance() as db:
        now = await db.get(Interaction, answered.id)
    if now is None or now.owner != "ai" or now.ended_at is not None:
        return True
    return now.heard_seq != answered.heard_seq
