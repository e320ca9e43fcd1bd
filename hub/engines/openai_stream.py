"""A chat completion's stream, read as it comes.

The SDK sends the request, and makes a model of every word that comes back: for an answer of 40 words three times the
work of all the rest, in the middle of a call. These structs are what we need of it.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from hub.engine import EngineFailed

MOST_BYTES = 8_000_000
"""Of one event at most."""
DRAINED_SECONDS = 0.05
"""After the last event the body's end usually has come too; a connection read to its end is used again."""


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class Calling(msgspec.Struct, gc=False):
    index: int = 0
    id: str | None = None
    function: Function | None = None


class Delta(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[Calling] | None = None


class Choice(msgspec.Struct, gc=False):
    delta: Delta | None = None
    finish_reason: str | None = None


class Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class Tokens(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    usage: Tokens | None = None
    error: Any = None


class ErrorEvent(Exception):
    """The vendor tells of an error in the middle of its answer."""


_decode = msgspec.json.Decoder(Chunk).decode


async def chunks(body: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
    """The chunks of an answer. Raises `ErrorEvent`, `EngineFailed` and `msgspec.DecodeError`."""
    async for data in _events(body):
        if data.startswith(b"[DONE]"):
            with contextlib.suppress(Exception):
                async with asyncio.timeout(DRAINED_SECONDS):
                    async for _ in body:
                        pass
            return
        chunk = _decode(data)
        if chunk.error:
            raise ErrorEvent(_words(chunk.error))
        yield chunk


async def _events(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each server-sent event. https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    rest, data = bytearray(), b""
    async for piece in body:
        rest += piece
        if len(rest) + len(data) > MOST_BYTES:
            raise EngineFailed("an answer came in pieces larger than can be taken", "garbage")
        if b"\n" not in piece:
            continue
        *lines, left = bytes(rest).split(b"\n")
        rest = bytearray(left)
        for line in lines:
            if line.startswith(b"data:"):
                data = _with(data, line)
            elif data and not line.rstrip(b"\r"):
                yield data
                data = b""
    if rest.startswith(b"data:"):  # the last one may have no line behind it
        data = _with(data, bytes(rest))
    if data:
        yield data


def _with(data: bytes, line: bytes) -> bytes:
    return data + (b"\n" if data else b"") + line[5:].strip(b" \r")


def _words(error: Any) -> str:
    said = error.get("message") if isinstance(error, dict) else error
    return said if said and isinstance(said, str) else "an error that says nothing"
