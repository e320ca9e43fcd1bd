"""The recorded conversations of `fixtures/results` with their gold values, read from their files.

A conversation begins with `== what it is about`, then come its settings, what was said (in `[[ ]]` what was not heard),
what the agent noted, and after `>` each value with the words that say it (`-`: none is to be taken).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.dialogue.results import Line, Noted, Story
from hub.models import ResultField

FOLDER = Path("fixtures/results")
NOW = datetime(2026, 3, 2, 10, tzinfo=ZoneInfo("America/New_York"))
"""A Monday."""
MS_A_CHARACTER = 60


@dataclass(frozen=True)
class Gold:
    """A value that is to be taken, and the words that say it."""

    value: Any
    words: str


@dataclass
class Conversation:
    """One of them. `said` has role, text and what of it was not heard."""

    about: str
    settings: dict[str, str] = field(default_factory=dict)
    said: list[tuple[str, str, str]] = field(default_factory=list)
    noted: dict[str, Noted] = field(default_factory=dict)
    gold: dict[str, Gold | None] = field(default_factory=dict)

    @property
    def fields(self) -> list[ResultField]:
        return [ResultField(**one) for one in SCHEMAS[self.settings["schema"]]]

    @property
    def spoken(self) -> bool:
        return self.settings["channel"] == "call"

    def lines(self) -> list[Line]:
        """As they were heard, with times if they were spoken."""
        made, at = [], 0
        for number, (role, text, _) in enumerate(self.said):
            begin, at = at, at + MS_A_CHARACTER * len(text)
            times: dict[str, Any] = {"from_ms": begin, "to_ms": at} if self.spoken else {}
            made.append(Line(UUID(int=number + 1), role, text, **times))
        return made

    def story(self) -> Story:
        given = self.settings
        return Story(
            self.fields, self.lines(), NOW, given.get("language", "en-US"), given["channel"],
            given.get("direction", "inbound"), self.noted, given.get("status", "completed"), given["reason"],
        )  # fmt: skip


SCHEMAS: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "schemas.json").read_text())


def conversations() -> list[Conversation]:
    """All of them, file by file."""
    return [one for path in sorted(FOLDER.glob("*.txt")) for one in _read(path.read_text())]


def _read(text: str) -> Iterator[Conversation]:
    for part in text.split("\n== "):
        about, _, rest = part.removeprefix("== ").partition("\n")
        made = Conversation(about.strip())
        for line in filter(None, rest.splitlines()):
            _take(made, line)
        yield made


def _take(made: Conversation, line: str) -> None:
    head, _, rest = line.partition(": ")
    if line.startswith(">") or head == "noted":
        name, _, told = line.removeprefix(">").removeprefix("noted:").strip().partition(" = ")
        value, _, words = (told + " ").partition(" @ ")
        if line.startswith(">"):
            made.gold[name] = None if told == "-" else Gold(_value(made, name, value.strip()), words.strip())
        else:
            made.noted[name] = Noted(_value(made, name, value.strip()), words.strip())
    elif head in ("agent", "customer", "operator"):
        text, _, unheard = rest.partition("[[")
        made.said.append((head, text.strip(), unheard.removesuffix("]]")))
    else:
        made.settings |= dict(part.strip().split(": ", 1) for part in line.split(" | "))


def _value(made: Conversation, name: str, text: str) -> Any:
    kind = next(one.type for one in made.fields if one.name == name)
    if kind in ("number", "integer", "boolean"):
        return json.loads(text)
    return text.split("; ") if kind == "list" else text
