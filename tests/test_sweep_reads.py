"""What the sweep asks every few seconds, an index of what is open answers, however much there has ever been."""

from typing import Any

import pytest
from sqlalchemy import Engine, event

from hub.core import recover
from hub.core.live.taping import finish_lost
from hub.store import Store
from tests.fakes import FakeClock
from tests.world import core

pytestmark = pytest.mark.anyio

SMALL = {
    "SCAN node",
    "SCAN inbox_entry USING INDEX ix_inbox_entry_interaction",  # only what is not done yet
    "SCAN recording USING INDEX ix_recording_growing",  # only what is not finished yet
    "SCAN CONSTANT ROW",
    "SCAN (subquery-1)",
}


@pytest.mark.parametrize("engine", ["sqlite"])  # the other one's planner looks at how full the tables are
async def test_no_sweep_reads_a_table_from_end_to_end(store: Store, clock: FakeClock) -> None:
    asked: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            asked[statement] = values

    async with core(store, clock) as made:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            await recover.sweep(made.context, clock.now())
            await recover.close_idle(made.context)
            await finish_lost(made.context)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert len(asked) > 10
        async with store.read() as db:
            connection = await db.connection()
            for statement, values in asked.items():
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                steps = {str(row[3]) for row in plan.all()}
                assert {step for step in steps if step.startswith("SCAN")} <= SMALL, (statement, steps)
