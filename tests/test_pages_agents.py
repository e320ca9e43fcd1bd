"""Agents on the pages: the list, editing words, flow and JSON; nothing typed is lost, nothing wrong is saved."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.models import Agent
from tests.office import Office, form_of, open_office

pytestmark = pytest.mark.anyio
EVIL = "<script>alert(1)</script>\"'{{7*7}}"


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


async def words(office: Office, **changes: str) -> Any:
    """Save the first tab as the form is, with these changes."""
    bea = await office.person("builder")
    path = f"/agents/{office.agent}"
    given = form_of((await bea.get(path)).text, path) | changes
    return await bea.post(path, **given)


async def test_saving_words_makes_a_draft(office: Office) -> None:
    before = await office.published()
    answer = await words(office, opening_message="Ahoy {{customer.name}}!", description="Books visits.")
    assert answer.status_code == 303
    stored = await office.stored()
    assert stored.revision == 2
    assert stored.definition["opening_message"] == "Ahoy {{customer.name}}!"
    assert stored.definition["description"] == "Books visits."
    assert len(stored.definition["flow"]["stages"]) > 5, "the rest stays as it was"
    published = await office.published()
    assert (published.version, published.definition["description"]) == (1, before.definition["description"])


async def test_saving_what_is_shown_changes_nothing(office: Office) -> None:
    before = (await office.stored()).definition
    assert (await words(office)).status_code == 303
    assert (await office.stored()).definition == before


async def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(office: Office) -> None:
    answer = await words(office, name="", opening_message="x" * 4_001, idle_minutes="soon", prompt=EVIL)
    assert answer.status_code == 422
    assert "This is needed: fill it in." in answer.text
    assert "At most 4,000 characters; this has 4,001." in answer.text
    assert "A number of minutes is expected" in answer.text
    assert "x" * 4_001 in answer.text
    assert EVIL not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert (await office.stored()).revision == 1


@pytest.mark.parametrize(
    ("minutes", "words_said"), [("0", "At least 60."), ("99999", "At most 2,592,000."), ("1e999", "number")]
)
async def test_the_idle_time_has_bounds(office: Office, minutes: str, words_said: str) -> None:
    answer = await words(office, idle_minutes=minutes)
    assert answer.status_code == 422
    assert words_said in answer.text


async def test_the_customer_may_speak_first(office: Office) -> None:
    await words(office, customer_first="on")
    assert (await office.stored()).definition["opening_message"] is None
    again = await words(office, opening_message="")
    assert again.status_code == 303, "the switch is on in the form that came back"
    wrong = await words(office, customer_first="", opening_message="")
    assert wrong.status_code == 422
    assert "let the customer speak first" in wrong.text


async def test_parameters_keep_their_type_when_they_are_left_alone(office: Office) -> None:
    async with office.store.write() as db:
        agent = await db.get(Agent, office.agent)
        assert agent is not None
        agent.definition = {**agent.definition, "parameters": {"limit": 3, "open": True, "shop": "Oak = Linen"}}
    await words(office, parameters="limit = 3\nopen = True\nshop = Oak = Elm\nnew one = x")
    stored = (await office.stored()).definition["parameters"]
    assert stored == {"limit": 3, "open": True, "shop": "Oak = Elm", "new one": "x"}


async def test_of_two_who_edit_the_second_is_told(office: Office) -> None:
    bea, ada = await office.person("builder"), await office.person("admin")
    path = f"/agents/{office.agent}"
    mine = form_of((await bea.get(path)).text, path)
    theirs = form_of((await ada.get(path)).text, path)
    await ada.post(path, **(theirs | {"description": "Ada's"}))
    late = await bea.post(path, **(mine | {"prompt": "Bea's own words"}))
    assert late.status_code == 409
    assert "Admin changed this agent while you were editing it" in late.text
    assert "not saved yet (description, prompt)" in late.text
    assert "Bea&#39;s own words" in late.text
    assert (await office.stored()).definition["description"] == "Ada's"
    assert (await bea.post(path, **form_of(late.text, path))).status_code == 303
    assert (await office.stored()).definition["prompt"] == "Bea's own words"


async def flow(office: Office, **changes: str) -> Any:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/flow"
    given = form_of((await bea.get(path)).text, path) | changes
    return await bea.post(path, **given)


async def stages(office: Office) -> list[dict[str, Any]]:
    return list((await office.stored()).definition["flow"]["stages"])


async def test_a_flow_saved_as_it_is_stays_as_it_is(office: Office) -> None:
    before = (await office.stored()).definition
    assert (await flow(office)).status_code == 303
    assert (await office.stored()).definition == before


async def test_the_flow_reads_as_steps(office: Office) -> None:
    bea = await office.person("builder")
    text = (await bea.get(f"/agents/{office.agent}/flow")).text
    assert "when the customer says something like “book an appointment”" in text
    assert "when the tool went well" in text or "when the tool&#39;s “slots” is there" in text
    assert "when the tool failed" in text


async def test_questions_and_texts_are_edited_in_place(office: Office) -> None:
    await flow(
        office,
        **{
            "flow.stages.1.fields.0.question": "What brings you here?",
            "flow.stages.1.fields.0.choices": "cleaning = Clean teeth\ncrown",
            "flow.stages.1.fields.1.confirm": "on",
            "flow.stages.0.transitions.0.phrases": "book me in\n\n  a visit  ",
        },
    )
    first, second = (await stages(office))[:2]
    assert second["fields"][0]["question"] == "What brings you here?"
    choices = second["fields"][0]["choices"]
    assert [(c["value"], c["label"]) for c in choices] == [("cleaning", "Clean teeth"), ("crown", "")]
    assert "hygienist" in choices[0]["synonyms"], "synonyms of what stays are kept"
    assert second["fields"][1]["confirm"] is True
    assert first["transitions"][0]["phrases"] == ["book me in", "a visit"]


async def test_steps_are_added_moved_and_removed(office: Office) -> None:
    ids = [stage["id"] for stage in await stages(office)]
    await flow(office, do="add_stage:1")
    assert [stage["id"] for stage in await stages(office)] == [ids[0], "step_1", *ids[1:]]
    await flow(office, do="stage_down:1")
    await flow(office, do="add_field:2")
    await flow(office, do="add_way:2")
    made = (await stages(office))[2]
    assert made["id"] == "step_1"
    assert made["fields"][0]["name"] == "answer_1"
    assert made["transitions"][0]["to"] == ids[2]
    await flow(office, do="remove_stage:2")
    assert [stage["id"] for stage in await stages(office)] == ids
    answer = await flow(office, do="remove_stage:2")
    assert answer.status_code == 303
    left = await stages(office)
    assert ids[2] not in [way["to"] for stage in left for way in stage["transitions"]]


@pytest.mark.parametrize(
    "do",
    [
        "remove_stage:99",
        "remove_stage:-1",
        "stage_up:x",
        "remove_field:0:7",
        "explode:1",
        "add_stage:1:2",
        "add_field:",
    ],
)
async def test_a_button_that_makes_no_sense_is_refused(office: Office, do: str) -> None:
    assert (await flow(office, do=do)).status_code == 422
    assert (await office.stored()).revision == 1


async def test_a_wrong_name_is_marked_and_nothing_is_saved(office: Office) -> None:
    answer = await flow(office, **{"flow.stages.1.fields.0.name": "what's up?", "do": "add_stage:1"})
    assert answer.status_code == 422
    assert "Use letters, digits and _ only" in answer.text
    assert "what&#39;s up?" in answer.text
    assert (await office.stored()).revision == 1


async def test_paths_that_are_not_for_the_form_are_refused(office: Office) -> None:
    for path in ("flow.stages.0.id", "flow.stages.999.text", "flow.stages.0.__class__", "flow.stages.0.fields.0.name"):
        assert (await flow(office, **{path: "x"})).status_code == 422, path


async def test_steps_changed_meanwhile_keep_what_was_typed_to_copy(office: Office) -> None:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/flow"
    mine = form_of((await bea.get(path)).text, path) | {"flow.stages.0.text": "Words that must not be lost"}
    await flow(office, do="add_stage:0")
    late = await bea.post(path, **mine)
    assert late.status_code == 409
    assert "Words that must not be lost" in late.text


async def as_json(office: Office, text: str) -> Any:
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/json"
    given = form_of((await bea.get(path)).text, path)
    return await bea.post(path, **(given | {"definition": text}))


async def test_json_faults_are_named_with_their_line(office: Office) -> None:
    definition = (await office.stored()).definition
    broken = await as_json(office, '{\n "name": "M"\n\n "prompt": ""\n}')
    assert "Line 2" in broken.text, "where the comma is lacking"
    broken = await as_json(office, '{\n "name": "M",\n oops\n}')
    assert broken.status_code == 422
    assert "Line 3" in broken.text
    definition["flow"]["stages"][0]["transitions"][0]["to"] = "nowhere"
    text = json.dumps(definition, indent=1)
    line = next(n for n, row in enumerate(text.split("\n"), 1) if '"nowhere"' in row)
    lost = await as_json(office, text)
    assert f'data-line="{line}"' in lost.text
    assert "There is no step &#39;nowhere&#39;." in lost.text
    assert (await office.stored()).revision == 1


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "7", '{"name": "\\ud800"}', '{"name": "a\\u0000b"}', '{"name": "M", "engine": "gpt"}',
        "[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000,
        '{"name": "M", "prompt": 7, "tools": {}, "flow": [], "x": 1}',
        '{"name": "M", "timing": {"idle_close_seconds": NaN}}', '{"name": "M", "parameters": {"a": Infinity}}',
        '{"name": "M", "parameters": {"a": 1e999}}', '{"name": "M", "parameters": {"a": ' + "9" * 5_000 + "}}",
        '{"name": "M", "parameters": {"\\udfff": "x"}}',
    ],
)  # fmt: skip
async def test_json_that_is_no_definition_is_refused_with_words(office: Office, text: str) -> None:
    answer = await as_json(office, text)
    assert answer.status_code == 422
    assert "not saved yet" in answer.text
    assert (await office.stored()).revision == 1


async def test_json_is_saved_whole(office: Office) -> None:
    definition = (await office.stored()).definition | {"prompt": "Short.", "name": "Mia"}
    assert (await as_json(office, json.dumps(definition))).status_code == 303
    stored = await office.stored()
    assert (stored.name, stored.definition) == ("Mia", definition)


async def test_agents_are_made_from_nothing_and_from_samples(office: Office) -> None:
    bea = await office.person("builder")
    for template, name, expected in (("blank", "Otto", "Otto"), ("shop", "", "Leo"), ("leads", "Nell", "Nell")):
        made = await bea.post("/agents", name=name, template=template)
        assert made.status_code == 303
        assert expected in (await bea.get(made.headers["location"])).text
    assert (await bea.post("/agents", name="x" * 121, template="blank")).status_code == 422
    assert (await bea.post("/agents", name="x", template="../../etc")).status_code == 422


async def test_a_copy_has_the_knowledge_and_its_own_life(office: Office) -> None:
    bea = await office.person("builder")
    made = await bea.post(f"/agents/{office.agent}/duplicate")
    copy = made.headers["location"]
    assert "Maya (copy)" in (await bea.get(copy)).text
    assert "Opening hours" in (await bea.get(f"{copy}/knowledge")).text
    await bea.post(copy, **(form_of((await bea.get(copy)).text, copy) | {"name": "Mona"}))
    assert (await office.stored()).name == "Maya"


async def test_an_agent_that_answers_somewhere_is_not_archived(office: Office) -> None:
    bea = await office.person("builder")
    await bea.post(f"/agents/{office.agent}/archive")
    assert (await office.stored()).archived_at is None
    copy = (await bea.post(f"/agents/{office.agent}/duplicate")).headers["location"]
    await bea.post(f"{copy}/archive")
    assert "Maya (copy) was archived." in (await bea.get("/agents")).text
    assert "Maya (copy)" not in (await bea.get("/agents")).text
    assert "Maya (copy)" in (await bea.get("/agents?archived=true")).text
    await bea.post(f"{copy}/archive")
    assert "Maya (copy)" in (await bea.get("/agents")).text


async def test_names_from_outside_are_escaped_everywhere(office: Office) -> None:
    ada = await office.person("admin")
    await words(office, name=EVIL, description=EVIL, opening_message=EVIL)
    agent = f"/agents/{office.agent}"
    for path in ("/", "/agents", agent, f"{agent}/flow", f"{agent}/json", f"{agent}/playground", "/settings/addresses"):
        answer = await ada.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path


async def test_a_viewer_is_led_to_no_closed_door(office: Office) -> None:
    vic = await office.person("viewer")
    for path in ("/", "/agents"):
        assert "/playground" not in (await vic.get(path)).text, path


async def test_the_language_model_is_chosen_and_bounded(office: Office) -> None:
    answer = await words(
        office,
        **{
            "thinking.tier": "max", "thinking.model": "gpt-4.1", "thinking.temperature": "0.4", "thinking.top_p": "",
            "thinking.max_tokens": "300", "thinking.model_fallbacks": "gpt-4.1-mini\n\n", "engine_fallbacks": "script",
        },
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    stored = (await office.stored()).definition
    assert stored["engine_fallbacks"] == ["script"]
    assert stored["thinking"] == {
        "tier": "max", "model": "gpt-4.1", "temperature": 0.4, "top_p": None, "max_tokens": 300,
        "model_fallbacks": ["gpt-4.1-mini"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("thinking.temperature", "hot", "A number is expected"), ("thinking.temperature", "3", "At most 2."),
        ("thinking.max_tokens", "5", "At least 16."), ("thinking.tier", "best", "expected"),
        ("engine_fallbacks", "owl", "There is no engine"),
    ],
)  # fmt: skip
async def test_what_no_model_can_be_told_is_refused_beside_its_field(
    office: Office, path: str, given: str, said: str
) -> None:  # fmt: skip
    answer = await words(office, **{path: given})
    assert answer.status_code == 422
    place = f'id="f-{path.replace(".", "-")}-error">'
    assert said in answer.text.partition(place)[2].partition("</p>")[0]
    assert (await office.stored()).revision == 1
