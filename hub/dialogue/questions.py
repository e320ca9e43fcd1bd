"""Which of the wanted values a question asks for, by the words in it."""

import re
from collections.abc import Sequence

from hub.dialogue.text import fold, sentences, words
from hub.models.result import ResultField

_ASKS = re.compile(
    r"\?|\b(?:what|which|when|who|where|how|may i|can i|could you|please (?:tell|give|say|share|type|send)|tell me"
    r"|let me know|i (?:just )?need|cual|que|cuando|como|wie|was|wann|welche|quel|quelle|comment|quand)\b"
)
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
    """The names of the fields that the last question in this asks for; of those of one type, the best fitting."""
    asked = set(words(_question(text)))
    if not asked:
        return frozenset()
    marks = {field.name: _marks(field, asked) for field in fields}
    best: dict[str, int] = {}
    for field in fields:
        best[field.type] = max(best.get(field.type, 0), marks[field.name])
    return frozenset(field.name for field in fields if marks[field.name] and marks[field.name] == best[field.type])


def _question(text: str) -> str:
    """The last sentence that asks, with all after it."""
    parts = sentences(text)
    for at in range(len(parts) - 1, -1, -1):
        if _ASKS.search(fold(parts[at])):
            return " ".join(parts[at:])
    return ""


def _marks(field: ResultField, asked: set[str]) -> int:
    """How well the field fits what is asked."""
    named = {_root(word) for word in words(field.name.replace("_", " "))}
    described = {_root(word) for word in words(field.description)} - _COMMON
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
