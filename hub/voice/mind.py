"""The contract between the loop and whoever thinks: one thought for each turn, thrown away without a trace or kept."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from hub.dialogue.turn import Cue, Piece


class Thought(Protocol):
    """One answer being thought of. Until it is kept, nothing of it has happened.

    `patience` are the seconds for which it may be waited with words in between, where that is longer than usual.
    """

    patience: float = 0.0

    def pieces(self) -> AsyncIterator[Piece]:
        """The answer, as it is thought of. Raises whatever the engine raises."""
        ...

    def keep(self) -> None:
        """It is being said: what it decided counts from now on."""
        ...


class Mind(Protocol):
    """One call's memory and its engines of thought."""

    @property
    def name(self) -> str:
        """The engine that thinks now."""
        ...

    def think(self, said: str, cue: Cue, sure: asyncio.Event) -> Thought:
        """Think of an answer. Tools wait until the turn is `sure` to be over."""
        ...

    def remember(self, role: str, text: str) -> None:
        """This was said, and heard."""
        ...

    def another(self) -> bool:
        """Think with the next engine from now on; whether there is one."""
        ...

    def offered(self) -> list[str]:
        """What the person may say next, as far as the mind knows."""
        ...
