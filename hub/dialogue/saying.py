"""What a model says, on its way to the customer: by sentences where it is spoken, as one text where it is written."""

import re
from collections.abc import Iterator

from hub.dialogue.exchange import LONGEST, Exchange
from hub.dialogue.phrasing import VOICE
from hub.dialogue.turn import Say

_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+(?=[\"'(\[]?[^\W_a-z]|[¿¡])|\n+")
_WHOLE = re.compile(r"[.!?…](?=\s|$)")
_ABBREVIATED = re.compile(r"(?:^|\b)(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|etc|e\.g|i\.e|a\.m|p\.m|[A-Z]|\d{1,2})\.$")
_SHORTEST = 4
_MARKS = (
    (re.compile(r"\*\*([^*\n]+)\*\*"), r"\1"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
    (re.compile(r"\[([^\]\n]{1,300})\]\((https?://[^)\s]{1,2000})\)"), r"\1: \2"),
    (re.compile(r"^#{1,6} +", re.MULTILINE), ""),
)


class Saying:
    """Takes words as they come. `spoken`: the channel speaks them; `anything`: something has been said in this turn;
    `round`: what was said since `begin`.
    """

    def __init__(self, talk: Exchange) -> None:
        self._talk = talk
        self.spoken = talk.turn.channel in VOICE
        self.anything = False
        self.round = ""
        self._open = ""
        self._length = 0
        self._choices: tuple[str, ...] = ()

    def begin(self, choices: tuple[str, ...]) -> None:
        """The model begins to speak; `choices` are what may be answered."""
        self.round, self._open, self._choices = "", "", choices

    def take(self, words: str, *, hold: bool = False) -> Iterator[Say]:
        """Whole sentences go out at once where they are spoken; with `hold` they wait for the end."""
        self._open += words
        if self.spoken and not hold:
            yield from self._sentences()

    def _sentences(self) -> Iterator[Say]:
        begin = 0
        for end in _END.finditer(self._open):
            sentence = self._open[begin : end.start()].strip()
            if len(sentence) >= _SHORTEST and not _ABBREVIATED.search(sentence):
                begin = end.end()
                yield from self._out(sentence)
        self._open = self._open[begin:]

    def end(self, *, cut: bool = False) -> Iterator[Say]:
        """The model has ended; of an answer that was `cut` only whole sentences are said, if there are any."""
        text, self._open = self._open, ""
        whole = [match.end() for match in _WHOLE.finditer(text)]
        if cut and (whole or self.round):
            text = text[: whole[-1] if whole else 0]
        yield from self._out(text)

    def drop(self) -> None:
        """What has not gone out is not said."""
        self._open = ""

    def _out(self, text: str) -> Iterator[Say]:
        text = plain(text.strip())[: max(LONGEST - self._length, 0)].strip()
        if not re.search(r"\w", text):
            return
        self._length += len(text)
        self.anything = True
        self.round = f"{self.round} {text}".strip()
        if not self.spoken:
            self._talk.parts.append(text)
            return
        choices, self._choices = self._choices, ()
        yield Say(text, choices)


def plain(text: str) -> str:
    """Without the marks of Markdown, which no channel of ours shows."""
    for pattern, instead in _MARKS:
        text = pattern.sub(instead, text)
    return text
