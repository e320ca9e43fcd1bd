"""Calls by the API: placed, followed, told what to do, recorded. The line is in memory, all else is real."""

import asyncio
import contextlib
import json
import re
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from hub.channel import Inbound
from hub.engines import TRANSCRIBERS, VOICES
from hub.models import Address, AgentDefinition, Event
from tests.api_routes import routes
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.lines import CALL, TextLine
from tests.lines import ENGINES as READING_AND_WRITING
from tests.world import House, Sandbox, eventually, house
from web.auth import new_api_key

pytestmark = pytest.mark.anyio
ANA = "+12025550101"
OPENING = "Hello, this is Maya. How can I help you today?"
ANSWER = "I have noted that down for you."
MAYA = AgentDefinition(name="Maya", opening_message=OPENING, fallback_message=ANSWER, call=CALL)


@dataclass
class Talk:
    """A call that is going on, and the program that looks after it."""

    hub: House
    api: httpx.AsyncClient
    line: TextLine
    id: str
    followers: list[asyncio.Task[None]] = field(default_factory=list)

    async def ask(self, what: str, body: Any = None, **headers: str) -> httpx.Response:
        content = json.dumps({} if body is None else body).encode() if body is not None else b""
        kind = {"content-type": "application/json"} if body is not None else {}
        return await self.api.post(f"/v1/interactions/{self.id}/{what}", content=content, headers={**kind, **headers})

    async def get(self, what: str = "", **params: str) -> Any:
        answer = await self.api.get(f"/v1/interactions/{self.id}{what}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def hears(self, words: str) -> None:
        """Wait until the customer has heard this."""

        async def heard() -> str:
            return self.line.heard

        await eventually(heard, lambda text: words in text)

    async def ended(self) -> dict[str, Any]:
        """Wait until it has ended and all of it is written down."""
        found: dict[str, Any] = await eventually(lambda: self.get(), lambda one: one["ended_at"])
        await eventually(self._events, lambda types: "recording.finished" in types)
        return found

    async def _events(self) -> list[str]:
        return [event["type"] for event in (await self.get("/events", limit="200"))["data"]]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSCRIBERS, "reader", READING_AND_WRITING["reader"])
    monkeypatch.setitem(VOICES, "writer", READING_AND_WRITING["writer"])


@pytest.fixture
async def hub(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, engines: None, anyio_backend: str
) -> AsyncIterator[House]:
    async with house(database_url, sandbox, clock, tmp_path, definition=MAYA) as made:
        async with made.store.write() as db:
            db.add(
                Address(
                    workspace_id=made.home.workspace_id, channel="call", value=OUR_NUMBER, agent_id=made.home.agent_id
                )
            )
        yield made


async def program(hub: House, *scopes: str, workspace_id: UUID | None = None) -> httpx.AsyncClient:
    """A program with a key of its own."""
    key, secret = new_api_key(workspace_id or hub.home.workspace_id, "My script", list(scopes or ("read", "write")))
    async with hub.store.write() as db:
        db.add(key)
    return httpx.AsyncClient(base_url=hub.url, headers={"Authorization": f"Bearer {secret}"}, timeout=20)


@pytest.fixture
async def api(hub: House) -> AsyncIterator[httpx.AsyncClient]:
    async with await program(hub) as made:
        yield made


@contextlib.asynccontextmanager
async def calling(hub: House, api: httpx.AsyncClient, **line: bool) -> AsyncIterator[Talk]:
    """Ana calls; the agent answers."""
    phone = TextLine(**line)
    receipt = await hub.hub.receive(
        Inbound(
            channel="call", kind="call", external_id=f"CA{uuid4().hex}", once=uuid4().hex, sender=ANA,
            recipient=OUR_NUMBER, line=phone,
        )
    )  # fmt: skip
    talk = Talk(hub, api, phone, str(receipt.interaction_id))
    try:
        yield talk
    finally:
        phone.hang_up()
        await asyncio.wait_for(phone.hung_up.wait(), 10)
        await hub.settled()


@pytest.fixture
async def talk(hub: House, api: httpx.AsyncClient) -> AsyncIterator[Talk]:
    async with calling(hub, api) as made:
        await made.hears("today?")
        yield made


def problem(answer: httpx.Response, status: int, code: str = "") -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["trace_id"]
    assert told["detail"]
    assert told.get("code", "") == code
    return told


# placing


async def test_a_call_is_placed_and_the_carrier_is_asked_to_ring(hub: House, api: httpx.AsyncClient) -> None:
    await hub.sandbox.ask("POST", "/control/voice/persons", {"number": ANA, "after_ms": 20_000})  # it rings for long
    given = {"channel": "call", "to": ANA, "metadata": {"order": "A1"}, "parameters": {"first name": "Ana"}}
    answer = await api.post("/v1/interactions", json=given)
    assert answer.status_code == 201, answer.text
    placed = answer.json()
    assert (placed["status"], placed["direction"], placed["person"]) == ("queued", "outbound", ANA)
    assert placed["trace_id"]
    assert placed["answered_at"] is placed["duration_seconds"] is placed["recordings_url"] is None
    rung = await hub.sandbox.ask("GET", "/control/voice/calls?direction=outbound&at_least=1&wait_ms=5000")
    assert [call["to"] for call in rung["calls"]] == [ANA]
    ended = (await api.post(f"/v1/interactions/{placed['id']}/end")).json()
    assert (ended["ended_reason"], ended["duration_seconds"]) == ("api_hangup", None)


async def test_a_call_takes_no_text_to_begin_with(api: httpx.AsyncClient) -> None:
    told = problem(await api.post("/v1/interactions", json={"channel": "call", "to": ANA, "text": "Hi"}), 422, "live")
    assert told["errors"][0]["pointer"] == "#/text"
    assert "opening message" in told["detail"]


async def test_a_call_needs_an_agent_an_address_and_a_number(hub: House, api: httpx.AsyncClient) -> None:
    problem(await api.post("/v1/interactions", json={"channel": "call", "to": "nobody"}), 422, "not_an_identity")
    problem(await api.post("/v1/interactions", json={"channel": "web_call", "to": "visitor-7"}), 422, "no_agent")
    address = (await api.get("/v1/addresses")).json()["data"]
    call = next(one["id"] for one in address if one["channel"] == "call")
    await api.patch(f"/v1/addresses/{call}", json={"agent_id": None})
    problem(await api.post("/v1/interactions", json={"channel": "call", "to": ANA}), 422, "no_agent")
    await api.delete(f"/v1/addresses/{call}")
    agent = {"channel": "call", "to": ANA, "agent_id": str(hub.home.agent_id)}
    problem(await api.post("/v1/interactions", json=agent), 422, "no_address")
    assert await hub.records.all(Event) == []


async def test_a_browser_call_waits_for_its_ticket(hub: House, api: httpx.AsyncClient) -> None:
    given = {"channel": "web_call", "to": "visitor-7", "agent_id": str(hub.home.agent_id)}
    placed = (await api.post("/v1/interactions", json=given)).json()
    assert placed["status"] == "queued"
    answer = await api.post(f"/v1/interactions/{placed['id']}/ticket")
    assert answer.status_code == 201
    sold = answer.json()
    ticket = hub.hub.context.channels["web_call"].checked(sold["ticket"])  # type: ignore[attr-defined]
    assert (ticket.interaction_id, ticket.sender) == (placed["id"], "visitor-7")
    assert sold["offer_url"] == f"{hub.url}/hooks/web_call"
    assert sold["ice_servers"] == []
    await api.post(f"/v1/interactions/{placed['id']}/end")
    problem(await api.post(f"/v1/interactions/{placed['id']}/ticket"), 409, "ended")


async def test_a_phone_call_has_no_ticket(talk: Talk) -> None:
    problem(await talk.ask("ticket"), 409, "wrong_channel")


# commands


async def test_what_is_said_by_the_api_is_spoken_and_written_down(talk: Talk) -> None:
    answer = await talk.ask("say", {"text": "A colleague looks into it."})
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["verb"], done["by"], done["fault"]) == ("say", "My script", "")
    assert done["done_at"] >= done["created_at"]
    await talk.hears("looks into it.")
    read = await eventually(lambda: talk.get("/transcript"), lambda found: len(found["lines"]) == 2)
    assert [line["text"] for line in read["lines"]] == [OPENING, "A colleague looks into it."]


async def test_keys_are_pressed(talk: Talk) -> None:
    assert (await talk.ask("digits", {"digits": "1w2#"})).status_code == 200
    assert talk.line.pressed == "1w2#"


async def test_a_transfer_is_asked_of_the_carrier_in_its_own_writing(talk: Talk) -> None:
    answer = await talk.ask("transfer", {"to": "(202) 555-0177"})
    assert answer.status_code == 200, answer.text
    assert talk.line.transferred == "+12025550177"
    problem(await talk.ask("transfer", {"to": "the boss"}), 422, "not_an_identity")


async def test_a_warm_transfer_calls_them_and_keeps_the_customers_line(talk: Talk) -> None:
    answer = await talk.ask("transfer", {"to": "(202) 555-0177", "warm": True, "briefing": "Wants a refund."})
    assert answer.status_code == 200, answer.text
    assert answer.json()["arguments"] == {"to": "+12025550177", "warm": True, "briefing": "Wants a refund."}
    assert talk.line.transferred == ""
    (asked,) = [one for one in (await talk.get("/events", limit="200"))["data"] if one["type"] == "call.transferring"]
    assert (asked["data"]["to"], asked["data"]["warm"]) == ("+12025550177", True)
    leg = (await talk.api.get(f"/v1/interactions/{asked['data']['leg_id']}")).json()
    assert (leg["channel"], leg["direction"], leg["metadata"]) == ("call", "outbound", {"transfer_of": talk.id})
    problem(await talk.ask("transfer", {"to": "+12025550178", "warm": True}), 409, "not_done")


async def test_what_the_line_cannot_do_is_told_in_its_words(hub: House, api: httpx.AsyncClient) -> None:
    async with calling(hub, api, keys=False, transfers=False) as talk:
        told = problem(await talk.ask("digits", {"digits": "1"}), 409, "not_done")
        assert told["detail"] == "This line has no keys to press."
        problem(await talk.ask("transfer", {"to": ANA}), 409, "not_done")
        listed = await talk.get("/commands")
        assert [(one["verb"], one["fault"]) for one in listed["data"]] == [
            ("transfer", "The carrier did not take the transfer."),
            ("digits", "This line has no keys to press."),
        ]


async def test_a_paused_agent_is_silent_until_it_goes_on(talk: Talk) -> None:
    assert (await talk.ask("pause")).status_code == 200
    await eventually(lambda: talk.get(), lambda one: one["status"] == "paused")
    talk.line.says("Are you still there?")
    await eventually(lambda: talk.get("/transcript"), lambda found: found["lines"][-1]["role"] == "customer")
    assert ANSWER not in talk.line.heard
    assert (await talk.ask("resume")).status_code == 200
    await eventually(lambda: talk.get(), lambda one: one["status"] == "in_progress")
    talk.line.says("And now?")
    await talk.hears(ANSWER)


async def test_one_who_is_muted_is_not_heard(talk: Talk) -> None:
    assert (await talk.ask("mute", {"direction": "in"})).status_code == 200
    talk.line.says("Nobody hears this.")
    assert (await talk.ask("unmute")).status_code == 200
    talk.line.says("But this.")

    async def customer() -> list[str]:
        return [one["text"] for one in (await talk.get("/transcript"))["lines"] if one["role"] == "customer"]

    assert await eventually(customer, bool) == ["But this."]
    assert [one["verb"] for one in (await talk.get("/commands"))["data"]] == ["unmute", "mute"]


async def test_a_whisper_is_heard_by_the_agent_alone(talk: Talk) -> None:
    assert (await talk.ask("whisper", {"text": "They are a member."})).status_code == 200
    memory = talk.hub.hub.context.calls[UUID(talk.id)].mind.memory.history
    assert any("They are a member." in entry.text for entry in memory)
    assert "member" not in talk.line.heard


@pytest.mark.parametrize(
    ("what", "body", "where"),
    [
        ("digits", {"digits": "12a"}, "#/digits"), ("digits", {"digits": ""}, "#/digits"),
        ("digits", {"digits": "1" * 101}, "#/digits"), ("say", {"text": " "}, "#/text"),
        ("say", {"text": "x" * 4_001}, "#/text"), ("whisper", {}, "#/text"), ("transfer", {"to": ""}, "#/to"),
        ("mute", {"direction": "left"}, "#/direction"), ("say", {"text": "x", "loud": True}, "#/loud"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_named_before_anybody_is_asked(
    talk: Talk, what: str, body: dict[str, Any], where: str
) -> None:
    told = problem(await talk.ask(what, body), 400)
    assert told["errors"][0]["pointer"] == where
    assert (await talk.get("/commands"))["data"] == []


async def test_a_command_is_carried_out_once_under_its_key(talk: Talk) -> None:
    first = await talk.ask("digits", {"digits": "5"}, **{"idempotency-key": "press-five"})
    again = await talk.ask("digits", {"digits": "5"}, **{"idempotency-key": "press-five"})
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert talk.line.pressed == "5"
    other = await talk.ask("digits", {"digits": "6"}, **{"idempotency-key": "press-five"})
    problem(other, 422, "idempotency_key_reused")


COMMANDS: dict[str, Any] = {
    "say": {"text": "x"}, "whisper": {"text": "x"}, "digits": {"digits": "1"}, "transfer": {"to": ANA},
    "mute": {"direction": "both"}, "unmute": None, "pause": None, "resume": None, "recording/pause": None,
    "recording/resume": None,
}  # fmt: skip


async def test_nothing_can_be_asked_of_what_has_ended_or_has_no_line(hub: House, api: httpx.AsyncClient) -> None:
    async with calling(hub, api) as talk:
        await talk.hears("today?")
    written = (await api.post("/v1/interactions", json={"channel": "webchat", "to": "v-1", "text": "Hello"})).json()
    for what, body in COMMANDS.items():
        told = problem(await talk.ask(what, body), 409, "not_live")
        assert "has ended" in told["detail"]
        text = Talk(hub, api, talk.line, written["id"])
        assert "no open line" in problem(await text.ask(what, body), 409, "not_live")["detail"]
        nobody = Talk(hub, api, talk.line, str(uuid4()))
        problem(await nobody.ask(what, body), 404, "not_found")


async def test_a_command_that_its_node_does_not_carry_out_is_answered_as_accepted(talk: Talk) -> None:
    """As when another node holds the call and does not get to it in time."""
    call = talk.hub.hub.context.calls[UUID(talk.id)]
    call.fence()
    await asyncio.wait_for(talk.line.hung_up.wait(), 10)
    asking = asyncio.create_task(talk.ask("say", {"text": "Anybody?"}))
    await eventually(lambda: talk.get("/commands"), lambda found: found["data"])
    talk.hub.clock.forward(seconds=6)
    talk.hub.store.bus.publish([(f"interaction:{talk.id}", talk.id)])
    answer = await asking
    assert answer.status_code == 202
    assert answer.json()["done_at"] is None
    assert answer.headers["location"] == f"/v1/interactions/{talk.id}/commands"


async def test_ending_a_call_hangs_up(talk: Talk) -> None:
    answer = await talk.ask("end")
    assert answer.status_code == 200
    await asyncio.wait_for(talk.line.hung_up.wait(), 10)
    ended = await talk.ended()
    assert (ended["status"], ended["ended_reason"]) == ("completed", "api_hangup")
    assert ended["duration_seconds"] > 0
    assert ended["recordings_url"] == f"/v1/interactions/{talk.id}/recordings"


# what was said


async def test_a_message_says_what_was_heard_of_it_and_when(talk: Talk) -> None:
    talk.line.says("I would like to book")
    said = await eventually(
        lambda: talk.get("/messages"), lambda found: len(found["data"]) >= 3 and found["data"][2]["to_ms"]
    )
    opening, customer, answer = said["data"][:3]
    assert opening["heard"] is None
    assert 0 <= opening["from_ms"] < opening["to_ms"]
    assert [one[2] for one in opening["timing"]["sentences"]] == ["Hello, this is Maya.", "How can I help you today?"]
    assert customer["role"] == "customer"
    assert answer["from_ms"] >= customer["from_ms"]


class Follower:
    """Server-sent events as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self, *kinds: str) -> dict[str, Any]:
        """The next event of one of these kinds."""
        event: dict[str, Any] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line and name:
                event[name] = json.loads(value) if name == "data" else value
            elif not line and "data" in event and (not kinds or event["event"] in kinds):
                return event
            elif not line:
                event = {}
        raise EOFError

    async def rest(self) -> list[dict[str, Any]]:
        found = []
        with contextlib.suppress(EOFError):
            while True:
                found.append(await self.next("turn", "ended"))
        return found


@contextlib.asynccontextmanager
async def following(talk: Talk, last: str = "", api: httpx.AsyncClient | None = None) -> AsyncIterator[Follower]:
    headers = {"last-event-id": last} if last else {}
    path = f"/v1/interactions/{talk.id}/transcript/stream"
    async with (api or talk.api).stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Follower(answer)


async def test_a_call_is_followed_line_by_line_to_its_end(talk: Talk) -> None:
    async with following(talk) as follower:
        first = await follower.next("turn")
        assert (first["data"]["role"], first["data"]["heard"]) == ("agent", OPENING)
        talk.line.begins("I would")
        partial = await follower.next("partial")
        assert partial["data"] == {"role": "customer", "text": "I would"}
        assert "id" not in partial
        talk.line.says("I would like to book")
        said = await follower.next("turn")
        assert said["data"]["role"] == "customer"
        assert said["data"]["text"].endswith("I would like to book")
        assert int(said["id"]) > int(first["id"])
        answer = await follower.next("turn")
        assert answer["data"]["role"] == "agent"
        talk.line.hang_up()
        *_, ended = await follower.rest()
        assert ended["event"] == "ended"
        assert (ended["data"]["status"], ended["data"]["ended_reason"]) == ("completed", "customer_hangup")
    read = await talk.get("/transcript")
    assert [line["seq"] for line in read["lines"]] == sorted(line["seq"] for line in read["lines"])


async def test_who_comes_back_misses_nothing_and_sees_nothing_twice(talk: Talk) -> None:
    async with following(talk) as follower:
        first = await follower.next("turn")
    talk.line.says("Hello?")
    await eventually(lambda: talk.get("/transcript"), lambda found: len(found["lines"]) >= 3)
    async with following(talk, first["id"]) as follower:
        assert (await follower.next("turn"))["data"]["text"] == "Hello?"
        talk.line.hang_up()
        *_, ended = await follower.rest()
    await talk.ended()
    await talk.hub.settled()
    path = f"/v1/interactions/{talk.id}/transcript/stream"
    again = await talk.api.get(path, headers={"last-event-id": ended["id"]})
    assert again.status_code in (200, 204)  # what the end still wrote may have come behind it
    assert "event: turn" not in again.text
    last = str((await talk.get())["last_seq"])
    assert (await talk.api.get(path, headers={"last-event-id": last})).status_code == 204


async def test_the_last_words_are_told_even_when_the_call_is_ended_from_here(talk: Talk) -> None:
    async with following(talk) as follower:
        await follower.next("turn")
        await talk.ask("say", {"text": " ".join(f"word{n}" for n in range(200))})
        await talk.hears("word3")
        await talk.ask("end")
        cut, ended = await follower.rest()
    assert cut["event"] == "turn"
    assert cut["data"]["heard"].startswith("word0 word1")
    assert len(cut["data"]["heard"]) < len(cut["data"]["text"])
    assert ended["event"] == "ended"


async def test_a_text_interaction_can_be_followed_too(hub: House, api: httpx.AsyncClient) -> None:
    begun = (await api.post("/v1/interactions", json={"channel": "webchat", "to": "v-1", "text": "Hello"})).json()
    async with following(Talk(hub, api, TextLine(), begun["id"])) as follower:
        assert (await follower.next())["data"]["text"] == "Hello"
        await api.post(f"/v1/interactions/{begun['id']}/notes", json={"text": "Not for the transcript"})
        await api.post(f"/v1/interactions/{begun['id']}/end")
        assert (await follower.next())["event"] == "ended"


async def test_a_slow_follower_keeps_only_the_newest_words(talk: Talk) -> None:
    from web.api.transcripts import MOST_PARTIALS

    async with following(talk) as follower:
        await follower.next("turn")
        call = talk.hub.hub.context.calls[UUID(talk.id)]
        assert len(call.writer.watchers) == 1
        for n in range(10 * MOST_PARTIALS):
            call.writer.happened("caption", role="customer", text=f"word {n}")
        seen = [await follower.next("partial") for _ in range(MOST_PARTIALS)]
        assert seen[-1]["data"]["text"] == f"word {10 * MOST_PARTIALS - 1}"

    async def watchers() -> int:
        return len(call.writer.watchers)

    await eventually(watchers, lambda count: count == 0)


async def test_the_stream_ends_with_the_key_that_opened_it(talk: Talk) -> None:
    made = (await talk.api.post("/v1/api_keys", json={"name": "Short-lived", "scopes": ["read"]})).json()
    async with (
        httpx.AsyncClient(
            base_url=talk.hub.url, headers={"Authorization": f"Bearer {made['secret']}"}, timeout=20
        ) as short,
        following(talk, api=short) as follower,
    ):
        await follower.next("turn")
        await talk.api.delete(f"/v1/api_keys/{made['id']}")
        talk.line.begins("My card number is")
        with pytest.raises(EOFError):
            await follower.next()


# recordings


async def recorded(hub: House, api: httpx.AsyncClient) -> Talk:
    async with calling(hub, api) as talk:
        await talk.hears("today?")
    await talk.ended()
    return talk


async def test_a_recording_is_listed_and_heard_by_lane_and_range(hub: House, api: httpx.AsyncClient) -> None:
    talk = await recorded(hub, api)
    (one,) = (await talk.get("/recordings"))["data"]
    assert one["finished_at"]
    assert one["duration_ms"] > 150
    for lane, channels in (("both", 2), ("mixed", 1), ("customer", 1), ("others", 1)):
        answer = await api.get(one["lanes"][lane])
        assert answer.headers["content-type"] == "audio/wav"
        with wave.open(BytesIO(answer.content)) as sound:
            assert sound.getnchannels() == channels
            assert abs(sound.getnframes() * 1000 / sound.getframerate() - one["duration_ms"]) < 50
        assert (await api.get(f"/v1/interactions/{talk.id}/recording?lane={lane}")).content == answer.content
    whole = await api.get(one["url"])
    part = await api.get(one["url"], headers={"range": "bytes=44-143"})
    assert (part.status_code, part.content) == (206, whole.content[44:144])
    beyond = await api.get(one["url"], headers={"range": "bytes=99999999-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"
    told = problem(await api.get(f"/v1/interactions/{talk.id}/recording?part=2"), 400)
    assert told["errors"] == [{"parameter": "part", "detail": "The recording has 1 part."}]


async def test_a_recording_pauses_and_goes_on(talk: Talk) -> None:
    (one,) = (await talk.get("/recordings"))["data"]
    assert (one["finished_at"], one["duration_ms"]) == (None, None)
    assert (await talk.ask("recording/pause")).status_code == 200
    await asyncio.sleep(0.1)
    assert (await talk.ask("recording/resume")).status_code == 200
    talk.line.hang_up()
    await talk.ended()
    (one,) = (await talk.get("/recordings"))["data"]
    ((since, until),) = one["pauses"]
    assert 50 < until - since < 2_000


async def test_an_agent_that_does_not_record_says_so(hub: House, api: httpx.AsyncClient) -> None:
    call = {**CALL, "record": False}
    await api.patch(f"/v1/agents/{hub.home.agent_id}", json={"call": call})
    async with calling(hub, api) as talk:
        problem(await talk.ask("recording/pause"), 409, "not_done")
        assert (await talk.get("/recordings"))["data"] == []
        problem(await api.get(f"/v1/interactions/{talk.id}/recording"), 404, "not_found")


async def test_a_recording_is_removed_with_its_file_once_the_call_is_over(hub: House, api: httpx.AsyncClient) -> None:
    async with calling(hub, api) as talk:
        await talk.hears("today?")
        (one,) = (await talk.get("/recordings"))["data"]
        problem(await api.delete(one["url"]), 409, "growing")
    await talk.ended()
    folder = hub.hub.context.data_dir / "recordings"
    assert [path for path in folder.rglob("*") if path.is_file()]
    async with await program(hub, "read") as reader:
        assert (await reader.delete(one["url"])).status_code == 403
    assert (await api.delete(one["url"])).status_code == 204
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    problem(await api.get(one["url"]), 404, "not_found")
    problem(await api.delete(one["url"]), 404, "not_found")
    assert (await talk.get("/recordings"))["data"] == []
    (event,) = await hub.records.events("recording.deleted")
    assert event.data == {"recording_id": one["id"], "by": "My script"}


# agents


@pytest.mark.parametrize(
    ("call", "where", "words"),
    [
        ({"hearing": {"engine": "owl"}}, "#/call/hearing/engine", "there are: sphinx"),
        ({"speaking": {"engine": "espeak", "fallbacks": ["x"]}}, "#/call/speaking/fallbacks/0", "there are: espeak"),
        ({"speaking": {"speed": 9}}, "#/call/speaking/speed", "less than or equal to 2"),
        ({"turn_taking": {"interruption_sensitivity": -1}}, "#/call/turn_taking/interruption_sensitivity", "0"),
        ({"turn_taking": {"vad_config": {"volume": 1}}}, "#/call/turn_taking/vad_config/volume", "not known"),
        ({"transfer_to": "the desk"}, "#/call/transfer_to", "+12025550177"),
        ({"max_duration_seconds": 1.5}, "#/call/max_duration_seconds", "integer"),
    ],
)
async def test_a_wrong_setting_for_calls_is_named(
    api: httpx.AsyncClient, call: dict[str, Any], where: str, words: str
) -> None:
    told = problem(await api.post("/v1/agents", json={"name": "x", "call": call}), 400)
    assert told["errors"][0]["pointer"] == where
    assert words in told["errors"][0]["detail"]


async def test_the_document_explains_the_settings_for_calls(api: httpx.AsyncClient) -> None:
    schemas = (await api.get("/schema/openapi.json")).json()["components"]["schemas"]
    for name in ("Call", "Hearing", "Speaking", "TurnTaking", "VadConfig"):
        assert len(schemas[name]["description"]) > 60, name


# the docs

PAGE = (Path(__file__).parent.parent / "docs" / "calls.md").read_text()


async def test_every_request_of_the_docs_works(hub: House, talk: Talk) -> None:
    named = {"$ID": talk.id, "$WEB": "", "'$AGENT'": str(hub.home.agent_id)}
    begun: list[str] = []
    tried = 0
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for command in block.replace("\\\n", " ").split("curl ")[1:]:
            path, body = re.search(r"\$HUB(/v1/[^\s\"]+)", command), re.search(r"-d '(\{.*\})'", command)
            assert path is not None, command
            where, content = path[1], body[1] if body else ""
            for name, value in named.items():
                where, content = where.replace(name, value), content.replace(name, value)
            if where.endswith("/stream"):
                continue
            if where.endswith("/recording?lane=mixed"):
                await talk.ended()
            method = "POST" if body or "-X POST" in command else "GET"
            headers = {"content-type": "application/json"} if body else {}
            answer = await talk.api.request(method, where, content=content.encode(), headers=headers)
            assert answer.status_code < 400, f"{command}: {answer.text}"
            if where == "/v1/interactions":
                named["$WEB"] = answer.json()["id"]
                begun.append(named["$WEB"])
            tried += 1
    for one in begun:
        await talk.api.post(f"/v1/interactions/{one}/end")
    assert tried >= 16


async def test_every_address_of_the_docs_exists(hub: House) -> None:
    known = {re.sub(r"\{\w+\}", "{}", path) for _, path in routes(hub.app)}
    for path in re.findall(r"/v1/[\w/{}$]+", PAGE):
        assert re.sub(r"\{\w+\}|\$\w+", "{}", path) in known, path
