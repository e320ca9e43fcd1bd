"""What every act writes down: an interaction opened, a message said in it, what was decided, what is owed."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity, ownership
from hub.core import teams
from hub.dialogue.turn import Collected, EnterStage, Failure, HandOver, SetParameters, UsedTool
from hub.models import Address, Agent, Customer, InboxEntry, Interaction, Message, OutboxEntry, Skill, Team, Workspace
from hub.models.agent import Timing
from hub.models.columns import new_id
from hub.storable import storable
from hub.store import agents, interactions, people, results
from hub.store import teams as stored_teams

PREVIEW_CHARACTERS = 140
IDLE_SECONDS = Timing().idle_close_seconds


async def open_interaction(
    db: AsyncSession,
    workspace: Workspace,
    customer: Customer,
    channel: str,
    thread: str,
    person: str,
    *,
    address: Address | None = None,
    agent: Agent | None = None,
    team: Team | None = None,
    skills: Sequence[Skill] = (),
    now: datetime,
    **given: Any,
) -> Interaction:
    """A new interaction with the definition of the agent, or the team, frozen into it; with neither it waits for a
    person.

    `given` are further columns; a definition given as `agent_definition` is used instead of the stored one, `version`
    is its number (0: it has none) and `overridden` names the fields in which it differs from that version; `member`
    begins instead of the first one of the team.
    """
    definition, member = given.pop("agent_definition", None), str(given.pop("member", ""))
    version: int | None = given.pop("version", None)
    overridden: list[str] = given.pop("overridden", [])
    if agent is None and team is None and address is not None:
        if address.agent_id is not None:
            agent = await agents.agent(db, workspace.id, address.agent_id)
        elif address.team_id is not None and definition is None:
            team = await stored_teams.team(db, workspace.id, address.team_id)
    if team is not None:
        who = await teams.seated(db, team, member, partial(with_skills, skills=skills))
    else:
        who = _alone(agent, definition, skills, version)
    interaction = Interaction(
        workspace_id=workspace.id, customer_id=customer.id, channel=channel, thread=thread, person=person,
        address_id=address.id if address else None, ours=address.value if address else "",
        owner="ai" if who["agent"] else "queue", trace_id=secrets.token_hex(16),
        created_at=now, last_message_at=now, **who, **given,
    )  # fmt: skip
    db.add(interaction)
    await db.flush()
    interactions.log(
        db, interaction, "interaction.started", now,
        channel=channel, direction=interaction.direction, trace_id=interaction.trace_id,
        **({"overridden": overridden} if overridden else {}),
    )  # fmt: skip
    return interaction


def _alone(
    agent: Agent | None, definition: dict[str, Any] | None, skills: Sequence[Skill], version: int | None
) -> dict[str, Any]:
    """The columns that say which agent answers, and by which version."""
    definition = definition or (agent.definition if agent else {})
    if definition and skills:
        definition = with_skills(definition, skills)
    number = version if version is not None else agent.version if agent else 0
    return {"agent": definition, "agent_id": agent.id if agent else None, "agent_version": number}


def with_skills(definition: dict[str, Any], skills: Sequence[Skill]) -> dict[str, Any]:
    """The definition with the skills' instructions behind its prompt and their tools beside its own.

    A tool of the agent goes before one of the same name of a skill.
    """
    prompt = "\n\n".join([definition["prompt"], *(f"## {skill.name}\n{skill.instructions}" for skill in skills)])
    tools = {tool["name"]: tool for skill in reversed(skills) for tool in skill.tools}
    tools |= {tool["name"]: tool for tool in definition["tools"]}
    return {**definition, "prompt": prompt.strip(), "tools": list(tools.values())}


def say_in(db: AsyncSession, interaction: Interaction, now: datetime, **fields: Any) -> Message:
    """Append a message and its event to an interaction held by this transaction."""
    said = Message(**_place(interaction, now), **fields)
    db.add(said)
    _note(db, interaction, now, said.id, said.role, said.text, author=said.author, note=said.note, media=said.media)
    return said


async def spoken_in(
    db: AsyncSession, interaction: Interaction, now: datetime, *, role: str, text: str, author: str = "", **fields: Any
) -> UUID:
    """As `say_in`, for what is spoken, which is much: no object is made of the message. Gives its id."""
    place = _place(interaction, now)
    message_id: UUID = place["id"]
    await interactions.add_message(db, **place, role=role, text=text, author=author, **fields)
    _note(db, interaction, now, message_id, role, text, author=author)
    return message_id


def _place(interaction: Interaction, now: datetime) -> dict[str, Any]:
    """The columns that say where the next message of this interaction stands."""
    return {
        "id": new_id(), "workspace_id": interaction.workspace_id, "interaction_id": interaction.id,
        "customer_id": interaction.customer_id, "channel": interaction.channel, "seq": interaction.last_seq + 1,
        "created_at": now,
    }  # fmt: skip


def _note(
    db: AsyncSession, interaction: Interaction, now: datetime, message_id: UUID, role: str, text: str, *,
    author: str, note: bool = False, media: Sequence[Any] = (),
) -> None:  # fmt: skip
    """The event of a message, and what it changes in its interaction."""
    interactions.log(
        db, interaction, "message.created", now,
        message_id=str(message_id), role=role, text=text, author=author, note=note, media=list(media),
    )  # fmt: skip
    if note:
        return
    interaction.last_message_at, interaction.last_message_role = now, role
    interaction.preview = " ".join(text.split())[:PREVIEW_CHARACTERS] or ("Attachment" if media else "")
    interaction.idle_at = now + idle_after(interaction)
    if role == "customer":
        interaction.heard_seq = interaction.last_seq
        interaction.waiting_since = interaction.waiting_since or now
        interaction.snoozed_until = None
    elif role in ("agent", "operator"):
        interaction.waiting_since = None


def idle_after(interaction: Interaction) -> timedelta:
    """How long it may be quiet before it is closed."""
    return timedelta(seconds=interaction.agent.get("timing", {}).get("idle_close_seconds", IDLE_SECONDS))


def owe_turn(db: AsyncSession, interaction: Interaction, cue: str, now: datetime) -> None:
    """Owe a turn of the agent that no message asks for, in the transaction that decided it."""
    db.add(
        InboxEntry(
            workspace_id=interaction.workspace_id,
            interaction_id=interaction.id,
            channel=interaction.channel,
            external_id=f"{cue}:{new_id()}",
            kind=cue,
            received_at=now,
        )
    )


def owe(db: AsyncSession, interaction: Interaction, said: Message, now: datetime) -> None:
    """Owe this message to the provider, in the transaction that decided it."""
    said.status = "queued"
    db.add(
        OutboxEntry(
            message_id=said.id,
            workspace_id=said.workspace_id,
            interaction_id=interaction.id,
            channel=interaction.channel,
            sender=interaction.ours,
            recipient=interaction.person,
            position=said.seq,
            due_at=now,
            created_at=now,
        )
    )


def park(
    db: AsyncSession, interaction: Interaction, said: Message, words: str, now: datetime, *, ask: bool = True
) -> None:
    """It was not let out as it is; unless it went another way (`ask`) a person has to choose a template."""
    said.content = {**said.content, "parked": True}
    interactions.log(db, interaction, "message.parked", now, message_id=str(said.id), words=words)
    if ask and interaction.owner == "ai" and interaction.ended_at is None:
        ownership.queue(db, interaction, "Only an approved template may be sent now.", now)


def finish(db: AsyncSession, interaction: Interaction, status: str, reason: str, now: datetime) -> None:
    """End it and owe its outcome; the next message of this person opens a new interaction."""
    if interaction.ended_at is None:
        results.owe(db, interaction, now)
    interaction.status, interaction.ended_reason = status, reason
    interaction.ended_at, interaction.idle_at, interaction.waiting_since = now, None, None
    interactions.log(db, interaction, "interaction.ended", now, status=status, reason=reason)


async def decided_in(
    db: AsyncSession, interaction: Interaction,
    piece: UsedTool | EnterStage | Collected | SetParameters | Failure | HandOver, now: datetime,
) -> None:  # fmt: skip
    """What the agent did beside talking, in the log of an interaction held by this transaction."""
    match piece:
        case HandOver():
            teams.hand_over(db, interaction, piece, now)
        case UsedTool():
            interactions.log(
                db, interaction, "tool.called", now, name=piece.name, arguments=dict(piece.arguments),
                result=piece.result.data, error=piece.result.error, duration_ms=piece.duration_ms,
            )  # fmt: skip
        case Failure():
            told = {"engine": piece.engine, "vendor": piece.vendor, "fault": piece.fault, "why": piece.why[:300]}
            interactions.log(db, interaction, "engine.failed", now, kind="mind", **told)
        case EnterStage():
            interactions.log(db, interaction, "stage.entered", now, stage=piece.stage)
        case SetParameters():
            values = storable(dict(piece.values))
            interaction.parameters = {**interaction.parameters, **values}
            interactions.log(db, interaction, "parameters.set", now, names=list(values))
        case Collected():
            interactions.log(
                db, interaction, "field.collected", now,
                field=piece.field, value=piece.value, evidence=piece.evidence,
            )  # fmt: skip
            if piece.type in ("phone", "email"):
                _, workspace = await people.customer_at_home(db, interaction.customer_id)
                value = str(piece.value)
                await identity.infer(db, workspace, interaction.customer_id, piece.type, value, interaction.channel)
            if piece.type == "name":
                await people.name_if_nameless(db, interaction.workspace_id, interaction.customer_id, str(piece.value))
