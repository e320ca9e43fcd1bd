"""Times of day in what people say: "half past two", "3pm", "15:30", "around nine in the evening"."""

# ruff: noqa: E501 - patterns read better in one piece

import re
from datetime import datetime, timedelta

from hub.dialogue.numbers import TENS, UNITS
from hub.dialogue.text import Found

_HOURS = {word: number for word, number in UNITS.items() if 0 < number <= 12}
_MINUTES = {word: number for word, number in UNITS.items() if number >= 10} | {
    word: number for word, number in TENS.items() if number < 60
}
_HOUR = rf"(?P<h>\d{{1,2}}|{'|'.join(_HOURS)})"
_MINUTE_WORDS = "|".join(
    [f"(?:{ten})(?:[ -](?:{'|'.join(w for w, n in UNITS.items() if 0 < n < 10)}))?" for ten in TENS if TENS[ten] < 60]
    + [w for w, n in UNITS.items() if n >= 10]
    + [f"oh {w}" for w, n in UNITS.items() if 0 < n < 10]
)
_HALF_DAY = r"(?: ?(?P<ap>a\.?\s?m\.?|p\.?\s?m\.?)(?![a-z]))"
_PART = re.compile(r"\b(morning|afternoon|evening|tonight|night)s?\b")
_LEAD = r"(?:\b(?:at|around|about|by|after|before|for|from|till|until|like)(?: about| around)? |@ ?|~)"
_UNITS_AHEAD = r"(?!\d|[:/.]\d| ?(?:%|st\b|nd\b|rd\b|th\b|days?|weeks?|months?|years?|people|persons?|of us|dollars|euros|minutes?|hours?|[$€£]))"

_LIKELY = re.compile(rf"\d|noon|midday|midnight|past|\bto\b|o'?clock|hour|minutes|[ap]\.?m\b|{'|'.join(_HOURS)}")
_CLOCK = re.compile(rf"(?<![\d:/.])(?P<h>\d{{1,2}}) ?(?P<sep>[:.h]) ?(?P<m>[0-5]\d)(?![\d:/.]\d|\d){_HALF_DAY}?")
_MERIDIEM = re.compile(rf"(?<![\d:.,/]){_HOUR}(?: (?P<mw>{_MINUTE_WORDS}|[0-5]\d))?{_HALF_DAY}")
_COMPACT = re.compile(rf"(?<!\d)(?P<h>\d{{1,2}})(?P<m>[0-5]\d){_HALF_DAY}")
_NAMED = re.compile(r"\b(?P<word>12 noon|noon|midday|midnight)\b")
_PAST = re.compile(
    rf"\b(?P<part>half|quarter|{_MINUTE_WORDS}|five|\d{{1,2}})(?: minutes?)? (?P<way>past|after|to|before|till) "
    rf"{_HOUR}\b{_HALF_DAY}?"
)
_HALF = re.compile(rf"\b(?P<part>half) (?P<h>{'|'.join(_HOURS)})\b{_HALF_DAY}?")
_OCLOCK = re.compile(rf"\b{_HOUR} ?o'? ?clock\b{_HALF_DAY}?")
_WORDY = re.compile(rf"\b(?P<h>{'|'.join(_HOURS)})[ -](?P<mw>{_MINUTE_WORDS})\b")
_LED = re.compile(rf"{_LEAD}{_HOUR}(?: (?P<mw>{_MINUTE_WORDS}))?\b{_UNITS_AHEAD}")
_IN_PART = re.compile(rf"\b{_HOUR}\b(?= (?:in the (?:morning|afternoon|evening)|at night|tonight))")
_BARE = re.compile(rf"(?<![\d:/.,-])\b{_HOUR}(?:ish)?\b{_UNITS_AHEAD}")
_AHEAD = re.compile(
    r"\bin (?:(?P<half>half an hour)|(?P<hour>an hour)(?P<and> and a half)?|(?P<n>\d{1,3}|"
    + "|".join(_HOURS)
    + r"|a couple of) (?P<unit>hours?|minutes?|mins?))\b"
)


def find_time(low: str, now: datetime, *, asked: bool = True) -> Found | None:
    """The time of day a folded text names, as "HH:MM". Bare hours count only where a time was asked for."""
    if not _LIKELY.search(low):
        return None
    if match := _AHEAD.search(low):
        moment = now + _ahead(match)
        return Found(f"{moment:%H:%M}", match.start(), match.end())
    if match := _NAMED.search(low):
        return Found("00:00" if match["word"] == "midnight" else "12:00", match.start(), match.end())
    for pattern in (_PAST, _CLOCK, _MERIDIEM, _COMPACT, _HALF, _OCLOCK, _IN_PART, _LED):
        if found := _first(pattern, low, asked=asked):
            return found
    return (_first(_WORDY, low, asked=True) or _first(_BARE, low, asked=True)) if asked else None


def part_of_day(low: str) -> str:
    """morning, afternoon, evening or "", as said."""
    match = _PART.search(low)
    return {"tonight": "evening", "night": "evening"}.get(match[1], match[1]) if match else ""


def _first(pattern: re.Pattern[str], low: str, *, asked: bool) -> Found | None:
    for match in pattern.finditer(low):
        parts = match.groupdict()
        if parts.get("sep") == "." and not (asked or parts["ap"] or re.search(r"\bat $", low[: match.start()])):
            continue
        found = _clock(parts, low)
        if found:
            value, loose = found
            return Found(value, match.start(), match.end(), loose=loose)
    return None


def _clock(parts: dict[str, str | None], low: str) -> tuple[str, bool] | None:
    written = parts["h"] or ""
    hour = int(written) if written.isdigit() else _HOURS[written]
    minute = _minute(parts)
    way = parts.get("way")
    if way in ("to", "before", "till"):
        hour, minute = hour - 1, 60 - minute
    half = (parts.get("ap") or "")[:1]
    if hour > 24 or minute > 59 or (half and hour > 12):
        return None
    loose = not half and not _PART.search(low) and 0 < hour <= 12 and not written.startswith("0")
    hour = _settle(hour, half, part_of_day(low), literal=written.startswith("0"))
    return f"{hour % 24:02}:{minute:02}", loose


def _settle(hour: int, half: str, part: str, *, literal: bool) -> int:
    """The hour of 24: by am or pm, else by the part of the day, else one to six are after noon."""
    if hour < 0 or (hour == 0 and not half):
        return hour % 12 if half else 12 if hour == 0 and not literal else hour
    if half == "a" or (not half and part == "morning" and hour <= 12):
        return hour % 12 if half else hour
    if half == "p":
        return hour % 12 + 12
    if part in ("afternoon", "evening") and hour < 12:
        return hour + 12
    return hour + 12 if not literal and 1 <= hour <= 6 else hour


def _minute(parts: dict[str, str | None]) -> int:
    if parts.get("m"):
        return int(parts["m"] or 0)
    words = parts.get("mw") or parts.get("part")
    if not words:
        return 0
    if words.isdigit():
        return int(words)
    if words in ("half", "quarter"):
        return 30 if words == "half" else 15
    numbers = (TENS.get(word) or UNITS.get(word, 0) for word in re.split(r"[ -]", words) if word != "oh")
    return sum(numbers)


def _ahead(match: re.Match[str]) -> timedelta:
    if match["half"]:
        return timedelta(minutes=30)
    if match["hour"]:
        return timedelta(minutes=90 if match["and"] else 60)
    number = match["n"]
    count = 2 if number.startswith("a ") else int(number) if number.isdigit() else _HOURS[number]
    return timedelta(hours=count) if match["unit"].startswith("h") else timedelta(minutes=count)
