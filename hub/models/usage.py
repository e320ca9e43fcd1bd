"""What an interaction used of vendors, in whole units, and what a unit costs."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow

Kind = Literal["llm", "transcriber", "voice", "telephony", "messages", "results"]
Unit = Literal["input_token", "cached_token", "output_token", "sound_ms", "character", "call_ms", "segment", "message"]


class UsageEntry(SQLModel, table=True):
    """So many units of something, used once: whoever writes the same `key` again adds nothing.

    `kind` says what for, `vendor`, `model` and `unit` what of, `quantity` how many. `own`: with an account of the
    workspace's own. `turn` is the message (its seq) that was being answered, 0 before the first.
    """

    __tablename__ = "usage_entry"
    __table_args__ = (Index("ix_usage_entry_workspace", "workspace_id", "at"),)
    interaction_id: UUID = Field(foreign_key="interaction.id", primary_key=True)
    key: str = Field(primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    kind: str
    vendor: str
    model: str = ""
    unit: str
    quantity: int = Field(sa_type=BigInteger)
    own: bool = False
    turn: int = 0
    at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class Price(SQLModel, table=True):
    """What a workspace pays for `per` units, from a time on: `amount_micros` millionths of a `currency`.

    `vendor` and `model` may end in `*`. Each use is rounded up to a multiple of `step` units, such as to whole
    minutes of a call. A new price stands beside the old one, so that what is past keeps its own.
    """

    __table_args__ = (Index("ix_price_workspace", "workspace_id", "valid_from"),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    vendor: str
    model: str = "*"
    unit: str
    amount_micros: int = Field(sa_type=BigInteger)
    per: int = Field(default=1, sa_type=BigInteger)
    step: int = Field(default=1, sa_type=BigInteger)
    currency: str = "USD"
    valid_from: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
