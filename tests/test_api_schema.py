"""The OpenAPI document: complete, readable, and true of the server."""

import contextlib
import copy
import json
import re
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.api_fixtures import TEAM, Api, api, begin, called, mine, recorded, uploaded

__all__ = ["api", "mine"]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{api.url}/schema/openapi.json").json()
    return found


def test_the_document_is_open_to_all_and_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["securitySchemes"]) == {"bearer", "basic"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document))
    assert references
    assert set(references) == set(schemas), set(references) ^ set(schemas)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert set(operation["tags"]) <= tags, path
            assert {"400", "401", "403", "429"} <= set(operation["responses"]), f"{method} {path}"
            names.append(operation["operationId"])
    assert len(names) == len(set(names))


def test_every_shape_that_comes_in_or_goes_out_has_an_example_that_fits_it(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            whole = {**schema, "components": document["components"]}
            assert jsonschema_rs.is_valid(whole, example), f"{name}: {example}"
    for methods in document["paths"].values():
        for operation in methods.values():
            for content in (operation.get("requestBody"), operation["responses"].get("200")):
                reference = json.dumps(content or {}).partition("#/components/schemas/")[2].partition('"')[0]
                if reference and not reference.endswith("Page"):
                    assert document["components"]["schemas"][reference]["examples"], reference


def test_the_server_does_what_the_document_says(api: Api, mine: httpx.Client, document: dict[str, Any]) -> None:
    """Schemathesis: requests made up from the document, right ones and wrong ones."""
    begun = begin(mine)
    known = {
        "interaction_id": begun["id"],
        "customer_id": begun["customer_id"],
        "agent_id": mine.post("/v1/agents", json={"name": "x"}).json()["id"],
        "skill_id": mine.post("/v1/skills", json={"name": "x"}).json()["id"],
        "call_id": called(api, begun["id"]),
        "team_id": mine.post("/v1/teams", json=TEAM).json()["id"],
        "recording_id": recorded(api, begun["id"]),
        "file_id": uploaded(mine),
    }
    told = copy.deepcopy(document)
    del told["security"], told["components"]["securitySchemes"]  # the key is always right here
    schema = schemathesis.openapi.from_dict(told)
    schema.config.base_url = api.url
    session = {"Authorization": mine.headers["Authorization"]}
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/stream"):
            continue

        def right(case: schemathesis.Case) -> None:
            for name in case.path_parameters or {}:
                if name in known and case.operation.method.upper() != "DELETE":
                    case.path_parameters[name] = known[name]
            check(case)

        def check(case: schemathesis.Case) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(headers=session, checks=CHECKS)

        _run(operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE), right)
        _run(operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE), check)
    assert tried > 500


def _run(strategy: Any, check: Any) -> None:
    test = settings(
        max_examples=12, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), derandomize=True,
    )(given(strategy)(check))  # fmt: skip
    with contextlib.suppress(Unsatisfiable):
        test()
