"""Versions by the API: drafts, publishing, comparing, bringing back; of two who change, the second is told."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from hub.models import AgentVersion
from hub.store import Store
from tests.api_fixtures import Api, api, everything, mine, other

__all__ = ["api", "mine", "other"]


def made(client: httpx.Client, **fields: Any) -> str:
    answer = client.post("/v1/agents", json={"name": "Desk", "prompt": "Be kind.\nBe long.", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def drafted(client: httpx.Client, agent: str, **fields: Any) -> dict[str, Any]:
    answer = client.patch(f"/v1/agents/{agent}", json={"publish": False, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def seen(client: httpx.Client, agent: str, version: str = "published") -> dict[str, Any]:
    answer = client.get(f"/v1/agents/{agent}", params={"version": version})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_new_agent_is_published_as_version_1(api: Api, mine: httpx.Client) -> None:
    agent = made(mine)
    (first,) = everything(mine, f"/v1/agents/{agent}/versions")
    assert (first["number"], first["published_by"], first["restores"]) == (1, "Mine read write", None)
    assert (seen(mine, agent)["published_version"], seen(mine, agent)["has_draft"]) == (1, False)


def test_a_change_is_published_at_once_and_the_older_version_stays(mine: httpx.Client) -> None:
    agent = made(mine)
    mine.patch(f"/v1/agents/{agent}", json={"prompt": "Be brief.", "note": "Shorter"})
    assert [(one["number"], one["note"]) for one in everything(mine, f"/v1/agents/{agent}/versions")] == [
        (2, "Shorter"), (1, ""),
    ]  # fmt: skip
    assert (seen(mine, agent)["version"], seen(mine, agent)["prompt"]) == (2, "Be brief.")
    assert (seen(mine, agent, "1")["version"], seen(mine, agent, "1")["prompt"]) == (1, "Be kind.\nBe long.")


def test_a_change_that_changes_nothing_makes_no_version(mine: httpx.Client) -> None:
    agent = made(mine)
    assert mine.patch(f"/v1/agents/{agent}", json={"name": "Desk"}).json()["version"] == 1


def test_a_draft_is_not_what_customers_meet_until_it_is_published(mine: httpx.Client) -> None:
    agent = made(mine)
    shown = drafted(mine, agent, prompt="Be brief.")
    assert (shown["version"], shown["prompt"], shown["published_version"]) == (None, "Be brief.", 1)
    assert seen(mine, agent)["prompt"] == "Be kind.\nBe long."
    begun = mine.post("/v1/interactions", json={"channel": "webchat", "to": "ana", "agent_id": agent}).json()
    assert begun["agent_version"] == 1
    published = mine.post(f"/v1/agents/{agent}/publish", json={"note": "Shorter"}).json()
    assert (published["version"], published["prompt"], published["has_draft"]) == (2, "Be brief.", False)
    begun = mine.post("/v1/interactions", json={"channel": "webchat", "to": "ben", "agent_id": agent}).json()
    assert begun["agent_version"] == 2


def test_without_a_draft_there_is_nothing_to_publish(mine: httpx.Client) -> None:
    agent = made(mine)
    answer = mine.post(f"/v1/agents/{agent}/publish", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_publish")
    drafted(mine, agent, prompt="Be brief.")
    assert drafted(mine, agent, prompt="Be kind.\nBe long.")["has_draft"] is False, "it is as published again"


def test_a_discarded_draft_is_gone(mine: httpx.Client) -> None:
    agent = made(mine)
    drafted(mine, agent, prompt="Be brief.")
    assert mine.delete(f"/v1/agents/{agent}/draft").status_code == 204
    assert mine.delete(f"/v1/agents/{agent}/draft").status_code == 204, "discarding no draft changes nothing"
    assert seen(mine, agent, "draft")["prompt"] == "Be kind.\nBe long."


def test_a_change_published_at_once_goes_into_the_draft_too_and_takes_nothing_of_it_along(mine: httpx.Client) -> None:
    agent = made(mine)
    drafted(mine, agent, prompt="Half finished")
    mine.patch(f"/v1/agents/{agent}", json={"opening_message": "Hello!"})
    published, draft = seen(mine, agent), seen(mine, agent, "draft")
    assert (published["prompt"], published["opening_message"]) == ("Be kind.\nBe long.", "Hello!")
    assert (draft["prompt"], draft["opening_message"]) == ("Half finished", "Hello!")


def test_what_was_published_is_brought_back_under_a_new_number(mine: httpx.Client) -> None:
    agent = made(mine)
    mine.patch(f"/v1/agents/{agent}", json={"prompt": "Be brief."})
    drafted(mine, agent, description="In the works")
    back = mine.post(f"/v1/agents/{agent}/rollback", json={"version": 1, "note": "It was better"}).json()
    assert (back["version"], back["prompt"], back["has_draft"]) == (3, "Be kind.\nBe long.", True)
    newest = everything(mine, f"/v1/agents/{agent}/versions")[0]
    assert (newest["number"], newest["restores"], newest["note"]) == (3, 1, "It was better")
    again = mine.post(f"/v1/agents/{agent}/rollback", json={"version": 1})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_publish")
    assert mine.post(f"/v1/agents/{agent}/rollback", json={"version": 99}).status_code == 404


def test_any_two_are_compared_field_by_field(mine: httpx.Client) -> None:
    agent = made(mine)
    mine.patch(f"/v1/agents/{agent}", json={"prompt": "Be kind.\nBe brief."})
    drafted(mine, agent, call={"speaking": {"speed": 1.25}})
    diff = f"/v1/agents/{agent}/diff"
    (found,) = mine.get(diff).json()["differences"]
    assert (found["pointer"], found["old"], found["new"]) == ("#/call/speaking/speed", 1.0, 1.25)
    (found,) = mine.get(diff, params={"old": "1", "new": "2"}).json()["differences"]
    assert (found["pointer"], [line["kind"] for line in found["lines"]]) == ("#/prompt", ["same", "removed", "added"])
    assert mine.get(diff, params={"old": "1", "new": "1"}).json()["differences"] == []
    assert mine.get(diff, params={"old": "7"}).status_code == 400
    assert mine.get(diff, params={"old": "latest"}).status_code == 400


def test_of_two_who_change_the_second_is_told_and_nothing_is_lost(mine: httpx.Client) -> None:
    agent = made(mine)
    revision = seen(mine, agent)["revision"]
    drafted(mine, agent, prompt="Ada's", revision=revision)
    for path, body in (("", {"prompt": "Ben's"}), ("/publish", {}), ("/rollback", {"version": 1})):
        method = "POST" if path else "PATCH"
        late = mine.request(method, f"/v1/agents/{agent}{path}", json={**body, "revision": revision})
        assert (late.status_code, late.json()["code"]) == (409, "outdated"), path
    assert seen(mine, agent, "draft")["prompt"] == "Ada's"
    assert seen(mine, agent)["version"] == 1


def test_many_who_publish_at_once_make_as_many_versions(api: Api, mine: httpx.Client) -> None:
    agent = made(mine)

    async def all_at_once() -> list[int]:
        headers = {"Authorization": mine.headers["Authorization"]}
        async with httpx.AsyncClient(base_url=api.url, headers=headers, timeout=30) as client:
            path = f"/v1/agents/{agent}"
            asked = [client.patch(path, json={"prompt": f"Words of {n}"}) for n in range(8)]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(all_at_once()) == [200] * 8
    assert [one["number"] for one in everything(mine, f"/v1/agents/{agent}/versions")] == list(range(9, 0, -1))


def test_long_lists_of_versions_are_paged(mine: httpx.Client) -> None:
    agent = made(mine)
    for n in range(4):
        mine.patch(f"/v1/agents/{agent}", json={"prompt": f"Words {n}"})
    first = mine.get(f"/v1/agents/{agent}/versions", params={"limit": 2}).json()
    rest = mine.get(f"/v1/agents/{agent}/versions", params={"limit": 200, "cursor": first["next_cursor"]}).json()
    assert [one["number"] for one in first["data"] + rest["data"]] == [5, 4, 3, 2, 1]


def test_a_published_version_never_changes(api: Api, mine: httpx.Client) -> None:
    agent = made(mine)

    async def kept(store: Store) -> dict[int, Any]:
        async with store.read() as db:
            from sqlmodel import select

            rows = (await db.exec(select(AgentVersion).where(AgentVersion.agent_id == UUID(agent)))).all()
            return {row.number: (row.definition, row.note, row.published_at) for row in rows}

    mine.patch(f"/v1/agents/{agent}", json={"prompt": "Two"})
    before = api.database(kept)
    mine.patch(f"/v1/agents/{agent}", json={"prompt": "Three"})
    mine.post(f"/v1/agents/{agent}/rollback", json={"version": 1})
    after = api.database(kept)
    assert set(after) == {1, 2, 3, 4}
    assert {number: after[number] for number in before} == before


@pytest.mark.parametrize("path", ["/versions", "/diff", "/publish", "/rollback", "/draft"])
def test_nobody_of_another_workspace_comes_near(mine: httpx.Client, other: httpx.Client, path: str) -> None:
    agent = made(mine)
    drafted(mine, agent, prompt="Only ours")
    method = {"/versions": "GET", "/diff": "GET", "/draft": "DELETE"}.get(path, "POST")
    body = {"version": 1} if path == "/rollback" else {}
    answer = other.request(method, f"/v1/agents/{agent}{path}", json=body if method == "POST" else None)
    assert answer.status_code == 404
    assert seen(mine, agent, "draft")["prompt"] == "Only ours"


def test_a_faulty_draft_is_refused_by_field(mine: httpx.Client) -> None:
    agent = made(mine)
    answer = mine.patch(f"/v1/agents/{agent}", json={"publish": False, "call": {"speaking": {"speed": 9}}})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/call/speaking/speed"
    assert seen(mine, agent)["has_draft"] is False


def test_a_number_is_one_of_this_agents_own_versions(mine: httpx.Client, other: httpx.Client) -> None:
    theirs, sister, agent = made(other), made(mine), made(mine)
    for client, one in ((other, theirs), (mine, sister)):
        for n in range(20):
            client.patch(f"/v1/agents/{one}", json={"prompt": f"Only of that one {n}"})
    assert mine.get(f"/v1/agents/{agent}", params={"version": "20"}).status_code == 400
    assert mine.get(f"/v1/agents/{agent}/diff", params={"old": "20", "new": "published"}).status_code == 400
    assert mine.post(f"/v1/agents/{agent}/rollback", json={"version": 20}).status_code == 404
    assert seen(mine, agent)["version"] == 1
