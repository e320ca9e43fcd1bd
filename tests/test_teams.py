"""Teams over text: who answers, what they know, what stays with whom, and that no hand-over goes round in circles."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hub.channel import Inbound
from hub.models import Interaction, Message
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.team_world import BILL, REPAIR, TO_BEN, TO_ZOE, stored
from tests.world import Core, bus, core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


class Desk:
    """A team that answers at a number, and Ana who texts it."""

    def __init__(self, made: Core) -> None:
        self.core, self._texts = made, 0

    async def says(self, text: str) -> list[tuple[str, str]]:
        """What was answered, by whom."""
        before = len(await self.core.records.all(Message))
        self._texts += 1
        await self.core.hub.receive(
            Inbound("sms", "message", f"SM{self._texts}", sender=ANA, recipient=OUR_NUMBER, text=text)
        )
        await self.core.settled()
        said = await self.core.records.all(Message)
        return [(one.author, one.text) for one in said[before:] if one.role == "agent"]

    async def interaction(self) -> Interaction:
        return await self.core.records.one(Interaction)


@asynccontextmanager
async def desk(database_url: str, clock: FakeClock) -> AsyncIterator[Desk]:
    store = Store(database_url, bus())
    home = await furnish(store, channels=())
    await stored(store, home.workspace_id, number=OUR_NUMBER)
    async with core(store, clock) as made:
        yield Desk(made)
    await store.close()


async def test_the_customer_is_handed_over_and_answered_in_the_same_turn(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as workshop:
        assert await workshop.says("Hi") == [("Maya", "Hello, this is Maya. How can I help?")]
        assert await workshop.says(BILL) == [
            ("Maya", TO_BEN), ("Ben", "Hello, I'm Ben from billing. What is the number of the bill?"),
        ]  # fmt: skip
        assert await workshop.says("B1234") == [("Ben", "Perfect. I will look into bill B1234.")]
        assert (await workshop.interaction()).member == "billing"


async def test_who_takes_over_answers_the_very_words(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as workshop:
        answered = await workshop.says("I have a question about my bill B1234")
    assert answered == [
        ("Maya", "Hello, this is Maya."), ("Maya", TO_BEN),
        ("Ben", "Hello, I'm Ben from billing. Great. I will look into bill B1234."),
    ]  # fmt: skip


async def test_a_message_for_two_colleagues(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as workshop:
        print(await workshop.says(BILL))
        print(await workshop.says(REPAIR))
        print(await workshop.says("a bike"))
        print(await workshop.says("something else"))
        print(await workshop.says("please call me back"))
        print(await workshop.says("Ana Miller"))
        print(await workshop.says(BILL))
        print(TO_ZOE)
        print([(e.type, e.data) for e in await workshop.core.records.events("member.changed")])
