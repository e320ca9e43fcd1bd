"""Live hints: nothing falls between subscribing and reading, and a bus that lost its connection comes back."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from hub.channel import Inbound
from hub.feed import Bus, RedisBus
from hub.models import Interaction
from hub.store import Store, interactions
from tests.bench.processes import OUR_NUMBER
from tests.conftest import BUSES, REDIS
from tests.fakes import FakeClock
from tests.world import core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


@pytest.fixture(params=BUSES)
async def buses(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[tuple[Bus, Bus]]:
    """Two ends of a bus: of one process, or of two nodes."""
    if request.param == "process":
        bus = Bus()
        yield bus, bus
        return
    one, two = RedisBus(REDIS), RedisBus(REDIS)
    for bus in (one, two):
        await bus.start()
    await heard(one, two)
    yield one, two
    for bus in (one, two):
        await bus.stop()


async def heard(teller: Bus, hearer: Bus, within: float = 10) -> None:
    """Tell until it is heard: the connection stands."""
    async with hearer.subscribe("test") as subscription, asyncio.timeout(within):
        while True:
            teller.publish([("test", "x")])
            if "x" in await subscription.wait(0.05):
                return


async def test_a_hint_reaches_who_listens_to_its_topic(buses: tuple[Bus, Bus]) -> None:
    teller, hearer = buses
    async with hearer.subscribe("a", "b") as subscription, hearer.subscribe("c") as other:
        teller.publish([("a", "1"), ("b", "2"), ("d", "3")])
        got: set[str] = set()
        async with asyncio.timeout(5):
            while got != {"1", "2"}:
                got |= await subscription.wait(0.1)
        assert await other.wait(0.01) == frozenset()


async def test_a_hint_between_subscribing_and_waiting_is_not_lost() -> None:
    bus = Bus()
    async with bus.subscribe("a") as subscription:
        bus.publish([("a", "1")])
        assert await subscription.wait(0.01) == {"1"}
        assert await subscription.wait(0.01) == frozenset()
    bus.publish([("a", "2")])


async def test_a_reader_that_subscribes_first_misses_no_event(store: Store, clock: FakeClock) -> None:
    home = await furnish(store)
    async with core(store, clock) as made:

        async def talk() -> None:
            for number in range(20):
                text = Inbound("sms", "message", f"SM{number}", ANA, OUR_NUMBER, f"message {number}")
                await made.hub.receive(text)
            await made.settled()

        async def read() -> list[int]:
            seen: list[int] = []
            async with store.bus.subscribe(f"workspace:{home.workspace_id}") as subscription:
                while True:
                    found = await made.records.all(Interaction)
                    if found:
                        async with store.read() as db:
                            last = seen[-1] if seen else 0
                            new = await interactions.events(db, home.workspace_id, found[0].id, after=last)
                        seen += [event.seq for event in new]
                    if talking.done() and found and len(seen) == found[0].last_seq:
                        return seen
                    await subscription.wait(1)

        talking = asyncio.create_task(talk())
        async with asyncio.timeout(20):
            seen = await read()
        assert seen == list(range(1, len(seen) + 1))


async def test_every_commit_is_told_and_none_that_was_rolled_back(store: Store, clock: FakeClock) -> None:
    home = await furnish(store)
    async with core(store, clock) as made, store.bus.subscribe(f"workspace:{home.workspace_id}") as subscription:
        await made.hub.receive(Inbound("sms", "message", "SM1", ANA, OUR_NUMBER, "STOP"))
        await made.settled()
        assert await subscription.wait(0.01) == {str((await made.records.one(Interaction)).id)}
        receipt = await made.hub.receive(Inbound("sms", "message", "SM1", ANA, OUR_NUMBER, "STOP"))
        assert not receipt.fresh
        assert await subscription.wait(0.01) == frozenset()


if REDIS:

    async def test_a_bus_whose_connections_were_killed_connects_again() -> None:
        one, two = RedisBus(REDIS), RedisBus(REDIS)
        for bus in (one, two):
            await bus.start()
        await heard(one, two)
        client = Redis.from_url(REDIS)
        await client.client_kill_filter(_type="pubsub", skipme=True)
        await client.client_kill_filter(_type="normal", skipme=True)
        await client.aclose()
        await heard(one, two)
        for bus in (one, two):
            await bus.stop()
