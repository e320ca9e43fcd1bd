"""The inbox's lists on every database: order, pages, counts, search, and that indexes carry them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from hub.channel import Inbound
from hub.core.answer import finish
from hub.store import Store, inbox, interactions
from tests.fakes import FakeClock
from tests.world import Home, core, furnish

pytestmark = pytest.mark.anyio


async def listed(store: Store, home: Home, clock: FakeClock, limit: int = 3, **chosen: Any) -> list[UUID]:
    """The whole list, read page by page."""
    filters = inbox.Filters(user_id=home.ana.id, **chosen)
    found: list[UUID] = []
    cursor, keys = "", []
    while True:
        async with store.read() as db:
            page = await inbox.listing(db, home.workspace_id, filters, clock.now(), cursor=cursor, limit=limit)
        found += [entry.id for entry in page.entries]
        keys += [entry.key for entry in page.entries]
        if not page.cursor:
            assert keys == sorted(keys)
            return found
        cursor = page.cursor


async def talk(store: Store, home: Home, clock: FakeClock, number: int, said: str, name: str = "") -> UUID:
    async with core(store, clock) as made:
        made.hub.answer_soon = lambda *_: None  # type: ignore[method-assign]
        receipt = await made.hub.receive(
            Inbound(
                channel="sms",
                kind="message",
                external_id=f"m{number}-{said[:10]}",
                sender=f"+1202555{number:04d}",
                recipient="+15005550006",
                text=said,
                sender_name=name,
            )
        )
    assert receipt.interaction_id is not None
    return receipt.interaction_id


async def change(store: Store, interaction_id: UUID, **columns: Any) -> None:
    async with store.write() as db:
        held = await interactions.locked(db, interaction_id)
        assert held is not None
        for name, value in columns.items():
            setattr(held, name, value)


@pytest.fixture
async def home(store: Store) -> Home:
    return await furnish(store, number="+15005550006")


async def test_waiting_longest_first_then_newest(store: Store, home: Home, clock: FakeClock) -> None:
    made = []
    for number in range(7):
        made.append(await talk(store, home, clock, number, f"question {number}"))
        clock.forward(seconds=1)
    for answered in made[2:5]:
        await change(store, answered, waiting_since=None)
    expected = [made[0], made[1], made[5], made[6], made[4], made[3], made[2]]
    for limit in (1, 2, 3, 7, 50):
        assert await listed(store, home, clock, limit, view="all") == expected


async def test_each_view_holds_its_own(store: Store, home: Home, clock: FakeClock) -> None:
    queued, mine, bens, snoozed, closed, ai = [await talk(store, home, clock, n, f"q {n}") for n in range(6)]
    await change(store, queued, owner="queue")
    await change(store, mine, owner="operator", operator_id=home.ana.id)
    await change(store, bens, owner="operator", operator_id=home.ben.id)
    await change(store, snoozed, snoozed_until=clock.now() + timedelta(hours=1))
    async with store.write() as db:
        held = await interactions.locked(db, closed)
        assert held is not None
        finish(db, held, "completed", "goodbye", clock.now())
    views: dict[str, set[UUID]] = {
        "needs_human": {queued},
        "mine": {mine},
        "unassigned": {queued, ai},
        "all": {queued, mine, bens, ai},
        "live": {queued, mine, bens, ai},
        "snoozed": {snoozed},
        "closed": {closed},
    }
    for view, held_there in views.items():
        assert set(await listed(store, home, clock, view=view)) == held_there, view
    async with store.read() as db:
        counted = await inbox.counts(db, home.workspace_id, home.ana.id, clock.now())
    assert counted == {view: len(ids) for view, ids in views.items() if view != "closed"} | {"mentions": 0}
    clock.forward(hours=2)
    assert snoozed in await listed(store, home, clock, view="all")
    assert await listed(store, home, clock, view="live") == []


async def test_words_are_found_wherever_they_were_said(store: Store, home: Home, clock: FakeClock) -> None:
    it = await talk(store, home, clock, 1, "Der Bügel ist kaputt, danke", "O'Brien %_\\")
    other = await furnish(store, number="+15005550009", name="Other")
    for words in ("Bügel", "kaputt danke", "kap", "o'brien", "5550001"):
        assert await listed(store, home, clock, view="search", text=words) == [it], words
        assert await listed(store, other, clock, view="search", text=words) == [], words
    for words in ("nothing", "%_", "'", '" OR 1', ":*", "!!", "a & b", "kaputte"):
        assert await listed(store, home, clock, view="search", text=words) == [], words


async def test_the_match_is_shown(store: Store, home: Home, clock: FakeClock) -> None:
    await talk(store, home, clock, 1, "x " * 200 + "needle here")
    async with store.read() as db:
        filters = inbox.Filters(user_id=home.ana.id, view="search", text="needle")
        page = await inbox.listing(db, home.workspace_id, filters, clock.now())
    assert "needle here" in page.entries[0].preview
    assert len(page.entries[0].preview) <= 141


@pytest.mark.parametrize("view", [*inbox.VIEWS, "only", "counts"])
async def test_no_list_walks_the_whole_table(store: Store, home: Home, clock: FakeClock, view: Any) -> None:
    it = await talk(store, home, clock, 1, "word")
    asked: list[tuple[str, Any]] = []
    event.listen(
        store._reader.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, parameters, _x, _m: asked.append((statement, parameters)),
    )
    async with store.read() as db:
        filters = inbox.Filters(home.ana.id, view if view in inbox.VIEWS else "all", text="word" * (view == "search"))
        if view == "counts":
            await inbox.counts(db, home.workspace_id, home.ana.id, clock.now())
        else:
            await inbox.listing(db, home.workspace_id, filters, clock.now(), only=[it] if view == "only" else None)
        connection = await db.connection()
        plans, shown = [], list(asked)
        if not store.is_sqlite:  # which rightly walks small tables, unless told not to
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in shown:
            explain = "EXPLAIN QUERY PLAN" if store.is_sqlite else "EXPLAIN"
            plan = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
            plans += [str(row[-1]) for row in plan.all()]
    assert plans
    assert [step for step in plans if "Seq Scan on interaction" in step or "Seq Scan on message" in step] == []
    assert [step for step in plans if step.startswith(("SCAN interaction", "SCAN message", "SCAN m "))] == []
    assert [step for step in plans if "INDEX ix_interaction_newest" in step] == []
    if view not in ("search", "only", "mentions"):
        assert any("ix_interaction_" in step for step in plans)
