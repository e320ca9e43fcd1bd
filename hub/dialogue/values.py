"""Values of results in their one form: what a field takes, and what is wrong with what it does not."""

import math
import re
from datetime import date, datetime, time
from typing import Any

from hub.dialogue.contacts import e164
from hub.dialogue.numbers import neat
from hub.dialogue.phrasing import region
from hub.dialogue.text import fold
from hub.models.result import ResultField

MOST_CHARACTERS = 2_000
MOST_LISTED = 100
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,250}\.[^@\s.]{2,}")
FORMS = {
    "text": "a text", "name": "a name", "number": "a number, such as 12.5", "integer": "a whole number, such as 12",
    "boolean": "yes or no", "date": "a date, such as 2026-03-31", "time": "a time, such as 15:30",
    "datetime": "a date and time, such as 2026-03-31T15:30:00+02:00",
    "phone": "a phone number with its country, such as +12025550141", "email": "an email address",
    "list": "texts, one a line",
}  # fmt: skip
"""What a type expects, for people."""


class NotFitting(ValueError):
    """The value is none that the field takes; the text says what it takes."""


def fitting(field: ResultField, value: Any, language: str = "en-US") -> Any:
    """The value in the form in which it is stored; None is one for every field. Raises `NotFitting`."""
    if value is None:
        return None
    try:
        return _read(field, value, language)
    except (ValueError, TypeError, OverflowError):
        expected = FORMS.get(field.type) or f"one of {', '.join(choice.value for choice in field.enum)}"
        raise NotFitting(f"{field.name} takes {expected}.") from None


def _read(field: ResultField, value: Any, language: str) -> Any:
    match field.type:
        case "number" | "integer":
            return _number(value, whole=field.type == "integer")
        case "boolean":
            return _boolean(value)
        case "enum":
            return _choice(field, value)
        case "date":
            return date.fromisoformat(_text(value)).isoformat()
        case "time":
            return time.fromisoformat(_text(value)).strftime("%H:%M")
        case "datetime":
            return datetime.fromisoformat(_text(value)).isoformat()
        case "phone":
            return _needed(e164(_text(value), region(language)))
        case "email":
            return _needed(found[0].lower() if (found := _EMAIL.fullmatch(_text(value))) else "")
        case "list":
            return _list(value)
    return _text(value)


def _needed(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return _needed(value.strip()[:MOST_CHARACTERS])


def _number(value: Any, *, whole: bool) -> float | int:
    if isinstance(value, bool):
        raise TypeError
    number = float(value.replace(",", "") if isinstance(value, str) else value)
    if not math.isfinite(number) or (whole and number != int(number)):
        raise ValueError
    return neat(number)


def _boolean(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in (*_YES, *_NO):
        raise ValueError
    return word in _YES


def _choice(field: ResultField, value: Any) -> str:
    wanted = fold(_text(value))
    for choice in field.enum:
        if wanted in (fold(choice.value), fold(choice.label)):
            return choice.value
    raise ValueError


def _list(value: Any) -> list[str]:
    items = value.splitlines() if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > MOST_LISTED:
        raise TypeError
    return [_text(item) for item in items if not isinstance(item, str) or item.strip()]
