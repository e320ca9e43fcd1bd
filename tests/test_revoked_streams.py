"""A stream of events ends with the key that opened it."""

import httpx
import pytest

from tests.api_fixtures import Api, api, begin, mine

__all__ = ["api", "mine"]


STREAMS = ["/v1/events/stream", "/v1/interactions/{id}/events/stream", "/v1/interactions/{id}/transcript/stream"]


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_ends_when_its_key_is_revoked(api: Api, mine: httpx.Client, path: str) -> None:
    begun = begin(mine)
    made = mine.post("/v1/api_keys", json={"name": "Short-lived", "scopes": ["read"]}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    with (
        httpx.Client(base_url=mine.base_url, headers=headers, timeout=10) as program,
        program.stream("GET", path.format(id=begun["id"])) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == ": hello"
        assert mine.delete(f"/v1/api_keys/{made['id']}").status_code == 204
        text = {"text": "Not for revoked keys"}
        assert mine.post(f"/v1/interactions/{begun['id']}/messages", json=text).status_code == 201
        assert "Not for revoked keys" not in "".join(lines)
