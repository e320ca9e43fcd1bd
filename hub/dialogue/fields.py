"""Values of a flow's fields found in what was said, and what is wrong with them."""

# ruff: noqa: E501 - patterns read better in one piece

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from hub.dialogue.choices import Option, find_choice, find_yes_no, options
from hub.dialogue.contacts import email_problem, find_email, find_name, find_phone
from hub.dialogue.dates import Calendar, vague
from hub.dialogue.numbers import find_amount, find_numbers
from hub.dialogue.phrasing import day_spoken, listed, region, spoken, time_spoken
from hub.dialogue.text import Found, Problem, fold
from hub.dialogue.times import find_time, part_of_day
from hub.models.flow import FieldSpec

ORDER = ("email", "phone", "datetime", "date", "time", "amount", "choice", "number", "yes_no", "name", "text")
"""Kinds that are hard to mistake are looked for first, and what they take is not read again."""

_EARLIEST = re.compile(
    r"\b(?:earliest|first (?:one|available|slot|free)|soonest|asap|any ?time|any(?: of them)?|whichever|whatever|whenever|don't mind|doesn't matter|you (?:choose|pick|decide)|no preference|surprise me|either)\b"
)
_ONES = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|last|that|this|which|any|either|earliest|latest|early|late|other|1st|2nd|3rd) ones?\b"
)
_LATEST = re.compile(r"\b(?:latest|last (?:one|slot|available)|as late as possible)\b")
_LEAD_TEXT = re.compile(
    r"^(?:(?:well|um+|uh|er|so|oh|sure|ok(?:ay)?|yes|yeah)[,.! ]+)*(?:(?:it's|it is|its|that's|that would be|we're(?: called)?|we are(?: called)?|"
    r"i'm (?:with|from|at)|i am (?:with|from|at)|i work (?:for|at)|my company is|the company is(?: called)?|our company is|called|"
    r"the answer is|my order(?: number)? is|order(?: number)? is|the number is) )?",
    re.IGNORECASE,
)
_AT_COMPANY = re.compile(
    r"\b(?:i work (?:at|for)|i'm (?:with|from|at)|i am (?:with|from|at)|we're|we are|here at|from|calling from|on behalf of) (?P<value>[A-Z][\w&'-]*(?: (?:[A-Z&][\w&'-]*|of|and))*(?:,? (?:Inc|Ltd|LLC|GmbH|Co)\b\.?)?)"
)
_PEOPLE = r"(?:people|persons?|employees|staff|users?|seats?|guests?|adults|heads|folks|members|colleagues|of us|agents|team members|man|strong)"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads values at a moment and in a language."""

    now: datetime
    language: str = "en-US"

    def find(
        self, spec: FieldSpec, raw: str, *, asked: bool, options: Sequence[Option] = (), here: bool = True
    ) -> Found | Problem | None:
        """The field's value in `raw`. `asked`: it was just asked for, so short answers count; `here`: its stage is current."""
        low = fold(raw)
        found = self._read(spec, raw, low, asked, options, here)
        if isinstance(found, Problem) or found is None:
            return found if asked else None
        if not asked and not found.sure:
            return None
        problem = self.problem(spec, found.value)
        return problem or found

    def _read(
        self, spec: FieldSpec, raw: str, low: str, asked: bool, options: Sequence[Option], here: bool
    ) -> Found | Problem | None:
        if spec.choices_from and options:
            return self._offered(spec, low, options, asked)
        if spec.type == "text":
            return self._text(spec, raw, low, asked, here)
        return self._kind(spec, raw, low, asked, options)

    def _kind(
        self, spec: FieldSpec, raw: str, low: str, asked: bool, options: Sequence[Option]
    ) -> Found | Problem | None:
        match spec.type:
            case "email":
                return find_email(raw) or (email_problem(raw) if asked else None)
            case "phone":
                return find_phone(raw, region(self.language), asked=asked)
            case "date":
                return self._date(spec, low, asked)
            case "time":
                return self._time(low, asked)
            case "datetime":
                return self._moment(spec, low, asked)
            case "number":
                return self._number(spec, low, asked)
            case "amount":
                found = find_amount(low)
                named = found and re.search(rf"\b{re.escape(fold(spec.name))}\b", low)
                return replace(found, sure=True) if found and named else found
            case "yes_no":
                return find_yes_no(low) if asked else None
            case "choice":
                found_choice = find_choice(low, options, asked=asked)
                if found_choice is None and asked and low.strip() and _EARLIEST.search(low):
                    return Problem("Just pick the one that comes closest.", tuple(o.label for o in options))
                return found_choice
            case "name":
                return find_name(raw, asked=asked)
            case _:
                return None

    def _calendar(self, spec: FieldSpec, asked: bool) -> Calendar:
        day_first = self.language.lower() not in ("en-us", "en", "")
        return Calendar(self.now.date(), future=spec.future, day_first=day_first, asked=asked)

    def _date(self, spec: FieldSpec, low: str, asked: bool) -> Found | Problem | None:
        found = self._calendar(spec, asked).find(low)
        if found:
            return replace(found, value=found.value.isoformat())
        if asked and (stretch := vague(low)):
            return Problem(f"Which day {stretch.replace('some time ', '')} would be good?")
        if asked and re.search(r"\b(?:asap|as soon as possible|soonest|earliest|right away|straight away|now)\b", low):
            return Found(self.now.date().isoformat(), 0, len(low))
        if asked and re.search(r"\d{1,2}[/.-]\d{1,2}|\d(?:st|nd|rd|th)\b", low):
            return Problem("I can't find that day in the calendar.")
        return None

    def _time(self, low: str, asked: bool) -> Found | Problem | None:
        found = find_time(low, self.now, asked=asked)
        if found is None and asked and (part := part_of_day(low)):
            return Problem(f"What time in the {part} would suit you?")
        return found

    def _moment(self, spec: FieldSpec, low: str, asked: bool) -> Found | None:
        """Both halves as ISO 8601; one alone as {"date": ...} or {"time": ...}."""
        day = self._calendar(spec, asked=False).find(low)
        rest = low if day is None else low[: day.start] + " " * (day.end - day.start) + low[day.end :]
        clock = find_time(rest, self.now, asked=asked and day is None)
        if day is None and clock is None and asked:
            day = self._calendar(spec, asked).find(low)
        if re.search(r"\bin (?:\w+ ){1,3}(?:hours?|minutes?|mins?)\b", low) and clock and day is None:
            day = Found(self.now.date(), clock.start, clock.end)
        if day is None and clock is None:
            return None
        start = min(part.start for part in (day, clock) if part)
        end = max(part.end for part in (day, clock) if part)
        halves: dict[str, str] = {}
        if day:
            halves["date"] = day.value.isoformat()
        if clock:
            halves["time"] = clock.value
        return Found(self.moment(halves) if len(halves) == 2 else halves, start, end)

    def moment(self, halves: dict[str, str]) -> str:
        """A day and a time of day put together, in the customer's time zone."""
        return datetime.fromisoformat(f"{halves['date']}T{halves['time']}").replace(tzinfo=self.now.tzinfo).isoformat()

    def _number(self, spec: FieldSpec, low: str, asked: bool) -> Found | None:
        nouns = _nouns(spec.question)
        for number in find_numbers(low):
            if nouns and re.match(rf"[- ]*(?:or so )?(?:{nouns})\b", low[number.end : number.end + 40]):
                return replace(number, sure=True)
        if not asked:
            return None
        numbers = list(find_numbers(low))
        return next(
            (number for number in numbers if low[number.start : number.end] != "one"),
            numbers[0] if numbers else None,
        )

    def _text(self, spec: FieldSpec, raw: str, low: str, asked: bool, here: bool) -> Found | Problem | None:
        if spec.pattern:
            for match in re.finditer(r"[\w@.+/-]+", raw):
                if re.fullmatch(spec.pattern, match[0].rstrip("."), re.IGNORECASE):
                    return Found(match[0].rstrip("."), match.start(), match.end(), sure=here)
            if asked and re.fullmatch(spec.pattern, raw.strip(), re.IGNORECASE):
                return Found(raw.strip(), 0, len(raw))
            return Problem("") if asked and re.search(r"\d", raw) else None
        called = re.search(
            rf"\b(?:{re.escape(spec.name)}|{re.escape(spec.name.replace('_', ' '))})(?:'s name| name)?(?:'s| is|:)(?: called)? ([^,.;!?\n]{{2,80}})",
            raw,
            re.IGNORECASE,
        )
        if called:
            return Found(called[1].strip(), called.start(1), called.end(1))
        if fold(spec.name) in ("company", "organisation", "organization", "business") and (
            at := _AT_COMPANY.search(raw)
        ):
            return Found(at["value"], at.start("value"), at.end("value"))
        if not asked:
            return None
        lead = _LEAD_TEXT.match(raw)
        begin = lead.end() if lead else 0
        value = raw[begin:].strip(" \n\t,").rstrip(".") if len(raw) < 60 else raw[begin:].strip()
        return Found(value, begin, len(raw), sure=False) if re.search(r"\w", value) else None

    def _offered(self, spec: FieldSpec, low: str, offers: Sequence[Option], asked: bool) -> Found | Problem | None:
        """One of the values a tool gave; a time may be named as any clock time."""
        if spec.type != "time":
            return find_choice(low, offers, asked=asked)
        values = [option.value for option in offers]
        found = find_time(_ONES.sub(lambda match: " " * len(match[0]), low), self.now, asked=asked)
        if found:
            value = self.among(found, values)
            return replace(found, value=value) if value else self.not_offered(found.value, offers)
        if not asked:
            return None
        part = part_of_day(low)
        some = [o for o in offers if not part or part_of(o.value) == part]
        if _EARLIEST.search(low) and some:
            return Found(some[0].value, 0, len(low))
        if _LATEST.search(low) and some:
            return Found(some[-1].value, 0, len(low))
        if part:
            if not some:
                return Problem(f"There is nothing left in the {part}, I'm afraid.", tuple(o.label for o in offers))
            return Problem(f"In the {part} I have {listed([o.label for o in some[:6]])}.", tuple(o.label for o in some))
        return find_choice(_ONES.sub(lambda match: match[0][:-4], low), offers, asked=True)

    @staticmethod
    def among(found: Found, values: Sequence[str]) -> str:
        """The offered time that was meant, twelve hours later or earlier if the hour alone was said."""
        if found.value in values:
            return str(found.value)
        hour, _, minute = str(found.value).partition(":")
        other = f"{(int(hour) + 12) % 24:02}:{minute}"
        return other if found.loose and other in values else ""

    def not_offered(self, value: str, offers: Sequence[Option]) -> Problem:
        """Says that a time is not free, and the nearest that are."""
        said = humane_time(value, self.language)
        near = sorted(sorted(offers, key=lambda o: abs(_minutes(o.value) - _minutes(value)))[:3], key=lambda o: o.value)
        labels = [option.label for option in near]
        return Problem(
            f"{said} isn't free, I'm afraid. The nearest I have is {listed(labels, 'or')}.",
            tuple(o.label for o in offers),
        )

    def problem(self, spec: FieldSpec, value: Any) -> Problem | None:
        """What is wrong with a value that was understood."""
        if isinstance(value, dict):
            value = value.get("date", value)
        if spec.type in ("number", "amount") and isinstance(value, int | float):
            return self._out_of_bounds(spec, value)
        if spec.future and spec.type in ("date", "datetime") and isinstance(value, str):
            day = date.fromisoformat(value[:10])
            if day < self.now.date():
                return Problem(f"{day_spoken(day, self.now, self.language)} has already passed.")
            if len(value) > 10 and datetime.fromisoformat(value) < self.now:
                return Problem("That time has already passed.")
        if spec.type == "name" and isinstance(value, str) and len(value) > 80:
            return Problem("That is a long name. What may I call you, in short?")
        return None

    def _out_of_bounds(self, spec: FieldSpec, value: float) -> Problem | None:
        low, high = spec.minimum, spec.maximum
        if low is not None and value < low:
            return Problem(f"It needs to be at least {spoken(_neat(low), spec.type, self.now, self.language)}.")
        if high is not None and value > high:
            return Problem(f"The most I can take is {spoken(_neat(high), spec.type, self.now, self.language)}.")
        return None

    def offers(self, spec: FieldSpec, values: Sequence[Any]) -> tuple[Option, ...]:
        """Options out of the list a tool gave."""
        shown = [str(value) for value in values if isinstance(value, str | int | float)][:60]
        if spec.type == "time":
            shown = [value for value in shown if re.fullmatch(r"\d\d:\d\d", value)]
        return _offers(tuple(shown), spec.type == "time", self.language)


@lru_cache(512)
def _offers(values: tuple[str, ...], times: bool, language: str) -> tuple[Option, ...]:
    return options([(value, humane_time(value, language) if times else value, ()) for value in values])


def humane_time(value: str, language: str) -> str:
    return time_spoken(datetime.strptime(value, "%H:%M").time(), language)  # noqa: DTZ007


def _minutes(value: str) -> int:
    return int(value[:2]) * 60 + int(value[3:5])


def part_of(value: str) -> str:
    return "morning" if value < "12:00" else "afternoon" if value < "17:30" else "evening"


def _neat(number: float) -> float | int:
    return int(number) if number == int(number) else number


@lru_cache(512)
def _nouns(question: str) -> str:
    """What a question counts: "How many people ..." counts people."""
    match = re.search(r"\bhow many (?:more )?([a-z]+)", fold(question))
    if not match:
        return ""
    return _PEOPLE if re.fullmatch(_PEOPLE, match[1]) else rf"{match[1]}|{match[1].removesuffix('s')}"


def default_hint(spec: FieldSpec) -> str:
    """How an answer to a field looks, for somebody who was not understood."""
    return {
        "date": "A day like “next Tuesday” or “March 3” is fine.",
        "time": "A time like “3 PM” or “half past two” is fine.",
        "datetime": "Something like “tomorrow at 3 PM” is fine.",
        "phone": "The number with its area code, please.",
        "email": "Something like ana@example.com.",
        "number": "A number is enough.",
        "amount": "A rough figure is enough, like $5,000.",
        "yes_no": "A simple yes or no is fine.",
        "name": "Just the name is enough.",
    }.get(spec.type, "")
