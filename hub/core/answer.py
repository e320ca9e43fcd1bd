"""The agent's reply: thought of outside any transaction, committed in one if nothing has changed meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import failpoints, ownership, policy
from hub.channel import Limits
from hub.core.context import Context, alone
from hub.core.going_on import unless_they_go_on
from hub.core.known import HISTORY, known
from hub.core.metering import Keyed, Meter
from hub.core.thinking import is_elsewhere, think
from hub.core.toolbox import Tools
from hub.core.write import decided_in, finish, owe, park, say_in
from hub.dialogue import team
from hub.dialogue.notes import with_new
from hub.dialogue.turn import (
    Collected,
    Cue,
    EnterStage,
    Entry,
    Failure,
    Finish,
    HandOver,
    HandToHuman,
    Piece,
    Say,
    SetParameters,
    Turn,
    UsedTool,
)  # fmt: skip
from hub.models import Interaction, Message
from hub.policy import NotAllowed
from hub.segments import split
from hub.store import interactions, transit, usages

TURN_KEPT = "turn.kept"
"""The event that keeps the brain's state after each turn of a test."""


@dataclass(slots=True)
class Draft:
    """A turn, the interaction as it stood, what the brain made of it and what that took; `heard` is the provider's id
    of what is answered, `cue` why it is. `member` has the customer, `had` are those who had them before in this turn.
    """

    interaction: Interaction
    turn: Turn
    cue: Cue
    heard: str = ""
    pieces: Sequence[Piece] = ()
    used: Sequence[Keyed] = ()
    member: str = ""
    agent_id: UUID | None = None
    had: tuple[str, ...] = ()


async def answer(hub: Context, interaction_id: UUID, cue: Cue = "message") -> None:
    """Let the agent reply to what is unanswered. Superseded by newer messages, silent when a person answers."""

    async def once() -> None:
        async with hub.slots:
            draft = await _read(hub, interaction_id, cue)
            if draft is None:
                return
            _attend(hub, draft)
            if not is_elsewhere(draft.turn.agent):
                draft.pieces = await _think(hub, draft)
        if is_elsewhere(draft.turn.agent):
            async with hub.waiting:
                draft.pieces = await unless_they_go_on(hub, draft.interaction, _think(hub, draft)) or ()
        draft.used = _used(draft.turn)
        failpoints.reach("answer.thought")
        async with hub.slots:
            if not await _commit(hub, draft):
                hub.answering[interaction_id] = True
                return
        failpoints.reach("answer.committed")

    await alone(hub.answering, interaction_id, once)


async def _read(hub: Context, interaction_id: UUID, cue: Cue) -> Draft | None:
    async with hub.store.glance() as db:
        interaction = await db.get(Interaction, interaction_id)
        if interaction is None:
            return None
        if owed := await _owed(db, interaction, cue):
            said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=HISTORY)
            turn = await _turn(hub, db, interaction, said, owed)
            heard = next((m.external_id for m in said if m.seq == interaction.heard_seq), "")
            heard = heard if turn.said else ""
            return Draft(interaction, turn, turn.cue, heard, member=interaction.member, agent_id=interaction.agent_id)
    async with hub.store.write() as db:
        held = await interactions.locked(db, interaction_id)
        if held is not None and await _owed(db, held, cue) is None:
            await transit.settle_inbox(db, interaction_id, hub.clock.now())
    return None


def _attend(hub: Context, draft: Draft) -> None:
    """Let the person see that an answer is being written."""
    channel = hub.channels[draft.interaction.channel]
    if channel.limits.typing and draft.heard:
        hub.spawn(channel.attend(draft.heard))


async def _owed(db: AsyncSession, interaction: Interaction, cue: Cue) -> Cue | None:
    """What the agent has to reply to now, if to anything; `cue` is why we ask."""
    if interaction.owner != "ai" or interaction.ended_at is not None:
        return None
    waiting = interaction.heard_seq > interaction.answered_seq
    if waiting and cue == "message":
        return cue
    owed = cast("Cue | None", await transit.owed_turn(db, interaction.id))
    return owed or ("message" if waiting else None)


async def _turn(hub: Context, db: AsyncSession, interaction: Interaction, said: list[Message], cue: Cue) -> Turn:
    about = await known(db, interaction)
    new = [m for m in said if m.role == "customer" and m.seq > interaction.answered_seq]
    old = [m for m in said if m not in new and not m.note]
    return Turn(
        agent=interaction.agent,
        cue=cue,
        said="\n".join(m.text for m in new),
        history=[Entry(m.role, m.text) for m in old],
        state=dict(interaction.state),
        now=hub.clock.now().astimezone(about.zone),
        channel=interaction.channel,
        parameters=about.parameters,
        customer=about.customer,
        colleagues=team.colleagues(interaction.team, interaction.member),
        key=f"{interaction.id} {interaction.answered_seq}",  # for every try, so that nothing is done twice for it
        test=interaction.test,
        interaction_id=str(interaction.id),
        trace_id=interaction.trace_id,
        metadata=interaction.meta,
    )


async def _think(hub: Context, draft: Draft) -> Sequence[Piece]:
    """The answer of who has the customer, and of those whom they are handed to."""
    pieces: list[Piece] = []
    while True:
        pieces += (answered := await _think_alone(hub, draft))
        if not answered or not isinstance(over := answered[-1], HandOver):
            return pieces
        _pass_on(draft, over)


def _pass_on(draft: Draft, over: HandOver) -> None:
    """The next member goes on, in the same turn."""
    interaction, leaving = draft.interaction, draft.member
    draft.had, draft.member = (*draft.had, leaving), over.member
    draft.agent_id = team.agent_id(interaction.team, over.member)
    offered = team.colleagues(interaction.team, over.member, draft.had) if len(draft.had) < team.MOST_HAND_OVERS else ()
    draft.turn = team.next_turn(
        interaction.team, draft.turn, leaving, over, interaction.parameters, colleagues=offered
    )  # fmt: skip


async def _think_alone(hub: Context, draft: Draft) -> list[Piece]:
    interaction, turn = draft.interaction, draft.turn
    tools = Tools(
        hub, interaction.workspace_id, interaction.id, draft.agent_id, turn.agent, turn.parameters, turn.key, turn
    )
    return await think(hub, interaction.workspace_id, turn, tools)


def _used(turn: Turn) -> list[Keyed]:
    """What the thought took, whatever becomes of it."""
    meter = Meter()
    for usage in turn.spent:
        meter.thought(usage)
    return meter.take()


async def _commit(hub: Context, draft: Draft) -> bool:
    """Store the reply unless something newer was said or somebody took over; whether all is settled."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        interaction = await interactions.locked(db, draft.interaction.id)
        if interaction is None:  # erased meanwhile
            return True
        await usages.add(db, interaction, now, draft.used)
        if interaction.owner != "ai" or interaction.ended_at is not None:
            await transit.settle_inbox(db, interaction.id, now)
            return True
        if interaction.heard_seq != draft.interaction.heard_seq:
            return False
        if interaction.answered_seq != draft.interaction.answered_seq:
            return True
        if await _owed(db, interaction, draft.cue) is None:
            return True
        channel = hub.channels[interaction.channel]
        silent = await policy.refuses(db, interaction, channel.identity, channel.limits)
        interaction.state = with_new(draft.turn.state, interaction.state)
        interaction.answered_seq = interaction.heard_seq
        await _write_down(hub, db, interaction, draft.pieces, silent, now)
        if interaction.test:  # so that it can be taken back to here
            interactions.log(db, interaction, TURN_KEPT, now, state=interaction.state)
        await transit.settle_inbox(db, interaction.id, now)
    return True


async def _write_down(
    hub: Context, db: AsyncSession, interaction: Interaction, pieces: Sequence[Piece], silent: bool, now: datetime
) -> None:
    limits = hub.channels[interaction.channel].limits
    refusal = await _refusal(db, interaction, limits, now)
    for piece in pieces:
        match piece:
            case Say(waiting=True):
                pass
            case Say() if not silent and piece.text.strip():
                _say(db, interaction, piece, limits, refusal, now)
            case UsedTool() | EnterStage() | Collected() | SetParameters() | Failure() | HandOver():
                await decided_in(db, interaction, piece, now)
            case HandToHuman():
                ownership.queue(db, interaction, piece.reason, now)
            case Finish():
                finish(db, interaction, "completed", piece.reason, now)


async def _refusal(db: AsyncSession, interaction: Interaction, limits: Limits, now: datetime) -> NotAllowed | None:
    """Why free text may not go out now, if it may not."""
    try:
        await policy.check_window(db, interaction, limits, now)
    except NotAllowed as refused:
        return refused
    return None


def _say(
    db: AsyncSession, interaction: Interaction, piece: Say, limits: Limits, refusal: NotAllowed | None, now: datetime
) -> None:
    """Owe it in parts; what may not go out stands in the thread for a person to put a template in its place."""
    author = interaction.agent.get("name", "")
    if refusal is not None:
        said = say_in(
            db, interaction, now, role="agent", author=author, text=piece.text, status="failed",
            error_code=refusal.code, error_words=refusal.reason,
        )  # fmt: skip
        park(db, interaction, said, refusal.reason, now)
        return
    for part in _parts(piece, limits.split_over):
        said = say_in(
            db, interaction, now, role="agent", author=author, text=part.text, choices=list(part.choices),
            content={"rich": {"form": dict(part.form)}} if part.form and limits.rich else {},
        )  # fmt: skip
        if not limits.pulled:
            owe(db, interaction, said, now)


def _parts(piece: Say, over: int | None) -> list[Say]:
    texts = split(piece.text, over) if over else [piece.text]
    first = [replace(piece, text=text, choices=(), form=None) for text in texts[:-1]]
    return [*first, replace(piece, text=texts[-1])]
