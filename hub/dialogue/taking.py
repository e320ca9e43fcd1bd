"""The embedded extractor: takes values out of a transcript by rules, the same from the same, without a model.

What the agent noted goes before what is read here. Of several values the last one said counts; what only the agent
said counts when the customer said yes to it, and what the customer denies does not.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub.dialogue.choices import find_yes_no
from hub.dialogue.evidence import evidence, located
from hub.dialogue.fields import Reader
from hub.dialogue.judging import judged
from hub.dialogue.questions import asked_fields
from hub.dialogue.reading import read
from hub.dialogue.results import UNPROVEN, Evidence, Extraction, Line, Story, Taken
from hub.dialogue.text import fold
from hub.dialogue.turn import Usage
from hub.dialogue.values import NotFitting, fitting
from hub.engine import Account
from hub.models.result import ResultField

NOTED, SAID, ANSWERED, CONFIRMED, TEXT = 95, 90, 85, 80, 65
"""Confidence in what the agent noted, what was said of itself, an answer, a yes to what we said, free words."""


class Taking:
    """An `Extractor` of rules."""

    vendor = ""

    async def extract(self, story: Story, account: Account, spent: list[Usage]) -> Extraction:
        return await asyncio.to_thread(take, story)


@dataclass(frozen=True, slots=True)
class _Place:
    """A line, what the other side said last before it, what is said next, and the fields that were asked for."""

    line: Line
    before: Line | None
    after: Line | None
    asked: frozenset[str]


def take(story: Story) -> Extraction:
    """All of it."""
    places, values = list(_places(story)), {}
    reader = Reader(story.now, story.language)
    for field in story.fields:
        found = _noted(story, field)
        if found is None:
            found = _moment(reader, field, places) if field.type == "datetime" else _last(reader, field, places)
        if found is not None:
            values[field.name] = found
    return judged(story, values)


def _places(story: Story) -> Iterator[_Place]:
    said: dict[bool, Line] = {}
    for at, line in enumerate(story.lines):
        theirs = line.role == "customer"
        before = said.get(not theirs)
        asked = asked_fields(before.text, story.fields) if theirs and before is not None else frozenset[str]()
        yield _Place(line, before, story.lines[at + 1] if at + 1 < len(story.lines) else None, asked)
        said[theirs] = line


def _noted(story: Story, field: ResultField) -> Taken | None:
    noted = story.noted.get(field.name)
    if noted is None:
        return None
    try:
        value = fitting(field, noted.value, story.language)
    except NotFitting:
        return None
    if value is None:
        return None
    theirs = [line for line in reversed(story.lines) if line.role == "customer"]
    found = located(noted.words, theirs)
    return Taken(value, (found,), NOTED, "collected") if found else Taken(value, (), UNPROVEN, "collected")


def _last(reader: Reader, field: ResultField, places: Sequence[_Place]) -> Taken | None:
    """The last value that was said and not taken back."""
    best: Taken | None = None
    for place in places:
        line, before, after = place.line, place.before, place.after
        if line.role == "customer":
            found = _said(reader, field, line, field.name in place.asked)
            if found is not None:
                best = found
            elif best is not None and before is not None and _denies(reader, field, before, line, best):
                best = None
        elif after is not None and after.role == "customer":
            found = _agreed(reader, field, line, after)
            if found is not None and (best is None or best.value != found.value):
                best = found
    return best


def _moment(reader: Reader, field: ResultField, places: Sequence[_Place]) -> Taken | None:
    """A day and a time of day, which may be said one after the other."""
    halves: dict[str, str] = {}
    words: dict[str, Evidence] = {}
    for place in places:
        line = place.line
        asked = field.name in place.asked
        if line.role != "customer" or (found := read(reader, field, line.text, asked=asked)) is None:
            continue
        said = evidence(line, found.start, found.end)
        new = found.value if isinstance(found.value, dict) else _halves(found.value)
        halves |= new
        words |= dict.fromkeys(new, said)
    if len(halves) < 2:
        return None
    distinct = list(dict.fromkeys(words[half] for half in ("date", "time")))
    return Taken(reader.moment(halves), tuple(distinct), SAID)


def _halves(moment: str) -> dict[str, str]:
    return {"date": moment[:10], "time": moment[11:16]}


def _said(reader: Reader, field: ResultField, line: Line, asked: bool) -> Taken | None:
    found = read(reader, field, line.text, asked=asked)
    if found is None:
        return None
    confidence = TEXT if asked and not found.sure else ANSWERED if asked else SAID
    return Taken(found.value, (evidence(line, found.start, found.end),), confidence)


def _agreed(reader: Reader, field: ResultField, ours: Line, theirs: Line) -> Taken | None:
    """A value that we said and asked about, and to which they simply said yes."""
    if "?" not in ours.text and "right" not in fold(ours.text) and "correct" not in fold(ours.text):
        return None
    answer = find_yes_no(fold(theirs.text), asked=False)
    if answer is None or not answer.value or field.type in ("text", "boolean", "list"):
        return None
    found = read(reader, field, ours.text, asked=False)
    if found is None or not found.sure or read(reader, field, theirs.text, asked=False) is not None:
        return None
    words = (evidence(ours, found.start, found.end), evidence(theirs, answer.start, answer.end))
    return Taken(found.value, words, CONFIRMED)


def _denies(reader: Reader, field: ResultField, ours: Line, theirs: Line, best: Taken) -> bool:
    """Whether they say no to the value, read back to them."""
    answer = find_yes_no(fold(theirs.text), asked=False)
    if answer is None or answer.value or "?" not in ours.text:
        return False
    read_back = read(reader, field, ours.text, asked=False)
    return read_back is not None and read_back.value == best.value
