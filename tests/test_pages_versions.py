"""Draft, publication and versions on the pages: customers meet what is published, builders work on the draft."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.store import interactions
from tests.office import Office, Person, form_of, open_office

pytestmark = pytest.mark.anyio
EVIL = "<script>alert(1)</script>"


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


async def save(office: Office, **changes: str) -> Person:
    """Save the first tab with these changes."""
    bea = await office.person("builder")
    path = f"/agents/{office.agent}"
    assert (await bea.post(path, **(form_of((await bea.get(path)).text, path) | changes))).status_code == 303
    return bea


async def act(office: Office, bea: Person, verb: str, page: str = "", **changes: str) -> Any:
    """Press the button of this form, on the page below the agent's."""
    path = f"/agents/{office.agent}"
    given = form_of((await bea.get(f"{path}{page}")).text, f"{path}/{verb}")
    return await bea.post(f"{path}/{verb}", **(given | changes))


async def opening(office: Office) -> str:
    """What a visitor of the web chat hears first."""
    begun = await office.hub.start(office.home, "webchat", "visitor-x", agent=await office.published())
    await office.settled()
    async with office.store.read() as db:
        said = await interactions.messages(db, office.home, begun.id)
    await office.hub.end(office.home, begun.id)
    return said[0].text


async def test_customers_meet_what_is_published_until_the_draft_is(office: Office) -> None:
    bea = await save(office, opening_message="Fresh words")
    assert "Bright Smile" in await opening(office)
    page = (await bea.get(f"/agents/{office.agent}")).text
    assert "of opening message" in page
    assert "Customers meet version 1." in page
    answer = await act(office, bea, "publish", note="Friendlier")
    assert answer.headers["location"] == f"/agents/{office.agent}"
    assert await opening(office) == "Fresh words"
    page = (await bea.get(f"/agents/{office.agent}")).text
    assert "Version 2 is published" in page
    assert "Friendlier" in page


async def test_a_draft_is_thrown_away(office: Office) -> None:
    bea = await save(office, description="Not good")
    await act(office, bea, "discard")
    page = (await bea.get(f"/agents/{office.agent}")).text
    assert "Not good" not in page
    assert "The draft is gone. Version 1 is what is edited now." in page


async def test_what_changed_reads_field_by_field(office: Office) -> None:
    bea = await save(office, prompt="First line\nSecond line\nThird line", description="")
    await act(office, bea, "publish")
    await save(office, prompt="First line\nAnother line\nThird line", customer_first="on")
    page = (await bea.get(f"/agents/{office.agent}/diff")).text
    assert '<li data-kind="removed"><del><span class="visually-hidden">taken away: </span>Second line</del>' in page
    assert '<li data-kind="added"><ins><span class="visually-hidden">added: </span>Another line</ins>' in page
    assert "opening message" in page
    between = (await bea.get(f"/agents/{office.agent}/diff?old=1&new=2")).text
    assert "description" in between
    assert "Another line" not in between.partition('class="differences"')[2]
    assert "These two are the same" in (await bea.get(f"/agents/{office.agent}/diff?old=2&new=published")).text
    assert (await bea.get(f"/agents/{office.agent}/diff?old=9")).status_code == 404


async def test_an_old_version_is_brought_back(office: Office) -> None:
    bea = await save(office, opening_message="Second words")
    await act(office, bea, "publish")
    answer = await act(office, bea, "rollback", "/versions")
    assert answer.status_code == 303
    assert "Bright Smile" in await opening(office)
    page = (await bea.get(f"/agents/{office.agent}/versions")).text
    assert "Version 1 is back, as version 3." in page
    assert "version 1 again" in page


@pytest.mark.parametrize("verb", ["publish", "discard", "rollback"])
async def test_of_two_the_second_is_told_before_anything_happens(office: Office, verb: str) -> None:
    bea = await save(office, description="One")
    await act(office, bea, "publish")
    await save(office, description="Two")
    path = f"/agents/{office.agent}"
    given = form_of((await bea.get(f"{path}/versions")).text, f"{path}/{verb}")
    ada = await office.person("admin")
    theirs = form_of((await ada.get(path)).text, path)
    await ada.post(path, **(theirs | {"description": "Ada's"}))
    await bea.post(f"{path}/{verb}", **given)
    assert "The agent was changed by Admin meanwhile" in (await bea.get(path)).text
    assert ((await office.published()).version, (await office.stored()).definition["description"]) == (2, "Ada's")


async def test_of_what_was_typed_only_that_persons_changes_go_on_top_of_the_others(office: Office) -> None:
    bea, ada = await office.person("builder"), await office.person("admin")
    path = f"/agents/{office.agent}"
    mine, theirs = form_of((await bea.get(path)).text, path), form_of((await ada.get(path)).text, path)
    await ada.post(path, **(theirs | {"description": "Ada's"}))
    late = await bea.post(path, **(mine | {"prompt": "Bea's", "changed": "prompt"}))
    assert late.status_code == 409
    shown = form_of(late.text, path)
    assert (shown["prompt"], shown["description"]) == ("Bea's", "Ada's")
    await bea.post(path, **shown)
    stored = (await office.stored()).definition
    assert (stored["prompt"], stored["description"]) == ("Bea's", "Ada's")


async def test_notes_and_names_are_no_markup(office: Office) -> None:
    bea = await save(office, name=EVIL, prompt=f"{EVIL}\nmore")
    await act(office, bea, "publish", note=EVIL)
    await save(office, name=f"{EVIL}2", description=EVIL)
    for page in ("", "/versions", "/diff", "/diff?old=1&new=draft", "/tests"):
        text = (await bea.get(f"/agents/{office.agent}{page}")).text
        assert EVIL not in text, page


async def test_only_builders_publish_and_only_their_own_agents(office: Office) -> None:
    await save(office, description="Draft")
    bea = await office.person("builder")
    for path in ("versions", "diff", "tests"):
        for role, status in (("admin", 200), ("builder", 200), ("support", 403), ("viewer", 403)):
            assert (await (await office.person(role)).get(f"/agents/{office.agent}/{path}")).status_code == status
        assert (await bea.get(f"/agents/{office.theirs}/{path}")).status_code == 404
    for verb in ("publish", "discard", "rollback"):
        for role in ("support", "viewer"):
            assert (await (await office.person(role)).post(f"/agents/{office.agent}/{verb}")).status_code == 403
        assert (await bea.post(f"/agents/{office.theirs}/{verb}", revision="1", version="1")).status_code == 404
    assert (await office.published()).version == 1


async def test_a_broken_form_publishes_nothing(office: Office) -> None:
    bea = await save(office, description="Draft")
    for revision in ("", "x", "99999999999999999999", "-1"):
        answer = await bea.post(f"/agents/{office.agent}/publish", revision=revision, back="//evil.example")
        assert answer.headers["location"] == f"/agents/{office.agent}/versions"
    assert (await office.published()).version == 1
