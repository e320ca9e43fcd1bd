"""Languages by name, and the wish to go on in another one."""

import re

from hub.dialogue.text import fold

_NAMES = {
    "english": "en", "ingles": "en", "englisch": "en", "anglais": "en",
    "spanish": "es", "espanol": "es", "castellano": "es", "spanisch": "es", "espagnol": "es",
    "german": "de", "deutsch": "de", "aleman": "de", "allemand": "de",
    "french": "fr", "francais": "fr", "frances": "fr", "franzosisch": "fr",
    "italian": "it", "italiano": "it", "portuguese": "pt", "portugues": "pt", "dutch": "nl", "nederlands": "nl",
    "polish": "pl", "polski": "pl", "turkish": "tr", "turkce": "tr", "hindi": "hi", "japanese": "ja", "chinese": "zh",
}  # fmt: skip
_WISH = re.compile(
    rf"\b(?:in|into|to|speak|talk|en|auf|hablar?|parler|sprechen)(?: to me| with me)?(?: in)? ({'|'.join(_NAMES)})\b"
    rf"|^\W*({'|'.join(_NAMES)})(?:,? (?:please|por favor|bitte|s'il vous plait))?\W*$"
)
_CODE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


def wanted(low: str) -> str:
    """The code of the language that somebody asks to go on in ("Can we speak Spanish?"); empty when they do not."""
    found = _WISH.search(low)
    return _NAMES[found[1] or found[2]] if found else ""


def code_of(text: str) -> str:
    """The code of a language given by its code or its name; empty when it is neither."""
    low = fold(text).strip().replace("_", "-")
    return _NAMES.get(low) or (low if _CODE.fullmatch(low) else "")
