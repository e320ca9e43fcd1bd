"""After the end: results are taken out of an interaction, and the carrier's time is counted. Once, whatever dies when.

It is owed by the transaction that ends the interaction (`hub.store.results.owe`), claimed for a while by the node that
does it, and settled in one transaction. Nothing here is waited for by anybody.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import failpoints
from hub.core.context import Context
from hub.core.metering import Keyed, Meter, call_used
from hub.core.stories import story_of
from hub.core.whose import Whose
from hub.dialogue.results import Extraction, Story, Taken
from hub.dialogue.turn import Usage
from hub.engine import EngineFailed
from hub.engines import EXTRACTORS, choice, extractor
from hub.models import Interaction, Outcome, ResultValue
from hub.storable import storable
from hub.store import interactions, results, usages

log = logging.getLogger("hub.results")

EMBEDDED = "script"
CLAIM_LASTS = timedelta(minutes=5)
"""Longer than any extraction takes; then another node may do it."""
EXTRACTION_SECONDS = 130.0
PAUSES = (timedelta(seconds=10), timedelta(seconds=60))
"""Before the second and the third try of a model that does not answer; after that the embedded extractor does it."""
MOST_ATTEMPTS = 6
_HOPELESS = ("refused", "invalid")


@dataclass(slots=True)
class _Made:
    """What one try gave: an extraction, or why there is none yet and when to try again."""

    extraction: Extraction | None = None
    by: str = ""
    failure: str = ""
    again_in: timedelta | None = None
    own: bool = False


async def conclude(hub: Context, interaction_id: UUID) -> None:
    """Make the outcome of an interaction that has ended, if it is owed and due; safe on every node at any time."""
    if interaction_id in hub.concluding:
        return
    hub.concluding.add(interaction_id)
    try:
        async with hub.extracting:
            await _conclude(hub, interaction_id)
    finally:
        hub.concluding.discard(interaction_id)


async def _conclude(hub: Context, interaction_id: UUID) -> None:
    attempt = await _claim(hub, interaction_id)
    if attempt is None:
        return
    async with hub.store.read() as db:
        interaction = await db.get(Interaction, interaction_id)
        if interaction is None:  # erased meanwhile
            return
        story = await story_of(db, interaction)
    failpoints.reach("conclude.claimed")
    spent: list[Usage] = []
    made = await _extract(hub, interaction, story, attempt, spent)
    failpoints.reach("conclude.extracted")
    meter = Meter()
    for usage in spent:
        meter.thought(usage, made.own, kind="results")
    await _settle(hub, interaction_id, attempt, story, made, meter.take())
    failpoints.reach("conclude.settled")


async def _claim(hub: Context, interaction_id: UUID) -> int | None:
    """Which try it is, if it is ours to make."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        outcome = await results.held(db, interaction_id)
        if outcome is None or outcome.due_at is None or outcome.due_at > now:
            return None
        outcome.due_at, outcome.attempts = now + CLAIM_LASTS, outcome.attempts + 1
        return outcome.attempts


def engines_of(story: Story, accounts: choice.Accounts) -> list[str]:
    """The extractors for it, in their order: those of the agent's engines of thought, the embedded one last."""
    if not any(line.role == "customer" for line in story.lines):
        return [EMBEDDED]
    names = [name for name in choice.minds(story.agent, accounts) if name in EXTRACTORS and name != EMBEDDED]
    return [*names, EMBEDDED]


async def _extract(
    hub: Context, interaction: Interaction, story: Story, attempt: int, spent: list[Usage]
) -> _Made:  # fmt: skip
    """Ask one after the other. A model that may answer later is given time, but not without end."""
    failures: list[str] = []
    whose = Whose(hub.accounts, interaction.workspace_id, interaction.agent)
    names = engines_of(story, await whose.at_hand("mind")) if attempt <= len(PAUSES) + 1 else [EMBEDDED]
    for name in names:
        try:
            engine = extractor(name)
            account = await whose.of("mind", engine.vendor)
            async with asyncio.timeout(EXTRACTION_SECONDS):
                extraction = await engine.extract(story, account, spent)
            return _Made(extraction, name, "; ".join(failures), own=account.own)
        except Exception as error:
            failures.append(f"{name}: {hub.accounts.hide(_why(error, interaction))}")
            hopeless = isinstance(error, EngineFailed) and error.fault in _HOPELESS
            if name != EMBEDDED and not hopeless and attempt <= len(PAUSES) and names[-2] == name:
                return _Made(failure="; ".join(failures), again_in=PAUSES[attempt - 1])
    return _Made(failure="; ".join(failures), again_in=PAUSES[-1] if attempt < MOST_ATTEMPTS else None)


def _why(error: Exception, interaction: Interaction) -> str:
    if isinstance(error, EngineFailed):
        return str(error)[:300]
    if isinstance(error, TimeoutError):
        return f"did not answer within {EXTRACTION_SECONDS:g} s"
    log.exception("results of interaction %s could not be taken", interaction.id)
    return "failed; see the server's log"


async def _settle(
    hub: Context, interaction_id: UUID, attempt: int, story: Story, made: _Made, used: list[Keyed]
) -> None:  # fmt: skip
    """Write it all down, unless another node has taken it over meanwhile; what was used is counted in any case."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        interaction = await interactions.locked(db, interaction_id)
        outcome = await results.held(db, interaction_id)
        if interaction is None or outcome is None:
            return
        limits = hub.channels[interaction.channel].limits if interaction.channel in hub.channels else None
        carried = call_used(limits, interaction) if limits is not None else ()
        await usages.add(db, interaction, now, [*used, *carried])
        if outcome.attempts != attempt or outcome.due_at is None:
            return
        outcome.failure = made.failure
        if made.extraction is None:
            outcome.due_at = now + made.again_in if made.again_in is not None else None
            return
        await _write_down(db, interaction, outcome, story, made.extraction, made.by)
        outcome.due_at, outcome.attempts, outcome.made_at, outcome.run = None, 0, now, outcome.run + 1
        rows = await results.values(db, interaction.workspace_id, interaction.id)
        interactions.log(
            db, interaction, "results.ready", now,
            results=plain(story, rows), summary=outcome.summary, sentiment=outcome.sentiment, success=outcome.success,
            success_why=outcome.success_why, extractor=outcome.extractor, run=outcome.run,
        )  # fmt: skip


def plain(story: Story, rows: list[ResultValue]) -> dict[str, object]:
    """Each result of the schema with the value that counts; None where there is none."""
    known = {row.name: row.counts for row in rows}
    return {field.name: known.get(field.name) for field in story.fields}


async def _write_down(
    db: AsyncSession, interaction: Interaction, outcome: Outcome, story: Story, extraction: Extraction, by: str
) -> None:
    outcome.extractor = by
    outcome.sentiment, outcome.success = extraction.sentiment, extraction.success
    outcome.success_why = storable(extraction.success_why)
    outcome.summary = storable(extraction.summary)
    if outcome.summary:
        interaction.summary = outcome.summary
    await results.forget_values(db, interaction.id, list(extraction.values))
    known = {row.name: row for row in await results.values(db, interaction.workspace_id, interaction.id)}
    for name, taken in extraction.values.items():
        row = known.get(name)
        if row is None:
            row = ResultValue(interaction_id=interaction.id, name=name, workspace_id=interaction.workspace_id)
            db.add(row)
        _fill(row, taken)
    for name, row in known.items():
        if name not in extraction.values:  # a person's alone
            _fill(row, Taken(None, (), 0, ""))
    await db.flush()


def _fill(row: ResultValue, taken: Taken) -> None:
    row.value, row.confidence, row.source = storable(taken.value), taken.confidence, taken.source
    row.proven = taken.proven
    row.evidence = [storable(one.public()) for one in taken.evidence]
