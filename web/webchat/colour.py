"""The colour of a web chat, and the ones that can be read on it and in its place (contrast of WCAG 2.2)."""

import re
from typing import Any

DEFAULT = "#3b5bdb"
READABLE = 4.5
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_LIGHT_PAPER, _DARK_PAPER = _WHITE, (21, 23, 28)
_STEPS = 20

Colour = tuple[int, ...]


def stylesheet(accent: Any) -> str:
    """The colours as custom properties. `accent` is `#rrggbb`; what is none becomes the default."""
    given = accent if isinstance(accent, str) and re.fullmatch("#[0-9a-fA-F]{6}", accent) else DEFAULT
    colour = tuple(int(given[at : at + 2], 16) for at in (1, 3, 5))
    on = max((_WHITE, (17, 17, 17)), key=lambda text: contrast(colour, text))
    colours = {
        "accent": colour,
        "on-accent": on,
        "link": _readable(colour, _LIGHT_PAPER, _BLACK),
        "link-dark": _readable(colour, _DARK_PAPER, _WHITE),
    }
    lines = ";".join(f"--hub-{name}:#{bytes(value).hex()}" for name, value in colours.items())
    return f":root,:host{{{lines}}}\n"


def contrast(one: Colour, other: Colour) -> float:
    """From 1 (the same) to 21 (black and white)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    parts = [value / 255 for value in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(colour: Colour, paper: Colour, towards: Colour) -> Colour:
    """The nearest to a colour, on the way to black or white, that can be read on this paper."""
    for step in range(_STEPS):
        mixed = tuple(round(a + (b - a) * step / _STEPS) for a, b in zip(colour, towards, strict=True))
        if contrast(mixed, paper) >= READABLE:
            return mixed
    return towards
