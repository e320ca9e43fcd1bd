"""A text comes in, an answer goes out, its delivery is reported: through the real door and the carrier's API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from hub.channel import Media
from hub.core.recover import sweep
from hub.models import Address, AgentDefinition, Event, InboxEntry, Interaction, Message, OutboxEntry
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, gated, until
from tests.world import QUESTION, SERVICE_SID, House, Sandbox, eventually, house, looking_up

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


@pytest.fixture
def commits() -> Iterator[list[int]]:
    """One entry for each commit of this process, on any database."""
    made: list[int] = []

    def committed(_connection: object) -> None:
        made.append(1)

    event.listen(Engine, "commit", committed)
    yield made
    event.remove(Engine, "commit", committed)


async def test_a_text_is_answered_and_its_delivery_is_reported(hub: House) -> None:
    assert (await hub.text(ANA, QUESTION)).status_code == 200
    await hub.settled()
    (sent,) = await hub.sandbox.sent(ANA, at_least=1)
    assert "Saturday from 9 to 13" in sent["body"]
    assert (sent["from"], sent["to"]) == (OUR_NUMBER, ANA)

    async def answer() -> Message:
        return await hub.records.one(Message, Message.role == "agent")

    message = await eventually(answer, lambda message: message.status == "delivered")
    assert message.external_id == sent["sid"]
    assert (message.error_code, message.error_words) == ("", "")
    changes = [event.type for event in await hub.records.all(Event)]
    assert changes[-1] == "message.delivered"


async def test_the_webhook_is_acknowledged_after_one_commit_and_before_any_thinking(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, commits: list[int]
) -> None:
    async with (
        gated() as gate,
        house(database_url, sandbox, clock, tmp_path, definition=looking_up(gate.url)) as hub,
    ):
        commits.clear()
        answer = await hub.text(ANA, "hello")
        assert (answer.status_code, len(commits)) == (200, 1)
        assert answer.headers["content-type"].startswith("text/xml")
        assert await hub.records.said(ANA) == [("customer", "hello")]
        entry = await hub.records.one(InboxEntry)
        assert entry.done_at is None
        assert await sandbox.sent(ANA) == []
        gate.open()
        assert len(await sandbox.sent(ANA, at_least=1)) == 1
        await hub.settled()
        assert (await hub.records.one(InboxEntry)).done_at is not None


async def test_pictures_come_in_with_a_text_and_without_one(hub: House) -> None:
    pictures = {
        "NumMedia": "2", "MediaUrl0": f"{hub.sandbox.url}/a.jpg", "MediaContentType0": "image/jpeg",
        "MediaUrl1": f"{hub.sandbox.url}/b.png", "MediaContentType1": "image/png",
    }  # fmt: skip
    await hub.text(ANA, "two pictures", **pictures)
    await hub.text(ANA, "", **{**pictures, "NumMedia": "1"})
    both, one = await hub.records.all(Message, Message.role == "customer")
    assert [(item["url"][-5:], item["content_type"]) for item in both.media] == [
        ("a.jpg", "image/jpeg"),
        ("b.png", "image/png"),
    ]
    assert (one.text, len(one.media)) == ("", 1)


async def test_an_operator_sends_a_picture(hub: House) -> None:
    await hub.text(ANA, QUESTION)
    await hub.settled()
    interaction = await hub.records.one(Interaction)
    place = (hub.home.workspace_id, interaction.id)
    await hub.hub.take_over(*place, hub.home.ana)
    await hub.hub.say(*place, "Our map", operator=hub.home.ana, media=(Media("https://example.com/map.png"),))
    await hub.settled()
    _, sent = await hub.sandbox.sent(ANA, at_least=2)
    assert (sent["body"], [item["url"] for item in sent["media"]]) == ("Our map", ["https://example.com/map.png"])


async def test_a_long_answer_arrives_in_parts_and_in_order(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    long = " ".join(f"This is sentence number {number} of a long story." for number in range(1, 31))
    definition = AgentDefinition(name="Maya", opening_message=long)
    async with house(database_url, sandbox, clock, tmp_path, definition=definition) as hub:
        await hub.text(ANA, "hi")
        await hub.settled()
        bodies = [row["body"] for row in await sandbox.sent(ANA, at_least=4)]
        assert all(len(body) <= 320 and body.endswith(".") for body in bodies)
        assert long in " ".join(bodies)
        stored = [message.text for message in await hub.records.all(Message, Message.role == "agent")]
        assert stored == bodies


async def test_a_part_that_must_wait_holds_back_those_after_it(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    long = " ".join(f"This is sentence number {number} of a long story." for number in range(1, 21))
    definition = AgentDefinition(name="Maya", opening_message=long)
    async with house(database_url, sandbox, clock, tmp_path, definition=definition) as hub:
        await sandbox.behave(mode="429", count=1, retry_after=30, to=ANA)
        await hub.text(ANA, "hi")
        await hub.settled()
        assert await sandbox.sent(ANA) == []
        clock.forward(seconds=31)
        await sweep(hub.hub.context, clock.now())
        bodies = [row["body"] for row in await sandbox.sent(ANA, at_least=3)]
        assert bodies == [message.text for message in await hub.records.all(Message, Message.role == "agent")]


async def test_a_number_in_a_pool_is_known_by_its_messaging_service(hub: House) -> None:
    async with hub.store.write() as db:
        db.add(
            Address(
                workspace_id=hub.home.workspace_id, channel="sms", value=SERVICE_SID, agent_id=hub.home.agent_id
            )
        )  # fmt: skip
    answer = await hub.text(ANA, QUESTION, To="+15005559999", MessagingServiceSid=SERVICE_SID)
    assert answer.status_code == 200
    (sent,) = await hub.sandbox.sent(ANA, at_least=1)
    assert sent["messaging_service_sid"] == SERVICE_SID


async def test_a_repeated_webhook_changes_nothing(hub: House) -> None:
    for _ in range(3):
        assert (await hub.text(ANA, QUESTION, sid="SM" + "7" * 32)).status_code == 200
        await hub.settled()
    assert [role for role, _ in await hub.records.said(ANA)] == ["customer", "agent"]
    assert len(await hub.sandbox.tries(ANA)) == 1


async def test_a_burst_while_the_reply_is_thought_of_gets_one_answer(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    async with (
        gated() as gate,
        house(database_url, sandbox, clock, tmp_path, definition=looking_up(gate.url)) as hub,
    ):
        await hub.text(ANA, "one")
        await until(lambda: gate.asked)
        await hub.text(ANA, "two")
        await hub.text(ANA, "three")
        gate.open()
        await hub.settled()
        assert [role for role, _ in await hub.records.said(ANA)] == ["customer"] * 3 + ["agent"]
        assert gate.asked == 2  # thought of again, with all three in mind
        assert len(await sandbox.tries(ANA)) == 1
        interaction = await hub.records.one(Interaction)
        assert interaction.answered_seq == interaction.heard_seq
        assert interaction.waiting_since is None


async def test_what_the_carrier_refuses_is_told_in_plain_words(hub: House) -> None:
    nobody = "+15005550001"
    await hub.text(nobody, QUESTION)
    await hub.settled()
    failed = await hub.records.one(Message, Message.role == "agent")
    assert (failed.status, failed.error_code) == ("failed", "21211")
    assert failed.error_words == "This is not a phone number that can receive messages."
    assert (await hub.records.one(OutboxEntry)).state == "failed"


async def test_what_the_network_refuses_later_is_told_in_plain_words(hub: House) -> None:
    await hub.sandbox.behave(mode="refuse", code=30005, to=ANA)
    await hub.text(ANA, QUESTION)
    await hub.settled()

    async def answer() -> Message:
        return await hub.records.one(Message, Message.role == "agent")

    failed = await eventually(answer, lambda message: message.status == "undelivered")
    assert failed.error_code == "30005"
    assert failed.error_words == "The number does not exist or is no longer in use."
