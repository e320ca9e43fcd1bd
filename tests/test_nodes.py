"""Who lives and who is dead, when several processes share the work."""

import asyncio
from datetime import timedelta

import pytest

from hub.core import recover
from hub.models import Node
from hub.store import Store
from hub.work import Work
from tests.fakes import FakeClock
from tests.world import Records, core, eventually

pytestmark = pytest.mark.anyio


class Quick(FakeClock):
    """Waiting takes no time worth mentioning, and moves the clock."""

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds=seconds)
        await asyncio.sleep(0.01)


async def test_a_process_lives_also_while_others_do_all_the_sweeping(store: Store) -> None:
    clock = Quick()
    async with core(store, clock, node="idle#1") as made:
        beating = asyncio.create_task(Work(made.context)._beat())
        try:
            records, began = Records(store), clock.now()

            async def seen() -> list[Node]:
                return list(await records.all(Node))

            long_after = began + timedelta(minutes=2)
            nodes = await eventually(seen, lambda nodes: nodes and nodes[0].seen_at > long_after)
            assert recover.dead_nodes("other#1", nodes, nodes[0].seen_at, began) == []
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)


async def test_a_process_may_say_twice_at_once_that_it_lives(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, node="new#1") as made:
        await asyncio.gather(*(recover.beat(made.context) for _ in range(8)))
        clock.forward(seconds=3)
        await recover.beat(made.context)
        (node,) = await made.records.all(Node)
        assert (node.seen_at - node.started_at).total_seconds() >= 3


async def test_nodes_long_dead_are_forgotten(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, node="old#1") as old, core(store, clock, node="new#1") as new:
        await recover.beat(old.context)
        clock.forward(days=2)
        await recover.beat(new.context)
        await recover.sweep(new.context, clock.now())
        assert [node.id for node in await new.records.all(Node)] == ["new#1"]
