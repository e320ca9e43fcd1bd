"""Forms that were filled in: each value checked by its field's type, the whole as one message."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.identity import NotAnIdentity, normal
from hub.models.rich import FormField, FormSpec

MOST_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Filled:
    """The values by name, and the message they make: a single answer stands alone, several with their labels."""

    values: dict[str, str | float]
    text: str


class Unfilled(ValueError):
    """What is wrong, in words, by the name of the field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


def fill_in(form: FormSpec, given: Any, region: str) -> Filled:
    """The form with these values. `region` is where phone numbers without + are. Raises `Unfilled`."""
    values: dict[str, str | float] = {}
    problems: dict[str, str] = {}
    for field in form.fields:
        raw = given.get(field.name) if isinstance(given, Mapping) else None
        text = str(raw).strip() if isinstance(raw, str | int | float) and not isinstance(raw, bool) else ""
        if not text:
            if field.required:
                problems[field.name] = f"{field.label}: this is needed."
            continue
        try:
            values[field.name] = _value(field, text, region)
        except ValueError as error:
            problems[field.name] = f"{field.label}: {error}"
    if problems:
        raise Unfilled(problems)
    if len(form.fields) == 1:
        return Filled(values, _shown(values[form.fields[0].name]) if values else "No answer")
    lines = [f"{field.label}: {_shown(values[field.name])}" for field in form.fields if field.name in values]
    return Filled(values, "\n".join(lines) or "No answer")


def _value(field: FormField, text: str, region: str) -> str | float:
    """Raises `ValueError` with words."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"at most {MOST_CHARACTERS} characters.")
    match field.type:
        case "email" | "phone":
            try:
                value = normal(field.type, text, region)
            except NotAnIdentity as error:
                raise ValueError(str(error)) from None
            if field.type == "phone" and not value.startswith("+"):
                raise ValueError("write the whole number, like +15551234567.")
            return value
        case "number":
            return _number(field, text)
        case "date":
            try:
                return date.fromisoformat(text).isoformat()
            except ValueError:
                raise ValueError("write the date like 2026-03-31.") from None
        case "choice":
            if text not in field.choices:
                raise ValueError("choose one of the list.")
        case "name":
            if not any(character.isalpha() for character in text):
                raise ValueError("write a name with letters.")
            return " ".join(text.split())[:200]
    return text


def _number(field: FormField, text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError("write a number.") from None
    if not math.isfinite(value):
        raise ValueError("write a number.")
    if field.minimum is not None and value < field.minimum:
        raise ValueError(f"at least {_shown(field.minimum)}.")
    if field.maximum is not None and value > field.maximum:
        raise ValueError(f"at most {_shown(field.maximum)}.")
    return value


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}" if abs(value) < 1e6 else f"{value:.10g}"
