"""Merging and splitting customers, and taking it back: nothing is lost, whatever came in meanwhile."""

import asyncio
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.channel import Inbound
from hub.core import customers
from hub.models import Consent, Customer, CustomerChange, Event, Identity, Interaction, Message
from hub.store import Store, people
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.world import Core, Home, bus, core, furnish

pytestmark = pytest.mark.anyio
ANA, BEN, EVE = "+12025550101", "+12025550102", "+12025550103"
TABLES: tuple[Any, ...] = (Consent, Customer, Event, Identity, Interaction, Message)


async def world(made: Core) -> Home:
    if "whatsapp" in made.channels:
        made.channels["whatsapp"].identity = "whatsapp"
    return await furnish(made.context.store, channels=("sms", "whatsapp"))


async def says(made: Core, person: str, text: str, channel: str = "sms", name: str = "") -> UUID:
    """They write; the customer it is of."""
    says.count += 1  # type: ignore[attr-defined]
    inbound = Inbound(
        channel, "message", f"{channel}-{says.count}", sender=person, recipient=OUR_NUMBER, text=text,  # type: ignore[attr-defined]
        sender_name=name,
    )  # fmt: skip
    receipt = await made.hub.receive(inbound)
    await made.settled()
    interaction = await made.records.one(Interaction, Interaction.id == receipt.interaction_id)
    return interaction.customer_id


says.count = 0  # type: ignore[attr-defined]


async def rows(made: Core) -> dict[str, list[dict[str, Any]]]:
    """The whole database as far as it is about customers; the records of changes aside."""
    return {table.__name__: [row.model_dump() for row in await made.records.all(table)] for table in TABLES}


async def edit(made: Core, home: Home, customer_id: UUID, **fields: Any) -> None:
    async with made.context.store.write() as db:
        found = await people.customer(db, home.workspace_id, customer_id)
        assert found is not None
        for name, value in fields.items():
            setattr(found, name, value)


async def of(made: Core, customer_id: UUID) -> dict[str, int]:
    return {
        table.__name__: len(await made.records.all(table, table.customer_id == customer_id))
        for table in (Identity, Interaction, Message, Consent)
    }


async def test_a_merge_gives_all_to_the_kept_one_and_undoing_it_gives_it_back(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello", name="Ana")
        ben = await says(made, BEN, "STOP", name="Benedict")
        await edit(made, home, ana, custom_fields={"plan": "gold"}, notes="Kind.")
        await edit(made, home, ben, custom_fields={"plan": "blue", "size": "L"}, notes="Tall.", language="de")
        before = await rows(made)
        change = await customers.merge(made.context, home.workspace_id, ana, ben, by="Ana")
        assert await of(made, ben) == {"Identity": 0, "Interaction": 0, "Message": 0, "Consent": 0}
        kept = await made.records.one(Customer, Customer.id == ana)
        assert (kept.name, kept.language, kept.notes) == ("Ana", "de", "Kind.\n\nTall.")
        assert kept.custom_fields == {"plan": "gold", "size": "L"}
        await customers.undo(made.context, home.workspace_id, change.id, by="Ana")
        assert await rows(made) == before
        again = await customers.undo(made.context, home.workspace_id, change.id, by="Ben")
        assert again.undone_by == "Ana"


async def test_what_came_meanwhile_stays_with_the_identity_it_came_by(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp") as made:
        home = await world(made)
        ana, ben = await says(made, ANA, "Hello"), await says(made, BEN, "Hi")
        change = await customers.merge(made.context, home.workspace_id, ana, ben, by="Ana")
        assert await says(made, BEN, "Me again") == ana
        assert await says(made, BEN, "On WhatsApp", channel="whatsapp") == ana
        assert await says(made, BEN, "STOP") == ana
        await edit(made, home, ana, name="Anna")
        await customers.undo(made.context, home.workspace_id, change.id, by="Ana")
        theirs = [
            row.text for row in await made.records.all(Message, Message.customer_id == ben, Message.role == "customer")
        ]
        assert theirs == ["Hi", "Me again", "On WhatsApp", "STOP"]
        assert [
            row.text for row in await made.records.all(Message, Message.customer_id == ana, Message.role == "customer")
        ]
        assert [row.customer_id for row in await made.records.all(Consent)] == [ben]
        assert (await made.records.one(Customer, Customer.id == ana)).name == "Anna"
        assert await says(made, BEN, "And now") == ben


async def test_a_split_takes_what_came_by_the_identities_and_comes_back(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, "sms", "whatsapp") as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        assert await says(made, ANA, "Here too", channel="whatsapp") == ana
        going = await made.records.one(Identity, Identity.kind == "phone")
        before = await rows(made)
        every = [one.id for one in await made.records.all(Identity, Identity.customer_id == ana)]
        with pytest.raises(customers.NotPossible, match="at least one"):
            await customers.split(made.context, home.workspace_id, ana, every, by="Ana")
        change = await customers.split(made.context, home.workspace_id, ana, [going.id], by="Ana", name="Somebody")
        assert [row.channel for row in await made.records.all(Interaction, Interaction.customer_id == ana)] == [
            "whatsapp"
        ]
        assert (await made.records.one(Customer, Customer.id == change.other_id)).name == "Somebody"
        await customers.undo(made.context, home.workspace_id, change.id, by="Ana")
        assert await rows(made) == before


async def test_changes_are_undone_in_their_order(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        home = await world(made)
        ana, ben, eve = [await says(made, who, "Hello") for who in (ANA, BEN, EVE)]
        before = await rows(made)
        first = await customers.merge(made.context, home.workspace_id, ana, ben, by="Ana")
        second = await customers.merge(made.context, home.workspace_id, eve, ana, by="Ana")
        with pytest.raises(customers.NotPossible, match="Undo that first"):
            await customers.undo(made.context, home.workspace_id, first.id, by="Ana")
        for change in (second, first):
            await customers.undo(made.context, home.workspace_id, change.id, by="Ana")
        assert await rows(made) == before


async def test_nobody_is_merged_with_themselves_or_twice_or_across_workspaces(store: Store, clock: FakeClock) -> None:
    async with core(store, clock) as made:
        home, other = await world(made), await furnish(store, number="+15005550007", name="Other")
        ana, ben = await says(made, ANA, "Hello"), await says(made, BEN, "Hi")
        with pytest.raises(customers.NotPossible, match="same"):
            await customers.merge(made.context, home.workspace_id, ana, ana, by="Ana")
        with pytest.raises(customers.NoCustomer):
            await customers.merge(made.context, other.workspace_id, ana, ben, by="Eve")
        change = await customers.merge(made.context, home.workspace_id, ana, ben, by="Ana")
        with pytest.raises(customers.NotPossible, match="was merged into"):
            await customers.merge(made.context, home.workspace_id, ben, ana, by="Ana")
        with pytest.raises(customers.NoCustomer):
            await customers.undo(made.context, other.workspace_id, change.id, by="Eve")


PERSON = st.sampled_from([ANA, BEN, EVE])
STEP = st.tuples(PERSON, st.sampled_from(["sms", "whatsapp"]), st.sampled_from(["Hello", "STOP", "START", "What?"]))
FIELDS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["", "Ana", "Ben"]), "notes": st.sampled_from(["", "Kind.", "Tall."]),
        "time_zone": st.sampled_from(["", "Europe/Berlin"]),
        "custom_fields": st.dictionaries(st.sampled_from("ab"), st.sampled_from(["1", "2"]), max_size=2),
    }
)  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=2, max_size=6), st.lists(FIELDS, min_size=3, max_size=3), st.data())
def test_any_merge_or_split_and_its_undoing_leave_the_database_as_it_was(
    sqlite_template: Path, tmp_path: Path, steps: list[tuple[str, str, str]], fields: list[Any], data: st.DataObject
) -> None:
    path = tmp_path / "hub.db"
    for old in tmp_path.glob("hub.db*"):
        old.unlink()
    shutil.copy(sqlite_template, path)

    async def run() -> None:
        store = Store(f"sqlite:///{path}", bus())
        async with core(store, FakeClock(), "sms", "whatsapp") as made:
            home = await world(made)
            known = list(dict.fromkeys([await says(made, who, text, channel) for who, channel, text in steps]))
            for customer_id, given in zip(known, fields, strict=False):
                await edit(made, home, customer_id, **given)
            before = await rows(made)
            splittable = [one for one in known if (await of(made, one))["Identity"] > 1]
            changes: list[CustomerChange] = []
            if len(known) > 1 and (not splittable or data.draw(st.booleans())):
                pair = data.draw(st.permutations(known))[:2]
                changes.append(await customers.merge(made.context, home.workspace_id, pair[0], pair[1], by="A"))
                splittable = [pair[0]]
            if splittable:
                theirs = await made.records.all(Identity, Identity.customer_id == splittable[0])
                going = data.draw(st.permutations([one.id for one in theirs]))[: len(theirs) - 1]
                changes.append(await customers.split(made.context, home.workspace_id, splittable[0], going, by="A"))
            for change in reversed(changes):
                await customers.undo(made.context, home.workspace_id, change.id, by="A")
            assert await rows(made) == before
        await store.close()

    asyncio.run(run())
