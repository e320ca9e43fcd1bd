"""The schema and what the store promises, on every database that is named."""

import asyncio

import pytest
from alembic import command
from sqlmodel import select

from hub.feed import Bus
from hub.migrations import config, upgrade
from hub.models import Workspace
from hub.storable import storable
from hub.store import WRITERS, Store, lock, normal_url
from tests.world import Records, bus


def test_an_empty_database_is_upgraded_and_the_models_say_no_more_than_the_migrations(empty_database_url: str) -> None:
    url = normal_url(empty_database_url)
    upgrade(url)
    upgrade(url)
    assert command.check(config(url)) is None  # raises when the models ask for more


def test_a_database_can_be_taken_back_and_upgraded_again(empty_database_url: str) -> None:
    url = normal_url(empty_database_url)
    upgrade(url)
    command.downgrade(config(url), "base")
    upgrade(url)


@pytest.mark.anyio
async def test_what_was_not_committed_is_not_there(store: Store) -> None:
    async def broken() -> None:
        async with store.write() as db:
            db.add(Workspace(name="lost"))
            await db.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert await Records(store).all(Workspace) == []


@pytest.mark.anyio
async def test_a_lock_holds_across_processes_until_the_transaction_ends(database_url: str) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    order: list[str] = []
    held = asyncio.Event()

    async def first() -> None:
        async with stores[0].write() as db:
            await lock(db, "customer", 1)
            await db.exec(select(Workspace))
            held.set()
            await asyncio.sleep(0.05)
            order.append("first")

    async def second() -> None:
        await held.wait()
        async with stores[1].write() as db:
            await lock(db, "customer", 1)
            await db.exec(select(Workspace))
            order.append("second")

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]
    for store in stores:
        await store.close()


@pytest.mark.anyio
async def test_many_writers_at_once_lose_nothing(database_url: str) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]

    async def write(number: int) -> None:
        async with stores[number % 2].write(urgent=number % 3 == 0) as db:
            db.add(Workspace(name=f"{number}"))

    await asyncio.gather(*(write(number) for number in range(60)))
    assert {row.name for row in await Records(stores[0]).all(Workspace)} == {f"{number}" for number in range(60)}
    for store in stores:
        await store.close()


@pytest.mark.anyio
async def test_who_only_looks_waits_for_no_writer(store: Store) -> None:
    """An answer on the phone looks up what the agent knows, while all calls are being written down."""
    done = asyncio.Event()

    async def write(number: int) -> None:
        async with store.write() as db:
            db.add(Workspace(name=f"{number}"))
            await db.flush()
            await done.wait()

    writers = [asyncio.create_task(write(number)) for number in range(2 * WRITERS)]
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5), store.glance(urgent=True) as db:
        assert (await db.exec(select(Workspace))).all() == []
    async with asyncio.timeout(5), store.glance() as db:
        assert (await db.exec(select(Workspace))).all() == []
    done.set()
    await asyncio.gather(*writers)


def test_a_database_of_another_kind_is_named() -> None:
    with pytest.raises(ValueError, match="give a sqlite:// or postgresql:// URL"):
        Store("mysql://localhost/hub", Bus())


def test_what_cannot_be_stored_is_taken_out() -> None:
    assert storable("a\0b\ud800c") == "abc"
    assert storable({"k\0": ["\0x", {"y": "\udfff"}]}) == {"k": ["x", {"y": ""}]}
