"""Call screening of phones: a voice that asks who calls and why, before anybody picks up."""

import re

MOST_TURNS = 2
"""It speaks at the very beginning; later, such words are a person's."""

_ASKS = re.compile(
    r"\b(?:(?:say|state|record|tell (?:me|us)|give|leave) your name|who(?: i|')s calling"
    r"|reason for (?:your call|calling)|why you(?: a|')re calling|screening (?:service|assistant|your call)"
    r"|nennen sie (?:bitte )?(?:ihren namen|den grund)|grund (?:ihres anrufs|f[üu]r ihren anruf)"
    r"|motivo de (?:su|la|tu) llamada|diga su nombre|raison de votre appel|dites votre nom)\b",
    re.IGNORECASE,
)


def asks_who_calls(said: str) -> bool:
    """Whether these are the words of a phone's call screening, as iOS and Android say them."""
    return bool(_ASKS.search(said.replace("\u2019", "'")))
