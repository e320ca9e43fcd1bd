"""What a key's scopes open: every route, each kind of key."""

from uuid import uuid4

import httpx
import pytest

from tests.api_fixtures import Api, api
from tests.api_routes import operations, routes

__all__ = ["api"]


def test_the_document_lists_every_route(api: Api) -> None:
    assert {(one.method, one.path) for one in operations(api.url)} == routes(api.app)


@pytest.mark.parametrize(("scopes", "opened"), [("read", {"GET"}), ("write", {"POST", "PUT", "PATCH", "DELETE"})])
def test_a_key_opens_the_routes_of_its_scope_and_no_other(api: Api, scopes: str, opened: set[str]) -> None:
    client = api.mine.client(scopes)
    for operation in operations(api.url):
        if operation.path == "/v1/events/stream":
            continue
        path = operation.at(**{name: str(uuid4()) for name in operation.parameters})
        answer = client.request(operation.method, path, json=operation.body)
        refused = answer.status_code == 403 and answer.json()["detail"].startswith("This needs the scope")
        assert refused == (operation.method not in opened), str(operation)


def test_a_read_key_cannot_follow_up_with_an_idempotency_key(api: Api) -> None:
    answer = api.mine.client("read").post("/v1/agents", json={"name": "x"}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 403
    assert api.mine.client().post("/v1/agents", json={"name": "x"}).status_code == 201


def test_without_a_key_every_route_is_closed(api: Api) -> None:
    for operation in operations(api.url):
        path = operation.at(**{name: str(uuid4()) for name in operation.parameters})
        answer = httpx.request(operation.method, api.url + path, json=operation.body)
        assert answer.status_code == 401, str(operation)


def test_a_write_key_cannot_follow_the_stream(api: Api) -> None:
    assert api.mine.client("write").get("/v1/events/stream").status_code == 403


def test_every_route_declares_a_scope(api: Api) -> None:
    for route in api.app.routes:
        if route.path.startswith("/v1"):
            for handler in route.route_handlers:
                assert handler.opt.get("scope") in ("read", "write") or "OPTIONS" in handler.http_methods
                assert not handler.opt.get("public")
