"""The embedded extractor: takes values out of a transcript by rules, the same from the same, without a model.

What the agent noted goes before what is read here. Of several values the last one said counts; what only the agent
said counts when the customer said yes to it, and what the customer denies does not.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub.dialogue.choices import find_yes_no
from hub.dialogue.evidence import evidence, located
from hub.dialogue.fields import Reader
from hub.dialogue.intents import corrects
from hub.dialogue.judging import judged
from hub.dialogue.questions import asked_fields, best_fitting, group_of, read_back
from hub.dialogue.reading import read
from hub.dialogue.results import UNPROVEN, Evidence, Extraction, Line, Story, Taken
from hub.dialogue.text import fold
from hub.dialogue.turn import Usage
from hub.dialogue.values import NotFitting, fitting
from hub.engine import Account
from hub.models.result import ResultField

NOTED, SAID, ANSWERED, CONFIRMED, TEXT = 95, 90, 85, 80, 65
"""Confidence in what the agent noted, what was said of itself, an answer, a yes to what we said, free words."""
_TAKEN_BACK = re.compile(r"\b(?:no|sorry|wait|actually|i mean|or rather)\b")
_CORRECTED = re.compile(r"(?<=[.!?;])\s+|,\s+(?=(?:no|sorry|wait|actually|i mean|or rather|make (?:it|that))\b)")


class Taking:
    """An `Extractor` of rules."""

    vendor = ""

    async def extract(self, story: Story, account: Account, spent: list[Usage]) -> Extraction:
        return await asyncio.to_thread(take, story)


@dataclass(frozen=True, slots=True)
class _Place:
    """A line, what the other side said last before it, what is said next, which fields were asked for, and of which
    it may tell by itself.
    """

    line: Line
    before: Line | None
    after: Line | None
    asked: frozenset[str]
    told: frozenset[str]


class _Reading:
    """A story being read."""

    def __init__(self, story: Story) -> None:
        self.story, self.reader = story, Reader(story.now, story.language)
        self.places = list(_places(story))

    def said(self, field: ResultField, place: _Place) -> Taken | None:
        """The value that the customer says here; after a correction in the same breath, the last one."""
        asked, line = field.name in place.asked, place.line
        if not asked and field.name not in place.told:
            return None
        taken = None
        for begin, text in _breaths(line.text):
            found = read(self.reader, field, text, asked=asked)
            if found is not None:
                confidence = TEXT if asked and not found.sure else ANSWERED if asked else SAID
                words = evidence(line, begin + found.start, begin + found.end)
                taken = Taken(found.value, (words,), confidence)
        return taken

    def agreed(self, field: ResultField, ours: Line, theirs: Line) -> Taken | None:
        """A value that we said and asked about, and to which they simply said yes."""
        told, begin = read_back(ours.text)
        answer = find_yes_no(fold(theirs.text), asked=False)
        if not told or answer is None or not answer.value or field.type in ("text", "boolean", "list"):
            return None
        found = read(self.reader, field, told, asked=False)
        if found is None or not found.sure or read(self.reader, field, theirs.text, asked=False) is not None:
            return None
        words = (
            evidence(ours, begin + found.start, begin + found.end), evidence(theirs, answer.start, answer.end)
        )  # fmt: skip
        return Taken(found.value, words, CONFIRMED)

    def denied(self, field: ResultField, ours: Line, theirs: Line, best: Taken) -> bool:
        """Whether they say no to the value, read back to them, and not to another one in its company."""
        answer = find_yes_no(fold(theirs.text), asked=False)
        told, _ = read_back(ours.text)
        if answer is None or answer.value or not told:
            return False
        found = read(self.reader, field, told, asked=False)
        if found is None or found.value != best.value:
            return False
        others = (other for other in self.story.fields if other.name != field.name and other.type != "boolean")
        return all(read(self.reader, other, theirs.text, asked=False) is None for other in others)


def take(story: Story) -> Extraction:
    """All of it."""
    reading, values = _Reading(story), {}
    for field in story.fields:
        found = _noted(story, field)
        if found is None:
            found = _moment(reading, field) if field.type == "datetime" else _last(reading, field)
        if found is not None:
            values[field.name] = found
    return judged(story, values)


def noted_values(story: Story) -> dict[str, Taken]:
    """What the agent has noted so far, with the words that say it."""
    found = {field.name: _noted(story, field) for field in story.fields}
    return {name: taken for name, taken in found.items() if taken is not None}


def _places(story: Story) -> Iterator[_Place]:
    said: dict[bool, Line] = {}
    for at, line in enumerate(story.lines):
        theirs = line.role == "customer"
        before = said.get(not theirs)
        asked = asked_fields(before.text, story.fields) if theirs and before is not None else frozenset[str]()
        after = story.lines[at + 1] if at + 1 < len(story.lines) else None
        yield _Place(line, before, after, asked, _told(story.fields, line, asked))
        said[theirs] = line


def _told(fields: Sequence[ResultField], line: Line, asked: frozenset[str]) -> frozenset[str]:
    """Of which fields the line may tell unasked: of several of one group, those that it speaks of by name."""
    groups = [group_of(field) for field in fields]
    answered = {group_of(field) for field in fields if field.name in asked}
    named = best_fitting(line.text, fields)
    return frozenset(
        field.name
        for field in fields
        if groups.count(group_of(field)) == 1
        or field.type in ("enum", "boolean", "text")
        or (field.name in named and group_of(field) not in answered)
    )


def _breaths(text: str) -> Iterator[tuple[int, str]]:
    """The text; cut at its corrections, if it corrects itself. Each part with its place."""
    if not (_TAKEN_BACK.search(fold(text)) or corrects(fold(text))):
        yield 0, text
        return
    begin = 0
    for cut in _CORRECTED.finditer(fold(text)):
        yield begin, text[begin : cut.start()]
        begin = cut.start()
    yield begin, text[begin:]


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


def _last(reading: _Reading, field: ResultField) -> Taken | None:
    """The last value that was said and not taken back."""
    best: Taken | None = None
    for place in reading.places:
        line, before, after = place.line, place.before, place.after
        if line.role == "customer":
            found = reading.said(field, place)
            if found is not None:
                best = found
            elif best is not None and before is not None and reading.denied(field, before, line, best):
                best = None
        elif after is not None and after.role == "customer":
            found = reading.agreed(field, line, after)
            if found is not None and (best is None or best.value != found.value):
                best = found
    return best


def _moment(reading: _Reading, field: ResultField) -> Taken | None:
    """A day and a time of day, which may be said one after the other."""
    halves: dict[str, str] = {}
    words: dict[str, Evidence] = {}
    for place in reading.places:
        if place.line.role != "customer" or (found := reading.said(field, place)) is None:
            continue
        new = found.value if isinstance(found.value, dict) else _halves(found.value)
        halves |= new
        words |= dict.fromkeys(new, found.evidence[0])
    if len(halves) < 2:
        return None
    distinct = list(dict.fromkeys(words[half] for half in ("date", "time")))
    return Taken(reading.reader.moment(halves), tuple(distinct), SAID)


def _halves(moment: str) -> dict[str, str]:
    return {"date": moment[:10], "time": moment[11:16]}
