"""The pages of customers: one timeline, identities, consent, merge and undo, sending, import, erase; by role."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from hub.channel import Inbound, Limits
from hub.models import Address, AuditEntry, Consent, Customer, CustomerChange, Identity, Interaction, Message
from hub.store import agents
from tests.conftest import Databases
from tests.fakes import FakeChannel
from tests.office import Office, Person, open_office
from tests.world import eventually

pytestmark = pytest.mark.anyio
OURS, ANA, BEN = "+15550001111", "+12025550101", "+12025550102"
CSV = "Name;Mobile;Mail;Plan\nDora;(202) 555-0111;dora@example.com;gold\nEgon;12;;\n=1+1;+12025550112;;\n"


@pytest.fixture
async def office(databases: Databases, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(databases.new("sqlite"), tmp_path) as made:
        made.hub.context.channels["sms"] = FakeChannel("sms")  # type: ignore[index]
        call = FakeChannel("call")
        call.limits = Limits(length=1_000, live=True)
        made.hub.context.channels["call"] = call  # type: ignore[index]
        async with made.store.write() as db:
            db.add(Address(workspace_id=made.home, channel="sms", value=OURS, agent_id=made.agent))
            workspace = await agents.workspace(db, made.home)
            assert workspace is not None
            workspace.contact_from, workspace.contact_to = "00:00", "24:00"
        yield made


async def rows(office: Office, table: Any, *where: Any) -> list[Any]:
    async with office.store.read() as db:
        return list((await db.exec(select(table).where(*where).order_by(table.id))).all())


async def says(office: Office, person: str, text: str, name: str = "") -> UUID:
    says.count += 1  # type: ignore[attr-defined]
    inbound = Inbound(
        "sms", "message", f"SM{says.count}", sender=person, recipient=OURS, text=text, sender_name=name  # type: ignore[attr-defined]
    )  # fmt: skip
    receipt = await office.hub.receive(inbound)
    await office.settled()
    (found,) = await rows(office, Interaction, Interaction.id == receipt.interaction_id)
    return UUID(str(found.customer_id))


says.count = 0  # type: ignore[attr-defined]


async def told(person: Person, path: str, **fields: Any) -> str:
    """What the page says after this was done."""
    answer = await person.post(path, **fields)
    assert answer.status_code == 303, answer.text
    return (await person.get(answer.headers["location"])).text


async def test_the_page_shows_one_timeline_with_calls_as_cards(office: Office) -> None:
    ana, support = await says(office, ANA, "Where are you? <b>", "Ana"), await office.person("support")
    async with office.store.write() as db:
        db.add(Interaction(workspace_id=office.home, customer_id=ana, channel="call", thread="CA1", person=ANA,
                           status="completed", preview="Goodbye."))  # fmt: skip
    shown = (await support.get(f"/customers/{ana}")).text
    assert "Where are you? &lt;b&gt;" in shown
    assert 'class="story-call"' in shown
    assert "Transcript" in shown
    by_sms = (await support.get(f"/customers/{ana}/timeline", params={"channel": "sms", "who": "customer"})).text
    assert "Where are you?" in by_sms
    assert "story-call" not in by_sms
    assert "(AI)" not in by_sms
    assert (await support.get(f"/customers/{ana}/timeline", params={"before": "nonsense"})).status_code == 404


async def test_the_timeline_goes_on_page_by_page_and_misses_nothing(office: Office) -> None:
    ana, viewer = await says(office, ANA, "number 0"), await office.person("viewer")
    for number in range(1, 45):
        await office.hub.receive(
            Inbound("sms", "message", f"SMp{number}", sender=ANA, recipient=OURS, text=f"number {number}")
        )
    await office.settled()
    seen, path, pages = [], f"/customers/{ana}?who=customer", 0
    while path:
        page = (await viewer.get(path)).text
        seen += re.findall(r"number (\d+)", page.partition('id="story"')[2])
        more = re.search(r'id="story-more"><a class="button small" href="([^"]+)"', page)
        path, pages = (more[1].replace("&amp;", "&") if more else ""), pages + 1
    assert [int(one) for one in seen] == list(range(44, -1, -1))
    assert pages == 2


async def test_a_merge_is_compared_done_and_undone_in_the_pages(office: Office) -> None:
    ana, ben = await says(office, ANA, "Hello", "Ana"), await says(office, BEN, "Hi", "Ana")
    support = await office.person("support")
    assert "may be the same person" in (await support.get(f"/customers/{ana}")).text
    assert str(ben) in (await support.get(f"/customers/{ana}/merge", params={"q": BEN[-4:]})).text
    compared = (await support.get(f"/customers/{ana}/merge", params={"other": str(ben)})).text
    assert BEN in compared
    assert "2 identities, 2 conversations" in compared
    shown = await told(support, f"/customers/{ana}/merge", other=str(ben), keep="other")
    assert "was merged into this one" in shown
    assert ANA in shown
    assert (await support.get(f"/customers/{ana}")).headers["location"] == f"/customers/{ben}"
    (change,) = await rows(office, CustomerChange)
    shown = await told(support, f"/customers/{ben}/changes/{change.id}/undo")
    assert "Undone" in shown
    assert {one.customer_id for one in await rows(office, Identity)} == {ana, ben}


async def test_a_split_is_done_in_the_page(office: Office) -> None:
    ana, support = await says(office, ANA, "Hello"), await office.person("support")
    await told(support, f"/customers/{ana}/identities", kind="email", value="Ana@Example.com")
    (mail,) = await rows(office, Identity, Identity.kind == "email")
    assert (mail.value, mail.strength, mail.source) == ("ana@example.com", "asserted", "operator")
    shown = await told(support, f"/customers/{ana}/split", identity=str(mail.id), name="Anna")
    assert "Split. You can undo it here." in shown
    assert [one.name for one in await rows(office, Customer, Customer.name == "Anna")] == ["Anna"]


async def test_an_identity_is_proved_by_a_code_that_nobody_here_can_read(office: Office) -> None:
    ana, support = await says(office, ANA, "Hello"), await office.person("support")
    assert "on its way" in await told(support, f"/customers/{ana}/codes", kind="phone", value=ANA)
    await office.settled()
    code = re.search(r"\b\d{6}\b", office.hub.context.channels["sms"].sent[-1].text)  # type: ignore[attr-defined]
    assert code
    assert code[0] not in (await support.get(f"/customers/{ana}")).text
    assert "not the code" in await told(support, f"/customers/{ana}/codes/check", code="000000x")
    shown = await told(support, f"/customers/{ana}/codes/check", code=f" {code[0][:3]}-{code[0][3:]} ")
    assert "Proved by one-time code by sms, Support" in shown


async def test_consent_is_written_down_and_counts(office: Office) -> None:
    ana, support = await says(office, ANA, "Hello"), await office.person("support")
    given = {"state": "revoked", "purpose": "messages", "channel": "", "evidence": "Told me on the phone"}
    assert "Told me on the phone" in await told(support, f"/customers/{ana}/consents", **given)
    (entry,) = await rows(office, Consent)
    assert (entry.source, entry.by, entry.state) == ("operator", "Support", "revoked")
    assert "no way to reach them" in await told(support, f"/customers/{ana}/send", text="Hello?")
    await says(office, ANA, "START")
    assert "no way to reach them" in await told(support, f"/customers/{ana}/send", text="Hello?"), (
        "START lifts STOP alone"
    )
    file = (await support.get("/customers/consents.csv")).text
    assert "Told me on the phone,Support" in file


async def test_a_message_is_previewed_and_sent_by_the_best_way(office: Office) -> None:
    ana, support = await says(office, ANA, "Hello"), await office.person("support")
    seen = (await support.post(f"/customers/{ana}/send/preview", text="Your parcel is here.")).text
    assert "they last wrote there just now" in seen
    shown = await told(support, f"/customers/{ana}/send", text="Your parcel is here.", back="inbox")
    assert "Your parcel is here." in shown
    assert "Sent by sms to" in shown


async def test_a_file_is_checked_row_by_row_and_then_imported(office: Office) -> None:
    support = await office.person("support")
    await says(office, BEN, "Hi")
    answer = await support.post(
        "/customers/import", {"files": {"file": ("people.csv", CSV.encode("utf-16"), "text/csv")}}
    )
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    shown = (await support.get(path)).text
    assert "Import 1 customer<" in shown
    assert "is a short code" in shown
    assert "looks like a spreadsheet formula" in shown
    done = await support.post(path, go="1", column=["name", "phone", "email", "custom:Plan"], region="US")
    run = done.headers["location"]
    whole = await eventually(lambda: support.get(run), lambda answer: "is imported" in answer.text)
    assert "3 of 3 rows: 1 made, 0 updated, 2 left out." in whole.text
    assert "hx-trigger" not in whole.text, "what is done is not asked for again"
    (dora,) = await rows(office, Customer, Customer.name == "Dora")
    assert dora.custom_fields == {"Plan": "gold"}
    assert {(one.kind, one.value) for one in await rows(office, Identity, Identity.customer_id == dora.id)} == {
        ("phone", "+12025550111"), ("email", "dora@example.com"),
    }  # fmt: skip
    assert (await support.get(path)).status_code == 404, "the file is gone"
    export = (await support.get("/customers/customers.csv")).text
    assert "Dora,+12025550111,,dora@example.com" in export


async def test_erasing_needs_the_word_and_an_admin(office: Office) -> None:
    ana, admin = await says(office, ANA, "Hello"), await office.person("admin")
    assert (await (await office.person("support")).post(f"/customers/{ana}/erase", confirm="ERASE")).status_code == 403
    assert "type ERASE" in await told(admin, f"/customers/{ana}/erase", confirm="yes")
    assert "Nothing of them is left" in await told(admin, f"/customers/{ana}/erase", confirm="erase")
    assert await rows(office, Message) == []
    assert [(one.action, one.by) for one in await rows(office, AuditEntry)] == [("customer.erased", "Admin")]
    assert (await admin.get(f"/customers/{ana}")).status_code == 404


POSTS = (
    "identities", "codes", "codes/check", "consents", "send", "send/preview", "merge", "split",
    "identities/0193a5f0-0000-7000-8000-000000000000/remove", "changes/0193a5f0-0000-7000-8000-000000000000/undo",
)  # fmt: skip


async def test_viewers_and_builders_change_nothing_and_strangers_find_nothing(office: Office) -> None:
    ana = await says(office, ANA, "Hello")
    async with office.store.write() as db:
        theirs = Customer(workspace_id=office.other, name="Secret")
        db.add(theirs)
    for role in ("viewer", "builder"):
        person = await office.person(role)
        page = (await person.get(f"/customers/{ana}")).text
        assert "Send a message" not in page
        for path in POSTS:
            assert (await person.post(f"/customers/{ana}/{path}")).status_code == 403, path
        for path in (f"/customers/{ana}/export", "/customers/customers.csv", "/customers/import"):
            assert (await person.get(path)).status_code == 403, path
    admin = await office.person("admin")
    for path in (*POSTS, "erase"):
        assert (await admin.post(f"/customers/{theirs.id}/{path}", confirm="ERASE")).status_code == 404, path
    for path in ("", "/timeline", "/export", "/merge"):
        assert (await admin.get(f"/customers/{theirs.id}{path}")).status_code == 404, path
    assert (await admin.get(f"/customers/{ana}/merge", params={"other": str(theirs.id)})).status_code == 404
    assert "no such customer" in (await told(admin, f"/customers/{ana}/merge", other=str(theirs.id))).lower()
