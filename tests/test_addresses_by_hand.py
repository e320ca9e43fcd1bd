"""What people and programs can type into an address is refused in words, on both databases."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.office import Office, open_office
from web.auth import new_api_key

pytestmark = pytest.mark.anyio
BEYOND = ["-1", str(2**31), "9" * 25]


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


@pytest.mark.parametrize("place", BEYOND)
async def test_a_place_that_no_log_has_is_refused_on_pages(office: Office, place: str) -> None:
    begun = await office.hub.start(office.home, "webchat", "a" * 32, text="hello")
    ana = await office.person("support")
    for path in (f"/interactions/{begun.id}?tab=events&after={place}", f"/inbox/{begun.id}/older?before={place}"):
        answer = await ana.get(path)
        assert (answer.status_code, "<h1>" in answer.text) == (400, True), path


@pytest.mark.parametrize("place", BEYOND)
async def test_a_cursor_to_a_place_that_no_log_has_is_refused(office: Office, place: str) -> None:
    begun = await office.hub.start(office.home, "webchat", "a" * 32, text="hello")
    key, secret = new_api_key(office.home, "A program", ["read"])
    async with office.store.write() as db:
        db.add(key)
    cursor = base64.urlsafe_b64encode(f"n{place}".encode()).decode().rstrip("=")
    program = (await office.person("")).client
    for what in ("messages", "events"):
        answer = await program.get(
            f"/v1/interactions/{begun.id}/{what}?cursor={cursor}", headers={"authorization": f"Bearer {secret}"}
        )
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "cursor")


@pytest.mark.parametrize("seen", ["²", "9" * 11])
async def test_a_stream_resumed_from_nowhere_begins_at_the_beginning(office: Office, seen: str) -> None:
    begun = await office.hub.start(office.home, "webchat", "a" * 32, text="hello")
    ana = await office.person("support")
    headers = {"last-event-id": seen.encode("latin-1")}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):  # a stream: it is still open then
            await ana.get(f"/interactions/{begun.id}/live", headers=headers)
