"""Nobody reads or changes what belongs to another workspace: every id, in every place, on every route."""

import itertools
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api_fixtures import Api, api, begin, called, everything, mine, other, recorded, uploaded
from tests.api_routes import Operation, operations

__all__ = ["api", "mine", "other"]

SECRET = "only-for-the-other-workspace"
EACH = 12
Ids = dict[str, list[str]]
ASK_THE_PROVIDER = {"/v1/templates"}
ASKED_WITH = {"/v1/voices/preview": "?engine=espeak&voice=en%2Bf5"}
"""What a list has to be asked with."""
"""They show what the provider has, which is not at hand here."""


def furnish(api: Api, client: httpx.Client, users: dict[str, str], mark: str) -> Ids:
    """Fill a workspace; gives the ids by the name of their parameter."""
    ids: Ids = {"user_id": list(users.values())}

    def add(name: str, path: str, body: dict[str, Any]) -> str:
        answer = client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        ids.setdefault(name, []).append(answer.json()["id"])
        return ids[name][-1]

    for n in range(EACH):
        agent = add("agent_id", "/v1/agents", {"name": mark, "prompt": mark})
        add("knowledge_id", f"/v1/agents/{agent}/knowledge", {"title": mark, "text": mark})
        add("skill_id", "/v1/skills", {"name": mark})
        add("team_id", "/v1/teams", {"name": mark, "members": [{"key": "front", "agent_id": agent}]})
        person = {"kind": "email", "value": f"{mark}-{n}-{uuid4().hex}@example.com"}
        customer = add("customer_id", "/v1/customers", {"name": mark, "identities": [person]})
        phone = {"kind": "crm", "value": f"{mark}-{n}-{uuid4().hex}"}
        known = add("identity_id", f"/v1/customers/{customer}/identities", phone)
        add("change_id", f"/v1/customers/{customer}/split", {"identity_ids": [known]})
        add("identity_id", f"/v1/customers/{customer}/identities", {**phone, "value": f"again {phone['value']}"})
        add("address_id", "/v1/addresses", {"channel": "webchat", "value": f"{mark}-{uuid4().hex}", "agent_id": agent})
        add("api_key_id", "/v1/api_keys", {"name": mark})
        add("price_id", "/v1/prices", {"vendor": mark, "unit": "message", "amount_micros": n})
        add("credential_id", "/v1/credentials", {"vendor": "openai", "name": mark, "key": f"sk-{mark}-{n}"})
        begun = begin(client, text=mark, metadata={"mark": mark}, agent_id=agent)
        client.put(f"/v1/interactions/{begun['id']}/tags", json={"tags": [mark]})
        ids.setdefault("interaction_id", []).append(begun["id"])
        add("secret_id", "/v1/tool_secrets", {"name": f"{mark}-{n}", "value": mark})
        ids.setdefault("call_id", []).append(called(api, begun["id"], mark))
        ids.setdefault("recording_id", []).append(recorded(api, begun["id"]))
        ids.setdefault("file_id", []).append(uploaded(client, mark.encode(), mark))
    return ids


def all_there_is(client: httpx.Client, ids: Ids) -> list[Any]:
    """The whole of a workspace, as its own people see it."""
    lists = (
        "agents",
        "skills",
        "teams",
        "credentials",
        "customers",
        "consents",
        "audit",
        "addresses",
        "api_keys",
        "interactions",
        "users",
        "events",
    )
    inside = [f"/v1/agents/{one}/knowledge" for one in ids["agent_id"]]
    inside += [f"/v1/customers/{one}/consents" for one in ids["customer_id"]]
    inside += [f"/v1/interactions/{one}/messages" for one in ids["interaction_id"]]
    inside += [f"/v1/interactions/{one}/tool-calls" for one in ids["interaction_id"]]
    inside += [f"/v1/interactions/{one}/recordings" for one in ids["interaction_id"]]
    inside += [f"/v1/customers/{one}/changes" for one in ids["customer_id"]]
    seen = [everything(client, path) for path in (*(f"/v1/{name}" for name in lists), *inside)]
    for key in seen[lists.index("api_keys")]:
        key.pop("last_used_at")
    return [*seen, client.get("/v1/prices").json(), client.get("/v1/workspace").json()]


@pytest.fixture(scope="module")
def my_ids(api: Api, mine: httpx.Client) -> Ids:
    return furnish(api, mine, api.mine.users, "mine")


@pytest.fixture(scope="module")
def their_ids(api: Api, other: httpx.Client) -> Ids:
    return furnish(api, other, api.other.users, SECRET)


def asked(client: httpx.Client, operation: Operation, path: str, body: Any = None) -> httpx.Response:
    return client.request(operation.method, path, json=operation.body if body is None else body)


@pytest.mark.timeout(900)
def test_no_id_of_another_workspace_opens_any_route(
    api: Api, mine: httpx.Client, other: httpx.Client, my_ids: Ids, their_ids: Ids
) -> None:
    before, asked_count = all_there_is(other, their_ids), 0
    foreign = list(itertools.chain.from_iterable(their_ids.values()))
    for operation in operations(api.url):
        for place in operation.parameters:
            for identifier in foreign:
                ids = {name: my_ids[name][0] for name in operation.parameters} | {place: identifier}
                answer = asked(mine, operation, operation.at(**ids))
                asked_count += 1
                assert answer.status_code == 404, f"{operation} with {identifier} at {place}: {answer.text}"
                assert SECRET not in answer.text
    assert asked_count > 1500
    assert all_there_is(other, their_ids) == before


def test_no_list_shows_anything_of_another_workspace(api: Api, mine: httpx.Client, my_ids: Ids, their_ids: Ids) -> None:
    for operation in operations(api.url):
        if operation.method != "GET" or operation.path.endswith("/stream"):
            continue
        path = operation.at(**{name: my_ids[name][0] for name in operation.parameters})
        answer = mine.get(path + ASKED_WITH.get(operation.path, ""))
        if answer.status_code == 409 and operation.path in ASK_THE_PROVIDER:
            continue
        assert answer.status_code == 200, f"{operation}: {answer.text}"
        assert SECRET not in answer.text
        assert not any(one in answer.text for one in itertools.chain.from_iterable(their_ids.values()))


def test_no_filter_finds_anything_of_another_workspace(mine: httpx.Client, their_ids: Ids) -> None:
    filters = [{"agent_id": one} for one in their_ids["agent_id"]]
    filters += [{"customer_id": one} for one in their_ids["customer_id"]]
    for wanted in [*filters, {"tag": SECRET}, {"q": SECRET}]:
        assert mine.get("/v1/interactions", params=wanted).json()["data"] == []
    assert mine.get("/v1/customers", params={"q": SECRET}).json()["data"] == []


def test_no_body_can_point_into_another_workspace(
    api: Api, mine: httpx.Client, other: httpx.Client, my_ids: Ids, their_ids: Ids
) -> None:
    before, asked_count = all_there_is(other, their_ids), 0
    for operation in operations(api.url):
        if operation.body is None:
            continue
        path = operation.at(**{name: my_ids[name][0] for name in operation.parameters})
        for field in (
            "agent_id", "address_id", "user_id", "customer_id", "workspace_id", "operator_id", "credential_id", "id",
        ):  # fmt: skip
            for identifier in their_ids.get(field, [str(api.other.workspace_id)])[:4]:
                body = {**operation.body, field: identifier}
                if operation.path == "/v1/interactions":
                    body = {"channel": "webchat", "to": "visitor-1", "text": "x", field: identifier}
                answer = asked(mine, operation, path, body)
                asked_count += 1
                assert answer.status_code in (400, 404), f"{operation} with {field}: {answer.text}"
                assert SECRET not in answer.text
    assert asked_count > 100
    assert all_there_is(other, their_ids) == before


def test_no_file_of_another_workspace_can_be_attached(
    mine: httpx.Client, other: httpx.Client, my_ids: Ids, their_ids: Ids
) -> None:
    for identifier in their_ids["file_id"][:4]:
        media = {"text": "x", "media": [{"file_id": identifier}]}
        begun = {"channel": "webchat", "to": "visitor-1", **media}
        for path, body in ((f"/v1/interactions/{my_ids['interaction_id'][0]}/messages", media),
                           ("/v1/interactions", begun)):  # fmt: skip
            answer = mine.post(path, json=body)
            assert answer.status_code == 404
            assert answer.json()["errors"][0]["pointer"] == "#/media/0/file_id"
            assert SECRET not in answer.text
        assert other.get(f"/v1/files/{identifier}").content == SECRET.encode()


def test_a_cursor_of_another_workspace_shows_only_ones_own(mine: httpx.Client, other: httpx.Client) -> None:
    for path in ("/v1/agents", "/v1/customers", "/v1/interactions", "/v1/events"):
        cursor = other.get(path, params={"limit": 1}).json()["next_cursor"]
        assert SECRET not in mine.get(path, params={"cursor": cursor}).text
