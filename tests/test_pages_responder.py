"""The pages of engine accounts and of an agent's responder, and the responder of the docs at work."""

import re
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hub import versions
from hub.core import definitions
from hub.core.trying import try_turn
from hub.models import AgentDefinition, Credential, Interaction
from hub.store import agents
from tests.office import Office, Person, form_of, open_office
from tests.responder_world import Server, responder, webhook_agent, whole

pytestmark = pytest.mark.anyio
KEY = "sk-a-key-that-nobody-may-see-4f1b"


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path, hub_webhook_allow_private=True) as made:
        yield made


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Server]:
    async with responder() as made:
        yield made


async def shown(person: Person, path: str) -> str:
    page = await person.get(path)
    assert page.status_code == 200, page.text
    return page.text


async def test_engine_accounts_from_none_to_one_that_works(office: Office, server: Server) -> None:
    ada = await office.person("admin")
    assert "No accounts of your own" in await shown(ada, "/settings/engines")
    base = server.url.rpartition("/")[0]
    made = await ada.post("/settings/engines", vendor="openai", name="Our model server", key=KEY, base_url=base)
    assert made.status_code == 303
    page = await shown(ada, "/settings/engines")
    assert "Our model server" in page
    assert "4f1b" in page
    assert KEY not in page
    assert "not used yet" in page
    path = re.findall(r'action="(/settings/engines/[^"/]+)/test"', page)[0]
    server.answer = whole({"error": "no"}, status=401)
    await ada.post(f"{path}/test")
    assert "does not accept this key (401)" in await shown(ada, "/settings/engines")
    server.answer = whole({"data": []})
    await ada.post(f"{path}/test")
    page = await shown(ada, "/settings/engines")
    assert "openai accepts this account." in page
    assert "works" in page
    await ada.post(path, name="Renamed", key="", base_url=base)
    assert "Renamed" in await shown(ada, "/settings/engines")
    refused = await ada.post(path, name="Renamed", key="", base_url="http://127.0.0.1:1/")
    assert refused.status_code == 422
    assert "Give the key again" in refused.text
    await ada.post(f"{path}/remove")
    assert "No accounts of your own" in await shown(ada, "/settings/engines")


async def test_what_is_wrong_with_a_new_account_stands_at_its_field(office: Office) -> None:
    ada = await office.person("admin")
    for field, value, words in (
        ("name", "", "Write a name"), ("key", "short", "A key has 8 to 500"), ("base_url", "ftp://x", "not an http"),
        ("vendor", "nobody", "Choose one of"),
    ):  # fmt: skip
        given: dict[str, Any] = {"vendor": "openai", "name": "x", "key": KEY, "base_url": "", field: value}
        refused = await ada.post("/settings/engines", **given)
        assert refused.status_code == 422, field
        assert words in refused.text, field
        assert KEY not in refused.text


@pytest.mark.parametrize("role", ["builder", "support", "viewer"])
async def test_engine_accounts_are_for_admins(office: Office, role: str) -> None:
    person = await office.person(role)
    assert (await person.get("/settings/engines")).status_code == 403
    assert (await person.post("/settings/engines", vendor="openai", name="x", key=KEY)).status_code == 403
    async with office.store.read() as db:
        assert list(await agents.agents(db, office.home)) != []
        assert (await db.exec(Credential.__table__.select())).all() == []  # type: ignore[attr-defined,call-overload]


async def test_the_responder_is_set_up_tried_and_its_secret_never_shown_again(office: Office, server: Server) -> None:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/responder"
    form = form_of(await shown(bea, path), path)
    secret = form["secret"]
    assert secret.startswith("whsec_")
    saved = await bea.post(path, **form | {"voice_mode": "webhook", "url": server.url, "headers": "X-Shop: oak"})
    assert saved.status_code == 303, saved.text
    page = await shown(bea, path)
    assert secret not in page
    assert "A secret is kept" in page
    stored = (await office.stored()).definition
    assert stored["voice_mode"] == "webhook"
    assert stored["responder"]["secret"].startswith("secret:")
    tried = await bea.post(f"{path}/try", {"headers": {"hx-request": "true"}}, said="Where is it?", channel="webchat")
    assert "Understood" in tried.text
    assert "You said Where is it?." in tried.text
    assert "webhook-signature" in tried.text
    assert secret not in tried.text
    (asked,) = server.asked
    assert asked.body["test"] is True
    assert asked.headers["x-shop"] == "oak"
    server.answer = whole(b"<html>", kind="text/html")
    tried = await bea.post(f"{path}/try", {"headers": {"hx-request": "true"}}, said="Where is it?", channel="webchat")
    assert "Not usable" in tried.text
    assert "The answer is text/html" in tried.text
    form = form_of(await shown(bea, path), path)
    assert form["secret"] == ""
    again = await bea.post(path, **form | {"history": "5"})
    assert again.status_code == 303
    assert (await office.stored()).definition["responder"]["secret"] == stored["responder"]["secret"]


async def test_what_is_wrong_with_a_responder_stands_at_its_field(office: Office) -> None:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/responder"
    form = form_of(await shown(bea, path), path) | {"voice_mode": "webhook", "url": "https://example.com/agent"}
    for field, value, words in (
        ("url", "", "Write the URL of your server"), ("url", "ftp://x", "not an http"), ("secret", "abc", "whsec_"),
        ("timeout_seconds", "1", "At least 5,000"), ("history", "99", "At most 50"),
        ("headers", "nonsense", "name: value"), ("headers", "Host: x", "we set the header"),
    ):  # fmt: skip
        refused = await bea.post(path, **form | {field: value})
        assert refused.status_code == 422, field
        assert words.lower() in refused.text.lower(), (field, value)


async def test_a_running_conversation_is_switched_on_its_page(office: Office, server: Server) -> None:
    context = office.hub.context
    async with context.store.write() as db:
        wanted = webhook_agent(server.url, name="Maya")
        kept, faults = await definitions.settle(context, db, office.home, wanted)
        assert faults == []
        agent = await agents.agent(db, office.home, office.agent)
        assert agent is not None
        versions.replace(db, agent, kept.model_dump(mode="json"), "Bea", context.clock.now())
    begun = await office.hub.start(office.home, "webchat", "visitor-1", agent=agent, text="Hello.", test=True)
    ana = await office.person("support")
    page = await shown(ana, f"/interactions/{begun.id}")
    assert "your server" in page
    await ana.post(f"/interactions/{begun.id}/mode", voice_mode="hosted")
    assert "an engine of this server" in await shown(ana, f"/interactions/{begun.id}")
    async with office.store.read() as db:
        now = await db.get(Interaction, begun.id)
    assert now is not None
    assert now.agent["voice_mode"] == "hosted"


# the docs


@pytest.fixture
def documented() -> Iterator[str]:
    """The responder of the docs, served; its URL."""
    text = Path("docs/responder.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(code[1], "docs/responder.md", "exec"), names)
    handler = type("Quiet", (names["Responder"],), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_the_responder_of_the_docs_answers_us_and_refuses_others(office: Office, documented: str) -> None:
    context = office.hub.context
    secret = re.search(r'SECRET = "([^"]+)"', Path("docs/responder.md").read_text())  # noqa: ASYNC240
    assert secret is not None
    for given, understood in ((secret[1], True), ("whsec_" + "A" * 32, False)):
        wanted = webhook_agent(documented, secret=given)
        async with context.store.write() as db:
            kept, faults = await definitions.settle(context, db, office.home, wanted)
        assert faults == []
        tried = await try_turn(context, office.home, AgentDefinition.model_validate(kept.model_dump()), "hello")
        if understood:
            assert tried.lines == [{"text": "You said hello."}]
        else:
            assert "does not accept our requests" in tried.fault
