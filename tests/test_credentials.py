"""Accounts of a workspace with the vendors of engines: sealed, used, watched, and never seen again."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from hub.core.accounts import Accounts
from hub.dialogue.outbound import Outside
from hub.dialogue.turn import Piece, Say, Toolbox, Turn
from hub.engine import Account, EngineFailed
from hub.engines import ENGINES, brain
from hub.models import AuditEntry, Credential, Workspace
from hub.sealing import Seal, Unsealable
from hub.store import Store
from tests.fakes import FakeClock
from tests.responder_world import Server, responder, whole
from tests.world import House, Sandbox, bus, eventually, house
from web.auth import new_api_key

pytestmark = pytest.mark.anyio
KEY = "sk-a-key-that-nobody-may-see-4f1b"
OTHER = "sk-another-key-that-nobody-may-see-9c2d"
ANA = "+12025550101"


class Thinks:
    """An engine of a vendor that tells with which account it was asked, and fails when told to."""

    vendor = "openai"
    accounts: ClassVar[list[Account]] = []
    failing = ""

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        Thinks.accounts.append(turn.account)
        if Thinks.failing:
            raise EngineFailed(Thinks.failing.replace("KEY", turn.account.key), "refused")
        yield Say("Well thought.")


class Hears(Thinks):
    vendor = "deepgram"


@pytest.fixture(autouse=True)
def engines() -> Iterator[None]:
    made = {"thinks": "tests.test_credentials:Thinks", "of-deepgram": "tests.test_credentials:Hears"}
    ENGINES.update(made)
    Thinks.accounts.clear()
    Thinks.failing = ""
    brain.cache_clear()
    yield
    for name in made:
        ENGINES.pop(name)
    brain.cache_clear()


@dataclass
class Place:
    """A hub, a program with a key to its API, and a vendor."""

    hub: House
    http: httpx.AsyncClient
    vendor: Server
    told: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None, status: int = 0) -> Any:
        answer = await self.http.request(method, f"/v1{path}", json=body)
        self.told.append(answer.text)
        assert status == answer.status_code or (not status and answer.is_success), answer.text
        return answer.json() if answer.content else None

    async def kept(self, **given: Any) -> dict[str, Any]:
        """An account at our vendor."""
        base = self.vendor.url.rpartition("/")[0]
        return dict(
            await self.ask(
                "POST", "/credentials", {"vendor": "openai", "name": "Ours", "key": KEY, "base_url": base, **given}
            )
        )

    async def agent(self, status: int = 0, **definition: Any) -> Any:
        """The agent at the number is so from now on."""
        return await self.ask("PATCH", f"/agents/{self.hub.home.agent_id}", definition, status)

    async def stored(self, credential_id: str) -> Credential:
        return await self.hub.records.one(Credential, Credential.id == UUID(credential_id))

    async def text(self, words: str = "hello") -> list[str]:
        await self.hub.text(ANA, words)
        await self.hub.settled()
        return [text for role, text in await self.hub.records.said() if role == "agent"]


@contextlib.asynccontextmanager
async def place_on(
    database_url: str, sandbox: Sandbox, clock: FakeClock, folder: Path, **more: str
) -> AsyncIterator[Place]:
    async with responder() as vendor, house(database_url, sandbox, clock, folder, **more) as hub:
        vendor.answer = whole({"data": []})
        key, secret = new_api_key(hub.home.workspace_id, "Script", ["read", "write"])
        async with hub.store.write() as db:
            db.add(key)
        headers = {"authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(base_url=hub.url, headers=headers, timeout=20) as http:
            yield Place(hub, http, vendor)


@pytest.fixture
async def place(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Place]:
    async with place_on(database_url, sandbox, clock, tmp_path) as made:
        yield made


async def test_an_account_is_kept_used_and_noted(place: Place) -> None:
    made = await place.kept()
    assert (made["last_four"], made["used_at"], made["failure"]) == ("4f1b", None, "")
    await place.agent(engine="thinks", credential_id=made["id"])
    assert await place.text() == ["Well thought."]
    assert [(one.key, one.base_url) for one in Thinks.accounts] == [(KEY, made["base_url"])]
    used = await eventually(lambda: place.stored(made["id"]), lambda row: row.used_at)
    assert used.failed_at is None


async def test_without_an_account_ours_is_used_and_its_absence_is_told(place: Place) -> None:
    await place.agent(engine="thinks")
    await place.text()
    assert Thinks.accounts == []
    (failed,) = await place.hub.records.events("engine.failed")
    assert failed.data["why"] == "there is no key for openai: set OPENAI_API_KEY"
    assert (failed.data["engine"], failed.data["vendor"]) == ("thinks", "openai")


async def test_the_admin_sees_why_an_account_fails_and_the_key_is_hidden(place: Place) -> None:
    made = await place.kept()
    await place.agent(engine="thinks", credential_id=made["id"])
    Thinks.failing = "Incorrect API key provided: KEY"
    await place.text()
    row = await eventually(lambda: place.stored(made["id"]), lambda row: row.failed_at)
    assert row.failure == "Incorrect API key provided: …4f1b"
    (failed,) = await place.hub.records.events("engine.failed")
    assert failed.data["why"] == "Incorrect API key provided: …4f1b"
    assert (await place.ask("GET", f"/credentials/{made['id']}"))["failure"] == row.failure


def everything_in(folder: Path) -> str:
    """The database and whatever else is in its folder."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


async def test_the_key_is_nowhere_to_be_seen(place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = await place.kept()
        await place.agent(engine="thinks", credential_id=made["id"])
        Thinks.failing = "no good: KEY"
        await place.text()
        await place.ask("POST", f"/credentials/{made['id']}/test")
        await place.ask("PATCH", f"/credentials/{made['id']}", {"key": OTHER})
        await place.ask("PATCH", f"/credentials/{made['id']}", {"key": f"{KEY} with spaces"}, 422)
        await place.ask("POST", "/credentials", {"vendor": "nobody", "name": "x", "key": KEY}, 400)
        await place.ask(
            "POST", "/credentials", {"vendor": "openai", "name": "x", "key": KEY, "base_url": "ftp://x"}, 422
        )
        for path in ("/credentials", "/agents", "/interactions", "/events", "/audit"):
            await place.ask("GET", path)
        person = await place.hub.records.one(Credential)
        await eventually(lambda: place.stored(made["id"]), lambda row: row.failure == "" or row.failed_at)
    dump = everything_in(tmp_path)
    rows = [row.model_dump(mode="json") for row in await place.hub.records.all(Credential)]
    seen = "\n".join([*place.told, caplog.text, dump, json.dumps(rows), repr(person), repr(Thinks.accounts)])
    assert made["id"] in seen
    for key in (KEY, OTHER):
        assert key not in seen
        assert key[3:] not in seen


async def test_a_key_is_replaced_within_moments_and_its_old_failure_forgotten(place: Place) -> None:
    made = await place.kept()
    await place.agent(engine="thinks", credential_id=made["id"])
    await place.text()
    changed = await place.ask("PATCH", f"/credentials/{made['id']}", {"key": OTHER, "name": "New"})
    assert (changed["name"], changed["last_four"], changed["base_url"]) == ("New", "9c2d", made["base_url"])
    await place.text("again")
    assert [one.key for one in Thinks.accounts] == [KEY, OTHER]


async def test_a_key_goes_to_no_other_address_than_it_was_given_for(place: Place) -> None:
    made = await place.kept()
    answer = await place.ask("PATCH", f"/credentials/{made['id']}", {"base_url": "http://127.0.0.1:9/v1"}, 422)
    assert "Give the key again" in answer["detail"]
    assert answer["errors"][0]["pointer"] == "#/key"
    changed = await place.ask(
        "PATCH", f"/credentials/{made['id']}", {"base_url": "http://127.0.0.1:9/v1", "key": OTHER}
    )
    assert changed["base_url"] == "http://127.0.0.1:9/v1"


async def test_an_account_in_use_stays_and_the_agents_are_named(place: Place) -> None:
    made = await place.kept()
    await place.agent(name="Maya", engine="thinks", credential_id=made["id"])
    refused = await place.ask("DELETE", f"/credentials/{made['id']}", status=409)
    assert "“Maya” work with this account" in refused["detail"]
    await place.agent(credential_id=None)
    await place.ask("DELETE", f"/credentials/{made['id']}")
    await place.ask("GET", f"/credentials/{made['id']}", status=404)
    assert await place.hub.records.all(Credential) == []


@pytest.mark.parametrize(
    ("definition", "at", "why"),
    [
        ({"engine": "of-deepgram", "credential_id": "MINE"}, "#/credential_id", "needs an account with deepgram"),
        ({"engine": "script", "credential_id": "MINE"}, "#/credential_id", "is ours and needs no account"),
        ({"engine": "thinks", "credential_id": "THEIRS"}, "#/credential_id", "no account with this id"),
        ({"engine": "thinks", "credential_id": "NONE"}, "#/credential_id", "no account with this id"),
        ({"call": {"hearing": {"engine": "sphinx", "credential_id": "MINE"}}},
         "#/call/hearing/credential_id", "needs no"),
        ({"call": {"speaking": {"credential_id": "THEIRS"}}}, "#/call/speaking/credential_id", "no account with this"),
    ],
)  # fmt: skip
async def test_an_account_that_does_not_fit_is_refused_when_it_is_chosen(
    place: Place, definition: dict[str, Any], at: str, why: str
) -> None:
    mine, theirs = (await place.kept())["id"], uuid4()
    async with place.hub.store.write() as db:
        other = Workspace(name="Theirs")
        db.add(other)
        await db.flush()
        db.add(Credential(id=theirs, workspace_id=other.id, vendor="openai", name="x", sealed="v1.x"))
    text = json.dumps(definition).replace("MINE", mine).replace("THEIRS", str(theirs)).replace("NONE", str(uuid4()))
    refused = await place.agent(400, **json.loads(text))
    assert [(one["pointer"], why in one["detail"]) for one in refused["errors"]] == [(at, True)]
    begun = {"channel": "sms", "to": ANA, "agent": {"name": "Own", **json.loads(text)}}
    refused = await place.ask("POST", "/interactions", begun, 400)
    assert refused["errors"][0]["pointer"] == at.replace("#", "#/agent")


async def test_an_account_is_checked_again_when_it_is_used(place: Place) -> None:
    made = await place.kept()
    await place.agent(engine="thinks", credential_id=made["id"])
    accounts, home = place.hub.hub.context.accounts, place.hub.home.workspace_id
    with pytest.raises(EngineFailed, match="is one with openai, and deepgram is needed"):
        await accounts.of(home, "deepgram", made["id"])
    with pytest.raises(EngineFailed, match="is not there"):
        await accounts.of(uuid4(), "openai", made["id"])
    assert (await accounts.of(home, "openai", made["id"])).key == KEY


async def test_a_base_url_may_not_lead_inside(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    async with place_on(database_url, sandbox, clock, tmp_path, HUB_WEBHOOK_ALLOW_PRIVATE="0") as place:
        for url in (
            "https://127.0.0.1/v1",
            "https://localhost/v1",
            "https://169.254.169.254/",
            "http://93.184.216.34/v1",
        ):
            refused = await place.ask(
                "POST", "/credentials", {"vendor": "openai", "name": "x", "key": KEY, "base_url": url}, 422
            )
            assert refused["errors"][0]["pointer"] == "#/base_url", url


async def test_a_base_url_that_leads_inside_later_is_refused_when_it_is_used(store: Store, clock: FakeClock) -> None:
    leads_to = ["93.184.216.34"]

    async def resolve(host: str, port: int) -> list[str]:
        return list(leads_to)

    seal, home = Seal("the key"), await workspace(store)
    row = await sealed_account(store, seal, home, "https://api.example/v1")
    accounts = Accounts({}, store, seal, Outside(resolve=resolve), clock)
    assert (await accounts.of(home, "openai", row.id)).base_url == "https://api.example/v1"
    leads_to[:] = ["10.0.0.1"]
    accounts.forget(home, row.id)
    with pytest.raises(EngineFailed, match="base URL of the account 'Ours' is refused"):
        await accounts.of(home, "openai", row.id)
    await accounts.close()


async def workspace(store: Store) -> UUID:
    async with store.write() as db:
        made = Workspace(name="Home")
        db.add(made)
    return made.id


async def sealed_account(store: Store, seal: Seal, home: UUID, base_url: str = "") -> Credential:
    row = Credential(workspace_id=home, vendor="openai", name="Ours", base_url=base_url, sealed="")
    row.sealed = seal.seal(KEY, row.place)
    async with store.write() as db:
        db.add(row)
    return row


async def test_what_is_known_is_used_again_without_the_database(
    store: Store, database_url: str, clock: FakeClock
) -> None:
    seal, home = Seal("the key"), await workspace(store)
    row = await sealed_account(store, seal, home)
    own = Store(database_url, bus())
    accounts = Accounts({}, own, seal, Outside(), clock)
    await accounts.of(home, "openai", row.id)
    await accounts.close()
    async with own.write():  # whoever asks the database now waits
        for _ in range(100):
            async with asyncio.timeout(0.1):
                assert (await accounts.of(home, "openai", row.id)).key == KEY
    await own.close()


async def test_after_another_secret_key_what_was_sealed_opens_with_the_previous_one(
    store: Store, clock: FakeClock
) -> None:
    home = await workspace(store)
    row = await sealed_account(store, Seal("old"), home)
    lost = Accounts({}, store, Seal("new"), Outside(), clock)
    with pytest.raises(EngineFailed, match="Enter the key again"):
        await lost.of(home, "openai", row.id)
    both = Accounts({}, store, Seal("new", "old"), Outside(), clock)
    assert (await both.of(home, "openai", row.id)).key == KEY
    for accounts in (lost, both):
        await accounts.close()
    async with store.write() as db:
        stored = (await db.exec(select(Credential).where(col(Credential.id) == row.id))).one()
        assert stored.sealed_again(Seal("new", "old"))
        assert not stored.sealed_again(Seal("new", "old"))
    after = Accounts({}, store, Seal("new"), Outside(), clock)
    assert (await after.of(home, "openai", row.id)).key == KEY
    await after.close()


def test_what_is_sealed_opens_only_in_its_place_and_unchanged() -> None:
    seal = Seal("the key")
    sealed = seal.seal("secret words", "credential 1")
    assert seal.open(sealed, "credential 1") == "secret words"
    assert "secret" not in sealed
    assert seal.seal("secret words", "credential 1") != sealed
    with pytest.raises(Unsealable):
        seal.open(sealed, "credential 2")
    for at in range(3, len(sealed), 7):
        with pytest.raises(Unsealable):
            seal.open(sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :], "credential 1")
    for nothing in ("", "v1.", "v2." + sealed[3:], "plain", "v1.%%%"):
        with pytest.raises(Unsealable):
            seal.open(nothing, "credential 1")


@pytest.mark.parametrize(
    ("status", "works", "words"),
    [
        (200, True, "openai accepts this account"), (401, False, "does not accept this key (401). Make a new one"),
        (402, False, "no credit left"), (404, False, "Check the base URL"), (429, True, "asks for a pause"),
        (302, False, "leads elsewhere"), (503, False, "has trouble of its own"),
    ],
)  # fmt: skip
async def test_trying_an_account_tells_what_to_do(place: Place, status: int, works: bool, words: str) -> None:
    made = await place.kept()
    place.vendor.answer = whole({"error": KEY}, status=status)
    tried = await place.ask("POST", f"/credentials/{made['id']}/test")
    assert (tried["works"], words in tried["words"]) == (works, True), tried
    assert place.vendor.asked[-1].headers["authorization"] == f"Bearer {KEY}"
    row = await place.stored(made["id"])
    assert (row.failure, row.failed_at is None) == ("" if works else tried["words"], works)


async def test_trying_an_account_where_nobody_is_tells_so(place: Place) -> None:
    made = await place.kept(base_url="http://127.0.0.1:1/v1")
    tried = await place.ask("POST", f"/credentials/{made['id']}/test")
    assert tried["works"] is False
    assert tried["words"].startswith("Nobody answered at http://127.0.0.1:1/v1. Not reachable")


async def test_what_is_done_to_accounts_is_accounted_for(place: Place) -> None:
    made = await place.kept()
    await place.ask("PATCH", f"/credentials/{made['id']}", {"key": OTHER})
    await place.ask("DELETE", f"/credentials/{made['id']}")
    entries = await place.hub.records.all(AuditEntry)
    assert [(one.action, one.by, one.subject) for one in entries] == [
        (f"credential.{act}", "Script", made["id"]) for act in ("added", "changed", "removed")
    ]
    assert entries[1].data == {"name": "Ours", "changed": "key"}
