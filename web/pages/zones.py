"""Time zones and regions that a form may name."""

from functools import cache
from zoneinfo import available_timezones

import phonenumbers


@cache
def zones() -> tuple[str, ...]:
    """The IANA names people choose from, in order."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


def known_zone(name: str) -> bool:
    return name in available_timezones()


@cache
def regions() -> tuple[str, ...]:
    """The two-letter regions that have phone numbers."""
    return tuple(sorted(phonenumbers.SUPPORTED_REGIONS))
