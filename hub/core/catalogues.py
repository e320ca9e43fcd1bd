"""The voices that the engines of our accounts have, asked of each vendor once in ten minutes."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.engine import Account, EngineFailed
from hub.engines import voice
from hub.voice.speech import Catalogue, NamedVoice

LIST_SECONDS = 10.0
KEPT_SECONDS, MOST_KEPT, MOST_VOICES = 600.0, 200, 1_000


@dataclass(slots=True)
class Catalogues:
    """One process's. Nothing of a failure is kept."""

    _kept: OrderedDict[tuple[str, Account], tuple[float, Sequence[NamedVoice]]] = field(default_factory=OrderedDict)

    async def of(self, name: str, account: Account) -> Sequence[NamedVoice]:
        """The voices of the engine of this name, none where it has no list. Raises `UnknownEngine`, `EngineFailed`."""
        engine = voice(name)
        if not isinstance(engine, Catalogue):
            return []
        now = asyncio.get_running_loop().time()
        at, found = self._kept.get((name, account), (now - KEPT_SECONDS, []))
        if now - at < KEPT_SECONDS:
            return found
        try:
            async with asyncio.timeout(LIST_SECONDS):
                found = (await engine.voices(account))[:MOST_VOICES]
        except TimeoutError:
            raise EngineFailed(f"{name} did not list its voices within {LIST_SECONDS:g} s.", "slow") from None
        self._kept[(name, account)] = now, found
        self._kept.move_to_end((name, account))
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Ask all of them anew."""
        self._kept.clear()
