"""One conversation as data, and people who hold it: on the phone, in a browser, by text and in a web chat.

What is said, and what must come of it, is the same everywhere; only the way the words take is a runner's own.
"""

import asyncio
import base64
import contextlib
import io
import json
import random
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from websockets.asyncio.client import connect

from fixtures.sandbox import tones
from hub.models import Address, AgentDefinition, Event, Interaction, Message
from hub.models.flow import FieldSpec, Flow, Stage, Transition
from hub.models.result import ResultField
from hub.models.tool import Tool
from tests.bench.processes import OUR_NUMBER
from tests.call_world import Exchange
from tests.team_world import kept
from tests.test_joined import Visitor
from tests.test_web_call import Browser, Microphone
from tests.world import House, Records, eventually

CHAT = "oak"
WITHIN_SECONDS = 40


@dataclass(frozen=True)
class Line:
    """What the customer says, and a part of what is answered last, by whom."""

    says: str
    hears: str
    by: str


TALK = (
    Line("I have a question about my bill", "number of the bill", "Ben"),
    Line("It is B1234", "42.5", "Ben"),
    Line("Yes please", "on its way", "Ben"),
    Line("I need something else", "What is your name?", "Maya"),
    Line("Ana Miller", "Ana Miller", "Maya"),
    Line("Goodbye", "oodbye", "Maya"),
)


@dataclass
class Outcome:
    """What came of a conversation, in its order."""

    tools: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hand_overs: list[tuple[str, str]] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    collected: dict[str, Any] = field(default_factory=dict)
    ended: str = ""


EXPECTED = Outcome(
    tools=[("look_up", {"bill": "B1234"}), ("send_copy", {"bill": "B1234"})],
    hand_overs=[("front", "billing"), ("billing", "front")],
    stages=["start", "start", "look_up", "told", "send_copy", "sent", "ask", "noted"],
    collected={"bill": "B1234", "copy": True, "name": "Ana Miller"},
    ended="goodbye",
)


RESULTS = [
    ResultField(name="bill", required=True), ResultField(name="copy", type="boolean"),
    ResultField(name="name", type="name"),
]  # fmt: skip
EVIDENCE = {"bill": "B1234", "copy": "Yes", "name": "Ana Miller"}
"""The words that say each of the values."""

# the team


def team(mind: str, ears: str, voice: str, bills_url: str) -> dict[str, Any]:
    """Maya who greets and takes names, Ben who looks bills up; both with these engines."""
    call = {"hearing": {"engine": ears}, "speaking": {"engine": voice}, "record": False}
    maya = AgentDefinition(
        name="Maya", engine=mind, opening_message="Hello, this is Maya. How can I help?", flow=_front(), call=call,
        prompt="You are Maya, at the front desk.", results=RESULTS,
    )  # fmt: skip
    ben = AgentDefinition(
        name="Ben", engine=mind, opening_message="Hello, I'm Ben from billing.", flow=_billing(), call=call,
        tools=_tools(bills_url), prompt="You are Ben. You explain bills.",
    )  # fmt: skip
    to_ben = {
        "to": "billing", "function": "hand_over_to_billing", "description": "The customer asks about a bill.",
        "message": "I'll pass you to Ben, who knows all about bills.", "phrases": ["a question about my bill"],
    }  # fmt: skip
    to_maya = {
        "to": "front", "function": "hand_over_to_front", "description": "It is no question about a bill.",
        "phrases": ["I need something else"],
    }  # fmt: skip
    members = [
        {"key": "front", "agent": maya.model_dump(mode="json"), "transitions": [to_ben]},
        {"key": "billing", "agent": ben.model_dump(mode="json"), "transitions": [to_maya]},
    ]
    return {"name": "Oak", "members": members}


def _front() -> Flow:
    """When the customer comes back, they are asked their name."""
    name = FieldSpec(name="name", type="name", question="What is your name?")
    billed = Transition(to="ask", on="field", field="bill")
    return Flow(
        stages=[
            Stage(id="start", type="start", transitions=[billed]),
            Stage(id="ask", fields=[name], transitions=[Transition(to="noted")]),
            Stage(id="noted", text="Thank you, {{name}}. I wrote that down."),
        ]
    )


def _billing() -> Flow:
    bill = FieldSpec(
        name="bill", question="What is the number of the bill?", pattern=r"B\d{4}", invalid_message="It is like B1000."
    )
    copy = FieldSpec(name="copy", type="yes_no", question="Shall I send you a copy?")
    ok, failed = Transition(to="told", on="tool", outcome="ok"), Transition(to="failed", on="tool", outcome="error")
    sent = Transition(to="sent", on="tool", outcome="ok")
    return Flow(
        stages=[
            Stage(id="start", type="start", fields=[bill], transitions=[Transition(to="look_up")]),
            Stage(id="look_up", type="tool", tool="look_up", arguments={"bill": "{{bill}}"}, transitions=[ok, failed]),
            Stage(id="told", text="Bill {{bill}} is over {{look_up.amount}} euros.", fields=[copy], transitions=[
                Transition(to="send_copy", on="field", field="copy", values=["yes"]), Transition(to="failed"),
            ]),
            Stage(id="send_copy", type="tool", tool="send_copy", arguments={"bill": "{{bill}}"},
                  transitions=[sent, failed]),
            Stage(id="sent", text="The copy is on its way."),
            Stage(id="failed", text="Then we leave it there."),
        ]
    )  # fmt: skip


def _tools(url: str) -> list[Tool]:
    arguments = {"type": "object", "properties": {"bill": {"type": "string"}}, "required": ["bill"]}
    return [
        Tool(name="look_up", description="Look a bill up", url=url + "/bills/{{bill}}", arguments=arguments),
        Tool(name="send_copy", description="Send a copy of a bill", method="POST", url=url + "/copies",
             arguments=arguments),
    ]  # fmt: skip


class Bills:
    """The customer's own system: what it was asked."""

    def __init__(self) -> None:
        self.url, self.asked = "", list[tuple[str, str, Any]]()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        length = next(
            (int(one.split(":")[1]) for one in head.lower().split("\r\n") if one.startswith("content-length")), 0
        )
        body = json.loads(await reader.readexactly(length)) if length else None
        self.asked.append((method, path, body))
        data = json.dumps({"amount": 42.5, "due": "2026-12-01"} if method == "GET" else {"sent": True}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
        writer.write(f"content-length: {len(data)}\r\n\r\n".encode() + data)
        await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def bills() -> AsyncIterator[Bills]:
    made = Bills()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


async def settle_in(house: House, made: dict[str, Any]) -> None:
    """The team answers at a number for calls and texts, and at a chat that takes calls too."""
    home = house.home.workspace_id
    found = await kept(house.store, home, made)
    places = {"sms": OUR_NUMBER, "call": OUR_NUMBER, "webchat": CHAT, "web_call": CHAT}
    async with house.store.write() as db:
        for channel, value in places.items():
            db.add(Address(workspace_id=home, channel=channel, value=value, team_id=found.id))


# what came of it


async def outcome(records: Records, interaction: Interaction) -> Outcome:
    made = Outcome(ended=interaction.ended_reason)
    for event in await records.all(Event, Event.interaction_id == interaction.id):
        data = event.data
        match event.type:
            case "tool.called":
                made.tools.append((data["name"], data["arguments"]))
            case "member.changed":
                made.hand_overs.append((data["from"], data["to"]))
            case "stage.entered":
                made.stages.append(data["stage"])
            case "field.collected":
                made.collected[data["field"]] = data["value"]
    return made


async def spoken(records: Records, interaction: Interaction) -> list[tuple[str, str]]:
    """Who said what, in whole answers: what one author says in one go is one."""
    told: list[tuple[str, str]] = []
    for one in await records.all(Message, Message.interaction_id == interaction.id):
        author = one.author if one.role == "agent" else one.role
        if told and told[-1][0] == author:
            told[-1] = (author, f"{told[-1][1]} {one.text}")
        else:
            told.append((author, one.text))
    return told


# who holds it


class Person(Protocol):
    """Somebody who talks with the team by one channel."""

    channel: str

    async def begins(self) -> None:
        """Until it is their turn for the first time."""
        ...

    async def says(self, text: str) -> None: ...

    async def leaves(self) -> None: ...


class Talk:
    """Holds the conversation in the shoes of a person."""

    def __init__(self, house: House, person: Person) -> None:
        self._house, self._person = house, person

    async def interaction(self) -> Interaction:
        found = await self._house.records.all(Interaction, Interaction.channel == self._person.channel)
        return found[-1]

    async def hold(self) -> Interaction:
        """All of it; the interaction as it is at its end."""
        await self._person.begins()
        for line in TALK:
            before = await self._said()
            await self._person.says(line.says)
            await eventually(self._said, lambda said: _answered(said[len(before) :], line), WITHIN_SECONDS)  # noqa: B023
        ended = await eventually(self.interaction, lambda found: found.ended_at, WITHIN_SECONDS)
        await self._person.leaves()
        return ended

    async def _said(self) -> list[Message]:
        rows = await self._house.records.all(Interaction, Interaction.channel == self._person.channel)
        if not rows:
            return []
        said = await self._house.records.all(Message, Message.interaction_id == rows[-1].id)
        return [one for one in said if one.role == "agent" and (one.from_ms is None or one.to_ms is not None)]


def _answered(said: list[Message], line: Line) -> bool:
    return bool(said) and line.hears in said[-1].text and said[-1].author == line.by


class Texter:
    channel = "sms"

    def __init__(self, house: House, number: str = "") -> None:
        self._house, self._number = house, number or f"+1202555{random.randrange(10_000):04}"

    async def begins(self) -> None:
        await self.says("Hello")
        await self._house.settled()

    async def says(self, text: str) -> None:
        assert (await self._house.text(self._number, text, To=OUR_NUMBER)).status_code == 200

    async def leaves(self) -> None: ...


class Chatter:
    channel = "webchat"

    def __init__(self, house: House) -> None:
        self._house, self._stack, self._number = house, contextlib.AsyncExitStack(), 0

    async def begins(self) -> None:
        self._visitor, _ = await arrives(self._house, self._stack)
        await self.says("Hello")
        for _ in ("its opening words", "its answer"):
            await self._visitor.until("message", role="agent")

    async def says(self, text: str) -> None:
        self._number += 1
        await self._visitor.send(type="message", id=f"m{self._number}", text=text)

    async def leaves(self) -> None:
        await self._stack.aclose()


async def arrives(house: House, stack: contextlib.AsyncExitStack) -> tuple[Visitor, str]:
    """A visitor of the chat, and the token that proves that it is them."""
    url = house.url.replace("http", "ws") + "/hooks/webchat/live"
    socket = await stack.enter_async_context(connect(url, origin=house.url, compression=None))  # type: ignore[arg-type]
    made = Visitor(socket)
    await made.send(type="hello", widget=CHAT)
    welcome = await made.until("welcome")
    return made, str(welcome["token"])


class Caller:
    channel = "call"

    def __init__(self, phones: Exchange) -> None:
        self._phones = phones

    async def begins(self) -> None:
        quiet = {"wait": "quiet", "quiet_ms": 600}
        self._sid = await self._phones.calls_us(OUR_NUMBER, [quiet])
        await self._phones.until(self._sid, script="done")

    async def says(self, text: str) -> None:
        await self._phones.goes_on(self._sid, [{"wav": _wav(text)}])

    async def leaves(self) -> None:
        await self._phones.over(self._sid)


def _wav(text: str) -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(8000)
        opened.writeframes(tones.spoken(text, 8000).astype("<i2").tobytes())
    return base64.b64encode(file.getvalue()).decode()


class Mouth(Microphone):
    """A microphone into which words are said; it is quiet else."""

    def __init__(self) -> None:
        super().__init__()
        self._samples = np.zeros(0, np.int16)

    def say(self, text: str) -> None:
        self._samples = np.concatenate((self._samples, tones.spoken(text, 48_000)))

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._begun = self._begun or loop.time()
        self._number += 1
        await asyncio.sleep(max(self._begun + self._number * 0.02 - loop.time(), 0))
        if self.readyState != "live":
            raise MediaStreamError
        now, self._samples = self._samples[:960], self._samples[960:]
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(np.pad(now, (0, 960 - len(now))).astype("<i2").tobytes())
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._number * 960, Fraction(1, 48_000)
        return frame


class BrowserCaller:
    channel = "web_call"

    def __init__(self, house: House) -> None:
        self._house, self._stack = house, contextlib.AsyncExitStack()

    async def begins(self) -> None:
        _, token = await arrives(self._house, self._stack)
        asked = await self._house.http.post(f"/chat/{CHAT}/call", json={"token": token})
        assert asked.status_code == 200, asked.text
        self._browser, self._mouth = Browser(), Mouth()
        self._browser.peer.getSenders()[0].replaceTrack(self._mouth)
        offer = {"sdp": await self._browser.offer(), "type": "offer", "ticket": asked.json()["ticket"]}
        answer = await self._house.http.post("/hooks/web_call", json=offer)
        assert answer.status_code == 200, answer.text
        await self._browser.take(answer.json())
        await eventually(self.heard, lambda heard: heard.endswith("How can I help?"), WITHIN_SECONDS)

    async def heard(self) -> str:
        return tones.read(np.frombuffer(self._browser.heard, "<i2"), 16_000)

    async def says(self, text: str) -> None:
        await asyncio.sleep(0.1)
        self._mouth.say(text)

    async def leaves(self) -> None:
        await self._browser.close()
        await self._stack.aclose()


def vendor_settings(sandbox: str) -> dict[str, str]:
    """The environment in which the vendors are the sandbox's."""
    paths = {"OPENAI": "/openai/v1", "DEEPGRAM": "/deepgram", "ELEVENLABS": "/elevenlabs"}
    keys = {f"{vendor}_API_KEY": "sandbox" for vendor in paths}
    return keys | {f"{vendor}_BASE_URL": sandbox + path for vendor, path in paths.items()}
