"""One value of a result read out of one thing said."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from hub.dialogue import intents
from hub.dialogue.choices import Option, find_choice, find_yes_no, options
from hub.dialogue.fields import Reader
from hub.dialogue.numbers import find_amount, find_numbers
from hub.dialogue.text import Found, fold
from hub.dialogue.values import NotFitting, fitting
from hub.models.flow import FieldSpec, FieldType
from hub.models.result import ResultField

_PAST = re.compile(
    r"\b(?:birth|birthday|born|dob|purchas\w*|bought|order(?:ed)? date|happened|incident|since|past|previous)\b"
)
_MONEY = re.compile(
    r"\b(?:price|budget|amount|cost|sum|pay|payment|salary|income|debt|fee|refund|quote|spend|revenue|value)\b"
)
_NUMBERED = re.compile(r"(?:^|[ _])(?:number|no|code|id|reference|postcode|zip)$")
_IDENTIFIER = r"(?P<id>(?=[\w-]*\d)[A-Za-z0-9][A-Za-z0-9-]*)"
_KINDS: dict[str, FieldType] = {
    "text": "text", "name": "name", "date": "date", "time": "time", "datetime": "datetime", "phone": "phone",
    "email": "email", "number": "number", "integer": "number",
}  # fmt: skip
_SPLIT = re.compile(r"\s*(?:,|;|\n|\band\b|\by\b|\bund\b|\bet\b)\s*")
_LEAD = re.compile(
    r"^(?:well|um|uh|sure|yes|ok(?:ay)?|oh|so)?[,. ]*(?:i(?:'d| would) (?:like|want|need)|(?:i|we) (?:want|need|have)"
    r"|(?:i|we) use|i like|it(?:'s| is)|they(?:'re| are)|mainly|just)\s+",
    re.IGNORECASE,
)


def read(reader: Reader, field: ResultField, raw: str, *, asked: bool) -> Found | None:
    """The field's value in `raw` and its place there. `asked`: it was just asked for.

    A date and time of which only one half is said comes as {"date": ...} or {"time": ...}.
    """
    low = fold(raw)
    if asked and field.type in ("text", "name", "list") and (intents.skips(low.strip()) or _asks_back(low)):
        asked = False
    found = _found(reader, field, raw, low, asked)
    if found is None or isinstance(found.value, dict):
        return found
    try:
        return replace(found, value=fitting(field, found.value, reader.language))
    except NotFitting:
        return None


def _asks_back(low: str) -> bool:
    return low.rstrip().endswith("?") or intents.is_question(low.strip())


def _found(reader: Reader, field: ResultField, raw: str, low: str, asked: bool) -> Found | None:
    match field.type:
        case "boolean":
            return _boolean(field, low, asked)
        case "enum":
            return _chosen(low, options_of(field), asked)
        case "list":
            return _list(raw) if asked else None
        case "number" | "integer" if _is_money(field):
            found = find_amount(low)
            return found if found is not None and (asked or found.sure) else None
        case "text" if _NUMBERED.search(field.name.lower()):
            return _identifier(field, raw, asked)
        case "number":
            return _decimal(low, asked) or _spec_found(reader, field, raw, asked)
    return _spec_found(reader, field, raw, asked)


def _identifier(field: ResultField, raw: str, asked: bool) -> Found | None:
    """A number that may have letters in it, such as of an order: after its name, or as the answer."""
    name = _NUMBERED.sub("", field.name.lower().replace("_", " ")).strip()
    named = rf"\b{re.escape(name)}(?:'s)?\W*" if name else ""
    told = rf"{named}(?:(?:number|no|nr|code|id|reference|is|was)\b\W*)*{_IDENTIFIER}"
    hits = [*re.finditer(told, raw, re.IGNORECASE)] or ([*re.finditer(_IDENTIFIER, raw)][:1] if asked else [])
    found = hits[-1] if hits else None
    return Found(found["id"], found.start("id"), found.end("id")) if found else None


def _spec_found(reader: Reader, field: ResultField, raw: str, asked: bool) -> Found | None:
    found = reader.find(_spec(field.model_dump_json()), raw, asked=asked)
    return found if isinstance(found, Found) else None


def _decimal(low: str, asked: bool) -> Found | None:
    """A number with a fraction, which the readers of counts take for a count."""
    found = [one for one in find_numbers(low) if isinstance(one.value, float) and one.value != int(one.value)]
    return found[-1] if asked and found else None


@lru_cache(512)
def _spec(dumped: str) -> FieldSpec:
    """The field as the readers of flows know it."""
    field = ResultField.model_validate_json(dumped)
    about = f"{field.name.replace('_', ' ')} {field.description}"
    question = f"{field.description} How many {field.name.replace('_', ' ')}?"
    return FieldSpec(
        name=field.name, type=_KINDS[field.type], question=question, future=not _PAST.search(fold(about))
    )  # fmt: skip


def _is_money(field: ResultField) -> bool:
    return bool(_MONEY.search(fold(f"{field.name.replace('_', ' ')} {field.description}")))


def options_of(field: ResultField) -> tuple[Option, ...]:
    return _options(tuple((one.value, one.label, tuple(one.synonyms)) for one in field.enum))


@lru_cache(512)
def _options(choices: tuple[tuple[str, str, tuple[str, ...]], ...]) -> tuple[Option, ...]:
    return options(choices)


def _chosen(low: str, offered: Sequence[Option], asked: bool) -> Found | None:
    """The choice that was meant; of several that are named one after the other, the last."""
    found = find_choice(low, offered, asked=asked)
    if isinstance(found, Found):
        return found
    named = [one for option in offered if isinstance(one := find_choice(low, [option], asked=False), Found)]
    corrects = len(named) > 1 and intents.corrects(low)
    return max(named, key=lambda one: one.start) if corrects else None


def _boolean(field: ResultField, low: str, asked: bool) -> Found | None:
    phrased = [option for option in options_of(field) if option.spellings]
    ways = [Option(one.value, one.label, one.spellings[1:] or one.spellings) for one in phrased]
    hit = find_choice(low, ways, asked=False) if ways else None
    if isinstance(hit, Found):
        return hit
    return find_yes_no(low) if asked else None


def _list(raw: str) -> Found | None:
    lead = _LEAD.match(raw)
    begin = lead.end() if lead else 0
    items = [part.strip(" .!") for part in _SPLIT.split(raw[begin:]) if part.strip(" .!")]
    return Found(items, begin, len(raw), sure=False) if items else None
