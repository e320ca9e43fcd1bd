"""Signing in: guesses side by side are slowed down like those in a row; the right password never is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.office import Office, open_office
from web.auth import FREE_FAILURES

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


async def test_guesses_side_by_side_are_slowed_down_like_those_in_a_row(office: Office) -> None:
    nobody = await office.person("")
    guesses = [nobody.post("/signin", email="viewer@x.test", password=f"guess {number}") for number in range(12)]
    answers = Counter(answer.status_code for answer in await asyncio.gather(*guesses))
    assert answers == {401: FREE_FAILURES, 429: 12 - FREE_FAILURES}


async def test_who_signs_in_rightly_is_never_slowed_down(office: Office) -> None:
    for _ in range(FREE_FAILURES * 5):
        office.people.clear()
        await office.person("viewer")


async def test_an_email_that_no_database_can_hold_is_refused(office: Office) -> None:
    nobody = await office.person("")
    answer = await nobody.post("/signin", email="a\0b@x.test", password="x")
    assert (answer.status_code, "<h1>" in answer.text) == (400, True)
