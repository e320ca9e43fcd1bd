"""The phrase book of an agent: what its callers may say, taken from its flow and from what any caller says.

The embedded recogniser knows no other words. See also `hub.engines.phrase_written`, which writes down what it heard.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.engines import phrase_english as english
from hub.engines.phrase_model import PhraseModel, blend
from hub.engines.phrase_names import COMPANY, FIRST, LAST, MAIL_HOSTS
from hub.engines.phrase_said import said, said_time

_ALWAYS = (
    (english.YES, 6.0),
    (english.NO, 4.0),
    (english.GREETINGS, 2.0),
    (english.CONTROL, 2.5),
    (english.PERSON, 2.0),
    (english.GOODBYE, 3.0),
    (english.QUESTIONS, 3.0),
)
_SHARES = {"date": 8.0, "time": 8.0, "phone": 7.0, "name": 5.0, "email": 6.0, "number": 5.0, "amount": 5.0, "code": 6.0}
_SHARES |= {"company": 4.0, "choice": 5.0, "intent": 12.0, "topic": 5.0, "own": 3.0}
_ASKED, _OFFERED = 500.0, 150.0
_UNASKED = 0.3
_PAIRED = 60
_ALL_COMMON = sum(12 / (place + 12) for place in range(_PAIRED))
_KINDS = {"date": ("date",), "time": ("time",), "datetime": ("date", "time")}


class Book:
    """What may be said to an agent, part by part, each with its share."""

    def __init__(self, definition: Mapping[str, Any], phrases: Iterable[str] = (), words: Iterable[str] = ()) -> None:
        """From an agent's definition, with sentences and names that may be said beside."""
        self.parts: dict[str, PhraseModel] = {}
        self.shares: dict[str, float] = {}
        self.asks: list[tuple[str, str]] = []
        self._always()
        stages = [stage for stage in (definition.get("flow") or {}).get("stages", ()) if isinstance(stage, Mapping)]
        for stage in stages:
            for field in stage.get("fields") or ():
                self._field(field)
            for intent in [*(stage.get("global_intent") or ()), *_transition_phrases(stage)]:
                _framed(self._part("intent"), said(intent), english.INTENT_FRAMES, 1.0)
        topics = [*phrases, *(item.get("title", "") for item in definition.get("knowledge") or ())]
        for topic in topics:
            _topic(self._part("topic"), topic)
        _own_names(self._part("own"), words)

    def model(self, expected: Sequence[str] = ()) -> PhraseModel:
        """The model for what may be said next. `expected`: what was offered, and the agent's own question, if known."""
        shares, offered = dict(self.shares), []
        for phrase in expected:
            low = phrase.lower()
            asked = [name for question, name in self.asks if question in low]
            shares |= dict.fromkeys(asked, _ASKED)
            if not asked and len(phrase) < 60 and not phrase.endswith((".", "?", "!")):
                offered.append(phrase)
        if expected and shares == self.shares:
            shares |= {name: shares[name] * _UNASKED for name in ("name", "phone") if name in shares}
        made = [(part, shares[name]) for name, part in self.parts.items()]
        return blend([*made, (_offers(offered), _OFFERED)])

    def _part(self, name: str, share: float | None = None) -> PhraseModel:
        """A part by its name, such as `date` or `choice reason`; made when it is new."""
        if name not in self.parts:
            self.parts[name] = PhraseModel()
            self.shares[name] = _SHARES[name.partition(" ")[0]] if share is None else share
        return self.parts[name]

    def _always(self) -> None:
        for at, (lines, share) in enumerate(_ALWAYS):
            part = self._part(f"always {at}", share)
            for line in lines:
                part.add(line.split())
        for kind, write in (("date", _dates), ("time", _times), ("phone", _phone), ("name", _names)):
            write(self._part(kind, _SHARES[kind] / 8))

    def _field(self, field: Mapping[str, Any]) -> None:
        """What may be answered to the question for a field."""
        kind = field.get("type", "text")
        if kind == "text":
            kind = "code" if r"\d" in str(field.get("pattern", "")) else "company"
        names = _KINDS.get(kind, (kind,))
        if kind == "choice":
            names = (f"choice {field.get('name', '')}",)
            _choices(self._part(names[0]), field.get("choices") or ())
        elif kind == "yes_no":
            names = ("always 0", "always 1")
        for name in names:
            if name in _WRITERS and name not in self.parts:
                _WRITERS[name](self._part(name))
            self.shares[name] = max(self.shares[name], _SHARES.get(name, 0.0))
            question = str(field.get("question", "")).lower().partition("{{")[0].strip()
            if len(question) > 8:
                self.asks.append((question, name))


def _offers(phrases: Sequence[str]) -> PhraseModel:
    """What was just offered: buttons, free times, names of choices."""
    made = PhraseModel()
    for phrase in phrases[:60]:
        if said_time(phrase):
            _time_offered(made, phrase)
        elif tokens := said(phrase):
            _framed(made, tokens, english.CHOICE_FRAMES, 1.0)
    return made


def _topic(made: PhraseModel, topic: str) -> None:
    made.add(said(topic), 4.0)
    for part in re.split(r"[:,?]| and ", topic):
        _framed(made, said(part), english.TOPIC_FRAMES, 1.0)


def _choices(made: PhraseModel, choices: Iterable[Mapping[str, Any]]) -> None:
    for choice in choices:
        spoken = [choice.get("label", ""), choice.get("value", ""), *(choice.get("synonyms") or ())]
        for at, phrase in enumerate(dict.fromkeys(" ".join(said(text)) for text in spoken)):
            _framed(made, phrase.split(), english.CHOICE_FRAMES, 1.0 if at else 4.0)


def _transition_phrases(stage: Mapping[str, Any]) -> list[str]:
    return [phrase for way in stage.get("transitions") or () for phrase in way.get("phrases") or ()]


def _framed(made: PhraseModel, tokens: Sequence[str], frames: Sequence[str], weight: float) -> None:
    """A phrase in all its frames. The bare phrase stands among the frames and so counts like one."""
    if not tokens:
        return
    share = weight / (1 + len(frames) / 12)
    for frame in frames:
        words = [w for part in frame.split() for w in (tokens if part == "{}" else (part,))]
        made.add(words, share)


def _slot(made: PhraseModel, frames: Sequence[str], phrases: Sequence[str], weight: float) -> None:
    """Frames around a slot: each phrase in some of the frames, in turn, so that the book stays small."""
    for at, phrase in enumerate(phrases):
        for frame in frames[at % 5 :: 5]:
            made.add(frame.replace("{}", phrase).split(), weight)
        made.add(phrase.split(), weight)


def _dates(made: PhraseModel, weight: float = 1.0) -> None:
    _slot(made, english.DATE_FRAMES, english.DATES, weight)
    _slot(made, english.DATE_FRAMES[:8], english.ORDINAL_DATES, weight / 2)
    for day in english.DAYS_OF_MONTH:
        tokens = day.split()
        made.add(["the", *tokens, "of"], weight, whole=False)
        for month in english.MONTHS:
            made.add([month, *tokens], weight / 6, whole=False)
            made.add([month, "the", *tokens], weight / 12, whole=False)
    for month in english.MONTHS:
        made.add(["of", month], weight * 3, whole=False)
        made.add(["on", month], weight, whole=False)
        made.add([month], weight * 2)
        for day in english.DAYS_OF_MONTH[:12]:
            made.add([*f"{month} {day}".split()], weight / 6)
            made.add([*f"the {day} of {month}".split()], weight / 6)
    for weekday in english.WEEKDAYS:
        made.add([weekday, "at"], weight * 2, whole=False)
        made.add([weekday, "the"], weight, whole=False)


def _clock_times() -> list[str]:
    made = []
    for hour in english.HOURS:
        made += [hour, f"{hour} o'clock", f"half past {hour}", f"quarter past {hour}", f"quarter to {hour}"]
        made += [f"{hour} {half}" for half in ("a.m.", "p.m.")]
        made += [f"{hour} in the {part}" for part in ("morning", "afternoon", "evening")]
        for minute in english.MINUTES[:3]:
            made += [f"{hour} {minute}", f"{hour} {minute} a.m.", f"{hour} {minute} p.m."]
            made += [f"{hour} {minute} in the {part}" for part in ("morning", "afternoon")]
    return [*made, "noon", "midday"]


def _times(made: PhraseModel, weight: float = 1.0) -> None:
    _slot(made, english.TIME_FRAMES, _clock_times(), weight / 4)
    for hour in english.HOURS:
        for minute in english.MINUTES:
            made.add([hour, *minute.split()], weight / 4, whole=False)
    for pick in english.TIME_PICKS:
        made.add(pick.split(), weight)


def _time_offered(made: PhraseModel, phrase: str) -> None:
    """One of the free times: as it may be said, in every frame, while other times stay possible."""
    for spoken in said_time(phrase):
        for frame in english.TIME_FRAMES:
            made.add(frame.replace("{}", spoken).split())
        made.add(spoken.split(), 4.0)


def _phone(made: PhraseModel) -> None:
    """Any digit after any other, ten of them as a rule, in groups or not."""
    digits = english.DIGITS
    for one in digits:
        for two in digits:
            rare = 0.3 if two == "oh" else 1.0
            made.add([one, two], rare * (11.0 if two == "five" else 7.0), whole=False)
            for three in digits:
                made.add([one, two, three], _in_a_row(one, two, three), whole=False)
            made.add([one, two, "</s>"], 0.8, whole=False)
        made.add(["double", one], 0.5, whole=False)
        made.add([one, "double", one], 0.2, whole=False)
        made.add(["<s>", "plus", one], 0.3, whole=False)
        for lead in english.PHONE_LEADS:
            made.add([*_begin(lead), one], 1.0 if lead else 8.0, whole=False)


def _in_a_row(one: str, two: str, three: str) -> float:
    """Any three digits are as likely as others, but for 555: a telephone's five easily sounds like a nine."""
    if two == three == "five":
        return 0.3 if one == "nine" else 5.0
    return 0.7


def _begin(lead: str) -> list[str]:
    return ["<s>", *lead.split()]


def _codes(made: PhraseModel) -> None:
    """An order number and its like: perhaps a letter, then digits."""
    _phone(made)
    for letter in english.LETTERS:
        weight = 4.0 if letter == "a" else 0.1
        for lead in english.CODE_LEADS:
            made.add([*_begin(lead), letter], weight * (8 if not lead else 1), whole=False)
        for digit in english.DIGITS:
            made.add([letter, digit], weight * 10, whole=False)
            for two in english.DIGITS:
                made.add([letter, digit, two], weight, whole=False)


def _names(made: PhraseModel) -> None:
    """A first name and a last name, any with any: the last is found by how common it is alone."""
    for at, first in enumerate(FIRST):
        common = _common(at)
        for frame in english.NAME_FRAMES[at % 3 :: 3]:
            made.add(frame.replace("{}", f"{first} {LAST[at % len(LAST)]}").split(), common)
        made.add([first], common)
        for lead in english.NAME_LEADS:
            made.add([*lead.split(), first], common, whole=False)
        if at < _PAIRED:
            for place, last in enumerate(LAST[:_PAIRED]):
                made.add([first, last], 6 * common * _common(place) / _ALL_COMMON)
    for at, last in enumerate(LAST):
        made.add([FIRST[at % len(FIRST)], last], _common(at) / 2)
        made.add([last, "</s>"], 8.0 * _common(at), whole=False)
    made.open_after(FIRST)


def _common(place: int) -> float:
    """How common the name at a place of its list is, beside the first."""
    return 12 / (place + 12)


def _own_names(made: PhraseModel, words: Iterable[str]) -> None:
    for word in words:
        _framed(made, said(word), english.NAME_FRAMES, 1.0)


def _mail(made: PhraseModel) -> None:
    for at, first in enumerate(FIRST):
        lead = english.MAIL_LEADS[at % len(english.MAIL_LEADS)].split()
        host = MAIL_HOSTS[at % len(MAIL_HOSTS)]
        made.add([*lead, first, "at", host, "dot", "com"])
        made.add([first, "at", host, "dot", "com"])
        made.add([first, "dot", LAST[at % len(LAST)], "at", host, "dot", "com"])
        made.add([first, "at"], 4.0, whole=False)
        made.add([first, "dot"], 2.0, whole=False)
    for last in LAST:
        made.add(["dot", last, "at"], 1.0, whole=False)
    for host in MAIL_HOSTS:
        made.add(["at", host, "dot", "com", "</s>"], 20.0, whole=False)
        for end in ("net", "org", "io"):
            made.add([host, "dot", end, "</s>"], 2.0, whole=False)


def _numbers(made: PhraseModel, frames: Sequence[str] = english.NUMBER_FRAMES) -> None:
    small = [*english.UNITS, *english.TEENS, *english.TENS]
    small += [f"{ten} {unit}" for ten in english.TENS for unit in english.UNITS]
    large = [
        f"{n} {scale}" for n in [*english.UNITS, *english.TEENS, *english.TENS] for scale in ("hundred", "thousand")
    ]
    large += ["a hundred", "a thousand", "two hundred fifty", "two hundred and fifty", "one hundred and twenty"]
    large += ["five to ten thousand", "five and ten thousand", "ten and twenty thousand", "fifty to a hundred"]
    money = frames is english.AMOUNT_FRAMES
    _slot(made, frames, small, 0.5 if money else 1.0)
    _slot(made, frames, large, 2.0 if money else 0.5)
    made.add(["one", "million", "dollars"])


def _amounts(made: PhraseModel) -> None:
    _numbers(made, english.AMOUNT_FRAMES)


def _company(made: PhraseModel) -> None:
    """Names of companies: common words and last names, one or two of them."""
    for at, word in enumerate(COMPANY):
        for other in (COMPANY[(at * 7 + 3) % len(COMPANY)], COMPANY[at % 12]):
            _slot(made, english.COMPANY_FRAMES, [word, f"{word} {other}", f"{LAST[at]} {other}"], 1.0)
    made.open_after(COMPANY)


_WRITERS = {
    "date": _dates,
    "time": _times,
    "phone": _phone,
    "name": _names,
    "email": _mail,
    "number": _numbers,
    "amount": _amounts,
    "code": _codes,
    "company": _company,
}
