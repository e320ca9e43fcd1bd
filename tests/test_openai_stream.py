"""The stream of a chat completion is read the same however it is cut, and as the standard of such streams has it."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.engine import EngineFailed
from hub.engines.openai_stream import MOST_BYTES, Chunk, ErrorEvent, chunks

WORDS = ("Hel", "lo ", "Grüße, ", "日本")
STREAM = "".join(f'data: {{"choices": [{{"delta": {{"content": "{word}"}}}}]}}\n\n' for word in WORDS).encode()
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\n'
DONE = b"data: [DONE]\n\n"


class Body:
    """A body in these pieces; `left` are those that nobody has taken."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            yield self.left.pop(0)


def read(*pieces: bytes) -> list[Chunk]:
    async def all_of_it() -> list[Chunk]:
        return [chunk async for chunk in chunks(aiter(Body(*pieces)))]

    return asyncio.run(all_of_it())


def words(found: list[Chunk]) -> tuple[str, ...]:
    deltas = [choice.delta for chunk in found for choice in chunk.choices or ()]
    return tuple(delta.content for delta in deltas if delta and delta.content)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM + USAGE + DONE)), max_size=12))
def test_it_is_read_the_same_however_it_is_cut(cuts: list[int]) -> None:
    whole = STREAM + USAGE + DONE
    edges = [0, *sorted(cuts), len(whole)]
    found = read(*(whole[begin:end] for begin, end in itertools.pairwise(edges)))
    assert words(found) == WORDS
    assert found[-1].usage is not None
    assert (found[-1].usage.prompt_tokens, found[-1].usage.completion_tokens) == (7, 2)


def test_lines_may_end_as_on_windows_and_comments_are_passed_over() -> None:
    assert words(read(b": ping\r\n\r\n" + STREAM.replace(b"\n", b"\r\n") + b"event: message\r\n" + DONE)) == WORDS


def test_data_may_stand_on_several_lines_without_a_space_and_without_an_empty_line_at_the_end() -> None:
    assert words(read(b'data:{"choices": [{"delta":\ndata:{"content": "Hello"}}]}')) == ("Hello",)


def test_what_comes_after_the_last_event_is_taken_so_that_the_connection_may_be_used_again() -> None:
    async def left() -> list[bytes]:
        body = Body(STREAM + DONE, b": good", b"bye\n\n")
        assert words([chunk async for chunk in chunks(aiter(body))]) == WORDS
        return body.left

    assert asyncio.run(left()) == []


@pytest.mark.parametrize("error", ['{"message": "overloaded"}', '"overloaded"', '{"code": 1}'])
def test_an_error_between_the_words_is_told(error: str) -> None:
    with pytest.raises(ErrorEvent, match=r"overloaded|says nothing"):
        read(STREAM, f'data: {{"error": {error}}}\n\n'.encode(), DONE)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"choices": 3}', b'{"choices": [{"delta": {"content": [1]}}]}'])
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read(b"data: " + data + b"\n\n")


def test_an_event_without_end_is_not_kept_without_end() -> None:
    with pytest.raises(EngineFailed):
        read(*[b"data: " + b"x" * 1_000_000] * (MOST_BYTES // 1_000_000 + 1))
