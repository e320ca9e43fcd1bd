"""Tools over real HTTP, and the rules for requests to addresses that others gave us."""

# ruff: noqa: E501 - tables read better in long lines

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub.dialogue.http_tool import url
from hub.dialogue.outbound import Answer, Failed, Forbidden, Outside, allowed
from hub.dialogue.template import fill, missing, names
from hub.dialogue.toolbox import Toolset
from hub.dialogue.turn import ToolResult
from hub.models.tool import Tool


@asynccontextmanager
async def served(respond: Callable[[str, bytes], bytes | None]) -> AsyncIterator[tuple[int, list[str]]]:
    """A server on loopback; what it hears is listed. None lets the other side wait."""
    heard: list[str] = []
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(x.split(":")[1]) for x in head.split("\r\n") if x.lower().startswith("content-length")), 0)
        body = await reader.readexactly(length)
        heard.append(head + body.decode())
        given = respond(head, body)
        if given is None:
            return
        writer.write(given)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def reply(status: int, body: Any, more: str = "") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n{more}\r\n".encode() + text


def call(
    tool: dict[str, Any],
    arguments: dict[str, Any],
    respond: Callable[[str, bytes], bytes | None],
    **more: Any,
) -> tuple[ToolResult, list[str]]:
    async def nothing(query: str, limit: int) -> list[Any]:
        return []

    async def go() -> tuple[ToolResult, list[str]]:
        async with served(respond) as (port, heard):
            outside = Outside(allow_private=more.pop("allow_private", True))
            tools = Toolset(
                [Tool(name="it", **tool)],
                outside,
                nothing,
                {"base": f"http://127.0.0.1:{port}", "key": "s3"},
                **more,
            )
            result = await tools.call("it", arguments)
            await outside.close()
            return result, heard

    return asyncio.run(go())


def test_a_request_is_built_from_its_templates() -> None:
    tool = {"method": "POST", "url": "{{base}}/orders/{{number}}", "query": {"q": "a {{word}}"}, "headers": {"X-Key": "{{key}}"},
            "body": {"who": "{{name}}", "many": "{{count}}", "note": "for {{name}}"}}  # fmt: skip
    result, heard = call(
        tool,
        {"number": "A/1?x", "word": "b&c", "name": "Ana", "count": 3},
        lambda h, b: reply(200, {"ok": True}),
    )
    assert result == ToolResult({"ok": True})
    assert heard[0].startswith("POST /orders/A%2F1%3Fx?q=a%20b%26c HTTP/1.1") or heard[0].startswith(
        "POST /orders/A%2F1%3Fx?q=a+b%26c"
    )
    assert "X-Key: s3" in heard[0]
    assert json.loads(heard[0].split("\r\n\r\n", 1)[1]) == {"who": "Ana", "many": 3, "note": "for Ana"}


def test_the_same_call_has_the_same_idempotency_key_and_another_one_another() -> None:
    def key(name: str) -> str:
        _, heard = call(
            {"method": "POST", "url": "{{base}}/x"}, {"name": name}, lambda h, b: reply(200, {}), key="turn 1"
        )
        return next(line for line in heard[0].split("\r\n") if line.lower().startswith("idempotency-key"))

    assert key("Ana") == key("Ana") != key("Bob")


def test_an_error_begins_with_its_status_and_keeps_what_was_said() -> None:
    result, _ = call({"url": "{{base}}/x"}, {}, lambda h, b: reply(404, {"error": "No such order."}))
    assert result == ToolResult({"error": "No such order."}, "404 No such order.")


@pytest.mark.parametrize(
    ("tool", "arguments", "more", "part"),
    [
        ({"url": "{{base}}/{{number}}"}, {}, {}, "number"),
        ({"url": "{{base}}/x", "arguments": {"required": ["a"]}}, {}, {}, "missing: a"),
        ({"url": "{{base}}/x", "requires": "verified"}, {}, {}, "verified"),
        ({"kind": "builtin"}, {}, {}, "cannot be called") if False else ({"kind": "builtin"}, {}, {}, "not one that can be called"),
        ({"url": "{{base}}/x"}, {}, {"allow_private": False}, "not a public address"),
        ({"url": "ftp://x/y"}, {}, {}, "not an http"),
        ({"url": "http://user:pw@x/y"}, {}, {}, "password"),
        ({"url": "http://127.0.0.1:1/"}, {}, {}, "Not reachable"),
        ({"url": "http://no-such-host.invalid/"}, {}, {}, "no host"),
    ],
)  # fmt: skip
def test_trouble_is_told_in_the_result(
    tool: dict[str, Any], arguments: dict[str, Any], more: dict[str, Any], part: str
) -> None:
    result, _ = call(tool, arguments, lambda h, b: reply(200, {}), **more)
    assert part in result.error


def test_an_unknown_tool_is_an_error_too() -> None:
    async def nothing(query: str, limit: int) -> list[Any]:
        return []

    assert "no tool" in asyncio.run(Toolset([], Outside(), nothing, {}).call("x", {})).error


def test_a_redirect_is_not_followed() -> None:
    result, heard = call(
        {"url": "{{base}}/x"}, {}, lambda h, b: reply(302, b"", "Location: http://169.254.169.254/\r\n")
    )
    assert (result.error, len(heard)) == ("302", 1)


def test_text_that_is_no_json_is_given_as_text() -> None:
    assert call({"url": "{{base}}/x"}, {}, lambda h, b: reply(200, b"hello"))[0] == ToolResult("hello")


def request(respond: Callable[[str, bytes], bytes | None], **options: Any) -> Answer:
    async def go() -> Answer:
        async with served(respond) as (port, _):
            outside = Outside(allow_private=True)
            try:
                return await outside.request("GET", f"http://127.0.0.1:{port}/", **options)
            finally:
                await outside.close()

    return asyncio.run(go())


def test_an_endless_answer_is_cut_off() -> None:
    with pytest.raises(Failed, match="larger than 1,000 bytes"):
        request(lambda h, b: reply(200, b"x" * 2_000), limit=1_000)


def test_a_silent_server_is_given_up() -> None:
    with pytest.raises(Failed, match=r"No answer within 0\.05 seconds"):
        request(lambda h, b: None, timeout=0.05)


def resolves(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def test_a_name_is_resolved_once_and_reached_at_the_checked_address_under_its_own_name() -> None:
    async def go() -> tuple[Answer, list[str]]:
        async with served(lambda h, b: reply(200, {})) as (port, heard):
            outside = Outside(allow_private=True, resolve=resolves("127.0.0.1"))
            answer = await outside.request("GET", f"http://shop.example:{port}/x")
            await outside.close()
            return answer, heard

    answer, heard = asyncio.run(go())
    assert answer.status == 200
    assert "Host: shop.example:" in heard[0]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"]])
def test_one_bad_address_is_enough_to_refuse_a_name(addresses: list[str]) -> None:
    with pytest.raises(Forbidden, match="not a public address"):
        asyncio.run(Outside(resolve=resolves(*addresses)).request("GET", "http://evil.example/"))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "0", "[::1]", "[::ffff:127.0.0.1]",
     "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fec0::1]", "[fe80::1]", "10.0.0.1", "169.254.169.254", "100.64.0.1", "[::]"],
)  # fmt: skip
def test_no_spelling_of_an_inner_address_is_reached(host: str) -> None:
    with pytest.raises((Forbidden, Failed)) as refused:
        asyncio.run(Outside().request("GET", f"http://{host}:9/", timeout=5))
    assert "Connection refused" not in str(refused.value)
    assert "connection attempts" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "open_internet", "with_private"),
    [
        ("8.8.8.8", True, True), ("1.1.1.1", True, True), ("2606:4700:4700::1111", True, True), ("172.32.0.1", True, True),
        ("100.128.0.1", True, True), ("127.0.0.1", False, True), ("127.9.9.9", False, True), ("10.1.2.3", False, True),
        ("172.16.0.1", False, True), ("192.168.1.1", False, True), ("::1", False, True), ("fd00::1", False, True),
        ("0.0.0.0", False, False), ("0.1.2.3", False, False), ("100.64.0.1", False, False), ("169.254.169.254", False, False),
        ("192.0.0.1", False, False), ("192.0.2.1", False, False), ("198.18.0.1", False, False), ("224.0.0.1", False, False),
        ("240.0.0.1", False, False), ("255.255.255.255", False, False), ("::", False, False), ("::ffff:8.8.8.8", False, False),
        ("::ffff:10.0.0.1", False, False), ("::7f00:1", False, False), ("64:ff9b::808:808", False, False),
        ("64:ff9b:1::1", False, False), ("2002:808:808::1", False, False), ("2001::1", False, False), ("2001:db8::1", False, False),
        ("fe80::1", False, False), ("fe80::1%eth0", False, False), ("fec0::1", False, False), ("ff02::1", False, False),
        ("100::1", False, False), ("", False, False), ("example.com", False, False),
    ],
)  # fmt: skip
def test_the_table_of_addresses(address: str, open_internet: bool, with_private: bool) -> None:
    assert (allowed(address), allowed(address, allow_private=True)) == (open_internet, with_private)


def test_a_base_url_stays_and_the_rest_is_one_segment_each() -> None:
    assert url("{{base}}/a/{{b}}", {"base": "https://x.example/api", "b": "../c"}) == "https://x.example/api/a/..%2Fc"


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("Hi {{first name}}!", {"first name": "Ana"}, "Hi Ana!"), ("Hi {{ Name }}!", {"name": "Ana"}, "Hi Ana!"),
        ("Hi, {{name}}!", {}, "Hi!"), ("Hi {{name}}, welcome", {}, "Hi, welcome"), ("{{a}} {{b}}", {"a": "1"}, "1"),
        ("{{order.items.0.name}}", {"order": {"items": [{"name": "Lamp"}]}}, "Lamp"), ("{{a}}", {"a": "{{b}}", "b": "x"}, ""),
        ("broken {{ braces", {}, "broken  braces"), ("{{" * 3, {}, ""),
    ],
)  # fmt: skip
def test_names_are_filled_and_braces_never_remain(text: str, values: dict[str, Any], filled: str) -> None:
    assert fill(text, values) == filled


def test_what_is_missing_is_listed_before_anything_is_said() -> None:
    assert names("{{a}} {{first name}} {{a}}") == ["a", "first name"]
    assert missing("{{a}} {{first name}} {{x.y}}", {"a": 1, "x": {}}) == ["first name", "x.y"]
