"""Which of the wanted values a question asks for, by the words in it."""

import re
from collections.abc import Sequence

from hub.dialogue.text import fold, sentences, words
from hub.models.result import ResultField

_ASKS = re.compile(
    r"\?|\b(?:what|which|when|who|where|how|may i|can i|could you|please (?:tell|give|say|share|type|send)|tell me"
    r"|let me know|i (?:just )?need|cual|que|cuando|como|wie|was|wann|welche|quel|quelle|comment|quand)\b"
)
_IS_IT = re.compile(r"(?:is |was )?(?:that|this|it)?(?:'s)? ?(?:is )?(?:right|correct|ok(?:ay)?|so|true)\W*")
_VAGUE = frozenset({"text", "list", "boolean"})
_KINDS: dict[str, str] = {
    "email": "email mail e mailadresse correo courriel adresse",
    "phone": "phone number mobile cell reach telephone telefon telefonnummer telefono numero nummer call",
    "name": "name who called speaking nombre namen llama heissen nom appelle",
    "date": "day date when dia fecha tag datum wann cuando jour",
    "time": "time when hour hora uhrzeit uhr heure",
    "datetime": "day date time when hora fecha tag uhrzeit wann cuando heure",
    "number": "many much number cuantos cuantas viele combien",
    "integer": "many number cuantos cuantas viele combien",
}
_COMMON = frozenset(
    """
    the and for with that this what which when they them their there have has was were been from will would
    shall should could can may you your customer caller person wants want whether value text one any all how who
    why are does did not our its his her number of to in name date time day phone email asked said says gave
    give given
    """.split()  # noqa: SIM905
)


def asked_fields(text: str, fields: Sequence[ResultField]) -> frozenset[str]:
    """The names of the fields that the last question in this asks for; of those of one group, the best fitting.

    What any answer would fit must be asked for more clearly than all others.
    """
    return best_fitting(_question(text), fields, _VAGUE)


def best_fitting(text: str, fields: Sequence[ResultField], vague: frozenset[str] = frozenset()) -> frozenset[str]:
    """The names of the fields that this speaks of, the best of each group; of `vague` types only the best of all."""
    spoken = set(words(text))
    if not spoken:
        return frozenset()
    marks = {field.name: _marks(field, spoken) for field in fields}
    best: dict[str, int] = {}
    for field in fields:
        best[group_of(field)] = max(best.get(group_of(field), 0), marks[field.name])
    top = max(best.values(), default=0)
    return frozenset(
        field.name
        for field in fields
        if marks[field.name] and marks[field.name] == (top if field.type in vague else best[group_of(field)])
    )


def group_of(field: ResultField) -> str:
    """Fields of one group take the same values, so that it must be told which of them is meant."""
    return "number" if field.type == "integer" else field.type


def _question(text: str) -> str:
    """The last sentence that asks, with all after it."""
    parts = sentences(text)
    for at in range(len(parts) - 1, -1, -1):
        if _ASKS.search(fold(parts[at])):
            return " ".join(parts[at:])
    return ""


def read_back(text: str) -> tuple[str, int]:
    """What is read back to be said yes or no to, and where in the text it begins; nothing if nothing is."""
    parts = sentences(text)
    for at in range(len(parts) - 1, -1, -1):
        if "?" not in parts[at]:
            continue
        first = at - 1 if at and _IS_IT.fullmatch(fold(parts[at]).strip()) else at
        told = parts[first]
        return told, text.find(told)
    return "", 0


def _marks(field: ResultField, asked: set[str]) -> int:
    """How well the field fits what is asked."""
    named = {_root(word) for word in words(field.name.replace("_", " "))}
    described = {_root(word) for word in words(field.description) if len(word) > 3} - _COMMON
    options = {_root(word) for choice in field.enum for word in words(choice.label or choice.value.replace("_", " "))}
    roots = {_root(word) for word in asked}
    marks = 4 * len((named - _COMMON) & roots) + 2 * len(described & roots)
    marks += 3 * bool((options - _COMMON) & roots) if field.type == "enum" else 0
    kind = set(_KINDS.get(field.type, "").split())
    if kind & asked:
        marks += 1 + len(named & roots)
    return marks


def _root(word: str) -> str:
    """The word without the ending of a plural."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
