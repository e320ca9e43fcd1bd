"""Yes, no, and one of several: how people pick."""

# ruff: noqa: E501 - tables read better in long lines

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hub.dialogue.text import Found, Problem, close, fold

_YES = re.compile(
    r"^(?:oh |well |um |ok(?:ay)?,? |hmm )?(?:yes+|yea+h?|yep+|yup+|ya|yah|ye|yess*|sure|of course|ok(?:ay)?|okey|correct|right|"
    r"that(?:'s| is| was) (?:right|correct|it|fine|good|perfect|great)|exactly|absolutely|definitely|certainly|indeed|affirmative|"
    r"sounds (?:good|great|fine|perfect)|looks (?:good|great|right|fine|correct)|perfect|great|please do|go ahead|do it|go for it|"
    r"i do|i am|i would|i have|we do|we are|we have|it is|y|si|oui|ja|true|why not|all (?:good|correct|right)|fine|alright|book it|"
    r"confirmed?|i confirm|works for me|that works|by all means|mhm+|uh huh|please|for sure|sure thing|totally|👍|✅|👌)(?![\w'])"
)
_NO = re.compile(
    r"^(?:oh |well |um |ok(?:ay)?,? |hmm |sorry,? |actually,? )*(?:no+|nope|nah+|nay|not (?:really|yet|quite|at all|now|correct|right|today|"
    r"exactly|necessarily|a chance)|negative|never|n|that(?:'s| is) (?:not|wrong|incorrect)|that isn't|wrong|incorrect|false|don't|"
    r"do not|i don't|i do not|i haven't|i'm not|i am not|we don't|we haven't|we aren't|it isn't|it's not|please don't|no way|"
    r"not for me|none|non|nein|👎|❌)(?![\w'])"
)
_WITHIN = re.compile(r"\b(?:yes|yeah|yep|no|nope)\b")
_PLACES = (
    (r"first|1st|one|former|top|a", 0),
    (r"second|2nd|two|b", 1),
    (r"third|3rd|three|c", 2),
    (r"fourth|4th|four|d", 3),
    (r"fifth|5th|five|e", 4),
    (r"sixth|6th|six|f", 5),
    (r"last|latter|final|bottom", -1),
)
_PLACE = re.compile(
    r"\b(?:the |number |option |no\.? ?|#|choice )?(?:(?P<ordinal>first|second|third|fourth|fifth|sixth|last|latter|former|1st|2nd|3rd|4th|5th|6th)"
    r"(?: (?:one|option|choice|slot|time))?)\b|\b(?:number|option|choice|no\.?|#) ?(?P<number>[1-9]|one|two|three|four|five|six|[a-f])\b"
    r"|^\W*(?P<bare>[1-9]|[a-f])[).]?\W*$"
)


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be picked: what is kept, how it is shown, how else people say it."""

    value: str
    label: str
    spellings: tuple[str, ...]


def options(choices: Sequence[tuple[str, str, Sequence[str]]]) -> tuple[Option, ...]:
    """Options from values, labels and synonyms."""
    made = []
    for value, label, synonyms in choices:
        spellings = dict.fromkeys(_squash(text) for text in (label, value.replace("_", " "), *synonyms))
        made.append(Option(value, label or value, tuple(text for text in spellings if text)))
    return tuple(made)


def find_yes_no(low: str, *, asked: bool = True) -> Found | None:
    """True or False for an answer that begins so; None if it is neither."""
    low_stripped = low.lstrip(" \n\t.,!-")
    offset = len(low) - len(low_stripped)
    no = _NO.search(low_stripped)
    yes = _YES.search(low_stripped)
    if no and not re.match(r"no (?:problem|worries|doubt)", low_stripped):
        return Found(False, offset, offset + no.end())
    if yes or re.match(r"no (?:problem|worries|doubt)", low_stripped):
        return Found(True, offset, offset + (yes.end() if yes else 10))
    if asked and (inside := _WITHIN.search(low)):
        return Found(inside[0].startswith("y"), inside.start(), inside.end())
    return None


def find_choice(low: str, offered: Sequence[Option], *, asked: bool) -> Found | Problem | None:
    """The option that was meant. Places ("the second one") and slips of the finger count only when asked."""
    hits = [hit for option in offered if (hit := _mention(low, option))]
    if not hits and asked:
        hits = [hit for option in offered if (hit := _typo(low, option))]
    if hits:
        longest = max(hit.end - hit.start for hit in hits)
        best = [hit for hit in hits if not any(_inside(hit, other) for other in hits)]
        distinct = {hit.value for hit in best}
        if len(distinct) == 1:
            return best[0]
        if not asked:
            return max(best, key=lambda hit: hit.end - hit.start) if longest > 12 else None
        chosen = [option.label for option in offered if option.value in distinct]
        return Problem(f"Which one do you prefer: {' or '.join(chosen[:3])}?", tuple(chosen[:6]))
    return _place(low, offered) if asked else None


def _inside(hit: Found, other: Found) -> bool:
    return (
        other is not hit
        and other.start <= hit.start
        and hit.end <= other.end
        and (other.end - other.start > hit.end - hit.start)
    )


def _place(low: str, offered: Sequence[Option]) -> Found | None:
    match = _PLACE.search(low)
    if not match:
        return None
    word = match["ordinal"] or match["number"] or match["bare"] or ""
    place = int(word) - 1 if word.isdigit() else next((n for p, n in _PLACES if re.fullmatch(p, word)), None)
    if place is None or not -len(offered) <= place < len(offered):
        return None
    return Found(offered[place].value, match.start(), match.end())


@lru_cache(4096)
def _pattern(spelling: str) -> re.Pattern[str]:
    body = r"[\s-]?".join(re.escape(word) for word in spelling.split())
    return re.compile(rf"(?<!\w){body}(?:e?s)?(?!\w)")


def _mention(low: str, option: Option) -> Found | None:
    for spelling in option.spellings:
        if spelling.split(" ", 1)[0] not in low:
            continue
        match = _pattern(spelling).search(low)
        if match and not re.search(
            r"\b(?:not|no|don't (?:want|need)|except|instead of)(?: an?| the)? $",
            low[max(0, match.start() - 20) : match.start()],
        ):
            return Found(option.value, match.start(), match.end())
    return None


def _typo(low: str, option: Option) -> Found | None:
    said = [(match[0], match.start(), match.end()) for match in re.finditer(r"[^\W_]+", low[:300])]
    for spelling in option.spellings:
        parts = spelling.split()
        for at in range(len(said) - len(parts) + 1):
            window = said[at : at + len(parts)]
            if all(close(word[0], part) for word, part in zip(window, parts, strict=True)):
                return Found(option.value, window[0][1], window[-1][2])
    return None


def _squash(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:['+][^\W_]+)?\+?", fold(text)))
