"""Tickets for calls from the pages: who gets one, with what in it, and what a web chat shows of its calls."""

import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from channels.web_call import WebCall
from hub import identity
from hub.core.write import finish, open_interaction, say_in
from hub.models import Address, Interaction, Workspace
from hub.store import interactions
from tests.office import Office, open_office
from tests.webchat import Site, Tab, running
from web.webchat import policy

CALLER = "0123456789abcdef" * 2


# the playground


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


@pytest.mark.anyio
async def test_a_tester_gets_a_ticket_for_the_agent_with_their_parameters(office: Office) -> None:
    bea = await office.person("builder")
    fields: dict[str, Any] = {"parameter.city": "Ghent", "parameter.no": ""}
    answer = await bea.post(f"/agents/{office.agent}/playground/call", **fields)
    assert answer.status_code == 200
    given = answer.json()
    channel = office.hub.context.channels["web_call"]
    assert isinstance(channel, WebCall)
    assert channel.checked(given["ticket"]).interaction_id == given["interaction"]
    assert given["iceServers"] == []
    call = await stored(office, given["interaction"])
    assert (call.test, call.channel, call.agent_id, call.parameters) == (
        True,
        "web_call",
        office.agent,
        {"city": "Ghent"},
    )
    assert "playground-" not in (await bea.get("/customers")).text


async def stored(office: Office, interaction_id: str) -> Interaction:
    async with office.store.read() as db:
        found = await interactions.interaction(db, office.home, UUID(interaction_id))
    assert found is not None
    return found


@pytest.mark.anyio
@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("", 303)])
async def test_who_may_not_test_gets_no_ticket(office: Office, role: str, status: int) -> None:
    person = await office.person(role)
    answer = await person.post(f"/agents/{office.agent}/playground/call")
    assert answer.status_code == status
    assert "ticket" not in answer.text


@pytest.mark.anyio
async def test_the_agent_of_another_workspace_cannot_be_called(office: Office) -> None:
    bea = await office.person("builder")
    assert (await bea.post(f"/agents/{office.theirs}/playground/call")).status_code == 404
    assert (await bea.post("/agents/nonsense/playground/call")).status_code == 404


@pytest.mark.anyio
async def test_a_call_of_the_playground_is_shown_again_and_takes_no_texts(office: Office) -> None:
    bea = await office.person("builder")
    call = (await bea.post(f"/agents/{office.agent}/playground/call")).json()["interaction"]
    async with office.store.write() as db:
        held = await interactions.locked(db, UUID(call))
        assert held is not None
        now = held.created_at
        cut = {"heard": "One two", "from_ms": 0, "to_ms": 900}
        say_in(db, held, now, role="agent", author="Maya", text="One two <three>.", **cut)
        say_in(db, held, now, role="customer", text="hello", from_ms=900, to_ms=1_500)
        interactions.log(db, held, "field.collected", now, field="reason", value="cleaning", evidence="")
        finish(db, held, "completed", "customer_hangup", now)
    page = (await bea.get(f"/agents/{office.agent}/playground?chat={call}")).text
    assert 'data-mode="call"' in page
    assert 'data-customer="1"' in page
    assert "&lt;three&gt;.</del>" in page
    assert "cleaning" in page
    assert f'href="/interactions/{call}"' in page
    assert (await bea.post(f"/agents/{office.agent}/playground/{call}", text="hello", key="1")).status_code == 400


@pytest.mark.anyio
async def test_the_phrase_book_is_mentioned_where_it_is_used(office: Office) -> None:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/playground?mode=call"
    assert "built-in recogniser" in (await bea.get(path)).text
    async with office.store.write() as db:
        agent = await db.merge(await office.stored())
        agent.definition = {**agent.definition, "call": {"hearing": {"engine": "deepgram"}}}
    page = (await bea.get(path)).text
    assert "built-in recogniser" not in page
    assert "Say, for example" in page


# the web chat


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(Path(tmp_path_factory.mktemp("hub"))) as made:
        made.run(with_lines(made))
        yield made


async def with_lines(site: Site) -> None:
    """`shop` takes calls. So do `desk`, without an agent, and `closed`, which is somebody else's."""
    async with site.hub.context.store.write() as db:
        chats = {row.value: row for row in await db.exec(select(Address).where(Address.channel == "webchat"))}
        ours, theirs = chats["shop"], chats["other"]
        for value, home, agent_id in (
            ("shop", ours.workspace_id, ours.agent_id),
            ("desk", ours.workspace_id, None),
            ("closed", theirs.workspace_id, theirs.agent_id),
        ):
            db.add(Address(workspace_id=home, channel="web_call", value=value, agent_id=agent_id))


def ask(site: Site, key: str, body: Any) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{site.url}/chat/{key}/call", data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_chat_says_whether_it_takes_calls(site: Site) -> None:
    told = {}
    for widget in ("shop", "desk", "closed", "other"):
        with Tab(site) as tab:
            told[widget] = tab.hello(widget)["calls"]
    assert told == {"shop": True, "desk": False, "closed": False, "other": False}


def test_a_visitor_gets_a_ticket_in_their_own_name(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        status, given = ask(site, "shop", {"token": tab.token})
        assert status == 200
        ticket = site.hub.context.channels["web_call"].checked(given["ticket"])  # type: ignore[attr-defined]
        assert (ticket.sender, ticket.recipient, ticket.interaction_id) == (tab.visitor_id, "shop", "")


def test_who_is_no_visitor_of_this_chat_gets_no_ticket(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        assert ask(site, "other", {"token": tab.token})[0] == 401
    assert ask(site, "shop", {"token": "made.up"})[0] == 401
    assert ask(site, "shop", {})[0] == 401
    for body in (b"", b"[]", b"{", b"7", b"[" * 5_000):
        assert ask(site, "shop", body)[0] in (400, 401), body


@pytest.mark.parametrize("widget", ["desk", "closed", "other"])
def test_a_chat_without_a_line_of_its_own_workspace_gives_no_ticket(site: Site, widget: str) -> None:
    with Tab(site) as tab:
        tab.hello(widget)
        status, said = ask(site, widget, {"token": tab.token})
    assert status == 404
    assert "takes no calls" in said["detail"]


def test_tickets_are_given_at_a_human_pace(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        assert [ask(site, "shop", {"token": tab.token})[0] for _ in range(6)] == [200] * 5 + [429]


async def a_call(site: Site, visitor_id: str, *, over: bool) -> Interaction:
    """This visitor called half a minute ago and both said something."""
    context = site.hub.context
    now = context.clock.now()
    began = now - timedelta(seconds=31)
    async with context.store.write() as db:
        workspace = await db.get(Workspace, site.operator.workspace_id)
        assert workspace is not None
        customer = await identity.recognise(db, workspace, "visitor", visitor_id, source="web_call")
        call = await open_interaction(
            db, workspace, customer, "web_call", f"call-{visitor_id}", visitor_id,
            address=None, now=began, status="in_progress", external_id=f"call-{visitor_id}",
        )  # fmt: skip
        call.answered_at = began
        say_in(
            db, call, began, role="agent", author="Maya", text="Hi there. How", heard="Hi there.", from_ms=0, to_ms=9
        )
        say_in(db, call, began, role="agent", author="Maya", text="Never heard", heard="", from_ms=9, to_ms=9)
        say_in(db, call, now, role="customer", text="hello", from_ms=9, to_ms=20)
        say_in(db, call, now, role="operator", author="Sam", text="a note", note=True)
        if over:
            finish(db, call, "completed", "customer_hangup", now)
    return call


def shown(frame: dict[str, Any]) -> tuple[Any, ...]:
    return frame["role"], frame["text"], frame.get("spoken", False)


def test_what_was_said_in_a_call_stands_in_the_thread(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        call = site.run(a_call(site, tab.visitor_id, over=True))
        tab.say("one", "I just called")
        tab.until("message", lambda frame: frame["text"] == "I just called")
        again = Tab(site)
        assert again.hello(token=tab.token)["started"]
        told = again.until("call")
        assert (told["over"], told["seconds"], told["call"]) == (True, 31, f"call-{tab.visitor_id}")
        assert shown(again.until("message")) == ("agent", "Hi there.", True)
        assert shown(again.until("message")) == ("customer", "hello", True)
        assert not again.until("message").get("spoken")
        seen = {str(call.id): call.last_seq}
        again.close()
        with Tab(site) as back:
            back.hello(token=tab.token, seen=seen)
            back.until("call")
            assert not back.until("message").get("spoken"), "what was seen is not told again"


def test_a_call_that_goes_on_is_told_when_it_is_over(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        call = site.run(a_call(site, tab.visitor_id, over=False))
        tab.send(type="called")
        assert not tab.until("call")["over"]

        async def end() -> None:
            async with site.hub.context.store.write() as db:
                held = await interactions.locked(db, call.id)
                assert held is not None
                finish(db, held, "completed", "customer_hangup", site.hub.context.clock.now())

        site.run(end())
        assert tab.until("call")["over"]
        assert shown(tab.until("message")) == ("agent", "Hi there.", True)


def test_the_calls_of_somebody_else_are_not_shown(site: Site) -> None:
    site.run(a_call(site, CALLER, over=True))
    with Tab(site) as tab:
        assert not tab.hello()["started"]
        tab.say("one", "Hello")
        tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != "")
        assert not [frame for frame in tab.frames if frame["type"] == "call"]


def test_the_chat_page_may_do_no_more_for_calls_than_before() -> None:
    allowed = policy(["https://shop.example"], "https://hub.example")
    assert "default-src 'none'" in allowed
    assert "media-src" not in allowed
    assert [rule.split()[0] for rule in allowed.split("; ") if "blob:" in rule] == ["img-src"]
