"""The engine that thinks with OpenAI, through the official SDK against the sandbox: what it asks, takes, survives."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from hub.dialogue.llm import Llm
from hub.dialogue.model import Asked, Call, Ended, Line, Words
from hub.dialogue.turn import Finish, Function, HandToHuman, Passage, Say, Turn, Usage
from hub.engine import Account, EngineFailed
from hub.engines.openai import Completions, Patience
from hub.engines.openai_answer import MOST_CHARACTERS
from tests.model_world import KEY, NOW, Box, Conversation, Vendor, only, vendor, words
from tests.world import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
AGENT: dict[str, Any] = {
    "name": "Ada", "prompt": "You are Ada of the garage.", "fallback_message": "I am not sure about that.",
    "goodbye_message": "Goodbye!", "human_message": "A colleague takes over.", "error_message": "Something broke.",
}  # fmt: skip
HELLO = [Line("system", "Be kind."), Line("user", "Hello?")]


@pytest.fixture
async def made(anyio_backend: str) -> AsyncIterator[Vendor]:
    async with vendor() as there:
        yield there


QUICK = Patience(first=0.5, between=0.3, whole=5)


@pytest.fixture
async def model(anyio_backend: str) -> Completions:
    """The engine, with less patience than it has in earnest."""
    return Completions(QUICK)


Parts = Callable[..., Awaitable[list[Any]]]
Talk = Callable[..., Conversation]


@pytest.fixture
def parts(made: Vendor, model: Completions) -> Parts:
    """All parts of one answer; those before it broke are in `into`."""

    async def ask(asked: Asked, account: Account | None = None, into: list[Any] | None = None) -> list[Any]:
        heard: list[Any] = [] if into is None else into
        async for part in model.stream(asked, account or made.account):
            heard.append(part)
        return heard

    return ask


@pytest.fixture
def talk(made: Vendor, model: Completions) -> Talk:
    def begin(definition: dict[str, Any] | None = None, box: Box | None = None, **turn: Any) -> Conversation:
        return Conversation(Llm(model), definition or AGENT, box, made.account, **turn)

    return begin


async def test_words_come_as_they_are_said_and_usage_is_counted(made: Vendor, parts: Parts) -> None:
    await made.says({"chunks": ["Hel", "lo."], "input_tokens": 100, "output_tokens": 4, "cached_tokens": 60})
    asked = Asked(HELLO)
    assert await parts(asked) == [Words("Hel"), Words("lo."), Ended()]
    assert asked.spent == [Usage("openai", "gpt-4.1-mini", 100, 4, 60)]


async def test_the_request_has_the_agents_settings_and_its_functions(made: Vendor, parts: Parts) -> None:
    schema = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
    asked = Asked(
        HELLO, [Function("order_status", "Look it up.", schema)],
        models=["my-model"], temperature=0.2, top_p=0.9, max_tokens=77,
    )  # fmt: skip
    await parts(asked)
    (body,) = await made.asked()
    assert body["model"] == "my-model"
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.2, 0.9, 77)
    assert body["stream_options"] == {"include_usage": True}
    assert body["tools"][0]["function"] == {
        "name": "order_status", "description": "Look it up.", "parameters": schema,
    }  # fmt: skip


async def test_a_call_is_put_together_from_its_pieces(made: Vendor, parts: Parts) -> None:
    await made.says({"text": "One moment.", "calls": [{"name": "look", "arguments": {"a": "b" * 40}, "id": "c1"}]})
    heard = await parts(Asked(HELLO, [Function("look", "", {"type": "object"})]))
    assert heard[-2:] == [Call("c1", "look", '{"a": "' + "b" * 40 + '"}'), Ended()]


async def test_a_local_server_without_a_key_is_asked_which_model_it_has(made: Vendor, parts: Parts) -> None:
    heard = await parts(Asked(HELLO), Account("", made.base_url))
    assert heard[-1] == Ended()
    (body,) = await made.asked()
    assert body["model"] == "gpt-4.1-mini", "which is among those that it lists"


async def test_the_next_model_answers_where_the_first_is_not_there(made: Vendor, parts: Parts) -> None:
    await made.fails("404_model", count=1)
    await made.says("Here I am.")
    heard = await parts(Asked(HELLO, models=["gone", "spare"]))
    assert "".join(part.text for part in heard if isinstance(part, Words)) == "Here I am."
    assert [body["model"] for body in await made.asked()] == ["gone", "spare"]


REFUSED = {"401": "refused", "403": "refused", "404_model": "invalid", "400": "invalid", "429_quota": "refused",
           "502_html": "broken", "500": "broken", "503": "busy", "429": "busy", "reset": "broken", "never": "slow",
           "stall_first": "slow", "html_200": "garbage", "wrong_shape": "garbage"}  # fmt: skip


@pytest.mark.parametrize(("name", "fault"), REFUSED.items())
async def test_what_goes_wrong_before_an_answer_is_a_fault_in_words_without_the_key(
    made: Vendor, name: str, fault: str, parts: Parts
) -> None:
    await made.fails(name)
    began = time.monotonic()
    with pytest.raises(EngineFailed) as caught:
        await parts(Asked(HELLO, models=["m"]))
    assert caught.value.fault == fault, str(caught.value)
    assert KEY not in str(caught.value)
    assert len(await made.asked()) <= 2, "no storm of retries"
    assert time.monotonic() - began < 4


MIDDLE = {"stall_middle": "slow", "reset_middle": "broken", "no_done": "broken", "garbage_chunk": "garbage",
          "error_event": "broken", "endless": "garbage", "huge_chunk": "garbage"}  # fmt: skip


@pytest.mark.parametrize(("name", "fault"), MIDDLE.items())
async def test_an_answer_that_breaks_is_told_as_far_as_it_came_and_not_asked_for_again(
    made: Vendor, parts: Parts, name: str, fault: str
) -> None:
    await made.says("One two three four five.")
    await made.fails(name, after=2, delay_ms=2_000)
    heard: list[Any] = []
    asked = Asked(HELLO, models=["m", "spare"])
    with pytest.raises(EngineFailed) as caught:
        await parts(asked, into=heard)
    assert caught.value.fault == fault, str(caught.value)
    assert heard
    assert sum(len(part.text) for part in heard) <= MOST_CHARACTERS
    assert len(await made.asked()) == 1
    assert asked.spent, "what was begun is paid for"
    assert asked.spent[0].input_tokens > 0


async def test_a_second_try_is_made_where_it_may_help_and_waits_as_it_is_told(made: Vendor, parts: Parts) -> None:
    await made.fails("429", count=1)
    await made.says("Here.")
    began = time.monotonic()
    assert (await parts(Asked(HELLO, models=["m"])))[-1] == Ended()
    assert time.monotonic() - began >= 1, "Retry-After"


async def test_what_was_begun_counts_also_when_it_is_thrown_away(made: Vendor, talk: Talk) -> None:
    await made.says("One two three four five six.")
    await made.fails("drip", delay_ms=20)
    conversation = talk(channel="call")
    task = asyncio.create_task(conversation("Hello?"))
    await eventually(made.asked, bool)
    await asyncio.sleep(0.08)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert conversation.turn is not None
    (usage,) = conversation.turn.spent
    assert (usage.vendor, usage.input_tokens > 0) == ("openai", True)


async def test_a_connection_is_there_before_the_first_answer(model: Completions) -> None:
    came: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append("connection")
        while head := await reader.readuntil(b"\r\n\r\n"):
            came.append(head.decode().partition(" ")[0])
            if came[-1] == "POST":
                break
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    account = Account(KEY, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    await model.reach(account)
    assert came == ["connection", "GET", "HEAD"], "its models, and what OpenAI itself is asked as well"
    with pytest.raises(EngineFailed):
        await anext(model.stream(Asked(HELLO, models=["m"]), account))
    assert came[:4] == ["connection", "GET", "HEAD", "POST"], "on the connection that was there"
    server.close()
    await model.reach(account)  # nobody is there any more: that is told when an answer is wanted


async def test_connections_are_used_again(made: Vendor, model: Completions) -> None:
    other = Account("other", made.base_url)
    for account in (made.account, made.account, other, made.account):
        assert [part async for part in model.stream(Asked(HELLO, models=["m"]), account)]
    first, again, another, at_last = await made.connections()
    assert first == again == at_last
    assert another != first


# a turn with the sandbox's own sensible model


async def test_a_question_is_answered_from_knowledge(made: Vendor, talk: Talk) -> None:
    box = Box(passages=[Passage("Parking", "You can park in the yard.", "site")])
    assert words(await talk(box=box)("Where can I park?")) == "You can park in the yard."
    (body,) = await made.asked()
    assert body["messages"][-1]["role"] == "tool", "it was looked up before the model was asked"


async def test_it_calls_a_tool_and_tells_what_that_gave(made: Vendor, talk: Talk) -> None:
    tool = {
        "name": "order_status", "description": "Look up the status of an order.", "url": "http://x",
        "arguments": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    }  # fmt: skip
    box = Box(tools=[tool])
    pieces = await talk(box=box)("What is the status of order A1007?")
    assert box.calls == [("order_status", {"order": "A1007"})]
    assert words(pieces) == "Level: basic; number: 7."
    assert sum(one.input_tokens > 0 for one in only(pieces, Usage)) == 2


async def test_it_says_goodbye_and_ends_and_passes_on_to_a_person(made: Vendor, talk: Talk) -> None:
    over = await talk()("Thanks, goodbye!")
    assert (words(over), over[-1]) == ("Goodbye!", Finish("goodbye"))
    passed = await talk()("I want to talk to a real person")
    assert words(passed) == "A colleague takes over."
    assert isinstance(passed[-1], HandToHuman)


async def test_who_wants_to_be_left_in_peace_is_heard_before_the_model(made: Vendor, talk: Talk) -> None:
    box = Box()
    pieces = await talk(box=box)("Take me off your list!")
    assert box.calls == [("record_refusal", {"what": "everything", "words": "Take me off your list!"})]
    assert pieces[-1] == Finish("goodbye")
    assert await made.asked() == []


@pytest.mark.parametrize(("fault", "said"), [
    ("content_filter", "I am not sure about that."),
    ("refusal", "I'm sorry, I can't assist with that request."),
])  # fmt: skip
async def test_what_the_vendor_withholds_ends_in_words(made: Vendor, fault: str, said: str, talk: Talk) -> None:
    await made.says("Something that is not to be said.")
    await made.fails(fault, after=1)
    assert words(await talk()("Tell me something")) == said


async def test_of_an_answer_cut_by_its_length_the_whole_sentences_are_said(made: Vendor, talk: Talk) -> None:
    await made.says("The first one. The second one. The third is cu")
    await made.fails("length", after=8)
    assert words(await talk()("Tell me something")) == "The first one. The second one."


async def test_an_empty_answer_is_a_fault(made: Vendor, talk: Talk) -> None:
    await made.fails("empty")
    with pytest.raises(EngineFailed, match="empty"):
        await talk()("Tell me something")


async def test_unknown_functions_and_bad_arguments_are_answered_to_the_model(made: Vendor, talk: Talk) -> None:
    for fault, complaint in (("unknown_tool", "There is no function"), ("bad_arguments", "no JSON object")):
        await made.works()
        await made.fails(fault, count=1)
        box = Box()
        assert words(await talk(box=box)("Hello")) == "I'm sorry, that did not work."
        assert box.calls == []
        told = (await made.asked())[-1]["messages"][-1]
        assert told["role"] == "tool"
        assert complaint in told["content"]


async def test_a_model_that_only_calls_is_made_to_speak(made: Vendor, talk: Talk) -> None:
    await made.rule("status", calls=[{"name": "search_knowledge", "arguments": {"query": "x"}}])
    for _ in range(20):
        await made.says({"calls": [{"name": "search_knowledge", "arguments": {"query": "again"}}]})
    pieces = await talk()("What is the status?")
    assert words(pieces) == "I am not sure about that."
    bodies = await made.asked()
    assert len(bodies) == 6
    assert "tools" not in bodies[-1]


async def test_sentences_go_out_one_by_one_where_they_are_spoken_and_as_one_text_where_they_are_written(
    made: Vendor, talk: Talk
) -> None:
    text = "Hello, Dr. Webb. We open at 8. See you **soon**!"
    await made.says(text, text)
    spoken = only(await talk(channel="call")("Hello?"), Say)
    assert [one.text for one in spoken] == ["Hello, Dr. Webb.", "We open at 8.", "See you soon!"]
    written = only(await talk(channel="sms")("Hello?"), Say)
    assert [one.text for one in written] == ["Hello, Dr. Webb. We open at 8. See you soon!"]


async def test_the_first_sentence_is_spoken_before_the_model_has_ended(made: Vendor, talk: Talk) -> None:
    await made.says({"chunks": ["First sentence. ", "Second ", "one. ", "Third."]})
    await made._post("/control/engines/openai", {"latency": {"each_ms": 60}})
    turn = Turn(AGENT, "message", "Hello?", [], {}, NOW, channel="call", account=made.account)
    said = [time.monotonic() async for piece in talk().brain.reply(turn, Box()) if isinstance(piece, Say)]
    assert len(said) == 3
    assert said[-1] - said[0] > 0.1
