"""What a visitor is shown: the messages and the state of their thread, as frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import ownership
from hub.models import Interaction, Message
from hub.models.interaction import outranks
from hub.store import interactions
from web.webchat import calls
from web.webchat.frames import Frame

Link = Callable[[UUID, UUID], str]
SHOWN_ROLES = frozenset({"customer", "agent", "operator"})
INTERACTIONS_SHOWN = 2
HISTORY_MESSAGES = 100
_ENDED_WORDS = {
    "idle": "This conversation was closed because it was quiet for a while.",
    "customer_hangup": "You ended this conversation.",
    "operator_hangup": "Our team has closed this conversation.",
    "left_email": "Thank you. We answer by email; you can close this window.",
}


@dataclass(slots=True)
class Thread:
    """One visitor's thread and how far it was shown: what was written, and what was said in calls that are over.

    `seen` is the newest `seq` sent of each interaction; `calling`: a call of theirs goes on.

    `known` are the interactions that are theirs; `unread` are messages of ours that the visitor has not
    read as far as we know; `arriving` those among them that have not been reported as delivered.
    """

    workspace_id: UUID
    name: str
    visitor_id: str
    seen: dict[UUID, int] = field(default_factory=dict)
    known: set[UUID] = field(default_factory=set)
    open_id: UUID | None = None
    last_seq: int = 0
    state: dict[str, Frame] = field(default_factory=dict)
    unread: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)
    arriving: list[UUID] = field(default_factory=list)
    calling: bool = False
    _called: dict[UUID, Frame] = field(default_factory=dict)

    async def news(self, db: AsyncSession, link: Link) -> list[Frame]:
        """What happened since the last call, in order; messages of ours among it are unread from now on.

        `link` makes the address of a file of ours that the visitor can open.
        """
        found = await newest(db, self.workspace_id, self.name)
        self.known.update(interaction.id for interaction in found)
        if not self.state and self.seen:
            await self._remember_unread(db, found)
        written: list[tuple[datetime, Frame]] = []
        for interaction in found:
            written += [
                (message.created_at, self._shown(message, link)) for message in await self._messages(db, interaction)
            ]
        if spoken := await self._news_of_calls(db):
            written = sorted([*written, *spoken], key=lambda placed: placed[0])
        frames = [frame for _, frame in written]
        if found:
            frames += await self._changes(db, found[-1])
        return frames

    async def _news_of_calls(self, db: AsyncSession) -> list[tuple[datetime, Frame]]:
        """Calls that began or ended since the last call, and the words of those that ended, each with its time."""
        placed: list[tuple[datetime, Frame]] = []
        newest_calls = await calls.newest_calls(db, self.workspace_id, self.visitor_id)
        self.calling = any(call.ended_at is None for call in newest_calls)
        for call in newest_calls:
            told = calls.told(call)
            if self._called.get(call.id) != told:
                self._called[call.id] = told
                placed.append((call.answered_at or call.created_at, told))
            if call.ended_at is not None:
                said = [(message.created_at, calls.said(message)) for message in await self._messages(db, call)]
                placed += [(at, frame) for at, frame in said if frame is not None]
        return placed

    async def _messages(self, db: AsyncSession, interaction: Interaction) -> list[Message]:
        """Messages not shown yet, all of them, or the newest of a thread not shown at all."""
        after = self.seen.get(interaction.id, 0)
        fresh: list[Message] = []
        while after < interaction.last_seq:
            some = await interactions.messages(
                db, self.workspace_id, interaction.id, after=after, limit=HISTORY_MESSAGES
            )
            fresh += some
            if not after or len(some) < HISTORY_MESSAGES:
                break
            after = some[-1].seq
        if fresh:
            self.seen[interaction.id] = fresh[-1].seq
        return [message for message in fresh if message.role in SHOWN_ROLES and not message.note]

    def _shown(self, message: Message, link: Link) -> Frame:
        frame: Frame = {
            "type": "message",
            "message": str(message.id),
            "interaction": str(message.interaction_id),
            "seq": message.seq,
            "role": message.role,
            "name": "" if message.role == "customer" else message.author,
            "text": message.text,
            "at": message.created_at.isoformat(),
        }
        if message.media:
            frame["media"] = [_media(self.workspace_id, item, link) for item in message.media]
        if message.role == "customer":
            prefix = f"{self.visitor_id}:"
            frame["id"] = message.external_id.removeprefix(prefix)
            if answer := message.content.get("rich", {}).get("answer"):
                frame["form"] = answer["form"]
            return frame
        if message.choices:
            frame["choices"] = message.choices
        if rich := message.content.get("rich"):
            frame["rich"] = rich
        self._note_unread(message)
        frame["unread"] = message.id in self.unread
        return frame

    async def _remember_unread(self, db: AsyncSession, found: list[Interaction]) -> None:
        """After a lost connection: what was shown before it and perhaps not read."""
        for interaction in found:
            for message in await interactions.messages(db, self.workspace_id, interaction.id):
                if message.seq <= self.seen.get(interaction.id, 0) and not message.note:
                    self._note_unread(message)

    def _note_unread(self, message: Message) -> None:
        if message.role in ("agent", "operator") and outranks(message.status, "read"):
            self.unread[message.id] = (message.interaction_id, message.seq)
            if outranks(message.status, "delivered"):
                self.arriving.append(message.id)

    async def _changes(self, db: AsyncSession, interaction: Interaction) -> list[Frame]:
        """Who answers, whether they are at it, whether it is over: each told when it changes."""
        over = interaction.ended_at is not None
        self.open_id, self.last_seq = None if over else interaction.id, interaction.last_seq
        name = interaction.agent.get("name", "")
        if interaction.owner == "operator":
            name = await ownership.name_of(db, interaction)
        thinking = interaction.owner == "ai" and interaction.heard_seq > interaction.answered_seq
        ended = _ENDED_WORDS.get(interaction.ended_reason, "This conversation has ended.")
        now: list[Frame] = [
            {
                "type": "operator",
                "interaction": str(interaction.id),
                "owner": interaction.owner,
                "name": name,
            },
            {"type": "typing", "on": thinking and not over, "name": name},
            {
                "type": "seen",
                "interaction": str(interaction.id),
                "seq": max(interaction.read_seq, interaction.answered_seq),
            },
            {
                "type": "ended",
                "interaction": str(interaction.id),
                "over": over,
                "words": ended if over else "",
            },
        ]
        changed = [frame for frame in now if self.state.get(frame["type"]) != frame]
        self.state |= {frame["type"]: frame for frame in now}
        return changed

    def arrived(self) -> list[UUID]:
        """The messages that were sent to the visitor since the last call."""
        arrived, self.arriving = self.arriving, []
        return arrived

    def read_up_to(self, interaction_id: UUID, seq: int) -> list[UUID]:
        """The messages that are read now."""
        read = [key for key, (where, at) in self.unread.items() if where == interaction_id and at <= seq]
        for key in read:
            del self.unread[key]
        return read


def _media(workspace_id: UUID, item: Mapping[str, Any], link: Link) -> Frame:
    """An attachment as the page shows it; one of ours by a link that is good for a day."""
    url = link(workspace_id, UUID(item["file_id"])) if item.get("file_id") else item.get("url", "")
    return {
        "url": url,
        "name": item.get("name", ""),
        "kind": item.get("content_type", ""),
        "size": item.get("size_bytes"),
    }


async def newest(
    db: AsyncSession, workspace_id: UUID, thread: str, limit: int = INTERACTIONS_SHOWN
) -> list[Interaction]:
    """The newest interactions of the thread, the oldest of them first."""
    query = (
        select(Interaction)
        .where(
            Interaction.workspace_id == workspace_id,
            Interaction.channel == "webchat",
            Interaction.thread == thread,
        )
        .order_by(col(Interaction.created_at).desc())
        .limit(limit)
    )
    return list(reversed((await db.exec(query)).all()))


async def standing(db: AsyncSession, places: list[tuple[UUID, str]]) -> dict[str, int]:
    """How far the open interactions of these threads (workspace, name) have come: thread > newest seq."""
    query = select(Interaction.thread, Interaction.last_seq).where(
        Interaction.channel == "webchat",
        col(Interaction.ended_at).is_(None),
        col(Interaction.workspace_id).in_({workspace for workspace, _ in places}),
        col(Interaction.thread).in_([name for _, name in places]),
    )
    return dict((await db.exec(query)).all())
