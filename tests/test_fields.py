"""What people say for a field, and the value that is kept: through the script, one question each."""

# ruff: noqa: E501 - tables read better in long lines

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.dialogue.script import Script
from hub.dialogue.turn import Collected, Passage, Piece, Say, ToolResult, Turn

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("America/New_York"))  # a Wednesday
COLORS = [
    {"value": "red", "label": "Deep red", "synonyms": ["crimson", "scarlet"]},
    {"value": "blue", "label": "Blue", "synonyms": ["navy"]},
    {"value": "light_blue", "label": "Light blue"},
    {"value": "green", "label": "Green"},
]


class Nothing:
    """A toolbox without tools and knowledge."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        return ToolResult(error="There is no such tool.")

    async def search(self, query: str, limit: int = 3) -> Sequence[Passage]:
        return []


def asked_for(said: str, kind: str, language: str = "en-US", **spec: Any) -> list[Piece]:
    """The pieces after the question for one field was answered with `said`."""
    field = {"name": "it", "type": kind, "question": "Which one?", **spec}
    agent = {
        "name": "Ada", "language": language, "fallback_message": "I don't know.",
        "flow": {"stages": [
            {"id": "start", "type": "start", "fields": [field], "transitions": [{"to": "wait"}]},
            {"id": "wait"},
        ]},
    }  # fmt: skip
    state: dict[str, Any] = {}

    async def talk() -> list[Piece]:
        script = Script()
        async for _ in script.reply(Turn(agent, "opened", "", [], state, NOW), Nothing()):
            pass
        return [piece async for piece in script.reply(Turn(agent, "message", said, [], state, NOW), Nothing())]

    return asyncio.run(talk())


def value(pieces: list[Piece]) -> Any:
    return next((piece.value for piece in pieces if isinstance(piece, Collected)), None)


def words(pieces: list[Piece]) -> str:
    return " ".join(piece.text for piece in pieces if isinstance(piece, Say))


DATES = [
    ("today", "2026-11-18"), ("tomorrow", "2026-11-19"), ("tomorow", "2026-11-19"), ("tmrw please", "2026-11-19"),
    ("the day after tomorrow", "2026-11-20"), ("Friday", "2026-11-20"), ("on friday", "2026-11-20"),
    ("this Friday", "2026-11-20"), ("fri", "2026-11-20"), ("wensday next week", "2026-11-25"),
    ("next Tuesday", "2026-11-24"), ("tuesday", "2026-11-24"), ("next Friday", "2026-11-27"),
    ("a week on Friday", "2026-11-27"), ("Friday next week", "2026-11-27"), ("next week on Monday", "2026-11-23"),
    ("in two weeks", "2026-12-02"), ("in 3 days", "2026-11-21"), ("in a week", "2026-11-25"),
    ("two weeks from now", "2026-12-02"), ("in a month", "2026-12-18"), ("a week from tomorrow", "2026-11-26"),
    ("the 3rd of March", "2027-03-03"), ("March 3", "2027-03-03"), ("March 3rd, 2027", "2027-03-03"),
    ("3 march", "2027-03-03"), ("the third of march", "2027-03-03"), ("Dec. 24th", "2026-12-24"),
    ("twenty first of december", "2026-12-21"), ("12/24", "2026-12-24"), ("12/24/2026", "2026-12-24"),
    ("24.12.2026", "2026-12-24"), ("2026-12-24", "2026-12-24"), ("the 21st", "2026-11-21"), ("the 3rd", "2026-12-03"),
    ("maybe on thursday, if that works?", "2026-11-19"), ("asap", "2026-11-18"), ("sept 9", "2027-09-09"),
    ("may 1st", "2027-05-01"), ("How about Monday?", "2026-11-23"),
]  # fmt: skip
TIMES = [
    ("3pm", "15:00"), ("3 p.m.", "15:00"), ("3:30 pm", "15:30"), ("15:30", "15:30"), ("15h30", "15:30"), ("9am", "09:00"),
    ("9", "09:00"), ("at 3", "15:00"), ("around 10", "10:00"), ("half past two", "14:30"), ("quarter to three", "14:45"),
    ("quarter past 9", "09:15"), ("ten past four", "16:10"), ("twenty to five", "16:40"), ("noon", "12:00"),
    ("midday", "12:00"), ("midnight", "00:00"), ("12 pm", "12:00"), ("12am", "00:00"), ("3 o'clock", "15:00"),
    ("nine thirty", "09:30"), ("three forty-five", "15:45"), ("eleven", "11:00"), ("seven in the evening", "19:00"),
    ("8 in the morning", "08:00"), ("half two", "14:30"), ("in two hours", "12:00"), ("in half an hour", "10:30"),
    ("08:15", "08:15"), ("tomorrow at half past two", "14:30"), ("three thirty pm", "15:30"), ("10:00 would be great", "10:00"),
]  # fmt: skip
NUMBERS = [
    ("4", 4), ("four", 4), ("twenty one", 21), ("twenty-five people", 25), ("about 40", 40), ("1,500", 1500),
    ("a hundred and twenty", 120), ("two thousand five hundred", 2500), ("a dozen", 12), ("a couple", 2), ("2.5", 2.5),
    ("two and a half", 2.5), ("we are 12", 12), ("just one", 1), ("zero", 0), ("1k", 1000), ("-3", -3),
]  # fmt: skip
AMOUNTS = [
    ("$15k", 15000), ("15,000 dollars", 15000), ("about fifteen thousand", 15000), ("1.5 million", 1500000),
    ("20 bucks", 20), ("€1.200,50", 1200.5), ("half a million", 500000), ("$99.90", 99.9), ("two grand", 2000),
    ("5000", 5000), ("around 3k a year", 3000), ("1'000 CHF", 1000), ("a thousand euros", 1000),
]  # fmt: skip
NAMES = [
    ("Ana", "Ana"), ("ana ruiz", "Ana Ruiz"), ("I'm Ana Ruiz", "Ana Ruiz"), ("i'm bob", "Bob"), ("My name is John", "John"),
    ("my name is maria del carmen lopez", "Maria Del Carmen Lopez"), ("Sure, it's Ana Ruiz.", "Ana Ruiz"),
    ("This is Peter Smith", "Peter Smith"), ("AL PACINO", "Al Pacino"), ("o'brien", "O'Brien"), ("José Ángel", "José Ángel"),
    ("call me Ishmael please", "Ishmael"), ("Jean-Luc Picard", "Jean-Luc Picard"), ("Ng", "Ng"), ("李小龙", "李小龙"),
    ("the name is Bond", "Bond"), ("Ana, thanks", "Ana"), ("it's for Tom Hill", "Tom Hill"), ("Müller", "Müller"),
    ("you can put Kim", "Kim"), ("Dr. Jane Foster", "Dr. Jane Foster"),
]  # fmt: skip
PHONES = [
    ("212 555 0134", "+12125550134"), ("(212) 555-0134", "+12125550134"), ("+1 212 555 0134", "+12125550134"),
    ("2125550134", "+12125550134"), ("1-212-555-0134", "+12125550134"), ("212.555.0134", "+12125550134"),
    ("+44 20 7946 0958", "+442079460958"), ("0049 30 123456", "+4930123456"),
    ("two one two five five five oh one three four", "+12125550134"), ("it's 212 555 0134, thanks", "+12125550134"),
    ("two one two double five five zero one three four", "+12125550134"),
]  # fmt: skip
EMAILS = [
    ("ana@example.com", "ana@example.com"), ("It's Ana@Example.COM.", "ana@example.com"),
    ("ana at example dot com", "ana@example.com"), ("ana.ruiz+x@mail.example.co.uk", "ana.ruiz+x@mail.example.co.uk"),
    ("my mail is o'neil@x.org thanks", "o'neil@x.org"), ("ana @ example.com", "ana@example.com"),
]  # fmt: skip
ANSWERS = [
    ("yes", True), ("Yes please", True), ("yep", True), ("yeah sure", True), ("of course", True), ("ok", True), ("👍", True),
    ("correct", True), ("that's right", True), ("sounds good", True), ("y", True), ("absolutely", True), ("go ahead", True),
    ("no problem", True), ("no", False), ("Nope", False), ("no thanks", False), ("nah", False), ("not really", False),
    ("n", False), ("I don't think so, no", False), ("that's wrong", False), ("not yet", False), ("never", False),
]  # fmt: skip
PICKS = [
    ("red", "red"), ("Deep red", "red"), ("crimson please", "red"), ("the scarlet one", "red"), ("navy", "blue"),
    ("blue", "blue"), ("light blue", "light_blue"), ("light-blue", "light_blue"), ("the second one", "blue"), ("2", "blue"),
    ("number three", "light_blue"), ("the last one", "green"), ("option a", "red"), ("gren", "green"), ("crimsno", "red"),
    ("not blue, green", "green"), ("GREEN!", "green"), ("I'd go with the first", "red"),
]  # fmt: skip
CASES = [
    (kind, said, expected)
    for kind, cases in {
        "date": DATES, "time": TIMES, "number": NUMBERS, "amount": AMOUNTS, "name": NAMES, "phone": PHONES,
        "email": EMAILS, "yes_no": ANSWERS,
    }.items()
    for said, expected in cases
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said", "expected"), CASES)
def test_a_value_is_understood_as_people_say_it(kind: str, said: str, expected: Any) -> None:
    assert value(asked_for(said, kind, **({"future": True} if kind == "date" else {}))) == expected


@pytest.mark.parametrize(("said", "expected"), PICKS)
def test_a_choice_is_made_in_many_ways(said: str, expected: str) -> None:
    assert value(asked_for(said, "choice", choices=COLORS)) == expected


def test_there_are_plenty_of_cases() -> None:
    assert len(CASES) + len(PICKS) >= 150


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("date", "next week"), ("date", "march 32"), ("date", "purple"), ("time", "in the afternoon"), ("time", "99"),
        ("number", "many"), ("amount", "a lot"), ("name", "why?"), ("name", "yes"), ("name", "I'd like a cleaning"),
        ("phone", "555 0134"), ("phone", "12"), ("email", "ana@example"), ("email", "ana"), ("yes_no", "purple"),
        ("choice", "purple"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_not_taken_for_one(kind: str, said: str) -> None:
    pieces = asked_for(said, kind, future=True, choices=COLORS if kind == "choice" else [])
    assert value(pieces) is None
    assert words(pieces)


@pytest.mark.parametrize(
    ("kind", "said", "spec", "part"),
    [
        ("date", "yesterday", {"future": True}, "already passed"),
        ("date", "next week", {}, "Which day next week"),
        ("time", "in the morning", {}, "What time in the morning"),
        ("number", "500", {"maximum": 10}, "most I can take is 10"),
        ("amount", "$5", {"minimum": 100}, "at least $100"),
        ("phone", "555 0134", {}, "a few digits short"),
        ("email", "ana@example", {}, "ana@example.com"),
        (
            "text",
            "12",
            {"pattern": r"[A-Z]\d{4}", "invalid_message": "It looks like A1001."},
            "It looks like A1001.",
        ),
        ("choice", "blue or green", {"choices": COLORS}, "Blue or Green?"),
    ],
)
def test_a_wrong_value_is_asked_again_with_the_reason(kind: str, said: str, spec: dict[str, Any], part: str) -> None:
    pieces = asked_for(said, kind, **spec)
    assert value(pieces) is None
    assert part in words(pieces)


@pytest.mark.parametrize(
    ("language", "kind", "said", "expected"),
    [("en-GB", "date", "3/4/2027", "2027-04-03"), ("en-US", "date", "3/4/2027", "2027-03-04"),
     ("en-GB", "phone", "020 7946 0958", "+442079460958")],
)  # fmt: skip
def test_the_country_decides_what_is_ambiguous(language: str, kind: str, said: str, expected: str) -> None:
    assert value(asked_for(said, kind, language)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [("tomorrow at 3pm", "2026-11-19T15:00:00-05:00"), ("next tuesday half past two", "2026-11-24T14:30:00-05:00"),
     ("in two hours", "2026-11-18T12:00:00-05:00"), ("march 3 at noon", "2027-03-03T12:00:00-05:00"),
     ("2026-12-24 15:30", "2026-12-24T15:30:00-05:00")],
)  # fmt: skip
def test_a_moment_is_a_day_and_a_time_in_the_customers_zone(said: str, expected: str) -> None:
    assert value(asked_for(said, "datetime", future=True)) == expected


def test_a_day_alone_is_kept_until_the_time_is_known() -> None:
    pieces = asked_for("tomorrow", "datetime", future=True)
    assert value(pieces) is None
    assert "What time" in words(pieces)
