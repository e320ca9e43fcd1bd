"""What the agent thinks with on a call: the same brain as for texts, with only what was heard in its memory."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.context import Context
from hub.core.known import HISTORY, known
from hub.core.metering import Meter
from hub.core.thinking import failed, is_elsewhere, ready, signing_with, thinker, thinkers, worked
from hub.core.toolbox import Tools
from hub.core.whose import PARTS, Part, Whose
from hub.dialogue import team
from hub.dialogue.notes import with_new
from hub.dialogue.template import fill
from hub.dialogue.turn import (
    Cue,
    Entry,
    Finish,
    Function,
    HandOver,
    Passage,
    Piece,
    Say,
    Toolbox,
    ToolResult,
    Turn,
    Usage,
)  # fmt: skip
from hub.engine import Account, EngineFailed
from hub.models import Interaction
from hub.models.responder import Responder
from hub.store import interactions, knowledge
from hub.voice.mind import Thought
from hub.voice.screening import MOST_TURNS, asks_who_calls

MOST_TOPICS = 200

AtHand = Mapping[Part, Mapping[str, Account]]
"""The accounts that each part of an agent may use, by vendor."""


@dataclass(slots=True)
class Memory:
    """What stays the same for a call, and what is learnt in it.

    `topics` are the titles of what the agent knows, `accounts` those at hand with vendors of engines; `ours`: we called
    them. With a team, `member` has the customer, and agent and state are theirs; `given` are the interaction's
    parameters, `topics_of` the topics of each member.
    """

    interaction_id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    agent: Mapping[str, Any]
    channel: str
    parameters: Mapping[str, Any]
    customer: Mapping[str, Any]
    zone: ZoneInfo
    history: list[Entry] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    turns: int = 0
    test: bool = False
    trace_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    topics: Sequence[str] = ()
    accounts: AtHand = field(default_factory=dict)
    ours: bool = False
    team: Mapping[str, Any] = field(default_factory=dict)
    member: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    topics_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    accounts_of: Mapping[str, AtHand] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """What `{{name}}` stands for in the messages of the call."""
        agent = {"name": self.agent.get("name", "")}
        return {"agent": agent, "customer": dict(self.customer), **self.customer, **self.parameters}


class LiveMind:
    """The `Mind` of one call. `kept` is told of each new state that counts, `meter` counts what thoughts take."""

    def __init__(self, hub: Context, memory: Memory, kept: Callable[[dict[str, Any]], None], meter: Meter) -> None:
        self._hub, self.memory, self._kept, self._meter = hub, memory, kept, meter
        self._whose = Whose(hub.accounts, memory.workspace_id, memory.agent)
        self._names = self._in_order()
        self._shown: Sequence[str] = ()
        self._had: tuple[str, ...] = ()

    def think(self, said: str, cue: Cue, sure: asyncio.Event) -> "LiveThought":
        if cue != "handed_over":
            self._had = ()
        return LiveThought(self, said, cue, sure)

    def pass_on(self, over: HandOver) -> None:
        """This member of the team thinks from now on."""
        memory, leaving = self.memory, self.memory.member
        turn = team.next_turn(memory.team, self.turn("", "handed_over"), leaving, over, memory.given)
        memory.agent, memory.state, memory.parameters = turn.agent, turn.state, turn.parameters
        memory.member, memory.agent_id = over.member, team.agent_id(memory.team, over.member)
        memory.topics, memory.accounts = memory.topics_of.get(over.member, ()), memory.accounts_of[over.member]
        memory.history.append(team.note(memory.team, leaving, over))
        self.use(memory.agent)
        self._shown, self._had = (), (*self._had, leaving)

    def remember(self, role: str, text: str) -> None:
        self.memory.history.append(Entry(role, text))
        del self.memory.history[:-HISTORY]

    @property
    def name(self) -> str:
        return self._names[0]

    def another(self) -> bool:
        if len(self._names) < 2:
            return False
        self._names.pop(0)
        return True

    def offered(self) -> list[str]:
        return list(self._shown)

    def use(self, agent: Mapping[str, Any]) -> None:
        """Think as this definition says from the next turn on."""
        self.memory.agent = agent
        self._whose = Whose(self._hub.accounts, self.memory.workspace_id, agent)
        self._names = self._in_order()

    def _in_order(self) -> list[str]:
        return ready(self._whose, thinkers(self.memory.agent, self.memory.accounts.get("mind", {})))

    def patience(self) -> float:
        """How many seconds an answer may take whose wait is filled with words."""
        agent = self.memory.agent
        if not is_elsewhere(agent) or not (agent.get("call") or {}).get("filler_messages"):
            return 0.0
        return Responder.model_validate(agent.get("responder") or {}).timeout_ms / 1000 + 1

    def turn(self, said: str, cue: Cue) -> Turn:
        memory, offered = self.memory, len(self._had) < team.MOST_HAND_OVERS
        now: datetime = self._hub.clock.now()
        history = list(memory.history)
        if cue == "handed_over":  # what is still to be answered is remembered already
            at = max((i for i, one in enumerate(history) if one == Entry("customer", said)), default=len(history))
            del history[at : at + 1]
        return Turn(
            agent=memory.agent,
            cue=cue,
            said=said,
            history=history,
            state=copy.deepcopy(memory.state),
            now=now.astimezone(memory.zone),
            channel=memory.channel,
            parameters=memory.parameters,
            customer=memory.customer,
            colleagues=team.colleagues(memory.team, memory.member, self._had) if offered else (),
            key=f"{memory.interaction_id} call {memory.turns}",
            live=True,
            test=memory.test,
            interaction_id=str(memory.interaction_id),
            trace_id=memory.trace_id,
            metadata=memory.metadata,
        )

    async def pieces(self, turn: Turn, sure: asyncio.Event) -> AsyncGenerator[Piece, None]:
        memory = self.memory
        if by_rule := self._by_rule(turn):
            for piece in by_rule:
                yield piece
            return
        tools = Tools(
            self._hub,
            memory.workspace_id,
            memory.interaction_id,
            memory.agent_id,
            turn.agent,
            turn.parameters,
            turn.key,
            turn,
        )
        name, whose = self._names[0], self._whose
        try:
            engine = await thinker(self._hub, whose, name, turn)
            async with contextlib.aclosing(engine.reply(turn, _Sure(tools, sure))) as pieces:  # type: ignore[type-var]
                async for piece in team.told(pieces, turn):
                    if isinstance(piece, Usage):
                        turn.spent.append(piece)
                    else:
                        yield piece
        except Exception as error:
            yield failed(whose, name, error)
            raise
        finally:  # also when it is thrown away
            for usage in turn.spent:
                self._meter.thought(usage, turn.account.own)
            turn.spent.clear()
        worked(whose, name)

    def _by_rule(self, turn: Turn) -> list[Piece]:
        """What is answered without a thought: a goodbye, and a phone's call screening."""
        call = turn.agent.get("call", {})
        low, values = turn.said.lower(), self.memory.values
        if any(phrase.lower() in low for phrase in call.get("goodbye_phrases", []) if phrase.strip()):
            return [Say(fill(str(turn.agent.get("goodbye_message") or "Goodbye!"), values)), Finish("goodbye")]
        screening = str(call.get("screening_message", ""))
        first = self.memory.ours and sum(entry.role == "customer" for entry in turn.history) < MOST_TURNS
        if screening and first and turn.cue == "message" and asks_who_calls(turn.said):
            return [Say(fill(screening, values))]
        return []

    def keep(self, turn: Turn, shown: Sequence[str]) -> None:
        self.memory.state = with_new(turn.state, self.memory.state)
        self.memory.turns += 1
        self._shown = shown
        self._kept(self.memory.state)


class LiveThought(Thought):
    """One answer; its state counts once it is kept, as far as it was thought: brains change it in whole steps."""

    def __init__(self, mind: LiveMind, said: str, cue: Cue, sure: asyncio.Event) -> None:
        self._mind, self._sure = mind, sure
        self._turn = mind.turn(said, cue)
        self.patience = mind.patience()
        self._kept = self._whole = False
        self._shown: list[str] = []

    async def pieces(self) -> AsyncIterator[Piece]:
        try:
            async with contextlib.aclosing(self._mind.pieces(self._turn, self._sure)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Say):
                        self._shown += piece.choices
                    yield piece
        finally:
            self._whole = True
            if self._kept:
                self._mind.keep(self._turn, self._shown)

    def keep(self) -> None:
        if not self._kept:
            self._kept = True
            if self._whole:
                self._mind.keep(self._turn, self._shown)


class _Sure:
    """A toolbox that acts only when the turn is surely over."""

    def __init__(self, tools: Toolbox, sure: asyncio.Event) -> None:
        self._tools, self._sure = tools, sure

    async def functions(self, stage_tools: Sequence[str] | None = None) -> Sequence[Function]:
        return await self._tools.functions(stage_tools)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        await self._sure.wait()
        return await self._tools.call(name, arguments)

    async def search(self, query: str, limit: int = 3) -> Sequence[Passage]:
        return await self._tools.search(query, limit)


def remembered(said: list[Any]) -> list[Entry]:
    """Messages as the agent may remember them: what was heard, and no notes."""
    return [
        Entry(message.role, message.text if message.heard is None else message.heard)
        for message in said
        if not message.note and (message.heard is None or message.heard)
    ]


async def memory_of(hub: Context, interaction: Interaction) -> Memory:
    """What the agent knows when the line opens; of a call that is taken up again, all that was said."""
    async with hub.store.glance() as db:
        about = await known(db, interaction)
        said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=HISTORY)
        topics = await _topics(db, interaction.workspace_id, interaction.agent_id)
        topics_of = {
            key: await _topics(db, interaction.workspace_id, team.agent_id(interaction.team, key))
            for key in interaction.team.get("members", {})
        }
    members = {key: team.definition(interaction.team, key) for key in interaction.team.get("members", {})}
    for agent in (interaction.agent, *members.values()):
        if is_elsewhere(agent):
            with contextlib.suppress(EngineFailed):  # looked up beforehand; the turn itself will tell
                await signing_with(hub, interaction.workspace_id, agent)
    return Memory(
        interaction_id=interaction.id,
        workspace_id=interaction.workspace_id,
        agent_id=interaction.agent_id,
        agent=interaction.agent,
        channel=interaction.channel,
        parameters=about.parameters,
        customer=about.customer,
        zone=about.zone,
        history=remembered(said),
        state=dict(interaction.state),
        topics=topics,
        accounts=await _accounts(hub, interaction.workspace_id, interaction.agent),
        ours=interaction.direction == "outbound",
        team=interaction.team,
        member=interaction.member,
        given=interaction.parameters,
        topics_of=topics_of,
        accounts_of={key: await _accounts(hub, interaction.workspace_id, agent) for key, agent in members.items()},
        test=interaction.test,
        trace_id=interaction.trace_id,
        metadata=interaction.meta,
    )


async def _accounts(hub: Context, workspace_id: UUID, agent: Mapping[str, Any]) -> AtHand:
    whose = Whose(hub.accounts, workspace_id, agent)
    return {part: await whose.at_hand(part) for part in PARTS}


async def _topics(db: AsyncSession, workspace_id: UUID, agent_id: UUID | None) -> Sequence[str]:
    """The titles of what an agent knows."""
    return await knowledge.titles(db, workspace_id, agent_id, MOST_TOPICS) if agent_id else []
