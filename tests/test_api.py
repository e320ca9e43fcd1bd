"""The API, as a program uses it."""

import base64
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from hub.models import Interaction
from hub.store import Store
from tests.api_fixtures import Api, api, begin, everything, mine

__all__ = ["api", "mine"]


def test_a_bearer_key_opens_the_api(api: Api) -> None:
    answer = httpx.get(f"{api.url}/v1/workspace", headers={"Authorization": f"Bearer {api.mine.secrets['read']}"})
    assert answer.status_code == 200
    assert answer.json()["id"] == str(api.mine.workspace_id)


def test_basic_with_key_id_and_secret_opens_the_api(api: Api) -> None:
    _, key_id, secret = api.mine.secrets["read"].split("_")
    answer = httpx.get(f"{api.url}/v1/workspace", auth=(key_id, secret))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer x", "Bearer hub_x_y", "Basic x", "Basic " + base64.b64encode(b"a:b").decode(),
        "Bearer hub_" + "0" * 32 + "_" + "0" * 48, "Digest x", "Bearer \xe9",
    ],
)  # fmt: skip
def test_without_a_valid_key_the_api_is_closed(api: Api, header: str) -> None:
    answer = httpx.get(f"{api.url}/v1/agents", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["trace_id"]


def test_a_cookie_does_not_open_the_api(api: Api) -> None:
    answer = httpx.get(f"{api.url}/v1/agents", headers={"Cookie": "hub_session=x"})
    assert answer.status_code == 401


def test_an_agent_is_created_changed_and_archived(mine: httpx.Client) -> None:
    made = mine.post("/v1/agents", json={"name": "Front desk", "opening_message": "Hi"}).json()
    changed = mine.patch(f"/v1/agents/{made['id']}", json={"prompt": "Be brief.", "opening_message": None}).json()
    assert (changed["name"], changed["prompt"], changed["opening_message"]) == ("Front desk", "Be brief.", None)
    assert changed["version"] == made["version"] + 1
    assert mine.delete(f"/v1/agents/{made['id']}").status_code == 204
    assert mine.get(f"/v1/agents/{made['id']}").json()["archived_at"]
    assert made["id"] not in [one["id"] for one in everything(mine, "/v1/agents")]
    assert mine.patch(f"/v1/agents/{made['id']}", json={"prompt": "x"}).status_code == 409


def test_a_change_that_breaks_the_definition_is_refused_by_field(mine: httpx.Client) -> None:
    made = mine.post("/v1/agents", json={"name": "Front desk"}).json()
    broken = {"flow": {"stages": [{"id": "a", "transitions": [{"to": "nowhere"}]}]}}
    answer = mine.patch(f"/v1/agents/{made['id']}", json=broken)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/flow"
    assert "nowhere" in answer.json()["errors"][0]["detail"]
    assert mine.get(f"/v1/agents/{made['id']}").json()["version"] == 1


def test_a_further_attempt_says_its_own_first_words_and_begins_at_a_stage_that_is_there(mine: httpx.Client) -> None:
    flow = {"stages": [{"id": "start", "type": "start"}, {"id": "pay", "text": "About {{what}}: shall I go on?"}]}
    agent = {"name": "Maya", "engine": "script", "opening_message": "Hello.", "flow": flow}
    given = {"channel": "webchat", "to": "visitor-77", "agent": agent}
    wrong = mine.post("/v1/interactions", json={**given, "retry_context": {"retry_stage_id": "nowhere"}})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "#/retry_context/retry_stage_id"
    context = {"retry_stage_id": "pay", "retry_initial_message": "Hello again!", "collected_data": {"what": "the bill"}}
    begun = mine.post("/v1/interactions", json={**given, "retry_context": context}).json()
    for _ in range(100):
        if said := mine.get(f"/v1/interactions/{begun['id']}/messages").json()["data"]:
            break
        time.sleep(0.05)
    assert said[0]["text"] == "Hello again! About the bill: shall I go on?"


def test_an_unknown_engine_is_refused_with_those_there_are(mine: httpx.Client) -> None:
    answer = mine.post("/v1/agents", json={"name": "x", "engine": "nope"})
    assert answer.status_code == 400
    assert "script" in answer.json()["errors"][0]["detail"]


def test_knowledge_is_added_listed_and_deleted(mine: httpx.Client) -> None:
    path = f"/v1/agents/{mine.post('/v1/agents', json={'name': 'x'}).json()['id']}/knowledge"
    made = mine.post(path, json={"title": "Hours", "text": "9 to 5"}).json()
    assert mine.get(path).json()["data"] == [made]
    assert mine.delete(f"{path}/{made['id']}").status_code == 204
    assert mine.get(path).json()["data"] == []


def test_a_skill_is_created_changed_and_deleted(mine: httpx.Client) -> None:
    made = mine.post("/v1/skills", json={"name": "Addresses", "instructions": "Ask."}).json()
    changed = mine.patch(f"/v1/skills/{made['id']}", json={"description": "For deliveries"}).json()
    assert (changed["name"], changed["description"]) == ("Addresses", "For deliveries")
    assert mine.delete(f"/v1/skills/{made['id']}").status_code == 204
    assert mine.get(f"/v1/skills/{made['id']}").status_code == 404


def test_a_customer_is_found_by_name_and_by_number(mine: httpx.Client) -> None:
    identities = [{"kind": "phone", "value": "(202) 555-0143"}]
    made = mine.post("/v1/customers", json={"name": "Ana Gómez", "identities": identities}).json()
    assert made["identities"][0]["value"] == "+12025550143"
    for words in ("gómez", "5550143"):
        assert [one["id"] for one in mine.get("/v1/customers", params={"q": words}).json()["data"]] == [made["id"]]


def test_two_customers_cannot_be_known_by_the_same(mine: httpx.Client) -> None:
    identity = {"kind": "email", "value": "Both@Example.com"}
    first = mine.post("/v1/customers", json={"identities": [identity]}).json()
    second = mine.post("/v1/customers", json={"name": "Second"}).json()
    answer = mine.post(f"/v1/customers/{second['id']}/identities", json=identity)
    assert answer.status_code == 409
    assert first["id"] in answer.json()["detail"]
    again = mine.post(f"/v1/customers/{first['id']}/identities", json=identity | {"strength": "verified"})
    assert (again.status_code, again.json()["strength"]) == (201, "verified")


def test_a_customers_time_zone_can_be_set_and_forgotten(mine: httpx.Client) -> None:
    made = mine.post("/v1/customers", json={"time_zone": "Europe/Berlin"}).json()
    path = f"/v1/customers/{made['id']}"
    assert mine.patch(path, json={"time_zone": "Europe/Nowhere"}).status_code == 400
    assert mine.patch(path, json={"notes": "x"}).json()["time_zone"] == "Europe/Berlin"
    assert mine.patch(path, json={"time_zone": None}).json()["time_zone"] is None


def test_nothing_goes_out_to_who_revoked_consent(mine: httpx.Client) -> None:
    begun = begin(mine)
    path = f"/v1/customers/{begun['customer_id']}/consents"
    assert mine.post(path, json={"state": "revoked", "evidence": "By phone"}).status_code == 201
    answer = mine.post(f"/v1/interactions/{begun['id']}/messages", json={"text": "Still there?"})
    assert (answer.status_code, answer.json()["code"]) == (422, "opted_out")
    mine.post(path, json={"state": "granted"})
    assert mine.post(f"/v1/interactions/{begun['id']}/messages", json={"text": "Hi"}).status_code == 201
    assert [one["state"] for one in mine.get(path).json()["data"]] == ["granted", "revoked"]


def test_an_address_belongs_to_one_workspace(api: Api, mine: httpx.Client) -> None:
    given = {"channel": "webchat", "value": f"widget-{uuid4().hex}"}
    made = mine.post("/v1/addresses", json=given).json()
    taken = api.other.client().post("/v1/addresses", json=given)
    assert (taken.status_code, taken.json()["code"]) == (409, "address_taken")
    assert mine.delete(f"/v1/addresses/{made['id']}").status_code == 204
    assert mine.get(f"/v1/addresses/{made['id']}").status_code == 404


def test_an_address_is_bound_to_an_agent_and_set_free(mine: httpx.Client) -> None:
    agent = mine.post("/v1/agents", json={"name": "x"}).json()
    given = {"channel": "webchat", "value": f"widget-{uuid4().hex}", "agent_id": agent["id"]}
    path = f"/v1/addresses/{mine.post('/v1/addresses', json=given).json()['id']}"
    assert mine.patch(path, json={"name": "Shop"}).json()["agent_id"] == agent["id"]
    assert mine.patch(path, json={"agent_id": None}).json()["agent_id"] is None
    mine.patch(path, json={"agent_id": agent["id"]})
    mine.delete(f"/v1/agents/{agent['id']}")
    assert mine.get(path).json()["agent_id"] is None


def test_an_interaction_is_begun_with_an_agent_given_inline(mine: httpx.Client) -> None:
    begun = begin(
        mine, text="", agent={"name": "Nina", "opening_message": "Hello {{first name}}!"},
        parameters={"first name": "Ana"}, metadata={"order": ["A1", 2]}, name="Ana",
    )  # fmt: skip
    assert (begun["agent_name"], begun["agent_id"], begun["owner"]) == ("Nina", None, "ai")
    assert begun["metadata"] == {"order": ["A1", 2]}
    assert len(begun["trace_id"]) == 32
    assert mine.get(f"/v1/customers/{begun['customer_id']}").json()["name"] == "Ana"


def test_a_skill_brings_its_instructions_and_its_tools_along(api: Api, mine: httpx.Client) -> None:
    skill = mine.post(
        "/v1/skills",
        json={
            "name": "Refunds",
            "instructions": "Up to 50 dollars.",
            "tools": [{"name": "refund", "url": "https://x.io"}],
        },
    ).json()
    begun = begin(mine, agent={"name": "Nina", "prompt": "Be kind."}, skill_ids=[skill["id"]])

    async def frozen(store: Store) -> dict[str, Any]:
        async with store.read() as db:
            found = await db.get(Interaction, UUID(begun["id"]))
            assert found is not None
            return found.agent

    agent = api.database(frozen)
    assert agent["prompt"] == "Be kind.\n\n## Refunds\nUp to 50 dollars."
    assert [tool["name"] for tool in agent["tools"]] == ["refund"]
    refused = mine.post("/v1/interactions", json={"channel": "webchat", "to": "v", "skill_ids": [str(uuid4())]})
    assert refused.status_code == 404


def test_the_answer_says_where_the_interaction_is(mine: httpx.Client) -> None:
    answer = mine.post("/v1/interactions", json={"channel": "webchat", "to": "visitor-9", "text": "Hi"})
    assert mine.get(answer.headers["location"]).json()["id"] == answer.json()["id"]


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"channel": "sms", "to": "nonsense", "text": "Hi"}, 422, "no_address"),
        ({"channel": "webchat", "to": "v", "agent": {"name": "x"}, "agent_id": str(uuid4())}, 422, "ambiguous"),
        ({"channel": "webchat", "to": "v", "agent_id": str(uuid4())}, 404, "not_found"),
        ({"channel": "webchat", "to": "v", "address_id": str(uuid4())}, 404, "not_found"),
        ({"channel": "webchat", "to": "v", "text": "x" * 9000}, 422, "too_long"),
        ({"channel": "email", "to": "ana@example.com"}, 422, None),
    ],
)
def test_what_cannot_be_begun_is_refused_with_the_reason(
    mine: httpx.Client, given: dict[str, Any], status: int, code: str | None
) -> None:
    answer = mine.post("/v1/interactions", json=given)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code


def test_a_number_that_is_none_is_refused_with_how_to_write_it(mine: httpx.Client) -> None:
    mine.post("/v1/addresses", json={"channel": "sms", "value": "+12025550100"})
    answer = mine.post("/v1/interactions", json={"channel": "sms", "to": "nonsense", "text": "Hi"})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_an_identity")
    assert "+15551234567" in answer.json()["detail"]


def test_operators_take_turns_and_never_speak_over_each_other(api: Api, mine: httpx.Client) -> None:
    begun = begin(mine, agent={"name": "Nina"})
    path, users = f"/v1/interactions/{begun['id']}", api.mine.users
    early = mine.post(f"{path}/messages", json={"text": "x", "user_id": users["support"]})
    assert (early.status_code, early.json()["code"]) == (409, "not_yours")
    taken = mine.post(f"{path}/take_over", json={"user_id": users["support"]}).json()
    assert (taken["owner"], taken["operator_id"]) == ("operator", users["support"])
    late = mine.post(f"{path}/take_over", json={"user_id": users["admin"]})
    assert (late.status_code, late.json()["code"]) == (409, "taken")
    between = mine.post(f"{path}/messages", json={"text": "as the agent"})
    assert (between.status_code, between.json()["code"]) == (409, "taken")
    said = mine.post(f"{path}/messages", json={"text": "Sam here", "user_id": users["support"]}).json()
    assert (said["role"], said["operator_id"]) == ("operator", users["support"])
    back = {"user_id": users["support"], "note": "Sam promised a call."}
    assert mine.post(f"{path}/hand_back", json=back).json()["owner"] == "ai"
    notes = [one for one in mine.get(f"{path}/messages").json()["data"] if one["note"]]
    assert [one["text"].splitlines()[0] for one in notes] == ["Sam promised a call."]


@pytest.mark.parametrize("role", ["builder", "viewer"])
def test_only_people_of_support_take_over(api: Api, mine: httpx.Client, role: str) -> None:
    path = f"/v1/interactions/{begin(mine)['id']}/take_over"
    answer = mine.post(path, json={"user_id": api.mine.users[role]})
    assert (answer.status_code, answer.json()["code"]) == (422, "role")


def test_what_has_ended_takes_no_more_words(api: Api, mine: httpx.Client) -> None:
    path = f"/v1/interactions/{begin(mine)['id']}"
    ended = mine.post(f"{path}/end").json()
    assert (ended["status"], ended["ended_reason"]) == ("completed", "api_hangup")
    assert mine.post(f"{path}/end").json() == ended
    assert mine.post(f"{path}/messages", json={"text": "x"}).status_code == 409
    assert mine.post(f"{path}/take_over", json={"user_id": api.mine.users["support"]}).status_code == 409


def test_notes_are_kept_and_not_said(mine: httpx.Client) -> None:
    path = f"/v1/interactions/{begin(mine)['id']}"
    note = mine.post(f"{path}/notes", json={"text": "Will pay on Monday"}).json()
    assert (note["note"], note["author"], note["status"]) == (True, "API", "")
    assert [one["note"] for one in mine.get(f"{path}/messages").json()["data"]] == [False, True]


def test_interactions_are_found_by_each_filter(mine: httpx.Client) -> None:
    agent = mine.post("/v1/agents", json={"name": "Finder"}).json()
    sought = begin(mine, agent_id=agent["id"], text="The zebra is here", name="Zoë Zebrano")
    mine.put(f"/v1/interactions/{sought['id']}/tags", json={"tags": ["v%p", " v%p "]})
    begin(mine)
    filters: list[dict[str, Any]] = [
        {"agent_id": agent["id"]}, {"customer_id": sought["customer_id"]}, {"tag": "v%p"}, {"q": "zebra here"},
        {"q": "zebrano"}, {"q": "zebra", "channel": "webchat", "direction": "outbound", "owner": "ai"},
        {"agent_id": agent["id"], "status": "in_progress", "created_after": "2020-01-01T00:00:00Z"},
    ]  # fmt: skip
    for wanted in filters:
        found = mine.get("/v1/interactions", params=wanted).json()["data"]
        assert [one["id"] for one in found] == [sought["id"]], wanted
    for unwanted in ({"tag": "v_p"}, {"q": "zebra gnu"}, {"created_before": "2020-01-01"}, {"status": "failed"}):
        assert mine.get("/v1/interactions", params=unwanted).json()["data"] == []


@pytest.mark.parametrize("words", ['"', "'", "*", "a AND", "NEAR(", "%", "\\", "(", "-", "a:b", "😀", "x" * 200])
def test_a_search_takes_any_words(mine: httpx.Client, words: str) -> None:
    assert mine.get("/v1/interactions", params={"q": words}).status_code == 200
    assert mine.get("/v1/customers", params={"q": words}).status_code == 200


def test_pages_give_every_row_once(mine: httpx.Client) -> None:
    made = {mine.post("/v1/skills", json={"name": f"s{n}"}).json()["id"] for n in range(7)}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = mine.get("/v1/skills", params={"limit": 3, "cursor": cursor}).json()
        assert len(answer["data"]) <= 3
        seen += [one["id"] for one in answer["data"]]
        cursor = answer["next_cursor"]
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


def test_messages_and_events_come_in_order_page_by_page(mine: httpx.Client) -> None:
    path = f"/v1/interactions/{begin(mine)['id']}"
    for n in range(5):
        mine.post(f"{path}/messages", json={"text": f"m{n}"})
    first = mine.get(f"{path}/messages", params={"limit": 4}).json()
    second = mine.get(f"{path}/messages", params={"limit": 4, "cursor": first["next_cursor"]}).json()
    assert [m["text"] for m in first["data"] + second["data"]] == ["Hello!", "m0", "m1", "m2", "m3", "m4"]
    assert second["next_cursor"] is None
    events = everything(mine, f"{path}/events")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["trace_id"] for event in events} == {mine.get(path).json()["trace_id"]}
    assert {event["id"] for event in events} <= {event["id"] for event in everything(mine, "/v1/events")}


@pytest.mark.parametrize("cursor", ["x", "====", "dTEyMw", "bjEyMw", "é", "bi0x", "a" * 200])
def test_a_cursor_that_is_none_is_refused(mine: httpx.Client, cursor: str) -> None:
    answer = mine.get("/v1/agents", params={"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "cursor"


def test_a_key_is_shown_once_and_revoked_at_once(api: Api, mine: httpx.Client) -> None:
    made = mine.post("/v1/api_keys", json={"name": "Export", "scopes": ["read"]}).json()
    with httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {made['secret']}"}) as theirs:
        assert theirs.get("/v1/agents").status_code == 200
        assert theirs.post("/v1/agents", json={"name": "x"}).status_code == 403
        assert made["secret"] not in mine.get("/v1/api_keys").text
        assert mine.delete(f"/v1/api_keys/{made['id']}").status_code == 204
        assert theirs.get("/v1/agents").status_code == 401


def test_a_key_cannot_give_a_scope_it_does_not_have(api: Api) -> None:
    answer = api.mine.client("write").post("/v1/api_keys", json={"name": "x", "scopes": ["read"]})
    assert answer.status_code == 403


def test_the_workspace_is_changed_by_field(mine: httpx.Client) -> None:
    changed = mine.patch("/v1/workspace", json={"time_zone": "Asia/Tokyo", "default_region": "JP"}).json()
    assert (changed["name"], changed["time_zone"], changed["default_region"]) == ("Mine", "Asia/Tokyo", "JP")
    assert mine.patch("/v1/workspace", json={"default_region": "XX"}).status_code == 400
    mine.patch("/v1/workspace", json={"time_zone": "UTC", "default_region": "US"})


def test_users_are_listed_without_their_secrets(api: Api, mine: httpx.Client) -> None:
    users = everything(mine, "/v1/users")
    assert {user["id"] for user in users} == set(api.mine.users.values())
    assert all("password" not in name for user in users for name in user)
