"""What the agent thinks with on a call: the same brain as for texts, with only what was heard in its memory."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.core.context import Context
from hub.core.known import HISTORY, known
from hub.core.metering import Meter
from hub.core.thinking import failed, ready, worked
from hub.core.toolbox import Tools
from hub.dialogue.turn import Cue, Entry, Finish, Function, Passage, Piece, Say, Toolbox, ToolResult, Turn, Usage
from hub.engine import Account
from hub.engines import brain, choice
from hub.models import Interaction
from hub.store import interactions, knowledge
from hub.voice.mind import Thought

MOST_TOPICS = 200


@dataclass(slots=True)
class Memory:
    """What stays the same for a call, and what is learnt in it.

    `topics` are the titles of what the agent knows, `accounts` those at hand with vendors of engines.
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
    topics: Sequence[str] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)


class LiveMind:
    """The `Mind` of one call. `kept` is told of each new state that counts, `meter` counts what thoughts take."""

    def __init__(self, hub: Context, memory: Memory, kept: Callable[[dict[str, Any]], None], meter: Meter) -> None:
        self._hub, self.memory, self._kept, self._meter = hub, memory, kept, meter
        self._names = ready(choice.minds(memory.agent, memory.accounts))
        self._shown: Sequence[str] = ()

    def think(self, said: str, cue: Cue, sure: asyncio.Event) -> "LiveThought":
        return LiveThought(self, said, cue, sure)

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

    def turn(self, said: str, cue: Cue) -> Turn:
        memory = self.memory
        now: datetime = self._hub.clock.now()
        return Turn(
            agent=memory.agent,
            cue=cue,
            said=said,
            history=list(memory.history),
            state=copy.deepcopy(memory.state),
            now=now.astimezone(memory.zone),
            channel=memory.channel,
            parameters=memory.parameters,
            customer=memory.customer,
        )

    async def pieces(self, turn: Turn, sure: asyncio.Event) -> AsyncIterator[Piece]:
        memory = self.memory
        if ends := self._goodbye(turn):
            for piece in ends:
                yield piece
            return
        key = f"{memory.interaction_id} call {memory.turns}"
        tools = Tools(
            self._hub,
            memory.workspace_id,
            memory.interaction_id,
            memory.agent_id,
            turn.agent,
            turn.parameters,
            key,
            turn,
        )
        name = self._names[0]
        try:
            engine = brain(name)
            turn.account = await self._hub.accounts.of(memory.workspace_id, engine.vendor)
            async with contextlib.aclosing(engine.reply(turn, _Sure(tools, sure))) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    if isinstance(piece, Usage):
                        turn.spent.append(piece)
                    else:
                        yield piece
        except Exception as error:
            yield failed(name, error)
            raise
        finally:  # also when it is thrown away
            for usage in turn.spent:
                self._meter.thought(usage, turn.account.own)
            turn.spent.clear()
        worked(name)

    def _goodbye(self, turn: Turn) -> list[Piece]:
        phrases = turn.agent.get("call", {}).get("goodbye_phrases", [])
        low = turn.said.lower()
        if any(phrase.lower() in low for phrase in phrases if phrase.strip()):
            return [Say(str(turn.agent.get("goodbye_message") or "Goodbye!")), Finish("goodbye")]
        return []

    def keep(self, turn: Turn, shown: Sequence[str]) -> None:
        self.memory.state = turn.state
        self.memory.turns += 1
        self._shown = shown
        self._kept(turn.state)


class LiveThought(Thought):
    """One answer; its state counts once it is kept, as far as it was thought: brains change it in whole steps."""

    def __init__(self, mind: LiveMind, said: str, cue: Cue, sure: asyncio.Event) -> None:
        self._mind, self._sure = mind, sure
        self._turn = mind.turn(said, cue)
        self._kept = self._whole = False
        self._shown: list[str] = []

    async def pieces(self) -> AsyncIterator[Piece]:
        try:
            async with contextlib.aclosing(self._mind.pieces(self._turn, self._sure)) as pieces:  # type: ignore[type-var]
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
        agent_id = interaction.agent_id
        topics = await knowledge.titles(db, interaction.workspace_id, agent_id, MOST_TOPICS) if agent_id else []
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
        accounts=await hub.accounts.at_hand(interaction.workspace_id),
    )
