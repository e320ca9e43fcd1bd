"""What is remembered of a flow from turn to turn, whoever runs it, read from and written to the state of a turn."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Memory:
    """The state of a conversation. Broken and older states are read as far as they make sense."""

    stage: str = ""
    entered: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    partial: dict[str, Any] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    sealed: list[str] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    asked: str = ""
    shown: list[str] = field(default_factory=list)
    confirming: str = ""
    proposed: Any = None
    reviewing: bool = False
    reviewed: bool = False
    changing: bool = False
    offered_human: bool = False
    last: str = ""
    misses: int = 0
    silences: int = 0
    turns: int = 0
    greeted: bool = False
    language: str = ""
    opening: str = ""

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> "Memory":
        memory = cls()
        for part in fields(cls):
            value = state.get(part.name)
            kind = type(getattr(memory, part.name))
            if part.name == "proposed":
                memory.proposed = value
            elif kind is not list and isinstance(value, kind):
                setattr(memory, part.name, dict(value) if kind is dict else value)
            elif kind is list and isinstance(value, list):
                setattr(memory, part.name, [item for item in value if isinstance(item, str)])
        return memory

    def save(self, state: dict[str, Any]) -> None:
        """Writes what differs from a fresh start; entries of others in the state stay."""
        fresh = asdict(Memory())
        for name, value in asdict(self).items():
            if value != fresh[name]:
                state[name] = value
            else:
                state.pop(name, None)

    def enter(self, stage: str) -> None:
        self.stage, self.entered, self.asked, self.confirming = stage, True, "", ""
        self.reviewing = self.reviewed = self.changing = False
        self.visited = [*(name for name in self.visited if name != stage), stage][-60:]

    def forget(self, name: str) -> None:
        self.fields.pop(name, None)
        self.partial.pop(name, None)
        self.skipped = [skipped for skipped in self.skipped if skipped != name]

    def restart(self) -> None:
        """Everything that was found out is gone; that we have greeted is not, nor the language we speak."""
        turns, language = self.turns, self.language
        for part in fields(Memory):
            setattr(self, part.name, getattr(Memory(), part.name))
        self.turns, self.language, self.greeted = turns, language, True
