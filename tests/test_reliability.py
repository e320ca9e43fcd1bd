"""Two servers on one database, and a database that is not there."""

from pathlib import Path

import pytest
from sqlalchemy import text

from hub.models import InboxEntry, Interaction, Message
from tests.conftest import REDIS
from tests.fakes import FakeClock
from tests.world import QUESTION, Sandbox, eventually, fleet, house

pytestmark = pytest.mark.anyio
ANA, BEN = "+12025550401", "+12025550402"


@pytest.fixture
def bus_settings(engine: str) -> dict[str, str]:
    """As servers are run: Redis beside PostgreSQL, where one is named."""
    return {"HUB_REDIS_URL": REDIS} if REDIS and engine == "postgresql" else {}


async def test_the_same_webhook_twenty_times_at_two_servers_is_one_message_and_one_reply(
    database_url: str, sandbox: Sandbox, tmp_path: Path, bus_settings: dict[str, str]
) -> None:
    async with fleet(database_url, sandbox, tmp_path, **bus_settings) as made:
        one, two = await made.hub(HUB_NODE="a"), await made.hub(HUB_NODE="b")
        answers = await sandbox.texts(ANA, QUESTION, one.url, two.url, duplicate=19)
        assert [answer["status"] for answer in answers] == [200] * 20
        assert len({answer["url"] for answer in answers}) == 2
        await sandbox.sent(ANA, at_least=1)

        async def answered() -> list[str]:
            return [row.status for row in await made.records.all(Message, Message.role == "agent")]

        await eventually(answered, lambda found: found == ["delivered"])
        assert len(await sandbox.tries(ANA)) == 1
        assert len(await made.records.all(InboxEntry)) == 1
        assert [role for role, _ in await made.records.said(ANA)] == ["customer", "agent"]

        both = await sandbox.texts([BEN], "hello {n}", one.url, two.url, count=2, concurrency=2)  # type: ignore[arg-type]
        assert [answer["status"] for answer in both] == [200, 200]
        await made.records.one(Interaction, Interaction.person == BEN)
        said = await eventually(lambda: made.records.said(BEN), lambda found: found[-1:] and found[-1][0] == "agent")
        assert [role for role, _ in said].count("customer") == 2


async def test_while_the_database_is_not_there_the_carrier_is_asked_to_come_again(
    sandbox: Sandbox, clock: FakeClock, tmp_path: Path, database_url: str
) -> None:
    async with house(database_url, sandbox, clock, tmp_path) as hub:
        async with hub.store.write() as db:
            await db.exec(text("ALTER TABLE inbox_entry RENAME TO gone"))
        sid = hub.sid()
        answer = await hub.text(ANA, QUESTION, sid=sid)
        assert answer.status_code == 503
        assert answer.json()["detail"] == "It could not be stored just now; send it again."
        assert await hub.records.said() == []
        async with hub.store.write() as db:
            await db.exec(text("ALTER TABLE gone RENAME TO inbox_entry"))
        assert (await hub.text(ANA, QUESTION, sid=sid)).status_code == 200
        await hub.settled()
        assert [role for role, _ in await hub.records.said(ANA)] == ["customer", "agent"]
