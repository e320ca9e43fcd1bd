"""The synthesis worker: `python -m hub.engines.espeak_worker`. Requests come on stdin, sound goes out on stdout.

Requests take turns, a part of a text each, and none makes more than `AHEAD_SECONDS` of sound that nobody has taken.
It ends with its stdin.
"""

import json
import queue
import re
import signal
import struct
import sys
import threading
from collections import deque

import numpy as np

from hub.engines.espeak_library import Library, Program, Unavailable, UnknownVoice, load
from hub.engines.worker_frames import CANCEL, END, READY, SOUND, SPEAK, TAKEN, Out, frames_of
from hub.engines.worker_sound import Encoder, Samples

AHEAD_SECONDS = 10
_PART = 240


def parts(text: str) -> list[str]:
    """A text in pieces of at most 240 characters, cut at the ends of sentences, else at commas, else between words."""
    made = []
    while len(text) > _PART:
        head = text[:_PART]
        ends = [m.end() for m in re.finditer(r"[.!?;:]\s", head)] or [m.end() for m in re.finditer(r",?\s", head)]
        at = ends[-1] if ends else _PART
        made.append(text[:at])
        text = text[at:]
    return [*made, text]


class Request:
    """One sentence or more to be spoken."""

    def __init__(self, about: int, asked: dict[str, object], rate: int) -> None:
        self.about = about
        self.voices = [str(voice) for voice in asked["voices"]]  # type: ignore[attr-defined]
        self.words_per_minute = int(str(asked["words_per_minute"]))
        self.parts = deque(parts(str(asked["text"])))
        self.ahead, self.cancelled = 0, False
        codec, target = str(asked["codec"]), int(str(asked["rate"]))
        self.encoder = Encoder(rate, codec, target)
        self.most = AHEAD_SECONDS * target * (2 if codec == "pcm16" else 1)

    @property
    def due(self) -> bool:
        return self.cancelled or self.ahead < self.most


class Worker:
    def __init__(self, engine: Library | Program, out: Out) -> None:
        self.engine, self.out = engine, out
        self.requests: dict[int, Request] = {}
        self.speaking: Request | None = None
        self.news: queue.SimpleQueue[tuple[int, int, bytes] | None] = queue.SimpleQueue()

    def read(self) -> None:
        """The reading thread: a cancellation reaches a request while it is being spoken."""
        for kind, about, body in frames_of(sys.stdin.buffer):
            speaking = self.speaking
            if kind == CANCEL and speaking and speaking.about == about:
                speaking.cancelled = True
            self.news.put((kind, about, body))
        self.news.put(None)

    def run(self) -> None:
        while True:
            request = next((r for r in self.requests.values() if r.due), None)
            try:
                news = self.news.get(block=request is None)
            except queue.Empty:
                self._speak(request) if request else None
                continue
            if news is None:
                return
            self._hear(*news)

    def _hear(self, kind: int, about: int, body: bytes) -> None:
        request = self.requests.get(about)
        if kind == SPEAK:
            self.requests[about] = Request(about, json.loads(body), self.engine.rate)
        elif kind == TAKEN and request:
            request.ahead -= struct.unpack(">I", body)[0]
        elif kind == CANCEL and request:
            request.cancelled = True

    def _speak(self, request: Request) -> None:
        """Speak one part of a request, then let the others have their turn."""
        self.requests.pop(request.about)
        if request.cancelled:
            return
        self.speaking = request
        try:
            if request.parts:
                self.engine.speak(
                    request.parts.popleft(), request.voices, request.words_per_minute, lambda s: self._give(request, s)
                )
        except UnknownVoice as error:
            self.out.fault(request.about, str(error))
            return
        finally:
            self.speaking = None
        if request.parts or request.cancelled:
            self.requests[request.about] = request
            return
        self._give(request, np.zeros(0, np.int16), last=True)
        self.out.send(END, request.about)

    def _give(self, request: Request, samples: Samples, *, last: bool = False) -> bool:
        if request.cancelled:
            return False
        sound = request.encoder.add(samples, last=last)
        if sound:
            request.ahead += len(sound)
            self.out.send(SOUND, request.about, sound)
        return True


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = Out()
    try:
        engine = load()
    except Unavailable as error:
        out.fault(0, str(error))
        return
    worker = Worker(engine, out)
    out.send_json(READY, 0, {"rate": engine.rate})
    threading.Thread(target=worker.read, daemon=True).start()
    try:
        worker.run()
    except BrokenPipeError:
        return


if __name__ == "__main__":
    main()
