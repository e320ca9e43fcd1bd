"""The Voice tab of an agent: every setting has its words, what is wrong is said beside it, nothing else changes."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.models import Agent
from hub.models.voice import Call
from tests.office import Office, form_of, open_office

pytestmark = pytest.mark.anyio
NOT_ON_THE_PAGE = {"call.hearing.options", "call.speaking.options", "call.speaking.voice"}
"""Those that are an engine's own: under JSON."""


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


async def voice(office: Office, **changes: str) -> Any:
    """Save the tab as the form is, with these changes; names of settings without `call.`."""
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/voice"
    given = form_of((await bea.get(path)).text, path)
    return await bea.post(path, **(given | {f"call.{name.replace('__', '.')}": text for name, text in changes.items()}))


async def stored(office: Office) -> dict[str, Any]:
    found: dict[str, Any] = (await office.stored()).definition["call"]
    return found


def leaves(settings: dict[str, Any], path: str) -> set[str]:
    """The dotted paths of all settings."""
    found: set[str] = set()
    for name, value in settings.items():
        below = f"{path}.{name}"
        found |= leaves(value, below) if isinstance(value, dict) and value else {below}
    return found


async def test_every_setting_for_calls_is_on_the_page(office: Office) -> None:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/voice"
    page = await bea.get(path)
    assert page.status_code == 200
    named = {re.sub(r"(voices)\..*", r"\1", name) for name in form_of(page.text, path) if name.startswith("call.")}
    assert named == leaves(Call().model_dump(), "call") - NOT_ON_THE_PAGE
    assert "knows only the words of the agent&#39;s phrase book" in page.text.replace("'", "&#39;")


async def test_the_tab_is_reached_from_the_others(office: Office) -> None:
    bea = await office.person("builder")
    assert f'href="/agents/{office.agent}/voice"' in (await bea.get(f"/agents/{office.agent}")).text


async def test_saving_what_is_shown_changes_nothing(office: Office) -> None:
    before = (await office.stored()).definition
    assert (await voice(office)).status_code == 303
    assert (await office.stored()).definition == before


async def test_settings_are_saved_in_the_draft(office: Office) -> None:
    answer = await voice(
        office, speaking__voices__espeak="en-gb", speaking__speed="1.25", hearing__keywords="Ruiz\n\n Delta Dental ",
        turn_taking__interruption_sensitivity="0.4", turn_taking__vad_config__stop_secs="0.8", record="",
        max_duration_seconds="600", transfer_to="+12025550177", transfer_warm="on", goodbye_phrases="bye bye",
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    call = await stored(office)
    assert (await office.stored()).revision == 2
    assert (call["speaking"]["voices"], call["speaking"]["speed"]) == ({"espeak": "en-gb"}, 1.25)
    assert call["hearing"]["keywords"] == ["Ruiz", "Delta Dental"]
    assert call["turn_taking"]["interruption_sensitivity"] == 0.4
    assert call["turn_taking"]["vad_config"]["stop_secs"] == 0.8
    assert (call["record"], call["max_duration_seconds"], call["transfer_to"]) == (False, 600, "+12025550177")
    assert (call["transfer_warm"], call["goodbye_phrases"]) == (True, ["bye bye"])
    assert (await voice(office, record="on")).status_code == 303
    assert (await stored(office))["record"] is True


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("speaking__speed", "9", "At most 2."), ("speaking__speed", "", "A number is expected."),
        ("speaking__speed", "fast", "A number is expected."), ("speaking__speed", "nan", "A number is expected."),
        ("turn_taking__interruption_sensitivity", "-1", "At least 0."),
        ("turn_taking__vad_config__confidence", "1.5", "At most 1."),
        ("max_duration_seconds", "1.5", "A whole number is expected."), ("max_duration_seconds", "9", "At least 10."),
        ("idle_seconds", "601", "At most 600."), ("consent_message", "x" * 1_001, "At most 1,000 characters"),
        ("hearing__engine", "owl", "There is no engine"), ("speaking__fallbacks", "espeak\nowl", "There is no engine"),
        ("transfer_to", "the desk", "like +12025550177"), ("turn_taking__end_of_turn", "never", "is expected"),
        ("filler_messages", "um\n" * 21, "At most 20 are possible."),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_beside_its_field(office: Office, name: str, given: str, words: str) -> None:
    answer = await voice(office, **{name: given})
    assert answer.status_code == 422
    place = f"f-call-{name.replace('__', '-')}-error"
    assert words in answer.text.partition(f'id="{place}">')[2].partition("</p>")[0]
    assert "This is not saved yet" in answer.text
    assert (await office.stored()).revision == 1


async def test_what_was_typed_stays_and_is_no_markup(office: Office) -> None:
    answer = await voice(office, apology_message="<b>Sorry</b>", speaking__speed="9", hearing__keywords="A\nB")
    assert "&lt;b&gt;Sorry&lt;/b&gt;" in answer.text
    path = f"/agents/{office.agent}/voice"
    shown = form_of(answer.text, path)
    assert (shown["call.apology_message"], shown["call.speaking.speed"]) == ("<b>Sorry</b>", "9")
    assert shown["call.hearing.keywords"] == "A\nB"


async def test_a_field_that_is_not_there_is_refused(office: Office) -> None:
    answer = await voice(office, nonsense="1")
    assert answer.status_code == 422
    assert "which is not there" in answer.text


async def test_of_two_who_edit_the_second_is_told(office: Office) -> None:
    bea, ada = await office.person("builder"), await office.person("admin")
    path = f"/agents/{office.agent}/voice"
    mine, theirs = form_of((await bea.get(path)).text, path), form_of((await ada.get(path)).text, path)
    await ada.post(path, **(theirs | {"call.idle_seconds": "20"}))
    late = await bea.post(path, **(mine | {"call.idle_seconds": "30"}))
    assert late.status_code == 409
    assert form_of(late.text, path)["call.idle_seconds"] == "30"
    assert (await stored(office))["idle_seconds"] == 20


async def test_an_agent_from_before_there_were_calls_has_the_usual_settings(office: Office) -> None:
    async with office.store.write() as db:
        agent = await db.get(Agent, office.agent)
        assert agent is not None
        agent.definition = {name: value for name, value in agent.definition.items() if name != "call"}
    assert (await voice(office, idle_seconds="12")).status_code == 303
    assert await stored(office) == Call(idle_seconds=12).model_dump()


async def test_only_builders_open_it_and_only_their_own_agents(office: Office) -> None:
    path = f"/agents/{office.agent}/voice"
    for role, status in (("admin", 200), ("builder", 200), ("support", 403), ("viewer", 403)):
        assert (await (await office.person(role)).get(path)).status_code == status
    bea = await office.person("builder")
    assert (await bea.get(f"/agents/{office.theirs}/voice")).status_code == 404
    assert (await bea.post(f"/agents/{office.theirs}/voice", version="1")).status_code == 404
