"""The recognition worker: `python -m hub.engines.sphinx_worker`. Sound comes on stdin, words go out on stdout.

Calls take turns, 100 ms of sound each. It ends with its stdin.
"""

import json
import queue
import signal
import sys
import threading

from hub.engines.sphinx_call import Call, TooMuch
from hub.engines.sphinx_library import MISSING, Shelf
from hub.engines.worker_frames import CLOSE, OPEN, READY, Out, frames_of

_News = tuple[int, int, bytes] | None


class Worker:
    def __init__(self, shelf: Shelf, out: Out) -> None:
        self.shelf, self.out = shelf, out
        self.calls: dict[int, Call] = {}
        self.news: queue.SimpleQueue[_News] = queue.SimpleQueue()

    def read(self) -> None:
        for news in frames_of(sys.stdin.buffer):
            self.news.put(news)
        self.news.put(None)

    def run(self) -> None:
        while True:
            busy = [call for call in self.calls.values() if call.busy]
            try:
                news = self.news.get(block=not busy)
                while news is not None:
                    self._hear(*news)
                    news = self.news.get_nowait()
                return
            except queue.Empty:
                pass
            for call in busy:
                self._step(call)

    def _step(self, call: Call) -> None:
        if call.about in self.calls and call.busy:
            try:
                call.step()
            except RuntimeError as error:
                self._drop(call.about, f"The embedded recogniser failed: {error}")

    def _hear(self, kind: int, about: int, body: bytes) -> None:
        if kind == OPEN:
            self._open(about, json.loads(body))
        elif kind == CLOSE:
            self.calls.pop(about, None)
        elif call := self.calls.get(about):
            try:
                call.take(kind, body)
            except TooMuch as error:
                self._drop(about, str(error))

    def _open(self, about: int, asked: dict[str, object]) -> None:
        try:
            book = self.shelf.book(asked)
            self.calls[about] = Call(about, book, str(asked["codec"]), int(str(asked["rate"])), self.out)
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            self._drop(about, f"The embedded recogniser could not make its phrase book: {error}")
        else:
            self.out.send(READY, about)

    def _drop(self, about: int, why: str) -> None:
        self.calls.pop(about, None)
        self.out.fault(about, why)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = Out()
    try:
        shelf = Shelf()
    except ImportError:
        out.fault(0, MISSING)
        return
    worker = Worker(shelf, out)
    threading.Thread(target=worker.read, daemon=True).start()
    out.send(READY)
    try:
        worker.run()
    except BrokenPipeError:
        return
    finally:
        shelf.folder.cleanup()


if __name__ == "__main__":
    main()
