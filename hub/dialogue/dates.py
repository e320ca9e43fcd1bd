"""Days in what people say, relative to now: "next tuesday", "the 3rd of march", "in two weeks"."""

# ruff: noqa: E501 - patterns read better in one piece

import re
from collections.abc import Callable
from datetime import date, timedelta

from hub.dialogue.text import Found

_WEEKDAYS = (
    r"mon(?:day)?s?",
    r"tue(?:s|sday)?s?|tuseday|teusday|tuesady",
    r"wed(?:s|nesday)?s?|wensday|wendesday|wednsday|wedensday",
    r"thu(?:rs|r|rsday)?s?|thrusday|thirsday|thurday",
    r"fri(?:day)?s?|firday",
    r"sat(?:urday)?s?|saterday|saturaday",
    r"sun(?:day)?s?",
)
_MONTHS = (
    r"jan(?:uary)?",
    r"feb(?:ruary|uary)?",
    r"mar(?:ch)?",
    r"apr(?:il)?",
    r"may",
    r"june?",
    r"july?",
    r"aug(?:ust)?",
    r"sept?(?:ember)?",
    r"oct(?:ober)?",
    r"nov(?:ember)?",
    r"dec(?:ember)?",
)
_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth""".split()  # noqa: SIM905
_ORDINAL_DAYS = {word: number for number, word in enumerate(_ORDINALS, 1)} | {
    f"{tens} {unit}": number + index
    for tens, number in (("twenty", 20), ("thirty", 30))
    for index, unit in enumerate(_ORDINALS[:9], 1)
}
_ORDINAL_DAYS["thirtieth"] = 30
_COUNTS = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
    )
} | {"a": 1, "an": 1, "a couple of": 2, "couple of": 2, "a couple": 2, "a few": 3}

_WEEKDAY = f"(?P<weekday>{'|'.join(f'(?:{w})' for w in _WEEKDAYS)})"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_WORD_DAY = "|".join(sorted((w.replace(" ", r"[\s-]") for w in _ORDINAL_DAYS), key=len, reverse=True))
_DAY = rf"(?P<day>\d{{1,2}}(?:st|nd|rd|th)?|{_WORD_DAY})"
_YEAR = r"(?:,?\s+(?P<year>\d{4}))?"
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(sorted(_COUNTS, key=len, reverse=True))})"

_LIKELY = re.compile(
    r"\d|today|tonight|tom+or+ow|tmr|2mor|yesterday|day|week|month|mon\b|tue|wed|thu|fri|sat\b|sun\b"
    r"|(?:first|second|ird|th)\b|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|year"
)


class Calendar:
    """Reads days. `future`: a day without a year is one to come; `day_first`: 3/4 is the third of April."""

    def __init__(self, today: date, *, future: bool = False, day_first: bool = False, asked: bool = True) -> None:
        self.today, self.future, self.day_first, self.asked = today, future, day_first, asked

    def find(self, low: str) -> Found | None:
        """The day that a folded text names, or None. A later rule never overrules an earlier one."""
        if not _LIKELY.search(low):
            return None
        for pattern, read, only_asked in _RULES:
            if only_asked and not self.asked:
                continue
            for match in pattern.finditer(low):
                try:
                    day = read(self, match)
                except (ValueError, OverflowError):
                    continue
                if day is not None:
                    return Found(day, match.start(), match.end())
        return None

    def weekday(self, match: re.Match[str]) -> date | None:
        number = _index(_WEEKDAYS, match["weekday"])
        word, lead = match["weekday"], match["lead"] or ""
        if word in ("mon", "sat", "sun", "wed", "weds") and not (lead or self.asked):
            return None
        ahead = (number - self.today.weekday()) % 7
        if lead.startswith("last"):
            return self.today - timedelta(days=(self.today.weekday() - number) % 7 or 7)
        if "next" in lead:
            ahead = 7 - self.today.weekday() + number
        elif ahead == 0 and "this" not in lead and self.future and not match["today"]:
            ahead = 7 if lead.startswith("coming") else 0
        if match["week"] or lead.startswith("a week"):
            ahead += 7
        return self.today + timedelta(days=ahead)

    def weekday_next_week(self, match: re.Match[str]) -> date:
        monday = self.today + timedelta(days=7 - self.today.weekday())
        return monday + timedelta(days=_index(_WEEKDAYS, match["weekday"]))

    def month_day(self, match: re.Match[str]) -> date | None:
        day, month = _day(match["day"]), _index(_MONTHS, match["month"]) + 1
        return date(int(match["year"]), month, day) if match["year"] else self._yearless(month, day)

    def numeric(self, match: re.Match[str]) -> date | None:
        first, second, year = int(match["a"]), int(match["b"]), match["year"]
        day_first = self.day_first or match["sep"] == "."
        day, month = (first, second) if (day_first and second <= 12) or first > 12 else (second, first)
        if not year:
            return self._yearless(month, day)
        full = int(year) if len(year) == 4 else 2000 + int(year)
        if len(year) == 2 and not self.future and full > self.today.year + 1:
            full -= 100
        return date(full, month, day)

    def day_of_month(self, match: re.Match[str]) -> date | None:
        day = _day(match["day"])
        step = self.today.replace(day=1)
        if match["next"]:
            step = (step + timedelta(days=32)).replace(day=1)
        for _ in range(3):
            try:
                found = step.replace(day=day)
            except ValueError:
                found = None
            if found and found >= self.today:
                return found
            step = (step + timedelta(days=32)).replace(day=1)
        return None

    def ahead(self, match: re.Match[str]) -> date:
        count = _COUNTS.get(match["count"]) if match["count"] in _COUNTS else int(match["count"])
        return self._after(self.today, count or 0, match["unit"])

    def back(self, match: re.Match[str]) -> date:
        count = _COUNTS.get(match["count"]) if match["count"] in _COUNTS else int(match["count"])
        return self._after(self.today, -(count or 0), match["unit"])

    def _after(self, start: date, count: int, unit: str) -> date:
        if unit.startswith("day"):
            return start + timedelta(days=count)
        if unit.startswith(("week", "fortnight")):
            return start + timedelta(weeks=count * (2 if unit.startswith("f") else 1))
        months = start.month - 1 + count * (12 if unit.startswith("year") else 1)
        for day in range(start.day, start.day - 4, -1):
            try:
                return date(start.year + months // 12, months % 12 + 1, day)
            except ValueError:
                continue
        raise ValueError(unit)

    def _yearless(self, month: int, day: int) -> date | None:
        """The next such day if it must be in the future, else the nearest."""
        found = [d for year in range(-1, 5) if (d := _safe(self.today.year + year, month, day))]
        if self.future:
            found = [d for d in found if d >= self.today]
        return min(found, key=lambda d: abs((d - self.today).days), default=None)


def vague(low: str) -> str:
    """What was said instead of a day, when it is only a stretch of time: "next week", "this weekend"."""
    match = re.search(
        r"\b(?:(?:some ?time )?(?:early |late |later |mid )?(?:this|next) (?:week(?:end)?|month)|the weekend)\b",
        low,
    )
    return match[0] if match else ""


def _safe(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _index(patterns: tuple[str, ...], word: str) -> int:
    for number, pattern in enumerate(patterns):
        if re.fullmatch(pattern, word):
            return number
    raise ValueError(word)


def _day(text: str) -> int:
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else _ORDINAL_DAYS[text.replace("-", " ")]


_Read = Callable[[Calendar, re.Match[str]], date | None]


def _rule(pattern: str, read: _Read, *, only_asked: bool = False) -> tuple[re.Pattern[str], _Read, bool]:
    return re.compile(pattern), read, only_asked


_UNIT = r"(?P<unit>days?|weeks?|fortnights?|months?|years?)"
_RULES = (
    _rule(r"\b(?:the )?day after tom+or+ow\b", lambda c, _: c.today + timedelta(days=2)),
    _rule(r"\b(?:a )?week (?:from )?tom+or+ow\b", lambda c, _: c.today + timedelta(days=8)),
    _rule(r"\b(?:the )?day before yesterday\b", lambda c, _: c.today - timedelta(days=2)),
    _rule(r"\b(?:a )?week (?:from )?(?:today|now)\b|\btoday week\b", lambda c, _: c.today + timedelta(days=7)),
    _rule(
        r"(?<!\d)(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)",
        lambda c, m: date(int(m["year"]), int(m["month"]), int(m["day"])),
    ),
    _rule(rf"(?<![\w:]){_DAY}(?: day)?(?: of|-)? ?{_MONTH}\b\.?{_YEAR}", Calendar.month_day),
    _rule(rf"\b{_MONTH}\.? (?:the )?{_DAY}(?![\w:]){_YEAR}", Calendar.month_day),
    _rule(
        r"(?<![\d/.:-])(?P<a>\d{1,2})(?P<sep>[/.])(?P<b>\d{1,2})(?:(?P=sep)(?P<year>\d{4}|\d{2}))(?![\d/:])",
        Calendar.numeric,
    ),
    _rule(r"(?<![\d/.:-])(?P<a>\d{1,2})(?P<sep>/)(?P<b>\d{1,2})(?P<year>)(?![\d/:])", Calendar.numeric),
    _rule(rf"\b(?:in|within|after) {_COUNT} {_UNIT}\b(?:'?s? time)?", Calendar.ahead),
    _rule(rf"\b{_COUNT} {_UNIT} (?:from (?:now|today)|later|hence)\b", Calendar.ahead),
    _rule(rf"\b{_COUNT} {_UNIT} ago\b", Calendar.back),
    _rule(
        rf"\bnext week(?: on|,)? {_WEEKDAY}\b|\b{_WEEKDAY.replace('weekday', 'weekday_')} (?:of )?next week\b",
        lambda c, m: c.today + timedelta(days=7 - c.today.weekday() + _index(_WEEKDAYS, m["weekday"] or m["weekday_"])),
    ),
    _rule(
        rf"\b(?:on )?(?P<lead>(?:the )?(?:next|this coming|this|coming|following|last|a week on|a week from|on|for|by) )?"
        rf"(?P<today>)\b{_WEEKDAY}\b\.?(?P<week> week\b)?",
        Calendar.weekday,
    ),
    _rule(r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b", lambda c, _: c.today),
    _rule(
        r"\b(?:tom+or+ow|tmrw?|tomm?orw|2mor+ow|2moro|tomoro|tomorow)\b",
        lambda c, _: c.today + timedelta(days=1),
    ),
    _rule(r"\byesterday\b", lambda c, _: c.today - timedelta(days=1)),
    _rule(
        r"\b(?:the|on the|on) (?P<day>\d{1,2}(?:st|nd|rd|th))(?P<next> of next month)?(?! (?:one|slot|option|time))\b",
        Calendar.day_of_month,
    ),
    _rule(
        rf"\b(?:on )?(?:the )?{_DAY}(?P<next> of next month)?(?! (?:one|slot|option))\b(?![:/.]\d)",
        Calendar.day_of_month,
        only_asked=True,
    ),
)
