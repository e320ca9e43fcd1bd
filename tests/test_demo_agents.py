"""The demo agents in whole conversations, over real HTTP on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from hub.dialogue.knowledge import Index
from hub.dialogue.outbound import Outside
from hub.dialogue.script import Script
from hub.dialogue.toolbox import Toolset
from hub.dialogue.turn import Collected, Entry, Finish, HandToHuman, Piece, Say, Turn, UsedTool
from hub.models.agent import AgentDefinition
from hub.models.tool import Tool

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("America/New_York"))  # a Wednesday
SLOTS = ["09:00", "09:30", "10:30", "11:00", "13:00", "14:30", "15:00", "16:30"]
ORDERS = {
    "A1001": ("shipped", "UPS", "1Z999", "2026-11-20", [("Walnut desk lamp", 1)]),
    "A1002": ("processing", None, None, "2026-11-24", [("Linen duvet cover", 1), ("Pillowcase", 2)]),
    "A1003": ("delivered", "FedEx", "7712", "2026-11-15", [("Enamel teapot", 1), ("Tumbler", 6)]),
    "A1004": ("cancelled", None, None, None, [("Oak stool", 2)]),
}


def answer(method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    """What the businesses behind the agents say. On the 20th somebody else is always quicker."""
    if path == "/clinic/slots":
        day = query["date"][0]
        return 200, {"date": day, "slots": SLOTS if date.fromisoformat(day).weekday() < 5 else []}
    if path == "/clinic/appointments":
        if body["date"].endswith("-20"):
            return 409, {"error": "taken"}
        return 201, {"reference": "C1001", "date": body["date"], "time": body["time"]}
    if path == "/crm/leads":
        return 201, {"id": "L1001", "status": body["status"]}
    number = path.rpartition("/")[2].upper()
    if number == "A5000":
        return 500, {"error": "out of order"}
    if number not in ORDERS:
        return 404, {"error": f"There is no order {number}."}
    status, carrier, tracking, eta, items = ORDERS[number]
    named = [{"name": name, "quantity": many} for name, many in items]
    return 200, {
        "number": number, "status": status, "carrier": carrier, "tracking": tracking, "eta": eta,
        "items": named,
    }  # fmt: skip


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, target, _ = head.split(" ", 2)
    length = next((int(x.split(":")[1]) for x in head.split("\r\n") if x.lower().startswith("content-length")), 0)
    body = json.loads(await reader.readexactly(length)) if length else None
    url = urlsplit(target)
    status, data = answer(method, url.path, parse_qs(url.query), body)
    text = json.dumps(data).encode()
    writer.write(
        b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(text)) + text
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def businesses() -> AsyncIterator[str]:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def load(name: str) -> dict[str, Any]:
    return json.loads(resources.files("fixtures.agents").joinpath(f"{name}.json").read_text("utf-8"))


def split(given: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    knowledge = given.pop("knowledge")
    given.pop("parameters")
    return given, knowledge


class Customer:
    """Talks to an agent, turn by turn, as the hub would carry it."""

    def __init__(self, name: str, url: str, channel: str = "webchat") -> None:
        self.definition, knowledge = split(load(name))
        index = Index(knowledge)
        self.channel, self.parameters = channel, {"sandbox_url": url}
        self.state: dict[str, Any] = {}
        self.history: list[Entry] = []
        self.outside = Outside(allow_private=True)
        self.script = Script()

        async def search(query: str, limit: int) -> Any:
            return index.search(query, limit)

        tools = [Tool.model_validate(tool) for tool in self.definition["tools"]]
        self.tools = Toolset(tools, self.outside, search, self.parameters)

    async def turn(self, said: str, cue: Any = "message") -> list[Piece]:
        turn = Turn(self.definition, cue, said, list(self.history), self.state, NOW, self.channel, self.parameters)
        pieces = [piece async for piece in self.script.reply(turn, self.tools)]
        self.state = json.loads(json.dumps(turn.state))
        self.history += [Entry("customer", said)] if said else []
        self.history += [Entry("agent", piece.text) for piece in pieces if isinstance(piece, Say) and not piece.waiting]
        return pieces


def told(pieces: list[Piece]) -> list[str]:
    """What came of a turn, as lines to compare: fields, tools, ends, and the words in one line."""
    lines = []
    for piece in pieces:
        match piece:
            case Collected():
                lines.append(f"[{piece.field}] {piece.value}")
            case UsedTool():
                lines.append(f"[tool] {piece.name} {piece.result.error[:3]}".rstrip())
            case HandToHuman():
                lines.append("[human]")
            case Finish():
                lines.append("[finish]")
    words = " ".join(piece.text for piece in pieces if isinstance(piece, Say) and not piece.waiting)
    return [*lines, " ".join(words.split())]


DIALOGUES = resources.files("tests").joinpath("test_demo_agents_dialogues.txt")


def dialogues() -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Dialogues are apart by an empty line and begin with the agent, the channel and who speaks first."""
    found = []
    for block in DIALOGUES.read_text("utf-8").strip().split("\n\n"):
        head, *lines = block.split("\n")
        turns: list[tuple[str, list[str]]] = []
        for line in lines:
            if line.startswith(">"):
                turns.append((line[1:].strip(), []))
            else:
                turns[-1][1].append(line.strip())
        found.append((head, turns))
    return found


async def play(head: str, turns: list[tuple[str, list[str]]]) -> AsyncIterator[tuple[str, list[str], list[str]]]:
    name, channel, first = head.split()
    async with businesses() as url:
        customer = Customer(name, url, channel)
        try:
            if first == "agent":
                await customer.turn("", "opened")
            for said, expected in turns:
                yield said, expected, told(await customer.turn(said))
        finally:
            await customer.outside.close()


@pytest.mark.parametrize(("head", "turns"), [pytest.param(*d, id=f"{n}-{d[0]}") for n, d in enumerate(dialogues())])
def test_a_customer_gets_sensible_answers(head: str, turns: list[tuple[str, list[str]]]) -> None:
    async def talk() -> None:
        async for said, expected, got in play(head, turns):
            for line in expected:
                assert any(line in part for part in got), f"{said!r} should give {line!r}, gave {got}"
            marks = [line for line in got if line.startswith("[")]
            assert sorted(marks) == sorted(line for line in expected if line.startswith("[")), said
            assert "{" not in got[-1], said

    asyncio.run(talk())


@pytest.mark.parametrize("name", ["clinic", "shop", "leads"])
def test_each_demo_agent_is_tried_for_at_least_sixty_turns(name: str) -> None:
    assert sum(len(turns) for head, turns in dialogues() if head.startswith(name)) >= 60


@pytest.mark.parametrize("name", ["clinic", "shop", "leads"])
def test_a_demo_agent_is_a_valid_definition_with_plenty_of_knowledge(name: str) -> None:
    definition, knowledge = split(load(name))
    assert AgentDefinition(**definition).flow.start
    assert len(knowledge) >= 15
    assert all(set(item) == {"title", "text", "source"} for item in knowledge)


@pytest.mark.parametrize("name", ["clinic", "shop", "leads"])
def test_every_passage_is_found_by_its_own_title(name: str) -> None:
    _, knowledge = split(load(name))
    index = Index(knowledge)
    for item in knowledge:
        assert item["title"] in [passage.title for passage in index.search(item["title"], 5)]


def test_an_agent_says_so_when_its_business_cannot_be_reached() -> None:
    async def talk() -> list[str]:
        customer = Customer("shop", "http://127.0.0.1:9")
        pieces = await customer.turn("where is order A1001?")
        await customer.outside.close()
        return told(pieces)

    got = asyncio.run(talk())
    assert "[human]" in got
    assert "I can't reach our order system right now" in got[-1]
