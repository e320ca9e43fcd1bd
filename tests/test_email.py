"""A mail comes in, an answer goes out into its thread, what becomes of it is told: through the door and the API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.models import Customer, Identity, Message
from tests.fakes import FakeClock
from tests.mail_world import ANA, OURS, Post, post_office
from tests.world import QUESTION, Sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
async def post(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Post]:
    async with post_office(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


async def test_a_mail_is_answered_into_its_thread_and_its_delivery_is_reported(post: Post) -> None:
    mail = await post.writes(ANA, QUESTION, name="Ana Lima", subject="Saturday?")
    assert mail["status"] == "delivered"
    (answer,) = await post.gets(ANA, at_least=1)
    assert "Saturday from 9 to 13" in answer["text"]
    assert (answer["from"], answer["to"], answer["subject"]) == (OURS, [ANA], "Re: Saturday?")
    headers = answer["headers"]
    assert headers["In-Reply-To"] == f"<{mail['message_id']}>"
    assert headers["References"] == f"<{mail['message_id']}>"
    assert headers["Auto-Submitted"] == "auto-replied"
    assert answer["reply_to"].startswith("reply+")
    assert answer["reply_to"].endswith("@clinic.example")
    assert f"> {QUESTION}" in answer["text"]
    said = await post.letter(Message.role == "agent")
    assert (await post.becomes(said, "delivered")).external_id == answer["message_id"]
    assert (await post.records.one(Customer)).name == "Ana Lima"
    assert (await post.records.one(Identity)).strength == "verified"
    assert await post.waiting() == []
