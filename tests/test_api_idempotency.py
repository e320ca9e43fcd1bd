"""`Idempotency-Key`: however often and however a POST is sent, it is carried out once."""

import asyncio
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hub.models import Replay
from hub.models.columns import new_id, utcnow
from hub.store import Store, replays
from tests.api_fixtures import Api, api, begin, everything, mine

__all__ = ["api", "mine"]


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


def test_a_repeated_request_gives_the_stored_answer(mine: httpx.Client) -> None:
    headers, body = key(), {"name": f"once {uuid4().hex}"}
    first = mine.post("/v1/agents", json=body, headers=headers)
    again = mine.post("/v1/agents", json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert [one["name"] for one in everything(mine, "/v1/agents")].count(body["name"]) == 1


def test_what_is_said_twice_under_one_key_is_said_once(mine: httpx.Client) -> None:
    path, headers = f"/v1/interactions/{begin(mine)['id']}/messages", key()
    ids = {mine.post(path, json={"text": "Only once"}, headers=headers).json()["id"] for _ in range(4)}
    assert len(ids) == 1
    assert [one["text"] for one in mine.get(path).json()["data"]] == ["Hello!", "Only once"]


@pytest.mark.parametrize(("path", "body"), [("/v1/agents", {"name": "b"}), ("/v1/skills", {"name": "a"})])
def test_another_request_under_the_same_key_is_refused(mine: httpx.Client, path: str, body: dict[str, Any]) -> None:
    headers = key()
    mine.post("/v1/agents", json={"name": "a"}, headers=headers)
    answer = mine.post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_request_that_was_not_understood_may_be_mended_under_its_key(mine: httpx.Client) -> None:
    headers = key()
    assert mine.post("/v1/agents", json={"nam": "a"}, headers=headers).status_code == 400
    assert mine.post("/v1/agents", json={"name": "a"}, headers=headers).status_code == 201


def test_a_decision_is_kept_like_an_answer(mine: httpx.Client) -> None:
    headers, begun = key(), begin(mine)
    mine.post(f"/v1/interactions/{begun['id']}/end")
    answers = [
        mine.post(f"/v1/interactions/{begun['id']}/messages", json={"text": "x"}, headers=headers) for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [409, 409]
    assert answers[0].json()["trace_id"] == answers[1].json()["trace_id"]


def test_the_same_key_of_two_workspaces_is_two_keys(api: Api, mine: httpx.Client) -> None:
    headers = key()
    first = mine.post("/v1/agents", json={"name": "a"}, headers=headers)
    second = api.other.client().post("/v1/agents", json={"name": "a"}, headers=headers)
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("bad", ["", "x" * 256, "naïve"])
def test_a_key_that_is_none_is_refused(mine: httpx.Client, bad: str) -> None:
    answer = mine.post("/v1/agents", json={"name": "a"}, headers={"Idempotency-Key": bad.encode()})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"


def test_a_new_api_keys_secret_is_not_kept_for_repeats(api: Api, mine: httpx.Client) -> None:
    headers = key()
    secret = mine.post("/v1/api_keys", json={"name": "x"}, headers=headers).json()["secret"]
    answer = mine.post("/v1/api_keys", json={"name": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_done")
    assert secret not in api.database(_kept_under(api, headers["Idempotency-Key"])).body


def test_after_a_day_a_key_is_new_again(api: Api, mine: httpx.Client) -> None:
    headers = key()
    first = mine.post("/v1/agents", json={"name": "a"}, headers=headers).json()
    api.clock.offset = timedelta(hours=25)
    try:
        second = mine.post("/v1/agents", json={"name": "a"}, headers=headers).json()
    finally:
        api.clock.offset = timedelta()
    assert first["id"] != second["id"]


def test_duplicates_at_the_same_moment_have_one_effect(mine: httpx.Client) -> None:
    name, headers = f"burst {uuid4().hex}", key()
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(mine.post("/v1/agents", json={"name": name}, headers=headers).status_code)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(201) >= 1
    assert set(statuses) <= {201, 409}
    assert [one["name"] for one in everything(mine, "/v1/agents")].count(name) == 1


def _kept_under(api: Api, name: str) -> Any:
    async def read(store: Store) -> Replay:
        async with store.read() as db:
            found = await db.get(Replay, (api.mine.workspace_id, name))
            assert found is not None
            return found

    return read


def _lost(api: Api, name: str, state: str, seconds: int) -> None:
    """The row as a process leaves it that dies in this state so long ago."""

    async def write(store: Store) -> None:
        async with store.write() as db:
            found = await db.get(Replay, (api.mine.workspace_id, name))
            assert found is not None
            found.state, found.body, found.held_at = state, "", utcnow() - timedelta(seconds=seconds)

    api.database(write)


def test_while_the_first_is_at_work_a_duplicate_is_told_to_wait(api: Api, mine: httpx.Client) -> None:
    headers = key()
    mine.post("/v1/agents", json={"name": "a"}, headers=headers)
    _lost(api, headers["Idempotency-Key"], "running", seconds=5)
    answer = mine.post("/v1/agents", json={"name": "a"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "concurrent")
    assert answer.headers["retry-after"] == "1"


def test_what_died_before_its_effect_is_carried_out_by_the_next(api: Api, mine: httpx.Client) -> None:
    headers = key()
    first = mine.post("/v1/agents", json={"name": "a"}, headers=headers).json()
    _lost(api, headers["Idempotency-Key"], "running", seconds=120)
    second = mine.post("/v1/agents", json={"name": "a"}, headers=headers)
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]


def test_what_died_after_its_effect_is_never_carried_out_again(api: Api, mine: httpx.Client) -> None:
    headers = key()
    mine.post("/v1/agents", json={"name": "a"}, headers=headers)
    _lost(api, headers["Idempotency-Key"], "committed", seconds=120)
    answer = mine.post("/v1/agents", json={"name": "a"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_done")


def test_who_was_overtaken_has_no_effect(api: Api) -> None:
    """A request that hung for a minute while another took over rolls its transaction back."""

    async def race(store: Store) -> int:
        slow = replays.Claim(api.mine.workspace_id, uuid4().hex, new_id())
        fast = replays.Claim(api.mine.workspace_id, slow.key, new_id())
        async with store.write() as db:
            assert await replays.claim(db, slow, "d", utcnow()) is None
        async with store.write() as db:
            assert await replays.claim(db, fast, "d", utcnow() + timedelta(seconds=90)) is None
        token = replays.current.set(slow)
        try:
            with pytest.raises(replays.Fenced):
                async with store.write():
                    await asyncio.sleep(0)
        finally:
            replays.current.reset(token)
        assert not slow.marked
        return 1

    assert api.database(race) == 1
