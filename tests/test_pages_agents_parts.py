"""An agent's tools, knowledge and live test on the pages."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hub.models import Knowledge
from hub.store import interactions, knowledge
from tests.office import Office, Person, form_of, open_office

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path, hub_webhook_allow_private=True) as made:
        yield made


@pytest.fixture
async def orders(anyio_backend: str) -> AsyncIterator[str]:
    """A server that knows one order."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        found = " /orders/A1 " in line
        body = json.dumps({"status": "shipped <b>"} if found else {"error": "no such order"}).encode()
        head = f"HTTP/1.1 {'200 OK' if found else '404 Not Found'}\r\ncontent-length: {len(body)}\r\n"
        writer.write(head.encode() + b"content-type: application/json\r\nconnection: close\r\n\r\n" + body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# tools


async def save_tool(office: Office, tool: str, /, **changes: str) -> Any:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/tools/{tool}"
    given = form_of((await bea.get(path)).text, path) | {"do": "save"} | changes
    return await bea.post(path, **given)


async def test_a_tool_is_made_tried_and_removed(office: Office, orders: str) -> None:
    made = await save_tool(
        office, "new", name="find_order", url=f"{orders}/orders/{{{{order}}}}", headers="X-Shop: oak",
        arguments='{"type": "object", "properties": {"order": {}}, "required": ["order"]}',
    )  # fmt: skip
    assert made.status_code == 303
    bea = await office.person("builder")
    page = f"/agents/{office.agent}/tools/find_order"
    good = await bea.post(f"{page}/try", **{"argument.order": "A1"})
    assert "Went well" in good.text
    assert "shipped &lt;b&gt;" in good.text
    bad = await bea.post(f"{page}/try", {"headers": {"hx-request": "true"}}, **{"argument.order": "B2"})
    assert "404 no such order" in bad.text
    assert "The server has nothing at this URL" in bad.text
    assert "<html" not in bad.text
    lacking = await bea.post(f"{page}/try")
    assert "Arguments are missing: order." in lacking.text
    assert (await save_tool(office, "find_order", do="remove")).status_code == 303
    assert (await bea.get(page)).status_code == 404


async def test_a_tool_saved_as_it_is_stays_as_it_is(office: Office) -> None:
    before = (await office.stored()).definition
    for tool in before["tools"]:
        assert (await save_tool(office, tool["name"])).status_code == 303
    assert (await office.stored()).definition == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "two words"}, "Use letters, digits and _ only"),
        ({"name": "book_appointment"}, "Another tool has this name"),
        ({"name": "new"}, "Another tool has this name"),
        ({"url": "ftp://x"}, "beginning with https://"),
        ({"headers": "no colon"}, "Write one “name: value” a line; this is none: no colon"),
        ({"body": "{oops"}, "Line 1 is not JSON"),
        ({"arguments": "[1]"}, "An object in braces"),
        ({"arguments": "[" * 100_000}, "nested too deeply"),
        ({"timeout_seconds": "500"}, "Between 1 and 120 seconds."),
        ({"timeout_seconds": "soon"}, "A number of seconds is expected"),
        ({"method": "BREW"}, "is expected"),
    ],
)
async def test_a_wrong_tool_is_marked_and_kept(office: Office, changes: dict[str, str], said: str) -> None:
    answer = await save_tool(office, "free_slots", **{"description": "Typed by hand"} | changes)
    assert answer.status_code == 422
    assert said in answer.text
    assert "Typed by hand" in answer.text
    assert (await office.stored()).revision == 1


async def test_a_tool_does_not_reach_inside_unless_allowed(database_url: str, tmp_path: Path, orders: str) -> None:
    async with open_office(database_url, tmp_path) as office:
        await save_tool(office, "new", name="inside", url=f"{orders}/orders/A1")
        bea = await office.person("builder")
        tried = await bea.post(f"/agents/{office.agent}/tools/inside/try")
        assert "not a public address" in tried.text


# knowledge


async def test_knowledge_is_added_found_changed_and_removed(office: Office) -> None:
    bea, path = await office.person("builder"), f"/agents/{office.agent}/knowledge"
    added = await bea.post(path, title="Llama rides", text="Llama rides cost 12 dollars and leave at noon.")
    assert added.status_code == 303
    asked = await bea.get(f"{path}?question=how+much+is+a+llama+ride", headers={"hx-request": "true"})
    assert "Llama rides" in asked.text
    assert "The agent answers with the first." in asked.text
    unknown = await bea.get(f"{path}?question=quantum+chromodynamics")
    assert "does not know" in unknown.text
    async with office.store.read() as db:
        item = (await knowledge.of_agent(db, office.home, office.agent))[-1]
    await bea.post(f"{path}/{item.id}", title="Llamas", text="None any more.", do="save")
    assert "None any more." in (await bea.get(f"{path}/{item.id}")).text
    assert (await bea.post(f"{path}/{item.id}", title="", text="kept words")).status_code == 422
    await bea.post(f"{path}/{item.id}", do="remove")
    assert (await bea.get(f"{path}/{item.id}")).status_code == 404


async def upload(bea: Person, office: Office, name: str, content: bytes, **fields: str) -> Any:
    files = {"file": (name, content)}
    return await bea.post(f"/agents/{office.agent}/knowledge", {"files": files}, **fields)


async def newest(office: Office) -> Knowledge:
    await office.settled()
    async with office.store.read() as db:
        return (await knowledge.of_agent(db, office.home, office.agent))[-1]


async def test_a_web_page_is_reduced_to_its_words(office: Office) -> None:
    bea = await office.person("builder")
    page = (
        b"<title>x</title><style>p{}</style><h1>Fees</h1><p>Parking is <b>free</b> &amp; easy.</p><script>no()</script>"
    )
    assert (await upload(bea, office, "parking fees.html", page)).status_code == 303
    item = await newest(office)
    assert (item.title, item.text, item.source, item.state) == (
        "parking fees",
        "# Fees\n\nParking is free & easy.",
        "parking fees.html",
        "ready",
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"x" * 1_000_001, "more than 1,000,000 characters"),
        ("a.txt", b"a\0b", "characters that are no text"),
        ("a.txt", b"  \n ", "holds no text"),
        ("a.md", b"\x81\x8d", "not text in UTF-8"),
        ("a.html", b"<script>only</script>", "holds no text"),
    ],
)
async def test_files_that_cannot_be_read_say_why_on_the_page(
    office: Office, name: str, content: bytes, said: str
) -> None:
    bea = await office.person("builder")
    assert (await upload(bea, office, name, content, title="My own title")).status_code == 303
    item = await newest(office)
    assert (item.state, said in item.fault) == ("failed", True), item.fault
    listed = (await bea.get(f"/agents/{office.agent}/knowledge?part=documents")).text
    assert said in listed
    assert "My own title" in listed


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.exe", b"MZ", "This kind of file cannot be read"),
        ("a.pdf", b"x" * 10_000_001, "larger than 10 MB"),
        ("a.txt", b"", "The file is empty"),
    ],
)
async def test_files_that_never_could_be_read_are_refused_at_once(
    office: Office, name: str, content: bytes, said: str
) -> None:
    answer = await upload(await office.person("builder"), office, name, content, title="My own title")
    assert answer.status_code == 422
    assert said in answer.text
    assert "My own title" in answer.text


async def test_a_document_is_known_by_all_agents_or_by_some(office: Office) -> None:
    bea, path = await office.person("builder"), f"/agents/{office.agent}/knowledge"
    made = await bea.post("/agents", name="Max")
    other = made.headers["location"].split("/")[2]
    await bea.post(path, title="Llama rides", text="Llama rides cost 12 dollars.")
    item = await newest(office)
    asked = f"/agents/{other}/knowledge?question=how+much+is+a+llama+ride"
    assert "Llama rides" not in (await bea.get(asked, headers={"hx-request": "true"})).text
    await bea.post(f"{path}/{item.id}", title=item.title, text=item.text, also=other, do="save")
    assert "Llama rides" in (await bea.get(asked, headers={"hx-request": "true"})).text
    assert "checked" in (await bea.get(f"{path}/{item.id}")).text
    await bea.post(f"{path}/{item.id}", title=item.title, text=item.text, do="save")
    assert "Llama rides" not in (await bea.get(asked, headers={"hx-request": "true"})).text
    await bea.post(f"{path}/{item.id}", title=item.title, text=item.text, for_all="on", do="save")
    assert "Llama rides" in (await bea.get(asked, headers={"hx-request": "true"})).text
    await bea.post(f"{path}/{item.id}", title=item.title, text=item.text, also=str(office.theirs), do="save")
    async with office.store.read() as db:
        assert await knowledge.of_agent(db, office.other, office.theirs) == []


# the live test


async def begin(office: Office, **fields: str) -> tuple[Person, str, UUID]:
    bea = await office.person("builder")
    begun = await bea.post(f"/agents/{office.agent}/playground", **fields)
    path = begun.headers["location"]
    await office.settled()
    return bea, path, UUID(path.partition("chat=")[2])


async def test_a_chat_is_a_test_and_shows_what_the_agent_understood(office: Office) -> None:
    bea, path, chat = await begin(office, **{"parameter.sandbox_url": "http://127.0.0.1:9"})
    assert "the AI receptionist at Bright Smile Dental" in (await bea.get(path)).text
    await bea.post(f"/agents/{office.agent}/playground/{chat}", text="I'd like to book a cleaning", key="1")
    await office.settled()
    page = (await bea.get(path)).text
    assert "Which day suits you?" in page
    assert "<dt>reason</dt><dd>cleaning</dd>" in page
    async with office.store.read() as db:
        kept = await interactions.interaction(db, office.home, chat)
    assert kept is not None
    assert (kept.test, kept.address_id, kept.parameters) == (True, None, {"sandbox_url": "http://127.0.0.1:9"})
    assert "playground-" not in (await bea.get("/customers")).text


async def test_a_message_sent_twice_counts_once(office: Office) -> None:
    bea, _, chat = await begin(office)
    for _ in range(2):
        await bea.post(f"/agents/{office.agent}/playground/{chat}", text="Where can I park?", key="same")
        await office.settled()
    async with office.store.read() as db:
        said = await interactions.messages(db, office.home, chat)
    assert [message.role for message in said] == ["agent", "customer", "agent"]


async def test_save_and_test_begins_again_with_the_new_version(office: Office) -> None:
    bea, _, chat = await begin(office, **{"parameter.sandbox_url": "http://127.0.0.1:9"})
    path = f"/agents/{office.agent}"
    given = form_of((await bea.get(f"{path}?chat={chat}")).text, path)
    answer = await bea.post(path, **(given | {"opening_message": "Brand new words", "do": "test"}))
    await office.settled()
    fresh = UUID(answer.headers["location"].partition("chat=")[2])
    assert fresh != chat
    async with office.store.read() as db:
        said = await interactions.messages(db, office.home, fresh)
        before = await interactions.interaction(db, office.home, chat)
        after = await interactions.interaction(db, office.home, fresh)
    assert [message.text for message in said] == ["Brand new words"]
    assert before is not None
    assert after is not None
    assert before.ended_at is not None
    assert after.parameters == before.parameters


@pytest.mark.parametrize(
    ("text", "said"), [("", "Write something first."), ("  ", "Write something"), ("x" * 4_001, "at most 4,000")]
)
async def test_what_cannot_be_said_is_refused_with_words(office: Office, text: str, said: str) -> None:
    bea, _, chat = await begin(office)
    path = f"/agents/{office.agent}/playground/{chat}"
    answer = await bea.post(path, {"headers": {"hx-request": "true"}}, text=text)
    assert answer.status_code == 422
    assert said in answer.text


async def test_an_ended_chat_says_so(office: Office) -> None:
    bea, _, chat = await begin(office)
    await office.hub.end(office.home, chat)
    path = f"/agents/{office.agent}/playground/{chat}"
    answer = await bea.post(path, {"headers": {"hx-request": "true"}}, text="hello?")
    assert answer.status_code == 422
    assert "has ended" in answer.text


async def test_real_conversations_are_not_open_to_the_playground(office: Office) -> None:
    bea = await office.person("builder")
    agent = await office.stored()
    real = await office.hub.start(office.home, "webchat", "visitor-1", agent=agent)
    await office.settled()
    assert (await bea.post(f"/agents/{agent.id}/playground/{real.id}", text="hi")).status_code == 404
    assert (await bea.get(f"/agents/{agent.id}/playground/{real.id}/events")).status_code == 404
    assert "Start chat" in (await bea.get(f"/agents/{agent.id}/playground?chat={real.id}")).text


async def test_the_stream_draws_each_change(office: Office) -> None:
    from web.pages.live_test import drawn

    bea, _, chat = await begin(office)

    class Asked:
        app = office.app
        scope: dict[str, Any] = {"headers": [], "type": "http", "path": "/"}
        headers: dict[str, str] = {}
        cookies: dict[str, str] = {}

    stream = drawn(Asked(), office.home, chat)  # type: ignore[arg-type]
    first = await anext(stream)
    assert "Bright Smile" in str(first.data)
    await bea.post(f"/agents/{office.agent}/playground/{chat}", text="Where can I park?")
    await office.settled()
    assert "Where can I park?" in str((await anext(stream)).data)
    await stream.aclose()  # type: ignore[attr-defined]
