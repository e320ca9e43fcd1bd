"""Functions: the customer's system is told of a call and gives the result at once, or posts it back in time."""

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from hub.core import functions
from hub.core.toolbox import Tools
from hub.models import Event, Interaction, ToolCall
from tests.test_tools import reply, served
from tests.world import House, eventually, furnish
from web.auth import new_api_key

pytestmark = pytest.mark.anyio
ANA, BEN = "+12025550101", "+12025550102"
SCHEMA = {"properties": {"number": {"type": "string"}}, "required": ["number"]}
GIVEN = {"number": "A1001"}


async def program(hub: House) -> httpx.AsyncClient:
    """A program with a key of the workspace."""
    key, secret = new_api_key(hub.home.workspace_id, "A program", ["read", "write"])
    async with hub.store.write() as db:
        db.add(key)
    return httpx.AsyncClient(base_url=hub.url, headers={"authorization": f"Bearer {secret}"}, timeout=20)


async def talks(hub: House, person: str = ANA) -> Interaction:
    await hub.text(person, "Hello")
    await hub.settled()
    return await hub.records.one(Interaction, Interaction.person == person)


def tools(hub: House, interaction: Interaction, url: str = "", key: str = "turn 1", timeout_ms: int = 5_000) -> Tools:
    tool = {"name": "find", "kind": "function", "url": url, "arguments": SCHEMA, "timeout_ms": timeout_ms}
    return Tools(
        hub.hub.context, interaction.workspace_id, interaction.id, None, {"tools": [tool]}, {}, key
    )  # fmt: skip


async def asked(hub: House, many: int = 1) -> ToolCall:
    """The newest call, once there are so many."""
    return (await eventually(lambda: hub.records.all(ToolCall), lambda rows: len(rows) >= many))[-1]


def door(call: ToolCall) -> str:
    return f"/v1/interactions/{call.interaction_id}/tool-calls/{call.id}"


async def test_the_systems_answer_is_the_result_and_the_request_is_signed(hub: House) -> None:
    interaction = await talks(hub)
    async with served(lambda h, b: reply(200, {"result": {"status": "sent"}})) as (port, heard):
        result = await tools(hub, interaction, f"http://127.0.0.1:{port}/calls").call("find", GIVEN)
    assert (result.data, result.error) == ({"status": "sent"}, "")
    head, _, body = heard[0].partition("\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.lower().split("\r\n")[1:])
    sent = next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("webhook-signature"))
    secret = await functions.signing_secret(hub.hub.context, interaction.workspace_id)
    told = f"{lines['webhook-id']}.{lines['webhook-timestamp']}.{body}".encode()
    made = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), told, hashlib.sha256).digest()
    assert sent == f"v1,{base64.b64encode(made).decode()}"
    told_of = json.loads(body)
    call = await asked(hub)
    assert told_of["type"] == "tool.requested"
    assert (told_of["data"]["arguments"], told_of["data"]["call_id"]) == (GIVEN, str(call.id))
    assert told_of["data"]["result_url"] == hub.public_url + door(call)
    assert told_of["data"]["trace_id"] == interaction.trace_id


async def test_the_result_is_posted_back_and_the_agent_goes_on_at_once(hub: House) -> None:
    interaction, client = await talks(hub), await program(hub)
    async with served(lambda h, b: reply(202, b"")) as (port, _):
        waiting = asyncio.create_task(tools(hub, interaction, f"http://127.0.0.1:{port}/").call("find", GIVEN))
        call = await asked(hub)
        listed = (await client.get(f"/v1/interactions/{interaction.id}/tool-calls", params={"open": True})).json()
        assert [(one["name"], one["arguments"], one["done_at"]) for one in listed["data"]] == [("find", GIVEN, None)]
        answer = await client.post(door(call), json={"result": ["two", "parcels"]})
        assert (answer.status_code, answer.json()["result"]) == (200, ["two", "parcels"])
        async with asyncio.timeout(0.5):
            result = await waiting
    assert result.data == ["two", "parcels"]
    await client.aclose()


async def test_without_a_url_the_event_tells_of_the_call(hub: House) -> None:
    interaction, client = await talks(hub), await program(hub)
    waiting = asyncio.create_task(tools(hub, interaction).call("find", GIVEN))
    call = await asked(hub)
    (event,) = await hub.records.all(Event, Event.type == "tool.requested")
    assert (event.data["call_id"], event.data["name"], event.data["arguments"]) == (str(call.id), "find", GIVEN)
    assert (await client.post(door(call), json={"error": "There is no such order."})).status_code == 200
    assert (await waiting).error == "There is no such order."
    await client.aclose()


async def test_a_result_that_comes_twice_late_or_for_another_conversation_changes_nothing(hub: House) -> None:
    interaction, other, client = await talks(hub), await talks(hub, BEN), await program(hub)
    waiting = asyncio.create_task(tools(hub, interaction).call("find", GIVEN))
    call = await asked(hub)
    foreign = f"/v1/interactions/{other.id}/tool-calls/{call.id}"
    assert (await client.post(foreign, json={"result": "stolen"})).status_code == 404
    assert (await client.post(door(call), json={"result": "x", "error": "y"})).status_code == 400
    assert (await client.post(door(call), json={"result": "first"})).status_code == 200
    again = await client.post(door(call), json={"result": "second"})
    assert (again.status_code, again.json()["code"]) == (409, "over")
    assert (await waiting).data == "first"
    late = asyncio.create_task(tools(hub, interaction, key="turn 2", timeout_ms=1_000).call("find", GIVEN))
    call = await asked(hub, 2)
    hub.clock.forward(seconds=2)
    refused = await client.post(door(call), json={"result": "too late"})
    assert (refused.status_code, "gone on without it" in refused.json()["detail"]) == (409, True)
    assert (await late).error == "No result came within 1 seconds."
    await client.aclose()


async def test_a_program_of_another_workspace_gives_no_result(hub: House) -> None:
    interaction = await talks(hub)
    theirs = await furnish(hub.store, number="+15005550009", name="Theirs")
    key, secret = new_api_key(theirs.workspace_id, "Eve", ["read", "write"])
    async with hub.store.write() as db:
        db.add(key)
    waiting = asyncio.create_task(tools(hub, interaction, timeout_ms=1_000).call("find", GIVEN))
    call = await asked(hub)
    async with httpx.AsyncClient(base_url=hub.url, headers={"authorization": f"Bearer {secret}"}) as eve:
        assert (await eve.post(door(call), json={"result": "mine"})).status_code == 404
        assert (await eve.get(f"/v1/interactions/{interaction.id}/tool-calls")).status_code == 404
    hub.clock.forward(seconds=2)
    assert (await waiting).error.startswith("No result came")


async def test_the_same_turn_asks_once_and_another_turn_again(hub: House) -> None:
    interaction = await talks(hub)
    async with served(lambda h, b: reply(200, {"result": 7})) as (port, heard):
        url = f"http://127.0.0.1:{port}/"
        for key in ("turn 1", "turn 1", "turn 2"):
            assert (await tools(hub, interaction, url, key).call("find", GIVEN)).data == 7
    assert len(heard) == 2
    assert len(await hub.records.all(Event, Event.type == "tool.requested")) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda h, b: reply(500, b"oops"), "500 Your system did not take the call."),
        (lambda h, b: reply(302, b"", "Location: http://127.0.0.1:1/\r\n"), "302 Your system"),
        (lambda h, b: reply(200, {"error": "Not today."}), "Not today."),
        (lambda h, b: reply(200, b"x" * 300_000), "larger than"),
        (lambda h, b: None, "No answer within 1 seconds."),
        (lambda h, b: reply(200, b"thanks!"), "No result came within 1 seconds."),
    ],
)  # fmt: skip
async def test_a_system_that_fails_is_survived_in_words(hub: House, answer: Any, words: str) -> None:
    interaction = await talks(hub)
    async with served(answer) as (port, _):
        box = tools(hub, interaction, f"http://127.0.0.1:{port}/", timeout_ms=1_000)
        assert words in (await box.call("find", GIVEN)).error
