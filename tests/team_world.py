"""A workshop whose agents hand customers over to one another: Maya at the front, Ben for bills, Zoe for repairs."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from hub.dialogue.turn import HandOver, Piece, Say, Toolbox, Turn
from hub.models import Address, Agent, AgentDefinition, Team, TeamDefinition
from hub.models.flow import Choice, FieldSpec, Flow, Stage, Transition
from hub.store import Store

TO_BEN = "I'll pass you to Ben, who knows all about bills."
TO_ZOE = "Zoe will see to your repair."
BILL = "I have a question about my bill"
REPAIR = "I need a repair"


def maya(**more: Any) -> AgentDefinition:
    return AgentDefinition(
        **{"name": "Maya", "opening_message": "Hello, this is Maya. How can I help?", "flow": _front(), **more}
    )


def _front() -> Flow:
    name = FieldSpec(name="name", type="name", question="What is your name?")
    return Flow(
        stages=[
            Stage(id="start", type="start", transitions=[
                Transition(to="ask", on="intent", phrases=["leave my name"]),
            ]),
            Stage(id="ask", fields=[name], transitions=[Transition(to="noted")]),
            Stage(id="noted", text="I wrote down {{name}}."),
        ]
    )  # fmt: skip


def ben(**more: Any) -> AgentDefinition:
    order = FieldSpec(
        name="order", question="What is the number of the bill?", pattern=r"[Bb]\d{4}", invalid_message="Like B1234."
    )
    flow = Flow(
        stages=[
            Stage(id="start", type="start", fields=[order], transitions=[Transition(to="told")]),
            Stage(id="told", text="I will look into bill {{order}}, {{name}}."),
        ]
    )
    return AgentDefinition(**{"name": "Ben", "opening_message": "Hello, I'm Ben from billing.", "flow": flow, **more})


def zoe(**more: Any) -> AgentDefinition:
    kind = FieldSpec(name="what", type="choice", question="A bike or a scooter?", choices=[
        Choice(value="bike", label="Bike"), Choice(value="scooter", label="Scooter"),
    ])  # fmt: skip
    flow = Flow(
        stages=[
            Stage(id="start", type="start", fields=[kind], transitions=[Transition(to="told")]),
            Stage(id="told", text="Bring the {{what}} on Monday."),
        ]
    )
    return AgentDefinition(**{"name": "Zoe", "opening_message": "Zoe here.", "flow": flow, **more})


def ways(to: str, *phrases: str, message: str = "", description: str = "") -> dict[str, Any]:
    return {"to": to, "function": f"to_{to}", "phrases": list(phrases), "message": message, "description": description}


def workshop(agents: dict[str, UUID] | None = None, **definitions: AgentDefinition) -> dict[str, Any]:
    """The definition of the team; of stored agents where their ids are given, else inline."""
    people = {"front": maya(), "billing": ben(), "repairs": zoe()} | definitions
    paths = {
        "front": [
            ways("billing", "question about my bill", "charged twice", message=TO_BEN, description="Bills."),
            ways("repairs", "need a repair", "is broken", message=TO_ZOE),
        ],
        "billing": [ways("repairs", "need a repair", message=TO_ZOE), ways("front", "something else")],
        "repairs": [ways("billing", "question about my bill"), ways("front", "something else")],
    }
    members = [
        {
            "key": key,
            **({"agent_id": str(agents[key])} if agents and key in agents else {"agent": one.model_dump(mode="json")}),
            "transitions": paths[key],
        }
        for key, one in people.items()
    ]
    return {"name": "Workshop", "members": members, "first": "front"}


class Passing:
    """A brain that hands over as the customer says, and tells what it was asked. `ASKED` has all its turns."""

    vendor = ""

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        ASKED.append(turn)
        name, said = str(turn.agent["name"]), turn.said.strip().lower()
        turn.state["turns"] = turn.state.get("turns", 0) + 1
        if turn.cue == "opened":
            yield Say(f"{name} greets.")
        elif said == "round" and turn.colleagues:
            yield HandOver(turn.colleagues[0].member, "they go round")
        elif said == "to nobody":
            yield HandOver("nobody")
        elif said == "talk and pass" and turn.cue == "message":
            yield Say(f"{name} thinks.")
            yield HandOver(turn.colleagues[0].member)
            yield Say(f"{name} adds this.")
        elif said == "dealt with" and turn.cue == "message":
            yield HandOver(turn.colleagues[0].member, "they are done here", answered=True)
        elif said == "break" and turn.cue == "message":
            yield HandOver(turn.colleagues[0].member)
        elif said == "break":
            raise ConnectionError("the engine is gone")
        elif turn.cue == "handed_back":
            yield Say(f"{name} is here again.")
        else:
            yield Say(f"{name} heard {said or 'nothing'}.")


ASKED: list[Turn] = []


def ring(*names: str, message: str = "", **more: Any) -> dict[str, Any]:
    """A team of such brains, in which each hands over to the next one and the last one to the first."""
    members = [
        {
            "key": name.lower(),
            "agent": {"name": name, "engine": "teams-passing", "opening_message": None, **more},
            "transitions": [ways(names[(at + 1) % len(names)].lower(), message=message)],
        }
        for at, name in enumerate(names)
    ]
    return {"name": "Ring", "members": members}


async def stored(
    store: Store, workspace_id: UUID, *, number: str = "", channel: str = "sms", **definitions: AgentDefinition
) -> Team:  # fmt: skip
    """The workshop, in the database, of stored agents; it answers at this number if one is given."""
    people = {"front": maya(), "billing": ben(), "repairs": zoe()} | definitions
    async with store.write() as db:
        rows = {
            key: Agent(workspace_id=workspace_id, name=one.name, definition=one.model_dump(mode="json"))
            for key, one in people.items()
        }
        db.add_all(rows.values())
        await db.flush()
    made = workshop({key: row.id for key, row in rows.items()})
    return await kept(store, workspace_id, made, number=number, channel=channel)


async def kept(
    store: Store, workspace_id: UUID, made: dict[str, Any], *, number: str = "", channel: str = "sms"
) -> Team:  # fmt: skip
    """This team in the database, at this number if one is given."""
    definition = TeamDefinition.model_validate(made).model_dump(mode="json")
    async with store.write() as db:
        team = Team(workspace_id=workspace_id, name=definition["name"], definition=definition)
        db.add(team)
        await db.flush()
        if number:
            db.add(Address(workspace_id=workspace_id, channel=channel, value=number, team_id=team.id))
    return team
