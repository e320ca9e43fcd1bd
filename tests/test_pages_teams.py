"""Teams on the pages: made and edited by forms without a script, tried in a chat, bound to addresses."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from hub.models import Team
from hub.store import agents, teams
from tests.office import Office, form_of, open_office
from tests.team_world import BILL, stored

pytestmark = pytest.mark.anyio
EVIL = "<script>alert(1)</script>\"'{{7*7}}"


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


async def workshop(office: Office) -> Team:
    return await stored(office.store, office.home)


async def now(office: Office, team_id: UUID) -> Team:
    async with office.store.read() as db:
        found = await teams.team(db, office.home, team_id)
        assert found is not None
        return found


async def posted(office: Office, team: Team, **changes: str) -> httpx.Response:
    """The form as it is, with these changes; `do` is the button."""
    bea = await office.person("builder")
    path = f"/teams/{team.id}"
    given = form_of((await bea.get(path)).text, path) | {"do": "save"} | changes
    return await bea.post(path, **given)


def at(**paths: str) -> dict[str, str]:
    """members__0__key as members.0.key"""
    return {name.replace("__", "."): value for name, value in paths.items()}


async def test_who_has_no_team_is_told_what_one_is_for_and_makes_one(office: Office) -> None:
    bea = await office.person("builder")
    assert "One agent who knows everything gets long-winded" in (await bea.get("/teams")).text
    answer = await bea.post("/teams")
    assert answer.status_code == 303
    page = (await bea.get(answer.headers["location"])).text
    assert "Maya" in page
    assert "To nobody: customers stay with Maya." in page
    assert 'aria-current="page">Teams' in (await bea.get("/teams")).text


async def test_saving_what_is_shown_changes_nothing_but_the_version(office: Office) -> None:
    team = await workshop(office)
    assert (await posted(office, team)).status_code == 303
    after = await now(office, team.id)
    assert (after.definition, after.version) == (team.definition, 2)


async def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(office: Office) -> None:
    team = await workshop(office)
    answer = await posted(office, team, **at(
        name="", members__0__key="Front Desk", members__1__agent='{"name": ', members__0__transitions__0__message=EVIL,
    ))  # fmt: skip
    assert answer.status_code == 422
    assert "This is no JSON object" in answer.text
    assert EVIL not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    answer = await posted(office, team, **at(
        members__0__transitions__0__function="hand_to_human", members__0__transitions__1__to="nobody",
    ))  # fmt: skip
    assert "is the name of a function of the hub" in answer.text
    answer = await posted(office, team, **at(members__0__transitions__1__to="nobody"))
    assert answer.status_code == 422
    assert "There is no member &#39;nobody&#39;; there are: front, billing, repairs." in answer.text
    assert (await now(office, team.id)).version == 1


async def test_an_agent_of_others_cannot_be_a_member(office: Office) -> None:
    team = await workshop(office)
    answer = await posted(office, team, **at(members__0__agent_id=str(office.theirs)))
    assert answer.status_code == 422
    assert "There is no such agent in this workspace." in answer.text
    bea = await office.person("builder")
    assert "Secret" not in (await bea.get(f"/teams/{team.id}")).text


async def test_members_and_ways_are_added_and_removed_before_anything_is_saved(office: Office) -> None:
    team = await workshop(office)
    answer = await posted(office, team, do="add_member")
    assert answer.status_code == 200
    assert "Nothing is saved yet" in answer.text
    given = form_of(answer.text, f"/teams/{team.id}")
    assert given["members.3.key"] == "member_4"
    bea = await office.person("builder")
    answer = await bea.post(f"/teams/{team.id}", **given | {"do": "add_way:3"})
    given = form_of(answer.text, f"/teams/{team.id}") | {"do": "save", "members.3.agent_id": str(office.agent)}
    assert given["members.3.transitions.0.function"] == "hand_over_to_front"
    assert (await bea.post(f"/teams/{team.id}", **given)).status_code == 303
    after = await now(office, team.id)
    assert [member["key"] for member in after.definition["members"]] == ["front", "billing", "repairs", "member_4"]
    page = (await bea.get(f"/teams/{team.id}")).text
    assert "Nobody hands over to member_4, so they never have a customer." in page
    answer = await posted(office, team, do="remove_member:1")
    left = form_of(answer.text, f"/teams/{team.id}")
    assert "billing" not in left.values(), "and no way leads to them"
    assert (await posted(office, team, do="nonsense:1")).status_code == 422


async def test_of_two_who_edit_the_second_is_told(office: Office) -> None:
    team = await workshop(office)
    bea = await office.person("builder")
    form = form_of((await bea.get(f"/teams/{team.id}")).text, f"/teams/{team.id}") | {"do": "save"}
    assert (await posted(office, team, name="Ours")).status_code == 303
    answer = await bea.post(f"/teams/{team.id}", **form | {"name": "Mine"})
    assert answer.status_code == 409
    assert "it is version 2 now, you began with version 1" in answer.text
    assert (await now(office, team.id)).name == "Ours"


async def test_the_team_is_drawn(office: Office) -> None:
    team = await workshop(office)
    bea = await office.person("builder")
    page = (await bea.get(f"/teams/{team.id}")).text
    drawn = re.search(r"<figure.*?</figure>", page, re.DOTALL)
    assert drawn
    assert drawn[0].count("<rect") == 3
    assert drawn[0].count('class="team-way"') == 6
    assert "Maya hands over to Ben." in drawn[0]


async def test_a_chat_shows_the_hand_over_and_goes_on_with_the_team_it_began_with(office: Office) -> None:
    team = await workshop(office)
    sue = await office.person("support")
    base = f"/teams/{team.id}/playground"
    begun = (await sue.post(base)).headers["location"]
    await office.settled()
    chat = begun.partition("chat=")[2]
    await posted(office, team, **at(members__0__transitions__0__message="This is new."))
    assert (await sue.post(f"{base}/{chat}", text=BILL)).status_code == 303
    await office.settled()
    page = (await sue.get(begun)).text
    assert "Maya handed over to Ben: Bills." in page
    assert "I&#39;ll pass you to Ben, who knows all about bills." in page
    assert "This is new." not in page
    assert "older than saved" in page
    interaction = (await sue.get(f"/interactions/{chat}")).text
    assert "Maya handed over to Ben: Bills." in interaction
    assert f'href="/teams/{team.id}"' in interaction


async def test_a_chat_of_another_team_or_agent_is_not_shown(office: Office) -> None:
    team, other = await workshop(office), await workshop(office)
    sue = await office.person("support")
    begun = (await sue.post(f"/teams/{team.id}/playground")).headers["location"].partition("chat=")[2]
    assert (await sue.post(f"/teams/{other.id}/playground/{begun}", text="Hi")).status_code == 404
    assert (await sue.get(f"/teams/{other.id}/playground/{begun}/events")).status_code == 404


async def test_a_team_answers_at_an_address(office: Office) -> None:
    team = await workshop(office)
    admin = await office.person("admin")
    async with office.store.read() as db:
        (address,) = await agents.addresses(db, office.home)
    path = f"/settings/addresses/{address.id}"
    given = form_of((await admin.get("/settings/addresses")).text, path) | {"do": "save"}
    assert given["agent_id"] == str(office.agent)
    assert (await admin.post(path, **given | {"agent_id": f"team:{team.id}"})).status_code == 303
    async with office.store.read() as db:
        (bound,) = await agents.addresses(db, office.home)
    assert (bound.agent_id, bound.team_id) == (None, team.id)
    page = (await admin.get("/settings/addresses")).text
    assert f'<a href="/teams/{team.id}">Workshop</a>' in page
    assert form_of(page, path)["agent_id"] == f"team:{team.id}"
    for nonsense in ("team:", f"team:{office.agent}", str(team.id), "team:x"):
        assert (await admin.post(path, **given | {"agent_id": nonsense})).status_code == 422


async def test_what_is_in_use_is_not_archived(office: Office) -> None:
    team = await workshop(office)
    bea = await office.person("builder")
    async with office.store.write() as db:
        (address,) = await agents.addresses(db, office.home)
        address.agent_id, address.team_id = None, team.id
    answer = await bea.post(f"/teams/{team.id}/archive")
    assert answer.headers["location"] == f"/teams/{team.id}"
    assert (await now(office, team.id)).archived_at is None
    member = UUID(team.definition["members"][0]["agent_id"])
    answer = await bea.post(f"/agents/{member}/archive")
    assert "is a member of Workshop" in (await bea.get(answer.headers["location"])).text
    async with office.store.write() as db:
        (address,) = await agents.addresses(db, office.home)
        address.team_id = None
    await bea.post(f"/teams/{team.id}/archive")
    assert (await now(office, team.id)).archived_at is not None
    assert "Workshop" in (await bea.get("/teams?archived=true")).text
    await bea.post(f"/agents/{member}/archive")
    answer = await bea.post(f"/teams/{team.id}/archive")
    assert "The agent Maya is archived" in (await bea.get(answer.headers["location"])).text
    await bea.post(f"/agents/{member}/archive")
    await bea.post(f"/teams/{team.id}/archive")
    assert (await now(office, team.id)).archived_at is None


@pytest.mark.parametrize(
    ("role", "path", "allowed"),
    [
        ("viewer", "/teams", True), ("support", "/teams", True), ("viewer", "/teams/{id}", False),
        ("support", "/teams/{id}", False), ("builder", "/teams/{id}", True),
        ("viewer", "/teams/{id}/playground", False), ("support", "/teams/{id}/playground", True),
    ],
)  # fmt: skip
async def test_who_may_see_what(office: Office, role: str, path: str, allowed: bool) -> None:
    team = await workshop(office)
    person = await office.person(role)
    assert (await person.get(path.format(id=team.id))).status_code == (200 if allowed else 403)


async def test_a_viewer_changes_nothing(office: Office) -> None:
    team = await workshop(office)
    vera = await office.person("viewer")
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/teams", {}), (f"/teams/{team.id}", {"do": "save"}), (f"/teams/{team.id}/archive", {}),
        (f"/teams/{team.id}/playground", {}),
    ]  # fmt: skip
    for path, fields in posts:
        assert (await vera.post(path, **fields)).status_code == 403
    assert (await now(office, team.id)).version == 1


async def test_a_team_of_others_is_not_there(office: Office) -> None:
    theirs = await stored(office.store, office.other)
    bea = await office.person("builder")
    for path in (f"/teams/{theirs.id}", f"/teams/{theirs.id}/playground"):
        assert (await bea.get(path)).status_code == 404
        assert (await bea.post(path, do="save")).status_code == 404
    assert str(theirs.id) not in (await bea.get("/teams")).text
