"""Passages of knowledge, ranked in process by BM25; scores are shares of what the question asked for."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hub.dialogue.text import clean, sentences, words
from hub.dialogue.turn import Passage

KNOWN = 0.4
"""From this score on a passage answers the question; below it the agent says that it does not know."""

_K1, _B = 1.2, 0.6
_TITLE_WEIGHT = 3
_MAX_TERMS = 40

_STOP = frozenset(
    """a about actually all also am an and any anyone are as ask at be been but by can can't could couldn't
        did do does doesn't don't else even every find for from get give go going got guys had has have he
        hello help her hey hi him his how i i'd i'll i'm i've if in into is it it's its just kind know let
        like long many may maybe me might more much my need not of often ok okay on one or our out please
        possible question really say see should so some someone something tell than thank thanks that that's
        the their them then there these they thing this those to today too us want wanted was way we well
        were what what's when where where's which while who why will with wonder wondering would yes first
        second third last one ones you your you're there's no yet take takes accept allow allowed able
        available currently exactly usually normally still here now mean someone's think""".split()  # noqa: SIM905
)
_SAME = {
    word: key
    for key, group in {
        "price": "cost costs price prices pricing fee fees charge charges expensive cheap rate rates",
        "hour": "hour hours open opening opens close closes closing closed openings",
        "location": "location located address directions find direction situated whereabouts",
        "park": "park parking garage carpark",
        "insurance": "insurance insured insurer insurances coverage cover covered covers",
        "refund": "refund refunds refunded reimbursement moneyback",
        "ship": "ship shipping shipped ships delivery deliver delivered deliveries delivering postage shipment",
        "return": "return returns returned returning exchange exchanges",
        "pay": "pay payment payments paying payable paid card cards",
        "child": "child children kid kids son daughter baby toddler",
        "cancel": "cancel cancellation cancelling canceling cancelled cancels",
        "emergency": "emergency emergencies urgent urgently",
        "phone": "phone telephone",
        "guarantee": "warranty guarantee guaranteed warranties",
        "appointment": "appointment appointments booking bookings",
        "pain": "pain painful hurt hurts hurting ache aches",
        "whiten": "whiten whitening bleaching bleach whiter",
        "clean": "clean cleaning cleanings hygienist hygiene",
        "weekend": "weekend weekends saturday sunday saturdays sundays",
        "bus": "bus tram train subway metro transport transit",
        "wheelchair": "wheelchair accessible accessibility disabled ramp elevator lift",
        "fear": "fear scared afraid nervous anxious anxiety frightened terrified",
        "duration": "duration time times minutes weeks days",
        "integrat": "integrate integrates integration integrations connect connects",
        "security": "secure security safe safely safety encrypted",
        "student": "student students",
        "international": "international abroad overseas worldwide countries country canada europe",
    }.items()
    for word in group.split()
}
_PHRASES = (
    (re.compile(r"\bhow (?:much|expensive)\b"), " price "),
    (
        re.compile(r"\b(?:what time|how late|how early|when) (?:are|do|does|is|can) (?:you|the)\b"),
        " hour ",
    ),
    (
        re.compile(
            r"\bwhere (?:are|is|'s|can i find) (?:you|the|your|it)\b|\bhow do i (?:get|find) (?:to you|there|you)\b"
        ),
        " location ",
    ),
    (re.compile(r"\bmoney back\b|\bmy money\b"), " refund "),
    (re.compile(r"\bsend (?:it|this|them|something|an item) back\b"), " return "),
    (re.compile(r"\bhow (?:long|fast|soon|quickly)\b"), " duration "),
)


def terms(text: str) -> list[str]:
    """The words of a text that carry meaning, by their stem; synonyms fall together."""
    return [_SAME.get(word) or _stem(word) for word in words(text) if word not in _STOP]


def question_terms(text: str) -> list[str]:
    """The terms of a question; ways of asking ("how much") count as what they ask for."""
    low = text.lower()
    for pattern, meaning in _PHRASES:
        low = pattern.sub(meaning, low)
    return list(dict.fromkeys(terms(low)))[:_MAX_TERMS]


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    for ending, keep in (
        ("ability", ""),
        ("able", ""),
        ("ies", "y"),
        ("ing", ""),
        ("edly", ""),
        ("ed", ""),
        ("es", "e"),
        ("s", ""),
        ("ly", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + keep
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


class Index:
    """Passages ready to be searched: built once, read from anywhere."""

    def __init__(self, passages: Iterable[Passage | Mapping[str, str]]) -> None:
        self.passages = [_passage(passage) for passage in passages]
        self._titles = [set(terms(passage.title)) for passage in self.passages]
        self._found: dict[str, list[tuple[int, float]]] = {}
        lengths: list[int] = []
        counted: list[Counter[str]] = []
        for passage in self.passages:
            title = terms(passage.title)
            counted.append(Counter(title * _TITLE_WEIGHT + terms(passage.text[:20_000])))
            lengths.append(counted[-1].total())
        mean = sum(lengths) / len(lengths) if lengths else 1.0
        for number, counts in enumerate(counted):
            damp = _K1 * (1 - _B + _B * lengths[number] / (mean or 1.0))
            for term, count in counts.items():
                self._found.setdefault(term, []).append((number, count / (count + 0.4 * damp)))
        self._rare = math.log(1 + len(self.passages)) or 1.0

    def _weight(self, term: str) -> float:
        count = len(self._found.get(term, ()))
        if not count:
            return 0.8 * self._rare
        return 0.35 + math.log(1 + (len(self.passages) - count + 0.5) / (count + 0.5))

    def search(self, query: str, limit: int = 3) -> Sequence[Passage]:
        """The best passages for a question, best first, with their scores; empty when none has a word of it."""
        asked = question_terms(clean(query))
        total = sum(self._weight(term) for term in asked)
        scores: dict[int, float] = {}
        for term in asked:
            weight = self._weight(term)
            for number, share in self._found.get(term, ()):
                scores[number] = scores.get(number, 0.0) + weight * share
        known = set(asked)
        for number, title in enumerate(self._titles):
            if number in scores and title:
                scores[number] += 0.12 * total * len(known & title) / len(title)
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[: max(0, limit)]
        return [
            Passage(
                self.passages[n].title,
                self.passages[n].text,
                self.passages[n].source,
                round(min(1.0, score / total), 4),
            )
            for n, score in best
        ]


def _passage(given: Passage | Mapping[str, str]) -> Passage:
    if isinstance(given, Passage):
        return given
    return Passage(str(given.get("title", "")), str(given.get("text", "")), str(given.get("source", "")))


def answer(passage: Passage, question: str, limit: int = 420) -> str:
    """What of a passage to say: all of a short one, else the sentences nearest to the question, in order."""
    if len(passage.text) <= limit:
        return passage.text.strip()
    asked = set(question_terms(question))
    parts = sentences(passage.text[:20_000])
    ranked = sorted(range(len(parts)), key=lambda n: (-len(asked & set(terms(parts[n]))), n))
    kept: list[int] = []
    for number in ranked:
        if sum(len(parts[n]) + 1 for n in kept) + len(parts[number]) <= limit:
            kept.append(number)
        if len(kept) == 3:
            break
    return " ".join(parts[n] for n in sorted(kept)) or passage.text[:limit].rsplit(" ", 1)[0] + " …"
