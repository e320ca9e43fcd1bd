"""Finding the words that are said to say something, and where they are to be heard."""

import re
from collections.abc import Iterable, Sequence

from hub.dialogue.results import Evidence, Line
from hub.dialogue.text import close, fold

_TOKEN = re.compile(r"[^\W_]+")
_AROUND_MS = 1_000
"""Where words stand in a stretch of sound is known by their place in its text alone: so much more on either side."""


def evidence(line: Line, start: int, end: int) -> Evidence:
    """The words of a line from `start` to `end`, without the space around them."""
    words = line.text[start:end]
    start += len(words) - len(words.lstrip())
    words = words.strip()
    end = start + len(words)
    return Evidence(line.id, words, start, end, *_when(line, start, end))


def _when(line: Line, start: int, end: int) -> tuple[int | None, int | None]:
    if line.from_ms is None:
        return None, None
    at = 0
    for sentence in line.sentences:
        begin, stop, text = int(sentence[0]), int(sentence[1]), str(sentence[2])
        place = line.text.find(text, at)
        if place < 0:
            break
        if place <= start and end <= place + len(text):
            return _part(begin, stop, (start - place) / len(text), (end - place) / len(text))
        at = place + len(text)
    if line.to_ms is None or line.to_ms <= line.from_ms or not line.text:
        return line.from_ms, line.to_ms
    return _part(line.from_ms, line.to_ms, start / len(line.text), end / len(line.text))


def _part(begin: int, stop: int, first: float, last: float) -> tuple[int, int]:
    length = stop - begin
    return (
        max(begin, round(begin + first * length) - _AROUND_MS),
        min(stop, round(begin + last * length) + _AROUND_MS),
    )


def located(quote: str, lines: Iterable[Line]) -> Evidence | None:
    """Where the quote stands in one of these lines: the same words in a row, whatever their case, accents, points.

    A slip of the finger in a longer word is passed over.
    """
    wanted = _TOKEN.findall(fold(quote))
    if not wanted:
        return None
    for line in lines:
        said = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(fold(line.text))]
        at = _exact(wanted, said)
        at = _nearly(wanted, said) if at is None else at
        if at is not None:
            return evidence(line, said[at][1], _end(line.text, quote, said[at + len(wanted) - 1][2]))
    return None


def _end(text: str, quote: str, end: int) -> int:
    """What follows the last word in the quote, such as a point, if it follows it in the text too."""
    tail = re.search(r"[^\w\s]*$", quote.strip())
    return end + len(tail[0]) if tail and text[end:].startswith(tail[0]) else end


_Said = Sequence[tuple[str, int, int]]


def _exact(wanted: list[str], said: _Said) -> int | None:
    words = [word for word, _, _ in said]
    for at in range(len(words) - len(wanted) + 1):
        if words[at : at + len(wanted)] == wanted:
            return at
    return None


def _nearly(wanted: list[str], said: _Said) -> int | None:
    for at in range(len(said) - len(wanted) + 1):
        window = [word for word, _, _ in said[at : at + len(wanted)]]
        if all(_same(one, other) for one, other in zip(window, wanted, strict=True)):
            return at
    return None


def _same(said: str, quoted: str) -> bool:
    return said == quoted or (not any(char.isdigit() for char in said + quoted) and close(said, quoted))
