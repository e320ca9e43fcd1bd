"""Text made safe and comparable: bounded, without control characters, folded, cut into words."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

LIMIT = 1_500
"""So many characters of what was said are analysed; people who write more say the point first."""

_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "–": "-", "—": "-"})
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SPACES = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A value in what was said, with its place. `sure`: it could hardly mean anything else.

    `loose`: a clock time without morning or afternoon, which may be twelve hours off.
    """

    value: Any
    start: int
    end: int
    sure: bool = True
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an answer cannot be taken, in words for the customer; `choices` is what can be."""

    message: str
    choices: tuple[str, ...] = ()


def clean(text: str, limit: int = LIMIT) -> str:
    """At most `limit` characters, no control characters, no lone surrogates, plain quotes, single spaces."""
    text = text[: limit * 2]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.encode("utf-8", "ignore").decode()).translate(_QUOTES)
    if not text.isprintable():
        text = "".join(_visible(char) for char in text)
    return _SPACES.sub(" ", text).strip()[:limit]


def _visible(char: str) -> str:
    if char == "\n" or char.isprintable():
        return char
    return " " if char.isspace() or unicodedata.category(char) == "Cc" else ""


@lru_cache(4096)
def _plain(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[:1].lower()
    return base if len(base) == 1 else char


def fold(text: str) -> str:
    """Lower case without accents, character for character, so that places stay the same."""
    return text.lower() if text.isascii() else "".join(map(_plain, text))


def words(text: str) -> list[str]:
    """The folded words of a text."""
    return _WORD.findall(fold(text))


def title_case(text: str) -> str:
    """A name as people write it, if it was typed all in lower or all in upper case."""
    if text != text.lower() and text != text.upper():
        return text
    return re.sub(r"[^\W\d_]+", lambda match: match[0][0].upper() + match[0][1:].lower(), text)


def close(said: str, meant: str) -> bool:
    """Whether `said` is `meant` with a slip of the finger: one in four letters, two in eight."""
    if said == meant:
        return True
    allowed = 0 if len(meant) < 4 else 1 if len(meant) < 8 else 2
    if not allowed or abs(len(said) - len(meant)) > allowed or said[0] != meant[0]:
        return False
    return _distance(said, meant) <= allowed


@lru_cache(8192)
def _distance(a: str, b: str) -> int:
    """Optimal string alignment: insertions, deletions, replacements, swaps of neighbours."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def blank(text: str, start: int, end: int) -> str:
    """`text` with a part taken out, everything else in its place."""
    return text[:start] + " " * (end - start) + text[end:]


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]
