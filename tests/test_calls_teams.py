"""Teams on the phone: who takes over speaks with a voice of their own, at once, and knows what was said."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.models import Address, AgentDefinition, Event, Interaction, Team, TeamDefinition
from tests.call_world import Exchange, Script, agent, exchange, says
from tests.fakes import FakeClock
from tests.team_world import BILL, ben, maya, workshop, zoe
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 500}
BYE: Script = [says("Goodbye", 300), QUIET]
NUMBER = "+15005569001"


@pytest.fixture
async def phones(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(database_url, sandbox, clock, tmp_path, TWILIO_TIMEOUT_SECONDS="1") as made:
        yield made


def spoken(made: AgentDefinition, **call: Any) -> AgentDefinition:
    """The same agent, heard and spoken by the quick engines."""
    quick = agent(**call).call
    return made.model_copy(update={"call": quick})


async def team_at(phones: Exchange, number: str = NUMBER, **definitions: AgentDefinition) -> Team:
    """The workshop, called at this number."""
    people = {"front": spoken(maya()), "billing": spoken(ben()), "repairs": spoken(zoe())} | definitions
    made = TeamDefinition.model_validate(workshop(**people))
    async with phones.house.store.write() as db:
        home = phones.house.home.workspace_id
        team = Team(workspace_id=home, name=made.name, definition=made.model_dump(mode="json"))
        db.add(team)
        await db.flush()
        db.add(Address(workspace_id=home, channel="call", value=number, team_id=team.id))
    return team


async def story(phones: Exchange, interaction: Interaction) -> list[tuple[str, str]]:
    """Who said what, and who took over, in the order in which it is written down."""
    said = {one.seq: one for one in await phones.messages(interaction.id)}
    told = []
    for event in await phones.records.all(Event, Event.interaction_id == interaction.id):
        if event.type == "member.changed":
            told.append((event.data["from"], event.data["to"]))
        elif event.seq in said and said[event.seq].role != "system":
            message = said[event.seq]
            told.append((message.author or message.role, message.text if message.heard is None else message.heard))
    return told


async def test_a_colleague_takes_over_in_the_midst_of_a_call(phones: Exchange) -> None:
    await team_at(phones)
    sid = await phones.calls_us(NUMBER, [QUIET, says(BILL), QUIET, says("B1234"), QUIET, *BYE])
    await phones.over(sid)
    interaction = await phones.ended(sid)
    for line in await story(phones, interaction):
        print(line)
    print(await phones.heard_words(sid))
    print(phones.seen.opened, phones.seen.closed)
    print([(m.author, m.timing.get("response_ms"), m.from_ms, m.to_ms) for m in await phones.messages(interaction.id)])
    assert interaction.member == "billing"
