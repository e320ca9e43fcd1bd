"""What the customer heard of what was said: counted in bytes that the line has played, never in promises."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hub.voice.speech import Format


@dataclass(slots=True)
class Sentence:
    """One sentence on its way: `begin` and `end` are places in all that was ever given to the line, in bytes.

    `end` is what was given so far; `whole` says that nothing follows. `size` tells how many bytes it will have,
    0 while that is not known.
    """

    text: str
    begin: int
    end: int
    whole: bool = False
    size: Callable[[], int] = lambda: 0


@dataclass(slots=True)
class Utterance:
    """All that is said in one go, and what became of it."""

    number: int
    author: str = "agent"
    sentences: list[Sentence] = field(default_factory=list)
    begun_at: float = 0.0
    ended_at: float = 0.0
    cut: bool = False
    rest: str = ""

    @property
    def text(self) -> str:
        """Everything that was to be said."""
        said = " ".join(sentence.text for sentence in self.sentences)
        return f"{said} {self.rest}".strip() if self.rest else said


class Ledger:
    """Bytes given to the line, in order, against bytes it has played."""

    def __init__(self, format: Format) -> None:
        self.format = format
        self.given = 0
        self._played = 0
        self._waiting: deque[bytes] = deque()
        self._gone = 0

    def begin(self, utterance: Utterance, text: str) -> Sentence:
        """The next bytes belong to this sentence."""
        sentence = Sentence(text, self.given, self.given)
        utterance.sentences.append(sentence)
        return sentence

    def give(self, audio: bytes, sentence: Sentence | None = None) -> None:
        """These bytes go to the line now."""
        self._waiting.append(audio)
        self.given += len(audio)
        if sentence is not None:
            sentence.end = self.given

    def take_played(self, played: int) -> bytes:
        """The bytes that have been played since the last call, `played` being the line's own count."""
        new = min(played, self.given - self._gone) - self._played
        if new <= 0:
            return b""
        self._played += new
        parts = []
        while new > 0:
            head = self._waiting.popleft()
            if len(head) > new:
                self._waiting.appendleft(head[new:])
                head = head[:new]
            parts.append(head)
            new -= len(head)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def taken(self) -> int:
        """Where what `take_played` gave last ends, in the same count as a sentence's `begin` and `end`."""
        return self._played + self._gone

    def position(self, played: int) -> int:
        """Where the person's ear is, in the same count as a sentence's `begin` and `end`."""
        return min(played + self._gone, self.given)

    def unplayed(self, played: int) -> int:
        """How many bytes are still to be played."""
        return self.given - self.position(played)

    def clear(self, played: int) -> bytes:
        """What is not played never will be; gives what was played since the last `take_played`."""
        last = self.take_played(played)
        self._waiting.clear()
        self._gone = self.given - self._played
        return last

    def heard(self, utterance: Utterance, position: int) -> str:
        """The words of it that were heard when the ear was at `position`."""
        parts = []
        for sentence in utterance.sentences:
            if sentence.whole and position >= sentence.end:
                parts.append(sentence.text)
            elif position > sentence.begin:
                parts.append(self._part(sentence, position))
        return " ".join(part for part in parts if part)

    def _part(self, sentence: Sentence, position: int) -> str:
        """The words of a sentence that fit into the share of its sound that was played."""
        length = sentence.end - sentence.begin
        if not sentence.whole:
            length = sentence.size() or max(length, self.format.size(_expected_ms(sentence.text)))
        share = (position - sentence.begin) / max(length, 1)
        kept, at, total = [], 0, max(len(sentence.text), 1)
        for word in sentence.text.split():
            at = sentence.text.index(word, at) + len(word)
            if at / total > share:
                break
            kept.append(word)
        return " ".join(kept)


def _expected_ms(text: str) -> float:
    """About how long a sentence takes to say: 15 characters a second."""
    return len(text) / 15 * 1000


def unheard(whole: str, heard: str) -> str:
    """What is left of the words when so many of them were heard."""
    return " ".join(whole.split()[len(heard.split()) :])
