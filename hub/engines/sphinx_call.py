"""One call inside the recognition worker: silence is skipped, speech is decoded stretch by stretch."""

import json
from collections import deque
from typing import Any

import numpy as np
import webrtcvad

from hub.engines.phrase_written import written
from hub.engines.sphinx_library import RATE, Shelved
from hub.engines.worker_frames import BEGAN, EXPECT, FEED, FINAL, FINISH, PARTIAL, Out
from hub.engines.worker_sound import Decoder

FRAME_MS, BLOCK_FRAMES = 20, 5
FRAME_BYTES = RATE * 2 * FRAME_MS // 1000
BLOCK_BYTES = FRAME_BYTES * BLOCK_FRAMES
"""Sound is always decoded in such blocks, so that the same sound gives the same words however it arrived."""
PRE_ROLL, PAUSE = 300 // FRAME_MS, 800 // FRAME_MS
LONGEST_MS = 60_000
PARTIAL_EVERY = 200 // FRAME_MS
MOST_BACKLOG_SECONDS = 120
_QUIETEST = 60.0


class TooMuch(Exception):
    """More sound came than can be worked through."""


class Call:
    """The words of one person, since the last final ones. A stretch of speech ends with 800 ms of quiet."""

    def __init__(self, about: int, book: Shelved, codec: str, rate: int, out: Out) -> None:
        self.about, self._book, self._out = about, book, out
        self._narrow, self._words = rate == 8000, book.words
        self._decoder = book.decoder(narrow=self._narrow)
        self._search: str = ""
        self._expected: tuple[str, ...] = ()
        self._choose(())
        self._source = Decoder(codec, rate, RATE)
        self._vad = webrtcvad.Vad(3)
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._waiting, self._most = 0, MOST_BACKLOG_SECONDS * rate * (2 if codec == "pcm16" else 1)
        self._sound = bytearray()
        self._recent: deque[bytes] = deque(maxlen=PRE_ROLL)
        self._voiced: deque[bool] = deque([False] * 6, maxlen=6)
        self._at = self._began = self._spoke = self._quiet = self._told = 0
        self._open, self._skipped = False, 0
        self._settled: list[str] = []
        self._partial = ""

    def take(self, kind: int, body: bytes) -> None:
        """A frame for this call, worked on in its turn. Raises `TooMuch`."""
        if kind == FEED:
            self._waiting += len(body)
            if self._waiting > self._most:
                raise TooMuch(f"The embedded recogniser is {MOST_BACKLOG_SECONDS} s behind; there are too many calls.")
        self._inbox.append((kind, body))

    @property
    def busy(self) -> bool:
        return bool(self._inbox) or len(self._sound) >= BLOCK_BYTES

    def step(self) -> None:
        """Work on at most 100 ms of sound, or on one wish."""
        if len(self._sound) >= BLOCK_BYTES:
            self._frames()
            return
        kind, body = self._inbox.popleft()
        if kind == FEED:
            self._waiting -= len(body)
            self._sound += self._source.add(body).tobytes()
        elif kind == FINISH:
            self._frames()
            self._finish()
        elif kind == EXPECT:
            self._expected = tuple(str(phrase)[:2000] for phrase in json.loads(body)[:60])
            if not self._open:
                self._choose(self._expected)

    def _choose(self, expected: tuple[str, ...]) -> None:
        """Let the decoder look for a model; between utterances only. New words need a new decoder."""
        name = "|".join(expected) or "base"
        if name == self._search:
            return
        model, words = self._book.model(self._decoder, expected)
        if words > self._words:
            means = self._decoder.get_cmn(False)
            self._decoder, self._words = self._book.decoder(narrow=self._narrow), words
            self._decoder.set_cmn(means)
            self._search = ""
        self._decoder.add_lm(name, model)
        self._decoder.activate_search(name)
        if self._search:
            self._decoder.remove_search(self._search)
        self._search = name

    def _frames(self) -> None:
        size = min(len(self._sound) // FRAME_BYTES, BLOCK_FRAMES) * FRAME_BYTES
        block = bytes(self._sound[:size])
        del self._sound[:size]
        speech = bytearray()
        for start in range(0, size, FRAME_BYTES):
            speech += self._frame(block[start : start + FRAME_BYTES])
        if self._open and speech:
            self._decode(bytes(speech))
        if self._open and self._quiet >= PAUSE:
            self._settle()

    def _frame(self, frame: bytes) -> bytes:
        """What of a frame, and of those before it, is to be decoded."""
        self._at += FRAME_MS
        voiced = _loud(frame) and self._vad.is_speech(frame, RATE)
        self._voiced.append(voiced)
        self._quiet = 0 if voiced else self._quiet + 1
        if voiced:
            self._spoke = self._at
        self._recent.append(frame)
        if self._open:
            return self._go_on(frame)
        if sum(self._voiced) < 3:
            return b""
        return self._begin()

    def _go_on(self, frame: bytes) -> bytes:
        """Inside a stretch of speech: short quiet is decoded as it is, of longer quiet only the last before speech."""
        if self._quiet > PRE_ROLL or (self._skipped and sum(self._voiced) < 2):
            self._skipped += 1
            return b""
        if not self._skipped:
            return frame
        left_out = list(self._recent)[-self._skipped - 1 :]
        self._skipped = 0
        return b"".join(left_out)

    def _begin(self) -> bytes:
        if not self._settled:
            self._began = self._at - len(self._recent) * FRAME_MS
            self._out.send(BEGAN, self.about)
        self._decoder.start_utt()
        self._open, self._skipped, self._quiet = True, 0, 0
        return b"".join(self._recent)

    def _decode(self, speech: bytes) -> None:
        self._decoder.process_raw(speech, False, False)
        self._told += len(speech) // FRAME_BYTES
        if self._told >= PARTIAL_EVERY:
            self._told = 0
            text = written(" ".join([*self._settled, self._hypothesis()]).strip())
            if text and text != self._partial:
                self._partial = text
                self._say(PARTIAL, text)
        if self._at - self._began >= LONGEST_MS:
            self._finish()

    def _settle(self) -> None:
        """The words of a stretch of speech that has ended."""
        self._decoder.end_utt()
        self._open = False
        self._voiced.extend([False] * 6)
        if text := self._hypothesis():
            self._settled.append(text)

    def _finish(self) -> None:
        if self._open:
            self._settle()
        text = written(" ".join(self._settled))
        self._say(FINAL, text)
        self._settled, self._partial = [], ""
        self._choose(self._expected)

    def _hypothesis(self) -> str:
        found = self._decoder.hyp()
        return str(found.hypstr) if found else ""

    def _say(self, kind: int, text: str) -> None:
        said: dict[str, Any] = {"text": text, "from": self._began if text else -1, "to": self._spoke if text else -1}
        self._out.send_json(kind, self.about, said)


def _loud(frame: bytes) -> bool:
    samples = np.frombuffer(frame, np.int16).astype(np.float32)
    return float(np.sqrt(np.mean(samples * samples))) > _QUIETEST
