"""Listening: sound goes to the ears, words and quiet come back, and at some point the person has finished."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from hub.models.voice import VadConfig
from hub.voice.activity import Activity
from hub.voice.codecs import Converter
from hub.voice.speech import Ears, EndOfTurn, Format, Heard, Resumed, SpeechBegan, Words
from hub.voice.turns import NEVER_FINAL_SECONDS, Turns

SETTLING_SECONDS = 0.8
DEAF_SPEECH_MS = 1_200
REPEATED_SECONDS = 8.0
QUIET_PIECE_MS = 80
"""Of quiet, the ears are given so much at once, which is what Deepgram asks for: a message for each 20 ms of it is work
for nothing. https://developers.deepgram.com/docs/flux/quickstart"""
LAST_WORDS_SECONDS = 0.8
"""So long the ears have, when no more sound comes, for what was said last."""


@dataclass(slots=True)
class OpenEars:
    """A transcriber at work, and what it is fed through; `settles_in` seconds at most it takes to settle words."""

    ears: Ears
    converter: Converter
    ends_turns: bool
    settles_in: float = SETTLING_SECONDS

    async def close(self) -> None:
        await self.ears.close()


@dataclass(frozen=True, slots=True)
class CustomerTurn:
    """What the person said, or pressed (`keys`), in one go. Times are seconds of the loop's clock."""

    text: str
    began_at: float
    ended_at: float
    over_at: float
    settled_at: float
    keys: bool = False

    def timing(self) -> dict[str, Any]:
        """How long it took to know that they had finished, and what they said."""
        return {
            "end_of_turn_ms": max(round((self.over_at - self.ended_at) * 1000), 0),
            "transcriber_ms": max(round((self.settled_at - self.ended_at) * 1000), 0),
        }


class Listener(Protocol):
    """Who is told."""

    def speech_goes_on(self, spoken_ms: float, text: str) -> None:
        """The person is speaking, for so long, with these words so far."""
        ...

    def words(self, text: str, final: bool) -> None:
        """All words of this turn so far."""
        ...

    def likely_over(self, text: str) -> None: ...

    def goes_on(self) -> None:
        """The likely end was none."""
        ...

    def turn_over(self, turn: CustomerTurn) -> None: ...

    def not_understood(self, deaf: bool) -> None:
        """They spoke and are quiet again, and no words came. `deaf`: the ears gave no sign of anything at all."""
        ...

    def nothing(self) -> None:
        """What seemed to be speech was too short to be any, such as a cough."""
        ...


class Hearing:
    """One person's side of the line."""

    def __init__(self, format: Format, turns: Turns, listener: Listener) -> None:
        self._loop = asyncio.get_running_loop()
        self.format, self._turns, self._listener = format, turns, listener
        vad = turns.settings.vad_config
        self.activity = Activity(format, VadConfig(**{**vad.model_dump(), "stop_secs": max(vad.stop_secs / 2, 0.1)}))
        self._pause_seconds = max(vad.stop_secs / 2, 0.1)
        self._open: OpenEars | None = None
        self._ring: deque[bytes] = deque()
        self._ring_size = 0
        self._quiet = b""
        self._quiet_piece = format.size(QUIET_PIECE_MS)
        self._timer: asyncio.TimerHandle | None = None
        self._finals: list[str] = []
        self._partial = ""
        self._began_at = self._quiet_at = self._settled_at = self._loop.time()
        self._settling = self._in_turn = self._signs = False
        self._settled = asyncio.Event()
        self._spoken_ms = self._over_at_ms = 0

    @property
    def text(self) -> str:
        """The words of this turn so far."""
        return " ".join(part for part in (*self._finals, self._partial) if part)

    @property
    def speaking(self) -> bool:
        return self.activity.speaking

    @property
    def under_way(self) -> bool:
        """Whether the person has begun something that is not finished."""
        return self._in_turn

    @property
    def began_at(self) -> float:
        """When the present turn began."""
        return self._began_at

    @property
    def wordless_seconds(self) -> float:
        """For how long the person has been making sound, in something under way, without a word of it understood."""
        wordless = self._in_turn and self.activity.speaking and not self.text
        return self._loop.time() - self._began_at if wordless else 0.0

    @property
    def _engine_decides(self) -> bool:
        opened = self._open
        return opened is not None and opened.ends_turns and self._turns.settings.end_of_turn == "engine"

    def use(self, opened: OpenEars | None) -> None:
        """Listen with these ears from now on; they are told the last of what was said."""
        self._open, self._quiet = opened, b""
        if opened is None:
            self._settled.set()
        else:
            for audio in self._ring:
                opened.ears.feed(opened.converter.convert(audio))

    def feed(self, audio: bytes) -> None:
        """Take what the person says, in the line's format."""
        edge = self.activity.hear(audio)
        if self._open is not None:
            self._quiet += audio
            if self._in_turn or not self.activity.hushed or len(self._quiet) >= self._quiet_piece:
                self._give_ears(self._open)
        if self.activity.speaking:
            if edge == "began":
                self._speech_begins()
            self._keep(audio)
            if not self.activity.quiet_ms:
                self._spoken_ms = self._since_last_turn()
                self._listener.speech_goes_on(self._spoken_ms, self.text)
        elif edge == "ended" and self._in_turn:
            self._quiet_begins()

    def _give_ears(self, opened: OpenEars) -> None:
        """All they were not given yet. What is no quiet, and all until the end of a turn, they are given at once."""
        audio, self._quiet = self._quiet, b""
        opened.ears.feed(opened.converter.convert(audio))

    def _since_last_turn(self) -> int:
        """How long the present speech is, without what belongs to the turn that is over."""
        return self.activity.ended_ms - max(self.activity.began_ms, self._over_at_ms)

    def _keep(self, audio: bytes) -> None:
        self._ring.append(audio)
        self._ring_size += len(audio)
        while self._ring_size > self.format.size(REPEATED_SECONDS * 1000):
            self._ring_size -= len(self._ring.popleft())

    def _speech_begins(self) -> None:
        self._stop_timer()
        if not self._in_turn:
            self._in_turn, self._signs, self._spoken_ms = True, False, 0
            self._began_at = self._loop.time() - self.activity.spoken_ms / 1000
        self._listener.goes_on()

    def _quiet_begins(self) -> None:
        self._quiet_at = self._loop.time() - self.activity.quiet_ms / 1000
        if self._open is not None and not self._engine_decides:
            self._settling = True
            self._open.ears.finish()
        self._arm()

    def _arm(self) -> None:
        """Look again when it has been quiet for as long as these words ask for."""
        self._stop_timer()
        text = self.text
        patience = self._turns.patience_seconds(text)
        if self._engine_decides or not text:
            patience = max(patience, NEVER_FINAL_SECONDS)
        due = self._quiet_at + patience
        if self._settling:
            settles_in = self._open.settles_in if self._open is not None else SETTLING_SECONDS
            due = max(due, self._quiet_at + self._pause_seconds + settles_in)
        self._timer = self._loop.call_at(max(due, self._loop.time()), self._due)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        if not self.activity.speaking:
            self._over()

    def take(self, heard: Heard) -> None:
        """What the ears say."""
        self._signs = True
        match heard:
            case Words():
                self._words(heard)
            case EndOfTurn(likely=True):
                if self._engine_decides and self.text:
                    self._listener.likely_over(self.text)
            case EndOfTurn():
                if self._engine_decides and self.text:
                    if not self.activity.speaking:
                        self._quiet_at = self._loop.time() - self.activity.quiet_ms / 1000
                    self._over()
            case Resumed():
                self._listener.goes_on()
            case SpeechBegan():
                if not self._in_turn:
                    self._in_turn, self._began_at = True, self._loop.time()
                    if not self.activity.speaking:  # too faint for us; no words may ever come of it
                        self._quiet_at = self._began_at
                        self._arm()
                self._listener.speech_goes_on(self._spoken_ms, self.text)

    def _words(self, heard: Words) -> None:
        now, before = self._loop.time(), self.text
        if not self._in_turn and heard.text:
            self._in_turn, self._began_at = True, now
        self._partial = "" if heard.final else heard.text
        if heard.final:
            self._settling, self._settled_at = False, now
            self._settled.set()
            if heard.text:
                self._finals.append(heard.text)
        if self.text != before or heard.final:
            self._listener.words(self.text, heard.final)
        if self.activity.speaking:
            self._listener.speech_goes_on(self._spoken_ms, self.text)
        elif self._in_turn:
            if not self._spoken_ms and self.text != before:  # too faint for us, but not for the engine
                self._quiet_at = max(self._quiet_at, now - self._pause_seconds)
            eager = heard.final and not self._engine_decides and self.text
            self._arm()
            if eager:
                self._listener.likely_over(self.text)

    def _over(self) -> None:
        self._stop_timer()
        self._settled.set()
        text, now = self.text, self._loop.time()
        spoken, signs, began = self._spoken_ms, self._signs, self._began_at
        ended = self._quiet_at if not self.activity.speaking else now
        if self._settled_at < began:
            self._settled_at = now
        turn = CustomerTurn(text, began, max(ended, began), now, self._settled_at)
        self._finals, self._partial, self._in_turn, self._settling = [], "", False, False
        self._spoken_ms, self._over_at_ms = 0, self.activity.heard_ms
        self._ring.clear()
        self._ring_size = 0
        if text:
            self._listener.turn_over(turn)
        elif spoken >= DEAF_SPEECH_MS / 2:
            self._listener.not_understood(deaf=not signs and spoken >= DEAF_SPEECH_MS)
        else:
            self._listener.nothing()

    def forget(self) -> None:
        """Nothing of this turn counts: it was said to somebody else."""
        self._stop_timer()
        self._finals, self._partial, self._in_turn, self._settling = [], "", False, False

    async def hear_out(self, *, wait: bool = True) -> None:
        """No more sound comes: hear to its end what was begun, if it is soon. Who listens is told as of any turn.

        Without `wait`, the words there are count.
        """
        unsettled = self._engine_decides or self._settling or self.activity.speaking or self._partial
        if wait and self._in_turn and self._open is not None and unsettled:
            self._settled.clear()
            self._open.ears.finish()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_SECONDS):
                    await self._settled.wait()
        if self._in_turn and self.text:
            self._over()
        self._stop_timer()
