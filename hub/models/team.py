"""Agents who hand a customer over to one another: the members, and the ways between them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic import Field as Limit
from sqlmodel import Field, SQLModel

from hub.models.agent import AgentDefinition
from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, utcnow

RESERVED = frozenset(
    {
        "verify_customer", "record_refusal", "send_text", "send_mail", "send_link", "send_sms", "send_email",
        "search_knowledge", "collect_field", "set_parameter", "schedule_callback", "send_digits",
        "hand_to_human", "transfer", "transfer_call", "hang_up", "end", "end_conversation", "stay_silent",
    }
)  # fmt: skip
"""Functions that every agent may have; none of them can be one that hands over."""
RESERVED_BEGINNINGS = ("go_to_", "enter_stage_")
"""Functions made from the stages of a flow begin so."""

_ANY = {"name": "Any"}


class MemberTransition(BaseModel):
    """One way on: to the member `to`, by calling `function`.

    `description` says when it is right to hand over, for models; `phrases` are what a customer says then, for the
    embedded brain. `message` is what the leaving member says; `{{name}}` in it is filled in.
    """

    model_config = ConfigDict(extra="forbid")
    to: str
    function: str = Limit(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    description: str = Limit(default="", max_length=1_000)
    message: str = Limit(default="", max_length=1_000)
    phrases: list[str] = Limit(default=[], max_length=100)

    @field_validator("function")
    @classmethod
    def _not_reserved(cls, function: str) -> str:
        if function in RESERVED or function.startswith(RESERVED_BEGINNINGS):
            raise ValueError(
                f"{function!r} is the name of a function of the hub. Choose another, such as hand_over_to_billing"
            )
        return function


class Member(BaseModel):
    """One agent of a team, known in it by `key`.

    `agent_id` is a stored agent; `agent` replaces some fields of its definition or, without `agent_id`, is the whole
    definition.
    """

    model_config = ConfigDict(extra="forbid")
    key: str = Limit(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    agent_id: UUID | None = None
    agent: dict[str, Any] = {}
    transitions: list[MemberTransition] = Limit(default=[], max_length=20)

    @model_validator(mode="after")
    def _is_an_agent(self) -> Self:
        whole = self.agent if self.agent_id is None else {**_ANY, **self.agent}
        if self.agent_id is None and not self.agent:
            raise ValueError(f"member {self.key!r} is nobody: give agent_id, or a definition as agent")
        try:
            made = AgentDefinition.model_validate(whole)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(f"the definition of member {self.key!r} is wrong at {where}: {first['msg']}") from None
        given = None if self.agent_id is None else set(self.agent)
        self.agent = made.model_dump(mode="json", include=given)
        return self


class TeamFields(BaseModel):
    """All that can be set about a team. `first` is the key of the member that begins; empty: the first of the list."""

    model_config = ConfigDict(extra="forbid")
    name: str = Limit(min_length=1, max_length=120)
    description: str = Limit(default="", max_length=2_000)
    members: list[Member] = Limit(min_length=1, max_length=20)
    first: str = Limit(default="", max_length=40)

    def member(self, key: str) -> Member | None:
        return next((member for member in self.members if member.key == key), None)

    def faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Where it does not hang together, and why."""
        keys = [member.key for member in self.members]
        if self.first and self.first not in keys:
            yield ("first",), f"There is no member {self.first!r}; there are: {', '.join(keys)}."
        for at, member in enumerate(self.members):
            if member.key in keys[:at]:
                yield ("members", at, "key"), f"There is another member with the key {member.key!r}."
            functions = [way.function for way in member.transitions]
            for number, way in enumerate(member.transitions):
                where = ("members", at, "transitions", number)
                if way.to not in keys:
                    yield (*where, "to"), f"There is no member {way.to!r}; there are: {', '.join(keys)}."
                elif way.to == member.key:
                    yield (*where, "to"), f"{member.key} cannot hand over to themselves."
                if way.function in functions[:number]:
                    words = f"{member.key} has another transition called {way.function!r}."
                    yield (*where, "function"), words

    def doubts(self) -> list[str]:
        """What is allowed but may be a mistake: members whom nobody hands over to, and those who hand over to none."""
        return [*self._unreached(), *self._dead_ends()]

    def _unreached(self) -> Iterator[str]:
        reached, todo = {self.first or self.members[0].key}, [self.first or self.members[0].key]
        while todo:
            member = self.member(todo.pop())
            new = {way.to for way in member.transitions} - reached if member else set()
            reached |= new
            todo += new
        for member in self.members:
            if member.key not in reached:
                yield f"Nobody hands over to {member.key}, so they never have a customer."

    def _dead_ends(self) -> Iterator[str]:
        if len(self.members) > 1:
            for member in self.members:
                if not member.transitions:
                    yield f"{member.key} hands over to nobody: customers stay with them."


class TeamDefinition(TeamFields):
    """A team that hangs together."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if fault := next(self.faults(), None):
            raise ValueError(fault[1])
        self.first = self.first or self.members[0].key
        return self


class Team(SQLModel, table=True):
    """A team of a workspace. `definition` is a `TeamDefinition` as JSON; `name` repeats its name."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    name: str
    definition: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    version: int = 1
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    archived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def agents_of(definition: Mapping[str, Any]) -> set[UUID]:
    """The stored agents that a team is made of."""
    return {UUID(str(member["agent_id"])) for member in definition.get("members", []) if member.get("agent_id")}
