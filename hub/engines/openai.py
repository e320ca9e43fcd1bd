"""OpenAI's chat completions, and every server that speaks like them: streamed, with functions."""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from openai import AsyncOpenAI, OpenAIError, Timeout

from hub.dialogue.llm import Llm
from hub.dialogue.model import Asked, Line, Part
from hub.dialogue.turn import Function
from hub.engine import Account, EngineFailed
from hub.engines.openai_answer import Answer
from hub.engines.openai_faults import failure, may_try_again, wait_seconds

VENDOR = "openai"
MODEL = "gpt-4.1-mini"
"""Unless the agent names one. A server of another kind is asked which models it has, and its first is taken."""
CONNECT_SECONDS = 3.0
FIRST_SECONDS, BETWEEN_SECONDS, WHOLE_SECONDS = 20.0, 10.0, 60.0
"""Until the first piece of an answer, until each further one, until the last one."""
MOST_CLIENTS = 64


def openai() -> Llm:
    """The `Brain`."""
    return Llm(Completions())


class Completions:
    """A `Model`. It keeps one client for each account, so that connections are used again."""

    vendor = VENDOR

    def __init__(self) -> None:
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, OrderedDict[Account, _Client]]
        self._clients = WeakKeyDictionary()

    async def stream(self, asked: Asked, account: Account) -> AsyncGenerator[Part, None]:
        """Tries each model, and once more where that may help, until one has begun to answer."""
        client = self._client(account)
        models = list(asked.models) or [await client.usual_model()]
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

    def _client(self, account: Account) -> "_Client":
        known = self._clients.setdefault(asyncio.get_running_loop(), OrderedDict())
        if account not in known:
            known[account] = _Client(account)
        known.move_to_end(account)
        while len(known) > MOST_CLIENTS:
            known.popitem(last=False)
        return known[account]


class _Client:
    """One account's connections."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sdk = AsyncOpenAI(
            api_key=account.key or "none",  # a local server wants no key, the SDK some text
            base_url=account.base_url or "https://api.openai.com/v1",
            timeout=Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS),
            max_retries=0,
        )
        self._usual = ""

    @property
    def _theirs(self) -> bool:
        """Whether this is OpenAI itself, and not a server that speaks like it."""
        host = urlsplit(self._account.base_url).hostname or "api.openai.com"
        return host == "openai.com" or host.endswith(".openai.com")

    async def usual_model(self) -> str:
        if not self._usual and not self._theirs:
            with contextlib.suppress(OpenAIError, ValueError, TypeError, AttributeError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    listed = [one.id for one in (await self._sdk.models.list()).data]
                self._usual = MODEL if MODEL in listed or not listed else listed[0]
        return self._usual or MODEL

    async def answer(self, asked: Asked, model: str) -> AsyncGenerator[Part, None]:
        """The parts of one request's answer. Raises `EngineFailed`."""
        time = asyncio.get_running_loop().time
        began, answer, stream = time(), Answer(asked, model), None
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                stream = await self._sdk.chat.completions.create(**self._request(asked, model))
            chunks = aiter(stream)
            while True:
                allowed = BETWEEN_SECONDS if answer.begun else began + FIRST_SECONDS - time()
                async with asyncio.timeout(min(allowed, began + WHOLE_SECONDS - time())):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                for part in answer.take(chunk):
                    yield part
            for part in answer.close():
                yield part
        except TimeoutError as error:
            what = "stopped in the middle of its answer" if answer.begun else "did not begin to answer"
            raise EngineFailed(f"{model} {what} in time", "slow") from error
        except (OpenAIError, json.JSONDecodeError, AttributeError, TypeError, KeyError, ValueError) as error:
            raise failure(error, model, self._account) from error
        finally:
            answer.count()
            if stream is not None:
                with contextlib.suppress(Exception):
                    await stream.close()

    def _request(self, asked: Asked, model: str) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": model, "messages": [_message(line) for line in asked.lines],
            "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
        if asked.functions:
            request["tools"] = [_tool(one) for one in asked.functions]
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
