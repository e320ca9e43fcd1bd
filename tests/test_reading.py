"""Documents for agents to know: files of every kind, hostile ones too, and pages that are looked at again."""

import asyncio
import json
import zlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from hub.core import knowing, reading, recover
from hub.core.reading import Unreadable
from hub.dialogue.passages import LONGEST, passages
from hub.models import Knowledge
from tests.test_functions import program
from tests.test_tools import reply, served
from tests.world import House, eventually

pytestmark = pytest.mark.anyio


def pdf(*pages: str, stream: bytes = b"") -> bytes:
    """A PDF with these lines on its pages; `stream` is packed contents in place of them."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        told = stream or zlib.compress(f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode())
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(told), told))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(made)


async def test_each_kind_of_file_is_read() -> None:
    assert (await reading.read("txt", "Größe: 3".encode("cp1252"))).text == "Größe: 3"
    assert (await reading.read("txt", "Größe".encode("utf-16"))).text == "Größe"
    assert (await reading.read("md", b"# Fees\n\nParking is free.")).text == "# Fees\n\nParking is free."
    page = b"<html><title>Our fees</title><nav>menu</nav><h2>Parking</h2><p>Free&nbsp;today.</p></html>"
    found = await reading.read("html", page)
    assert (found.title, found.text) == ("Our fees", "# Parking\n\nFree today.")
    table = await reading.read("csv", b"dish;price\nSoup;4\nPie;9\n")
    assert table.text == "dish: Soup; price: 4\n\ndish: Pie; price: 9"
    two = await reading.read("pdf", pdf("Parking is free.", "Dogs may come in."))
    assert two.text == "--- page 1 ---\n\nParking is free.\n\n--- page 2 ---\n\nDogs may come in."


BOMB = zlib.compress(b"BT (" + b"A" * 300_000_000 + b") Tj ET", 9)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("pdf", b"%PDF-1.4 nothing", "The PDF is broken"),
        ("pdf", b"", "The PDF is broken"),
        ("pdf", pdf("x")[:-200], "The PDF is broken"),
        ("pdf", pdf(""), "holds pictures and no text"),
        ("pdf", pdf("x", stream=BOMB), "The PDF|needs more memory|takes too long|gave up|more than"),
        ("pdf", pdf(*["x"] * 2_001), "2,001 pages"),
        ("html", b"<div>" * 200_000, "holds no text"),
        ("txt", b"\x00\x01\x02", "characters that are no text"),
        ("txt", b"x" * 1_000_001, "more than 1,000,000 characters"),
        ("csv", b"x" * 10_000_001, "larger than 10 MB"),
    ],
    ids=[
        "broken", "empty", "cut", "pictures", "bomb", "pages", "nested", "nul", "long", "large",
    ],
)  # fmt: skip
async def test_hostile_and_broken_files_are_survived_with_words(kind: str, data: bytes, words: str) -> None:
    beats = asyncio.create_task(_beats())
    with pytest.raises(Unreadable, match=words):
        await reading.read(kind, data)
    slowest = await _stopped(beats)
    assert slowest < 1.0, f"everything else waited {slowest:.2f} s"


async def _beats() -> float:
    """The longest time that the loop did not come by."""
    loop, slowest = asyncio.get_running_loop(), 0.0
    try:
        while True:
            began = loop.time()
            await asyncio.sleep(0.01)
            slowest = max(slowest, loop.time() - began)
    except asyncio.CancelledError:
        return slowest


async def _stopped(beats: "asyncio.Task[float]") -> float:
    await asyncio.sleep(0.02)
    beats.cancel()
    return await beats


# passages


def test_a_long_document_is_found_by_its_parts_and_each_says_where_it_stands() -> None:
    text = "# Parking\n\n" + "Cars stand behind the house. " * 60 + "\n\n# Dogs\n\nDogs may come in on a lead."
    made = passages("House rules", text, "rules.md")
    assert {one.title for one in made} == {"House rules: Parking", "House rules: Dogs"}
    assert all(len(one.text) <= LONGEST for one in made)
    assert " ".join(one.text for one in made[:-1]).count("Cars stand") == 60
    by_page = passages("Rules", "--- page 1 ---\n\nA.\n\n--- page 2 ---\n\nB.", "rules.pdf")
    assert [(one.text, one.source) for one in by_page] == [("A.", "rules.pdf, page 1"), ("B.", "rules.pdf, page 2")]
    assert passages("Hours", "9 to 5.", "x")[0].text == "9 to 5."
    assert sum(len(one.text) for one in passages("Endless", "x" * 50_000)) == 50_000


# pages of others


class Site:
    """A page whose text, marks and status a test sets; what was asked for is in `heard`."""

    def __init__(self) -> None:
        self.body, self.status, self.kind, self.etag = "<h1>Hours</h1><p>We open at nine.</p>", 200, "text/html", '"1"'
        self.more = ""

    def answer(self, head: str, body: bytes) -> bytes:
        if f"if-none-match: {self.etag}" in head.lower() and self.status == 200:
            return reply(304, b"", f"ETag: {self.etag}\r\n")
        return reply(self.status, self.body.encode(), f"Content-Type: {self.kind}\r\nETag: {self.etag}\r\n{self.more}")


async def adds(client: httpx.AsyncClient, hub: House, **given: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/agents/{hub.home.agent_id}/knowledge", json=given)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def stored(hub: House, made: dict[str, Any], right: Callable[[Knowledge], object]) -> Knowledge:
    wanted = UUID(str(made["id"]))
    return await eventually(lambda: hub.records.one(Knowledge, Knowledge.id == wanted), right)


async def known(hub: House, question: str) -> str:
    found = await knowing.search(hub.hub.context, hub.home.workspace_id, hub.home.agent_id, question, 1)
    return found[0].text if found else ""


async def test_a_page_is_read_and_read_again_when_it_has_changed(hub: House) -> None:
    site, client = Site(), await program(hub)
    async with served(site.answer) as (port, heard):
        made = await adds(client, hub, url=f"http://127.0.0.1:{port}/hours", refresh_hours=1)
        assert made["state"] == "reading"
        first = await stored(hub, made, lambda one: one.state == "ready")
        assert (first.title, first.text) == (f"http://127.0.0.1:{port}/hours", "# Hours\n\nWe open at nine.")
        hub.clock.forward(minutes=61)
        await recover.sweep(hub.hub.context, hub.clock.now())
        await hub.settled()
        again = await stored(hub, made, lambda one: one.read_at != first.read_at)
        assert (again.updated_at, len(heard)) == (first.updated_at, 2), "it is as it was, and not read once more"
        site.body, site.etag = "<h1>Hours</h1><p>We open at ten from May on.</p>", '"2"'
        answer = await client.post(f"/v1/agents/{hub.home.agent_id}/knowledge/{made['id']}/refresh")
        assert answer.status_code == 200
        await stored(hub, made, lambda one: "at ten" in one.text)
        assert "at ten from May" in await known(hub, "do you open at ten")
    await client.aclose()


async def test_a_page_that_fails_says_why_and_its_last_good_text_stays_known(hub: House) -> None:
    site, client = Site(), await program(hub)
    async with served(site.answer) as (port, _):
        made = await adds(client, hub, title="Hours of May", url=f"http://127.0.0.1:{port}/hours", refresh_hours=24)
        await stored(hub, made, lambda one: one.state == "ready")
        site.status = 404
        await client.post(f"/v1/agents/{hub.home.agent_id}/knowledge/{made['id']}/refresh")
        failed = await stored(hub, made, lambda one: one.state == "failed")
        assert failed.fault == "There is no such page (404)."
        assert "We open at nine." in await known(hub, "hours of May")
        site.status = 200
        hub.clock.forward(minutes=61)
        await recover.sweep(hub.hub.context, hub.clock.now())
        await stored(hub, made, lambda one: one.state == "ready")
    await client.aclose()


@pytest.mark.parametrize(
    ("status", "kind", "more", "words"),
    [
        (500, "text/html", "", "answered 500"),
        (403, "text/html", "", "open to all"),
        (200, "image/png", "", "is image/png"),
        (302, "text/html", "Location: http://169.254.169.254/latest\r\n", "not a public address"),
        (302, "text/html", "Location: file:///etc/passwd\r\n", "not an http"),
        (302, "text/html", "Location: /again\r\n", "on and on"),
    ],
)
async def test_a_page_that_cannot_be_read_fails_in_words(
    hub: House, status: int, kind: str, more: str, words: str
) -> None:
    site, client = Site(), await program(hub)
    site.status, site.kind, site.more = status, kind, more
    async with served(site.answer) as (port, _):
        made = await adds(client, hub, url=f"http://127.0.0.1:{port}/")
        failed = await stored(hub, made, lambda one: one.state == "failed")
        assert words in failed.fault
    await client.aclose()


async def test_a_file_is_uploaded_read_and_answered_from(hub: House) -> None:
    client = await program(hub)
    path = f"/v1/agents/{hub.home.agent_id}/knowledge"
    data = pdf("The llama ride costs twelve dollars.", "Dogs may come in on a lead.")
    made = (await client.post(f"{path}/files", params={"name": "rules.pdf"}, content=data)).json()
    assert (made["state"], made["kind"], made["title"]) == ("reading", "file", "rules")
    await stored(hub, made, lambda one: one.state == "ready")
    found = (await client.get(f"{path}/search", params={"q": "how much is the llama ride"})).json()["data"]
    assert (found[0]["source"], "twelve dollars" in found[0]["text"]) == ("rules.pdf, page 1", True)
    assert not list((hub.hub.context.data_dir / reading.FOLDER).iterdir()), "the file itself is not kept"
    refused = await client.post(f"{path}/files", params={"name": "rules.exe"}, content=b"MZ")
    assert (refused.status_code, "cannot be read" in refused.json()["detail"]) == (400, True)
    await client.aclose()


async def test_what_was_being_read_when_a_process_died_is_read_by_another(hub: House) -> None:
    now = hub.clock.now()
    async with hub.store.write() as db:
        row = Knowledge(
            workspace_id=hub.home.workspace_id, agent_id=hub.home.agent_id, title="Lost", text="", kind="file",
            source="lost.txt", state="reading", due_at=now,
        )  # fmt: skip
        db.add(row)
    await reading.put_aside(hub.hub.context, row.id, "lost.txt", b"Found again.")
    await recover.sweep(hub.hub.context, now)
    found = await stored(hub, {"id": row.id}, lambda one: one.state == "ready")
    assert found.text == "Found again."


async def test_a_document_is_shared_with_agents_of_ones_own_only(hub: House) -> None:
    client = await program(hub)
    made = await adds(client, hub, title="Llamas", text="Llamas are kind.")
    path = f"/v1/agents/{hub.home.agent_id}/knowledge/{made['id']}"
    other = (await client.post("/v1/agents", json={"name": "Max"})).json()["id"]
    shared = await client.patch(path, json={"also_agent_ids": [other]})
    assert shared.json()["also_agent_ids"] == [other]
    assert [one["title"] for one in (await client.get(f"/v1/agents/{other}/knowledge")).json()["data"]] == ["Llamas"]
    foreign = await client.patch(path, json={"also_agent_ids": ["0198c0de-0000-7000-8000-000000000009"]})
    assert foreign.status_code == 404
    assert (await client.patch(path, json={"for_all": True})).json()["agent_id"] is None
    assert json.dumps((await client.get(path.rpartition("/")[0])).json()).count("Llamas are kind.") == 1
    await client.aclose()
