"""Whose turn it is: how long to wait for more, and what counts as an interruption."""

import re

from hub.models.voice import TurnTaking

ACKNOWLEDGEMENTS = {
    "en": "mm hm mhm mm-hm mmhm uh-huh uhhuh uh huh okay ok yeah yes yep right sure i see got it alright all right "
    "good great fine cool exactly oh hmm hm ah aha",
    "de": "mhm hm ja okay ok genau gut alles klar verstehe aha ach so richtig stimmt",
    "es": "mhm sí si vale ok okay claro ya bien de acuerdo ajá entiendo",
    "fr": "mhm oui ok okay d'accord très bien ah bon je vois voilà",
}
"""Words that say "go on", by language."""

_TRAILING = re.compile(
    r"(?:\b(?:and|or|but|so|because|the|a|an|my|your|to|for|with|at|on|in|of|is|are|was|it's|i'm|um|uh|er|erm|well|"
    r"like|then|if|that|number is|name is|address is|email is|und|oder|aber|weil|der|die|das|mein|meine|ist|äh|ähm|y|o|"
    r"pero|porque|el|la|mi|es|et|ou|mais|le|mon|ma|est|euh)|[,:;–-]|\.\.\.|…)\s*$",
    re.IGNORECASE,
)
_DIGITS = re.compile(
    r"(?:\d[\d\s-]*|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|double|triple))\s*$", re.IGNORECASE
)
_SPELLED = re.compile(r"(?:\b[a-z]\b[\s.-]*){2,}$", re.IGNORECASE)
_COMPLETE = re.compile(r"[.!?]\s*$")
_WORD = re.compile(r"[\w'-]+")

TRAILING_FACTOR, SPELLING_FACTOR, COMPLETE_FACTOR = 2.5, 2.0, 0.6
LONGEST_PATIENCE_SECONDS = 3.0
NEVER_FINAL_SECONDS = 1.5
SLOWEST_INTERRUPTION_MS = 2_000


class Turns:
    """The agent's settings, as answers to the questions of the loop."""

    def __init__(self, settings: TurnTaking, language: str) -> None:
        self.use(settings, language)

    def use(self, settings: TurnTaking, language: str) -> None:
        """Another agent's settings from now on."""
        self.settings = settings
        given = settings.acknowledgements
        self._acknowledged = _words(" ".join(given)) if given else _words(ACKNOWLEDGEMENTS.get(language[:2], ""))

    def patience_seconds(self, text: str) -> float:
        """How long it must be quiet after these words until the turn is over."""
        stop = self.settings.vad_config.stop_secs
        if not self.settings.smart_turn_enabled or not text:
            return stop
        if _TRAILING.search(text):
            factor = TRAILING_FACTOR
        elif _DIGITS.search(text) or _SPELLED.search(text):
            factor = SPELLING_FACTOR
        elif _COMPLETE.search(text):
            factor = COMPLETE_FACTOR
        else:
            factor = 1.0
        return min(stop * factor, max(stop, LONGEST_PATIENCE_SECONDS))

    def acknowledges(self, text: str) -> bool:
        """Whether these words only say "go on"."""
        words = _words(text)
        return bool(words) and words <= self._acknowledged

    def interrupts(self, spoken_ms: float, text: str) -> bool:
        """Whether so much speech, with these words so far, stops the agent."""
        sensitivity = self.settings.interruption_sensitivity
        if sensitivity <= 0 or (text and self.acknowledges(text)):
            return False
        if len(text.split()) < self.settings.interruption_words:
            return False
        needed = (1 - sensitivity) * SLOWEST_INTERRUPTION_MS
        if text and len(text.split()) >= 2:
            needed /= 2
        return spoken_ms >= needed


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


_BREAK = re.compile(r"(?<=[.!?…])[\"')\]]*\s+(?=[\"'(\[]?[A-ZÀ-Þ0-9¿¡])|\n+")


def sentences(text: str) -> list[str]:
    """Text in pieces that are spoken one by one; an abbreviation or a number does not end one."""
    parts: list[str] = []
    for part in _BREAK.split(text.strip()):
        part = " ".join(part.split())
        if not part:
            continue
        if parts and (len(parts[-1]) < 4 or _ABBREVIATED.search(parts[-1])):
            parts[-1] = f"{parts[-1]} {part}"
        else:
            parts.append(part)
    return parts


_ABBREVIATED = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|etc|e\.g|i\.e|a\.m|p\.m|[A-Z])\.)$")
