"""A team and the processes that serve it: killed around a hand-over, in a text or a call, nobody is passed on twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from hub.models import Address, Event, Interaction, Message, Team
from tests.bench.processes import OUR_NUMBER, Running
from tests.call_world import agent, says
from tests.conftest import ENGINES, Databases
from tests.team_world import BILL, TO_BEN, ben, kept, maya, stored, workshop
from tests.test_calls_nodes import Phones, at_rest, gateway
from tests.test_recovery import ended, life
from tests.world import Fleet, Sandbox, eventually, fleet, sandbox_process

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 500}
FAILPOINTS = ("deliver.sent", "answer.committed", "answer.thought")
ASKS = "Hello, I'm Ben from billing. What is the number of the bill?"


async def bound(made: Fleet, team: Team) -> None:
    """The number of the fleet is answered by the team."""
    async with made.records.store.write() as db:
        await db.exec(update(Address).values(agent_id=None, team_id=team.id))


async def texts(made: Fleet, person: str, body: str, hub: Running) -> None:
    await made.sandbox.texts(person, body, hub.url, sid=f"SM{person[1:]}{abs(hash(body)) % 10**20:021d}"[:34])


async def handed_over_once(made: Fleet, person: str) -> None:
    """At the carrier and in the log."""
    await made.sandbox.sent(person, at_least=3, within=45)
    interaction = await made.records.one(Interaction, Interaction.person == person)
    changes = await made.records.all(
        Event, Event.interaction_id == interaction.id, Event.type == "member.changed"
    )  # fmt: skip
    assert [event.data["to"] for event in changes] == ["billing"]
    said = await made.records.all(Message, Message.interaction_id == interaction.id, Message.role == "agent")
    assert [(one.author, one.text) for one in said] == [
        ("Maya", "Hello, this is Maya."), ("Maya", TO_BEN), ("Ben", ASKS),
    ]  # fmt: skip
    assert [one["body"] for one in await made.sandbox.sent(person)] == [one.text for one in said]
    assert interaction.member == "billing"


async def play(databases: Databases, engine: str, folder: Path) -> None:
    with sandbox_process() as sandbox:
        async with fleet(databases.new(engine), sandbox, folder) as made:
            await bound(made, await stored(made.records.store, made.home.workspace_id))
            people = {failpoint: f"+12025557{number:03d}" for number, failpoint in enumerate(FAILPOINTS)}
            for failpoint, person in people.items():
                hub = await life(made, failpoint)
                await texts(made, person, BILL, hub)
                await ended(hub)
            last = await made.hub(HUB_NODE="a")
            for person in people.values():
                await handed_over_once(made, person)
                await texts(made, person, "B1234", last)
                sent = await made.sandbox.sent(person, at_least=4)
                assert sent[-1]["body"].endswith("I will look into bill B1234.")


async def test_a_server_killed_around_a_hand_over_hands_over_once(databases: Databases, tmp_path: Path) -> None:
    for engine in ENGINES:
        folder = tmp_path / engine
        folder.mkdir()
        await play(databases, engine, folder)


@pytest.fixture
async def phones(database_url: str, sandbox: Sandbox, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Phones]:
    quick = agent().call
    people = {"front": maya(call=quick), "billing": ben(call=quick), "repairs": maya(call=quick, name="Zoe")}
    async with (
        fleet(database_url, sandbox, tmp_path) as made,
        gateway() as gate,
        httpx.AsyncClient(base_url=sandbox.url, timeout=90) as carrier,
    ):
        team = await kept(made.records.store, made.home.workspace_id, workshop(**people))
        await bound(made, team)
        async with made.records.store.write() as db:
            db.add(Address(workspace_id=team.workspace_id, channel="call", value=OUR_NUMBER, team_id=team.id))
        found = Phones(None, carrier, None)  # type: ignore[arg-type]
        found.fleet, found.gate = made, gate
        yield found


async def test_a_call_whose_process_is_killed_goes_on_with_who_had_the_customer(phones: Phones) -> None:
    first = await phones.process("a")
    sid = await phones.calls_us(OUR_NUMBER, [QUIET, says(BILL), QUIET], target=phones.gate.url)
    await phones.until(sid, script="done")
    interaction = await eventually(lambda: phones.interaction(sid), lambda found: found.member == "billing")
    await at_rest(await phones.process("b"))
    first.process.send_signal(signal.SIGKILL)
    await phones.until(sid, event="stream_start", at_least=2, within=20)
    await phones.goes_on(sid, [QUIET, says("B1234"), QUIET, says("Goodbye", 300), QUIET])
    await phones.over(sid)
    after = await phones.ended(sid, 20)
    assert (after.member, after.status, after.ended_reason) == ("billing", "completed", "goodbye")
    assert after.team == interaction.team
    heard = await phones.heard_words(sid)
    assert "i will look into bill b1234." in heard
    assert heard.count("i'll pass you to ben") == 1
    said = await phones.messages(after.id)
    changed = next(event for event in await phones.records.events("member.changed"))
    assert all((one.author == "Ben") == (one.seq > changed.seq) for one in said if one.role == "agent")
    await asyncio.to_thread(first.process.wait, 15)
