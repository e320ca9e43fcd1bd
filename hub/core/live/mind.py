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

from hub.core.context import Context
from hub.core.known import HISTORY, known
from hub.core.metering import Meter
from hub.core.thinking import failed, is_elsewhere, ready, signing_with, thinker, thinkers, worked
from hub.core.toolbox import Tools
from hub.core.whose import PARTS, Part, Whose
from hub.dialogue.turn import Cue, Entry, Finish, Function, Passage, Piece, Say, Toolbox, ToolResult, Turn, Usage
from hub.engine import Account, EngineFailed
from hub.models import Interaction
from hub.models.responder import Responder
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
    test: bool = False
    trace_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    topics: Sequence[str] = ()
    accounts: Mapping[Part, Mapping[str, Account]] = field(default_factory=dict)


class LiveMind:
    """The `Mind` of one call. `kept` is told of each new state that counts, `meter` counts what thoughts take."""

    def __init__(self, hub: Context, memory: Memory, kept: Callable[[dict[str, Any]], None], meter: Meter) -> None:
        self._hub, self.memory, self._kept, self._meter = hub, memory, kept, meter
        self._whose = Whose(hub.accounts, memory.workspace_id, memory.agent)
        self._names = self._in_order()
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
            key=f"{memory.interaction_id} call {memory.turns}",
            live=True,
            test=memory.test,
            interaction_id=str(memory.interaction_id),
            trace_id=memory.trace_id,
            metadata=memory.metadata,
        )

    async def pieces(self, turn: Turn, sure: asyncio.Event) -> AsyncGenerator[Piece, None]:
        memory = self.memory
        if ends := self._goodbye(turn):
            for piece in ends:
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
                async for piece in pieces:
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
    """One answer; its state counts once it is both thought to the end and kept."""

    def __init__(self, mind: LiveMind, said: str, cue: Cue, sure: asyncio.Event) -> None:
        self._mind, self._sure = mind, sure
        self._turn = mind.turn(said, cue)
        self.patience = mind.patience()
        self._kept = self._whole = False
        self._shown: list[str] = []

    async def pieces(self) -> AsyncIterator[Piece]:
        async with contextlib.aclosing(self._mind.pieces(self._turn, self._sure)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Say):
                    self._shown += piece.choices
                yield piece
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
    whose = Whose(hub.accounts, interaction.workspace_id, interaction.agent)
    if is_elsewhere(interaction.agent):
        with contextlib.suppress(EngineFailed):  # looked up beforehand; the turn itself will tell
            await signing_with(hub, interaction.workspace_id, interaction.agent)
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
        accounts={part: await whose.at_hand(part) for part in PARTS},
        test=interaction.test,
        trace_id=interaction.trace_id,
        metadata=interaction.meta,
    )
