"""Results and costs on pages: read with their evidence, corrected, taken again; the schema and the prices in forms."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import col, select

from hub.channel import Inbound
from hub.core.erasing import erase
from hub.core.recover import sweep
from hub.core.results_csv import results_csv
from hub.models import Agent, Interaction, Message, Price, ResultCase, UsageEntry
from hub.pricing import Use
from hub.store import usages
from tests.office import Office, Person, form_of, open_office
from tests.result_world import DAY, EMAIL, definition

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        async with made.store.write() as db:
            agent = await db.get(Agent, made.agent)
            assert agent is not None
            agent.definition = definition(results=[DAY, EMAIL]).model_dump(mode="json")
        yield made


async def chats(office: Office, *said: str, end: bool = True) -> Interaction:
    """A visitor writes, and it is over; its results are there."""
    visitor = uuid4().hex
    for number, text in enumerate(said):
        await office.hub.receive(
            Inbound("webchat", "message", f"{visitor}{number}", sender=visitor, recipient="clinic", text=text)
        )
        await office.settled()
    async with office.store.read() as db:
        found = (await db.exec(select(Interaction).where(Interaction.person == visitor))).one()
    if end:
        await office.hub.end(found.workspace_id, found.id)
        await sweep(office.hub.context, office.hub.context.clock.now())
        await office.settled()
    return found


async def spends(office: Office, interaction: Interaction, *uses: Use) -> None:
    async with office.store.write() as db:
        await usages.add(
            db, interaction, office.hub.context.clock.now(), [(str(n), use) for n, use in enumerate(uses)]
        )  # fmt: skip


async def refused(person: Person, path: str, **fields: Any) -> int:
    return (await person.post(path, **fields)).status_code


async def test_a_value_stands_with_the_words_that_say_it_and_what_is_missing_is_marked(office: Office) -> None:
    viewer = await office.person("viewer")
    with_day = await chats(office, "I come on 2027-03-05 <b>", "thanks, that is great!")
    page = (await viewer.get(f"/interactions/{with_day.id}?tab=results")).text
    assert "2027-03-05" in page
    assert '<q dir="auto">2027-03-05</q>' in page
    assert "90 % sure" in page
    assert "success: yes" in page
    assert "mood: positive" in page
    async with office.store.read() as db:
        query = select(Message).where(Message.interaction_id == with_day.id, Message.role == "customer")
        said = (await db.exec(query.order_by(col(Message.seq)))).first()
    assert said is not None
    assert f"#m-{said.id.hex}" in page
    assert ">Correct<" not in page
    without = await chats(office, "hello there")
    page = (await viewer.get(f"/interactions/{without.id}?tab=results")).text
    assert "Required and not found out: day." in page
    assert "success: no" in page
    head = (await viewer.get(f"/interactions/{without.id}")).text
    assert "<dt>Success</dt>" in head
    assert "The customer wrote and said" in head


async def test_while_it_goes_on_the_tab_says_so_and_follows(office: Office) -> None:
    support = await office.person("support")
    going_on = await chats(office, "hello", end=False)
    page = (await support.get(f"/interactions/{going_on.id}?tab=results")).text
    assert "It goes on" in page
    assert f'hx-get="/interactions/{going_on.id}/results"' in page
    assert "hx-sse:connect" in page
    assert "Take again" not in page
    part = await support.get(f"/interactions/{going_on.id}/results")
    assert 'id="results"' in part.text
    answer = await support.post(f"/interactions/{going_on.id}/results/run")
    assert answer.status_code == 303


async def test_a_value_is_corrected_in_place_and_becomes_a_case_of_the_agent(office: Office) -> None:
    support, builder = await office.person("support"), await office.person("builder")
    over = await chats(office, "I come on 2027-03-05")
    path = f"/interactions/{over.id}/results"
    assert (await support.post(path, name="day", value="2027-03-06", do="save")).status_code == 303
    page = (await support.get(f"/interactions/{over.id}?tab=results")).text
    assert "Support corrected it" in page
    assert "before: 2027-03-05" in page
    assert 'value="2027-03-06"' in page
    cases = (await builder.get(f"/agents/{office.agent}/results")).text
    assert "2027-03-06" in cases
    assert f"/interactions/{over.id}?tab=results" in cases
    wrong = await support.post(path, name="day", value="soon", do="save")
    assert wrong.status_code == 303
    assert "day takes a date" in (await support.get(f"/interactions/{over.id}?tab=results")).text
    assert (await support.post(path, name="day", do="none", value="2027-03-06")).status_code == 303
    assert "Required and not found out: day." in (await support.get(f"/interactions/{over.id}?tab=results")).text
    assert (await support.post(f"{path}/run")).status_code == 303
    await office.settled()
    assert "run 2" in (await support.get(f"/interactions/{over.id}?tab=results")).text


async def test_who_only_looks_corrects_nothing_and_nobody_corrects_anothers(office: Office) -> None:
    over = await chats(office, "I come on 2027-03-05")
    viewer, support = await office.person("viewer"), await office.person("support")
    path = f"/interactions/{over.id}/results"
    assert await refused(viewer, path, name="day", value="2027-03-06") == 403
    assert await refused(viewer, f"{path}/run") == 403
    async with office.store.write() as db:
        found = await db.get(Interaction, over.id)
        assert found is not None
        found.workspace_id = office.other
    assert await refused(support, path, name="day", value="2027-03-06") == 404
    assert await refused(support, f"{path}/run") == 404
    assert (await support.get(path)).status_code == 404
    async with office.store.read() as db:
        assert (await db.exec(select(ResultCase))).all() == []


async def test_costs_stand_line_by_line_and_what_has_no_price_leads_to_one(office: Office) -> None:
    admin = await office.person("admin")
    over = await chats(office, "hello")
    await spends(
        office, over, Use("llm", "openai", "gpt-4o-mini", "input_token", 1_000_000),
        Use("telephony", "twilio", "inbound", "call_ms", 61_000), Use("voice", "nobody", "x", "character", 12_345),
    )  # fmt: skip
    page = (await admin.get(f"/interactions/{over.id}?tab=cost")).text
    assert "$0.15" in page
    assert "charged 2 min 0.0 s" in page
    assert '<b class="cost-total">$0.17</b>' in page
    assert "No price for nobody x characters: 12,345 characters used" in page
    assert "/settings/prices?vendor=nobody&amp;model=x&amp;unit=character" in page
    assert ">$0.17</a>" in (await admin.get(f"/interactions/{over.id}")).text
    given = form_of((await admin.get("/settings/prices?vendor=nobody&model=x&unit=character")).text, "/settings/prices")
    assert (given["vendor"], given["model"], given["unit"]) == ("nobody", "x", "character")
    added = await admin.post("/settings/prices", **{**given, "amount": "0.5", "valid_from": "2026-01-01"})
    assert added.status_code == 303
    page = (await admin.get(f"/interactions/{over.id}?tab=cost")).text
    assert "No price for" not in page
    assert '<b class="cost-total">$6.34</b>' in page  # 0.15 + 0.017 + 12.345 x 0.5


async def test_a_price_that_cannot_be_is_refused_at_its_field(office: Office) -> None:
    admin = await office.person("admin")
    for field, value in (
        ("vendor", ""), ("unit", "stone"), ("amount", "1e99"), ("amount", "-1"), ("amount", "0.0000001"),
        ("amount", "much"), ("amount", "NaN"), ("currency", "dollars"), ("valid_from", "tomorrow"),
    ):  # fmt: skip
        given = {"vendor": "x", "model": "*", "unit": "message", "amount": "1", "currency": "USD", "valid_from": ""}
        answer = await admin.post("/settings/prices", **{**given, field: value})
        assert answer.status_code == 422, (field, value)
        assert "field-error" in answer.text
    async with office.store.read() as db:
        assert (await db.exec(select(Price))).all() == []


async def test_a_price_is_removed_by_an_admin_of_its_workspace_alone(office: Office) -> None:
    admin, builder = await office.person("admin"), await office.person("builder")
    async with office.store.write() as db:
        now = office.hub.context.clock.now() - timedelta(days=1)
        mine = Price(workspace_id=office.home, vendor="x", unit="message", amount_micros=1, valid_from=now)
        theirs = Price(workspace_id=office.other, vendor="y", unit="message", amount_micros=1, valid_from=now)
        db.add_all([mine, theirs])
    assert "<b>y</b>" not in (await admin.get("/settings/prices")).text
    assert await refused(admin, f"/settings/prices/{theirs.id}/remove") == 404
    assert await refused(builder, f"/settings/prices/{mine.id}/remove") == 403
    assert (await builder.get("/settings/prices")).status_code == 403
    assert await refused(admin, f"/settings/prices/{mine.id}/remove") == 303
    async with office.store.read() as db:
        assert [row.id for row in (await db.exec(select(Price))).all()] == [theirs.id]


async def test_the_schema_is_edited_in_forms(office: Office) -> None:
    builder, path = await office.person("builder"), f"/agents/{office.agent}/results"
    given = form_of((await builder.get(path)).text, path)
    assert (await builder.post(path, **{**given, "do": "add"})).status_code == 303
    given = form_of((await builder.get(path)).text, path)
    assert given["results.2.name"] == "result_1"
    named = {"results.2.name": "why", "results.2.type": "enum", "success_criteria": "they come"}
    answer = await builder.post(path, **{**given, **named, "do": "save"})
    assert answer.status_code == 422
    assert "an enum needs the values" in answer.text.lower()
    stored = (await office.stored()).definition["results"]
    assert [one["name"] for one in stored] == ["day", "email", "result_1"]
    moved = await builder.post(path, **{**given, "results.2.name": "why", "summarize": "", "do": "up:2"})
    assert moved.status_code == 303
    definition = (await office.stored()).definition
    assert [one["name"] for one in definition["results"]] == ["day", "why", "email"]
    assert definition["summarize"] is False
    stale = await builder.post(path, **{**given, "do": "save"})
    assert stale.status_code == 409
    given = form_of((await builder.get(path)).text, path)
    assert (await builder.post(path, **{**given, "do": "remove:1"})).status_code == 303
    for nonsense in ("remove:9", "up:x", "explode:1"):
        given = form_of((await builder.get(path)).text, path)
        assert (await builder.post(path, **{**given, "do": nonsense})).status_code == 422
    assert [one["name"] for one in (await office.stored()).definition["results"]] == ["day", "email"]


async def test_results_are_exported_with_a_column_for_each(office: Office) -> None:
    over = await chats(office, "=1+1 I come on 2027-03-05")
    await chats(office, "hello", end=False)
    now = office.hub.context.clock.now()
    rows = [
        row async for row in results_csv(office.hub.context, office.home, now - timedelta(1), now + timedelta(1))
    ]  # fmt: skip
    header, line = rows
    assert header.strip().endswith("summary,day,email")
    assert line.startswith(str(over.id))
    assert line.strip().endswith(",2027-03-05,")
    nobodys = results_csv(office.hub.context, office.other, now - timedelta(1), now + timedelta(1))
    assert len([row async for row in nobodys]) == 1


async def test_what_customers_and_models_say_is_shown_as_text(office: Office) -> None:
    support = await office.person("support")
    over = await chats(office, "<img src=x onerror=alert(1)>@evil.example on 2027-03-05 <script>alert(1)</script>")
    page = (await support.get(f"/interactions/{over.id}?tab=results")).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


async def test_an_erased_persons_results_and_costs_are_gone(office: Office) -> None:
    over = await chats(office, "I come on 2027-03-05")
    await spends(office, over, Use("llm", "openai", "gpt-4o-mini", "input_token", 10))
    support = await office.person("support")
    await support.post(f"/interactions/{over.id}/results", name="day", value="2027-03-06", do="save")
    await erase(office.hub.context, office.home, over.customer_id, by="Ana")
    async with office.store.read() as db:
        for table in (ResultCase, UsageEntry):
            assert (await db.exec(select(table))).all() == []
