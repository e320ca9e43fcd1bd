"""An agent for one interaction alone: whole, or a stored one with fields of its own; checked, frozen, told."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api_fixtures import Api, api, everything, mine, other

__all__ = ["api", "mine", "other"]
AGENT = {
    "name": "Desk", "prompt": "Help {{name of customer}} with {{order}}.", "opening_message": "Hello {{order}}!",
    "parameters": {"shop": "Oak"}, "metadata": {"team": "a"},
    "tools": [{"name": "look_up", "url": "https://shop.example.com/{{order}}", "headers": {"X-Key": "secret-of-ours"}}],
}  # fmt: skip


def agent(client: httpx.Client, **fields: Any) -> str:
    return str(client.post("/v1/agents", json=AGENT | fields).json()["id"])


def start(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/v1/interactions", json={"channel": "webchat", "to": f"v-{uuid4().hex}", **fields})


def opening(api: Api, client: httpx.Client, begun: dict[str, Any]) -> str:
    path = f"/v1/interactions/{begun['id']}/messages"
    for _ in range(200):
        if said := client.get(path).json()["data"]:
            return str(said[0]["text"])
    raise AssertionError("nothing was said")


def started(client: httpx.Client, begun: dict[str, Any]) -> dict[str, Any]:
    events = everything(client, f"/v1/interactions/{begun['id']}/events")
    return next(dict(event["data"]) for event in events if event["type"] == "interaction.started")


def test_fields_are_replaced_for_one_interaction_and_the_agent_stays(api: Api, mine: httpx.Client) -> None:
    stored = agent(mine)
    overrides = {"opening_message": "Ahoy!", "call": {"speaking": {"speed": 1.25}}}
    answer = start(mine, agent_id=stored, overrides=overrides)
    assert answer.status_code == 201, answer.text
    begun = answer.json()
    assert opening(api, mine, begun) == "Ahoy!"
    assert (begun["agent_id"], begun["agent_version"]) == (stored, 1)
    assert started(mine, begun)["overridden"] == ["call.speaking.speed", "opening_message"]
    assert mine.get(f"/v1/agents/{stored}").json()["opening_message"] == "Hello {{order}}!"


def test_objects_are_merged_and_lists_replaced(api: Api, mine: httpx.Client) -> None:
    overrides = {"metadata": {"run": "7"}, "parameters": {"order": "A1"}, "tools": []}
    begun = start(mine, agent_id=agent(mine), overrides=overrides).json()
    assert opening(api, mine, begun) == "Hello A1!"
    assert begun["missing_parameters"] == ["name of customer"]


def test_a_whole_agent_comes_with_the_request(api: Api, mine: httpx.Client) -> None:
    begun = start(mine, agent={"name": "Once", "opening_message": "Only now."}).json()
    assert opening(api, mine, begun) == "Only now."
    assert (begun["agent_id"], begun["agent_version"], begun["agent_name"]) == (None, 0, "Once")
    assert "Once" not in [one["name"] for one in everything(mine, "/v1/agents")]


@pytest.mark.parametrize(
    ("overrides", "pointer"),
    [
        ({"call": {"speaking": {"speed": 9}}}, "#/overrides/call/speaking/speed"),
        ({"call": {"speaking": "fast"}}, "#/overrides/call/speaking"),
        ({"prompt": 7}, "#/overrides/prompt"), ({"nonsense": 1}, "#/overrides/nonsense"),
        ({"timing": {"idle_close_seconds": "600"}}, "#/overrides/timing/idle_close_seconds"),
        ({"engine": "owl"}, "#/overrides/engine"), ({"call": {"hearing": {"engine": "owl"}}},
        "#/overrides/call/hearing/engine"),
        ({"flow": {"stages": [{"id": "a", "transitions": [{"to": "b"}]}]}}, "#/overrides/flow"),
        ({"tools": [{"name": "no spaces please"}]}, "#/overrides/tools/0/name"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_path(mine: httpx.Client, overrides: dict[str, Any], pointer: str) -> None:
    answer = start(mine, agent_id=agent(mine), overrides=overrides)
    assert answer.status_code == 400, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_overrides_need_an_agent_and_are_not_for_a_whole_one(mine: httpx.Client) -> None:
    answer = start(mine, overrides={"prompt": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_agent")
    answer = start(mine, agent={"name": "Once"}, overrides={"prompt": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "ambiguous")


def test_an_agent_of_another_workspace_cannot_be_overridden(mine: httpx.Client, other: httpx.Client) -> None:
    assert start(mine, agent_id=agent(other), overrides={"prompt": "x"}).status_code == 404


def test_an_override_shows_nothing_of_the_agents_secrets(mine: httpx.Client) -> None:
    begun = start(mine, agent_id=agent(mine), overrides={"prompt": "x", "call": {"record": False}})
    assert "secret-of-ours" not in begun.text
    assert "secret-of-ours" not in str(everything(mine, f"/v1/interactions/{begun.json()['id']}/events"))


def test_an_open_exchange_keeps_its_agent_and_says_so(mine: httpx.Client) -> None:
    stored, person = agent(mine), f"v-{uuid4().hex}"
    first = start(mine, to=person, agent_id=stored).json()
    for more in ({"overrides": {"prompt": "x"}, "agent_id": stored}, {"agent": {"name": "Once"}}):
        answer = start(mine, to=person, **more)
        assert (answer.status_code, answer.json()["code"]) == (409, "open")
        assert first["id"] in answer.json()["detail"]


def test_what_the_texts_ask_for_and_nobody_gives_is_told_at_the_start(mine: httpx.Client) -> None:
    begun = start(mine, agent_id=agent(mine), parameters={"Order": "A1", "colour": "red"}).json()
    assert begun["missing_parameters"] == ["name of customer"]
    assert begun["unused_parameters"] == ["colour"]
    events = everything(mine, f"/v1/interactions/{begun['id']}/events")
    assert [event["data"]["names"] for event in events if event["type"] == "parameters.missing"] == [
        ["name of customer"]
    ]


def test_the_snapshot_stays_when_the_agent_changes(api: Api, mine: httpx.Client) -> None:
    stored = agent(mine)
    begun = start(mine, agent_id=stored, text="Hi").json()
    mine.patch(f"/v1/agents/{stored}", json={"name": "Somebody else"})
    now = mine.get(f"/v1/interactions/{begun['id']}").json()
    assert (now["agent_name"], now["agent_version"]) == ("Desk", 1)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"engine": "openai", "credential_id": "THEIRS"}, "/credential_id"),
        ({"call": {"hearing": {"engine": "openai", "credential_id": "THEIRS"}}}, "/call/hearing/credential_id"),
        ({"call": {"speaking": {"engine": "openai", "credential_id": "THEIRS"}}}, "/call/speaking/credential_id"),
    ],
)  # fmt: skip
def test_an_account_of_another_workspace_cannot_be_smuggled_in(
    mine: httpx.Client, other: httpx.Client, fields: dict[str, Any], pointer: str
) -> None:
    given = {"vendor": "openai", "name": "Theirs", "key": "sk-only-theirs"}
    theirs = other.post("/v1/credentials", json=given).json()["id"]
    fields = json.loads(json.dumps(fields).replace("THEIRS", theirs))
    ways = {
        "#/overrides": {"agent_id": agent(mine), "overrides": fields},
        "#/agent": {"agent": {"name": "X", **fields}},
    }
    for place, body in ways.items():
        answer = start(mine, **body)
        assert answer.status_code == 400, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"{place}{pointer}"]


def test_a_responders_secret_is_not_shown_by_an_override_of_the_rest(mine: httpx.Client) -> None:
    secret = "whsec_" + "QUJD" * 11 + "QQ=="
    responder = {"url": "https://desk.example.com/agent", "secret": secret}
    stored = agent(mine, voice_mode="webhook", responder=responder)
    begun = start(mine, agent_id=stored, text="Hi", overrides={"responder": {"timeout_ms": 9_000}})
    assert begun.status_code == 201, begun.text
    assert "QUJDQUJD" not in begun.text
    assert "QUJDQUJD" not in str(everything(mine, f"/v1/interactions/{begun.json()['id']}/events"))


def test_neither_a_draft_nor_an_old_version_is_published_whose_account_is_gone(mine: httpx.Client) -> None:
    given = {"vendor": "openai", "name": "Ours", "key": "sk-ours-for-now"}
    kept = mine.post("/v1/credentials", json=given).json()["id"]
    path = f"/v1/agents/{agent(mine, engine='openai', credential_id=kept)}"
    mine.patch(path, json={"credential_id": None, "engine": "script"})
    mine.patch(path, json={"publish": False, "engine": "openai", "credential_id": kept})
    assert mine.delete(f"/v1/credentials/{kept}").status_code == 204
    for verb, body in (("rollback", {"version": 1}), ("publish", {})):
        answer = mine.post(f"{path}/{verb}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_publishable"), verb
        assert "credential_id: There is no account with this id" in answer.json()["detail"]
    assert mine.get(path).json()["version"] == 2
