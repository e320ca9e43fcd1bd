"""Documents cut into passages that can be found and said: each with the heading it stands under and its source."""

import re
from collections.abc import Iterator

from hub.dialogue.text import sentences
from hub.dialogue.turn import Passage

WHOLE, LONGEST = 1_200, 900
"""A document of so many characters stays one passage; of a longer one, a passage has about so many at most."""
MOST = 5_000
_PAGE = re.compile(r"--- page (\d+) ---")
_HEADING = re.compile(r"#{1,6}\s+(\S.{0,150})")


def passages(title: str, text: str, source: str = "") -> list[Passage]:
    """A document's passages, in its order."""
    if len(text) <= WHOLE and not _PAGE.search(text):
        return [Passage(title, text, source)]
    made: list[Passage] = []
    heading, place, gathered = "", "", ""

    def take() -> None:
        nonlocal gathered
        if gathered.strip():
            named = f"{title}: {heading}" if heading and heading.lower() != title.lower() else title
            made.append(Passage(named, gathered.strip(), f"{source}, {place}".strip(", ") if place else source))
        gathered = ""

    for block in re.split(r"\n\s*\n", text):
        block = block.strip()
        if page := _PAGE.fullmatch(block):
            take()
            place = f"page {page[1]}"
        elif found := _HEADING.match(block):
            take()
            heading, gathered = found[1].strip(), block.partition("\n")[2].strip()
        else:
            for part in _parts(block):
                if gathered and len(gathered) + len(part) > LONGEST:
                    take()
                gathered = f"{gathered}\n{part}" if gathered else part
        if len(made) >= MOST:
            return made[:MOST]
    take()
    return made


def _parts(block: str) -> Iterator[str]:
    """A block in pieces of a passage's length, cut between sentences where it can be."""
    if len(block) <= LONGEST:
        yield block
        return
    held = ""
    for sentence in sentences(block):
        for begin in range(0, len(sentence), LONGEST):
            piece = sentence[begin : begin + LONGEST]
            if held and len(held) + len(piece) + 1 > LONGEST:
                yield held
                held = ""
            held = f"{held} {piece}" if held else piece
    if held:
        yield held
