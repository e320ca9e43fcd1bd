"""Time that passes at once: an event loop whose clock jumps to the next thing that is due."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_REAL_SECONDS = 30


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Instead of waiting it moves the loop's clock, unless a thread or a socket may still have something to say."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.threads:
            return super().select(_REAL_SECONDS if timeout is None else timeout)
        if timeout is None:
            ready = super().select(_REAL_SECONDS)
            assert ready, "everybody waits and nothing will ever happen"
            return ready
        self.loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop for tests in which a minute's sleep takes no time.

    `now` is its clock. Work given to threads is waited for in real time meanwhile. Sockets are not: what comes by them
    may come late, so none should be needed.
    """

    def __init__(self) -> None:
        self.now = 1_000.0
        self.threads = 0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _future: Any) -> None:
        self.threads -= 1


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coro)
