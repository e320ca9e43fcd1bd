"""How words sound, in the phones of the CMU dictionary; words that it lacks are spelled out by rules of thumb."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

OWN = {
    "a.m.": ("EY EH M",),
    "p.m.": ("P IY EH M",),
    "fernway": ("F ER N W EY",),
    "whitened": ("W AY T AH N D", "HH W AY T AH N D"),
    "checkup": ("CH EH K AH P",),
}
"""Words whose sound we know better."""

_RULES = (
    ("tion", "SH AH N"), ("sion", "ZH AH N"), ("ture", "CH ER"), ("ough", "AO"), ("augh", "AO"), ("eigh", "EY"),
    ("igh", "AY"), ("sch", "SH"), ("tch", "CH"), ("dge", "JH"), ("que", "K"), ("air", "EH R"), ("ear", "IH R"),
    ("eer", "IH R"), ("oor", "AO R"), ("our", "AW ER"), ("ch", "CH"), ("sh", "SH"), ("th", "TH"), ("ph", "F"),
    ("wh", "W"), ("ck", "K"), ("ng", "NG"), ("qu", "K W"), ("kn", "N"), ("wr", "R"), ("gh", "G"), ("ai", "EY"),
    ("ay", "EY"), ("au", "AO"), ("aw", "AO"), ("ea", "IY"), ("ee", "IY"), ("ei", "EY"), ("eu", "UW"), ("ew", "UW"),
    ("ey", "IY"), ("ie", "IY"), ("oa", "OW"), ("oi", "OY"), ("oo", "UW"), ("ou", "AW"), ("ow", "OW"), ("oy", "OY"),
    ("ue", "UW"), ("ar", "AA R"), ("er", "ER"), ("ir", "ER"), ("or", "AO R"), ("ur", "ER"), ("ce", "S"), ("ci", "S IH"),
    ("cy", "S IY"), ("ge", "JH"), ("a", "AE"), ("b", "B"), ("c", "K"), ("d", "D"), ("e", "EH"), ("f", "F"), ("g", "G"),
    ("h", "HH"), ("i", "IH"), ("j", "JH"), ("k", "K"), ("l", "L"), ("m", "M"), ("n", "N"), ("o", "OW"), ("p", "P"),
    ("q", "K"), ("r", "R"), ("s", "S"), ("t", "T"), ("u", "AH"), ("v", "V"), ("w", "W"), ("x", "K S"), ("y", "IY"),
    ("z", "Z"),
)  # fmt: skip


class Sounds:
    """Pronunciations, read from a dictionary file as they are needed and then kept."""

    def __init__(self, dictionary: Path) -> None:
        self._dictionary = dictionary
        self._known: dict[str, tuple[str, ...]] = dict(OWN)

    def of(self, words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """The pronunciations of each word, at least one; without words that have no letters."""
        wanted = set(words)
        missing = wanted - self._known.keys()
        if missing:
            self._known.update(self._read(missing))
            for word in missing - self._known.keys():
                if guess := guessed(word):
                    self._known[word] = (guess,)
        return {word: self._known[word] for word in sorted(wanted) if word in self._known}

    def _read(self, wanted: set[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        with self._dictionary.open(encoding="utf-8") as lines:
            for line in lines:
                head, _, phones = line.partition(" ")
                word = head.partition("(")[0]
                if word in wanted:
                    found[word] = (*found.get(word, ()), phones.strip())
        return found


def guessed(word: str) -> str:
    """The phones of a word by its spelling; "" when there is nothing to say."""
    rest = re.sub(r"(.)\1", r"\1", re.sub(r"[^a-z]", "", word.lower()))
    if len(rest) > 3 and rest.endswith("e"):
        rest = rest[:-1]
    phones: list[str] = []
    while rest:
        letters, sound = next(rule for rule in _RULES if rest.startswith(rule[0]))
        phones.append(sound)
        rest = rest[len(letters) :]
    return " ".join(phones)


def as_dictionary(sounds: Mapping[str, tuple[str, ...]]) -> str:
    """The pronunciations as the text of a dictionary file."""
    lines = []
    for word, ways in sounds.items():
        lines += [f"{word}{f'({at})' if at > 1 else ''} {way}" for at, way in enumerate(ways, 1)]
    return "\n".join([*lines, ""])
