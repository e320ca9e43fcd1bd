"""Results taken out of recorded conversations: each value is right, and its evidence is the words that say it."""

from dataclasses import replace
from uuid import UUID

import pytest

from hub.dialogue.evidence import located
from hub.dialogue.results import Extraction, Line, Noted, Story, Taken
from hub.dialogue.taking import take
from hub.dialogue.values import NotFitting, fitting
from hub.models import ResultField
from tests.recorded import NOW, Conversation, Gold, conversations

ALL = conversations()


def says_it(story: Story, taken: Taken, gold: Gold) -> bool:
    """Whether a piece of the evidence is the gold words, where they stand, or has them with little around them."""
    lines = {line.id: line for line in story.lines}
    for one in taken.evidence:
        if lines[one.line_id].text[one.start : one.end] != one.words:
            return False
    words = gold.words.lower()
    return any(words in one.words.lower() or one.words.lower() in words for one in taken.evidence)


def test_there_are_fifty_recorded_conversations_with_gold_values() -> None:
    assert len(ALL) == 50
    assert sum(gold is not None for one in ALL for gold in one.gold.values()) > 120
    for one in ALL:
        assert set(one.gold) == {field.name for field in one.fields}, one.about
        heard = "\n".join(text for _, text, _ in one.said)
        assert all(gold is None or gold.words in heard for gold in one.gold.values()), one.about


@pytest.mark.parametrize("one", ALL, ids=[one.about for one in ALL])
def test_the_embedded_extractor_takes_the_gold_values_and_points_at_the_words(one: Conversation) -> None:
    story = one.story()
    found = take(story)
    assert {name: taken.value for name, taken in found.values.items()} == {
        name: gold.value for name, gold in one.gold.items() if gold is not None
    }
    for name, gold in one.gold.items():
        if gold is not None:
            assert says_it(story, found.values[name], gold), (name, found.values[name].evidence)
    assert found.success == one.settings["success"], found.success_why
    assert (found.sentiment or "none") == one.settings["sentiment"]
    assert found.summary


@pytest.mark.parametrize("one", [one for one in ALL if one.spoken], ids=lambda one: one.about)
def test_evidence_of_a_call_is_to_be_heard_within_what_was_said(one: Conversation) -> None:
    story = one.story()
    lines = {line.id: line for line in story.lines}
    for taken in take(story).values.values():
        for words in taken.evidence:
            line = lines[words.line_id]
            assert line.from_ms is not None
            assert words.from_ms is not None
            assert words.to_ms is not None
            assert line.to_ms is not None
            assert line.from_ms <= words.from_ms < words.to_ms <= line.to_ms
            begin = line.from_ms + words.start * (line.to_ms - line.from_ms) // len(line.text)
            assert words.from_ms <= begin <= words.to_ms


# single rules

DAY = ResultField(name="day", type="date", required=True)
EMAIL = ResultField(name="email", type="email")


def told(
    *lines: tuple[str, str], fields: tuple[ResultField, ...] = (DAY,), noted: dict[str, Noted] | None = None
) -> Extraction:
    made = [Line(UUID(int=number), role, text) for number, (role, text) in enumerate(lines, 1)]
    return take(Story(list(fields), made, NOW, noted=noted or {}))


def test_what_the_agent_noted_and_nobody_said_is_not_proven() -> None:
    found = told(("customer", "Hello there."), noted={"day": Noted("2026-03-05", "on Thursday")})
    assert not found.values["day"].proven
    assert found.values["day"].confidence <= 20
    assert found.success == "no"


def test_what_the_agent_noted_in_a_form_that_does_not_fit_is_passed_over() -> None:
    found = told(("customer", "On Thursday."), noted={"day": Noted("soon", "On Thursday")})
    assert found.values["day"].value == "2026-03-05"


def test_an_address_that_only_the_agent_says_is_nobodys() -> None:
    found = told(("agent", "Write to us at info@clinic.example."), ("customer", "Will do."), fields=(EMAIL,))
    assert "email" not in found.values


def test_words_that_the_customer_did_not_hear_make_no_question() -> None:
    """The whole of a conversation changes with one word that was not heard."""
    heard = ("agent", "Shall we say Friday?"), ("customer", "Yes.")
    unheard = ("agent", "Shall we say"), ("customer", "Yes.")
    assert told(*heard).values["day"].value == "2026-03-06"
    assert "day" not in told(*unheard).values


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("on thursday", "on Thursday"),
        ("On Thursday!", "on Thursday"),
        ("thurzday then", "Thursday then"),
        ("wednesday", None),
        ("2 pm", None),
        ("12", None),
        ("", None),
        ("…", None),
    ],
)
def test_a_quote_is_found_whatever_its_case_and_points_and_digits_to_the_letter(quote: str, found: str | None) -> None:
    line = Line(UUID(int=1), "customer", "Well, on Thursday then, at 1 pm, for 123 people.")
    evidence = located(quote, [line])
    assert (evidence and evidence.words) == found


def test_evidence_in_a_sentence_whose_time_is_known_lies_in_that_sentence() -> None:
    text = "Good morning. We have Friday at ten."
    sentences = ([0, 1_000, "Good morning."], [1_500, 3_500, "We have Friday at ten."])
    evidence = located("Friday", [Line(UUID(int=1), "agent", text, 0, 3_500, sentences)])
    assert evidence is not None
    assert evidence.from_ms is not None
    assert evidence.from_ms >= 1_500


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("text", "  x ", "x"),
        ("integer", "12", 12),
        ("integer", 12.0, 12),
        ("number", "1,200.50", 1200.5),
        ("boolean", "yes", True),
        ("boolean", False, False),
        ("date", "2026-03-05", "2026-03-05"),
        ("time", "15:30:00", "15:30"),
        ("datetime", "2026-03-05T15:30:00+01:00", "2026-03-05T15:30:00+01:00"),
        ("phone", "(202) 555-0141", "+12025550141"),
        ("email", "Ana@Example.com", "ana@example.com"),
        ("list", "a\nb\n", ["a", "b"]),
        ("text", None, None),
    ],
)
def test_a_value_is_brought_into_the_form_of_its_field(kind: str, given: object, value: object) -> None:
    assert fitting(ResultField(name="x", type=kind), given) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("integer", "12.5"), ("integer", True), ("number", "many"), ("number", float("nan")), ("number", 10**400),
        ("boolean", "perhaps"), ("date", "31.12."), ("date", "2026-02-30"), ("time", "25:00"), ("phone", "12"),
        ("email", "ana"), ("list", {"a": 1}), ("list", [1]), ("text", ""), ("text", 5),
    ],
)  # fmt: skip
def test_what_fits_no_field_of_this_kind_is_refused_in_words(kind: str, given: object) -> None:
    with pytest.raises(NotFitting, match="x takes"):
        fitting(ResultField(name="x", type=kind), given)  # type: ignore[arg-type]


def test_a_long_exchange_is_read_in_its_time() -> None:
    one = ALL[0]
    story = one.story()
    many = [replace(line, id=UUID(int=n)) for n, line in enumerate([*story.lines] * 80, 1)]
    assert take(replace(story, lines=many)).values["service"].value == "cleaning"
