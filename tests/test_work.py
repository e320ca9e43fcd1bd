"""Background work: passes that one process carries out, and deliveries that are tried again at their time."""

import asyncio
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest

from hub.channel import Inbound, Undeliverable
from hub.clock import Clock
from hub.core import recover
from hub.models import AgentDefinition, Interaction, Node
from hub.models.agent import Timing
from hub.store import Store
from hub.work import Work
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.world import Core, core, eventually, furnish

pytestmark = pytest.mark.anyio

T = TypeVar("T")
LATER = Undeliverable("The carrier is busy.", retry=True)


def hello() -> Inbound:
    return Inbound("sms", "message", "SM1", sender="+12025550101", recipient=OUR_NUMBER, text="hello")


class Fast(Clock):
    """A hundred times as fast as others."""

    def __init__(self) -> None:
        self._began = super().now()

    def now(self) -> datetime:
        return self._began + (super().now() - self._began) * 100

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


async def test_what_no_webhook_told_is_polled_answered_and_closed_when_it_is_idle(store: Store) -> None:
    await furnish(store, definition=AgentDefinition(name="Maya", timing=Timing(idle_close_seconds=60)))
    async with core(store, Fast()) as made:
        made.sms.waiting = [hello()]
        async with Work(made.context).running():
            (sent,) = await eventually(lambda: value(made.sms.sent), bool)
            assert sent.recipient
            await eventually(lambda: made.records.all(Interaction), lambda found: found[0].ended_at is not None, 60)


async def test_of_several_processes_the_youngest_that_lives_does_what_one_alone_has_to(
    store: Store, clock: FakeClock
) -> None:
    async with core(store, clock, node="old#1") as old, core(store, clock, node="young#1") as young:
        assert await recover.leads(old.context)
        await recover.beat(old.context)
        clock.forward(seconds=1)
        assert not await recover.leads(young.context)
        await recover.beat(young.context)
        assert [await recover.leads(one.context) for one in (old, young)] == [False, True]
        clock.forward(seconds=16)
        await recover.beat(old.context)
        assert [await recover.leads(one.context) for one in (old, young)] == [True, False]


async def test_a_process_leaves_the_passes_to_another_until_that_is_gone(store: Store) -> None:
    clock = Fast()
    await furnish(store)
    async with core(store, clock, node="old#1") as made:
        far = clock.now() + timedelta(days=3)
        async with store.write() as db:
            db.add(Node(id="young#1", started_at=far, seen_at=far))
        async with Work(made.context).running():
            began = clock.now()
            await eventually(lambda: own(made), lambda node: node and node.seen_at > began + timedelta(minutes=5), 30)
            assert made.sms.polls == 0
            async with store.write() as db:
                gone = await db.get(Node, "young#1")
                await db.delete(gone)
            await eventually(lambda: value(made.sms.polls), bool, 30)


class Failing(Work):
    tries = 0

    async def sweep(self) -> None:
        self.tries += 1
        raise OSError("the disk is full")


async def test_a_pass_that_fails_is_followed_by_the_next(store: Store) -> None:
    async with core(store, Fast()) as made:
        work = Failing(made.context)
        async with work.running():
            await eventually(lambda: value(work.tries), lambda tries: tries > 3)


async def test_a_delivery_that_has_to_wait_is_tried_again_at_its_time(store: Store) -> None:
    await furnish(store)
    async with core(store, Fast()) as made:
        made.context.later = Work(made.context).later  # and nobody sweeps
        made.sms.troubles = [LATER]
        await made.hub.receive(hello())
        await eventually(lambda: value(made.sms.sent), bool)


class Thorough(Work):
    begun = ended = False

    async def poll(self) -> None:
        self.begun = True
        await asyncio.sleep(0.2)
        self.ended = True


async def test_who_stops_ends_the_pass_under_way_and_wakes_nobody_any_more(store: Store) -> None:
    clock = Fast()
    async with core(store, clock) as made:
        before = asyncio.all_tasks()
        work = Thorough(made.context)
        async with work.running():
            made.context.later(uuid4(), clock.now() + timedelta(days=1))
            await eventually(lambda: value(work.begun), bool)
        await made.settled()
        assert work.ended
        assert asyncio.all_tasks() == before


async def own(made: Core) -> Node | None:
    return next((node for node in await made.records.all(Node) if node.id == made.context.node), None)


async def value(of: T) -> T:
    return of
