"""Which model thinks: the one named, else one by its tier, as far as the server has it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.dialogue.llm import Llm
from hub.engines.openai import MODEL, MODELS, Completions
from hub.models import AgentDefinition
from tests.model_world import Conversation, Vendor, vendor

pytestmark = pytest.mark.anyio


@pytest.fixture
async def theirs(anyio_backend: str) -> AsyncIterator[Vendor]:
    async with vendor() as made:
        yield made


async def asked_of(theirs: Vendor, **thinking: Any) -> str:
    """The model that an agent which thinks so has asked."""
    await theirs.works()
    definition = AgentDefinition.model_validate({"name": "Maya", "engine": "openai", "thinking": thinking})
    await Conversation(Llm(Completions()), definition.model_dump(mode="json"), account=theirs.account)("Hello?")
    return str((await theirs.asked())[-1]["model"])


async def test_a_tier_is_a_model_where_the_server_has_it(theirs: Vendor) -> None:
    assert await asked_of(theirs, tier="max") == MODELS["max"] == "gpt-4.1"
    assert await asked_of(theirs) == await asked_of(theirs, tier="balanced") == MODEL


async def test_a_server_that_has_not_got_it_thinks_with_the_usual_one(theirs: Vendor) -> None:
    assert MODELS["turbo"] == "gpt-4.1-nano", "which the sandbox does not have"
    assert await asked_of(theirs, tier="turbo") == MODEL


async def test_a_model_that_is_named_goes_before_its_tier(theirs: Vendor) -> None:
    assert await asked_of(theirs, tier="turbo", model="gpt-4o-mini") == "gpt-4o-mini"


async def test_a_server_that_lists_none_is_not_asked_for_them_with_each_turn(theirs: Vendor) -> None:
    await theirs.has_no_list()
    definition = AgentDefinition.model_validate({"name": "Maya", "engine": "openai"}).model_dump(mode="json")
    conversation = Conversation(Llm(Completions()), definition, account=theirs.account)
    for words in ("Hello?", "Are you there?", "Good."):
        await conversation(words)
    assert len(asked := await theirs.asked()) >= 3
    assert {one["model"] for one in asked} == {MODEL}
    assert await theirs.listings() == 1
