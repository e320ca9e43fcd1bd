"""Clients of vendors: one for each account and event loop, so that connections are used again; closed with the loop."""

import asyncio
from asyncio import AbstractEventLoop
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from hub.engine import Account

T = TypeVar("T")

MOST_ACCOUNTS = 256
"""The one used longest ago is forgotten then; what still speaks through it goes on."""

_KEEPERS: set[asyncio.Task[Any]] = set()


class Clients(Generic[T]):
    """`make` may be slow the first time, such as importing an SDK: it runs in a thread."""

    def __init__(self, make: Callable[[Account], T], close: Callable[[T], Awaitable[None]]) -> None:
        self._make, self._close = make, close
        self._kept: dict[AbstractEventLoop, OrderedDict[Account, T]] = {}
        self._making: dict[AbstractEventLoop, asyncio.Lock] = {}

    async def of(self, account: Account) -> T:
        loop = asyncio.get_running_loop()
        if loop not in self._kept:
            self._kept[loop], self._making[loop] = OrderedDict(), asyncio.Lock()
            keeper = asyncio.create_task(self._with_the_loop(loop), name="clients of a vendor")
            _KEEPERS.add(keeper)
            keeper.add_done_callback(_KEEPERS.discard)
        kept = self._kept[loop]
        async with self._making[loop]:
            if account not in kept:
                kept[account] = await asyncio.to_thread(self._make, account)
            kept.move_to_end(account)
            if len(kept) > MOST_ACCOUNTS:
                kept.popitem(last=False)
            return kept[account]

    async def _with_the_loop(self, loop: AbstractEventLoop) -> None:
        """The loop cancels its tasks when it is closed, and so tells us."""
        try:
            await loop.create_future()
        finally:
            del self._making[loop]
            for client in self._kept.pop(loop).values():
                with suppress(Exception):
                    await self._close(client)
