"""A test taken back to before something was said: what came before is copied, what came after is left behind."""

import copy
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.answer import TURN_KEPT
from hub.core.context import Context
from hub.core.hub import NotFound
from hub.core.write import finish, open_interaction
from hub.models import Agent, Event, Interaction, Message
from hub.models.columns import new_id
from hub.models.interaction import FINAL
from hub.store import interactions, people, transit

MOST_COPIED = 2_000


async def rewound(
    hub: Context, workspace_id: UUID, interaction_id: UUID, message_id: UUID, *,
    agent: Agent, definition: dict[str, Any], version: int,
) -> tuple[Interaction, Message]:  # fmt: skip
    """A fresh test with everything that was said before this message of the customer, and that message.

    It goes on with the definition given. The old one has ended, and keeps all that was said. Raises `NotFound`.
    """
    now = hub.clock.now()
    async with hub.store.write() as db:
        old = await interactions.locked(db, interaction_id)
        said = await interactions.message(db, workspace_id, message_id)
        if old is None or old.workspace_id != workspace_id or not old.test:
            raise NotFound("There is no such test.")
        if said is None or said.interaction_id != old.id or said.role != "customer":
            raise NotFound("There is no such message of the customer in this test.")
        customer, workspace = await people.customer_at_home(db, old.customer_id)
        if old.status not in FINAL:
            finish(db, old, "completed", "operator_hangup", now)
        await transit.settle_inbox(db, old.id, now)
        fresh = await open_interaction(
            db, workspace, customer, old.channel, f"{old.thread}:{new_id()}"[-200:], old.person,
            agent=agent, now=now, direction=old.direction, test=True, parameters=dict(old.parameters),
            meta=dict(old.meta), agent_definition=definition, version=version,
        )  # fmt: skip
        await _copy(db, old, fresh, before=said.seq)
    return fresh, said


async def _copy(db: AsyncSession, old: Interaction, fresh: Interaction, before: int) -> None:
    """The log of the old one up to there, behind the beginning of the fresh one."""
    events = await interactions.events(db, old.workspace_id, old.id, after=fresh.last_seq, limit=MOST_COPIED)
    said = await interactions.messages(db, old.workspace_id, old.id, limit=MOST_COPIED)
    ids = {message.id: new_id() for message in said}
    for event in events:
        if event.seq < before:
            db.add(_event(event, fresh, {str(was): str(now) for was, now in ids.items()}))
            fresh.last_seq = event.seq
    kept = [event for event in events if event.type == TURN_KEPT and event.seq < before]
    fresh.state = copy.deepcopy(kept[-1].data["state"]) if kept else {}
    for message in said:
        if message.seq < before:
            _take(fresh, message)
            values = message.model_dump() | {"id": ids[message.id], "interaction_id": fresh.id, "external_id": ""}
            db.add(Message(**values))
    fresh.answered_seq = fresh.heard_seq


def _event(event: Event, fresh: Interaction, ids: dict[str, str]) -> Event:
    data = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in event.data.items()}
    return Event(
        id=new_id(), workspace_id=fresh.workspace_id, interaction_id=fresh.id, seq=event.seq, type=event.type,
        data=data, at=event.at,
    )  # fmt: skip


def _take(fresh: Interaction, message: Message) -> None:
    if not message.note:
        fresh.last_message_role, fresh.last_message_at = message.role, _later(fresh, message.created_at)
    if message.role == "customer":
        fresh.heard_seq = message.seq


def _later(fresh: Interaction, at: datetime) -> datetime:
    return max(fresh.last_message_at, at)
