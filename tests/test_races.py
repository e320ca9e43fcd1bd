"""What happens between two steps: another node, a crash, a second press of the same button."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Inbound
from hub.core.answer import answer
from hub.core.recover import sweep
from hub.dialogue.turn import Piece, Say, Toolbox, Turn
from hub.engines import ENGINES
from hub.models import AgentDefinition, Interaction
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.world import Core, bus, core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


def message(text: str, number: int = 1) -> Inbound:
    return Inbound("sms", "message", f"SM{number}", sender=ANA, recipient=OUR_NUMBER, text=text)


async def opened(made: Core) -> Interaction:
    await made.hub.receive(message("hello"))
    await made.settled()
    return await made.records.one(Interaction)


@contextlib.asynccontextmanager
async def dying(store: Store, clock: FakeClock) -> AsyncIterator[Core]:
    """A node that decides and then never gets to answer: its tasks wait until the test is over."""
    async with core(store, clock, node="dying#1") as made:
        made.context.slots = asyncio.Semaphore(0)
        try:
            yield made
        finally:
            for _ in range(10):
                made.context.slots.release()


async def swept(made: Core, clock: FakeClock) -> None:
    began = clock.now()
    clock.forward(minutes=1)
    await sweep(made.context, began)
    await made.settled()


async def test_an_opening_message_survives_the_node_that_promised_it_and_is_said_once(
    database_url: str, clock: FakeClock
) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    home = await furnish(stores[0])
    async with core(stores[1], clock) as living:
        async with dying(stores[0], clock) as dead:
            await dead.hub.start(home.workspace_id, "sms", ANA)
            await swept(living, clock)
            assert [sent.text for sent in living.sms.sent] == ["Hello, this is Maya."]
        assert not dead.sms.sent
        assert await living.records.said() == [("agent", "Hello, this is Maya.")]
    for store in stores:
        await store.close()


async def test_what_is_handed_back_to_a_node_that_dies_is_gone_on_with_by_another(
    database_url: str, clock: FakeClock
) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    home = await furnish(stores[0])
    async with core(stores[1], clock) as living:
        place = (home.workspace_id, (await opened(living)).id)
        await living.hub.take_over(*place, home.ana)
        await living.hub.receive(message("Are you open on Saturday?", 2))
        before = len(living.sms.sent)
        async with dying(stores[0], clock) as dead:
            await dead.hub.hand_back(*place, home.ana)
            await swept(living, clock)
            assert len(living.sms.sent) > before
        said = await living.records.said()
        assert not dead.sms.sent
        await swept(living, clock)
        assert await living.records.said() == said
    for store in stores:
        await store.close()


class Eager:
    """An engine that always has something to say."""

    vendor = ""

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        yield Say(f"[{turn.cue}]")


async def test_handing_back_twice_makes_the_agent_speak_once(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINES, "eager", f"{__name__}:Eager")
    home = await furnish(store, definition=AgentDefinition(name="Maya", engine="eager"))
    async with core(store, clock) as made:
        place = (home.workspace_id, (await opened(made)).id)
        await made.hub.take_over(*place, home.ana)
        await made.hub.receive(message("and on Sunday?", 2))
        await made.hub.hand_back(*place, home.ana)
        await made.settled()
        said = await made.records.said()
        assert said[-1] == ("agent", "[handed_back]")
        await made.hub.hand_back(*place, home.ana)
        await made.settled()
        assert await made.records.said() == said


class Slow(Store):
    """A database that takes no write while its gate is closed."""

    def __init__(self, url: str) -> None:
        super().__init__(url, bus())
        self.gate = asyncio.Event()
        self.waiting = asyncio.Event()
        self.gate.set()

    @contextlib.asynccontextmanager
    async def write(self, *, urgent: bool = False) -> AsyncIterator[AsyncSession]:
        self.waiting.set()
        await self.gate.wait()
        async with super().write(urgent=urgent) as db:
            yield db


async def test_a_message_that_comes_while_another_node_finds_nothing_to_do_is_still_owed_an_answer(
    database_url: str, clock: FakeClock
) -> None:
    slow, stores = Slow(database_url), [Store(database_url, bus()) for _ in range(2)]
    await furnish(stores[0])
    async with core(slow, clock, node="slow#1") as late, core(stores[1], clock) as living:
        interaction = await opened(living)
        slow.gate.clear()
        slow.waiting.clear()
        looking = asyncio.create_task(answer(late.context, interaction.id))
        await slow.waiting.wait()
        async with dying(stores[0], clock) as dead:
            await dead.hub.receive(message("What are your opening hours on Saturday?", 2))
            slow.gate.set()
            await looking
            await swept(living, clock)
            assert "9 to 13" in living.sms.sent[-1].text
    for store in (slow, *stores):
        await store.close()
