"""The hub's own tools as a model is told of them: what each does, and its arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALWAYS = ("hang_up", "hand_to_human", "record_refusal")
"""Offered whether or not the agent lists them: to end, to give up and to be left in peace must be possible."""
SEARCH = "search_knowledge"


@dataclass(frozen=True, slots=True)
class Builtin:
    """`description` says when to use it; `parameters` is the JSON Schema of its arguments."""

    description: str
    parameters: Mapping[str, Any]


def _object(required: tuple[str, ...] = (), **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _text(description: str, most: int = 4_000, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, "maxLength": most, **more}


_TO_NUMBER = _text("The number, where they named another than the one they are known by.", 40)

BUILTINS: Mapping[str, Builtin] = {
    "hang_up": Builtin(
        "End the conversation, after everything is settled and you have said goodbye.",
        _object(reason=_text("Why it ends, in a word.", enum=["goodbye", "voicemail", "agent_hangup"])),
    ),
    "hand_to_human": Builtin(
        "Pass the conversation to a person, when the customer asks for one or you cannot help.",
        _object(reason=_text("What the person should know, in a sentence.", 500)),
    ),
    "transfer": Builtin(
        "Connect the caller with a colleague on the number that is set for this.",
        _object(reason=_text("What it is about, in a sentence.", 500)),
    ),
    "send_text": Builtin(
        "Send the customer a text message (SMS).",
        _object(("text",), text=_text("What it says."), to=_TO_NUMBER),
    ),
    "send_mail": Builtin(
        "Send the customer an email.",
        _object(
            ("text",),
            text=_text("What it says.", 20_000),
            subject=_text("Its subject.", 200),
            to=_text("The address, where they named another than the one they are known by.", 320),
        ),
    ),
    "send_link": Builtin(
        "Send the customer a link: to a question that they answer in writing, or to a page. Give one of the two.",
        _object(
            question=_text("What they shall answer in writing, such as a serial number or an address.", 500),
            url=_text("The page.", 2_000),
            text=_text("Words before the link.", 1_000),
            by=_text("How it is sent.", enum=["sms", "email"]),
            to=_text("The number or address, where they named another than the one they are known by.", 320),
        ),
    ),
    "verify_customer": Builtin(
        "Prove who the customer is. Without a code: send them one. With the code they tell you: check it.",
        _object(
            code=_text("The code as they said it.", 100),
            to=_text("The number or address to send a code to, where they named another.", 320),
        ),
    ),
    "record_refusal": Builtin(
        "Write down at once that the customer does not want to be contacted, marketed to or recorded any more.",
        _object(
            what=_text("What they do not want.", enum=["calls", "texts", "marketing", "recording", "everything"]),
            words=_text("Their words.", 500),
        ),
    ),
    SEARCH: Builtin(
        "Look something up in what the company has written down. Use it before you answer a question about facts.",
        _object(("query",), query=_text("The question or its key words.", 500)),
    ),
    "collect_field": Builtin(
        "Write down a value that the customer gave, or corrected.",
        _object(
            ("field", "value"),
            field=_text("The name of the value.", 64),
            value={"type": ["string", "number", "boolean"], "description": "The value."},
            words=_text("The customer's words that say it.", 300),
        ),
    ),
    "schedule_callback": Builtin(
        "Arrange that the customer is called, or written to, at a later time.",
        _object(
            ("at",),
            at=_text("When: date and time as in 2026-03-01T15:30, in the customer's time zone.", 40),
            about=_text("What it is about, in a sentence.", 500),
            by=_text("How they are reached; as now if left out.", enum=["call", "sms"]),
            to=_TO_NUMBER,
        ),
    ),
    "set_parameter": Builtin(
        "Remember a value for the rest of the conversation.",
        _object(
            ("name", "value"),
            name=_text("Its name.", 64),
            value={"type": ["string", "number", "boolean", "null"], "description": "The value."},
        ),
    ),
    "send_digits": Builtin(
        "Press keys on the telephone, for example in the menu of an automatic attendant.",
        _object(
            ("digits",),
            digits=_text("The keys: 0 to 9, *, #, and w for half a second of waiting.", 32, pattern="^[0-9*#wW]+$"),
        ),
    ),
}
