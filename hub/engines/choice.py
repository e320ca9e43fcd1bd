"""Which engines an agent works with: those it names, and for `auto` what our accounts with vendors allow.

Everything is decided here, anew when an interaction needs its engines: nothing but keys has to be set.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.engine import Account
from hub.engines import ENGINES, TRANSCRIBERS, VOICES
from hub.models.voice import Hearing, Speaking

AUTO = "auto"
"""In place of an engine's name: the best there is. So is no name at all."""

MINDS = ("openai", "script")
EARS = ("deepgram-flux", "deepgram", "openai", "sphinx")
MOUTHS = ("elevenlabs", "deepgram", "openai", "espeak")
"""The best first; the last is embedded, needs no account and is everyone's last resort."""

VENDORS = ("openai", "deepgram", "elevenlabs")
"""Whose accounts there may be."""

_ENGLISH_ONLY = ("deepgram-flux",)

Accounts = Mapping[str, Account]
"""The accounts at hand, by vendor."""


def minds(agent: Mapping[str, Any], accounts: Accounts) -> list[str]:
    """The engines of thought of an agent's definition, in the order in which they are tried."""
    named = str(agent.get("engine") or AUTO)
    able = [name for name in MINDS if name in ENGINES and (name == MINDS[-1] or name in accounts)]
    first = able[0] if named == AUTO else named
    last = MINDS[-1:] if (agent.get("flow") or {}).get("stages") else ()  # without a flow it has little to say
    return _once([first, *agent.get("engine_fallbacks", []), *last])


def ears(hearing: Hearing, language: str, accounts: Accounts) -> list[str]:
    """The engines of hearing, in the order in which they are tried."""
    english = language.lower().startswith("en")
    able = [name for name in _able(EARS, TRANSCRIBERS, accounts) if english or name not in _ENGLISH_ONLY]
    return _order(hearing, able, EARS[-1])


def mouths(speaking: Speaking, accounts: Accounts) -> list[str]:
    """The engines of speaking, in the order in which they are tried."""
    return _order(speaking, _able(MOUTHS, VOICES, accounts), MOUTHS[-1])


def _able(names: Sequence[str], roster: Mapping[str, str], accounts: Accounts) -> list[str]:
    """Those that can work. An engine's name begins with its vendor's.

    An endpoint that is merely compatible with OpenAI's often has no speech: without a key none is expected of it, and
    it never comes first.
    """
    found = [name for name in names[:-1] if name in roster and _has_key(name, accounts)]
    if found[:1] == ["openai"] and accounts["openai"].base_url:
        found = []
    return [*found, names[-1]]


def _has_key(name: str, accounts: Accounts) -> bool:
    account = accounts.get(name.partition("-")[0])
    return account is not None and bool(account.key)


def _order(chosen: Hearing | Speaking, able: list[str], embedded: str) -> list[str]:
    """Who chose the embedded engine sends no sound to a vendor, unless they say so."""
    first = able[0] if chosen.engine in ("", AUTO) else chosen.engine
    others = chosen.fallbacks or ([] if first == embedded else able)
    return _once([first, *others, embedded])


def _once(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))
