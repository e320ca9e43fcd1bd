"""How an SMS is counted, and how long text is cut into messages that people can read.

GSM 03.38 basic and extension tables: 3GPP TS 23.038, section 6.2.1.
"""

import re
from dataclasses import dataclass

GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = "\f^{}\\[~]|€"
_BASIC, _EXTENSION = frozenset(GSM_BASIC), frozenset(GSM_EXTENSION)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Measure:
    """`units` are septets in GSM-7 (extension characters take two) or UTF-16 code units in UCS-2."""

    encoding: str
    units: int
    segments: int
    left: int


def measure(text: str) -> Measure:
    """What this text costs as an SMS: 160 / 153 units a segment in GSM-7, 70 / 67 in UCS-2."""
    if all(character in _BASIC or character in _EXTENSION for character in text):
        sizes, single, multi, encoding = [2 if c in _EXTENSION else 1 for c in text], 160, 153, "GSM-7"
    else:
        sizes, single, multi, encoding = [2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67, "UCS-2"
    units = sum(sizes)
    if units <= single:
        return Measure(encoding, units, 1 if units else 0, single - units)
    segments, used = 1, 0
    for size in sizes:
        if used + size > multi:
            segments, used = segments + 1, 0
        used += size
    return Measure(encoding, units, segments, multi - used)


def split(text: str, over: int) -> list[str]:
    """Cut text longer than `over` characters at sentence ends, else at spaces, keeping the order.

    A word longer than `over` is cut where it must be; nothing but white space is lost.
    """
    if len(text) <= over:
        return [text]
    parts: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        for piece in _pieces(sentence.strip(), over):
            if parts and len(parts[-1]) + 1 + len(piece) <= over:
                parts[-1] += " " + piece
            elif piece:
                parts.append(piece)
    return parts


def _pieces(sentence: str, over: int) -> list[str]:
    pieces = []
    while len(sentence) > over:
        cut = sentence.rfind(" ", 1, over + 1)
        cut = cut if cut > 0 else over
        pieces.append(sentence[:cut].rstrip())
        sentence = sentence[cut:].lstrip()
    return [*pieces, sentence] if sentence else pieces
