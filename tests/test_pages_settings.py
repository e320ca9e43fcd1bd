"""Settings: users, keys, addresses, skills, the workspace, one's own password; and customers."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.models import Address, Consent, Customer, User
from hub.store import access, agents, people
from tests.office import PASSWORD, Office, form_of, open_office

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


async def user(office: Office, email: str) -> User:
    async with office.store.read() as db:
        found = await access.user_by_email(db, email)
        assert found is not None
        return found


# users


async def test_an_invited_colleague_signs_in_with_the_password_shown_once(office: Office) -> None:
    ada = await office.person("admin")
    invited = await ada.post("/settings/users", email="New@X.test", name="Nell", role="support")
    shown = re.search(r'class="secret">([^<]+)<', invited.text)
    assert shown
    assert shown[1] not in (await ada.get("/settings/users")).text
    nobody = await office.person("")
    assert (await nobody.post("/signin", email="new@x.test", password=shown[1])).status_code == 303
    assert (await nobody.get("/settings/users")).status_code == 403


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "nobody", "name": "N", "role": "support"}, "Write an email address"),
        ({"email": "n@x.test", "name": "", "role": "support"}, "Write a name"),
        ({"email": "n@x.test", "name": "N", "role": "owner"}, "Choose a role."),
        ({"email": "builder@x.test", "name": "N", "role": "support"}, "can sign in already"),
        ({}, "Write an email address"),
    ],
)
async def test_a_wrong_invitation_is_marked(office: Office, fields: dict[str, str], said: str) -> None:
    ada = await office.person("admin")
    answer = await ada.post("/settings/users", **fields)
    assert answer.status_code == 422
    assert said in answer.text


async def test_the_last_admin_stays(office: Office) -> None:
    ada, me = await office.person("admin"), await user(office, "admin@x.test")
    for act, fields in (("role", {"role": "viewer"}), ("disable", {})):
        refused = await ada.post(f"/settings/users/{me.id}/{act}", **fields)
        assert refused.status_code == 409
        assert "last admin" in refused.text
    other = await user(office, "builder@x.test")
    await ada.post(f"/settings/users/{other.id}/role", role="admin")
    assert (await ada.post(f"/settings/users/{me.id}/role", role="viewer")).status_code == 303
    assert (await user(office, "admin@x.test")).role == "viewer"
    assert (await ada.get("/settings/users")).status_code == 403


async def test_a_disabled_user_is_out_at_once_and_may_come_back(office: Office) -> None:
    ada, sam = await office.person("admin"), await office.person("support")
    other = await user(office, "support@x.test")
    await ada.post(f"/settings/users/{other.id}/disable")
    assert (await sam.get("/")).status_code != 200
    await ada.post(f"/settings/users/{other.id}/disable")
    assert (await sam.post("/signin", email="support@x.test", password=PASSWORD)).status_code == 303


async def test_a_reset_password_replaces_the_old_one(office: Office) -> None:
    ada, other = await office.person("admin"), await user(office, "support@x.test")
    answer = await ada.post(f"/settings/users/{other.id}/password")
    shown = re.search(r'class="secret">([^<]+)<', answer.text)
    assert shown
    nobody = await office.person("")
    assert (await nobody.post("/signin", email="support@x.test", password=PASSWORD)).status_code != 303
    assert (await nobody.post("/signin", email="support@x.test", password=shown[1])).status_code == 303


async def test_people_of_another_workspace_are_out_of_reach(office: Office) -> None:
    async with office.store.write() as db:
        eve = User(workspace_id=office.other, email="eve@x.test", name="Eve", role="admin", password_hash="-")
        db.add(eve)
    ada = await office.person("admin")
    for act in ("role", "disable", "password"):
        assert (await ada.post(f"/settings/users/{eve.id}/{act}", role="viewer")).status_code == 404
    assert "Eve" not in (await ada.get("/settings/users")).text


# own password


async def test_ones_own_password_is_changed_and_other_browsers_are_signed_out(office: Office) -> None:
    vera, elsewhere = await office.person("viewer"), await office.person("")
    await elsewhere.post("/signin", email="viewer@x.test", password=PASSWORD)
    new = " a fresh long password "
    for fields, said in (
        ({"old": "wrong", "new": new, "again": new}, "not your password"),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "Take 10 to 200"),
        ({"old": PASSWORD, "new": new, "again": new + "!"}, "not the same"),
    ):
        refused = await vera.post("/settings/password", **fields)
        assert refused.status_code == 422
        assert said in refused.text
    assert (await vera.post("/settings/password", old=PASSWORD, new=new, again=new)).status_code == 303
    assert (await vera.get("/settings/password")).status_code == 200
    assert (await elsewhere.get("/settings/password")).status_code != 200
    assert (await elsewhere.post("/signin", email="viewer@x.test", password=new)).status_code == 303


# keys


async def test_a_key_is_shown_once_works_and_is_revoked(office: Office) -> None:
    ada = await office.person("admin")
    made = await ada.post("/settings/keys", name="CRM", scopes=["read"])
    shown = re.search(r'class="secret">(hub_[^<]+)<', made.text)
    assert shown
    page = (await ada.get("/settings/keys")).text
    assert shown[1] not in page
    headers = {"authorization": f"Bearer {shown[1]}"}
    assert (await ada.client.get("/v1/agents", headers=headers)).status_code == 200
    assert (await ada.client.post("/v1/agents", headers=headers, json={})).status_code == 403
    key_id = re.search(r"/settings/keys/([0-9a-f-]{36})/revoke", page)
    assert key_id
    await ada.post(f"/settings/keys/{key_id[1]}/revoke")
    assert (await ada.client.get("/v1/agents", headers=headers)).status_code == 401
    assert (await ada.post(f"/settings/keys/{uuid4()}/revoke")).status_code == 404
    assert (await ada.post("/settings/keys", name="", scopes=["all"])).status_code == 422


# addresses


async def test_an_address_is_added_with_what_to_paste_at_the_carrier(office: Office) -> None:
    ada = await office.person("admin")
    added = await ada.post(
        "/settings/addresses", channel="sms", value="(212) 555-0100", name="Front desk", agent_id=str(office.agent)
    )
    assert added.status_code == 303
    page = (await ada.get("/settings/addresses")).text
    assert "+12125550100" in page
    assert "http://hub.test/hooks/sms#ct=1000&amp;rt=4000&amp;rc=2&amp;rp=ct,rt,5xx&amp;tt=15000" in page
    assert "TWILIO_ACCOUNT_SID" in page, "what is missing is named"
    again = await ada.post("/settings/addresses", channel="sms", value="+12125550100")
    assert again.status_code == 422
    assert "in use already" in again.text


async def test_a_web_chat_is_embedded_on_the_sites_that_may(office: Office) -> None:
    ada = await office.person("admin")
    page = (await ada.get("/settings/addresses")).text
    assert "data-widget=&#34;clinic&#34;" in page
    async with office.store.read() as db:
        chat = (await agents.addresses(db, office.home, "webchat"))[0]
    fields: dict[str, Any] = {"channel": "webchat", "value": "clinic", "name": "Clinic", "agent_id": str(office.agent)}
    for origins, said in (
        ("example.com", "this is none"),
        ("https://a.test/path", "this is none"),
        ("javascript:1", "none"),
    ):
        wrong = await ada.post(f"/settings/addresses/{chat.id}", origins=origins, **fields)
        assert wrong.status_code == 422
        assert said in wrong.text
    assert (await ada.post(f"/settings/addresses/{chat.id}", accent="red", **fields)).status_code == 422
    await ada.post(
        f"/settings/addresses/{chat.id}", origins="https://A.test\nhttp://b.test:81/", accent="#123abc", **fields
    )
    async with office.store.read() as db:
        stored = await agents.address(db, office.home, chat.id)
    assert stored is not None
    assert stored.options["origins"] == ["https://a.test", "http://b.test:81"]
    assert stored.options["accent"] == "#123abc"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"channel": "pigeon", "value": "x"}, "Choose a channel"),
        ({"channel": "sms", "value": "call me"}, "is not a phone number"),
        ({"channel": "sms", "value": ""}, "empty"),
        ({"channel": "webchat", "value": "Has Spaces"}, "small letters"),
        ({"channel": "webchat", "value": "ok-key", "agent_id": "nobody"}, "Choose an agent"),
        ({"channel": "webchat", "value": "ok-key", "agent_id": "THEIRS"}, "Choose an agent"),
    ],
)
async def test_a_wrong_address_is_marked(office: Office, fields: dict[str, str], said: str) -> None:
    ada = await office.person("admin")
    given = fields | ({"agent_id": str(office.theirs)} if fields.get("agent_id") == "THEIRS" else {})
    answer = await ada.post("/settings/addresses", **given)
    assert answer.status_code == 422
    assert said in answer.text


async def test_an_address_is_removed_only_while_nothing_happened_there(office: Office) -> None:
    ada = await office.person("admin")
    async with office.store.read() as db:
        chat = (await agents.addresses(db, office.home, "webchat"))[0]
    await office.hub.start(office.home, "webchat", "visitor-1", address=chat)
    await office.settled()
    kept = await ada.post(f"/settings/addresses/{chat.id}", do="remove")
    assert "stays for their sake" in kept.text
    async with office.store.write() as db:
        unused = Address(workspace_id=office.home, channel="webchat", value="unused")
        db.add(unused)
    assert (await ada.post(f"/settings/addresses/{unused.id}", do="remove")).status_code == 303
    assert "unused" not in (await ada.get("/settings/addresses")).text.replace("unused was removed", "")


# workspace and skills


async def test_the_workspace_is_changed_and_wrong_values_are_marked(office: Office) -> None:
    ada = await office.person("admin")
    given = form_of((await ada.get("/settings")).text, "/settings")
    assert (
        await ada.post("/settings", **(given | {"name": "Ours too", "time_zone": "Europe/Lisbon"}))
    ).status_code == 303
    async with office.store.read() as db:
        stored = await agents.workspace(db, office.home)
    assert stored is not None
    assert (stored.name, stored.time_zone) == ("Ours too", "Europe/Lisbon")
    for wrong in ({"name": ""}, {"time_zone": "../etc/passwd"}, {"default_region": "Mars"}):
        assert (await ada.post("/settings", **(given | wrong))).status_code == 422


async def test_skills_are_made_changed_and_removed(office: Office) -> None:
    bea = await office.person("builder")
    assert (await bea.post("/settings/skills/new", name="")).status_code == 422
    await bea.post("/settings/skills/new", name="Returns", instructions="Within 30 days.")
    page = (await bea.get("/settings/skills")).text
    path = re.search(r"/settings/skills/[0-9a-f-]{36}", page)
    assert path
    await bea.post(path[0], name="Returns 2", instructions="Within 60 days.", do="save")
    assert "Within 60 days." in (await bea.get(path[0])).text
    await bea.post(path[0], do="remove")
    assert (await bea.get(path[0])).status_code == 404


# customers


async def customer(office: Office, name: str, workspace_id: UUID | None = None) -> Customer:
    async with office.store.write() as db:
        made = Customer(workspace_id=workspace_id or office.home, name=name)
        db.add(made)
    return made


async def test_customers_are_found_and_what_is_noted_is_kept(office: Office) -> None:
    sam = await office.person("support")
    zoe = await customer(office, "Zoë <b>")
    for number in range(55):
        await customer(office, f"Person {number:02}")
    first = (await sam.get("/customers")).text
    assert "Person 54" in first
    assert "Zoë" not in first
    older = re.search(r"/customers\?before=[0-9a-f-]+", first)
    assert older
    assert "Zoë &lt;b&gt;" in (await sam.get(older[0])).text
    assert "Zoë &lt;b&gt;" in (await sam.get("/customers", params={"q": "zoë"})).text
    path = f"/customers/{zoe.id}"
    saved = await sam.post(path, name="Zoë B", notes="Likes tea", custom_fields="size = 4 = four\nplan = gold")
    assert saved.status_code == 303
    async with office.store.read() as db:
        stored = await people.customer(db, office.home, zoe.id)
    assert stored is not None
    assert stored.custom_fields == {"size": "4 = four", "plan": "gold"}
    for wrong in ({"custom_fields": "no sign"}, {"time_zone": "Moon"}, {"notes": "x" * 10_001}, {"name": "x" * 201}):
        assert (await sam.post(path, **wrong)).status_code == 422


async def test_the_consent_ledger_is_shown_with_its_evidence(office: Office) -> None:
    vera, zoe = await office.person("viewer"), await customer(office, "Zoë")
    async with office.store.write() as db:
        db.add(
            Consent(
                workspace_id=office.home,
                customer_id=zoe.id,
                identity_kind="phone",
                identity_value="+1",
                state="revoked",
                source="keyword",
                evidence="STOP please",
            )
        )
    page = (await vera.get(f"/customers/{zoe.id}")).text
    assert "refused" in page
    assert "STOP please" in page
    assert "<textarea" not in page, "a viewer only looks"


async def test_customers_of_others_are_not_there(office: Office) -> None:
    sam, theirs = await office.person("support"), await customer(office, "Hidden", office.other)
    assert (await sam.get(f"/customers/{theirs.id}")).status_code == 404
    assert (await sam.post(f"/customers/{theirs.id}", name="Mine")).status_code == 404
    assert "Hidden" not in (await sam.get("/customers?q=hid")).text


# home


async def test_home_counts_what_is_open_and_ticks_what_is_done(office: Office) -> None:
    ada = await office.person("admin")
    before = (await ada.get("/")).text
    assert before.count("data-done") == 1, "colleagues are there"
    agent = await office.stored()
    await office.hub.start(office.home, "webchat", "visitor-1", agent=agent)
    await office.hub.start(office.home, "webchat", "playground-1", agent=agent, test=True)
    await office.settled()
    page = (await ada.get("/")).text
    assert page.count("data-done") == 3
    figures = re.findall(r'class="figure">(\d+)<', page)
    assert figures == ["1", "0", "1", "1"]
