"""Forms, hours, mentions and canned answers, as far as they need no database."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from hub import hours
from hub.core.mentions import named
from hub.dialogue.asking import form_for
from hub.forms import Unfilled, fill_in
from hub.models.flow import FieldSpec
from hub.models.rich import FormSpec, Rich
from web.pages.canned import filled

ORDER = FormSpec(
    fields=[
        {"name": "name", "label": "Your name", "type": "name"},
        {"name": "email", "label": "Email", "type": "email"},
        {"name": "phone", "label": "Phone", "type": "phone", "required": False},
        {"name": "seats", "label": "Seats", "type": "number", "minimum": 1, "maximum": 6},
        {"name": "day", "label": "Day", "type": "date"},
        {"name": "colour", "label": "Colour", "type": "choice", "choices": ["Oak", "Pine"]},
    ]
)  # type: ignore[arg-type]
GOOD = {"name": " Ana  Lima ", "email": "Ana@Example.com", "seats": "3", "day": "2026-12-01", "colour": "Oak"}


def test_a_filled_form_is_one_message_of_checked_values() -> None:
    made = fill_in(ORDER, GOOD | {"phone": "(202) 555-0141"}, "US")
    assert made.values == {
        "name": "Ana Lima", "email": "ana@example.com", "phone": "+12025550141", "seats": 3.0, "day": "2026-12-01",
        "colour": "Oak",
    }  # fmt: skip
    assert made.text.splitlines()[0] == "Your name: Ana Lima"
    assert "Seats: 3" in made.text


def test_one_answer_alone_is_said_without_its_label() -> None:
    form = FormSpec(fields=[{"name": "email", "label": "Email", "type": "email"}])  # type: ignore[list-item]
    assert fill_in(form, {"email": "a@b.example"}, "US").text == "a@b.example"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "123"), ("name", "x" * 501), ("email", "nobody"), ("email", None), ("seats", "many"),
     ("seats", "7"), ("seats", "nan"), ("day", "tomorrow"), ("day", "2026-13-01"), ("colour", "Plastic"),
     ("phone", "12"), ("name", ["Ana"]), ("seats", True)],
)  # fmt: skip
def test_what_is_wrong_is_said_by_field(field: str, value: object) -> None:
    with pytest.raises(Unfilled) as wrong:
        fill_in(ORDER, GOOD | {field: value}, "US")
    assert list(wrong.value.problems) == [field]
    assert len(wrong.value.problems[field]) > 10


@pytest.mark.parametrize("given", [None, [], "x", 7])
def test_no_values_at_all_are_complained_about_and_do_no_harm(given: object) -> None:
    with pytest.raises(Unfilled) as wrong:
        fill_in(ORDER, given, "US")
    assert "phone" not in wrong.value.problems


@pytest.mark.parametrize(
    "rich",
    [
        {"cards": [{"title": "x", "buttons": [{"label": "go", "url": "javascript:alert(1)"}]}]},
        {"cards": [{"title": "x", "image": "data:text/html,<script>"}]},
        {"cards": [{"title": "x", "buttons": [{"label": "both", "url": "https://a.example", "say": "b"}]}]},
        {"cards": [{"title": "x", "buttons": [{"label": "none"}]}]},
        {"cards": [{"title": ""}]},
        {"form": {"fields": []}},
        {"form": {"fields": [{"name": "a", "label": "A"}, {"name": "a", "label": "B"}]}},
        {"form": {"fields": [{"name": "a", "label": "A", "type": "choice"}]}},
        {"form": {"fields": [{"name": "a", "label": "A", "type": "script"}]}},
        {"html": "<b>"},
        {"choices": [""]},
    ],
)
def test_rich_content_that_is_none_is_refused(rich: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rich(**rich)  # type: ignore[arg-type]


def test_the_agent_asks_for_a_typed_field_with_a_form_where_the_client_shows_one() -> None:
    asked = form_for(FieldSpec(name="email", type="email", question="?"), (), "webchat")
    assert asked is not None
    assert FormSpec(**asked).fields[0].type == "email"
    assert form_for(FieldSpec(name="email", type="email", question="?"), (), "sms") is None
    assert form_for(FieldSpec(name="order", question="?"), (), "webchat") is None
    few, many = ("a", "b"), tuple("abcdefghij")
    assert form_for(FieldSpec(name="slot", type="choice", question="?"), few, "webchat") is None
    listed = form_for(FieldSpec(name="slot", type="choice", question="?"), many, "webchat")
    assert listed is not None
    assert FormSpec(**listed).fields[0].choices == list(many)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment", "open_now", "again"),
    [
        ("mon-fri 9:00-18:00", datetime(2026, 11, 27, 17, 59, tzinfo=BERLIN), True, "Mon 09:00"),
        ("mon-fri 9:00-18:00", datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN), False, "Mon 09:00"),
        ("mon-fri 9-18, sat 10:00-13:00", datetime(2026, 11, 28, 9, 59, tzinfo=BERLIN), False, "Sat 10:00"),
        ("fri-mon 8-20", datetime(2026, 11, 29, 12, 0, tzinfo=BERLIN), True, "Mon 08:00"),
        ("monday 0:00-24:00", datetime(2026, 11, 30, 23, 59, tzinfo=BERLIN), True, "Mon 00:00"),
    ],
)
def test_hours_say_whether_somebody_is_there_and_when_next(
    text: str, moment: datetime, open_now: bool, again: str
) -> None:
    known = hours.read(text)
    assert known is not None
    assert known.open_at(moment) is open_now
    following = known.next_open(moment)
    assert following is not None
    assert f"{following:%a %H:%M}" == again


@pytest.mark.parametrize("text", ["always", "mon 9", "mon 18-9", "mon 9:70-10", "xyz 9-10", "mon-xyz 9-10", "mon 9-25"])
def test_hours_that_cannot_be_read_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(hours.NotHours):
        hours.read(text)


def test_no_hours_mean_always() -> None:
    assert hours.read("  ") is None


def test_colleagues_are_named_whole_and_the_longer_name_first() -> None:
    names = ["Ana", "Ana Lima", "Bo"]
    assert named("@Ana Lima please look, @bo too", names) == ["Ana Lima", "Bo"]
    assert named("@Ana and @Ana Lima", names) == ["Ana Lima", "Ana"]
    assert named("mail ana@Ana.example or @Anabel", names) == []


def test_a_canned_answer_keeps_the_gaps_it_cannot_fill() -> None:
    values = {"customer": {"name": "Ana {{agent}}", "plan": "gold"}, "agent": "Maya"}
    text = "Dear {{customer.name}}, {{ customer.plan }} of {{agent}}; {{customer.age}}"
    assert filled(text, values) == "Dear Ana agent, gold of Maya; {{customer.age}}"
