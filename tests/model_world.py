"""The sandbox's OpenAI on a socket of this process, and conversations with the brain that thinks with it."""

import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from fixtures.sandbox import SandboxSettings, create_sandbox
from hub.dialogue.knowledge import Index
from hub.dialogue.toolbox import function
from hub.dialogue.turn import Brain, Entry, Function, Passage, Piece, Say, ToolResult, Turn
from hub.engine import Account
from hub.models.tool import Tool
from tests.world import served

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("America/New_York"))
KEY = "sk-tests-secret-key"
ALWAYS = ("hang_up", "hand_to_human", "search_knowledge")


class Vendor:
    """OpenAI in the sandbox, told what to answer and what to do wrong."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url, self._http = url, http
        self.base_url = f"{url}/openai/v1"
        self.account = Account(KEY, self.base_url)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = await self._http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def says(self, *answers: str | Mapping[str, Any]) -> None:
        """What it answers next, in this order: words, or an answer as /control/openai takes it."""
        given = [{"text": one} if isinstance(one, str) else one for one in answers]
        await self._post("/control/openai", {"answers": given})

    async def rule(self, contains: str, role: str = "user", **answer: Any) -> None:
        await self._post("/control/openai", {"rules": [{"contains": contains, "role": role, "answer": answer}]})

    async def obeys(self) -> None:
        """From now on it does what any message orders."""
        await self._post("/control/openai", {"obeys": True})

    async def has_no_list(self) -> None:
        """Nobody is told which models it has."""
        await self._post("/control/openai", {"listed": False})

    async def fails(self, name: str, **more: Any) -> None:
        await self._post("/control/engines/openai", {"fault": {"name": name, **more}})

    async def works(self) -> None:
        """Nothing goes wrong any more; what it was asked is forgotten."""
        await self._http.delete("/control/engines/openai")

    async def faults(self) -> list[str]:
        return list((await self._http.get("/control/engines/openai")).json()["faults"])

    async def asked(self) -> list[dict[str, Any]]:
        """The bodies of the requests so far."""
        return [one["body"] for one in await self._log()]

    async def connections(self) -> list[tuple[Any, ...]]:
        """Whence each of the requests so far came: the address and port at the other end."""
        return [tuple(one["peer"]) for one in await self._log()]

    async def listings(self) -> int:
        """How often it was asked for its models."""
        return len(await self._log("models"))

    async def _log(self, stage: str = "chat") -> list[dict[str, Any]]:
        asked = (await self._http.get("/control/engines/openai")).json()["asked"]
        return [one for one in asked if one["stage"] == stage]

    async def told(self) -> str:
        """All that it was ever told, in one text."""
        return json.dumps(await self.asked(), ensure_ascii=False)


@contextlib.asynccontextmanager
async def vendor(**settings: Any) -> AsyncIterator[Vendor]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = create_sandbox(SandboxSettings(demo_data=False, **settings))
    async with served(app, listening), httpx.AsyncClient(base_url=url, timeout=20) as http:
        yield Vendor(url, http)


@dataclass
class Box:
    """A toolbox: `results` by tool, or one for all; what was called is in `calls`."""

    tools: Sequence[Mapping[str, Any]] = ()
    passages: Sequence[Passage] = ()
    result: ToolResult = field(default_factory=lambda: ToolResult({"level": "basic", "number": 7}))
    results: dict[str, ToolResult] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def functions(self, stage_tools: Sequence[str] | None = None) -> Sequence[Function]:
        listed = [Tool.model_validate(tool) for tool in self.tools]
        offered = [tool for tool in listed if stage_tools is None or tool.name in stage_tools]
        return [*map(function, offered), *(function(Tool(name=name, kind="builtin")) for name in ALWAYS)]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        self.calls.append((name, dict(arguments)))
        return self.results.get(name, self.result)

    async def search(self, query: str, limit: int = 3) -> Sequence[Passage]:
        return Index(self.passages).search(query, limit)


class Conversation:
    """A conversation with a brain, its state carried as JSON."""

    def __init__(
        self, brain: Brain, definition: Mapping[str, Any], box: Box | None = None, account: Account | None = None,
        **turn: Any,
    ) -> None:  # fmt: skip
        self.brain, self.definition, self.more = brain, definition, turn
        self.box = box or Box(tools=definition.get("tools", ()))
        self.account = account or Account()
        self.state: dict[str, Any] = turn.pop("state", {})
        self.history: list[Entry] = []
        self.turn: Turn | None = None

    async def __call__(self, said: str = "", cue: Any = "message") -> list[Piece]:
        turn = self.turn = Turn(
            self.definition, cue, said, list(self.history), json.loads(json.dumps(self.state)), NOW,
            account=self.account, **self.more,
        )  # fmt: skip
        pieces = [piece async for piece in self.brain.reply(turn, self.box)]
        self.state = json.loads(json.dumps(turn.state))
        self.history += [Entry("customer", said)] if said else []
        self.history += [Entry("agent", piece.text) for piece in pieces if isinstance(piece, Say) and not piece.waiting]
        return pieces


def words(pieces: Sequence[Piece]) -> str:
    """All that is said, but for what only bridges a wait."""
    return " ".join(" ".join(one.text.split()) for one in pieces if isinstance(one, Say) and not one.waiting)


def only(pieces: Sequence[Piece], *kinds: type) -> list[Any]:
    return [one for one in pieces if isinstance(one, kinds)]
