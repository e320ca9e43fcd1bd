"""Jinja: autoescaping always on, and the few filters that pages share."""

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub import pricing
from hub.models.customer import called
from web import files, spoken

HERE = Path(__file__).parent


def environment() -> Environment:
    """The environment of all pages."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["age"] = age
    made.globals["called"] = called
    made.filters["iso"] = lambda at: at.isoformat() if at else ""
    made.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str)
    made.filters["plain"] = plain
    made.globals["static"] = static
    made.globals["spoken"] = spoken
    made.filters["shown_as"] = files.shown_as
    made.filters["size"] = size
    made.filters["money"] = pricing.money
    made.filters["price"] = price
    return made


def plain(value: Any) -> str:
    """A collected value in words: lists with commas, yes and no, the rest as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {plain(one)}" for name, one in value.items())
    return "" if value is None else str(value)


def price(rate: pricing.Rate) -> str:
    """A price as it is usually told, such as $0.15 a million tokens."""
    per, name = pricing.PER.get(rate.unit, (1, rate.unit))
    amount = rate.amount_micros * per
    if amount % rate.per:
        return f"{pricing.money(rate.amount_micros, rate.currency, cents=False)} for {rate.per:,}"
    told = f"{pricing.money(amount // rate.per, rate.currency, cents=False)} a {name}"
    return f"{told}, begun ones count" if rate.step == per > 1 else told


def size(size_bytes: int | None) -> str:
    """How large a file is, in words; nothing when that is not known."""
    if size_bytes is None:
        return ""
    for one, word in ((1_000_000, "MB"), (1_000, "kB")):
        if size_bytes >= one:
            return f"{size_bytes / one:.1f} {word}".replace(".0 ", " ")
    return f"{size_bytes} bytes"


@cache
def static(name: str) -> str:
    """The address of a file of ours; it changes with the file, so browsers may keep it for long."""
    content = (HERE / "static" / name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"


def age(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in one short word: now, 5m, 3h, 2d."""
    if at is None:
        return ""
    seconds = int(((now or datetime.now(UTC)) - at).total_seconds())
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{letter}"
    return "now"
