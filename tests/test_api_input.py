"""Bad input gets a clear error at every route: never a 500, never a silent drop."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api_fixtures import TEAM, Api, api, begin, called, mine, recorded, uploaded
from tests.api_routes import Operation, operations

__all__ = ["api", "mine"]

JSON = {"Content-Type": "application/json"}
NOT_JSON = [
    b"", b"{", b"nul", b"\xff\xfe", b'{"name":"\xff"}', b'{"name":"\\ud800"}', b"NaN", b'{"a":NaN}', b'{"a":1e999}',
    b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"\xef\xbb\xbf{}", b'{"a":' + b"9" * 5_000 + b"}",
]  # fmt: skip
NOT_AN_OBJECT = [b"null", b"1", b'"x"', b"[]", b"[{}]", b"true"]
STRANGE: list[Any] = [
    None, True, 0, -1, 2**63, 2**200, 1.5, "", " ", "\0", "a\0b", "\u202e", "😀" * 50, "x" * 100_001, [], {},
    [[]], [None], {"": ""}, {"\0": 1}, ["x"] * 10_000, {"a": {"b": ["\0"]}}, "'; DROP TABLE agent; --", "<script>",
]  # fmt: skip


@pytest.fixture(scope="module")
def ids(api: Api, mine: httpx.Client) -> dict[str, str]:
    agent = mine.post("/v1/agents", json={"name": "x"}).json()["id"]
    begun = begin(mine)
    return {
        "agent_id": agent,
        "knowledge_id": str(uuid4()),
        "identity_id": str(uuid4()),
        "change_id": str(uuid4()),
        "skill_id": mine.post("/v1/skills", json={"name": "x"}).json()["id"],
        "team_id": mine.post("/v1/teams", json=TEAM).json()["id"],
        "customer_id": begun["customer_id"],
        "address_id": mine.post("/v1/addresses", json={"channel": "webchat", "value": uuid4().hex}).json()["id"],
        "api_key_id": str(uuid4()),
        "credential_id": str(uuid4()),
        "price_id": str(uuid4()),
        "interaction_id": begun["id"],
        "secret_id": str(uuid4()),
        "call_id": called(api, begun["id"]),
        "recording_id": recorded(api, begun["id"]),
        "file_id": uploaded(mine),
    }


def writing(api: Api) -> Iterator[Operation]:
    return (one for one in operations(api.url) if one.body is not None)


def is_problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["detail"]
    assert told["trace_id"]
    return told


def test_what_is_not_json_is_refused_everywhere(api: Api, mine: httpx.Client, ids: dict[str, str]) -> None:
    for operation in writing(api):
        for body in (*NOT_JSON, *NOT_AN_OBJECT):
            answer = mine.request(operation.method, operation.at(**ids), content=body, headers=JSON)
            assert answer.status_code == 400, f"{operation} {body[:40]!r}: {answer.text}"
            is_problem(answer)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]
)
def test_a_body_of_another_type_is_refused_everywhere(
    api: Api, mine: httpx.Client, ids: dict[str, str], kind: str
) -> None:
    for operation in writing(api):
        body = json.dumps(operation.body).encode()
        answer = mine.request(operation.method, operation.at(**ids), content=body, headers={"Content-Type": kind})
        assert answer.status_code == 415, str(operation)
        is_problem(answer)


def test_an_unknown_field_is_named_everywhere(api: Api, mine: httpx.Client, ids: dict[str, str]) -> None:
    for operation in writing(api):
        answer = mine.request(operation.method, operation.at(**ids), json={**(operation.body or {}), "a/~b": 1})
        assert answer.status_code == 400, f"{operation}: {answer.text}"
        assert {"pointer": "#/a~1~0b", "detail": "This field is not known; leave it out."} in answer.json()["errors"]


def test_no_value_of_any_field_breaks_the_server(api: Api, mine: httpx.Client, ids: dict[str, str]) -> None:
    document = httpx.get(f"{api.url}/schema/openapi.json").json()["components"]["schemas"]
    for operation in writing(api):
        if operation.path == "/v1/api_keys":
            continue
        shape = next(schema for schema in document.values() if (schema.get("examples") or [None])[0] == operation.body)
        for field in shape["properties"]:
            for value in STRANGE:
                body = {**(operation.body or {}), field: value}
                if operation.path == "/v1/workspace":
                    body.pop("name", None)
                answer = mine.request(operation.method, operation.at(**ids), json=body)
                assert answer.status_code < 500, f"{operation} {field}={value!r:.60}: {answer.text}"
                if answer.status_code >= 400:
                    is_problem(answer)


def test_no_parameter_breaks_the_server(api: Api, mine: httpx.Client, ids: dict[str, str]) -> None:
    document = httpx.get(f"{api.url}/schema/openapi.json").json()["paths"]
    strange = [
        "", " ", "%00", "%ff", "%ed%a0%80", "x", "-1", "0", "201", "9" * 30, "1.5", "true", "null", "%F0%9F%98%80",
        "2026-13-01", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59", str(uuid4()), "x" * 5000, "[]",
    ]  # fmt: skip
    for operation in operations(api.url):
        if operation.method != "GET" or operation.path.endswith("/stream"):
            continue
        if operation.path == "/v1/voices/preview":
            continue  # it must be asked for a voice; `test_voices` asks it strangely
        given = document[operation.path]["get"].get("parameters", [])
        for name in [one["name"] for one in given if one["in"] == "query"] + ["nonsense"]:
            for value in strange:
                answer = mine.get(f"{operation.at(**ids)}?{name}={value}")
                if answer.status_code == 409 and operation.path == "/v1/templates":
                    continue  # the provider was asked, and is not at hand here
                assert answer.status_code in (200, 400), f"{operation} {name}={value}: {answer.text}"
                if answer.status_code == 400:
                    assert is_problem(answer)["errors"][0]["parameter"] == name


def test_a_parameter_given_twice_is_refused(mine: httpx.Client) -> None:
    assert mine.get("/v1/agents?limit=1&limit=2").status_code == 400


@pytest.mark.parametrize(
    "identifier", ["x", "%00", "1", "..%2f..", "0193a5f0-0000-7000-8000-0000000000", "%ff", "null"]
)
def test_an_id_that_is_none_is_not_found(mine: httpx.Client, identifier: str) -> None:
    answer = mine.get(f"/v1/agents/{identifier}")
    assert answer.status_code == 404
    is_problem(answer)


def test_a_text_of_a_megabyte_is_refused_with_what_fits(mine: httpx.Client, ids: dict[str, str]) -> None:
    path = f"/v1/interactions/{ids['interaction_id']}/messages"
    answer = mine.post(path, json={"text": "x" * 1_000_000})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/text"
    answer = mine.post(path, json={"text": "x" * 100_000})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_long")


def test_a_body_beyond_two_megabytes_is_refused(mine: httpx.Client) -> None:
    answer = mine.post("/v1/agents", content=b'{"name":"' + b"x" * 2_100_000 + b'"}', headers=JSON)
    assert answer.status_code == 413
    is_problem(answer)


def test_every_path_says_which_methods_it_has(api: Api, mine: httpx.Client, ids: dict[str, str]) -> None:
    methods: dict[str, set[str]] = {}
    for operation in operations(api.url):
        methods.setdefault(operation.at(**ids), set()).add(operation.method)
    for path, allowed in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
            answer = mine.request(method, path)
            assert answer.status_code == 405, f"{method} {path}"
            assert set(answer.headers["allow"].split(", ")) == allowed
            is_problem(answer)


def test_an_address_that_is_none_is_a_problem_too(mine: httpx.Client) -> None:
    answer = mine.get("/v1/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "openapi.json" in is_problem(answer)["detail"]


def test_many_wrong_fields_are_all_named(mine: httpx.Client) -> None:
    answer = mine.post("/v1/agents", json={"name": "", "language": 1, "tools": [{"name": "9"}], "flow": 2})
    pointers = {one["pointer"] for one in answer.json()["errors"]}
    assert pointers == {"#/name", "#/language", "#/tools/0/name", "#/flow"}
