"""A caller: what they say and when, and the carrier between them and the hub, which plays, marks and clears."""

import asyncio
import json
import random
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from tests.bench.voice import wire

SENTENCES = (1, 1, 2, 2, 3, 5)
ANSWER_WITHIN = 8.0
CLEAR_WITHIN = 4.0
_MEDIA = b'"payload":"'
_NAME = b'"name":"'


@dataclass(slots=True)
class Exchange:
    """One turn of the caller and what came of it; seconds of the machine's monotonic clock, 0 where it did not come.

    `interrupts` says that the agent was speaking; then `cleared_at` should follow `began_at`.
    """

    turn: int
    sentences: int
    interrupts: bool
    silent: bool
    began_at: float = 0.0
    ended_at: float = 0.0
    answered_at: float = 0.0
    cleared_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """Real speech, cut into frames of 20 ms whose first 24 samples are left to the mark; as base64."""

    rests: Sequence[str]

    @classmethod
    def of(cls, audio: bytes) -> "Utterance":
        frames = [audio[at : at + wire.FRAME] for at in range(0, len(audio) - wire.FRAME + 1, wire.FRAME)]
        return cls([b64encode(frame[wire.MARK_BYTES :]).decode() for frame in frames])


class Sends(Protocol):
    def send(self, text: bytes) -> None: ...


class Carrier:
    """Plays what the hub sends as a phone network does.

    `log` keeps every message, when it was taken up, and by how much earlier it may have come: this process may have
    had no time for it. `awake_at` tells when it last had.
    """

    def __init__(self, stream: str, awake_at: Callable[[], float]) -> None:
        self.stream = stream
        self._awake_at = awake_at
        self.log: list[tuple[float, float, bytes]] = []
        self.until = 0.0
        self.sequence = 1
        self._marks: deque[tuple[bytes, asyncio.TimerHandle]] = deque()
        self._loop = asyncio.get_running_loop()
        self.socket: Sends
        self.on_media: Callable[[float], None] = lambda now: None
        self.on_clear: Callable[[float], None] = lambda now: None
        self._before = b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d",'
        self._between = b'"timestamp":"%d","payload":"%b"},"streamSid":"' + stream.encode() + b'"}'

    def take(self, text: bytes, now: float) -> None:
        self.log.append((now, max(now - self._awake_at(), 0.0), text))
        if text.startswith(b'{"event":"media"'):
            self.until = max(self.until, now) + payload_bytes(text) / wire.RATE
            self.on_media(now)
        elif text.startswith(b'{"event":"mark"'):
            begin = text.index(_NAME) + len(_NAME)
            name = text[begin : text.index(b'"', begin)]
            timer = self._loop.call_later(max(self.until - now, 0), self._played)
            self._marks.append((name, timer))
        elif text.startswith(b'{"event":"clear"'):
            self.until = now
            self.on_clear(now)
            while self._marks:
                self._marks[0][1].cancel()
                self._played()

    def _played(self) -> None:
        name, _ = self._marks.popleft()
        self.sequence += 1
        given = (self.sequence, self.stream.encode(), name)
        self.socket.send(b'{"event":"mark","sequenceNumber":"%d","streamSid":"%b","mark":{"name":"%b"}}' % given)

    def hand_over(self, chunk: int, payload: bytes) -> None:
        """A frame of the caller's sound, as base64."""
        self.sequence += 1
        text = (self._before + self._between) % (self.sequence, chunk, chunk * 20 - 20, payload)
        self.socket.send(text)

    def stop(self) -> None:
        for _, timer in self._marks:
            timer.cancel()
        self._marks.clear()


def payload_bytes(text: bytes) -> int:
    begin = text.index(_MEDIA) + len(_MEDIA)
    end = text.index(b'"', begin)
    return (end - begin) * 3 // 4 - text.count(b"=", end - 2, end)


def handshake(carrier: Carrier, account: str, call: str, ticket: str) -> None:
    """The first two messages of a stream."""
    start = {
        "streamSid": carrier.stream, "accountSid": account, "callSid": call, "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"ticket": ticket},
    }  # fmt: skip
    carrier.socket.send(b'{"event":"connected","protocol":"Call","version":"1.0.0"}')
    first = {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": carrier.stream}
    carrier.socket.send(json.dumps(first, separators=(",", ":")).encode())


@dataclass
class Person:
    """Speaks, listens to the end or interrupts, and speaks again. `tick` is called every 20 ms."""

    number: int
    carrier: Carrier
    utterances: Sequence[Utterance]
    quiet: Sequence[bytes]
    silent: bool
    chance: random.Random
    exchanges: list[Exchange] = field(default_factory=list)
    opened_at: float = 0.0
    chunk: int = 0
    _frames: list[bytes] = field(default_factory=list)
    _at: int = 0
    _speak_at: float = 0.0
    _interrupt: bool = False

    def __post_init__(self) -> None:
        self.carrier.on_media, self.carrier.on_clear = self._media, self._clear

    def tick(self, now: float) -> None:
        self.chunk += 1
        if self._frames:
            self._speak(now)
        else:
            self.carrier.hand_over(self.chunk, self.quiet[self.chunk % len(self.quiet)])
            if self._speak_at and now >= self._speak_at:
                self._begin()
            elif self.exchanges and not self._speak_at and now > self.exchanges[-1].ended_at + ANSWER_WITHIN:
                self._speak_at, self._interrupt = now, False

    def _speak(self, now: float) -> None:
        exchange = self.exchanges[-1]
        if not self._at:
            exchange.began_at = now
        frame = self._frames[self._at]
        self._at += 1
        if self._at == len(self._frames):
            exchange.ended_at = now
            self._frames = []
        self.carrier.hand_over(self.chunk, frame)

    def _begin(self) -> None:
        """With the next frame a new turn begins."""
        self._speak_at = 0.0
        turn, sentences = len(self.exchanges) + 1, self.chance.choice(SENTENCES)
        self.exchanges.append(Exchange(turn, sentences, self._interrupt, self.silent))
        rests = self.chance.choice(self.utterances).rests
        self._frames, self._at = [], 0
        for at, rest in enumerate(rests):
            mark = wire.Mark(self.number, turn, sentences, at, at == len(rests) - 1, self.silent)
            self._frames.append(b64encode(wire.marked(mark)) + rest.encode())

    def _media(self, now: float) -> None:
        if not self.exchanges:
            if not self.opened_at:
                self.opened_at = now
                self._plan(now, wire.size(wire.part(0, 0, 1, 1)) / wire.RATE, False)
            return
        exchange = self.exchanges[-1]
        if exchange.ended_at and not exchange.answered_at:
            exchange.answered_at = now
            seconds = sum(map(wire.size, wire.answer(self.number, exchange.turn, exchange.sentences))) / wire.RATE
            self._plan(now, seconds, self.chance.random() < 0.5)

    def _plan(self, now: float, seconds: float, interrupt: bool) -> None:
        """When to speak next: in the midst of the answer, or a moment after it."""
        self._interrupt = interrupt
        if interrupt:
            self._speak_at = now + self.chance.uniform(0.5, seconds - 1.2)
        else:
            self._speak_at = now + seconds + self.chance.uniform(0.4, 1.0)

    def _clear(self, now: float) -> None:
        exchange = self.exchanges[-1] if self.exchanges else None
        if exchange is not None and exchange.interrupts and exchange.began_at and not exchange.cleared_at:
            exchange.cleared_at = now


class Echoed:
    """A caller of the shovel: every so often, how long a frame takes there and back."""

    def __init__(self, carrier: Carrier, quiet: Sequence[bytes]) -> None:
        self.carrier, self._quiet, self.chunk = carrier, quiet, 0
        self._sent_at = 0.0
        self.took: list[float] = []
        self.back = 0
        carrier.take = self._take  # type: ignore[method-assign]

    def tick(self, now: float) -> None:
        self.chunk += 1
        self._sent_at = monotonic()
        self.carrier.hand_over(self.chunk, self._quiet[self.chunk % len(self._quiet)])

    def _take(self, text: bytes, now: float) -> None:
        self.back += 1
        self.took.append(now - self._sent_at)
