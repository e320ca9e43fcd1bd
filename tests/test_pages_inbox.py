"""The inbox's pages through the public door: lists, filters, search, acts, other people's data."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from hub.store import inbox
from tests.desk import Desk, desk_in
from tests.test_signin import sign_in


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk_in(Path(tmp_path_factory.mktemp("desk"))) as made:
        yield made


@pytest.fixture(scope="module")
def ana(desk: Desk) -> Iterator[httpx.Client]:
    yield from signed_in(desk, "ana@example.com")


@pytest.fixture(scope="module")
def vera(desk: Desk) -> Iterator[httpx.Client]:
    yield from signed_in(desk, "vera@example.com")


@pytest.fixture(scope="module")
def eve(desk: Desk) -> Iterator[httpx.Client]:
    """An admin of another workspace."""
    yield from signed_in(desk, "eve@example.com")


def signed_in(desk: Desk, email: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.url, headers={"accept": "text/html"}) as client:
        assert sign_in(client, email).status_code == 303
        client.headers.update({"x-csrftoken": client.cookies["hub_csrf"], "hx-request": "true"})
        yield client


def listed(client: httpx.Client, query: str) -> list[str]:
    page = client.get(f"/inbox?{query}").text
    return [part[:32] for part in page.split('id="r-')[1:]]


def test_who_waits_longest_comes_first(desk: Desk, ana: httpx.Client) -> None:
    made = [desk.texts(f"+1202555030{number}", f"question {number}") for number in range(3)]
    desk.run(desk.hub.take_over(desk.home, made[0], desk.user("ana@example.com")))
    desk.run(desk.hub.say(desk.home, made[0], "answered", operator=desk.user("ana@example.com")))
    assert listed(ana, "view=all")[:3] == [made[1].hex, made[2].hex, made[0].hex]
    assert listed(ana, "view=mine") == [made[0].hex]


def test_a_search_finds_words_beginnings_and_people(desk: Desk, ana: httpx.Client) -> None:
    it = desk.texts("+12025550310", "The turquoise Teapot is chipped", "Zoë Ångström")
    for words in ("teapot", "turq", "chipped teapot", "Zoë", "5550310"):
        assert listed(ana, f"q={words}") == [it.hex], words
    for words in ("teapots", '"', "* OR a", "NEAR(", "tea'pot", "'", "🙈", "a" * 300, "\x00"):
        assert ana.get("/inbox", params={"q": words}).status_code == 200
        assert it.hex not in listed(ana, str(httpx.QueryParams({"q": words}))), words


def test_filters_narrow_the_list(desk: Desk, ana: httpx.Client) -> None:
    it = desk.texts("+12025550311", "filter me")
    desk.run(desk.hub.tag(desk.home, it, ['100% "odd" _tag'], None))
    assert listed(ana, str(httpx.QueryParams({"view": "all", "tag": '100% "odd" _tag'}))) == [it.hex]
    assert listed(ana, "view=all&tag=100") == []
    assert it.hex in listed(ana, "view=all&channel=sms")
    assert listed(ana, "view=all&channel=webchat") == []
    assert listed(ana, f"view=all&agent={uuid4()}") == []


@pytest.mark.parametrize("query", ["view=nonsense", "agent=1", "view=all&cursor=zzz", "channel=%00"])
def test_odd_addresses_show_the_inbox(ana: httpx.Client, query: str) -> None:
    assert ana.get(f"/inbox?{query}").status_code == 200
    assert ana.get(f"/inbox/rows?{query}&cursor=9.9.9").status_code == 200


def test_the_list_goes_on_without_gaps_or_doubles(desk: Desk, ana: httpx.Client) -> None:
    for number in range(inbox.PAGE_ROWS + 7):
        desk.texts(f"+1202555{4000 + number}", "one of many")
    page = ana.get("/inbox?view=all").text
    rows = [part[:32] for part in page.split('id="r-')[1:]]
    while "/inbox/rows?" in page:
        path = page.split('hx-get="/inbox/rows?')[1].split('"')[0].replace("&amp;", "&")
        page = ana.get(f"/inbox/rows?{path}").text
        rows += [part[:32] for part in page.split('id="r-')[1:]]
    assert len(rows) == len(set(rows))
    assert len(rows) >= inbox.PAGE_ROWS + 7


def test_tags_assignment_snooze_and_closing(desk: Desk, ana: httpx.Client) -> None:
    it = desk.texts("+12025550312", "acts")
    at = f"/inbox/{it}"
    assert "vip" in ana.post(f"{at}/tag", data={"add": "vip"}).text
    assert desk.interaction(it).tags == ["vip"]
    ana.post(f"{at}/tag", data={"remove": "vip"})
    assert desk.interaction(it).tags == []
    assert ana.post(f"{at}/assign", data={"to": "queue"}).status_code == 200
    assert desk.interaction(it).owner == "queue"
    ben, vera = desk.user("ben@example.com"), desk.user("vera@example.com")
    assert ana.post(f"{at}/assign", data={"to": str(ben.id)}).status_code == 200
    assert desk.interaction(it).operator_id == ben.id
    refused = ana.post(f"{at}/assign", data={"to": str(vera.id)})
    assert refused.status_code == 409
    assert "cannot answer customers" in json.loads(refused.headers["hx-trigger"])["hub:toast"]["text"]
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert ana.post(f"{at}/snooze", data={"until": late}).status_code == 200
    assert it.hex in listed(ana, "view=snoozed")
    for until in ("yesterday", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00"):
        assert ana.post(f"{at}/snooze", data={"until": until}).status_code == 409
    assert ana.post(f"{at}/close").status_code == 200
    assert it.hex in listed(ana, "view=closed")
    assert ana.post(f"{at}/no-such-act").status_code == 409


def test_a_refused_reply_says_why(desk: Desk, ana: httpx.Client) -> None:
    it = desk.texts("+12025550313", "say")
    answer = ana.post(f"/inbox/{it}/messages", data={"text": "hello"})
    assert (answer.status_code, "Take over first" in answer.text) == (409, True)
    ana.post(f"/inbox/{it}/take-over")
    assert ana.post(f"/inbox/{it}/messages", data={"text": "x" * 1601}).status_code == 409
    assert ana.post(f"/inbox/{it}/messages", data={"text": "  "}).status_code == 409
    assert ana.post(f"/inbox/{it}/messages", data={"text": "hello"}).status_code == 200


def test_a_viewer_changes_nothing(desk: Desk, vera: httpx.Client) -> None:
    it = desk.texts("+12025550314", "look only")
    for act in ("take-over", "assign", "tag", "snooze", "close", "messages"):
        assert vera.post(f"/inbox/{it}/{act}", data={"text": "x", "to": "me", "add": "x"}).status_code == 403
    assert vera.get(f"/interactions/{it}").status_code == 200


def test_nothing_of_another_workspace_is_seen_or_changed(desk: Desk, eve: httpx.Client) -> None:
    it = desk.texts("+12025550315", "a secret of ours")
    message = desk.messages(it)[0]
    customer = desk.interaction(it).customer_id
    assert listed(eve, "view=all") == []
    assert listed(eve, "q=secret") == []
    for path in (
        f"/inbox?interaction={it}", f"/inbox/{it}/thread", f"/inbox/{it}/older", f"/interactions/{it}",
        f"/interactions/{it}/transcript.txt", f"/interactions/{it}/transcript.json",
    ):  # fmt: skip
        answer = eve.get(path)
        assert answer.status_code == 404, path
        assert "secret" not in answer.text
    for act in ("take-over", "tag", "close", "messages"):
        assert eve.post(f"/inbox/{it}/{act}", data={"text": "x", "add": "x"}).status_code in (404, 409)
    assert eve.post(f"/inbox/messages/{message.id}/again").status_code == 409
    assert eve.post(f"/inbox/customers/{customer}/notes", data={"notes": "x"}).status_code == 404
    assert (desk.interaction(it).owner, desk.interaction(it).tags) == ("ai", [])


def test_the_whole_interaction_can_be_read_and_taken_away(desk: Desk, ana: httpx.Client) -> None:
    it = desk.texts("+12025550316", "line one\nline two", "Ana <b>Bold</b>")
    desk.run(desk.hub.say(desk.home, it, "only for us", operator=desk.user("ana@example.com"), note=True))
    desk.logs(it, "field.collected", field="party_size", value=4, evidence="four of us")
    for tab, shown in (
        ("transcript", "line one"), ("events", "message.created"), ("results", "four of us"), ("agent", "Maya"),
    ):  # fmt: skip
        page = ana.get(f"/interactions/{it}?tab={tab}", headers={"hx-request": ""})
        assert (page.status_code, shown in page.text, "<b>Bold" in page.text) == (200, True, False)
    text = ana.get(f"/interactions/{it}/transcript.txt")
    assert "line two" in text.text
    assert "only for us" not in text.text
    assert "attachment" in text.headers["content-disposition"]
    whole: dict[str, Any] = ana.get(f"/interactions/{it}/transcript.json").json()
    assert [said["text"] for said in whole["messages"]] == ["line one\nline two"]
    assert UUID(whole["id"]) == it
