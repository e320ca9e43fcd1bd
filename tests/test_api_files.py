"""Files by the API: uploaded once, attached to messages of any channel that carries them; mail with all it has."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import select

from hub.core import files
from hub.models import Address, Message, OutboxEntry, StoredFile
from hub.store import Store
from tests.api_fixtures import Api, api, begin, mine, uploaded

__all__ = ["api", "mine"]
OURS = "help@clinic.example"


@pytest.fixture(scope="module")
def mailbox(api: Api) -> None:
    async def make(store: Store) -> None:
        async with store.write() as db:
            db.add(Address(workspace_id=api.mine.workspace_id, channel="email", value=OURS))

    api.database(make)


def mailed(client: httpx.Client, **more: Any) -> httpx.Response:
    """A mail that we begin."""
    person = f"{uuid4().hex}@people.example"
    return client.post("/v1/interactions", json={"channel": "email", "to": person, "text": "Hello", **more})


def said_in(api: Api, interaction_id: str) -> list[Message]:
    async def read(store: Store) -> list[Message]:
        async with store.read() as db:
            query = select(Message).where(Message.interaction_id == UUID(interaction_id)).order_by("seq")
            return list((await db.exec(query)).all())

    found: list[Message] = api.database(read)
    return found


def stored(api: Api, **where: Any) -> list[StoredFile]:
    async def read(store: Store) -> list[StoredFile]:
        async with store.read() as db:
            return list((await db.exec(select(StoredFile).filter_by(**where))).all())

    found: list[StoredFile] = api.database(read)
    return found


def test_a_file_comes_back_as_it_was_sent(mine: httpx.Client) -> None:
    data, kind = b"\x89PNG\r\n\x1a\n\0\xff", {"Content-Type": "image/png"}
    answer = mine.post("/v1/files", params={"name": "../plan \U0001f600.png"}, content=data, headers=kind)
    told = answer.json()
    assert (answer.status_code, told["name"], told["content_type"]) == (201, "plan \U0001f600.png", "image/png")
    assert told["size_bytes"] == len(data)
    back = mine.get(f"/v1/files/{told['id']}")
    assert (back.content, back.headers["content-type"]) == (data, "image/png")
    assert back.headers["content-disposition"].startswith("attachment")
    page = mine.get(f"/v1/files/{uploaded(mine, b'<script>', **{'Content-Type': 'text/html'})}")
    assert page.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a large one"}])
def test_a_file_may_have_ten_megabytes_and_no_more(mine: httpx.Client, headers: dict[str, str]) -> None:
    answer = mine.post("/v1/files", params={"name": "x"}, content=bytes(10_000_001), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert mine.post("/v1/files", params={"name": "x"}, content=bytes(10_000_000), headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("?name=x", b""),
        ("", b"x"),
        ("?name=", b"x"),
        (f"?name={'x' * 201}", b"x"),
        ("?name=%00", b"x"),
        ("?name=x&nme=y", b"x"),
    ],
)
def test_a_file_without_bytes_or_a_name_is_refused(mine: httpx.Client, query: str, data: bytes) -> None:
    answer = mine.post(f"/v1/files{query}", content=data)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_file_sent_twice_under_one_key_is_kept_once(api: Api, mine: httpx.Client) -> None:
    key, name = {"Idempotency-Key": uuid4().hex}, uuid4().hex
    assert uploaded(mine, name=name, **key) == uploaded(mine, name=name, **key)
    assert len(stored(api, name=name)) == 1
    other = mine.post("/v1/files", params={"name": "other"}, content=b"%PDF-1.4", headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_file_is_attached_and_belongs_to_what_it_was_said_in(api: Api, mine: httpx.Client) -> None:
    file_id, begun = uploaded(mine, name="map.pdf"), begin(mine)
    said = mine.post(f"/v1/interactions/{begun['id']}/messages", json={"media": [{"file_id": file_id}]})
    (media,) = said.json()["media"]
    assert (said.status_code, media["name"], media["file_id"]) == (201, "map.pdf", file_id)
    (row,) = stored(api, id=UUID(file_id))
    assert str(row.interaction_id) == begun["id"]


def test_a_file_said_to_two_people_is_erased_with_one_and_left_to_the_other(api: Api, mine: httpx.Client) -> None:
    file_id, data = uploaded(mine), b"%PDF-1.4"
    media = [{"file_id": file_id}]
    first, second = begin(mine, media=media), begin(mine, media=media)
    (theirs,) = said_in(api, second["id"])[0].media
    assert theirs["file_id"] != file_id
    again = mine.post(f"/v1/interactions/{second['id']}/messages", json={"media": [{"file_id": theirs["file_id"]}]})
    assert again.json()["media"][0]["file_id"] == theirs["file_id"]
    assert mine.delete(f"/v1/customers/{first['customer_id']}").status_code in (200, 204)
    assert mine.get(f"/v1/files/{file_id}").status_code == 404
    assert mine.get(f"/v1/files/{theirs['file_id']}").content == data
    assert data in {one.read_bytes() for one in on_disk(api)}


def on_disk(api: Api) -> list[Path]:
    return [path for path in (api.settings.hub_data_dir / files.FOLDER).rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "media",
    [{}, {"file_id": str(UUID(int=1)), "url": "https://x.example/a"}, {"url": "javascript:x"}, {"file_id": "x"}],
)
def test_an_attachment_is_a_file_or_an_address_and_not_both(mine: httpx.Client, media: dict[str, Any]) -> None:
    answer = mine.post(f"/v1/interactions/{begin(mine)['id']}/messages", json={"text": "x", "media": [media]})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith("#/media/0")


@pytest.mark.usefixtures("mailbox")
def test_a_mail_begins_with_subject_copies_and_a_file(api: Api, mine: httpx.Client) -> None:
    file_id = uploaded(mine)
    begun = mailed(
        mine, subject=" Your\norder ", cc=["Ben <BEN@people.example>"], bcc=["c@people.example"], quote=False,
        media=[{"file_id": file_id}],
    )  # fmt: skip
    assert begun.status_code == 201, begun.text
    (said,) = said_in(api, begun.json()["id"])
    assert said.content["subject"] == "Your order"
    assert {name: said.content["mail"][name] for name in ("cc", "bcc", "quote")} == {
        "cc": ["ben@people.example"], "bcc": ["c@people.example"], "quote": False,
    }  # fmt: skip
    assert said.media[0]["file_id"] == file_id


@pytest.mark.usefixtures("mailbox")
def test_a_mail_may_be_a_file_alone_and_is_owed(api: Api, mine: httpx.Client) -> None:
    begun = mailed(mine, text="", media=[{"file_id": uploaded(mine)}]).json()
    (said,) = said_in(api, begun["id"])

    async def owed(store: Store) -> bool:
        async with store.read() as db:
            return await db.get(OutboxEntry, said.id) is not None

    assert (said.text, api.database(owed)) == ("", True)


@pytest.mark.usefixtures("mailbox")
@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"cc": ["ben"]}, 422, "copies"),
        ({"bcc": ["a@b@c"]}, 422, "copies"),
        ({"subject": "x", "text": ""}, 422, "empty"),
        ({"cc": ["a@people.example"] * 51}, 400, None),
        ({"subject": "x" * 901}, 400, None),
        ({"quote": "no"}, 400, None),
        ({"media": [{"file_id": str(UUID(int=1))}]}, 404, "not_found"),
    ],
)
def test_a_mail_that_cannot_be_sent_so_is_refused_in_words(
    mine: httpx.Client, more: dict[str, Any], status: int, code: str | None
) -> None:
    answer = mailed(mine, **more)
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text


@pytest.mark.usefixtures("mailbox")
def test_what_is_attached_to_one_mail_has_a_size(mine: httpx.Client) -> None:
    large = [{"file_id": uploaded(mine, bytes(9_000_000))} for _ in range(2)]
    assert mailed(mine, media=large).status_code == 201
    answer = mailed(mine, media=[*large, large[0]])
    assert (answer.status_code, answer.json()["code"]) == (422, "media")
    assert "20 MB" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "value"), [("subject", "x"), ("cc", ["a@people.example"]), ("bcc", ["a@people.example"]), ("quote", False)]
)
def test_a_channel_without_letters_says_so(mine: httpx.Client, name: str, value: object) -> None:
    path = f"/v1/interactions/{begin(mine)['id']}/messages"
    answer = mine.post(path, json={"text": "x", name: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "letters")
    assert answer.json()["errors"][0]["pointer"] == f"#/{name}"
    assert mine.post(path, json={"text": "x", "subject": "", "cc": [], "quote": None}).status_code == 201


def test_a_channel_that_carries_fewer_files_refuses_more(mine: httpx.Client) -> None:
    media = [{"file_id": uploaded(mine)} for _ in range(11)]
    answer = mine.post(f"/v1/interactions/{begin(mine)['id']}/messages", json={"media": media})
    assert (answer.status_code, answer.json()["code"]) == (422, "media")
