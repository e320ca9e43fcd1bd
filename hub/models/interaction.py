"""One exchange with one customer on one channel, and the messages said in it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, no_items, utcnow

Status = Literal[
    "scheduled", "queued", "ringing", "in_progress", "paused", "ending",
    "completed", "no_answer", "busy", "voicemail", "canceled", "unreachable", "failed", "expired",
]  # fmt: skip
FINAL: frozenset[str] = frozenset(
    {"completed", "no_answer", "busy", "voicemail", "canceled", "unreachable", "failed", "expired"}
)
_ORDER = {"scheduled": 0, "queued": 1, "ringing": 2, "in_progress": 3, "paused": 3, "ending": 4}

MessageStatus = Literal["queued", "sent", "delivered", "read", "failed", "undelivered"]
_RANK = {"": -1, "queued": 0, "sent": 1, "undelivered": 2, "failed": 3, "delivered": 4, "read": 5}

Owner = Literal["ai", "queue", "operator"]


def may_follow(status: str, following: str) -> bool:
    """Whether an interaction may go from `status` to `following`: never backwards, never out of a final one."""
    if status in FINAL:
        return False
    return following in FINAL or _ORDER[following] >= _ORDER[status]


def outranks(status: str, following: str) -> bool:
    """Whether a report of `following` changes a message that is `status`, whatever the order they come in.

    Failure outranks `sent` but no proof of arrival: whatever the order, the same state is reached.
    """
    return _RANK[following] > _RANK[status]


class Interaction(SQLModel, table=True):
    """The unit of everything.

    `thread` names the exchange within channel and address; one open text interaction per thread.
    `person` is what the customer is known by here, `ours` the address they reach us at.
    `owner` says who answers: ai, queue (waits for a person), operator. `last_seq` counts events;
    `heard_seq` is the newest customer message, `answered_seq` the newest one that was answered.
    `read_seq` is the newest one that somebody of ours has seen, `rating` what the person thought of it, 1 to 5.
    `waiting_since` is when the oldest unanswered customer message came. `agent` is the frozen
    definition, `state` belongs to its brain, `hooked` to its hooks, which look again at `hooks_due_at`. Of one with a
    team, `team` is all of it, frozen; `member` is the key of the one who has the customer now, and `agent`, `agent_id`
    and `agent_version` are theirs. `idle_at` is when quiet closes it. Of a live one, `node` is the process that holds
    it, `external_id` the carrier's id, `answered_at` when the line opened.
    """

    __table_args__ = (
        Index(
            "ix_interaction_open_thread", "workspace_id", "channel", "thread", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_interaction_thread", "workspace_id", "channel", "thread", "created_at"),
        Index("ix_interaction_newest", "workspace_id", "id"),
        Index("ix_interaction_open_recent", "workspace_id", "last_message_at", "id",
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_interaction_open_waiting", "workspace_id", "waiting_since", "last_message_at", "id",
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_interaction_owner", "workspace_id", "owner", "waiting_since", "last_message_at", "id",
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_interaction_operator", "workspace_id", "operator_id", "waiting_since", "last_message_at",
              "id", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_interaction_snoozed", "workspace_id", "snoozed_until", "id",
              sqlite_where=text("snoozed_until IS NOT NULL AND ended_at IS NULL"),
              postgresql_where=text("snoozed_until IS NOT NULL AND ended_at IS NULL")),
        Index("ix_interaction_closed", "workspace_id", "ended_at", "id",
              sqlite_where=text("ended_at IS NOT NULL"), postgresql_where=text("ended_at IS NOT NULL")),
        Index("ix_interaction_idle", "idle_at", sqlite_where=text("ended_at IS NULL"),
              postgresql_where=text("ended_at IS NULL")),
        Index("ix_interaction_customer", "workspace_id", "customer_id", "created_at"),
        Index("ix_interaction_node", "node", sqlite_where=text("node != '' AND ended_at IS NULL"),
              postgresql_where=text("node != '' AND ended_at IS NULL")),
        Index("ix_interaction_hooks_due", "hooks_due_at", sqlite_where=text("hooks_due_at IS NOT NULL"),
              postgresql_where=text("hooks_due_at IS NOT NULL")),
        Index("ix_interaction_external", "channel", "external_id", sqlite_where=text("external_id != ''"),
              postgresql_where=text("external_id != ''")),
    )  # fmt: skip
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    customer_id: UUID = Field(foreign_key="customer.id")
    address_id: UUID | None = Field(default=None, foreign_key="address.id")
    agent_id: UUID | None = Field(default=None, foreign_key="agent.id")
    team_id: UUID | None = Field(default=None, foreign_key="team.id")
    member: str = ""
    channel: str
    direction: str = "inbound"
    thread: str
    person: str = ""
    ours: str = ""
    status: str = "in_progress"
    ended_reason: str = ""
    failure_reason: str = ""
    owner: str = "ai"
    operator_id: UUID | None = Field(default=None, foreign_key="user_account.id")
    trace_id: str = ""
    agent_version: int = 0
    tags: list[str] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    summary: str = ""
    test: bool = False
    node: str = ""
    external_id: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_seq: int = 0
    heard_seq: int = 0
    read_seq: int = 0
    rating: int | None = None
    rating_words: str = ""
    answered_seq: int = 0
    last_message_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    last_message_role: str = ""
    preview: str = ""
    waiting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    idle_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    hooks_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    # The large columns stand last, so that lists need not read past them.
    state: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    hooked: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    parameters: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    meta: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE, sa_column_kwargs={"name": "metadata"})
    agent: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    team: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)


class Tag(SQLModel, table=True):
    """One tag of one interaction, for finding; `Interaction.tags` repeats them in their order."""

    __tablename__ = "interaction_tag"
    workspace_id: UUID = Field(foreign_key="workspace.id", primary_key=True)
    name: str = Field(primary_key=True)
    interaction_id: UUID = Field(foreign_key="interaction.id", primary_key=True, index=True)


class Message(SQLModel, table=True):
    """One thing said. `seq` is its place in the interaction's event log; `note` is seen by users only.

    `author` is the operator's name or the agent's; `status` is the delivery status of what we said,
    with the provider's `error_code` and plain `error_words`; `media` are attachments by reference.
    Of something spoken, `heard` is what the customer heard of `text` (None: not spoken, or all of it), `from_ms`
    and `to_ms` where it stands in the call, `timing` how long each part of the turn took, in milliseconds,
    and under `sentences` where each one stands: [from_ms, to_ms, text].
    `content` is what it carries beside its text: `subject`, `mail`, `template`, `rich`; `answers` (the message it
    quotes), `reaction` (what the person thinks of it), `button`, `place`, `referral`; `parked`: it was not let out,
    a template has to go in its place.
    """

    __table_args__ = (
        Index("ix_message_thread", "interaction_id", "seq", unique=True),
        Index("ix_message_external", "workspace_id", "channel", "external_id"),
        Index("ix_message_customer", "workspace_id", "customer_id", "created_at"),
    )
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID = Field(foreign_key="interaction.id")
    customer_id: UUID = Field(foreign_key="customer.id")
    seq: int
    channel: str
    role: str
    author: str = ""
    operator_id: UUID | None = Field(default=None, foreign_key="user_account.id")
    note: bool = False
    text: str = ""
    media: list[dict[str, Any]] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    choices: list[str] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    status: str = ""
    error_code: str = ""
    error_words: str = ""
    external_id: str = ""
    heard: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    timing: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    content: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class Event(SQLModel, table=True):
    """One entry of the interaction's ordered, append-only log. `seq` counts from 1 without gaps."""

    __table_args__ = (
        Index("ix_event_log", "interaction_id", "seq", unique=True),
        Index("ix_event_workspace", "workspace_id", "id"),
        Index(
            "ix_event_failed",
            "workspace_id",
            "id",
            sqlite_where=text("type = 'engine.failed'"),
            postgresql_where=text("type = 'engine.failed'"),
        ),
    )
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID = Field(foreign_key="interaction.id")
    seq: int
    type: str
    data: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
