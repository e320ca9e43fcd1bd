"""A server killed at any step, a carrier that leaves us in doubt: nothing is lost, nothing goes out twice."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from hub.channel import Inbound, Outbound, Undeliverable
from hub.core.deliver import deliver
from hub.core.recover import GIVE_UP_AFTER, sweep
from hub.feed import Bus
from hub.models import Message, OutboxEntry
from hub.store import Store, interactions, transit
from tests.bench.processes import OUR_NUMBER, Running
from tests.conftest import ENGINES, Databases
from tests.fakes import FakeChannel, FakeClock, until
from tests.world import QUESTION, Fleet, House, Sandbox, core, eventually, fleet, furnish, house, sandbox_process

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

FAILPOINTS = (
    "deliver.settled", "deliver.sent", "deliver.claimed", "answer.committed", "answer.thought", "receive.committed",
    "receive.storing",
)  # fmt: skip
"""In this order no life stumbles over what the one before it left."""
SETTLED_WITHIN = 45


async def died(hub: Running) -> None:
    await asyncio.to_thread(hub.process.wait, 30)
    assert hub.process.returncode == -9


async def life(made: Fleet, failpoint: str) -> Running:
    """A life of node a that dies at this failpoint; one without when it dies of what the life before left."""
    try:
        return await made.hub(HUB_NODE="a", HUB_FAILPOINT=failpoint)
    except RuntimeError as error:
        if "ended with -9" not in str(error):
            raise
        return await made.hub(HUB_NODE="a")


async def ended(hub: Running) -> None:
    """Dead by its failpoint, or by our hand when what it was to die of had been settled before."""
    try:
        await asyncio.to_thread(hub.process.wait, 20)
    except subprocess.TimeoutExpired:
        hub.kill()
    assert hub.process.returncode == -9


async def nothing_owed(made: Fleet) -> list[OutboxEntry]:
    async def states() -> list[OutboxEntry]:
        return list(await made.records.all(OutboxEntry))

    return await eventually(
        states, lambda rows: rows and all(row.state in ("sent", "failed") for row in rows), SETTLED_WITHIN
    )


async def one_reply(made: Fleet, person: str) -> None:
    """Exactly one answer, at the carrier and in the thread."""
    await made.sandbox.sent(person, at_least=1, within=SETTLED_WITHIN)
    await nothing_owed(made)
    sent, *twice = await made.sandbox.sent(person)
    assert not twice, (person, sent, twice)
    assert await made.records.said(person) == [("customer", QUESTION), ("agent", sent["body"])]
    answer = await made.records.one(Message, Message.external_id == sent["sid"])
    assert answer.text == sent["body"]


async def text(made: Fleet, person: str, hub: Running) -> bool:
    """A person asks; whether that was acknowledged."""
    sid = f"SM{person[1:].rjust(32, '0')}"
    (answer,) = await made.sandbox.texts(person, QUESTION, hub.url, sid=sid)
    return answer["status"] == 200


async def one_life_after_another(made: Fleet) -> None:
    """One node, killed at each step, with a customer of its own each time; what one life leaves the next finds."""
    patient, *others = [f"+12025552{number:03d}" for number in range(1 + len(FAILPOINTS))]
    await made.sandbox.behave(mode="429", retry_after=2, count=1, to=patient)
    unacknowledged = []
    for number, (failpoint, person) in enumerate(zip(FAILPOINTS, others, strict=True)):
        hub = await life(made, failpoint)
        if number == 0:
            assert await text(made, patient, hub)
            await eventually(lambda: made.sandbox.tries(patient), bool)
        if not await text(made, person, hub):
            unacknowledged.append((failpoint, person))
        await ended(hub)
    assert "receive.storing" in {failpoint for failpoint, _ in unacknowledged}
    asking = await life(made, "recover.asked")
    for _, person in unacknowledged:  # the carrier tries again what was not acknowledged
        if not await text(made, person, asking):  # it died meanwhile, of what it asked about
            await ended(asking)
            asking = await made.hub(HUB_NODE="a")
            assert await text(made, person, asking)
    await ended(asking)
    await made.hub(HUB_NODE="a")
    for person in (patient, *others):
        await one_reply(made, person)
    assert [call["status"] for call in await made.sandbox.tries(patient)] == [429, 201]


async def another_node_takes_over(made: Fleet) -> None:
    """Two servers die; a worker that was there all the time finishes what they left."""
    people = {"deliver.claimed": "+12025553001", "answer.thought": "+12025553002"}
    worker = made.command("worker", HUB_NODE="worker")
    try:
        for failpoint, person in people.items():
            hub = await made.hub(HUB_NODE=failpoint, HUB_FAILPOINT=failpoint)
            await text(made, person, hub)
            await died(hub)
        for person in people.values():
            await one_reply(made, person)
    finally:
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, 20) == 0


async def test_whatever_dies_when_each_customer_has_exactly_one_reply(databases: Databases, tmp_path: Path) -> None:
    async def play(scenario: Callable[[Fleet], Awaitable[None]], engine: str) -> None:
        folder = tmp_path / f"{scenario.__name__}_{engine}"
        folder.mkdir()
        with sandbox_process() as sandbox:  # of its own: each hub polls all of its carrier
            async with fleet(databases.new(engine), sandbox, folder) as made:
                await scenario(made)

    scenarios = (one_life_after_another, another_node_takes_over)
    played = [play(scenario, engine) for engine in ENGINES for scenario in scenarios]
    ended = await asyncio.gather(*played, return_exceptions=True)
    assert [fault for fault in ended if fault is not None] == []


# a carrier that leaves us in doubt


async def asked_and_swept(hub: House, person: str, **later: float) -> OutboxEntry:
    await hub.text(person, QUESTION)
    await hub.settled()
    for name, value in later.items():
        hub.clock.forward(**{name: value})
        await sweep(hub.hub.context, hub.clock.now())
        await hub.settled()
    return await hub.records.one(OutboxEntry)


@pytest.mark.parametrize("hidden", [False, True], ids=["listed", "reported"])
async def test_a_message_taken_without_an_answer_is_found_and_not_sent_again(hub: House, hidden: bool) -> None:
    person = "+12025550301"
    await hub.sandbox.behave(mode="drop_after_accept", to=person, hold_status=True, list_hides=hidden)
    entry = await asked_and_swept(hub, person, seconds=10)
    if hidden:
        assert entry.state == "unsure"
        await hub.sandbox.ask("POST", "/control/release")
        await hub.settled()
    answer = await hub.records.one(Message, Message.role == "agent")
    (sent,) = await hub.sandbox.sent(person)
    assert (await hub.records.one(OutboxEntry)).state == "sent"
    assert (answer.status, answer.external_id) == ("delivered" if hidden else "sent", sent["sid"])
    assert len(await hub.sandbox.tries(person)) == 1


@pytest.mark.parametrize("mode", ["timeout", "reset", "500"])
async def test_a_doubt_that_nothing_settles_ends_with_plain_words(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, mode: str
) -> None:
    person = "+12025550302"
    async with house(database_url, sandbox, clock, tmp_path, TWILIO_TIMEOUT_SECONDS="0.3") as hub:
        await sandbox.behave(mode=mode, to=person)
        assert (await asked_and_swept(hub, person, seconds=10)).state == "unsure"
        clock.forward(seconds=GIVE_UP_AFTER.total_seconds())
        await sweep(hub.hub.context, clock.now())
        answer = await hub.records.one(Message, Message.role == "agent")
        assert (answer.status, answer.error_code) == ("failed", "unconfirmed")
        assert answer.error_words.startswith("We could not confirm that this message went out.")
        assert len(await sandbox.tries(person)) == 1
        assert await sandbox.sent(person) == []


async def test_a_doubtful_message_holds_no_other_back(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    person = "+12025550303"
    async with house(database_url, sandbox, clock, tmp_path, TWILIO_TIMEOUT_SECONDS="0.3") as hub:
        await sandbox.behave(mode="timeout", to=person, count=1)
        await hub.text(person, QUESTION)
        await hub.settled()
        await hub.text(person, QUESTION)
        await hub.settled()
        assert len(await sandbox.sent(person, at_least=1)) == 1
        assert [row.state for row in await hub.records.all(OutboxEntry)] == ["unsure", "sent"]


async def test_a_carrier_that_wants_us_to_wait_gets_it_once_and_later(hub: House) -> None:
    person = "+12025550304"
    await hub.sandbox.behave(mode="429", retry_after=20, count=2, to=person)
    entry = await asked_and_swept(hub, person, seconds=15)
    assert (entry.state, entry.attempts) == ("queued", 1)
    assert (entry.due_at - hub.clock.now()).total_seconds() == pytest.approx(5, abs=3)
    for _ in range(3):
        hub.clock.forward(seconds=21)
        await sweep(hub.hub.context, hub.clock.now())
    assert [call["status"] for call in await hub.sandbox.tries(person)] == [429, 429, 201]
    assert (await hub.records.one(OutboxEntry)).state == "sent"


async def test_a_carrier_that_never_takes_it_is_given_up_with_its_words(hub: House) -> None:
    person = "+12025550305"
    await hub.sandbox.behave(mode="429", to=person)
    await asked_and_swept(hub, person)
    for _ in range(12):
        hub.clock.forward(minutes=6)
        await sweep(hub.hub.context, hub.clock.now())
    answer = await hub.records.one(Message, Message.role == "agent")
    assert (answer.status, answer.error_code) == ("failed", "20429")
    assert len(await hub.sandbox.tries(person)) == 8


async def test_a_carrier_that_is_not_there_gets_it_when_it_is(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    person = "+12025550306"
    async with house(database_url, sandbox, clock, tmp_path, TWILIO_BASE_URL="http://127.0.0.1:9") as hub:
        await hub.text(person, QUESTION)
        await hub.settled()
        entry = await hub.records.one(OutboxEntry)
        assert (entry.state, entry.attempts) == ("queued", 1)


# several nodes at once


class AskedTwice(FakeChannel):
    """A channel whose listing is answered only when two have asked."""

    def __init__(self) -> None:
        super().__init__()
        self.both = asyncio.Event()
        self.hold_second = asyncio.Event()

    async def find(self, outbound: Outbound) -> list[str]:
        found = await super().find(outbound)
        if self.asked == 2:
            self.both.set()
            await self.hold_second.wait()
        await self.both.wait()
        return found


async def test_two_sweeps_that_ask_at_the_same_time_send_it_once(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    channel = AskedTwice()
    async with core(store, clock, node="a#1") as made, core(store, clock, node="b#1") as other:
        made.context.channels = other.context.channels = {"sms": channel}
        channel.troubles = [Undeliverable("Too fast.", retry=True)]
        await made.hub.receive(Inbound("sms", "message", "SM1", "+12025550101", OUR_NUMBER, QUESTION))
        await made.settled()
        async with store.write() as db:
            entry = await db.get_one(OutboxEntry, (await made.records.one(OutboxEntry)).message_id)
            entry.state, entry.node = "sending", "dead#1"
        channel.gate, channel.on_its_way = asyncio.Event(), asyncio.Event()
        clock.forward(minutes=3)
        first = asyncio.create_task(sweep(made.context, clock.now()))
        await until(lambda: channel.asked)
        second = asyncio.create_task(sweep(other.context, clock.now()))
        await channel.on_its_way.wait()
        channel.hold_second.set()
        channel.on_its_way.clear()
        await asyncio.wait([second, asyncio.create_task(channel.on_its_way.wait())], return_when="FIRST_COMPLETED")
        channel.gate.set()
        await asyncio.gather(first, second)
        assert len(channel.sent) == 1
        assert (await made.records.one(OutboxEntry)).state == "sent"


async def test_two_nodes_that_find_the_same_message_waiting_send_it_once(database_url: str, clock: FakeClock) -> None:
    stores = [Store(database_url, Bus()) for _ in range(2)]
    await furnish(stores[0])
    async with core(stores[0], clock, node="a#1") as one, core(stores[1], clock, node="b#1") as two:
        one.sms.troubles = [Undeliverable("Too fast.", retry=True)]
        await one.hub.receive(Inbound("sms", "message", "SM1", "+12025550101", OUR_NUMBER, QUESTION))
        await one.settled()
        clock.forward(minutes=1)
        waiting = await one.records.one(OutboxEntry)
        async with stores[0].write() as db:  # both find it waiting before either can take it
            await interactions.locked(db, waiting.interaction_id)
            await transit.settle_inbox(db, waiting.interaction_id, clock.now())
            await db.exec(update(OutboxEntry).values(attempts=waiting.attempts))
            tries = [asyncio.create_task(deliver(made.context, waiting.interaction_id)) for made in (one, two)]
            await asyncio.sleep(0.1)
        await asyncio.gather(*tries)
        assert len(one.sms.sent) + len(two.sms.sent) == 1
    for store in stores:
        await store.close()


async def test_a_living_node_of_the_same_name_is_not_taken_for_an_earlier_life(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock, node="a#1") as old, core(store, clock, node="a#2") as new:
        await sweep(old.context, clock.now())
        old.sms.gate = asyncio.Event()
        await old.hub.receive(Inbound("sms", "message", "SM1", "+12025550101", OUR_NUMBER, QUESTION))
        await old.sms.on_its_way.wait()
        began = clock.now()
        for _ in range(3):
            clock.forward(seconds=6)
            await sweep(old.context, began)
            await sweep(new.context, began)
        assert (new.sms.asked, new.sms.sent) == (0, [])
        old.sms.gate.set()
        await old.settled()
        assert len(old.sms.sent) == 1


async def test_a_send_that_hangs_in_a_living_node_is_settled_by_asking(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock, node="a#1") as made:
        made.sms.gate = asyncio.Event()
        await made.hub.receive(Inbound("sms", "message", "SM1", "+12025550101", OUR_NUMBER, QUESTION))
        await made.sms.on_its_way.wait()
        answer = await made.records.one(Message, Message.role == "agent")
        sent = Outbound(str(answer.id), "", "", OUR_NUMBER, "+12025550101", answer.text)
        made.sms.listed.append(("SM" + "9" * 32, sent))
        clock.forward(minutes=3)
        await sweep(made.context, clock.now())
        settled = await made.records.one(Message, Message.id == answer.id)
        assert (settled.status, settled.external_id) == ("sent", "SM" + "9" * 32)
        made.sms.gate.set()
