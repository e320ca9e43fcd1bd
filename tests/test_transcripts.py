"""The transcript as the API gives it: JSON, text and subtitles, and the same files as on the page."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from hub.store import interactions
from tests.office import URL, Office, open_office
from tests.test_pages_interaction_calls import call_in
from web.auth import new_api_key

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
async def api(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    key, shown = new_api_key(office.home, "Program", ["read"])
    async with office.store.write() as db:
        db.add(key)
    bearer = {"authorization": f"Bearer {shown}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=office.app), base_url=URL, headers=bearer) as client:
        yield client


def path_of(interaction_id: UUID) -> str:
    return f"/v1/interactions/{interaction_id}/transcript"


async def test_text_and_subtitles_are_those_of_the_page(office: Office, api: httpx.AsyncClient) -> None:
    it = await call_in(office)
    viewer = await office.person("viewer")
    for kind, media_type in (("txt", "text/plain"), ("vtt", "text/vtt")):
        answer = await api.get(path_of(it), params={"format": kind})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert answer.text == (await viewer.get(f"/interactions/{it}/transcript.{kind}")).text
        assert "We open at nine." in answer.text
        assert "closed" not in answer.text


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/plain", "text/plain"),
        ("text/*", "text/plain"),
        ("text/vtt, text/plain;q=0.5", "text/vtt"),
        ("text/plain;q=0.2, text/vtt;q=0.9", "text/vtt"),
        ("image/png", "application/json"),
        ("", "application/json"),
        ("///;q=x", "application/json"),
    ],
)
async def test_accept_chooses_when_no_format_is_given(
    office: Office, api: httpx.AsyncClient, accept: str, given: str
) -> None:
    it = await call_in(office)
    answer = await api.get(path_of(it), headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == given
    assert answer.headers["vary"] == "Accept"
    chosen = await api.get(path_of(it), params={"format": "json"}, headers={"accept": accept})
    assert chosen.json()["lines"][1]["text"] == "what are your hours"


async def test_what_cannot_be_given_is_said(office: Office, api: httpx.AsyncClient) -> None:
    it = await call_in(office)
    unknown = await api.get(path_of(it), params={"format": "srt"})
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["parameter"] == "format"
    theirs = await call_in(office, office.other)
    assert (await api.get(path_of(theirs), params={"format": "txt"})).status_code == 404
    async with office.store.write() as db:
        held = await interactions.locked(db, it)
        assert held is not None
        held.channel = "webchat"
    refused = await api.get(path_of(it), params={"format": "vtt"})
    assert (refused.status_code, refused.json()["code"]) == (404, "no_subtitles")
    assert (await api.get(path_of(it), params={"format": "txt"})).status_code == 200


async def test_the_formats_are_described(api: httpx.AsyncClient) -> None:
    document = (await api.get("/schema/openapi.json")).json()
    described = document["paths"]["/v1/interactions/{interaction_id}/transcript"]["get"]
    assert set(described["responses"]["200"]["content"]) == {"application/json", "text/plain", "text/vtt"}
    (choice,) = [one for one in described["parameters"] if one["name"] == "format"]
    assert choice["in"] == "query"
    assert "vtt" in str(choice["schema"])
