"""Erasing a person leaves nothing of them, late callbacks do not bring them back, and what they refused counts."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import make_url
from sqlmodel import SQLModel, select

from hub.channel import File, Inbound
from hub.core import customers, erasing, files
from hub.models import (
    Address,
    AuditEntry,
    Consent,
    Customer,
    Identity,
    InboxEntry,
    Interaction,
    Mail,
    Message,
    Recording,
    Share,
)
from hub.policy import NotAllowed
from hub.store import Store, lock
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.test_customers_merging import says
from tests.world import Core, Home, bus, core, furnish

pytestmark = pytest.mark.anyio
ANA, BEN = "+12025550101", "+12025550102"
WORD = "xylophone"


def text(body: str, external_id: str, person: str = ANA) -> Inbound:
    return Inbound("sms", "message", external_id, sender=person, recipient=OUR_NUMBER, text=body, sender_name="Zebedee")


async def known(made: Core, home: Home, folder: Path) -> tuple[UUID, list[Path]]:
    """Somebody with messages, a merged record, an attachment and a recording; and where those are on the disk."""
    made.context.data_dir = folder
    first = await made.hub.receive(text(f"My {WORD} is broken", "SM1"))
    await made.settled()
    interaction = await made.records.one(Interaction, Interaction.id == first.interaction_id)
    await made.hub.say(home.workspace_id, interaction.id, f"@Ben look, the {WORD}", operator=home.ana, note=True)
    ben = await says(made, BEN, f"The other {WORD}")
    await customers.merge(made.context, home.workspace_id, interaction.customer_id, ben, by="Ana")
    (folder / "tape.wav").write_bytes(b"sound")
    (folder / "tape.peaks.json").write_bytes(b"[]")
    async with made.context.store.write() as db:
        _, row = await files.keep(
            made.context, db, home.workspace_id, interaction.id, File("a.txt", "text/plain", WORD.encode())
        )
        db.add(Recording(workspace_id=home.workspace_id, interaction_id=interaction.id, path="tape.wav", rate=8_000))
        expires_at = made.context.clock.now()
        db.add(Share(workspace_id=home.workspace_id, interaction_id=interaction.id, by="Ana", expires_at=expires_at))
    return interaction.customer_id, [folder / "tape.wav", folder / "tape.peaks.json", folder / row.path]


async def everything(store: Store) -> str:
    """Every row of every table, as text."""
    told = []
    async with store.read() as db:
        for table in SQLModel.metadata.sorted_tables:
            told += [str(row) for row in (await db.exec(select(table))).all()]  # type: ignore[call-overload]
    return "\n".join(told)


async def test_nothing_is_left_in_any_table_or_on_the_disk(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        customer_id, paths = await known(made, home, tmp_path)
        assert all(path.exists() for path in paths)
        await erasing.erase(made.context, home.workspace_id, customer_id, by="Ana")
        assert not any(path.exists() for path in paths)
        left = await everything(store)
        for trace in (WORD, ANA, BEN, "Zebedee"):
            assert trace not in left
        entry = await made.records.one(AuditEntry, AuditEntry.action == "customer.erased")
        assert (entry.by, entry.subject, entry.data) == ("Ana", str(customer_id), {"interactions": 2, "files": 2})


def on_disk(url: str) -> bytes:
    """The database as a file, its write-ahead log written back."""
    path = Path(make_url(url).database or "")
    assert not path.with_name(f"{path.name}-wal").exists()
    return path.read_bytes()


async def test_sqlite_keeps_no_trace_in_its_file(
    sqlite_url: str, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> None:
    store = Store(sqlite_url, bus())
    async with core(store, clock) as made:
        home = await furnish(store)
        customer_id, _ = await known(made, home, tmp_path)
        await erasing.erase(made.context, home.workspace_id, customer_id, by="Ana")
    await store.close()
    data = on_disk(sqlite_url)
    for trace in (WORD, ANA, "Zebedee"):
        assert trace.encode() not in data, trace


async def test_late_callbacks_do_not_bring_them_back(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        customer_id, _ = await known(made, home, tmp_path)
        ours = (await made.records.all(Message, Message.role == "agent"))[0]
        await erasing.erase(made.context, home.workspace_id, customer_id, by="Ana")
        before = await everything(store)
        again = await made.hub.receive(text(f"My {WORD} is broken", "SM1"))
        for status in ("delivered", "failed"):
            await made.hub.receive(
                Inbound("sms", "status", f"s-{status}", about=str(ours.id), status=status, also=(ours.external_id,),
                        code="21610", opted_out=status == "failed")
            )  # fmt: skip
        await made.settled()
        assert not again.fresh
        assert await everything(store) == before
        assert len(await made.records.all(InboxEntry)) == 2, "what came in is not taken in again"


async def test_who_comes_back_is_somebody_new_whose_refusals_count(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        customer_id, _ = await known(made, home, tmp_path)
        await made.hub.receive(text("STOP", "SM2"))
        await made.settled()
        await erasing.erase(made.context, home.workspace_id, customer_id, by="Ana")
        with pytest.raises(NotAllowed, match="opted out"):
            await made.hub.start(home.workspace_id, "sms", ANA, text="Hello again")
        back = await made.hub.receive(text("Hello", "SM3"))
        await made.settled()
        assert made.sms.sent[-1].recipient != ANA or made.sms.sent[-1].text != "Hello again"
        interaction = await made.records.one(Interaction, Interaction.id == back.interaction_id)
        assert interaction.customer_id != customer_id
        entries = await made.records.all(Consent, Consent.customer_id == interaction.customer_id)
        assert [(one.state, one.source, one.purpose) for one in entries] == [("revoked", "erased", "messages")]


async def test_nobody_is_erased_out_of_a_running_call_or_another_workspace(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with core(store, clock) as made:
        home, other = await furnish(store), await furnish(store, number="+15005550007", name="Other")
        customer_id, _ = await known(made, home, tmp_path)
        with pytest.raises(customers.NoCustomer):
            await erasing.erase(made.context, other.workspace_id, customer_id, by="Eve")
        async with store.write() as db:
            await lock(db, "test")
            db.add(Interaction(workspace_id=home.workspace_id, customer_id=customer_id, channel="call", thread="CA1",
                               node="node#1"))  # fmt: skip
        with pytest.raises(customers.NotPossible, match="in a call"):
            await erasing.erase(made.context, home.workspace_id, customer_id, by="Ana")
        assert len(await made.records.all(Customer)) == 2


async def test_their_mails_in_quarantine_go_and_those_of_others_stay(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with core(store, clock) as made:
        home = await furnish(store)
        customer_id, _ = await known(made, home, tmp_path)
        mine, theirs = tmp_path / "mine", tmp_path / "theirs"
        mine.write_bytes(b"headers=From%3A+Ana+%3CANA%40example.org%3E")
        theirs.write_bytes(b"From: Ben <ben@example.org>")
        async with store.write() as db:
            address = Address(workspace_id=home.workspace_id, channel="email", value="help@example.com")
            mailbox = Identity(
                workspace_id=home.workspace_id, customer_id=customer_id, kind="email", value="ana@example.org",
                strength="verified",
            )  # fmt: skip
            db.add_all((address, mailbox))
            await db.flush()
            for path in (mine, theirs):
                db.add(
                    Mail(workspace_id=home.workspace_id, address_id=address.id, channel="email", url="/hooks/email/x",
                         path=path.name, state="quarantined")
                )  # fmt: skip
        await erasing.erase(made.context, home.workspace_id, customer_id, by="Ana")
        assert [mail.path for mail in await made.records.all(Mail)] == ["theirs"]
        assert (mine.exists(), theirs.exists()) == (False, True)
