"""How fast a key may ask."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.api_fixtures import Api, serving_api
from tests.conftest import Databases
from web.api.rate import Buckets

START = datetime(2026, 1, 31, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def slow(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("hub")
    url = Databases(sqlite_template, "", folder).new("sqlite")
    with serving_api(folder, url, hub_api_rate=2, hub_api_burst=5) as made:
        made.clock.stopped = START
        yield made


def test_a_key_may_ask_in_bursts_and_then_waits(slow: Api) -> None:
    client = slow.mine.client()
    answers = [client.get("/v1/workspace") for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert [one.headers["ratelimit"] for one in answers[:2]] == ['"key";r=4;t=1', '"key";r=3;t=1']
    assert answers[0].headers["ratelimit-policy"] == '"key";q=5;w=2'
    told = answers[5].json()
    assert (told["code"], answers[5].headers["retry-after"]) == ("rate_limited", "1")
    assert answers[5].headers["content-type"] == "application/problem+json"
    slow.clock.stopped = START + timedelta(seconds=1)
    assert [client.get("/v1/workspace").status_code for _ in range(3)] == [200, 200, 429]


def test_one_key_does_not_slow_down_another(slow: Api) -> None:
    slow.clock.stopped = START + timedelta(hours=1)
    for _ in range(6):
        slow.mine.client("read").get("/v1/workspace")
    assert slow.other.client("read").get("/v1/workspace").status_code == 200


def test_what_has_no_key_is_counted_by_where_it_comes_from(slow: Api) -> None:
    slow.clock.stopped = START + timedelta(hours=2)
    client = slow.mine.client("write")
    client.headers["Authorization"] = "Bearer nonsense"
    assert [client.get("/v1/workspace").status_code for _ in range(6)] == [401] * 5 + [429]


def test_a_clock_that_goes_back_gives_and_takes_nothing() -> None:
    buckets = Buckets(per_second=1, burst=2)
    assert [buckets.take("a", at) for at in (10.0, 5.0)] == [1, 0]
    assert buckets.take("a", 5.0) < 0


def test_buckets_of_the_whole_world_do_not_fill_the_memory() -> None:
    buckets = Buckets(per_second=1, burst=2)
    for n in range(20_000):
        buckets.take(str(n), 0.0)
    assert len(buckets._left) <= 10_000
