"""Text made fit to be spoken: no marks or control characters; money, times, numbers and addresses as words."""

import re
import unicodedata

LONGEST = 10_000
_SPACES = re.compile(r"\s+")
_LETTER = re.compile(r"\w")
_EMAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(
    r"\b(?:https?://)?(?:www\.)?((?:[a-z0-9-]+\.)+(?:com|net|org|io|example|gov|edu|co|de|uk|eu|info)\b(?:/[\w./-]*\w)?)",
    re.I,
)
_PHONE = re.compile(r"(?<![\w:.$€£])(?:\+?\d{1,3}[ .-]?)?(?:\(\d{2,5}\)[ .-]?)?\d{2,5}(?:[ .-]\d{2,6}){1,4}(?![\w:%])")
_LONG_NUMBER = re.compile(r"(?<![\w.,$€£])\+?\d{7,}(?!\w)")
_CODE = re.compile(r"\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z\d]{4,12}\b")
_TIME = re.compile(r"\b(\d{1,2}):([0-5]\d)(?: ?([ap])(?:\.m\.|m))?(?![\w:])|\b(\d{1,2}) ?([ap])(?:\.m\.|m)(?!\w)", re.I)
_MONEY = re.compile(r"([$€£]) ?(\d+(?:,\d{3})*)(?:\.(\d\d))?(?!\d)( (?:thousand|million|billion))?")
_MARKS = re.compile(r"[*_`#~|<>\\^{}\[\]]+")
_COINS = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}


def speakable(text: str, language: str = "en-US") -> str:
    """At most 10,000 characters of plain words; empty when there is nothing to say."""
    text = text[:LONGEST].encode("utf-8", "ignore").decode()
    text = "".join(" " if unicodedata.category(char)[0] in "CZ" else _kept(char) for char in text)
    if language.lower().startswith("en"):
        text = _english(text)
    text = _SPACES.sub(" ", _MARKS.sub(" ", text)).strip()
    return text if _LETTER.search(text) else ""


def _kept(char: str) -> str:
    return "" if unicodedata.category(char) in ("So", "Sk", "Mn") and not char.isalnum() and char != "°" else char


def _english(text: str) -> str:
    text = _EMAIL.sub(lambda match: _address(match[0]), text)
    text = _URL.sub(lambda match: _address(match[1]), text)
    text = _MONEY.sub(_money, text)
    text = _TIME.sub(_time, text)
    text = _PHONE.sub(_phone, text)
    text = _LONG_NUMBER.sub(lambda match: _digits(match[0]), text)
    text = _CODE.sub(lambda match: " ".join(match[0]), text)
    return text.replace(" & ", " and ").replace("×", " times ")


def _address(written: str) -> str:
    spoken = written.replace("@", " at ").replace(".", " dot ").replace("/", " slash ")
    return spoken.replace("-", " dash ").replace("_", " underscore ").replace("+", " plus ")


def _money(match: re.Match[str]) -> str:
    whole, cents = match[2].replace(",", ""), int(match[3] or 0)
    coin, small = _COINS[match[1]]
    spoken = f"{whole}{match[4] or ''} {coin}{'' if whole == '1' and not match[4] else 's'}"
    plural = {"penny": "pence"}.get(small, f"{small}s")
    return f"{spoken} and {cents} {small if cents == 1 else plural}" if cents else spoken


def _time(match: re.Match[str]) -> str:
    hour, minute, half = match[1] or match[4], match[2], match[3] or match[5]
    part = f" {half.upper()} M" if half else ""
    if not minute or (minute == "00" and half):
        return f"{int(hour)}{part}"
    if minute == "00":
        return f"{int(hour)} o'clock" if int(hour) <= 12 else f"{int(hour)} hundred"
    return f"{int(hour)} {'oh ' if minute[0] == '0' else ''}{int(minute)}{part}"


def _phone(match: re.Match[str]) -> str:
    written = match[0]
    if sum(char.isdigit() for char in written) < 7 or re.fullmatch(r"\d{4}-\d\d-\d\d", written):
        return written
    return _digits(written)


def _digits(written: str) -> str:
    """Digit by digit, with a pause between the groups as they are written."""
    groups = re.findall(r"\d+", written)
    if len(groups) == 1:
        groups = re.findall(r"\d{1,3}(?=(?:\d{3})*\d{4}$)|\d{4}$|\d+", groups[0])
    plus = "plus " if written.startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)
