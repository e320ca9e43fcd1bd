"""Extractors and brains with known usage for tests of results and costs: they sign in to a vendor called acme."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from hub.core.accounts import Accounts
from hub.dialogue.evidence import located
from hub.dialogue.results import Extraction, Story, Taken
from hub.dialogue.turn import Collected, Finish, Piece, Say, Toolbox, Turn, Usage
from hub.engine import Account, EngineFailed
from hub.engines import ENGINES, EXTRACTORS, TRANSCRIBERS, VOICES, brain, extractor, transcriber, voice
from hub.models import AgentDefinition, Price, ResultField
from hub.models.columns import utcnow
from hub.store import Store
from tests import lines

THOUGHT = Usage("acme", "thinker-1", 1_200, 40, 200)
TAKING = Usage("acme", "taker-1", 3_000, 250)
ACCOUNTS = Accounts({"acme": Account("key")})
OWN = Accounts({"acme": Account("key", own=True)})
DAY = ResultField(name="day", type="date", required=True, description="The day of the visit")
EMAIL = ResultField(name="email", type="email")


class Thinker:
    """It repeats what it hears, notes a day, and takes `THOUGHT` for each answer."""

    vendor = "acme"

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        said = turn.said.strip()
        if said.lower() == "goodbye":
            yield Say("Goodbye.")
            yield Finish("goodbye")
        elif said.lower().startswith("on "):
            yield Collected("day", "2026-03-05", said)
            yield Say("Noted.")
        else:
            yield Say(f"You said {said}." if said else "Hello.")
        turn.spent.append(THOUGHT)


class Reader(lines.Reader):
    """Ears of acme."""

    vendor, model = "acme", "ears-2"


class Writer(lines.Writer):
    """A voice of acme."""

    vendor, model = "acme", "voice-3"


@dataclass
class Taker:
    """An extractor that finds whatever it is told to; each try raises the next of its `troubles`, if any is left."""

    vendor: str = "acme"
    troubles: list[EngineFailed] = field(default_factory=list)
    asked: list[Story] = field(default_factory=list)
    finds: Callable[[Story], Extraction] = field(default=lambda story: Extraction(summary="As the model has it."))

    async def extract(self, story: Story, account: Account, spent: list[Usage]) -> Extraction:
        self.asked.append(story)
        spent.append(TAKING)
        if self.troubles:
            raise self.troubles.pop(0)
        return self.finds(story)


def thursday(story: Story) -> Extraction:
    """The day is a Thursday, as somebody said."""
    found = located("Thursday", story.lines)
    values = {"day": Taken("2026-03-05", (found,), 88, "acme")} if found else {}
    return Extraction(values, "They come on Thursday.", "positive", "yes", "It is agreed.")


TAKER = Taker()


@contextlib.contextmanager
def acme() -> Iterator[Taker]:
    """The engine `acme` is in the rosters, with a fresh taker."""
    TAKER.__init__()  # type: ignore[misc]
    rosters: tuple[tuple[dict[str, str], str], ...] = (
        (ENGINES, "Thinker"), (EXTRACTORS, "the_taker"), (TRANSCRIBERS, "Reader"), (VOICES, "Writer"),
    )  # fmt: skip
    for roster, made in rosters:
        roster["acme"] = f"tests.result_world:{made}"
    try:
        yield TAKER
    finally:
        for roster, _ in rosters:
            del roster["acme"]
        for known in (brain, extractor, transcriber, voice):
            known.cache_clear()


PRICES = {
    ("thinker-1", "input_token"): (2_000_000, 1_000),
    ("thinker-1", "cached_token"): (500_000, 1_000),
    ("thinker-1", "output_token"): (8_000_000, 1_000),
    ("taker-*", "input_token"): (1_000_000, 1_000),
    ("taker-*", "output_token"): (4_000_000, 1_000),
    ("ears-2", "sound_ms"): (600_000, 60_000),
    ("voice-3", "character"): (10_000, 1),
}
"""Micros for so many units of acme's: a thought costs $2 + $0.10 + $0.32, a taking $3 + $1, a character one cent."""
THOUGHT_MICROS, TAKING_MICROS = 2_420_000, 4_000_000


async def priced(store: Store, workspace_id: UUID, **more: Any) -> None:
    """acme's prices are known to the workspace."""
    async with store.write() as db:
        db.add_all(
            Price(
                workspace_id=workspace_id, vendor="acme", model=model, unit=unit, amount_micros=micros, per=per,
                valid_from=utcnow() - timedelta(days=9), **more,
            )
            for (model, unit), (micros, per) in PRICES.items()
        )  # fmt: skip


def the_taker() -> Taker:
    return TAKER


def definition(engine: str = "script", **more: object) -> AgentDefinition:
    """An agent that wants a day and an address."""
    given = {"name": "Maya", "engine": engine, "results": [DAY, EMAIL], **more}
    return AgentDefinition(**given)  # type: ignore[arg-type]
