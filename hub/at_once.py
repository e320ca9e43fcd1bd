"""Work that hardly ever waits, carried out without a task of its own."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any


def at_once(work: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Carry it out as far as it goes without waiting: None when that was to its end, else the rest, to be awaited.

    From Python 3.12 on a task can begin like this, but not in a library that still runs on 3.11.
    """
    try:
        return _Rest(work, work.send(None))
    except StopIteration:
        return None


class _Rest(Awaitable[None]):
    def __init__(self, work: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._work, self._waits_for = work, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
        except BaseException:
            self._work.close()
            raise
        yield from self._work.__await__()
