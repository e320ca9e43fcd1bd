"""How interactions and their messages cross HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import letters
from hub.core.switching import mode_of
from hub.models import AgentDefinition, Interaction, Message, Outcome
from hub.models.retry import RetryContext
from hub.models.rich import Rich
from hub.store import results, usages
from web.api.addresses import ChannelName
from web.api.costs import Money, money
from web.api.paging import Page
from web.api.shapes import HTTP_URL, Shape, shown

Scalar = str | int | float | bool | None
_START = {
    "channel": "sms",
    "to": "+12025550141",
    "agent_id": "0198c0de-0000-7000-8000-000000000001",
    "parameters": {"name": "Ana"},
    "metadata": {"order": "A1004"},
}
_INTERACTION: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-000000000020",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "channel": "sms",
    "direction": "outbound",
    "status": "in_progress",
    "ended_reason": "",
    "failure_reason": "",
    "owner": "ai",
    "operator_id": None,
    "customer_id": "0198c0de-0000-7000-8000-000000000004",
    "person": "+12025550141",
    "ours": "+12025550100",
    "address_id": "0198c0de-0000-7000-8000-000000000007",
    "agent_id": "0198c0de-0000-7000-8000-000000000001",
    "agent_name": "Front desk",
    "agent_version": 1,
    "team_id": None,
    "team_name": "",
    "member": "",
    "voice_mode": "hosted",
    "parameters": {"name": "Ana"},
    "metadata": {"order": "A1004"},
    "tags": [],
    "summary": "",
    "test": False,
    "last_seq": 2,
    "last_message_at": "2026-01-31T09:00:00Z",
    "last_message_role": "agent",
    "preview": "Hello Ana, this is the clinic.",
    "waiting_since": None,
    "snoozed_until": None,
    "created_at": "2026-01-31T09:00:00Z",
    "answered_at": None,
    "ended_at": None,
    "rating": None,
    "rating_words": "",
    "duration_seconds": None,
    "recordings_url": None,
    "external_id": "",
    "results": {"day": "2026-02-05"},
    "sentiment": "positive",
    "success": "yes",
    "cost": None,
}
_MESSAGE = {
    "id": "0198c0de-0000-7000-8000-000000000021",
    "interaction_id": "0198c0de-0000-7000-8000-000000000020",
    "seq": 2,
    "role": "agent",
    "author": "Front desk",
    "operator_id": None,
    "note": False,
    "text": "Hello Ana, this is the clinic.",
    "media": [],
    "choices": [],
    "content": {},
    "status": "delivered",
    "error_code": "",
    "error_words": "",
    "external_id": "SM9f86d081884c7d659a2feaa0c55ad015",
    "heard": None,
    "from_ms": None,
    "to_ms": None,
    "timing": {},
    "created_at": "2026-01-31T09:00:00Z",
}


class TemplateGiven(Shape):
    """A template of the channel, and a value for each of its places; see `GET /v1/templates`."""

    model_config = shown({"id": "HX9f86d081884c7d659a2feaa0c55ad015", "variables": {"1": "Ana", "2": "A1004"}})
    id: str = Field(min_length=1, max_length=100)
    variables: dict[str, str] = Field(default={}, max_length=50)


class MediaGiven(Shape):
    """An attachment: a file of yours, or a reference that the provider fetches."""

    model_config = shown(
        {"file_id": "0198c0de-0000-7000-8000-000000000023"},
        {"url": "https://example.com/map.png", "content_type": "image/png"},
    )
    file_id: UUID | None = Field(default=None, description="See `POST /v1/files`.")
    url: str | None = Field(default=None, max_length=2_000, pattern=HTTP_URL)
    content_type: str = Field(default="", max_length=200, description="Of what `url` leads to.")
    name: str = Field(default="", max_length=300, description="Of what `url` leads to.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.file_id is None) == (self.url is None):
            raise ValueError("Give file_id or url, and not both.")
        return self


Copies = Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=letters.MOST_COPIES)]


class Said(Shape):
    """What a message of ours may have, wherever it is said."""

    template: TemplateGiven | None = Field(
        default=None, description="In place of `text` and `media`; where free text may not go out it must be one."
    )
    media: list[MediaGiven] = Field(default=[], max_length=20, description="As many as the channel carries.")
    subject: str = Field(
        default="", max_length=letters.MOST_SUBJECT_CHARACTERS, description="Of a mail; default `Re:` and theirs."
    )
    cc: Copies = Field(default=[], description="Who gets a copy of a mail.")
    bcc: Copies = Field(default=[], description="Who gets a copy that the others do not see.")
    quote: bool | None = Field(default=None, description="Whether a mail quotes what it answers; null: it does.")


class InteractionCreate(Said):
    """An exchange to begin. An open one with the same person at the same address is gone on with."""

    model_config = shown(
        _START,
        {"channel": "sms", "to": "+12025550141", "text": "Your parcel is here."},
        {"channel": "call", "to": "+12025550141", "overrides": {"opening_message": "Hello {{name}}!"},
         "parameters": {"name": "Ana"}},
        {"channel": "email", "to": "ana@example.com", "subject": "Your parcel", "text": "It is here.",
         "cc": ["ben@example.com"], "media": [{"file_id": "0198c0de-0000-7000-8000-000000000023"}]},
    )  # fmt: skip
    channel: ChannelName
    to: str = Field(min_length=1, max_length=320, description="Phone number, email or visitor id.")
    name: str = Field(default="", max_length=200, description="What the person is called, if not known yet.")
    agent_id: UUID | None = Field(default=None, description="Who answers; default the agent of the address.")
    agent: AgentDefinition | None = Field(default=None, description="A definition for this interaction alone.")
    overrides: dict[str, Any] = Field(
        default={},
        max_length=100,
        description="Fields of the agent's definition for this interaction alone, such as "
        '`{"call": {"speaking": {"speed": 1.2}}}`: objects are merged, lists and other values replaced.',
    )
    team_id: UUID | None = Field(default=None, description="A team that answers, in place of an agent.")
    skill_ids: list[UUID] = Field(default=[], max_length=20, description="Skills to start with.")
    address_id: UUID | None = Field(default=None, description="Where from; default your oldest of this channel.")
    text: str = Field(default="", max_length=10_000, description="Said first; default the agent's opening message.")
    parameters: dict[str, Scalar] = Field(default={}, max_length=200, description="Values for `{{name}}`.")
    metadata: dict[str, Any] = Field(default={}, max_length=100, description="Yours; given back unchanged.")
    retry_context: RetryContext | None = Field(
        default=None, description="What a further attempt starts from: what is known, what is said first, where."
    )


class InteractionUpdate(Shape):
    """What can be changed while it goes on."""

    model_config = shown({"voice_mode": "webhook"})
    voice_mode: Literal["hosted", "webhook"] = Field(
        description="hosted: an engine of ours thinks; webhook: the agent's responder does."
    )


class InteractionPublic(Shape):
    """One exchange with one customer on one channel. `trace_id` is on all that happens in it."""

    model_config = shown(_INTERACTION)
    id: UUID
    trace_id: str
    channel: str
    direction: str
    status: str
    ended_reason: str
    failure_reason: str
    owner: str = Field(description="Who answers: ai, queue (waits for a person), operator.")
    operator_id: UUID | None
    customer_id: UUID
    person: str = Field(description="What the customer is known by here.")
    ours: str = Field(description="The address of ours it is held at.")
    address_id: UUID | None
    agent_id: UUID | None
    agent_name: str
    agent_version: int
    team_id: UUID | None = Field(description="The team that answers; `agent_id` is of who has the customer now.")
    team_name: str
    member: str = Field(description="The key of the member who has the customer now.")
    voice_mode: str = Field(description="Who thinks: hosted (an engine of ours) or webhook (the agent's responder).")
    parameters: dict[str, Any]
    metadata: dict[str, Any]
    tags: list[str]
    summary: str
    test: bool
    last_seq: int = Field(description="The place of the newest event.")
    last_message_at: datetime
    last_message_role: str
    preview: str
    waiting_since: datetime | None
    snoozed_until: datetime | None
    created_at: datetime
    answered_at: datetime | None = Field(description="Of a call: when somebody could be talked with.")
    ended_at: datetime | None
    rating: int | None = Field(description="What the person thought of it when it was over, 1 to 5.")
    rating_words: str = Field(description="What they wrote beside it.")
    duration_seconds: float | None = Field(description="Of a call that has ended: from `answered_at` to `ended_at`.")
    recordings_url: str | None = Field(description="Of a call that was answered: where its recordings are listed.")
    external_id: str = Field(description="What the carrier calls it.")
    results: dict[str, Any] | None = Field(
        default=None, description="When it is over: each result by name; null: not taken yet. See `GET .../results`."
    )
    sentiment: str = Field(default="", description="positive, neutral, negative.")
    success: str = Field(default="", description="yes, no, unknown.")
    cost: list[Money] | None = Field(
        default=None, description="By currency; null in lists and where it was just changed. See `GET .../cost`."
    )


class InteractionBegun(InteractionPublic):
    """An exchange that has begun, and what its agent's texts make of the parameters."""

    model_config = shown(_INTERACTION | {"missing_parameters": ["order"], "unused_parameters": []})
    missing_parameters: list[str] = Field(
        description="Names that the agent's texts ask for and that have no value: they are left out of what is said."
    )
    unused_parameters: list[str] = Field(
        description="Parameters given here that no text of the agent asks for: perhaps a misspelt name."
    )


class InteractionPage(Page[InteractionPublic]):
    """Some of the interactions."""


class TagsUpdate(Shape):
    """All the tags there shall be."""

    model_config = shown({"tags": ["refund", "vip"]})
    tags: list[str] = Field(max_length=20, description="Each of at most 40 characters.")


class ByUser(Shape):
    """Who does it."""

    model_config = shown({"user_id": "0198c0de-0000-7000-8000-000000000010"})
    user_id: UUID = Field(description="A user of the workspace; see `GET /v1/users`.")


class HandBack(ByUser):
    """Who hands back, and what colleagues should know."""

    model_config = shown({"user_id": "0198c0de-0000-7000-8000-000000000010", "note": "Will come on Monday instead."})
    note: str = Field(default="", max_length=5_000, description="Stands first in the internal note that sums it up.")


class MessageCreate(Said):
    """Something to say, for the agent or as an operator."""

    model_config = shown({"text": "We are open until five."})
    text: str = Field(default="", max_length=100_000)
    content: Rich | None = Field(
        default=None, description="Quick replies, cards and a form, on channels whose clients show them (webchat)."
    )
    user_id: UUID | None = Field(
        default=None, description="The operator who says it and has taken over; null: for the agent."
    )


class NoteCreate(Shape):
    """A note for colleagues; the customer never sees it."""

    model_config = shown({"text": "Called back, will pay on Monday."})
    text: str = Field(min_length=1, max_length=10_000)
    user_id: UUID | None = Field(default=None, description="Whose note it is; null: the API's.")


class MessagePublic(Shape):
    """One thing said. `status` is how its delivery stands; `error_words` why it failed."""

    model_config = shown(_MESSAGE)
    id: UUID
    interaction_id: UUID
    seq: int = Field(description="Its place in the interaction's event log.")
    role: str
    author: str
    operator_id: UUID | None
    note: bool
    text: str
    media: list[dict[str, Any]]
    choices: list[str]
    content: dict[str, Any] = Field(
        description="What it carries beside its text: the `template` it is, the `button` pressed; `rich`: cards, a "
        "form, or an answer to one."
    )
    status: Literal["", "queued", "sent", "delivered", "read", "failed", "undelivered"]
    error_code: str
    error_words: str
    external_id: str
    heard: str | None = Field(
        description="Of something spoken: what the customer heard of `text`; null: all of it, or it was not spoken."
    )
    from_ms: int | None = Field(description="Where it begins in the call, counted from when it was answered.")
    to_ms: int | None
    timing: dict[str, Any] = Field(
        description="Of a call: how long each part of the turn took, in ms; `sentences` are [from, to, text]."
    )
    created_at: datetime


class MessagePage(Page[MessagePublic]):
    """Some of the messages."""


_MADE = {
    "agent_name", "team_name", "voice_mode", "metadata", "duration_seconds", "recordings_url", "results", "sentiment",
    "success",
    "cost",
}  # fmt: skip
_SAME = set(InteractionPublic.model_fields) - _MADE


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What is known of some interactions beside themselves: how they went, their results, what they cost."""

    outcomes: Mapping[UUID, Outcome] = field(default_factory=dict)
    values: Mapping[UUID, Mapping[str, Any]] = field(default_factory=dict)
    costs: Mapping[UUID, Mapping[str, int]] = field(default_factory=dict)


async def outcomes_of(db: AsyncSession, rows: Sequence[Interaction], *, costs: bool = False) -> Outcomes:
    """Those of these interactions of one workspace."""
    if not rows:
        return Outcomes()
    workspace_id, ids = rows[0].workspace_id, [row.id for row in rows]
    known = await results.outcomes(db, workspace_id, ids)
    counting: dict[UUID, dict[str, Any]] = {}
    for value in await results.values(db, workspace_id, *ids):
        counting.setdefault(value.interaction_id, {})[value.name] = value.counts
    totals = {row.id: (await usages.cost(db, row)).totals for row in rows} if costs else {}
    return Outcomes(known, counting, totals)


def interaction_public(found: Interaction, beside: Outcomes | None = None) -> InteractionPublic:
    beside = beside or Outcomes()
    outcome, values = beside.outcomes.get(found.id), beside.values.get(found.id, {})
    names = [str(one.get("name", "")) for one in found.agent.get("results") or []]
    made = outcome is not None and outcome.made_at is not None
    answered, ended = found.answered_at, found.ended_at
    return InteractionPublic(
        agent_name=found.agent.get("name", ""),
        team_name=found.team.get("name", ""),
        voice_mode=mode_of(found.agent),
        metadata=found.meta,
        duration_seconds=(ended - answered).total_seconds() if answered and ended else None,
        recordings_url=f"/v1/interactions/{found.id}/recordings" if answered else None,
        results={name: values.get(name) for name in names} if made else None,
        sentiment=outcome.sentiment if outcome else "",
        success=outcome.success if outcome else "",
        cost=money(dict(beside.costs[found.id])) if found.id in beside.costs else None,
        **{name: getattr(found, name) for name in _SAME},
    )


def message_public(said: Message) -> MessagePublic:
    return MessagePublic(**{name: getattr(said, name) for name in MessagePublic.model_fields})
