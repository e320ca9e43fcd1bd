"""The same flow under the sandbox's model and under the script: the same way through it, the same values."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.dialogue.llm import Llm
from hub.dialogue.retry import NoSuchStage, state_of
from hub.dialogue.script import Script
from hub.dialogue.turn import Collected, EnterStage, Finish, Say, ToolResult, UsedTool
from hub.engines.openai import Completions
from hub.models.retry import RetryContext
from tests.model_world import Box, Conversation, Vendor, only, vendor, words

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
DEFINITION: dict[str, Any] = {
    "name": "Ada", "opening_message": "Hi, I'm Ada.", "goodbye_message": "Goodbye!",
    "fallback_message": "I don't know that.", "human_message": "A colleague takes over.",
    "flow": {"stages": [
        {"id": "start", "type": "start", "transitions": [
            {"to": "spanish", "on": "language", "values": ["es"]},
            {"to": "book", "on": "intent", "phrases": ["book a service", "oil change"]}]},
        {"id": "spanish", "type": "verbatim", "text": "Claro, seguimos en español.", "transitions": [{"to": "book"}]},
        {"id": "book", "text": "Gladly.", "fields": [
            {"name": "date", "type": "date", "question": "Which day?", "future": True},
            {"name": "name", "type": "name", "question": "Your name?"},
        ], "transitions": [{"to": "look"}]},
        {"id": "look", "type": "tool", "tool": "free", "arguments": {"day": "{{date}}"}, "transitions": [
            {"to": "full", "on": "tool", "path": "full", "values": ["yes"]},
            {"to": "slot", "on": "tool", "outcome": "ok"},
            {"to": "sorry", "on": "tool", "outcome": "error"}]},
        {"id": "full", "type": "verbatim", "text": "That day is full.", "clear": ["date"],
         "transitions": [{"to": "book"}]},
        {"id": "slot", "fields": [
            {"name": "time", "type": "time", "question": "At what time?", "choices_from": "free.slots"},
            {"name": "email", "type": "email", "question": "Your e-mail?", "confirm": True},
            {"name": "note", "type": "text", "question": "Anything we should know?", "required": False},
        ], "transitions": [{"to": "sort"}]},
        {"id": "sort", "type": "internal", "transitions": [
            {"to": "early", "on": "field", "field": "time", "values": ["08:00"]}, {"to": "check"}]},
        {"id": "early", "type": "verbatim", "text": "We open at eight sharp.", "transitions": [{"to": "check"}]},
        {"id": "check", "confirm": True, "text": "{{name}}, {{date}} at {{time}}. Is that right?",
         "transitions": [{"to": "done"}]},
        {"id": "done", "type": "end", "text": "Booked, {{name}}. See you!"},
        {"id": "sorry", "type": "end", "text": "It did not work."},
        {"id": "hours", "type": "verbatim", "global_intent": ["opening times"], "text": "Nine to five."},
    ]},
    "tools": [{"name": "free", "method": "GET", "url": "http://x/{{day}}", "waiting_message": "One moment.",
               "arguments": {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}}],
}  # fmt: skip


class Days(Box):
    """Saturdays are full."""

    async def call(self, name: str, arguments: Any) -> ToolResult:
        self.calls.append((name, dict(arguments)))
        full = arguments.get("day") == "2026-11-21"
        return ToolResult({"full": "yes"} if full else {"full": "no", "slots": ["08:00", "10:30", "14:00"]})


LINES = {
    "a straight way": [
        "", "I'd like to book a service", "next Tuesday", "Ana Ruiz", "at 10:30", "ana@example.com", "yes",
        "no thanks", "yes",
    ],
    "a loop over a day that is full": [
        "", "book a service", "on Saturday", "Ana Ruiz", "next Tuesday", "10:30", "ana@example.com", "yes", "no thanks",
        "yes",
    ],
    "much at once, and the internal stage": [
        "", "I'd like to book a service tomorrow, I'm Ana Ruiz", "8:00", "ana@example.com", "yes",
        "My car is blue", "yes",
    ],
    "another language": ["", "Can we speak Spanish?", "next Tuesday", "Ana Ruiz", "14:00", "ana@example.com", "yes",
                         "no thanks", "yes"],
    "a value that is read back and wrong": [
        "", "book a service tomorrow", "Ana Ruiz", "at 10:30", "anna@example.com", "no", "ana@example.com", "yes",
        "no thanks", "yes",
    ],
    "a correction before the end": [
        "", "book a service tomorrow", "Ana Ruiz", "at 10:30", "ana@example.com", "yes", "no thanks",
        "next Tuesday", "yes",
    ],
    "a way from anywhere": ["", "book a service", "what are your opening times", ],
}  # fmt: skip


@pytest.fixture
async def made(anyio_backend: str) -> AsyncIterator[Vendor]:
    async with vendor() as there:
        yield there


@pytest.fixture
async def model(anyio_backend: str) -> Completions:
    return Completions()


async def path(talk: Conversation, lines: list[str]) -> list[Any]:
    """The way through the flow: stages, values, tools, the end."""
    pieces = []
    for said in lines:
        pieces += await talk(said, "message" if said else "opened")
    return [
        piece.stage if isinstance(piece, EnterStage)
        else (piece.field, piece.value) if isinstance(piece, Collected)
        else (piece.name, dict(piece.arguments)) if isinstance(piece, UsedTool)
        else "the end"
        for piece in only(pieces, EnterStage, Collected, UsedTool, Finish)
    ]  # fmt: skip


def stages(way: list[Any]) -> list[str]:
    return [one for one in way if isinstance(one, str)]


def values(way: list[Any]) -> dict[str, Any]:
    return dict(one for one in way if isinstance(one, tuple) and not isinstance(one[1], dict))


@pytest.mark.parametrize("name", LINES)
async def test_the_model_goes_the_same_way_as_the_script(made: Vendor, model: Completions, name: str) -> None:
    under_script = await path(Conversation(Script(), DEFINITION, Days()), LINES[name])
    talk = Conversation(Llm(model), DEFINITION, Days(DEFINITION["tools"]), made.account)
    under_model = await path(talk, LINES[name])
    assert stages(under_model) == stages(under_script)
    assert values(under_model) == values(under_script)
    assert [one for one in under_model if isinstance(one, tuple) and one[0] == "free"] == [
        one for one in under_script if isinstance(one, tuple) and one[0] == "free"
    ]
    assert "book" in under_script, "it is a real way"


RETRY = RetryContext(
    collected_data={"name": "Ana Ruiz", "date": "2026-11-24"}, retry_initial_message="Hello again, Ana!",
    retry_language="es", retry_stage_id="look",
)  # fmt: skip


async def test_a_further_attempt_begins_where_it_is_told_to_under_both(made: Vendor, model: Completions) -> None:
    lines, ways = ["", "14:00", "ana@example.com", "yes", "no thanks", "yes"], []
    for brain, box in ((Script(), Days()), (Llm(model), Days(DEFINITION["tools"]))):
        talk = Conversation(brain, DEFINITION, box, made.account, state=state_of(DEFINITION, RETRY))
        opened = await talk("", "opened")
        assert words(opened).startswith("Hello again, Ana!")
        ways.append([*(one.stage for one in only(opened, EnterStage)), *await path(talk, lines[1:])])
    assert ways[0] == ways[1]
    assert ways[0][:2] == ["look", "slot"]
    assert ways[0][-2:] == ["done", "the end"]


def test_a_further_attempt_at_a_stage_that_is_not_there_is_refused() -> None:
    with pytest.raises(NoSuchStage, match="there are: start, spanish"):
        state_of(DEFINITION, RetryContext(retry_stage_id="nowhere"))


async def test_the_script_goes_on_where_the_model_stopped(made: Vendor, model: Completions) -> None:
    talk = Conversation(Llm(model), DEFINITION, Days(DEFINITION["tools"]), made.account)
    await path(talk, ["", "I'd like to book a service", "next Tuesday"])
    talk.brain = Script()
    assert only(await talk("Ana Ruiz"), Collected)[0].value == "Ana Ruiz"
    assert talk.state["fields"] == {"date": "2026-11-24", "name": "Ana Ruiz"}


async def test_verbatim_words_are_said_word_for_word_whatever_the_model_says(made: Vendor, model: Completions) -> None:
    talk = Conversation(Llm(model), DEFINITION, Days(), made.account)
    await talk("", "opened")
    await made.says({"calls": [{"name": "go_to_hours", "arguments": {}}]}, "Anything else?")
    assert words(await talk("when are you open")) == "Nine to five. Anything else?"


async def test_a_model_cannot_confirm_for_the_customer_nor_go_where_no_way_leads(
    made: Vendor, model: Completions
) -> None:
    talk = Conversation(Llm(model), DEFINITION, Days(), made.account, state={"stage": "slot", "entered": True})
    mail = {"name": "collect_field", "arguments": {"field": "email", "value": "ana@example.com"}}
    yes = {"name": "confirm_field", "arguments": {"right": True}}
    await made.says({"calls": [mail, yes, mail]}, {"calls": [yes, {"name": "go_to_done", "arguments": {}}]}, "Hm.")
    pieces = await talk("ana@example.com")
    assert only(pieces, Collected, EnterStage) == []
    results = [one["content"] for one in (await made.asked())[-1]["messages"] if one["role"] == "tool"]
    assert sum("error" in one for one in results) >= 3
    await made.says({"calls": [yes]}, "Fine.")
    assert [one.value for one in only(await talk("yes"), Collected)] == ["ana@example.com"]


async def test_a_value_that_does_not_fit_is_not_taken_and_the_model_is_told_what_to_say(
    made: Vendor, model: Completions
) -> None:
    talk = Conversation(Llm(model), DEFINITION, Days(), made.account, state={"stage": "book", "entered": True})
    past = {"name": "collect_field", "arguments": {"field": "date", "value": "2020-01-01"}}
    other = {"name": "collect_field", "arguments": {"field": "shoe size", "value": "43"}}
    await made.says({"calls": [past, other]}, "Another day, please.")
    pieces = await talk("the first of January 2020")
    assert only(pieces, Collected) == []
    told = [one["content"] for one in (await made.asked())[-1]["messages"] if one["role"] == "tool"]
    assert "already passed" in told[0]
    assert "There is no field" in told[1]


async def test_evidence_is_what_the_customer_said_and_not_what_the_model_made_of_it(
    made: Vendor, model: Completions
) -> None:
    talk = Conversation(Llm(model), DEFINITION, Days(), made.account, state={"stage": "book", "entered": True})
    await made.says(
        {"calls": [{"name": "collect_field", "arguments": {"field": "date", "value": "2026-11-24"}}]}, "Good."
    )
    (kept,) = only(await talk("Tuesday would be nice"), Collected)
    assert (kept.value, kept.evidence) == ("2026-11-24", "Tuesday")


async def test_tools_of_a_stage_are_offered_in_that_stage_alone(made: Vendor, model: Completions) -> None:
    scoped = {**DEFINITION, "flow": {"stages": [
        {"id": "start", "type": "start", "tools": [], "transitions": [{"to": "b", "on": "intent", "phrases": ["go"]}]},
        {"id": "b", "tools": ["free"]}]}}  # fmt: skip
    box = Days(DEFINITION["tools"])
    talk = Conversation(Llm(model), scoped, box, made.account)
    await made.says({"calls": [{"name": "free", "arguments": {"day": "2026-11-24"}}]}, "No.")
    await talk("Is anything free?")
    assert box.calls == []
    await made.says(
        {"calls": [{"name": "go_to_b", "arguments": {}}]},
        {"calls": [{"name": "free", "arguments": {"day": "x"}}]},
        "Yes.",
    )
    await talk("go")
    assert box.calls == [("free", {"day": "x"})]


async def test_choices_are_buttons_in_the_chat_under_a_model_too(made: Vendor, model: Completions) -> None:
    state = {
        "stage": "slot",
        "entered": True,
        "results": {"free": {"slots": ["08:00", "10:30"]}},
        "fields": {"name": "A"},
    }
    talk = Conversation(Llm(model), DEFINITION, Days(), made.account, state=state)
    await made.says("At what time?")
    (said,) = only(await talk("hello"), Say)
    assert said.choices == ("8:00 AM", "10:30 AM")
