"""The live test by phone: a real call to the builder's own number, asked for and confirmed, shown as it goes."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from hub.models import Address, Interaction
from hub.store import interactions
from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER
from tests.office import Office, open_office
from tests.world import Sandbox, eventually

pytestmark = pytest.mark.anyio
MINE = "+12025550141"


@pytest.fixture
async def office(
    sqlite_url: str, tmp_path: Path, sandbox: Sandbox, anyio_backend: str
) -> AsyncIterator[Office]:  # fmt: skip
    carrier = {"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": AUTH_TOKEN, "twilio_base_url": sandbox.url}
    async with open_office(sqlite_url, tmp_path, **carrier) as made:
        yield made


async def has_a_number(office: Office) -> None:
    async with office.store.write() as db:
        number = Address(workspace_id=office.home, channel="call", value=OUR_NUMBER, agent_id=office.agent)
        db.add(number)


async def now(office: Office, chat: UUID) -> Interaction:
    async with office.store.read() as db:
        found = await interactions.interaction(db, office.home, chat)
    assert found is not None
    return found


async def test_the_agent_calls_the_number_that_was_confirmed(office: Office, sandbox: Sandbox) -> None:
    await has_a_number(office)
    bea = await office.person("builder")
    path = f"/agents/{office.agent}/playground"
    await sandbox.ask("POST", "/control/voice/persons", {"number": MINE, "after_ms": 60_000})
    begun = await bea.post(f"{path}/phone", number="(202) 555-0141", confirmed="on", version="draft")
    assert begun.status_code == 303, begun.text
    chat = UUID(begun.headers["location"].partition("chat=")[2])
    await office.settled()
    call = await now(office, chat)
    assert (call.channel, call.person, call.test, call.ours) == ("call", MINE, True, OUR_NUMBER)
    page = (await bea.get(f"{path}?chat={chat}")).text
    assert 'data-mode="phone"' in page
    assert "Dialling" in page or "Ringing" in page
    assert f"to {MINE}" in page
    assert (await bea.post(f"{path}/{chat}/end")).status_code == 303
    await office.settled()
    assert (await eventually(lambda: now(office, chat), lambda found: found.ended_at)).status == "canceled"
    assert "Canceled" in (await bea.get(f"{path}?chat={chat}")).text


@pytest.mark.parametrize(
    ("number", "confirmed", "said"),
    [
        (MINE, "", "Tick that this number may be called now."), ("hello", "on", "not a phone number"),
        ("+19005550141", "on", "costly number"), ("", "on", "The phone is empty."),
    ],
)  # fmt: skip
async def test_what_was_not_confirmed_or_is_no_number_is_not_called(
    office: Office, sandbox: Sandbox, number: str, confirmed: str, said: str
) -> None:
    await has_a_number(office)
    bea = await office.person("builder")
    answer = await bea.post(f"/agents/{office.agent}/playground/phone", number=number, confirmed=confirmed)
    assert answer.status_code == 422
    assert said in answer.text
    async with office.store.read() as db:
        assert (await interactions.open_in_thread(db, office.home, "call", number)) is None
    assert number in answer.text, "what was typed is still there"


async def test_without_a_number_to_call_from_the_page_says_what_to_do(office: Office) -> None:
    bea = await office.person("builder")
    page = (await bea.get(f"/agents/{office.agent}/playground?mode=phone")).text
    assert "No number to call from" in page
    answer = await bea.post(f"/agents/{office.agent}/playground/phone", number=MINE, confirmed="on")
    assert "You have no phone number to call from." in answer.text


async def test_only_who_may_test_has_a_phone_rung(office: Office) -> None:
    await has_a_number(office)
    vic = await office.person("viewer")
    path = f"/agents/{office.agent}/playground/phone"
    assert (await vic.post(path, number=MINE, confirmed="on")).status_code == 403
    bea = await office.person("builder")
    foreign = f"/agents/{office.theirs}/playground/phone"
    assert (await bea.post(foreign, number=MINE, confirmed="on")).status_code == 404
