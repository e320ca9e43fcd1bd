"""OpenAI's chat completions, and every server that speaks like them: streamed, with functions."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx2
import msgspec
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError, Timeout

from hub.dialogue.llm import Llm
from hub.dialogue.model import Asked, Line, Part
from hub.dialogue.turn import Function
from hub.engine import Account, EngineFailed
from hub.engines.clients import Clients
from hub.engines.openai_answer import Answer
from hub.engines.openai_faults import failure, may_try_again, wait_seconds
from hub.engines.openai_stream import ErrorEvent, chunks

VENDOR = "openai"
KEPT_SECONDS = 60.0
"""For so long an idle connection waits for the next turn."""
LISTED_AGAIN_SECONDS = 60.0
"""A server that does not tell which models it has is not asked again before."""
MODEL = "gpt-4.1-mini"
MODELS = {"turbo": "gpt-4.1-nano", "balanced": MODEL, "max": "gpt-4.1"}
"""By tier, unless the agent names one. A server of another kind is asked which models it has, and its first is taken
where it has none of these.
"""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until there is a connection, the first piece of an answer, each further one, and the last one."""

    connect: float = 3.0
    first: float = 20.0
    between: float = 10.0
    whole: float = 60.0


def openai() -> Llm:
    """The `Brain`."""
    return Llm(Completions())


class Completions:
    """A `Model`."""

    vendor = VENDOR

    def __init__(self, patience: Patience = Patience()) -> None:
        self._clients = Clients(partial(_Client, patience=patience), _Client.close)

    async def reach(self, account: Account) -> None:
        await (await self._clients.of(account)).reach()

    async def stream(self, asked: Asked, account: Account) -> AsyncGenerator[Part, None]:
        """Tries each model, and once more where that may help, until one has begun to answer."""
        client = await self._clients.of(account)
        models = list(asked.models) or [await client.usual_model(asked.tier)]
        for model in models:
            for again in (True, False):
                begun = False
                try:
                    async with contextlib.aclosing(client.answer(asked, model)) as parts:
                        async for part in parts:
                            begun = True
                            yield part
                    return
                except EngineFailed as error:
                    if begun or (model is models[-1] and not (again and may_try_again(error))):
                        raise
                    if not (again and may_try_again(error)):
                        break
                    await asyncio.sleep(wait_seconds(error))


class _Client:
    """One account's connections."""

    def __init__(self, account: Account, patience: Patience) -> None:
        self._account, self._patience = account, patience
        limits = httpx2.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=KEPT_SECONDS)
        self._http = DefaultAioHttpClient(limits=limits)  # takes a third of the time of the other
        self._sdk = AsyncOpenAI(
            api_key=account.key or "none",  # a local server wants no key, the SDK some text
            base_url=account.base_url or "https://api.openai.com/v1",
            timeout=Timeout(patience.whole, connect=patience.connect),
            max_retries=0,
            http_client=self._http,
        )
        self._listed: list[str] = []
        self._list_at = 0.0
        self._listing = asyncio.Lock()

    async def close(self) -> None:
        await self._sdk.close()

    async def reach(self) -> None:
        if not self._theirs:
            await self._list()
        with contextlib.suppress(httpx2.HTTPError, aiohttp.ClientError):
            await self._http.head(self._sdk.base_url, timeout=self._patience.connect)

    @property
    def _theirs(self) -> bool:
        """Whether this is OpenAI itself, and not a server that speaks like it."""
        host = urlsplit(self._account.base_url).hostname or "api.openai.com"
        return host == "openai.com" or host.endswith(".openai.com")

    async def usual_model(self, tier: str) -> str:
        wanted = MODELS.get(tier, MODEL)
        if self._theirs:
            return wanted
        await self._list()
        return next((name for name in (wanted, MODEL, *self._listed) if name in self._listed), MODEL)

    async def _list(self) -> None:
        """Know its models. One asks, the others wait for what it learns."""
        time = asyncio.get_running_loop().time
        async with self._listing:
            if self._listed or time() < self._list_at:
                return
            with contextlib.suppress(OpenAIError, ValueError, TypeError, AttributeError, TimeoutError):
                async with asyncio.timeout(self._patience.connect):
                    self._listed = [one.id for one in (await self._sdk.models.list()).data]
            self._list_at = time() + LISTED_AGAIN_SECONDS

    async def answer(self, asked: Asked, model: str) -> AsyncGenerator[Part, None]:
        """The parts of one request's answer. Raises `EngineFailed`."""
        time, patience = asyncio.get_running_loop().time, self._patience
        began, answer, held = time(), Answer(asked, model), contextlib.AsyncExitStack()
        try:
            async with asyncio.timeout(patience.first):
                asking = self._sdk.chat.completions.with_streaming_response.create(**self._request(asked, model))
                response = await held.enter_async_context(asking)
            stream = chunks(response.iter_bytes())
            while True:
                allowed = patience.between if answer.begun else began + patience.first - time()
                async with asyncio.timeout(min(allowed, began + patience.whole - time())):
                    chunk = await anext(stream, None)
                if chunk is None:
                    break
                for part in answer.take(chunk):
                    yield part
            for part in answer.close():
                yield part
        except TimeoutError as error:
            what = "stopped in the middle of its answer" if answer.begun else "did not begin to answer"
            raise EngineFailed(f"{model} {what} in time", "slow") from error
        except (OpenAIError, httpx2.HTTPError, aiohttp.ClientError, ErrorEvent, msgspec.MsgspecError) as error:
            raise failure(error, model, self._account) from error
        finally:
            answer.count()
            with contextlib.suppress(Exception):
                await held.aclose()

    def _request(self, asked: Asked, model: str) -> dict[str, Any]:
        given: dict[str, Any] = {"messages": [_message(line) for line in asked.lines]}
        if asked.functions:
            given["tools"] = [_tool(one) for one in asked.functions]
        request: dict[str, Any] = {
            "model": model, "messages": [], "stream": True, "stream_options": {"include_usage": True},
            "extra_body": given,  # goes out as it is; what stands beside it the SDK looks through, piece by piece
        }  # fmt: skip
        if asked.schema is not None:
            form = {"name": "answer", "strict": True, "schema": dict(asked.schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        if asked.temperature is not None:
            request["temperature"] = asked.temperature
        if asked.top_p is not None:
            request["top_p"] = asked.top_p
        if asked.max_tokens is not None:  # their newer models take no other name, other servers often only the older
            request["max_completion_tokens" if self._theirs else "max_tokens"] = asked.max_tokens
        return request


def _message(line: Line) -> dict[str, Any]:
    message: dict[str, Any] = {"role": line.role, "content": line.text}
    if line.calls:
        message["content"] = line.text or None
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in line.calls
        ]
    if line.role == "tool":
        message["tool_call_id"] = line.answers
    return message


def _tool(function: Function) -> dict[str, Any]:
    told = {"name": function.name, "description": function.description, "parameters": dict(function.parameters)}
    return {"type": "function", "function": told}
