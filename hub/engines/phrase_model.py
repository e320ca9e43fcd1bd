"""An n-gram model of what may be said, from weighted sentences; written as ARPA, the form that recognisers read.

A word is foretold by the two before it, with a share left to what one word before and none would foretell, so that
what was never foreseen stays possible (interpolation: Jelinek and Mercer, 1980).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import log10

BEGIN, END = "<s>", "</s>"
_KEPT, _KEPT_OPEN = 0.8, 0.3
_FLOOR = 0.003


class PhraseModel:
    """Weighted counts of one, two and three words in a row; `starts` is the weight of all sentences."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
        self.open: set[str] = set()
        self.starts = 0.0

    def add(self, words: Sequence[str], weight: float = 1.0, *, whole: bool = True) -> None:
        """A sentence that may be said; not `whole`: words that may stand in one."""
        if not words:
            return
        line = [BEGIN, *words, END] if whole else list(words)
        if line[0] == BEGIN:
            self.starts += weight
        rows = self.rows
        for at, word in enumerate(line):
            if word == BEGIN:
                continue
            for order in range(min(at, 2) + 1):
                row = rows[tuple(line[at - order : at])]
                row[word] = row.get(word, 0.0) + weight

    def open_after(self, words: Iterable[str]) -> None:
        """After these words many others may come than were seen there, such as last names after first ones."""
        self.open.update(words)

    def words(self) -> set[str]:
        return {word for word in self.rows[()] if word not in (BEGIN, END)}

    def arpa(self) -> str:
        """The model as ARPA text: logarithms to base 10."""
        grams = self._one(), *self._longer()
        head = "\n".join(f"ngram {order}={len(lines)}" for order, lines in enumerate(grams, 1))
        bodies = "\n\n".join(f"\\{order}-grams:\n" + "\n".join(lines) for order, lines in enumerate(grams, 1))
        return f"\\data\\\n{head}\n\n{bodies}\n\n\\end\\\n"

    def _one(self) -> list[str]:
        row, rows = self.rows[()], self.rows
        total, many = sum(row.values()), len(row)
        self._alone = {word: (1 - _FLOOR) * count / total + _FLOOR / many for word, count in row.items()}
        lines = [f"-99 {BEGIN} {_back(BEGIN, self.open):.4f}"]
        for word, p in self._alone.items():
            lines.append(f"{log10(p):.4f} {word} {_back(word, self.open) if (word,) in rows else 0:.4f}")
        return lines

    def _longer(self) -> tuple[list[str], list[str]]:
        rows, alone, opened = self.rows, self._alone, self.open
        two, three, pairs = [], [], {}
        for history, row in rows.items():
            if len(history) != 1:
                continue
            last = history[0]
            kept = _KEPT_OPEN if last in opened else _KEPT
            share = kept / sum(row.values())
            for word, count in row.items():
                p = pairs[(last, word)] = share * count + (1 - kept) * alone[word]
                back = _back(word, opened) if (last, word) in rows else 0.0
                two.append("%.4f %s %s %.4f" % (log10(p), last, word, back))  # noqa: UP031 - twice as fast
        for history, row in rows.items():
            if len(history) != 2:
                continue
            first, last = history
            kept = _KEPT_OPEN if last in opened else _KEPT
            share = kept / sum(row.values())
            for word, count in row.items():
                p = share * count + (1 - kept) * pairs[(last, word)]
                three.append("%.4f %s %s %s" % (log10(p), first, last, word))  # noqa: UP031
        return two, three


def _back(last: str, opened: set[str]) -> float:
    return log10(1 - (_KEPT_OPEN if last in opened else _KEPT))


def blend(parts: Iterable[tuple[PhraseModel, float]]) -> PhraseModel:
    """One model of several, each with its share of all that is said."""
    made = PhraseModel()
    rows = made.rows
    for part, share in parts:
        if not part.starts:
            continue
        factor = share / part.starts
        made.starts += share
        made.open |= part.open
        for history, row in part.rows.items():
            into = rows[history]
            for word, count in row.items():
                into[word] = into.get(word, 0.0) + count * factor
    return made
