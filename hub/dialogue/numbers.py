"""Numbers and amounts of money in what people say, in digits and in words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from hub.dialogue.text import Found

UNITS = {
    word: number
    for number, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
            sixteen seventeen eighteen nineteen""".split()  # noqa: SIM905
    )
}
TENS = {
    word: 10 * number
    for number, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
} | {"fourty": 40}
SCALES = {
    "hundred": 100,
    "thousand": 1_000,
    "grand": 1_000,
    "k": 1_000,
    "million": 1_000_000,
    "mil": 1_000_000,
    "mio": 1_000_000,
    "m": 1_000_000,
    "billion": 1_000_000_000,
    "bn": 1_000_000_000,
    "dozen": 12,
}
_DIGITS = r"\d{1,3}(?:[,' ]\d{3})+(?:\.\d{1,4})?(?!\d)|\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?(?!\d)|\d{1,15}(?:[.,]\d{1,4})?"
_TOKEN = re.compile(rf"({_DIGITS})|([a-z]+)|(\S)")
_CURRENCY = r"(?:dollars?|bucks?|usd|euros?|eur|pounds?|quid|gbp|francs?|chf|cents?)"
_MONEY_AFTER = re.compile(rf"\s*(?:{_CURRENCY}\b|[$€£])")
_MONEY_BEFORE = re.compile(r"(?:[$€£]|\b(?:usd|eur|gbp|chf))\s?$")
_DIGIT_WORDS = {word: str(number) for word, number in UNITS.items() if number < 10} | {"oh": "0", "o": "0"}
_SPOKEN_DIGIT = re.compile(rf"\b(double |triple )?({'|'.join(_DIGIT_WORDS)})\b", re.IGNORECASE)


def to_number(digits: str) -> float:
    """The number a run of digits with separators stands for: 1,500 and 1.500,25 and 2.5."""
    digits = digits.replace("'", "").replace(" ", "")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    return float(digits.replace(",", "."))


def neat(number: float) -> float | int:
    """Whole numbers without a point."""
    return int(number) if number == int(number) else round(number, 4)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


def find_numbers(low: str) -> Iterator[Found]:
    """Every number in a folded text, in order."""
    tokens = [_Token(match[0], match.start(), match.end()) for match in _TOKEN.finditer(low)]
    at = 0
    while at < len(tokens):
        value, after = _read(tokens, at)
        if value is None:
            at += 1
            continue
        start, end = tokens[at].start, tokens[after - 1].end
        negative = low[max(0, start - 6) : start].endswith("minus ") or low[max(0, start - 2) : start] in (
            "-",
            " -",
        )
        yield Found(neat(-value if negative else value), start, end, sure=low[start:end] != "one")
        at = after


def _read(tokens: list[_Token], at: int) -> tuple[float | None, int]:
    """The number that begins at a token, and the token after it; None when none begins there."""
    first = tokens[at].text
    follows = tokens[at + 1].text if at + 1 < len(tokens) else ""
    if first == "half" and follows == "a" and at + 2 < len(tokens) and tokens[at + 2].text in SCALES:
        return SCALES[tokens[at + 2].text] / 2, at + 3
    if first in ("a", "the") and follows == "couple":
        return 2, at + 2
    if first == "a" and follows in ("hundred", "thousand", "million", "dozen"):
        return _sum(tokens, at + 1, 1.0, "unit")
    return _sum(tokens, at, None, "")


def _sum(tokens: list[_Token], at: int, current: float | None, last: str) -> tuple[float | None, int]:
    total = 0.0
    while at < len(tokens):
        text = tokens[at].text
        follows = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if last and text in ("and", "-") and _goes_on(last, text, follows):
            at += 2 if follows == "a" else 1
            continue
        kind = _kind(text, last)
        if not kind:
            break
        if kind == "scale" and SCALES[text] > 100:
            total, current = total + (current or 1) * SCALES[text], None
        elif kind == "scale":
            current = (current or 1) * SCALES[text]
        else:
            current = (current or 0) + _plain(text)
        last, at = kind, at + 1
    return (total + (current or 0), at) if last else (None, at)


def _goes_on(last: str, link: str, follows: str) -> bool:
    """Whether "and" or a hyphen joins two parts of one number."""
    if link == "-":
        return last == "ten" and 0 < UNITS.get(follows, 0) < 10
    return follows in ("a", "half") or (last == "scale" and (follows in UNITS or follows in TENS))


def _plain(text: str) -> float:
    if text == "half":
        return 0.5
    return UNITS[text] if text in UNITS else TENS[text] if text in TENS else to_number(text)


def _kind(text: str, last: str) -> str:
    """What part of a number a word is after the part before it; "" if it does not belong."""
    if text[0].isdigit():
        return "" if last else "digits"
    if text in UNITS and (last in ("", "scale") or (last == "ten" and 0 < UNITS[text] < 10)):
        return "unit"
    if text in TENS and last in ("", "scale"):
        return "ten"
    if text == "half" and last in ("unit", "digits", "scale"):
        return "half"
    return "scale" if (text in SCALES and last not in ("", "half")) or text == "dozen" else ""


def find_amount(low: str) -> Found | None:
    """The first amount of money; `sure` when a currency stands by it, else the first number."""
    first: Found | None = None
    for number in _ranged(low, list(find_numbers(low))):
        after = _MONEY_AFTER.match(low, number.end)
        before = _MONEY_BEFORE.search(low, max(0, number.start - 5), number.start)
        if after or before:
            return Found(
                number.value,
                before.start() if before else number.start,
                after.end() if after else number.end,
            )
        if first is None or (not first.sure and number.sure):
            first = number
    return first and Found(first.value, first.start, first.end, sure=False)


def _ranged(low: str, numbers: list[Found]) -> list[Found]:
    """In "5 to 10 thousand" the first number is thousands as well."""
    for at, (one, two) in enumerate(pairwise(numbers)):
        between = low[one.end : two.start].strip()
        if between in ("to", "-", "or") and one.value < 1_000 <= two.value and one.value * 1_000 <= two.value:
            numbers[at] = Found(one.value * 1_000, one.start, one.end, one.sure)
    return numbers


def spoken_digits(text: str) -> str:
    """Digit words written as digits: "five double five oh one" becomes "5 55 0 1"."""

    def digit(match: re.Match[str]) -> str:
        times = {"double ": 2, "triple ": 3}.get((match[1] or "").lower(), 1)
        return _DIGIT_WORDS[match[2].lower()] * times

    return _SPOKEN_DIGIT.sub(digit, text)
