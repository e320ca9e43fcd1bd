"""Results as people and programs see them: live from what was noted, then as taken; corrected by people, taken anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.concluding import conclude
from hub.core.context import Context
from hub.core.stories import fields_of, story_of
from hub.dialogue.results import Story
from hub.dialogue.taking import noted_values
from hub.dialogue.values import NotFitting, fitting
from hub.models import Interaction, Outcome, ResultCase, ResultField, ResultValue
from hub.storable import storable
from hub.store import interactions, results


class NoResult(LookupError):
    """There is no such interaction, or its schema has no such field."""


class NotOver(Exception):
    """Results are taken when the interaction is over."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One field of the schema with what is known of it. `value` counts, `taken` is what was found."""

    field: ResultField
    value: Any = None
    taken: Any = None
    evidence: Sequence[dict[str, Any]] = ()
    confidence: int = 0
    proven: bool = False
    source: str = ""
    corrected_by: str = ""
    corrected_at: datetime | None = None
    corrected_before: Any = None

    @property
    def missing(self) -> bool:
        return self.field.required and self.value is None


@dataclass(frozen=True, slots=True)
class Results:
    """All of them. `state`: live (still going on), pending (owed), ready; `outcome` is there with the last two."""

    state: str
    values: Sequence[Shown]
    outcome: Outcome | None = None

    @property
    def missing(self) -> list[str]:
        """The required ones that are not known."""
        return [one.field.name for one in self.values if one.missing]

    @property
    def plain(self) -> dict[str, Any]:
        return {one.field.name: one.value for one in self.values}


async def shown(db: AsyncSession, interaction: Interaction) -> Results:
    """The results of an interaction as they stand now."""
    schema = fields_of(interaction.agent)
    outcome = await results.outcome(db, interaction.workspace_id, interaction.id)
    rows = {row.name: row for row in await results.values(db, interaction.workspace_id, interaction.id)}
    if outcome is not None and outcome.made_at is not None:
        return Results("pending" if outcome.due_at else "ready", [_of(field, rows) for field in schema], outcome)
    live = noted_values(await story_of(db, interaction)) if schema else {}
    values = []
    for field in schema:
        if field.name in rows or field.name not in live:
            values.append(_of(field, rows))
            continue
        taken = live[field.name]
        words = [one.public() for one in taken.evidence]
        value = taken.value if taken.proven else None
        values.append(Shown(field, value, taken.value, words, taken.confidence, taken.proven, taken.source))
    state = "live" if interaction.ended_at is None else "pending" if outcome and outcome.due_at else "ready"
    return Results(state, values, outcome)


def _of(field: ResultField, rows: dict[str, ResultValue]) -> Shown:
    row = rows.get(field.name)
    if row is None:
        return Shown(field)
    return Shown(
        field, row.counts, row.value, row.evidence, row.confidence, row.proven, row.source,
        row.corrected_by, row.corrected_at, row.corrected_before,
    )  # fmt: skip


async def correct(
    hub: Context, workspace_id: UUID, interaction_id: UUID, given: dict[str, Any], by: str
) -> Interaction:  # fmt: skip
    """Put a person's values in the place of those found; each becomes a test case.

    Raises `NoResult`, `NotFitting`.
    """
    now = hub.clock.now()
    async with hub.store.write() as db:
        interaction = await interactions.locked(db, interaction_id)
        if interaction is None or interaction.workspace_id != workspace_id:
            raise NoResult("There is no such interaction.")
        schema = {field.name: field for field in fields_of(interaction.agent)}
        known = {row.name: row for row in await results.values(db, workspace_id, interaction_id)}
        story = await story_of(db, interaction)
        for name, value in given.items():
            if name not in schema:
                names = ", ".join(schema) or "none"
                raise NoResult(f"There is no result {name!r} here; there are: {names}.")
            fitted = storable(fitting(schema[name], value, story.language))
            row = known.get(name)
            if row is None:
                row = ResultValue(interaction_id=interaction_id, name=name, workspace_id=workspace_id)
                db.add(row)
            before = row.counts
            row.corrected, row.corrected_before = fitted, before
            row.corrected_by, row.corrected_at = by, now
            await _keep_case(db, interaction, schema[name], story, fitted, row.value, by, now)
            interactions.log(
                db, interaction, "results.corrected", now, name=name, value=fitted, before=before, by=by
            )  # fmt: skip
    return interaction


async def _keep_case(
    db: AsyncSession, interaction: Interaction, field: ResultField, story: Story, expected: Any, got: Any, by: str,
    now: datetime,
) -> None:  # fmt: skip
    """One case for each interaction and field: corrected again, it expects what was said last."""
    case = await results.case_of(db, interaction.id, field.name)
    if case is None:
        case = ResultCase(
            workspace_id=interaction.workspace_id, interaction_id=interaction.id, agent_id=interaction.agent_id,
            name=field.name,
        )  # fmt: skip
        db.add(case)
    case.field, case.transcript = field.model_dump(mode="json"), storable(transcript(story))
    case.expected, case.got, case.by, case.created_at = expected, got, by, now


def transcript(story: Story) -> dict[str, Any]:
    """The story as a test case keeps it: enough to take results out of it again."""
    return {
        "language": story.language, "channel": story.channel, "direction": story.direction,
        "now": story.now.isoformat(), "status": story.status, "reason": story.reason,
        "lines": [
            {"role": line.role, "text": line.text, "from_ms": line.from_ms, "to_ms": line.to_ms}
            for line in story.lines
        ],
        "noted": {name: {"value": one.value, "words": one.words} for name, one in story.noted.items()},
    }  # fmt: skip


async def take_again(hub: Context, workspace_id: UUID, interaction_id: UUID) -> None:
    """Take results out of it once more; what people corrected stays. Raises `NoResult`, `NotOver`."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        interaction = await interactions.locked(db, interaction_id)
        if interaction is None or interaction.workspace_id != workspace_id:
            raise NoResult("There is no such interaction.")
        if interaction.ended_at is None:
            raise NotOver("Results are taken when it is over. Until then they show what the agent has noted.")
        outcome = await results.held(db, interaction_id)
        if outcome is None:  # it ended before there were results
            results.owe(db, interaction, now)
        else:
            outcome.due_at, outcome.attempts = now, 0
    hub.spawn(conclude(hub, interaction_id))


__all__ = ["NoResult", "NotFitting", "NotOver", "Results", "Shown", "correct", "shown", "take_again", "transcript"]
