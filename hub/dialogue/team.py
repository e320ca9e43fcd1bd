"""A team as it is frozen into an interaction: who may hand over to whom, and what goes along with the customer."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from hub.dialogue import notes
from hub.dialogue.template import fill
from hub.dialogue.turn import Colleague, Entry, HandOver, Piece, Say, Turn
from hub.models import Agent, Team, TeamDefinition

Frozen = Mapping[str, Any]
"""`Interaction.team`: id, name, version, first, and by key the members: agent_id, agent_version, agent, transitions."""

MOST_HAND_OVERS = 3
"""So many in one turn; who has the customer then has to answer."""

_OTHERS = "members"
"""Where in the state of the one who has the customer the states of the others are kept."""
_MEANING = ("type", "choices", "pattern", "minimum", "maximum", "choices_from")


def freeze(team: Team, stored: Mapping[UUID, Agent]) -> dict[str, Any]:
    """The team as interactions keep it, with the definitions that its agents have now."""
    made = TeamDefinition.model_validate(team.definition)
    members = {}
    for member in made.members:
        agent = stored[member.agent_id] if member.agent_id else None
        members[member.key] = {
            "agent_id": str(agent.id) if agent else None,
            "agent_version": agent.version if agent else 0,
            "agent": {**(agent.definition if agent else {}), **member.agent},
            "transitions": [way.model_dump(mode="json") for way in member.transitions],
        }
    return {"id": str(team.id), "name": team.name, "version": team.version, "first": made.first, "members": members}


def definition(team: Frozen, member: str) -> dict[str, Any]:
    """The agent of this member, as it was frozen."""
    return dict(team["members"][member]["agent"])


def agent_id(team: Frozen, member: str) -> UUID | None:
    """The stored agent, whose knowledge they have."""
    known = team["members"][member]["agent_id"]
    return UUID(known) if known else None


def name(team: Frozen, member: str) -> str:
    return str(team["members"][member]["agent"].get("name") or member)


def colleagues(team: Frozen, member: str, without: Collection[str] = ()) -> tuple[Colleague, ...]:
    """Whom this member may hand over to, but not to those who have had the customer in this very turn."""
    ways = team["members"][member]["transitions"] if team else []
    return tuple(
        Colleague(
            way["to"], way["function"], way.get("description", ""),
            name(team, way["to"]), way.get("message", ""), tuple(way.get("phrases", ())),
        )
        for way in ways
        if way["to"] not in without
    )  # fmt: skip


async def told(pieces: AsyncIterator[Piece], turn: Turn) -> AsyncIterator[Piece]:
    """A member's answer; when they hand over, they say so in the words of the team, and it is the last of it.

    Who does not exist, or may not be handed over to, is not; then the member has to answer.
    """
    over: HandOver | None = None
    spoke = False
    async for piece in pieces:
        if isinstance(piece, HandOver):
            over = piece
            continue
        spoke = spoke or (isinstance(piece, Say) and bool(piece.text.strip()))
        yield piece
    if over is None:
        return
    colleague = next((one for one in turn.colleagues if one.member == over.member), None)
    if colleague is not None:
        if words := fill(colleague.message, _values(turn)).strip():
            yield Say(words)
        yield replace(over, reason=over.reason or colleague.description)
    elif not spoke and (words := str(turn.agent.get("fallback_message") or "")):
        yield Say(words)


def _values(turn: Turn) -> dict[str, Any]:
    fields = turn.state.get("fields")
    mine = {"customer": dict(turn.customer), "agent": {"name": turn.agent.get("name", "")}}
    return {**mine, **turn.customer, **turn.parameters, **(fields if isinstance(fields, Mapping) else {})}


def next_turn(team: Frozen, turn: Turn, leaving: str, over: HandOver, given: Mapping[str, Any], **more: Any) -> Turn:
    """What the member who takes over is asked, in the same turn. `given` are the interaction's own parameters."""
    agent = definition(team, over.member)
    said = "" if over.answered else turn.said
    history = [*turn.history, *([Entry("customer", turn.said)] if over.answered and turn.said else [])]
    return replace(
        turn, agent=agent, cue="handed_over", said=said, history=[*history, note(team, leaving, over)],
        state=passed_on(team, turn.state, leaving, over.member),
        parameters={**turn.parameters, **(agent.get("parameters") or {}), **given}, key=f"{turn.key} {over.member}",
        **more,
    )  # fmt: skip


def note(team: Frozen, leaving: str, over: HandOver) -> Entry:
    """What the one who takes over is told."""
    why = f" Why: {over.reason}" if over.reason else ""
    return Entry("system", f"{name(team, leaving)} handed the customer over to you, {name(team, over.member)}.{why}")


def passed_on(team: Frozen, state: Mapping[str, Any], leaving: str, to: str) -> dict[str, Any]:
    """The state of who takes over: their own if they had the customer before, with all the fields collected since and
    the notes there are.

    A field that means something else to them, such as a choice between other values, they ask for themselves.
    """
    own = {key: value for key, value in state.items() if key not in (_OTHERS, *notes.KEYS)}
    noted = {key: state[key] for key in notes.KEYS if key in state}
    others = dict(state.get(_OTHERS) or {})
    others[leaving] = own
    back = others.pop(to, {})
    collected = own.get("fields") or {}
    fields = {**(back.get("fields") or {}), **{key: collected[key] for key in _shared(team, collected, leaving, to)}}
    return {**back, **({"fields": fields} if fields else {}), **noted, _OTHERS: others}


def _shared(team: Frozen, collected: Mapping[str, Any], leaving: str, to: str) -> Iterator[str]:
    asked, wanted = _specs(team, leaving), _specs(team, to)
    for key in collected:
        if key not in wanted or key not in asked or asked[key] == wanted[key]:
            yield key


def _specs(team: Frozen, member: str) -> dict[str, list[Any]]:
    """What each field of a member's flow may be."""
    stages = (team["members"][member]["agent"].get("flow") or {}).get("stages", [])
    return {
        spec["name"]: [spec.get(part) or None for part in _MEANING]
        for stage in stages
        for spec in stage.get("fields", [])
    }
