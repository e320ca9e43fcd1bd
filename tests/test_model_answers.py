"""Texts answered by a model: a newcomer with nothing but a base URL, engines that take over, and the admin told why."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from hub.models import AgentDefinition, Event, Interaction
from hub.models.agent import Thinking
from hub.models.flow import Flow, Stage, Transition
from hub.voice.chain import BREAKER, FAILURES_TO_OPEN
from tests.fakes import FakeClock
from tests.model_world import KEY, Vendor, vendor
from tests.world import HOURS, QUESTION, House, Sandbox, house

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
ANA = "+12025550101"
Opens = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
async def made(anyio_backend: str) -> AsyncIterator[Vendor]:
    BREAKER.worked("mind:openai")
    async with vendor() as there:
        yield there
    BREAKER.worked("mind:openai")


@pytest.fixture
def opens(sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, made: Vendor) -> Opens:
    def open_(definition: AgentDefinition | None = None, **more: str) -> AbstractAsyncContextManager[House]:
        settings = {"OPENAI_BASE_URL": made.base_url, **more}
        return house(sqlite_url, sandbox, clock, tmp_path, definition=definition, **settings)

    return open_


async def answered(house: House, body: str, person: str = ANA) -> str:
    """What the agent texts back."""
    await house.text(person, body)
    await house.settled()
    said = await house.records.said(person)
    assert said[-1][0] == "agent", said
    return said[-1][1]


async def failures(house: House) -> list[Event]:
    return await house.records.events("engine.failed")


async def test_a_newcomer_sets_only_the_base_url_and_texts_are_answered_by_the_model(
    opens: Opens, made: Vendor
) -> None:
    async with opens() as home:
        assert HOURS in await answered(home, QUESTION)
        await made.says("I am the model, and I remember that you asked.")
        assert await answered(home, "Thank you") == "I am the model, and I remember that you asked."
    told = (await made.asked())[-1]["messages"]
    assert [one["role"] for one in told][:4] == ["system", "user", "assistant", "user"]
    assert told[1]["content"] == QUESTION
    assert told[-1]["content"] == "Thank you"


async def test_without_any_account_the_embedded_brain_answers(opens: Opens, made: Vendor) -> None:
    async with opens(OPENAI_BASE_URL="") as home:
        assert HOURS in await answered(home, QUESTION)
    assert await made.asked() == []


async def test_the_key_signs_in_and_is_told_to_nobody(sqlite_url: str, opens: Opens, made: Vendor) -> None:
    async with opens(OPENAI_API_KEY=KEY) as home:
        await answered(home, QUESTION)
        await made.fails("401")
        await answered(home, "And on Sunday?")
        kept = str([event.data for event in await home.records.all(Event)])
    assert KEY not in kept
    assert KEY not in await made.told()


async def test_an_agents_own_settings_of_thinking_reach_the_model(opens: Opens, made: Vendor) -> None:
    thinking = Thinking(model="small", temperature=0.1, max_tokens=64)
    async with opens(AgentDefinition(name="Maya", engine="openai", thinking=thinking)) as home:
        await answered(home, "Hello there")
    (body,) = await made.asked()
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("small", 0.1, 64)


async def test_where_the_model_fails_and_there_is_no_flow_a_person_is_called_in_words(
    opens: Opens, made: Vendor
) -> None:
    definition = AgentDefinition(name="Maya", error_message="We will get back to you.")
    await made.fails("401")
    async with opens(definition) as home:
        assert await answered(home, QUESTION) == "We will get back to you."
        (failed,) = await failures(home)
        assert (failed.data["engine"], failed.data["fault"], failed.data["kind"]) == ("openai", "refused", "mind")
        assert "401" in failed.data["why"]
        assert (await home.records.one(Interaction)).owner == "queue"


async def test_an_agents_fallback_takes_over(opens: Opens, made: Vendor) -> None:
    await made.fails("500")
    async with opens(AgentDefinition(name="Maya", engine="openai", engine_fallbacks=["script"])) as home:
        assert HOURS in await answered(home, QUESTION)
        assert [event.data["engine"] for event in await failures(home)] == ["openai"]
        assert (await home.records.one(Interaction)).owner == "ai"


FLOW = Flow(stages=[
    Stage(id="start", type="start", transitions=[Transition(to="told", on="intent", phrases=["open the door"])]),
    Stage(id="told", text="The door is open."),
])  # fmt: skip


async def test_an_agent_with_a_flow_goes_on_with_it_when_the_model_fails_in_the_middle(
    opens: Opens, made: Vendor
) -> None:
    async with opens(AgentDefinition(name="Maya", flow=FLOW)) as home:
        await answered(home, "Hello")
        await made.says("This is never he")
        await made.fails("reset_middle", after=2)
        assert "The door is open." in await answered(home, "Please open the door")
        stages = [event.data["stage"] for event in await home.records.events("stage.entered")]
        assert stages == ["start", "told"]
        said = str(await home.records.said())
        assert "This is" not in said, "nothing of a broken answer goes out"


async def test_nothing_that_a_failed_engine_decided_counts_for_the_next(opens: Opens, made: Vendor) -> None:
    async with opens(AgentDefinition(name="Maya", flow=FLOW)) as home:
        await answered(home, "Hello")
        go = {"calls": [{"name": "go_to_told", "arguments": {}}]}
        await made.says(go, {"text": "endless " * 4_000})
        assert "The door is open." in await answered(home, "Please open the door")
        stages = [event.data["stage"] for event in await home.records.events("stage.entered")]
        assert stages == ["start", "told"]


FAULTS = ("403", "404_model", "400", "429", "429_quota", "500", "502_html", "503", "reset", "reset_middle", "no_done",
          "garbage_chunk", "error_event", "html_200", "wrong_shape", "empty", "endless", "huge_chunk",
          "half_call")  # fmt: skip


async def test_after_every_fault_there_are_words_and_the_admin_sees_why(opens: Opens, made: Vendor) -> None:
    definition = AgentDefinition(name="Maya", engine="openai", engine_fallbacks=["script"])
    async with opens(definition) as home:
        for number, name in enumerate(FAULTS):
            BREAKER.worked("mind:openai")
            await made.works()
            await made.fails(name)
            assert HOURS in await answered(home, QUESTION, f"+1202555{number:04d}"), name
            assert len(await made.asked()) <= 6, f"{name}: no storm"
        assert len(await failures(home)) == len(FAULTS)
        assert all(event.data["why"] and event.data["fault"] for event in await failures(home))


async def test_an_engine_that_fails_often_is_left_alone_for_a_while(opens: Opens, made: Vendor) -> None:
    definition = AgentDefinition(name="Maya", engine="openai", engine_fallbacks=["script"])
    await made.fails("401")
    async with opens(definition) as home:
        for number in range(FAILURES_TO_OPEN + 3):
            assert HOURS in await answered(home, QUESTION, f"+1202555{number:04d}")
    assert len(await made.asked()) == FAILURES_TO_OPEN


async def test_a_tool_called_before_the_engine_failed_stands_in_the_log(opens: Opens, made: Vendor) -> None:
    definition = AgentDefinition(name="Maya", engine="openai", engine_fallbacks=["script"])
    await made.says({"calls": [{"name": "search_knowledge", "arguments": {"query": "hours"}}]}, {"text": ""})
    async with opens(definition) as home:
        assert await answered(home, "Hello")
        (used,) = await home.records.events("tool.called")
        (failed,) = await failures(home)
    assert used.data["name"] == "search_knowledge"
    assert failed.data["fault"] == "garbage"


async def test_the_log_says_why_in_words(opens: Opens, made: Vendor) -> None:
    await made.fails("429_quota")
    async with opens() as home:
        await answered(home, QUESTION)
        (failed,) = await failures(home)
    assert "quota" in failed.data["why"]
    assert failed.data["fault"] == "refused"
