"""Live events: nothing is missed, whenever one connects, however often one comes back."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api_fixtures import Api, api, begin, everything, mine

__all__ = ["api", "mine"]


@contextmanager
def following(client: httpx.Client, path: str, last: object = "") -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a stream as they come: `id`, `event`, `data`."""
    headers = {"Last-Event-ID": str(last)} if last != "" else {}
    with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == ": hello"
        yield _events(lines)


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value
        elif "data" in event:
            yield event
            event = {}


def said(client: httpx.Client, interaction_id: str, text: str) -> None:
    assert client.post(f"/v1/interactions/{interaction_id}/messages", json={"text": text}).status_code == 201


def test_an_interaction_is_followed_from_its_first_event(api: Api, mine: httpx.Client) -> None:
    begun = begin(mine)
    stored = everything(mine, f"/v1/interactions/{begun['id']}/events")
    with following(api.mine.client(), f"/v1/interactions/{begun['id']}/events/stream") as events:
        seen = [next(events) for _ in stored]
        assert [event["data"] for event in seen] == stored
        assert [event["event"] for event in seen] == [one["type"] for one in stored]
        said(mine, begun["id"], "Live!")
        assert next(events)["data"]["data"]["text"] == "Live!"


def test_who_comes_back_goes_on_after_the_last_event_seen(api: Api, mine: httpx.Client) -> None:
    begun, client = begin(mine), api.mine.client()
    path = f"/v1/interactions/{begun['id']}/events/stream"
    with following(client, path) as events:
        last = next(events)["id"]
    for n in range(5):
        said(mine, begun["id"], f"while away {n}")
    with following(client, path, last) as events:
        seen = [next(events)["id"] for _ in range(6)]
    assert seen == [str(n) for n in range(int(last) + 1, int(last) + 7)]


def test_two_hundred_events_written_meanwhile_come_each_once_in_order(api: Api, mine: httpx.Client) -> None:
    begun = begin(mine)
    before = len(everything(mine, f"/v1/interactions/{begun['id']}/events"))

    def talk() -> None:
        with httpx.Client(base_url=api.url, headers=mine.headers) as client:
            for n in range(50):
                said(client, begun["id"], f"m{n}")

    with following(api.mine.client(), f"/v1/interactions/{begun['id']}/events/stream") as events:
        talkers = [threading.Thread(target=talk) for _ in range(4)]
        for talker in talkers:
            talker.start()
        seqs = [int(next(events)["id"]) for _ in range(before + 200)]
        for talker in talkers:
            talker.join()
    assert seqs == list(range(1, before + 201))


def test_the_workspace_is_followed_from_now_on(api: Api, mine: httpx.Client) -> None:
    old = begin(mine)
    with following(api.mine.client(), "/v1/events/stream") as events:
        new = begin(mine)
        first = next(events)["data"]
        assert (first["interaction_id"], first["type"]) == (new["id"], "interaction.started")
        assert first["trace_id"] == new["trace_id"] != old["trace_id"]


def test_a_follower_of_the_workspace_who_comes_back_misses_nothing(api: Api, mine: httpx.Client) -> None:
    client = api.mine.client()
    with following(client, "/v1/events/stream") as events:
        begin(mine)
        last = next(events)["id"]
    away = [begin(mine)["id"] for _ in range(20)]
    wanted = {one["id"] for one in everything(mine, "/v1/events") if one["id"] > last}
    assert len(wanted) >= 2 * len(away)
    with following(client, "/v1/events/stream", last) as events:
        seen: list[str] = []
        while not wanted <= set(seen):
            seen.append(next(events)["id"])
    assert len(seen) == len(set(seen))


def test_everything_many_talkers_do_reaches_a_follower_of_the_workspace(api: Api, mine: httpx.Client) -> None:
    def talk() -> None:
        with httpx.Client(base_url=api.url, headers=mine.headers) as client:
            for _ in range(5):
                begun = begin(client)
                said(client, begun["id"], "more")
                ids.append(begun["id"])

    ids: list[str] = []
    with following(api.mine.client(), "/v1/events/stream") as events:
        talkers = [threading.Thread(target=talk) for _ in range(6)]
        for talker in talkers:
            talker.start()
        for talker in talkers:
            talker.join()
        wanted = {one["id"] for one in everything(mine, "/v1/events") if one["interaction_id"] in ids}
        seen: dict[str, list[int]] = {}
        got: set[str] = set()
        while not wanted <= got:
            event = next(events)
            got.add(event["id"])
            seen.setdefault(event["data"]["interaction_id"], []).append(event["data"]["seq"])
    for interaction_id in ids:
        assert seen[interaction_id] == sorted(set(seen[interaction_id]))


def test_another_workspace_is_not_heard(api: Api, mine: httpx.Client) -> None:
    theirs = begin(mine)
    client = api.other.client()
    assert client.get(f"/v1/interactions/{theirs['id']}/events/stream").status_code == 404
    with following(client, "/v1/events/stream") as events:
        begin(mine)
        own = begin(client)
        assert next(events)["data"]["interaction_id"] == own["id"]


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/v1/events/stream", "x"), ("/v1/events/stream", "7"), ("/v1/interactions/{id}/events/stream", "x"),
        ("/v1/interactions/{id}/events/stream", "-1"), ("/v1/interactions/{id}/events/stream", "9" * 30),
    ],
)  # fmt: skip
def test_a_last_event_id_that_is_none_is_refused(mine: httpx.Client, path: str, last: str) -> None:
    answer = mine.get(path.format(id=begin(mine)["id"]), headers={"Last-Event-ID": last})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "Last-Event-ID"


def test_an_interaction_that_is_not_there_cannot_be_followed(mine: httpx.Client) -> None:
    assert mine.get(f"/v1/interactions/{uuid4()}/events/stream").status_code == 404
