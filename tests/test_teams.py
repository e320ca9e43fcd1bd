"""Teams over text: who answers, what they know, what stays with whom, and that no hand-over goes round in circles."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from hub.channel import Inbound
from hub.engines import ENGINES
from hub.models import Agent, Interaction, Knowledge, Message, Skill, Team, TeamDefinition
from hub.models.flow import FieldSpec, Flow, Stage, Transition
from hub.models.team import RESERVED, TeamFields
from hub.store import Store, teams
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.team_world import ASKED, BILL, REPAIR, TO_BEN, TO_ZOE, ben, kept, maya, ring, stored, workshop
from tests.world import Core, bus, core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"
BEN_ASKS = ("Ben", "Hello, I'm Ben from billing. What is the number of the bill?")


@pytest.fixture(autouse=True)
def passing() -> Iterator[None]:
    ENGINES["teams-passing"] = "tests.team_world:Passing"
    ASKED.clear()
    yield
    ENGINES.pop("teams-passing")


class Desk:
    """A team that answers at a number, and Ana who texts it."""

    def __init__(self, made: Core, team: Team) -> None:
        self.core, self.team, self._texts = made, team, 0

    async def says(self, text: str, by: Core | None = None) -> list[tuple[str, str]]:
        """What was answered, by whom."""
        before, made = len(await self.core.records.all(Message)), by or self.core
        self._texts += 1
        await made.hub.receive(
            Inbound("sms", "message", f"SM{self._texts}", sender=ANA, recipient=OUR_NUMBER, text=text)
        )
        await made.settled()
        said = await self.core.records.all(Message)
        return [(one.author, one.text) for one in said[before:] if one.role == "agent"]

    async def interaction(self) -> Interaction:
        return await self.core.records.one(Interaction)

    async def changes(self) -> list[tuple[str, str]]:
        return [(event.data["from"], event.data["to"]) for event in await self.core.records.events("member.changed")]


@asynccontextmanager
async def desk(database_url: str, clock: FakeClock, made: dict[str, Any] | None = None) -> AsyncIterator[Desk]:
    """The workshop, or the team that is given."""
    store = Store(database_url, bus())
    home = await furnish(store, channels=())
    if made is None:
        team = await stored(store, home.workspace_id, number=OUR_NUMBER)
    else:
        team = await kept(store, home.workspace_id, made, number=OUR_NUMBER)
    async with core(store, clock) as running:
        yield Desk(running, team)
    await store.close()


# who answers, and what they know


async def test_the_customer_is_handed_over_and_answered_in_the_same_turn(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        assert await shop.says("Hi") == [("Maya", "Hello, this is Maya. How can I help?")]
        assert await shop.says(BILL) == [("Maya", TO_BEN), BEN_ASKS]
        assert await shop.says("B1234") == [("Ben", "Perfect. I will look into bill B1234.")]
        interaction = await shop.interaction()
        assert (interaction.member, interaction.agent["name"]) == ("billing", "Ben")
        assert str(interaction.agent_id) == shop.team.definition["members"][1]["agent_id"]


async def test_who_takes_over_answers_the_very_words(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        assert await shop.says("I have a question about my bill B1234") == [
            ("Maya", "Hello, this is Maya."), ("Maya", TO_BEN),
            ("Ben", "Hello, I'm Ben from billing. Great. I will look into bill B1234."),
        ]  # fmt: skip


async def test_the_log_tells_who_handed_over_to_whom_and_why(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        await shop.says(BILL)
        (event,) = await shop.core.records.events("member.changed")
        assert event.data == {
            "from": "front", "to": "billing", "from_name": "Maya", "to_name": "Ben", "reason": "Bills.",
        }  # fmt: skip
        said = {one.author: one.seq for one in await shop.core.records.all(Message) if one.role == "agent"}
        assert said["Maya"] < event.seq < said["Ben"]


async def test_what_was_found_out_goes_along(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        await shop.says("I want to leave my name")
        assert await shop.says("Ana Miller") == [("Maya", "Thank you, Ana. I wrote down Ana Miller.")]
        await shop.says(BILL)
        ((_, text),) = await shop.says("B1234")
        assert text.endswith("I will look into bill B1234, Ana Miller.")


async def test_each_has_their_own_place_in_their_own_flow_and_finds_it_again(
    database_url: str, clock: FakeClock
) -> None:  # fmt: skip
    async with desk(database_url, clock) as shop:
        await shop.says("Hi")
        assert await shop.says("I want to leave my name") == [("Maya", "What is your name?")]
        assert await shop.says(BILL) == [("Maya", TO_BEN), BEN_ASKS]
        assert await shop.says("something else please") == [("Maya", "What is your name?")]
        await shop.says("Ana Miller")
        assert await shop.says(BILL) == [("Maya", TO_BEN), ("Ben", "What is the number of the bill?")], (
            "no second hello"
        )


async def test_each_answers_from_their_own_knowledge(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        async with shop.core.context.store.write() as db:
            db.add(Knowledge(
                workspace_id=shop.team.workspace_id, title="Paying in instalments",
                text="You may pay a bill in three instalments.",
                agent_id=UUID(shop.team.definition["members"][1]["agent_id"]),
            ))  # fmt: skip
        await shop.says("Hi")
        question = "Can I pay in instalments?"
        ((_, before),) = await shop.says(question)
        await shop.says(BILL)
        ((_, after),) = await shop.says(question)
    assert "three instalments" not in before
    assert "three instalments" in after


async def test_a_field_that_means_something_else_is_asked_for_again(database_url: str, clock: FakeClock) -> None:
    what = FieldSpec(name="what", question="What is it about?")
    flow = Flow(
        stages=[Stage(id="start", fields=[what], transitions=[Transition(to="end")]), Stage(id="end", text="Ok.")]
    )
    async with desk(database_url, clock, workshop(front=maya(flow=flow))) as shop:
        await shop.says("Hi")
        await shop.says("My old thing")
        answers = await shop.says(REPAIR)
        assert answers[-1] == ("Zoe", "Zoe here. A bike or a scooter?")


async def test_a_step_of_the_flow_may_hand_over(database_url: str, clock: FakeClock) -> None:
    name = FieldSpec(name="name", type="name", question="What is your name?")
    flow = Flow(stages=[
        Stage(id="start", type="start", fields=[name], transitions=[Transition(to="pass")]),
        Stage(id="pass", type="tool", tool="to_billing", arguments={"reason": "{{name}} pays"},
              transitions=[Transition(to="back")]),
        Stage(id="back", text="You are back with Maya."),
    ])  # fmt: skip
    async with desk(database_url, clock, workshop(front=maya(flow=flow))) as shop:
        await shop.says("Hi")
        assert (await shop.says("Ana Miller"))[-2:] == [("Maya", TO_BEN), BEN_ASKS], "who is not asked the name again"
        (event,) = await shop.core.records.events("member.changed")
        assert event.data["reason"] == "Ana Miller pays"
        assert await shop.says("something else please") == [("Maya", "You are back with Maya.")]


async def test_who_must_not_be_contacted_is_not_handed_round(database_url: str, clock: FakeClock) -> None:
    """A refusal is heard before anybody thinks of colleagues."""
    async with desk(database_url, clock) as shop:
        await shop.says("Hi")
        assert await shop.says("Stop texting me, I have no question about my bill") == []
        assert (await shop.interaction()).ended_reason == "goodbye"
        assert await shop.changes() == []


# what was begun goes on as it was begun


async def test_a_later_change_reaches_no_interaction_that_is_going_on(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        await shop.says("Hi")
        changed = workshop(billing=ben(name="Bob"), front=maya(name="Mo"))
        async with shop.core.context.store.write() as db:
            definition = TeamDefinition.model_validate(changed).model_dump(mode="json")
            await teams.change_definition(db, shop.team.workspace_id, shop.team.id, definition, clock.now())
            for agent in await shop.core.records.all(Agent, Agent.name == "Ben"):
                row = await db.get(Agent, agent.id)
                assert row is not None
                row.definition = ben(opening_message="This is new.").model_dump(mode="json")
        assert await shop.says(BILL) == [("Maya", TO_BEN), BEN_ASKS]
        assert (await shop.interaction()).team["version"] == 1


async def test_another_process_goes_on_with_who_has_the_customer(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        other_store = Store(database_url, bus())
        async with core(other_store, clock, node="b#1") as other:
            await shop.says("Hi")
            assert await shop.says(BILL, by=other) == [("Maya", TO_BEN), BEN_ASKS]
            assert await shop.says("B1234") == [("Ben", "Perfect. I will look into bill B1234.")]
            assert await shop.says(REPAIR, by=other) == [("Ben", TO_ZOE), ("Zoe", "Zoe here. A bike or a scooter?")]
        await other_store.close()


async def test_skills_are_for_all_of_the_team(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo")) as shop:
        skill = Skill(workspace_id=shop.team.workspace_id, name="Dialects", instructions="Speak plainly.")
        made = await shop.core.hub.start(shop.team.workspace_id, "sms", ANA, team=shop.team, skills=[skill], text="Hi")
        assert "Speak plainly." in made.agent["prompt"]
        assert all("Speak plainly." in one["agent"]["prompt"] for one in made.team["members"].values())


async def test_one_may_begin_with_any_member(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock) as shop:
        made = await shop.core.hub.start(shop.team.workspace_id, "sms", ANA, team=shop.team, member="repairs")
        await shop.core.settled()
        assert [(one.author, one.text) for one in await shop.core.records.all(Message)] == [
            ("Zoe", "Zoe here. A bike or a scooter?")
        ]
        assert made.member == "repairs"


# no circles


async def test_no_more_than_three_hand_overs_in_a_turn(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo", "Cy", "Di", "Ed")) as shop:
        assert await shop.says("round") == [("Di", "Di heard round.")]
        assert await shop.changes() == [("al", "bo"), ("bo", "cy"), ("cy", "di")]
        assert await shop.says("hello") == [("Di", "Di heard hello.")]
        assert len({turn.key for turn in ASKED}) == len(ASKED) == 5, "what one asks outside is no repetition of another"


async def test_who_is_given_a_customer_cannot_give_them_back_at_once(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo")) as shop:
        assert await shop.says("round") == [("Bo", "Bo heard round.")]
        assert await shop.says("round") == [("Al", "Al heard round.")], "but in the next turn they can"
        assert await shop.changes() == [("al", "bo"), ("bo", "al")]


async def test_a_hand_over_to_nobody_is_none_and_ends_in_words(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo", fallback_message="I do not know.")) as shop:
        assert await shop.says("to nobody") == [("Al", "I do not know.")]
        assert await shop.changes() == []


async def test_all_that_is_said_before_it_is_of_who_leaves(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo", message="{{agent.name}} passes you on.")) as shop:
        assert await shop.says("talk and pass") == [
            ("Al", "Al thinks."), ("Al", "Al adds this."), ("Al", "Al passes you on."),
            ("Bo", "Bo heard talk and pass."),
        ]  # fmt: skip


async def test_what_has_been_dealt_with_is_not_answered_twice(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo")) as shop:
        assert await shop.says("dealt with") == [("Bo", "Bo heard nothing.")]
    turn = ASKED[-1]
    assert [entry.role for entry in turn.history] == ["customer", "system"]
    assert turn.history[-1].text == "Al handed the customer over to you, Bo. Why: they are done here"


async def test_when_who_takes_over_cannot_think_a_person_goes_on(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo", error_message="Sorry.")) as shop:
        assert await shop.says("break") == [("Bo", "Sorry.")]
        interaction = await shop.interaction()
        assert (interaction.member, interaction.owner) == ("bo", "queue")


async def test_each_has_a_memory_of_their_own(database_url: str, clock: FakeClock) -> None:
    async with desk(database_url, clock, ring("Al", "Bo")) as shop:
        for text in ("one", "two", "round", "three", "round", "four"):
            await shop.says(text)
        interaction = await shop.interaction()
        assert interaction.member == "al"
        assert interaction.state["turns"] == 5, "one, two, round, and round and four after coming back"
        assert interaction.state["members"] == {"bo": {"turns": 3}}


# what is no team


def faulty(**changes: Any) -> dict[str, Any]:
    made = ring("Al", "Bo")
    made["members"][0]["transitions"][0] |= changes
    return made


@pytest.mark.parametrize("name", [*sorted(RESERVED), "go_to_start", "enter_stage_2"])
def test_functions_of_the_hub_hand_nobody_over(name: str) -> None:
    with pytest.raises(ValidationError, match="is the name of a function of the hub"):
        TeamDefinition.model_validate(faulty(function=name))


@pytest.mark.parametrize(
    ("made", "where", "words"),
    [
        (faulty(to="cy"), ("members", 0, "transitions", 0, "to"), "There is no member 'cy'; there are: al, bo."),
        (faulty(to="al"), ("members", 0, "transitions", 0, "to"), "al cannot hand over to themselves."),
        (ring("Al", "Al"), ("members", 1, "key"), "There is another member with the key 'al'."),
        (ring("Al", "Bo") | {"first": "cy"}, ("first",), "There is no member 'cy'; there are: al, bo."),
    ],
)  # fmt: skip
def test_what_does_not_hang_together_is_said_with_its_place(
    made: dict[str, Any], where: tuple[str | int, ...], words: str
) -> None:
    assert (where, words) in list(TeamFields.model_validate(made).faults())
    with pytest.raises(ValidationError):
        TeamDefinition.model_validate(made)


def test_members_whom_nobody_reaches_and_dead_ends_are_told() -> None:
    made = ring("Al", "Bo", "Cy")
    made["members"][1]["transitions"] = []
    assert TeamDefinition.model_validate(made).doubts() == [
        "Nobody hands over to cy, so they never have a customer.", "bo hands over to nobody: customers stay with them.",
    ]  # fmt: skip
    assert TeamDefinition.model_validate(workshop()).doubts() == []


@pytest.mark.parametrize("agent", [{}, {"name": ""}, {"name": "x", "nonsense": 1}, {"prompt": "without a name"}])
def test_who_is_no_agent_is_no_member(agent: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TeamDefinition.model_validate({"name": "x", "members": [{"key": "a", "agent": agent}]})


def test_overrides_are_some_fields_of_a_definition() -> None:
    some = {"key": "a", "agent_id": "0198c0de-0000-7000-8000-000000000001", "agent": {"prompt": "At night."}}
    (member,) = TeamDefinition.model_validate({"name": "x", "members": [some]}).members
    assert member.agent == {"prompt": "At night."}, "and nothing else is overridden"
