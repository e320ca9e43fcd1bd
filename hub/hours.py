"""When people are there: opening hours of a week, written like `mon-fri 9:00-18:00, sat 10:00-13:00`."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = re.compile(r"([a-z]{3})[a-z]*(?:\s*-\s*([a-z]{3})[a-z]*)?\s+(\d{1,2})(?::(\d\d))?\s*-\s*(\d{1,2})(?::(\d\d))?")


class NotHours(ValueError):
    """The text cannot be read; it says what one looks like."""


@dataclass(frozen=True, slots=True)
class Hours:
    """By day of the week (Monday is 0) the spans in which somebody is there, in minutes from midnight."""

    spans: tuple[tuple[tuple[int, int], ...], ...]

    def open_at(self, moment: datetime) -> bool:
        """Whether somebody is there at this moment of the zone the hours are in."""
        minute = moment.hour * 60 + moment.minute
        return any(begin <= minute < end for begin, end in self.spans[moment.weekday()])

    def next_open(self, moment: datetime) -> datetime | None:
        """When somebody is there next; None: never."""
        for days in range(8):
            day = (moment + timedelta(days=days)).date()
            for begin, _ in self.spans[day.weekday()]:
                at = datetime.combine(day, time(begin // 60, begin % 60), moment.tzinfo)
                if at > moment:
                    return at
        return None


def read(text: str) -> Hours | None:
    """The hours; None when none are written: then somebody is always there. Raises `NotHours`."""
    if not text.strip():
        return None
    spans: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for part in re.split(r"[,;\n]+", text.lower()):
        if not part.strip():
            continue
        match = _PART.fullmatch(part.strip())
        if match is None or match[1] not in DAYS or (match[2] or "mon") not in DAYS:
            raise NotHours(f"“{part.strip()[:40]}” cannot be read. Write it like: mon-fri 9:00-18:00, sat 10:00-13:00")
        begin, end = _minute(match[3], match[4]), _minute(match[5], match[6])
        if begin >= end:
            raise NotHours(f"“{part.strip()[:40]}” ends before it begins. Write two spans for a night.")
        first = DAYS.index(match[1])
        last = DAYS.index(match[2]) if match[2] else first
        for day in range(first, last + 1 if last >= first else last + 8):
            spans[day % 7].append((begin, end))
    return Hours(tuple(tuple(sorted(day)) for day in spans))


def _minute(hour: str, minute: str | None) -> int:
    found = int(hour) * 60 + int(minute or 0)
    if int(minute or 0) > 59 or found > 24 * 60:
        raise NotHours(f"{hour}:{minute or '00'} is no time of the day.")
    return found
