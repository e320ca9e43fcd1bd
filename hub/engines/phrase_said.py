"""How written words are said: "9:30 AM" is nine thirty a.m., "check-up" is check up, "$95" is ninety five dollars."""

import re

from hub.engines.phrase_english import HOURS, ORDINALS, TEENS, TENS, UNITS

_TIME = re.compile(r"\s*(\d{1,2})(?::([0-5]\d))?\s*([ap])?\.?\s?(?:m\.?)?\s*", re.I)
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:st|nd|rd|th)\b|\d+|[$€£%&@+]")
_SIGNS = {"$": "dollars", "€": "euros", "£": "pounds", "%": "percent", "&": "and", "@": "at", "+": "plus"}


def said(text: str, limit: int = 24) -> list[str]:
    """The words of a text as they are spoken, at most `limit`."""
    low = re.sub(r"\b([ap])\.?\s?m\b\.?", r"\1m", text.lower().replace("’", "'"))
    low = re.sub(r"([$€£])(\d[\d,]*)", r"\2 \1", low)
    low = re.sub(r"(?<=\d),(?=\d)", "", low)
    words: list[str] = []
    for clock in re.split(r"(\b\d{1,2}:[0-5]\d(?: ?[ap]m)?\b|\b\d{1,2} ?[ap]m\b)", low):
        if (times := said_time(clock)) and re.search(r":|m\b", clock):
            words += times[0].split()
        else:
            words += [word for token in _TOKEN.findall(clock) for word in _token(token)]
    return words[:limit]


def _token(token: str) -> list[str]:
    if token in _SIGNS:
        return [_SIGNS[token]]
    if token[0].isdigit():
        if token.isdigit():
            return number(int(token)) if len(token) <= 4 else [w for digit in token for w in number(int(digit))]
        return ordinal(int(token[:-2]))
    return [token]


def number(value: int) -> list[str]:
    """A number below 10,000 in words."""
    if value >= 1000:
        return [*number(value // 1000), "thousand", *(number(value % 1000) if value % 1000 else [])]
    if value >= 100:
        return [UNITS[value // 100 - 1], "hundred", *(number(value % 100) if value % 100 else [])]
    if value >= 20:
        return [TENS[value // 10 - 2], *(number(value % 10) if value % 10 else [])]
    return [["zero", *UNITS, *TEENS][value]]


def ordinal(value: int) -> list[str]:
    """The place of a number from 1 to 99 in words."""
    if 1 <= value <= 20:
        return [ORDINALS[value - 1]]
    if value % 10 and value < 100:
        return [TENS[value // 10 - 2], ORDINALS[value % 10 - 1]]
    return ["thirtieth"] if value == 30 else number(value)


def said_time(text: str) -> list[str]:
    """The ways to say a clock time such as "9:30 AM" or "14:30"; none when it is no time."""
    match = _TIME.fullmatch(text)
    if not match or not (match[2] or match[3]) or int(match[1]) > 23:
        return []
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if not half:
        half = "a" if hour < 12 else "p"
    hour = (hour - 1) % 12 + 1
    name, part = HOURS[hour - 1], "morning" if half == "a" else "evening" if 6 <= hour < 12 else "afternoon"
    minutes = [] if not minute else ["oh", *number(minute)] if minute < 10 else number(minute)
    clock = " ".join([name, *minutes])
    ways = [f"{clock} {half}.m.", clock, f"{clock} in the {part}"]
    if not minute:
        ways.append(f"{name} o'clock")
    if minute in (15, 30):
        ways.append(f"{'half' if minute == 30 else 'quarter'} past {name}")
    if minute == 45:
        ways.append(f"quarter to {HOURS[hour % 12]}")
    return ways
