"""What was recognised, as people write it: "two thirty p.m." is 2:30 pm, "five five five one two" is 55512."""

# ruff: noqa: E501 - patterns read better in one piece

import re

from hub.engines.phrase_english import HOURS, MONTHS, UNITS, WEEKDAYS
from hub.engines.phrase_names import FIRST, LAST
from hub.engines.phrase_said import number

_DIGITS = {"zero": "0", "oh": "0"} | {word: str(at) for at, word in enumerate(UNITS, 1)}
_DIGIT = "|".join(_DIGITS)
_RUN = re.compile(
    rf"(?:(?<![\w'])([a-z]) )?\b((?:(?:double |triple )?(?:{_DIGIT})(?: |$)){{3,}}|(?:double |triple )(?:{_DIGIT})(?: |$)(?:(?:double |triple )?(?:{_DIGIT})(?: |$))+)"
)
_ONE = re.compile(rf"(double |triple )?({_DIGIT})")
_HOUR = "|".join(HOURS)
_MINUTES = {" ".join(number(value)): value for value in range(10, 60)}
_MINUTES |= {f"oh {word}": value for value, word in enumerate(UNITS, 1)}
_MINUTE = "|".join(sorted(_MINUTES, key=len, reverse=True))
_TIME = re.compile(rf"\b({_HOUR})(?: ({_MINUTE}))? ([ap])\.m\.")
_OH_TIME = re.compile(rf"^((?:at |no |yes |around |about )*)({_HOUR}) (oh (?:{'|'.join(UNITS)}))$")
_MAIL = re.compile(r"\b((?:\w+ (?:dot|dash|underscore) )*\w+) at ((?:\w+ dot )+[a-z]{2,7})\b")
_MARKS = {"dot": ".", "dash": "-", "underscore": "_"}
_NAMED = re.compile(rf"\b({'|'.join(FIRST)}) ({'|'.join(LAST)})\b")
_CAPITAL = re.compile(
    rf"\b(?:i(?='|\b)|{'|'.join(WEEKDAYS)}|{'|'.join(m for m in MONTHS if m not in ('may', 'march'))})\b|(?<=of )(?:may|march)\b"
)
_JOINED = {
    "tooth ache": "toothache",
    "check up": "check-up",
    "e mail": "e-mail",
    "x rays": "X-rays",
    "walk ins": "walk-ins",
}
_PAIR = re.compile(r"\b(?:" + "|".join(_JOINED) + r")\b")


def written(heard: str) -> str:
    """Recognised words as text: digits, clock times, mail addresses and names as they are written."""
    text = _PAIR.sub(lambda match: _JOINED[match[0]], heard)
    text = _OH_TIME.sub(lambda match: f"{match[1]}{HOURS.index(match[2]) + 1}:{_MINUTES[match[3]]:02}", text)
    text = _TIME.sub(_clock, text)
    text = _MAIL.sub(_address, text)
    text = _RUN.sub(_run, text).strip()
    text = re.sub(r"\bplus (?=\d)", "+", text)
    text = _NAMED.sub(lambda match: f"{match[1].title()} {match[2].title()}", text)
    return _CAPITAL.sub(lambda match: match[0][0].upper() + match[0][1:], text)


def _clock(match: re.Match[str]) -> str:
    minute = f":{_MINUTES[match[2]]:02}" if match[2] else ""
    return f"{HOURS.index(match[1]) + 1}{minute} {match[3]}m"


def _run(match: re.Match[str]) -> str:
    times = {"": 1, "double ": 2, "triple ": 3}
    digits = "".join(_DIGITS[one[2]] * times[one[1] or ""] for one in _ONE.finditer(match[2]))
    after = " " if match[2].endswith(" ") else ""
    if match[1] and len(digits) >= 4:
        return f"{match[1].upper()}{digits}{after}"
    return f"{match[1] + ' ' if match[1] else ''}{digits}{after}"


def _address(match: re.Match[str]) -> str:
    name = re.sub(r" (dot|dash|underscore) ", lambda mark: _MARKS[mark[1]], match[1])
    return f"{name}@{match[2].replace(' dot ', '.')}"
