"""The buttons of a live call through the public door: who may press them, what they say, whose calls they reach."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hub.channel import Inbound
from hub.engines import TRANSCRIBERS, VOICES
from hub.models import Address, AgentDefinition, Command, Interaction, Message, User, Workspace
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.lines import CALL, ENGINES, TextLine
from tests.world import House, Sandbox, eventually, house
from web.auth import hash_password

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
PASSWORD = "correct horse battery"
ROLES = ("admin", "builder", "support", "viewer")
ANSWER = "I have noted that down for you."
MAYA = AgentDefinition(name="Maya", opening_message="Hello, this is Maya.", fallback_message=ANSWER, call=CALL)
VERBS = ("say", "whisper", "digits", "transfer", "pause", "resume", "recording-pause", "recording-resume", "hang-up")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSCRIBERS, "reader", ENGINES["reader"])
    monkeypatch.setitem(VOICES, "writer", ENGINES["writer"])


async def with_people(made: House) -> House:
    """People of every role, and an admin of another workspace; all with one password."""
    hashed = hash_password(PASSWORD)
    async with made.store.write() as db:
        other = Workspace(name="Theirs")
        db.add(other)
        await db.flush()
        everybody = [(role, role, made.home.workspace_id) for role in ROLES] + [("eve", "admin", other.id)]
        for name, role, workspace_id in everybody:
            db.add(
                User(
                    workspace_id=workspace_id, email=f"{name}@x.test", name=name.title(), role=role,
                    password_hash=hashed,
                )
            )  # fmt: skip
    return made


@pytest.fixture
async def hub(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, engines: None, anyio_backend: str
) -> AsyncIterator[House]:
    async with house(database_url, sandbox, clock, tmp_path, definition=MAYA) as made:
        home = made.home
        async with made.store.write() as db:
            db.add(Address(workspace_id=home.workspace_id, channel="call", value=OUR_NUMBER, agent_id=home.agent_id))
        yield await with_people(made)


@dataclass
class Talk:
    """A call that is going on."""

    hub: House
    line: TextLine
    id: UUID

    async def hears(self, words: str) -> None:
        async def heard() -> str:
            return self.line.heard

        await eventually(heard, lambda text: words in text)

    async def commands(self) -> list[tuple[str, dict[str, Any], str]]:
        rows = await self.hub.records.all(Command, Command.interaction_id == self.id)
        return [(row.verb, row.arguments, row.by) for row in rows]

    async def now(self) -> Interaction:
        return await self.hub.records.one(Interaction, Interaction.id == self.id)


@contextlib.asynccontextmanager
async def calling(hub: House, **line: bool) -> AsyncIterator[Talk]:
    phone = TextLine(**line)
    receipt = await hub.hub.receive(
        Inbound(
            channel="call", kind="call", external_id=f"CA{uuid4().hex}", once=uuid4().hex, sender="+12025550101",
            recipient=OUR_NUMBER, line=phone,
        )
    )  # fmt: skip
    assert receipt.interaction_id is not None
    try:
        yield Talk(hub, phone, receipt.interaction_id)
    finally:
        phone.hang_up()
        await asyncio.wait_for(phone.hung_up.wait(), 10)
        await hub.settled()


@pytest.fixture
async def talk(hub: House) -> AsyncIterator[Talk]:
    async with calling(hub) as made:
        await made.hears("Maya.")
        yield made


@contextlib.asynccontextmanager
async def person(hub: House, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in, with a browser without a screen."""
    async with httpx.AsyncClient(base_url=hub.url, headers={"accept": "text/html"}, timeout=20) as client:
        await client.get("/signin")
        token = {"x-csrftoken": client.cookies["hub_csrf"]}
        form = {"email": f"{name}@x.test", "password": PASSWORD}
        assert (await client.post("/signin", data=form, headers=token)).status_code == 303
        client.headers.update({"x-csrftoken": client.cookies["hub_csrf"], "hx-request": "true"})
        yield client


@pytest.fixture
async def support(hub: House) -> AsyncIterator[httpx.AsyncClient]:
    async with person(hub, "support") as made:
        yield made


async def press(client: httpx.AsyncClient, talk: Talk, act: str, **fields: str) -> httpx.Response:
    return await client.post(f"/interactions/{talk.id}/call/{act}", data=fields)


async def test_the_agent_is_told_what_to_say_and_what_to_know(talk: Talk, support: httpx.AsyncClient) -> None:
    said = await press(support, talk, "say", text="One moment please.")
    assert (said.status_code, "The agent says it." in said.text) == (200, True)
    assert json.loads(said.headers["hx-trigger"]) == {"call:done": {"act": "say"}}
    await talk.hears("One moment please.")
    whispered = await press(support, talk, "whisper", text="They are a member.")
    assert "Nobody hears it" in whispered.text
    assert "member" not in talk.line.heard
    assert await talk.commands() == [
        ("say", {"text": "One moment please."}, "Support"),
        ("whisper", {"text": "They are a member."}, "Support"),
    ]


async def test_keys_are_pressed_and_the_call_is_transferred(talk: Talk, support: httpx.AsyncClient) -> None:
    assert "Pressed 12#." in (await press(support, talk, "digits", digits=" 1 2 # ")).text
    assert talk.line.pressed == "12#"
    assert "+12025550177" in (await press(support, talk, "transfer", to="+1 (202) 555-0177")).text
    assert talk.line.transferred == "+12025550177"


async def test_a_colleague_is_briefed_before_they_get_the_customer(talk: Talk, support: httpx.AsyncClient) -> None:
    asked = await press(support, talk, "transfer", to="+1 202 555 0177", warm="on", briefing="Wants a refund.")
    assert (asked.status_code, "We are calling +12025550177." in asked.text) == (200, True)
    assert talk.line.transferred == "", "the customer's line stays with us"
    await talk.hears("I connect you, one moment.")
    leg = await talk.hub.records.one(Interaction, Interaction.direction == "outbound")
    assert (leg.person, leg.meta) == ("+12025550177", {"transfer_of": str(talk.id)})
    assert "Wants a refund." in leg.state["briefing"]
    again = await press(support, talk, "transfer", to="+12025550178")
    assert (again.status_code, "under way" in again.text) == (409, True)


async def test_what_the_line_cannot_do_is_told_in_its_words(hub: House, support: httpx.AsyncClient) -> None:
    async with calling(hub, keys=False, transfers=False) as talk:
        refused = await press(support, talk, "digits", digits="1")
        assert (refused.status_code, "This line has no keys to press." in refused.text) == (409, True)
        assert 'data-tone="danger"' in refused.text
        assert "hx-trigger" not in refused.headers
        assert (await press(support, talk, "transfer", to="+12025550177")).status_code == 409


async def test_the_agent_pauses_and_goes_on(talk: Talk, support: httpx.AsyncClient) -> None:
    assert "on hold" in (await press(support, talk, "pause")).text
    assert (await eventually(talk.now, lambda one: one.status == "paused")).owner == "ai"
    talk.line.says("Is anybody there?")
    assert "goes on" in (await press(support, talk, "resume")).text
    talk.line.says("And now?")
    await talk.hears(ANSWER)


async def test_hanging_up_ends_the_call_in_the_operators_name(talk: Talk, support: httpx.AsyncClient) -> None:
    assert (await press(support, talk, "hang-up")).text == '<span data-tone="ok">Hung up.</span>'
    ended = await eventually(talk.now, lambda one: one.ended_at)
    assert ended.ended_reason == "operator_hangup"
    late = await press(support, talk, "say", text="Hello?")
    assert (late.status_code, "This interaction has ended." in late.text) == (409, True)


BAD_INPUT: list[tuple[str, dict[str, str], str]] = [
    ("say", {}, "Write what the agent"),
    ("whisper", {"text": "  "}, "Write what the agent"),
    ("say", {"text": "x" * 1_001}, "At most 1,000 characters at once; this has 1,001"),
    ("digits", {"digits": ""}, "Press a key"),
    ("digits", {"digits": "1<2"}, "no key “&lt;”"),
    ("digits", {"digits": "1" * 41}, "At most 40 keys"),
    ("transfer", {"to": ""}, "Type the number"),
    ("transfer", {"to": "2025550177"}, "Begin the number with +"),
    ("transfer", {"to": "+1 call me"}, "That is no phone number"),
    ("transfer", {"to": "+" + "1" * 40}, "That is no phone number"),
    ("transfer", {"to": "+12025550177", "warm": "on", "briefing": "x" * 1_001}, "At most 1,000 characters"),
    ("mute", {"direction": "up"}, "Mute in"),
]


async def test_what_cannot_be_done_is_explained_and_not_asked(talk: Talk, support: httpx.AsyncClient) -> None:
    for act, fields, words in BAD_INPUT:
        refused = await press(support, talk, act, **fields)
        assert (refused.status_code, words in refused.text) == (422, True), refused.text
    assert await talk.commands() == []


async def test_who_does_not_answer_customers_here_presses_nothing(hub: House, talk: Talk) -> None:
    for name, status in {"viewer": 403, "builder": 403, "eve": 404}.items():
        async with person(hub, name) as client:
            for act in VERBS:
                answer = await press(client, talk, act, text="hi", digits="1", to="+12025550177")
                assert answer.status_code == status, (name, act, answer.text)
    assert await talk.commands() == []
    assert not talk.line.hung_up.is_set()


async def test_there_is_no_button_of_another_name_and_none_without_a_token(
    talk: Talk, support: httpx.AsyncClient
) -> None:
    assert (await press(support, talk, "voicemail")).status_code == 404
    nowhere = await support.post(f"/interactions/{uuid4()}/call/pause")
    assert nowhere.status_code == 404
    forged = await support.post(f"/interactions/{talk.id}/call/hang-up", headers={"x-csrftoken": ""})
    assert forged.status_code == 403
    assert await talk.commands() == []


async def test_a_text_conversation_has_no_line(hub: House, support: httpx.AsyncClient) -> None:
    assert (await hub.text("+12025550102", "Hi")).status_code == 200
    await hub.settled()
    (texted,) = await hub.records.all(Interaction, Interaction.channel == "sms")
    answer = await support.post(f"/interactions/{texted.id}/call/pause")
    assert (answer.status_code, "no open line" in answer.text) == (409, True)


async def test_the_panel_stands_with_a_live_call_and_goes_with_its_end(
    hub: House, talk: Talk, support: httpx.AsyncClient
) -> None:
    for path in (f"/inbox?view=all&interaction={talk.id}", f"/interactions/{talk.id}"):
        page = (await support.get(path)).text
        assert f'data-id="{talk.id}"' in page, path
        assert f"/interactions/{talk.id}/call/hang-up" in page, path
    async with person(hub, "viewer") as viewer:
        page = (await viewer.get(f"/inbox?view=all&interaction={talk.id}")).text
        assert "for support and admins" in page
        assert "/call/hang-up" not in page
    await press(support, talk, "hang-up")
    await eventually(talk.now, lambda one: one.ended_at)
    assert "<call-panel" not in (await support.get(f"/inbox?view=closed&interaction={talk.id}")).text


# the sockets


@contextlib.asynccontextmanager
async def socket(hub: House, client: httpx.AsyncClient, path: str) -> AsyncIterator[Any]:
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"cookie": cookies, "origin": hub.url}
    url = hub.url.replace("http", "ws") + path
    async with connect(url, additional_headers=headers, proxy=None, compression=None) as made:
        yield made


async def note(reading: Any, type: str, **like: Any) -> dict[str, Any]:
    """The next note of this kind; sound is passed over."""
    async with asyncio.timeout(10):
        while True:
            frame = await reading.recv()
            if isinstance(frame, bytes):
                continue
            found: dict[str, Any] = json.loads(frame)
            if found["type"] == type and like.items() <= found.items():
                return found


async def test_who_reads_along_sees_words_and_standing_without_a_sound(
    hub: House, talk: Talk, support: httpx.AsyncClient
) -> None:
    async with person(hub, "viewer") as viewer, socket(hub, viewer, f"/interactions/{talk.id}/call/captions") as along:
        hello = await note(along, "hello")
        assert {"owner": "ai", "paused": False, "recording": "on"}.items() <= hello.items()
        talk.line.says("Do you see this?")
        await note(along, "caption", role="customer", text="Do you see this?", final=True)
        await note(along, "caption", role="agent", text=ANSWER)
        await press(support, talk, "recording-pause")
        await note(along, "standing", recording="paused")
        await press(support, talk, "recording-resume")
        await note(along, "standing", recording="on")
        await support.post(f"/inbox/{talk.id}/take-over")
        await note(along, "standing", owner="operator")
        await along.send(b"\1\1" * 640)
        await press(support, talk, "hang-up")
        rest: list[str | bytes] = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                rest.append(await asyncio.wait_for(along.recv(), 10))
        assert not [frame for frame in rest if isinstance(frame, bytes)], "sound for one who only reads along"
        assert along.close_code == 4410
    assert await hub.records.events("call.joined") == []


async def test_who_listens_gets_sound_of_the_rate_that_was_promised(
    hub: House, talk: Talk, support: httpx.AsyncClient
) -> None:
    async with socket(hub, support, f"/interactions/{talk.id}/call") as listening:
        assert (await note(listening, "hello"))["rate"] == 16_000
        began, heard = asyncio.get_running_loop().time(), 0
        async with asyncio.timeout(10):
            while heard < 2 * 16_000:
                frame = await listening.recv()
                heard += len(frame) if isinstance(frame, bytes) else 0
        spent = asyncio.get_running_loop().time() - began
        assert 0.8 < spent < 2, "a second of sound in about a second"
    assert len(await hub.records.events("call.joined")) == 1


async def test_after_a_take_over_the_microphone_is_heard_until_it_is_handed_back(
    hub: House, talk: Talk, support: httpx.AsyncClient
) -> None:
    forty_ms = b"\x00\x20" * 640

    async def speaks() -> int:
        await room.send(forty_ms)
        return talk.line.played() - before

    async with socket(hub, support, f"/interactions/{talk.id}/call") as room:
        await note(room, "hello")
        before = talk.line.played()
        await room.send(forty_ms * 5)
        await support.post(f"/inbox/{talk.id}/take-over")
        await note(room, "standing", owner="operator")
        assert talk.line.played() == before, "nobody hears a microphone before the take-over"
        talk.line.says("Who is this?")
        await note(room, "caption", role="customer", final=True)
        await eventually(speaks, lambda played: played > 8_000)
        assert ANSWER not in talk.line.heard
        await support.post(f"/inbox/{talk.id}/hand-back", data={"note": "Wants to know who we are."})
        await note(room, "standing", owner="ai")
        left = await hub.records.one(Message, Message.note)
        assert left.text.startswith("Wants to know who we are.\n\n")
        assert "\nCustomer: Who is this?" in left.text
        talk.line.says("And now?")
        await talk.hears(ANSWER)
    await eventually(lambda: hub.records.events("call.left"), bool)
    for once in ("call.joined", "interaction.taken_over", "interaction.handed_back"):
        assert len(await hub.records.events(once)) == 1, once


async def test_the_sockets_are_for_those_who_may_and_say_where_the_call_is_not(
    hub: House, talk: Talk, support: httpx.AsyncClient
) -> None:
    async with person(hub, "viewer") as viewer, person(hub, "eve") as eve:
        with pytest.raises(InvalidStatus):
            async with socket(hub, viewer, f"/interactions/{talk.id}/call"):
                pass
        for path in ("call", "call/captions"):
            async with socket(hub, eve, f"/interactions/{talk.id}/{path}") as nothing:
                with pytest.raises(ConnectionClosed):
                    await nothing.recv()
                assert nothing.close_code == 4404
    await press(support, talk, "hang-up")
    await eventually(talk.now, lambda one: one.ended_at)
    async with socket(hub, support, f"/interactions/{talk.id}/call/captions") as late:
        with contextlib.suppress(ConnectionClosed):
            while True:  # its end may still be under way
                await late.recv()
        assert late.close_code == 4410
