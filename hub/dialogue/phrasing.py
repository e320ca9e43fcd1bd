"""How values and lists are said, and words that vary without chance."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from hub.dialogue.choices import Option
from hub.dialogue.contacts import phone_spoken
from hub.dialogue.template import plain

VOICE = ("call", "web_call")
BUTTONS = ("webchat", "whatsapp")

ACKNOWLEDGED = ("Got it.", "Great.", "Perfect.", "Okay.", "All right.", "Noted.")
CORRECTED = ("Got it, {0}.", "No problem: {0}.", "Sure, {0} it is.", "Changed to {0}.")
RETURNING = ("{0}", "So, {1}", "Now, {1}", "{0}", "Back to my question: {1}")
_OPENERS = ("what", "which", "where", "when", "who", "how", "would", "could", "roughly", "shall", "is", "do")
MISSED = (
    "Sorry, I didn't quite get that.",
    "I'm afraid I still didn't follow.",
    "Sorry, that one got past me.",
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(?::\d\d)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


def pick(variants: Sequence[str], turn: int) -> str:
    """One of several wordings, the next one each turn."""
    return variants[turn % len(variants)]


def listed(items: Sequence[str], link: str = "and") -> str:
    """one, two and three"""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {link} {items[-1]}"


def day_spoken(day: date, now: datetime, language: str = "en-US", *, near: bool = False) -> str:
    """Tuesday, November 24; with the year when it is not soon; `near` puts today and tomorrow before it."""
    american = language.lower() in ("en", "en-us", "en-ca", "")
    text = f"{day:%A}, {day:%B} {day.day}" if american else f"{day:%A} {day.day} {day:%B}"
    ahead = (day - now.date()).days
    if not -180 <= ahead <= 300:
        text += f", {day.year}" if american else f" {day.year}"
    word = {0: "today", 1: "tomorrow"}.get(ahead)
    return f"{word}, {text}" if near and word else text


def time_spoken(moment: time, language: str = "en-US") -> str:
    """3:00 PM, or 15:00 where people write that."""
    if language.lower() not in ("en", "en-us", "en-ca", "en-au", ""):
        return f"{moment:%H:%M}"
    return f"{moment.hour % 12 or 12}:{moment:%M} {'AM' if moment.hour < 12 else 'PM'}"


def spoken(value: Any, kind: str, now: datetime, language: str, options: Sequence[Option] = ()) -> str:
    """A field's value in words for the customer."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if kind == "choice":
        return lowered(next((option.label for option in options if option.value == value), str(value)))
    if kind == "phone":
        return phone_spoken(str(value), region(language))
    if kind == "amount" and isinstance(value, int | float):
        sign = {"GB": "£", "US": "$", "CA": "$", "AU": "$"}.get(region(language), "")
        return f"{sign}{value:,.2f}".removesuffix(".00")
    if isinstance(value, int | float):
        return f"{value:,}" if kind == "number" else plain(value)
    return humane(value, now, language)


def humane(value: Any, now: datetime, language: str) -> str:
    """Any value, of a tool's result for instance, in words: dates, times, lists, items."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _text(value[:600], now, language)
    if isinstance(value, Mapping):
        return _item(value, now, language)
    if isinstance(value, list):
        return listed([humane(item, now, language) for item in value[:12]])
    return plain(value)


def _item(item: Mapping[str, Any], now: datetime, language: str) -> str:
    """A thing with a name and perhaps how many of it."""
    name = next((str(item[key]) for key in ("name", "title", "label", "description") if item.get(key)), "")
    count = next((item[key] for key in ("quantity", "qty", "count") if isinstance(item.get(key), int)), 1)
    if name:
        return f"{count} × {name}" if count > 1 else name
    return listed([humane(value, now, language) for value in list(item.values())[:4]])


def _text(text: str, now: datetime, language: str) -> str:
    try:
        if _MOMENT.match(text) and len(text) <= 35:
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(now.tzinfo) if moment.tzinfo else moment
            return f"{day_spoken(moment.date(), now, language)} at {time_spoken(moment.time(), language)}"
        if _DATE.fullmatch(text):
            return day_spoken(date.fromisoformat(text), now, language)
        if _TIME.fullmatch(text):
            return time_spoken(time.fromisoformat(text), language)
    except ValueError:
        pass
    return text


def region(language: str) -> str:
    """The country of a language tag, for phone numbers and money."""
    tail = language.replace("_", "-").split("-")[-1].upper()
    return tail if len(tail) == 2 and "-" in language.replace("_", "-") else {"EN": "US", "DE": "DE"}.get(tail, "US")


def offered(labels: Sequence[str], text: str, channel: str) -> str:
    """What to add to a question where there are no buttons; nothing if it names the choices already."""
    if channel in BUTTONS or not labels:
        return ""
    low = text.lower()
    if all(label.lower() in low for label in labels):
        return ""
    shown = list(labels[: 4 if channel in VOICE else 8])
    more = len(labels) > len(shown)
    return f"You could say {listed(shown, 'or')}." if not more else f"For example {listed(shown, 'or')}."


def returning(question: str, turn: int) -> str:
    """A question asked again after something else was talked about."""
    question = re.sub(r"^And (\w)", lambda match: match[1].upper(), question)
    first, _, rest = question.partition(" ")
    lowered = f"{first.lower()} {rest}"
    plainly = first.lower().split("'")[0] not in _OPENERS
    return question if plainly else pick(RETURNING, turn).format(question, lowered)


def lowered(label: str) -> str:
    """A label within a sentence: "Money back" as "money back", but "Delta Dental" as it is."""
    tail = label[1:]
    return label if tail != tail.lower() or len(label) < 2 else label[0].lower() + tail


def glue(parts: Sequence[str], channel: str) -> str:
    """Parts of one answer put together: a paragraph after a long one in writing, one breath in speech."""
    text = ""
    for part in (part.strip() for part in parts if part.strip()):
        long = len(text.rsplit("\n", 1)[-1]) > 90 and channel not in (*VOICE, "sms")
        text += f"{'' if not text else chr(10) * 2 if long else ' '}{part}"
    return text[:1].upper() + text[1:]
