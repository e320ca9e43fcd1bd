"""Saying it: sentences made ahead, played in order, stopped at any moment, and what was heard of them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.channel import Line
from hub.engine import EngineFailed
from hub.voice.chain import Chain
from hub.voice.journal import Journal
from hub.voice.ledger import Ledger, Sentence, Utterance, unheard
from hub.voice.speech import Format
from hub.voice.synthesis import KEPT, OpenMouth, Ready, Synthesis, made

MADE_AHEAD = 2
"""Sentences being made at once: the one that is played and the next."""


@dataclass(slots=True)
class Said:
    """An utterance under way: what is left to say, and who wants to know of its first sound and its end."""

    utterance: Utterance
    mouths: Chain[OpenMouth]
    interruptible: bool = True
    filler: bool = False
    waiting: deque[str] = field(default_factory=deque)
    open: bool = True
    begun: Callable[["Said"], None] | None = None
    ended: Callable[["Said", str], None] | None = None
    timing: dict[str, Any] = field(default_factory=dict)
    first_request_at: float = 0.0
    first_chunk_at: float = 0.0
    sounded: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Speaking:
    """The agent's side of the line. Utterances are played one after the other."""

    def __init__(
        self, line: Line, format: Format, ledger: Ledger, mouths: Chain[OpenMouth], journal: Journal, began_at: float
    ) -> None:
        self.line, self.format, self.ledger = line, format, ledger
        self._mouths, self._journal, self._began_at = mouths, journal, began_at
        self._time = asyncio.get_running_loop().time
        self._numbers = 0
        self._queue: deque[Said] = deque()
        self._news = asyncio.Event()
        self._player: asyncio.Task[None] | None = None
        self._held: Said | None = None
        self._stopping = False
        self._muted = False
        self.voiceless = False
        self._sounds_until = began_at

    # what others ask

    @property
    def now(self) -> float:
        return self._time()

    @property
    def current(self) -> Said | None:
        """What is being said or waits to be said first."""
        return self._queue[0] if self._queue else None

    @property
    def sounding(self) -> bool:
        """Whether the person still has something to hear."""
        return self.ledger.unplayed(self.line.played()) > 0

    @property
    def busy(self) -> bool:
        return bool(self._queue)

    @property
    def held(self) -> bool:
        return self._held is not None

    @property
    def stopping(self) -> bool:
        return self._stopping

    def position(self) -> int:
        return self.ledger.position(self.line.played())

    @property
    def quiet_since(self) -> float:
        """When the last sound ended for the person; now, while there still is some."""
        return min(self._sounds_until, self.now)

    def ahead_seconds(self) -> float:
        """How long what was given will still sound."""
        return self.ledger.unplayed(self.line.played()) / self.format.bytes_per_second

    # saying

    def begin(
        self,
        *,
        author: str = "agent",
        interruptible: bool = True,
        filler: bool = False,
        begun: Callable[[Said], None] | None = None,
        ended: Callable[[Said, str], None] | None = None,
        first: bool = False,
    ) -> Said:
        """A new utterance behind those there are, or `first` before those that have not begun."""
        self._numbers += 1
        said = Said(Utterance(self._numbers, author), self._mouths, interruptible, filler, begun=begun, ended=ended)
        if first:
            at = next((i for i, other in enumerate(self._queue) if not other.utterance.begun_at), len(self._queue))
            self._queue.insert(at, said)
        else:
            self._queue.append(said)
        self._wake()
        return said

    async def add(self, said: Said, sentence: str) -> None:
        """One more sentence of it; waits while enough of them are waiting."""
        said.waiting.append(sentence)
        self._wake()
        while len(said.waiting) > MADE_AHEAD and not said.over.is_set():
            self._news.clear()
            await self._news.wait()

    def close(self, said: Said) -> None:
        """Nothing more comes."""
        said.open = False
        self._wake()

    def say(self, text: str, **options: Any) -> Said:
        """A whole utterance of one sentence at once."""
        said = self.begin(**options)
        said.waiting.append(text)
        self.close(said)
        return said

    def mute(self, muted: bool) -> None:
        """While muted, sound goes on its way as silence."""
        self._muted = muted

    def use(self, mouths: Chain[OpenMouth]) -> None:
        """Somebody else speaks from now on; what was begun or waits is said by who began it."""
        self._mouths = mouths

    async def done_with(self, mouths: Chain[OpenMouth]) -> None:
        """Until nothing is left that these have to say."""
        for said in [one for one in self._queue if one.mouths is mouths]:
            await said.over.wait()

    def can_speak(self) -> None:
        """The first voice is at work: what waited for it is said."""
        self._news.set()

    def _wake(self) -> None:
        self._news.set()
        if self._player is None and self._held is None and not self._stopping:
            self._player = asyncio.create_task(self._play())

    # stopping

    async def hold(self) -> Said | None:
        """Stop now: what is unplayed is cleared. Gives what was cut, which `resume` goes on with or `drop` ends."""
        said = self.current
        self._stopping = True  # what is added meanwhile must not start a new player
        try:
            await self._stop_player()
            played = self.line.played()
            position = self.ledger.position(played)
            if self.ledger.unplayed(played):
                await self.line.clear()
        finally:
            self._stopping = False
        self.ledger.clear(played)
        self._sounds_until = self.quiet_since
        for one in self._queue:  # a filler may be played before what is current
            for sentence in one.utterance.sentences[-1:]:
                if not sentence.whole or position < sentence.end:
                    self._cut(one, position)
        if said is None or said.over.is_set():
            if self._queue:
                self._wake()
            return None
        self._held = said
        return said

    def _cut(self, said: Said, position: int) -> None:
        """Put back what was not heard: of the sentences given, and before those still waiting."""
        left: list[str] = []
        for sentence in said.utterance.sentences:
            if position >= sentence.end and sentence.whole:
                continue
            heard = self.ledger.heard(Utterance(0, sentences=[sentence]), position)
            rest = unheard(sentence.text, heard)
            if rest:
                left.append(rest)
            sentence.text, sentence.whole = heard, True
            sentence.end = min(sentence.end, position)
        said.utterance.sentences = [s for s in said.utterance.sentences if s.text]
        said.waiting.extendleft(reversed(left))

    def resume(self) -> None:
        """It was no interruption: go on where we stopped."""
        self._held = None
        self._wake()

    def drop(self) -> None:
        """It was one: what was cut stays unsaid, and all that waited behind it."""
        said, self._held = self._held, None
        queue, self._queue = list(self._queue), deque()
        for one in queue:
            one.utterance.cut = one is said or bool(one.utterance.begun_at)
            self._end(one)

    def forget(self) -> None:
        """Say nothing more of what waits; what has been given to the line still sounds."""
        for said in self._queue:
            said.waiting.clear()
            said.open = False
        self._news.set()

    async def silence(self) -> None:
        """Stop now and say none of what was left."""
        await self.hold()
        self.drop()

    async def _stop_player(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            player.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await player

    async def aclose(self, position: int) -> None:
        """The call is over: what was heard until `position` is all."""
        await self._stop_player()
        if self._queue:
            if self._held is None:
                for said in self._queue:
                    self._cut(said, position)
            self.drop()

    # playing

    async def _play(self) -> None:
        ahead: deque[Synthesis | Ready] = deque()
        try:
            while self._queue:
                said = self._turn()
                while [made.text for made in ahead] != [*said.waiting][: len(ahead)]:  # dropped while they were made
                    ahead.pop().cancel()
                self._request(said, ahead)
                if not ahead:
                    if said.open or said.waiting:  # for its next sentence, or for the first voice
                        self._news.clear()
                        await self._news.wait()
                        continue
                    await self._played_out()
                    self._queue.remove(said)
                    self._end(said)
                    continue
                await self._sentence(said, ahead)
        finally:
            for synthesis in ahead:
                synthesis.cancel()
            if self._player is asyncio.current_task():
                self._player = None

    def _turn(self) -> Said:
        """What is to be said now: a filler goes before an utterance that waits for its next sentence."""
        first = self._queue[0]
        if first.open and not first.waiting:
            return next((said for said in self._queue if said.filler and not said.open), first)
        return first

    def _request(self, said: Said, ahead: deque[Synthesis | Ready]) -> None:
        """Let the next sentences be made."""
        opened = said.mouths.engine
        while opened is not None and len(ahead) < MADE_AHEAD and len(ahead) < len(said.waiting):
            text = said.waiting[len(ahead)]
            if not said.first_request_at:
                said.first_request_at = self.now
            sound = KEPT.get(_voice(said.mouths), text, self.format) if said.filler else None
            ahead.append(Ready(text, sound) if sound is not None else Synthesis(opened, text, self.format))
        if opened is None and said.waiting and said.mouths.spent:
            self.voiceless = True
            said.waiting.clear()

    async def _sentence(self, said: Said, ahead: deque[Synthesis | Ready]) -> None:
        synthesis, whole = ahead.popleft(), said.waiting.popleft()
        sentence = self.ledger.begin(said.utterance, whole)
        sentence.size = synthesis.size
        self._news.set()
        try:
            async for chunk in synthesis.chunks(self.ahead_seconds):
                self._request(said, ahead)
                await self._give(said, sentence, chunk)
        except EngineFailed as error:
            for made_in_vain in ahead:
                made_in_vain.cancel()
            ahead.clear()
            await self._mouth_failed(said, sentence, str(error))
        else:
            said.mouths.worked()
            sentence.whole = True
        finally:
            synthesis.cancel()

    async def _mouth_failed(self, said: Said, sentence: Sentence, why: str) -> None:
        """Another voice says what this one did not."""
        whole = sentence.text
        if sentence.end > sentence.begin:
            sentence.text = self.ledger.heard(Utterance(0, sentences=[sentence]), sentence.end)
            sentence.whole = True
        else:
            sentence.text = ""
        said.utterance.sentences = [s for s in said.utterance.sentences if s.text]
        if rest := unheard(whole, sentence.text):
            said.waiting.appendleft(rest)
        await said.mouths.next(why)

    async def _give(self, said: Said, sentence: Sentence | None, sound: bytes) -> None:
        if self._muted:
            sound = (b"\xff" if self.format.codec == "mulaw" else b"\0") * len(sound)
        first = not said.utterance.begun_at
        if first:
            said.first_chunk_at = said.utterance.begun_at = self.now
            said.sounded.set()
        self.ledger.give(sound, sentence)
        self._sounds_until = max(self._sounds_until, self.now) + len(sound) / self.format.bytes_per_second
        if first or (sentence is not None and sentence.end - sentence.begin == len(sound)):
            if first and said.begun is not None:
                said.begun(said)
            playing = self.line.play(sound)
            self._tell(said)
            await playing
        else:
            await self.line.play(sound)

    def _tell(self, said: Said) -> None:
        utterance = said.utterance
        self._journal.speaks(utterance.number, utterance.author, utterance.text, self.ms(utterance.begun_at))
        caption = {"role": utterance.author, "text": utterance.text, "final": False, "number": utterance.number}
        self.line.tell({"type": "caption", **caption})

    def ms(self, at: float) -> int:
        return round((at - self._began_at) * 1000)

    async def _played_out(self) -> None:
        """Until the person has heard it all. What the carrier never confirms counts as heard after its time."""
        while (left := self.ahead_seconds()) > 0:  # noqa: ASYNC110 - the line's own count is asked again
            await asyncio.sleep(max(left, 0.01))

    def _end(self, said: Said) -> None:
        utterance = said.utterance
        if said.over.is_set():
            return
        said.over.set()
        said.sounded.set()
        utterance.ended_at = self.now
        heard = utterance.text
        utterance.rest = " ".join(said.waiting)
        said.waiting.clear()
        self._news.set()
        if utterance.begun_at:
            self._times(said)
            self._journal.spoke(
                utterance.number, utterance.author, utterance.text, heard, self.ms(utterance.ended_at), said.timing
            )
        if said.ended is not None:
            said.ended(said, heard)

    def _times(self, said: Said) -> None:
        per_second = self.format.bytes_per_second
        begin = said.utterance.sentences[0].begin if said.utterance.sentences else 0
        start = self.ms(said.utterance.begun_at)
        said.timing["sentences"] = [
            [start + (s.begin - begin) * 1000 // per_second, start + (s.end - begin) * 1000 // per_second, s.text]
            for s in said.utterance.sentences
        ]

    async def prepare(self, phrases: list[str]) -> None:
        """Have phrases ready that must come at once."""
        for text in phrases:
            opened, voice = self._mouths.engine, _voice(self._mouths)
            if not text or opened is None or KEPT.get(voice, text, self.format) is not None:
                continue
            with contextlib.suppress(EngineFailed):
                KEPT.put(voice, text, self.format, await made(opened, text, self.format))


def _voice(mouths: Chain[OpenMouth]) -> str:
    """Which voice speaks: the engine, and what it was opened with."""
    return f"{mouths.name} {mouths.engine.voice}" if mouths.engine is not None else ""
