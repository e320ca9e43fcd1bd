"""Tools of every kind, as an agent calls them: what goes out, what comes back, and what never does."""

import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from fixtures.sandbox import SandboxSettings
from fixtures.sandbox.app import create_sandbox
from hub.core import tool_secrets
from hub.core.toolbox import Tools
from hub.dialogue import mcp
from hub.dialogue.outbound import Outside
from hub.models import AgentDefinition, AuditEntry, Event, Interaction, ToolSecret
from hub.store import Store
from tests import world as whole
from tests.fakes import FakeClock
from tests.test_customers_merging import says
from tests.test_tools import reply, served
from tests.world import Core, Home, core, furnish

pytestmark = pytest.mark.anyio
ANA = "+12025550101"
KEY = "sk_live_do_not_tell"
NUMBER = {
    "type": "object",
    "properties": {"number": {"type": "string", "pattern": "^A[0-9]{4}$"}},
    "required": ["number"],
}


@contextlib.asynccontextmanager
async def desk(store: Store, clock: FakeClock, *names: str) -> AsyncIterator[tuple[Core, Home]]:
    async with core(store, clock, *(names or ("sms",))) as made:
        yield made, await furnish(store)


async def box(made: Core, *tools: dict[str, Any], key: str = "turn 1", **parameters: Any) -> Tools:
    """What the agent may do in a conversation that Ana has begun."""
    await says(made, ANA, "Hello")
    interaction = (await made.records.all(Interaction))[-1]
    agent = {"tools": [dict(tool) for tool in tools], "parameters": parameters}
    return Tools(made.context, interaction.workspace_id, interaction.id, interaction.agent_id, agent, {}, key)


# arguments


ARGUMENTS = {
    "type": "object",
    "properties": {
        "guests": {"type": "integer", "minimum": 1, "maximum": 8},
        "day": {"type": "string", "format": "date"},
        "room": {"enum": ["garden", "hall"]},
        "note": {"type": "string", "maxLength": 5},
        "smoking": {"type": "boolean"},
    },
    "required": ["guests"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Arguments are missing: guests"),
        ({"guests": None}, "Arguments are missing: guests"),
        ({"guests": 0}, "guests: 0 is less than the minimum of 1"),
        ({"guests": "many"}, "guests: "),
        ({"guests": 2, "room": "cellar"}, "room: "),
        ({"guests": 2, "note": "far too long"}, "note: "),
        ({"guests": 2, "extra": 1}, "extra"),
        ({"guests": 2, "note": "x" * 70_000}, "too long"),
        ({"guests": [2]}, "guests: "),
    ],
)
async def test_arguments_that_do_not_fit_reach_nobody_and_the_words_say_what_to_mend(
    store: Store, clock: FakeClock, given: dict[str, Any], words: str
) -> None:
    async with desk(store, clock) as (made, _), served(lambda h, b: reply(200, {})) as (port, heard):
        tools = await box(
            made, {"name": "book", "method": "POST", "url": f"http://127.0.0.1:{port}/", "arguments": ARGUMENTS}
        )
        result = await tools.call("book", given)
        assert words in result.error
        assert heard == []


async def test_arguments_that_mean_the_right_thing_are_taken(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as (made, _), served(lambda h, b: reply(200, {})) as (port, heard):
        tools = await box(
            made, {"name": "book", "method": "POST", "url": f"http://127.0.0.1:{port}/", "arguments": ARGUMENTS}
        )
        result = await tools.call("book", {"guests": "3", "note": 12, "smoking": "no", "day": None})
        assert result.error == ""
        assert json.loads(heard[0].split("\r\n\r\n", 1)[1]) == {"guests": 3, "note": "12", "smoking": False}


async def test_a_get_without_a_query_of_its_own_carries_its_arguments_there(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as (made, _), served(lambda h, b: reply(200, {})) as (port, heard):
        url = f"http://127.0.0.1:{port}/orders/{{{{number}}}}"
        schema = {"properties": {"number": {"type": "string"}, "full": {"type": "boolean"}}}
        tools = await box(made, {"name": "look", "url": url, "arguments": schema})
        assert (await tools.call("look", {"number": "A1", "full": True})).error == ""
        assert heard[0].startswith("GET /orders/A1?full=true HTTP/1.1")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"a": {"type": "nonsense"}}},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema.json"}}},
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_when_it_is_saved(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"JSON Schema|object"):
        AgentDefinition.model_validate({"name": "Maya", "tools": [{"name": "look", "arguments": schema}]})


# what tools are refused


async def test_requests_of_all_kinds_stay_on_the_open_internet(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as (made, _):
        made.context.outside = Outside()
        kinds = [{"name": kind, "kind": kind, "url": "http://127.0.0.1:9/x"} for kind in ("http", "function", "mcp")]
        tools = await box(made, *kinds)
        for name in ("http", "function", "mcp_anything"):
            assert "not a public address" in (await tools.call(name, {})).error, name
        assert [f.name for f in await tools.functions() if f.name.startswith("mcp")] == []


async def test_only_verified_customers_get_what_is_kept_for_them_whatever_kind_it_is(
    store: Store, clock: FakeClock
) -> None:
    async with desk(store, clock) as (made, _):
        kinds = ("http", "function", "mcp")
        tools = await box(
            made,
            *({"name": kind, "kind": kind, "url": "http://127.0.0.1:9/x", "requires": "verified"} for kind in kinds),
            {"name": "send_text", "kind": "builtin", "requires": "verified"},
            {"name": "search_knowledge", "kind": "builtin", "requires": "verified"},
        )
        for name in ("http", "function", "mcp_x", "send_text", "search_knowledge"):
            assert "identity is verified" in (await tools.call(name, {"text": "x", "query": "x"})).error, name
        assert await made.records.all(Event, Event.type == "tool.requested") == []


async def test_an_agent_cannot_choose_where_a_tool_goes(store: Store, clock: FakeClock) -> None:
    async with (
        desk(store, clock) as (made, _),
        served(lambda h, b: reply(200, {})) as (good, heard),
        served(lambda h, b: reply(200, {})) as (evil, stolen),
    ):
        elsewhere = f"http://127.0.0.1:{evil}"
        tools = await box(
            made, {"name": "look", "url": "{{base}}/x", "headers": {"X-Key": "k"}}, base=f"http://127.0.0.1:{good}"
        )
        assert (await tools.call("look", {"base": elsewhere})).error == ""
        assert "fixed for this agent" in (await tools.call("set_parameter", {"name": "base", "value": elsewhere})).error
        assert (await tools.call("look", {})).error == ""
        assert (len(heard), stolen) == (2, [])


# secrets


async def test_a_secret_goes_out_and_is_seen_by_nobody(store: Store, clock: FakeClock) -> None:
    def echo(head: str, body: bytes) -> bytes:
        return reply(200, {"you_sent": head, "nested": [{"key": KEY}], KEY: 1})

    async with desk(store, clock) as (made, home), served(echo) as (port, heard):
        await tool_secrets.put(made.context, home.workspace_id, "shop", KEY, by="Ana")
        tool = {"name": "look", "method": "POST", "url": f"http://127.0.0.1:{port}/{{{{secret.shop}}}}",
                "headers": {"Authorization": "Bearer {{secret.shop}}"}, "query": {"k": "{{secret.shop}}"},
                "body": {"key": "{{secret.shop}}"}}  # fmt: skip
        tools = await box(made, tool)
        result = await tools.call("look", {})
        assert heard[0].count(KEY) == 4
        assert KEY not in json.dumps(result.data)
        assert json.loads(json.dumps(result.data))["nested"] == [{"key": "•••"}]
        assert KEY not in "".join(one.description + json.dumps(dict(one.parameters)) for one in await tools.functions())
        stored = [
            row.model_dump_json() for table in (ToolSecret, AuditEntry, Event) for row in await made.records.all(table)
        ]
        assert not any(KEY in row for row in stored)


async def test_an_error_that_repeats_a_secret_is_veiled_too(store: Store, clock: FakeClock) -> None:
    async with (
        desk(store, clock) as (made, home),
        served(lambda h, b: reply(401, {"error": f"bad key {KEY}"})) as (port, _),
    ):
        await tool_secrets.put(made.context, home.workspace_id, "shop", KEY, by="Ana")
        tools = await box(
            made, {"name": "look", "url": f"http://127.0.0.1:{port}/", "headers": {"K": "{{secret.shop}}"}}
        )
        assert (await tools.call("look", {})).error == "401 bad key •••"


async def test_a_secret_that_is_not_set_or_is_somebody_elses_is_missed_before_anything_is_sent(
    store: Store, clock: FakeClock
) -> None:
    async with desk(store, clock) as (made, _), served(lambda h, b: reply(200, {})) as (port, heard):
        other = await furnish(store, number="+15005550009", name="Theirs")
        await tool_secrets.put(made.context, other.workspace_id, "shop", KEY, by="Eve")
        tools = await box(
            made, {"name": "look", "url": f"http://127.0.0.1:{port}/", "headers": {"K": "{{secret.shop}}"}},
            **{"secret.shop": "a parameter", "secret": "another"},
        )  # fmt: skip
        assert "not set: shop" in (await tools.call("look", {"secret": {"shop": "mine"}, "secret.shop": "x"})).error
        assert heard == []


async def test_a_secret_is_replaced_and_removed(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as (made, home), served(lambda h, b: reply(200, {})) as (port, heard):
        tools = await box(
            made, {"name": "look", "url": f"http://127.0.0.1:{port}/", "headers": {"K": "{{secret.shop}}"}}
        )
        for value in ("first-value", "second-value"):
            await tool_secrets.put(made.context, home.workspace_id, "shop", value, by="Ana")
            await tools.call("look", {})
        assert ["first-value" in heard[0], "second-value" in heard[1]] == [True, True]
        assert await tool_secrets.remove(made.context, home.workspace_id, "shop", by="Ana")
        assert "not set" in (await tools.call("look", {})).error


# servers of tools


@contextlib.asynccontextmanager
async def shop() -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    async with whole.served(create_sandbox(SandboxSettings(demo_data=True)), listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("way", ["/mcp", "/mcp/stream"])
async def test_the_tools_of_a_server_are_listed_and_called(store: Store, clock: FakeClock, way: str) -> None:
    async with desk(store, clock) as (made, home), shop() as url:
        await tool_secrets.put(made.context, home.workspace_id, "shop", KEY, by="Ana")
        server = {"name": "shop", "kind": "mcp", "url": url + way, "headers": {"Authorization": "{{secret.shop}}"}}
        tools = await box(made, server)
        listed = {one.name: one for one in await tools.functions() if one.name.startswith("shop")}
        assert list(listed) == ["shop_find_order", "shop_cancel_order", "shop_who-am-i"], "all pages of the list"
        assert listed["shop_find_order"].parameters["required"] == ["number"]
        assert (await tools.call("shop_find_order", {"number": "A1003"})).data["status"] == "delivered"
        assert (await tools.call("shop_find_order", {"number": "B1"})).error == "There is no such order."
        assert (await tools.call("shop_who-am-i", {})).data == "You sent •••."
        assert "offers no tool 'nonsense'" in (await tools.call("shop_nonsense", {})).error


async def test_a_server_that_forgot_us_is_greeted_again(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as (made, _), shop() as url:
        tools = await box(made, {"name": "shop", "kind": "mcp", "url": url + "/mcp"})
        assert (await tools.call("shop_find_order", {"number": "A1003"})).error == ""
        await made.outside.request("DELETE", url + "/mcp/sessions")
        assert (await tools.call("shop_find_order", {"number": "A1001"})).data["status"] == "shipped"


async def test_of_a_server_only_what_is_chosen_is_offered(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as (made, _), shop() as url:
        tools = await box(made, {"name": "shop", "kind": "mcp", "url": url + "/mcp", "only": ["find_order"]})
        assert [one.name for one in await tools.functions() if one.name.startswith("shop")] == ["shop_find_order"]
        assert "offers no tool" in (await tools.call("shop_cancel_order", {"number": "A1001"})).error


def _stream(*events: Any) -> bytes:
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda h, b: None, "No answer within"),
        (lambda h, b: reply(500, {"error": "x"}), "answered 500"),
        (lambda h, b: reply(302, b"", "Location: http://169.254.169.254/\r\n"), "answered 302"),
        (lambda h, b: reply(200, b"<html>"), "no message of the protocol"),
        (lambda h, b: reply(200, [1, 2]), "no message of the protocol"),
        (lambda h, b: reply(200, {"jsonrpc": "2.0", "id": 999, "result": {}}), "no message of the protocol"),
        (lambda h, b: reply(200, b"[" * 200_000), "no message of the protocol"),
        (lambda h, b: reply(200, b"x" * 2_000_000), "larger than"),
        (lambda h, b: _stream({"jsonrpc": "2.0", "method": "x"}) + b"data: x\n" * 200_000, "larger than"),
        (lambda h, b: reply(200, {"id": json.loads(b)["id"], "error": {"message": "No."}}), "says: No."),
    ],
)  # fmt: skip
async def test_a_server_that_misbehaves_is_survived_in_words(
    store: Store, clock: FakeClock, answer: Any, words: str
) -> None:
    async with desk(store, clock) as (made, _), served(answer) as (port, _):
        server = {"name": "bad", "kind": "mcp", "url": f"http://127.0.0.1:{port}/{uuid4().hex}", "timeout_ms": 1_000}
        tools = await box(made, server)
        assert words in (await tools.call("bad_x", {})).error
        assert [one.name for one in await tools.functions() if one.name.startswith("bad")] == []


async def test_connections_to_servers_that_are_kept_are_few() -> None:
    outside = Outside(allow_private=True)
    for number in range(1_000):
        mcp.Mcp(outside, "http://127.0.0.1:9/", {}, scope=str(number), timeout_seconds=1)
    assert len(mcp._SESSIONS) <= 500


# what a model is told


async def test_a_model_is_told_of_the_tools_listed_and_of_what_is_always_at_hand(
    store: Store, clock: FakeClock
) -> None:
    async with desk(store, clock) as (made, _):
        tools = await box(
            made,
            {"name": "look", "description": "Looks it up.", "url": "http://x.example/", "arguments": NUMBER,
             "waiting_message": "One moment.", "fallback_message": "It is down."},
            {"name": "quiet", "url": "http://x.example/", "waiting_message": "Hm.", "speak_during_execution": False},
            {"name": "send_text", "kind": "builtin"},
        )  # fmt: skip
        told = {one.name: one for one in await tools.functions()}
        assert set(told) == {
            "look", "quiet", "send_text", "hang_up", "hand_to_human", "record_refusal", "search_knowledge",
        }  # fmt: skip
        assert (told["look"].parameters, told["look"].waiting_message) == (NUMBER, "One moment.")
        assert (told["quiet"].waiting_message, told["quiet"].silent) == ("", True)
        assert told["send_text"].parameters["required"] == ["text"]
        assert all(
            one.description and one.parameters["type"] == "object" for name, one in told.items() if name != "quiet"
        )
        scoped = {one.name for one in await tools.functions(["look"])}
        assert scoped == {"look", "hang_up", "hand_to_human", "record_refusal", "search_knowledge"}


async def test_what_it_knows_is_searched_as_a_tool(store: Store, clock: FakeClock) -> None:
    async with desk(store, clock) as (made, _):
        found = await (await box(made)).call("search_knowledge", {"query": "opening hours on Saturday"})
        assert found.data[0]["title"] == "Opening hours"
        assert "from 9 to 13" in found.data[0]["text"]


def agent_with(*tools: Mapping[str, Any], **more: Any) -> AgentDefinition:
    return AgentDefinition.model_validate({"name": "Maya", "tools": list(tools), **more})


async def test_every_call_is_one_record_with_what_it_was_called_with_and_how_long_it_took(
    store: Store, clock: FakeClock
) -> None:
    async with core(store, clock, "sms") as made, served(lambda h, b: reply(200, {"ok": True})) as (port, _):
        flow = {"stages": [
            {"id": "start", "type": "tool", "tool": "look", "arguments": {"number": "A1001"},
             "transitions": [{"to": "told"}]},
            {"id": "told", "text": "Done."},
        ]}  # fmt: skip
        definition = agent_with({"name": "look", "url": f"http://127.0.0.1:{port}/", "arguments": NUMBER}, flow=flow)
        await furnish(store, definition=definition)
        await says(made, ANA, "Hello")
        (called,) = await made.records.events("tool.called")
        assert (called.data["name"], called.data["arguments"]) == ("look", {"number": "A1001"})
        assert (called.data["result"], called.data["error"]) == ({"ok": True}, "")
        assert called.data["duration_ms"] >= 0
