"""Calls thought by a model through its SDK: sentences as they come, the flow, and what is heard when it fails."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from channels.call import Call
from hub.channel import Inbound
from hub.core.accounts import Accounts
from hub.engines import TRANSCRIBERS, VOICES
from hub.models import AgentDefinition, Interaction, Message
from hub.models.flow import FieldSpec, Flow, Stage, Transition
from hub.store import Store
from hub.voice.chain import BREAKER
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, until
from tests.lines import TextLine
from tests.model_world import Vendor, vendor
from tests.world import HOURS, QUESTION, Core, Home, bus, core, eventually, furnish

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
ANA = "+12025550101"
CALL: dict[str, Any] = {
    "hearing": {"engine": "reader"}, "speaking": {"engine": "writer"}, "record": False,
    "filler_messages": ["One moment."], "apology_message": "Sorry, I cannot answer.",
}  # fmt: skip
FLOW = Flow(
    stages=[
        Stage(id="start", type="start", transitions=[Transition(to="book", on="intent", phrases=["book a visit"])]),
        Stage(
            id="book",
            fields=[
                FieldSpec(name="date", type="date", question="Which day?", future=True),
                FieldSpec(name="name", type="name", question="Your name?"),
            ],
            transitions=[Transition(to="done")],
        ),
        Stage(id="done", type="end", text="Booked, {{name}}."),
    ]
)


@dataclass
class Phone:
    """A process that holds calls, whose agent thinks with the sandbox's model."""

    made: Core
    model: Vendor
    home: Home

    async def calls(self) -> TextLine:
        line = TextLine()
        ringing = Inbound(
            "call", "call", f"CA{uuid4().hex}", once=uuid4().hex, recipient=OUR_NUMBER, line=line, sender=ANA
        )
        await self.made.hub.receive(ringing)
        await until(lambda: "Hello." in line.heard)
        return line

    async def over(self) -> Interaction:
        await until(lambda: not self.made.context.calls)
        await self.made.settled()
        return (await self.made.records.all(Interaction))[-1]

    async def logged(self, type: str, key: str) -> list[Any]:
        return [event.data[key] for event in await self.made.records.events(type)]

    async def slowly(self, each_ms: float) -> None:
        """So long the model takes between its words."""
        await self.model._post("/control/engines/openai", {"latency": {"each_ms": each_ms}})


@contextlib.asynccontextmanager
async def a_phone(
    store: Store, clock: FakeClock, folder: Path, *, channels: Sequence[str] = ("call",), **agent: Any
) -> AsyncIterator[Phone]:  # fmt: skip
    """Its people and its agent speak text; the rest of the agent is given."""
    BREAKER.worked("mind:openai")
    definition = AgentDefinition(**{"name": "Maya", "opening_message": "Hello.", "call": CALL, **agent})
    home = await furnish(store, definition=definition, channels=channels)
    async with vendor() as model, core(store, clock, *channels) as made:
        made.channels["call"].limits = Call.limits
        made.context.data_dir, made.context.accounts = folder, Accounts({"openai": model.account})
        try:
            yield Phone(made, model, home)
        finally:
            for live in list(made.context.calls.values()):
                live.conversation.end("api_hangup")
            await made.settled()
            BREAKER.worked("mind:openai")


@pytest.fixture
async def store(sqlite_url: str, anyio_backend: str) -> AsyncIterator[Store]:
    made = Store(sqlite_url, bus())
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def reading_and_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSCRIBERS, "reader", "tests.lines:Reader")
    monkeypatch.setitem(VOICES, "writer", "tests.lines:Writer")


async def test_a_question_is_answered_and_a_goodbye_ends_the_call(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with a_phone(store, clock, tmp_path, engine="openai") as phone:
        line = await phone.calls()
        line.says(QUESTION)
        await until(lambda: HOURS in line.heard, 20)
        line.says("thanks, goodbye")
        await until(lambda: "goodbye!" in line.heard, 20)
        interaction = await phone.over()
        assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")


async def test_the_first_sentence_sounds_while_the_model_still_speaks(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with a_phone(store, clock, tmp_path, engine="openai") as phone:
        line = await phone.calls()
        await phone.model.says({"chunks": ["The first one. ", "And ", *["word "] * 400, "The end."]})
        await phone.slowly(20)
        line.says("tell me")
        await until(lambda: "The first one." in line.heard, 5)
        assert "The end." not in line.heard


async def test_a_flow_is_walked_on_the_phone_and_goes_on_with_the_script_when_the_model_fails(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with a_phone(store, clock, tmp_path, flow=FLOW) as phone:
        line = await phone.calls()
        line.says("I want to book a visit tomorrow")
        await until(lambda: "Your name?" in line.heard, 20)
        await phone.model.fails("500")
        line.says("My name is Ana Ruiz")
        await until(lambda: "Booked, Ana Ruiz." in line.heard, 20)
        await phone.over()
        assert await phone.logged("stage.entered", "stage") == ["start", "book", "done"]
        assert await phone.logged("field.collected", "field") == ["date", "name"]
        assert await phone.logged("engine.failed", "engine") == ["openai"]
        assert await phone.logged("engine.failed", "fault") == ["broken"]


async def test_a_hook_tells_the_agent_something_for_its_next_turn_alone(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    hurry = {"on": "customer.said", "phrases": ["hurry"], "do": [{"action": "note", "text": "Be quick with them."}]}
    async with a_phone(store, clock, tmp_path, engine="openai", hooks=[hurry]) as phone:
        await phone.model.says("Of course.", "The second answer.", "The third answer.")
        line = await phone.calls()
        line.says("I am in a hurry")
        await until(lambda: "Of course." in line.heard, 20)
        (live,) = phone.made.context.calls.values()
        await until(lambda: "notes" in live.mind.memory.state, 10)
        line.says("go on")
        await until(lambda: "The second answer." in line.heard, 20)
        line.says("and on")
        await until(lambda: "The third answer." in line.heard, 20)
        told = ["Be quick with them." in json.dumps(one) for one in await phone.model.asked()]
        assert told[-2:] == [True, False]


FAULTS = ("401", "429_quota", "reset", "never", "stall_first", "html_200", "garbage_chunk", "empty", "reset_middle",
          "no_done", "error_event", "stall_middle", "unknown_tool", "half_call", "endless")  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
async def test_whatever_the_model_does_the_caller_hears_something_soon(
    store: Store, clock: FakeClock, tmp_path: Path, name: str
) -> None:
    async with a_phone(store, clock, tmp_path, engine="openai", engine_fallbacks=["script"]) as phone:
        line = await phone.calls()
        await phone.model.fails(name, after=0, delay_ms=20_000)
        before, time = line.heard, asyncio.get_running_loop().time
        asked_at = time()
        line.says(QUESTION)
        await until(lambda: line.heard != before, 8)
        assert time() - asked_at <= 8
        line.hang_up()
        await phone.over()
        said = await phone.made.records.all(Message, Message.role == "agent")
        kept = [one.text if one.heard is None else one.heard for one in said]
        assert all(text in line.heard for text in kept), "only what was heard is remembered"


async def test_an_interrupted_answer_keeps_what_it_had_found_out(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with a_phone(store, clock, tmp_path, flow=FLOW) as phone:
        line = await phone.calls()
        go = {"name": "go_to_book", "arguments": {}}
        day = {"name": "collect_field", "arguments": {"field": "date", "value": "tomorrow"}}
        await phone.model.says({"calls": [go, day]}, {"chunks": ["I have noted that. ", "And ", *["word "] * 600]})
        await phone.slowly(20)
        line.says("I want to book a visit tomorrow")
        await until(lambda: "I have noted that." in line.heard, 10)
        await phone.slowly(0)
        (live,) = phone.made.context.calls.values()
        live.conversation.give_up()
        await live.conversation.speaking.silence()
        line.says("my name is Ana Ruiz")
        await until(lambda: "Booked, Ana Ruiz." in line.heard, 20)

        async def fields() -> list[Any]:
            return await phone.logged("field.collected", "field")

        assert await eventually(fields, lambda found: len(found) == 2) == ["date", "name"]
