"""Which engines an agent works with, by what it names and which accounts there are."""

from collections.abc import Iterator, Mapping

import pytest

from hub.engine import Account
from hub.engines import ENGINES, TRANSCRIBERS, VOICES, choice
from hub.models import AgentDefinition
from hub.models.voice import Hearing, Speaking

OPENAI, DEEPGRAM, ELEVENLABS = Account("sk"), Account("dg"), Account("el")
LOCAL = Account(base_url="http://127.0.0.1:11434/v1")
GATEWAY = Account("sk", "https://models.example/v1")
ALL = {"openai": OPENAI, "deepgram": DEEPGRAM, "elevenlabs": ELEVENLABS}
Accounts = Mapping[str, Account]


@pytest.fixture(autouse=True)
def rosters() -> Iterator[None]:
    """Every engine that a choice may name is there."""
    kept = [(roster, dict(roster)) for roster in (ENGINES, TRANSCRIBERS, VOICES)]
    for roster, names in zip((ENGINES, TRANSCRIBERS, VOICES), (choice.MINDS, choice.EARS, choice.MOUTHS), strict=True):
        roster.update({name: roster.get(name, "tests:nowhere") for name in names})
    yield
    for roster, before in kept:
        roster.clear()
        roster.update(before)


def mouths(accounts: Accounts, **speaking: object) -> list[str]:
    return choice.mouths(Speaking.model_validate(speaking), accounts)


def ears(accounts: Accounts, language: str = "en-US", **hearing: object) -> list[str]:
    return choice.ears(Hearing.model_validate(hearing), language, accounts)


FLOW = {"stages": [{"id": "start", "type": "start", "text": "Hello"}]}


def minds(accounts: Accounts, **given: object) -> list[str]:
    return choice.minds(AgentDefinition.model_validate({"name": "Maya", **given}).model_dump(), accounts)


def test_without_a_key_everything_is_embedded() -> None:
    assert (minds({}), ears({}), mouths({})) == (["script"], ["sphinx"], ["espeak"])


def test_with_the_three_keys_everything_is_the_vendors_and_nothing_else_is_to_be_set() -> None:
    assert minds(ALL) == ["openai"]
    assert minds(ALL, flow=FLOW) == ["openai", "script"], "the embedded brain can walk a flow too"
    assert ears(ALL) == ["deepgram-flux", "deepgram", "openai", "sphinx"]
    assert mouths(ALL) == ["elevenlabs", "deepgram", "openai", "espeak"]


def test_with_a_compatible_endpoint_alone_it_thinks_and_calls_are_embedded() -> None:
    for account in (LOCAL, GATEWAY):
        accounts = {"openai": account}
        assert (minds(accounts), ears(accounts), mouths(accounts)) == (["openai"], ["sphinx"], ["espeak"])


def test_with_openais_own_key_alone_it_hears_and_speaks_too() -> None:
    accounts = {"openai": OPENAI}
    assert (ears(accounts), mouths(accounts)) == (["openai", "sphinx"], ["openai", "espeak"])


def test_a_compatible_endpoint_with_a_key_comes_behind_those_who_surely_speak() -> None:
    assert mouths({"openai": GATEWAY, "elevenlabs": ELEVENLABS}) == ["elevenlabs", "openai", "espeak"]
    assert mouths({"openai": LOCAL, "elevenlabs": ELEVENLABS}) == ["elevenlabs", "espeak"]


def test_a_vendor_that_hears_english_only_is_left_out_elsewhere() -> None:
    assert ears(ALL, "de-DE") == ["deepgram", "openai", "sphinx"]


@pytest.mark.parametrize("engine", ["", "auto"])
def test_no_name_and_auto_are_the_same(engine: str) -> None:
    assert mouths(ALL, engine=engine) == mouths(ALL)
    assert ears(ALL, engine=engine) == ears(ALL)
    assert choice.minds({"engine": engine}, ALL) == minds(ALL)


def test_a_named_engine_comes_first_and_the_others_there_are_take_over() -> None:
    assert mouths(ALL, engine="openai") == ["openai", "elevenlabs", "deepgram", "espeak"]
    assert ears(ALL, engine="deepgram") == ["deepgram", "deepgram-flux", "openai", "sphinx"]


def test_named_fallbacks_are_all_there_are() -> None:
    assert mouths(ALL, engine="elevenlabs", fallbacks=["openai"]) == ["elevenlabs", "openai", "espeak"]
    assert mouths(ALL, fallbacks=["openai"]) == ["elevenlabs", "openai", "espeak"]
    assert minds(ALL, engine_fallbacks=["script"]) == ["openai", "script"]


def test_who_chose_the_embedded_engine_sends_no_sound_to_a_vendor() -> None:
    assert (mouths(ALL, engine="espeak"), ears(ALL, engine="sphinx")) == (["espeak"], ["sphinx"])
    assert mouths(ALL, engine="espeak", fallbacks=["openai"]) == ["espeak", "openai"]
    assert minds(ALL, engine="script") == ["script"]


def test_an_engine_that_is_not_built_in_is_no_choice() -> None:
    del VOICES["deepgram"]
    assert mouths(ALL) == ["elevenlabs", "openai", "espeak"]
