"""The embedded brain: how it opens, returns, corrects, gives up, and what it does with nonsense."""

# ruff: noqa: E501 - tables read better in long lines

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dialogue.knowledge import Index
from hub.dialogue.script import Script
from hub.dialogue.turn import (
    Collected,
    EnterStage,
    Entry,
    Finish,
    HandToHuman,
    Passage,
    Piece,
    Say,
    ToolResult,
    Turn,
    UsedTool,
)

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("America/New_York"))
DEFINITION: dict[str, Any] = {
    "name": "Ada",
    "opening_message": "Hi, I'm Ada from the garage. How can I help, {{first name}}?",
    "fallback_message": "I don't know that.",
    "human_message": "A colleague takes over.",
    "goodbye_message": "Goodbye!",
    "error_message": "Something broke.",
    "flow": {"stages": [
        {"id": "start", "type": "start", "transitions": [{"to": "book", "on": "intent", "phrases": ["book a service", "oil change"]}]},
        {"id": "book", "fields": [
            {"name": "date", "type": "date", "question": "Which day?", "future": True},
            {"name": "name", "type": "name", "question": "Your name?"},
            {"name": "email", "type": "email", "question": "Your e-mail?", "confirm": True},
            {"name": "note", "type": "text", "question": "Anything we should know?", "required": False},
        ], "transitions": [{"to": "save"}]},
        {"id": "save", "type": "tool", "tool": "save", "arguments": {"who": "{{name}}", "when": "{{date}}"}, "transitions": [
            {"to": "spanish", "on": "language", "values": ["es"]},
            {"to": "vip", "on": "tool", "path": "level", "values": ["vip"]},
            {"to": "done", "on": "tool", "outcome": "ok"},
            {"to": "sorry", "on": "tool", "outcome": "error"}]},
        {"id": "vip", "type": "end", "text": "Done, {{name}}, {{date}}: number {{save.number}}. Welcome to the club{{unknown thing}}!"},
        {"id": "done", "type": "end", "text": "Done, number {{save.number}}."},
        {"id": "spanish", "type": "end", "text": "Hecho."},
        {"id": "sorry", "type": "dialogue", "text": "We will call you."},
        {"id": "hours", "global_intent": ["opening times please"], "type": "verbatim", "text": "Nine to five.", "transitions": []},
    ]},
    "tools": [{"name": "save", "method": "POST", "url": "http://x", "waiting_message": "One moment.", "fallback_message": "It did not work."}],
}  # fmt: skip
KNOWLEDGE = [
    Passage("Parking", "Park in the yard.", "site"),
    Passage("Prices", "An oil change is $80.", "site"),
    Passage("Tyres", "We store winter tyres for $40 a season.", "site"),
]


class Box:
    """A toolbox with one tool that says what it is told to."""

    def __init__(self, result: ToolResult | None = None) -> None:
        self.result = result or ToolResult({"level": "basic", "number": 7})
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.index = Index(KNOWLEDGE)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        self.calls.append((name, dict(arguments)))
        return self.result

    async def search(self, query: str, limit: int = 3) -> Sequence[Passage]:
        return self.index.search(query, limit)


class Talk:
    """A conversation with the script, its state carried as JSON."""

    def __init__(self, definition: dict[str, Any] = DEFINITION, box: Box | None = None, **turn: Any) -> None:
        self.definition, self.box, self.more = definition, box or Box(), turn
        self.state: dict[str, Any] = turn.pop("state", {})
        self.history: list[Entry] = []
        self.script = Script()

    def __call__(self, said: str = "", cue: Any = "message") -> list[Piece]:
        async def go() -> list[Piece]:
            turn = Turn(self.definition, cue, said, list(self.history), self.state, NOW, **self.more)
            pieces = [piece async for piece in self.script.reply(turn, self.box)]
            self.state = json.loads(json.dumps(turn.state))
            return pieces

        pieces = asyncio.run(go())
        self.history += [Entry("customer", said)] if said else []
        self.history += [Entry("agent", piece.text) for piece in pieces if isinstance(piece, Say)]
        return pieces


def words(pieces: list[Piece]) -> str:
    return " ".join(" ".join(piece.text.split()) for piece in pieces if isinstance(piece, Say))


def kinds(pieces: list[Piece]) -> list[type]:
    return [type(piece) for piece in pieces]


def test_the_opening_is_said_and_unknown_names_leave_no_braces() -> None:
    assert words(Talk()("", "opened")) == "Hi, I'm Ada from the garage. How can I help?"


def test_the_opening_names_the_person_when_the_parameter_is_given() -> None:
    assert words(Talk(parameters={"first name": "Bo"})("", "opened")).endswith("How can I help, Bo?")


def test_who_speaks_first_is_greeted_shortly_and_answered_in_the_same_turn() -> None:
    said = words(Talk()("Hello, where can I park?", "opened"))
    assert said == "Hi, I'm Ada from the garage. Park in the yard."


def test_a_bare_hello_gets_the_whole_opening_once() -> None:
    talk = Talk()
    assert "How can I help" in words(talk("hi"))
    assert "I'm Ada from" not in words(talk("hi"))


def test_an_agent_without_an_opening_lets_the_customer_speak_first() -> None:
    silent = {**DEFINITION, "opening_message": None}
    assert words(Talk(silent)("", "opened")) == ""
    assert words(Talk(silent)("where can I park?")) == "Hello! Park in the yard."


def test_everything_said_at_once_is_not_asked_again() -> None:
    pieces = Talk()("I'd like to book a service tomorrow, I'm Ana Ruiz")
    assert {piece.field: piece.value for piece in pieces if isinstance(piece, Collected)} == {
        "date": "2026-11-19", "name": "Ana Ruiz",
    }  # fmt: skip
    assert words(pieces).endswith("Your e-mail?")


def test_evidence_is_what_was_said() -> None:
    pieces = Talk()("book a service next Tuesday please")
    assert [piece.evidence for piece in pieces if isinstance(piece, Collected)] == ["next Tuesday"]


def test_a_value_that_needs_it_is_read_back_and_taken_after_a_yes() -> None:
    talk = Talk()
    talk("book a service tomorrow, my name is Ana")
    assert words(talk("ana@example.com")) == "I have ana@example.com. Is that right?"
    assert words(talk("no, anna@example.com")) == "I have anna@example.com. Is that right?"
    assert any(piece == Collected("email", "anna@example.com", "yes", "email") for piece in talk("yes"))


def test_a_plain_no_to_a_read_back_asks_again() -> None:
    talk = Talk()
    talk("book a service tomorrow, my name is Ana")
    talk("ana@example.com")
    assert words(talk("no")) == "Sorry about that. Your e-mail?"


def test_corrections_are_taken_at_any_time() -> None:
    talk = Talk()
    talk("book a service tomorrow")
    talk("Anna")
    pieces = talk("no, my name is Ann")
    assert Collected("name", "Ann", "Ann", "name") in pieces
    assert words(pieces).endswith("Your e-mail?")
    assert any(isinstance(p, Collected) and p.value == "2026-11-20" for p in talk("actually make it Friday"))


def test_the_last_answer_is_corrected_without_naming_it() -> None:
    talk = Talk()
    talk("book a service tomorrow")
    talk("Anna")
    assert Collected("name", "Ann", "sorry, I meant Ann", "name") in talk("sorry, I meant Ann")


def test_a_question_in_between_is_answered_and_the_open_one_asked_again() -> None:
    talk = Talk()
    talk("book a service")
    said = words(talk("how much is an oil change?"))
    assert said.startswith("An oil change is $80.")
    assert said.lower().endswith("which day?")


def test_it_never_invents_what_it_does_not_know() -> None:
    assert words(Talk(state={"greeted": True})("who won the world cup in 1994?")) == "I don't know that."


def test_an_optional_field_can_be_skipped_and_the_flow_goes_on_to_its_end() -> None:
    box = Box()
    talk = Talk(box=box)
    talk("book a service tomorrow, my name is Ana")
    talk("ana@example.com")
    talk("yes")
    pieces = talk("no thanks")
    assert box.calls == [("save", {"who": "Ana", "when": "2026-11-19"})]
    assert Say("One moment.", waiting=True) in pieces
    assert [kind for kind in kinds(pieces) if kind in (UsedTool, Finish)] == [UsedTool, Finish]
    assert words(pieces).endswith("Done, number 7.")


FILLED = {"stage": "save", "fields": {"name": "Ana", "date": "2026-11-24"}}


def test_a_flow_starts_anywhere_and_branches_on_what_the_tool_gave() -> None:
    pieces = Talk(box=Box(ToolResult({"level": "vip", "number": 9})), state=dict(FILLED))("go on")
    assert "Done, Ana, Tuesday, November 24: number 9. Welcome to the club!" in words(pieces)


def test_a_flow_branches_on_the_customers_language() -> None:
    assert "Hecho." in words(Talk(state=dict(FILLED), customer={"language": "es"})("ok"))


def test_a_failing_tool_is_apologised_for_and_the_flow_goes_its_way() -> None:
    pieces = Talk(box=Box(ToolResult(error="500 broken")), state=dict(FILLED))("ok")
    assert "It did not work. We will call you." in words(pieces)


def test_what_a_tool_returns_is_never_read_as_a_template() -> None:
    pieces = Talk(box=Box(ToolResult({"level": "x", "number": "{{name}} {{"})), state=dict(FILLED))("ok")
    assert "{" not in words(pieces)
    assert "Ana" not in words(pieces)


def test_three_misunderstandings_in_a_row_offer_a_person() -> None:
    talk = Talk()
    talk("book a service")
    talk("purple")
    talk("monkey")
    pieces = talk("dishwasher")
    assert "Shall I pass you to a colleague?" in words(pieces)
    assert kinds(talk("yes please"))[-1] is HandToHuman


def test_the_offer_of_a_person_can_be_declined() -> None:
    talk = Talk()
    for said in ("book a service", "purple", "monkey", "dishwasher"):
        talk(said)
    assert words(talk("no")).lower().endswith("which day?")


@pytest.mark.parametrize(
    "said",
    ["human please", "agent", "Can I speak to a person?", "I want to talk to a real human", "representative!!", "operator please",
     "get me your manager", "connect me with an agent", "put me through to someone", "is there a human I can talk to?",
     "let me speak with customer service", "I need a real person", "transfer me to a colleague", "talk to a sales rep",
     "can someone call me back", "I'd rather speak to somebody", "live agent", "can a human help me please"],
)  # fmt: skip
def test_a_person_is_called_in_many_words(said: str) -> None:
    pieces = Talk(state={"greeted": True})(said)
    assert words(pieces) == "A colleague takes over."
    assert kinds(pieces)[-1] is HandToHuman


@pytest.mark.parametrize(
    "said", ["are you a human?", "am I talking to a real person?", "are you a bot", "is this an AI"]
)
def test_it_says_honestly_that_it_is_an_ai(said: str) -> None:
    pieces = Talk(state={"greeted": True})(said)
    assert "AI assistant" in words(pieces)
    assert HandToHuman not in kinds(pieces)


@pytest.mark.parametrize("said", ["I don't want to speak to a human", "no need to talk to an agent"])
def test_a_person_is_not_forced_on_anybody(said: str) -> None:
    assert HandToHuman not in kinds(Talk(state={"greeted": True})(said))


@pytest.mark.parametrize("said", ["bye", "Goodbye!", "ok bye bye", "see you", "thanks, have a nice day"])
def test_a_goodbye_ends_it(said: str) -> None:
    pieces = Talk(state={"greeted": True})(said)
    assert pieces[-2:] == [Say("Goodbye!"), Finish("goodbye")]


def test_start_over_forgets_the_answers() -> None:
    talk = Talk()
    talk("book a service tomorrow")
    talk("start over")
    assert "fields" not in talk.state
    assert words(talk("book a service")).endswith("Which day?")


def test_a_stage_with_a_global_intent_is_reached_from_anywhere() -> None:
    talk = Talk()
    talk("book a service")
    assert EnterStage("hours") in talk("opening times please")


def test_handed_back_asks_the_open_question_again_or_keeps_silent() -> None:
    talk = Talk()
    assert words(talk("", "handed_back")) == ""
    talk("book a service")
    assert words(talk("", "handed_back")) == "Which day?"
    assert "Your name?" in words(talk("tomorrow", "handed_back"))


def test_silence_is_met_with_patience_and_then_an_end() -> None:
    talk = Talk()
    talk("book a service")
    assert words(talk("", "silence")) == "Are you still there? Which day?"
    talk("", "silence")
    assert kinds(talk("", "silence"))[-1] is Finish


def test_what_the_channel_tells_is_not_asked() -> None:
    flow = {"stages": [{"id": "a", "fields": [{"name": "phone", "type": "phone", "question": "Number?"}], "transitions": [{"to": "b"}]},
                       {"id": "b", "type": "end", "text": "Noted: {{phone}}."}]}  # fmt: skip
    pieces = Talk({"name": "A", "flow": flow}, channel="sms", customer={"known_as": "+12125550134"})("hello, it's me")
    assert "Noted: (212) 555-0134." in words(pieces)


CHOICE = {"name": "A", "flow": {"stages": [{"id": "a", "fields": [
    {"name": "size", "type": "choice", "question": "Which size?", "choices": [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}]}
]}]}}  # fmt: skip


def test_choices_are_buttons_in_the_chat_and_words_elsewhere() -> None:
    chat = [piece for piece in Talk(CHOICE)("", "opened") if isinstance(piece, Say)]
    assert chat == [Say("Which size?", ("Small", "Large"))]
    assert words(Talk(CHOICE, channel="sms")("", "opened")) == "Which size? You could say Small or Large."


def test_a_flow_that_goes_in_circles_comes_to_rest() -> None:
    stages = [
        {"id": "a", "type": "internal", "transitions": [{"to": "b"}]},
        {"id": "b", "type": "internal", "transitions": [{"to": "a"}]},
    ]
    assert len(Talk({"name": "A", "flow": {"stages": stages}})("hello")) < 60


def test_an_agent_without_a_flow_answers_from_its_knowledge() -> None:
    assert "Park in the yard." in words(Talk({"name": "A", "fallback_message": "?"})("where can I park"))


STATES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["stage", "entered", "fields", "partial", "skipped", "visited", "asked", "confirming", "proposed", "reviewing", "changing", "results", "turns", "misses"]
)  # fmt: skip
SAID = st.text(max_size=200) | st.sampled_from(
    [
        "\0",
        "\ud800",
        "yes",
        "no, \udfff",
        "👩‍👩‍👧‍👦🔥",
        "שלום עולם",
        "مرحبا",
        "{{name}}",
        "1" * 300,
        "a@" * 100,
        "the 31st of february",
        "9" * 40 + "pm",
    ]
)


@settings(max_examples=250, deadline=None)
@given(said=st.lists(SAID, min_size=1, max_size=4), state=st.dictionaries(KEYS, STATES, max_size=5))
def test_no_words_and_no_state_make_it_stumble(said: list[str], state: dict[str, Any]) -> None:
    talk = Talk(state=state)
    for text in said:
        pieces = talk(text)
        assert len(pieces) < 60
        assert all(len(piece.text) <= 4_000 and "{{" not in piece.text for piece in pieces if isinstance(piece, Say))


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "1 " * 500_000, "a@" * 500_000, "no " * 300_000, "? " * 500_000, "yes\n" * 250_000, "(" * 1_000_000,
     "I'm " * 250_000, "half past " * 100_000, "\u202e\ufdfa" * 300_000, "3/" * 500_000, "twenty " * 100_000, "a.b@c." * 100_000,
     "\ud800" * 1_000_000, "I want to talk to the the the " * 30_000, "um, so, " * 100_000],
)  # fmt: skip
def test_a_megabyte_of_anything_is_dealt_with_at_once(text: str) -> None:
    for kind in (
        "date",
        "time",
        "phone",
        "email",
        "name",
        "number",
        "amount",
        "choice",
        "text",
        "yes_no",
        "datetime",
    ):
        field = {
            "name": "it",
            "type": kind,
            "question": "What?",
            "choices": [{"value": "blue"}] if kind == "choice" else [],
        }
        talk = Talk({"name": "A", "flow": {"stages": [{"id": "a", "fields": [field]}, {"id": "b"}]}})
        talk("", "opened")
        began = time.process_time()
        talk(text)
        assert time.process_time() - began < 0.25, kind


def test_a_turn_costs_little() -> None:
    talk = Talk()
    lines = [
        "book a service",
        "how much is an oil change?",
        "tomorrow",
        "Ana Ruiz",
        "ana@example.com",
        "yes",
        "actually make it friday",
    ]

    async def go() -> float:
        script, spent, turns = Script(), 0.0, 0
        for _ in range(60):
            state: dict[str, Any] = {}
            for said in lines:
                turn = Turn(DEFINITION, "message", said, [], state, NOW)
                began = time.process_time()
                async for _piece in script.reply(turn, talk.box):
                    pass
                spent, turns = spent + time.process_time() - began, turns + 1
        return spent / turns

    assert asyncio.run(go()) < 0.004  # in practice about a quarter of a millisecond; machines under load differ


def test_what_comes_in_by_another_channel_is_acknowledged_and_taken_as_an_answer() -> None:
    talk = Talk()
    talk("I'd like an oil change on Friday. I'm Bo Berg")
    pieces = talk("bo@example.com", "told")
    assert words(pieces).startswith(("Thank you, I've got your message.", "I've just received your message"))
    assert "bo@example.com" in words(pieces), "and is read back, since this field wants it"


def test_a_refusal_outranks_the_flow_and_is_written_down() -> None:
    talk = Talk()
    talk("I'd like an oil change")
    pieces = talk("No. Take me off your list!")
    assert talk.box.calls == [("record_refusal", {"what": "everything", "words": "No. Take me off your list!"})]
    assert kinds(pieces) == [UsedTool, Say, Finish]
    failing = Talk(box=Box(ToolResult(error="broken")))
    failing("hi")
    pieces = failing("Don't call me again")
    assert kinds(pieces) == [UsedTool, Say, HandToHuman], "a colleague sees to it"
