"""Attachments: kept with the message they came by, shown to their workspace alone, fetched by carriers by a link."""

import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from hub.channel import File, Inbound, Media
from hub.core import files
from hub.models import Message, StoredFile
from tests.bench.processes import OUR_NUMBER
from tests.test_pages_call_panel import person, with_people
from tests.world import House

pytestmark = pytest.mark.anyio
ANA = "+12025550101"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PAGE = b"<script>alert(1)</script>"


def with_files(external_id: str, *attached: File) -> Inbound:
    return Inbound(
        channel="sms", kind="message", external_id=external_id, sender=ANA, recipient=OUR_NUMBER, text="Look",
        subject="Hello", content={"mail": {"trusted": True}}, files=attached,
    )  # fmt: skip


async def received(hub: House, *attached: File) -> Message:
    receipt = await hub.hub.receive(with_files(uuid4().hex, *attached))
    await hub.settled()
    return await hub.records.one(Message, Message.id == receipt.message_id)


def on_disk(hub: House) -> list[Path]:
    return [path for path in (hub.hub.context.data_dir / files.FOLDER).rglob("*") if path.is_file()]


async def test_a_file_is_kept_with_its_message_and_shown_to_its_workspace_alone(hub: House) -> None:
    await with_people(hub)
    said = await received(hub, File("../cat\0.png", "image/png", PICTURE))
    assert said.content == {"mail": {"trusted": True}, "subject": "Hello"}
    (media,) = said.media
    assert (media["name"], media["content_type"], media["size_bytes"]) == ("cat.png", "image/png", len(PICTURE))
    assert (await hub.http.get(media["url"])).status_code in (302, 303, 401)
    async with person(hub, "viewer") as viewer:
        answer = await viewer.get(media["url"])
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PICTURE, "image/png")
        assert answer.headers["content-disposition"].startswith("inline")
        kept = await viewer.get(media["url"] + "?download=1")
        assert kept.headers["content-disposition"] == "attachment; filename*=UTF-8''cat.png"
    async with person(hub, "eve") as eve:
        assert (await eve.get(media["url"])).status_code == 404


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "application/pdf", "image/png, text/html", "", "x" * 300]
)
async def test_what_could_run_as_a_page_is_a_download(hub: House, kind: str) -> None:
    await with_people(hub)
    said = await received(hub, File("evil.html", kind, PAGE))
    async with person(hub, "support") as support:
        answer = await support.get(said.media[0]["url"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_redelivered_message_leaves_no_file_of_its_own(hub: House) -> None:
    inbound = with_files("twice", File("cat.png", "image/png", PICTURE))
    assert (await hub.hub.receive(inbound)).fresh
    assert not (await hub.hub.receive(inbound)).fresh
    assert len(await hub.records.all(StoredFile)) == len(on_disk(hub)) == 1


async def test_a_carrier_fetches_an_attachment_by_its_link_and_by_no_other(hub: House) -> None:
    said = await received(hub, File("cat.png", "image/png", PICTURE))
    home = hub.home
    await hub.hub.take_over(home.workspace_id, said.interaction_id, home.ana)
    mine = Media(**said.media[0])
    await hub.hub.say(home.workspace_id, said.interaction_id, "Here it is", operator=home.ana, media=(mine,))
    await hub.settled()
    (sent,) = [one for one in await hub.sandbox.sent(ANA) if one["body"] == "Here it is"]
    (link,) = (media["url"] for media in sent["media"])
    assert link.startswith(f"{hub.public_url}/media/")
    async with httpx.AsyncClient() as carrier:
        assert (await carrier.get(link)).content == PICTURE
        for forged in (
            link[:-9] + ("A" if link[-9] != "A" else "B") + link[-8:],
            link + "x",
            f"{hub.public_url}/media/nonsense",
        ):
            assert (await carrier.get(forged)).status_code == 404


async def test_a_file_that_is_gone_fails_its_message_in_words(hub: House) -> None:
    said = await received(hub, File("cat.png", "image/png", PICTURE))
    home = hub.home
    await hub.hub.take_over(home.workspace_id, said.interaction_id, home.ana)
    async with hub.store.write() as db:
        row = await db.get(StoredFile, UUID(said.media[0]["file_id"]))
        await db.delete(row)
    gone = Media(**said.media[0])
    sent = await hub.hub.say(home.workspace_id, said.interaction_id, "Here", operator=home.ana, media=(gone,))
    await hub.settled()
    failed = await hub.records.one(Message, Message.id == sent.id)
    assert failed.status == "failed"
    assert failed.error_words == "The attached file 'cat.png' is not there any more."


async def test_a_part_of_a_file_can_be_asked_for(hub: House) -> None:
    await with_people(hub)
    said = await received(hub, File("song.mp3", "audio/mpeg", bytes(range(100))))
    url = said.media[0]["url"]
    async with person(hub, "support") as support:
        assert (await support.get(url)).headers["accept-ranges"] == "bytes"
        for asked, first, stop in (("bytes=0-9", 0, 10), ("bytes=90-", 90, 100), ("bytes=-5", 95, 100)):
            part = await support.get(url, headers={"Range": asked})
            assert (part.status_code, part.content) == (206, bytes(range(first, stop)))
            assert part.headers["content-range"] == f"bytes {first}-{stop - 1}/100"
        outside = await support.get(url, headers={"Range": "bytes=100-"})
        assert (outside.status_code, outside.headers["content-range"]) == (416, "bytes */100")


def aged(hub: House, path: Path, age: timedelta) -> None:
    written = (hub.clock.now() - age).timestamp()
    os.utime(path, (written, written))


async def test_uploads_that_nobody_uses_and_files_without_a_row_are_taken_away(hub: House) -> None:
    context = hub.hub.context
    said = await received(hub, File("cat.png", "image/png", PICTURE))
    unused = await files.take_up(context, hub.home.workspace_id, File("never.png", "image/png", PICTURE))
    orphan = await files.write(context, hub.home.workspace_id, File("crashed.png", "image/png", PICTURE))
    for path in on_disk(hub):
        aged(hub, path, timedelta(minutes=5))
    await files.tidy(context)
    assert len(on_disk(hub)) == 3, "all of them are young"
    hub.clock.forward(days=7, minutes=1)
    for path in on_disk(hub):
        aged(hub, path, timedelta(hours=2))
    await files.tidy(context)
    assert [row.id for row in await hub.records.all(StoredFile)] == [UUID(said.media[0]["file_id"])]
    assert [path.name for path in on_disk(hub)] == [said.media[0]["file_id"]]
    assert not {path.name for path in on_disk(hub)} & {str(unused.id), str(orphan.id)}
