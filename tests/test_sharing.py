"""Links that share an interaction: who makes them, what they show, what they never show, and when they work no more."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from hub.models import Event, Share
from hub.models.customer import masked
from hub.store import calls, interactions
from tests.office import URL, Office, Person, open_office
from tests.test_pages_interaction_calls import MISSED, call_in, say
from web.share_links import ShareLinks

pytestmark = pytest.mark.anyio
NUMBER = "+12025550111"
INSIDE = ("find_slot", "A secret note", NUMBER, "2025550111", "Trace id", "t-trace", MISSED, "closed", "Nobody heard")
"""What only people who sign in see."""


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


@pytest.fixture
async def stranger(office: Office) -> Person:
    """Somebody who is not signed in."""
    return await office.person("")


async def share(office: Office, interaction_id: UUID, hours: int = 24, role: str = "support") -> httpx.Response:
    return await (await office.person(role)).post(f"/interactions/{interaction_id}/shares", hours=str(hours))


async def link(office: Office, interaction_id: UUID, hours: int = 24) -> str:
    """The path of a new link, as it stands on the page of who made it."""
    answer = await share(office, interaction_id, hours)
    assert answer.status_code == 200, answer.text
    found = re.search(rf'value="{URL}(/shared/[\w.-]+)"', answer.text)
    assert found, answer.text
    return found[1]


async def log(office: Office, interaction_id: UUID) -> list[Event]:
    async with office.store.read() as db:
        query = select(Event).where(Event.interaction_id == interaction_id, col(Event.type).like("interaction.share%"))
        return list((await db.exec(query.order_by(col(Event.seq)))).all())


async def paths_of(office: Office, interaction_id: UUID, path: str) -> list[str]:
    """All that a link opens."""
    async with office.store.read() as db:
        (part,) = await calls.recordings(db, office.home, interaction_id)
    return [path, f"{path}/peaks.json", f"{path}/recordings/{part.id}.wav"]


async def test_a_link_shows_the_conversation_and_its_sound_to_whoever_has_it(office: Office, stranger: Person) -> None:
    it = await call_in(office)
    page, outline, sound = [await stranger.get(path) for path in await paths_of(office, it, await link(office, it))]
    assert page.status_code == 200
    for shown in (
        "Ana Ruiz",
        "what are your hours",
        "We open at nine.",
        "On Saturdays",
        "Maya (AI)",
        "Ben &lt;Sato&gt;",
    ):
        assert shown in page.text, shown
    assert outline.json()["parts"][0]["duration_ms"] == 12_000
    assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/wav")
    assert len(sound.content) > 100_000
    for answer in (page, outline, sound):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_link_shows_nothing_else(office: Office, stranger: Person) -> None:
    it = await call_in(office, name="")
    async with office.store.write() as db:
        held = await interactions.locked(db, it)
        assert held is not None
        held.trace_id = "t-trace"
        await say(db, held, "operator", "A secret note", author="Sam", note=True)
        await say(db, held, "tool", "find_slot gave nothing")
    page, outline, _ = [await stranger.get(path) for path in await paths_of(office, it, await link(office, it))]
    assert "••• 11" in page.text
    for hidden in INSIDE:
        assert hidden not in page.text, hidden
        assert hidden not in outline.text, hidden
    assert "<form" not in page.text
    assert not re.search(r'href="/(?!static|shared)', page.text)
    assert {mark["kind"] for mark in outline.json()["markers"]} == {"redacted"}
    assert str(it) not in page.text
    assert (await stranger.get(f"/interactions/{it}/recording.wav")).status_code == 303


async def test_making_and_opening_stand_in_the_log(office: Office, stranger: Person) -> None:
    it = await call_in(office)
    path = await link(office, it, 168)
    for _ in range(3):
        await stranger.get(path)
    made, opened = await log(office, it)
    assert (made.type, made.data["by"]) == ("interaction.shared", "Support")
    assert opened.type == "interaction.share_opened"
    assert opened.data["share_id"] == made.data["share_id"]
    page = (await (await office.person("support")).get(f"/interactions/{it}")).text
    assert "Opened 1 time," in page
    async with office.store.write() as db:
        row = (await db.exec(select(Share))).one()
        assert row.opened_at is not None
        assert row.expires_at - row.created_at == timedelta(days=7)
        row.opened_at -= timedelta(minutes=2)
    await stranger.get(path)
    assert [event.type for event in await log(office, it)][1:] == ["interaction.share_opened"] * 2


async def test_a_forged_link_shows_nothing(office: Office, stranger: Person) -> None:
    it = await call_in(office)
    paths = await paths_of(office, it, await link(office, it))
    token = paths[0].rpartition("/")[2]
    share_id = office.app.state.share_links.read(token)
    assert share_id is not None
    flipped = ("A" if token[30] != "A" else "B").join((token[:30], token[31:]))
    last = token[:-1] + chr(ord(token[-1]) + 1)
    forged = [
        flipped, last, token[:-1], token + "A", token.swapcase(), "A" * 43, "x", "é" * 43, str(share_id),
        ShareLinks("another secret").token(share_id), office.app.state.share_links.token(uuid4()),
    ]  # fmt: skip
    for one in forged:
        for path in paths:
            answer = await stranger.get(path.replace(token, one))
            assert answer.status_code == 404, (one, path)
            assert "Ana" not in answer.text
            assert "what are your hours" not in answer.text
            assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert [event.type for event in await log(office, it)] == ["interaction.shared"]


@pytest.mark.parametrize("how", ["expired", "revoked"])
async def test_a_link_that_is_over_shows_nothing_and_says_so(office: Office, stranger: Person, how: str) -> None:
    it = await call_in(office)
    paths = await paths_of(office, it, await link(office, it, 1))
    async with office.store.write() as db:
        row = (await db.exec(select(Share))).one()
        if how == "expired":
            row.expires_at = row.created_at
        share_id = row.id
    support = await office.person("support")
    if how == "revoked":
        assert (await support.post(f"/interactions/{it}/shares/{share_id}/revoke")).status_code == 200
        assert (await log(office, it))[-1].type == "interaction.share_revoked"
    before = await log(office, it)
    for path in paths:
        answer = await stranger.get(path)
        assert answer.status_code == 410, path
        assert "This link no longer works" in answer.text
        assert "Ana" not in answer.text
    assert await log(office, it) == before
    assert "/shared/" not in (await support.get(f"/interactions/{it}")).text


async def test_a_link_opens_one_recording_and_no_other(office: Office, stranger: Person) -> None:
    it, other = await call_in(office), await call_in(office)
    path = await link(office, it)
    async with office.store.read() as db:
        (row,) = await calls.recordings(db, office.home, other)
    assert (await stranger.get(f"{path}/recordings/{row.id}.wav")).status_code == 404


async def test_who_may_not_share_makes_no_link(office: Office) -> None:
    it = await call_in(office)
    assert (await share(office, it, role="viewer")).status_code == 403
    nobody = await share(office, it, role="")
    assert urlsplit(nobody.headers["location"]).path == "/signin"
    assert (await share(office, it, hours=5)).status_code == 400
    assert await log(office, it) == []
    for role in ("admin", "builder", "support"):
        assert (await share(office, it, role=role)).status_code == 200
    viewer = await office.person("viewer")
    page = (await viewer.get(f"/interactions/{it}")).text
    assert "/shared/" not in page
    assert 'data-open="#share"' not in page


async def test_another_workspace_can_neither_share_nor_revoke(office: Office) -> None:
    ours, theirs = await call_in(office), await call_in(office, office.other)
    assert (await share(office, theirs)).status_code == 404
    await link(office, ours)
    async with office.store.write() as db:
        row = (await db.exec(select(Share))).one()
        foreign = Share(
            workspace_id=office.other, interaction_id=theirs, by="Mallory", created_at=row.created_at,
            expires_at=row.expires_at,
        )  # fmt: skip
        db.add(foreign)
    support = await office.person("support")
    for interaction_id in (ours, theirs):
        answer = await support.post(f"/interactions/{interaction_id}/shares/{foreign.id}/revoke")
        assert answer.status_code == 404
    assert "Mallory" not in (await support.get(f"/interactions/{ours}")).text
    async with office.store.read() as db:
        again = await db.get(Share, foreign.id)
        assert again is not None
        assert again.revoked_at is None


async def test_numbers_and_addresses_are_masked_and_names_are_not() -> None:
    assert [masked(one) for one in ("+12025550111", "ana@example.com", "Ana Ruiz", "Visitor 12ab", "Somebody")] == [
        "Customer ••• 11", "Customer a•••@•••", "Ana Ruiz", "Visitor 12ab", "Somebody",
    ]  # fmt: skip
