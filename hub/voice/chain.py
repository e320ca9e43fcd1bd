"""Engines in their order: when one fails the next takes over, and one that fails often is left alone for a while."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from hub.engine import EngineFailed

log = logging.getLogger("hub.voice")

FAILURES_TO_OPEN = 3
OPEN_SECONDS = 30.0
CONNECT_SECONDS = 2.0
ROUNDS = 2

T = TypeVar("T")


class Breaker:
    """Which engines this process leaves alone for now."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def allows(self, name: str) -> bool:
        return asyncio.get_running_loop().time() >= self._until.get(name, 0.0)

    def failed(self, name: str) -> None:
        count = self._failures[name] = self._failures.get(name, 0) + 1
        if count >= FAILURES_TO_OPEN:
            self._until[name] = asyncio.get_running_loop().time() + OPEN_SECONDS
            self._failures[name] = FAILURES_TO_OPEN - 1  # one try decides when the time is over

    def left_alone(self) -> dict[str, float]:
        """Those that are not tried now, such as `mouth:espeak`, and for how many seconds yet."""
        now = asyncio.get_running_loop().time()
        return {name: until - now for name, until in self._until.items() if until > now}

    def worked(self, name: str) -> None:
        self._failures.pop(name, None)
        self._until.pop(name, None)


BREAKER = Breaker()
"""The circuit breaker of this process, over all calls."""


class Chain(Generic[T]):
    """One kind of engine for one call: the first of `names` that opens, and the next after it when that fails.

    Each gets a second chance after the last one.

    `opens(name)` connects one. `failed(name, why)` is told of every failure. `spent`: there is none left to try.
    """

    def __init__(
        self,
        kind: str,
        names: Sequence[str],
        opens: Callable[[str], Awaitable[T]],
        failed: Callable[[str, str], None],
        breaker: Breaker = BREAKER,
    ) -> None:
        self._kind = kind
        self._names = list(dict.fromkeys(names)) * ROUNDS
        self._opens, self._told, self._breaker = opens, failed, breaker
        self._at = -1
        self.name = ""
        self.engine: T | None = None
        self.spent = False

    async def open(self) -> T | None:
        """The first engine that opens, from where we are; None when there is none left."""
        left = range(self._at + 1, len(self._names))
        allowed = [at for at in left if self._breaker.allows(f"{self._kind}:{self._names[at]}")]
        for self._at in allowed or left:
            name = self._names[self._at]
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self.engine = await self._opens(name)
            except TimeoutError:
                self._blame(name, f"did not connect within {CONNECT_SECONDS:g} s")
            except EngineFailed as error:
                self._blame(name, str(error))
            except Exception as error:
                log.exception("engine %s cannot be opened", name)
                self._blame(name, f"could not be opened: {error}")
            else:
                self.name = name
                return self.engine
        self.name, self.engine, self.spent = "", None, True
        return None

    async def next(self, why: str) -> T | None:
        """The present engine has failed: let go of it and open the next one."""
        failed, self.engine = self.engine, None
        if self.name:
            self._blame(self.name, why)
        if failed is not None:
            await release(failed)
        return await self.open()

    def worked(self) -> None:
        """The present engine has done what it should."""
        if self.name:
            self._breaker.worked(f"{self._kind}:{self.name}")

    def _blame(self, name: str, why: str) -> None:
        self._breaker.failed(f"{self._kind}:{name}")
        self._told(name, why)

    async def close(self) -> None:
        engine, self.engine = self.engine, None
        if engine is not None:
            await release(engine)


async def release(engine: object) -> None:
    """Close an engine; one that cannot be closed in a moment is left."""
    try:
        async with asyncio.timeout(1):
            await engine.close()  # type: ignore[attr-defined]
    except Exception as error:
        log.info("an engine did not close: %s", error)
