"""The sandbox as a carrier: the official SDK on one side, a hub that checks signatures on the other."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx
import pytest
import uvicorn
from litestar import Litestar, Request, Response, post
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from fixtures.sandbox import SandboxSettings, create_sandbox
from fixtures.sandbox.twilio.overrides import split
from fixtures.sandbox.twilio.segments import segments

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning"),  # the SDK's own use of aiohttp
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]

HOOKS = ("/hooks/sms", "/hooks/sms/status", "/hooks/whatsapp", "/hooks/whatsapp/status")
SID, TOKEN, OURS, PERSON = "AC" + "1" * 32, "token-of-the-account", "+15005550006", "+12025550101"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class _Server(uvicorn.Server):
    """One that leaves the process's signals alone and starts and stops at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready, self.enough = asyncio.Event(), asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.enough.wait()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@asynccontextmanager
async def serving(app: Litestar, listening: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(app, access_log=False, log_level="error", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    await server.ready.wait()
    try:
        yield
    finally:
        server.should_exit = True
        server.enough.set()
        await task
        listening.close()


def listen() -> tuple[socket.socket, str]:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


class TwilioHttp(AsyncTwilioHttpClient):
    """The official asynchronous client, pointed at the sandbox, with a timeout that holds."""

    def __init__(self, base_url: str, timeout: float = 5.0) -> None:
        super().__init__()
        self._base, self._seconds = urlsplit(base_url), timeout

    async def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        asked = urlsplit(url)
        options["timeout"] = options.get("timeout") or self._seconds
        there = urlunsplit((self._base.scheme, self._base.netloc, asked.path, asked.query, ""))
        return await super().request(method, there, *args, **options)


@dataclass
class Hub:
    """Receives webhooks, refuses what is not signed, answers with what `answers` says next (default 200)."""

    url: str = ""
    known_as: str = ""
    received: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    refused: int = 0

    def app(self) -> Litestar:
        @post([*HOOKS, "/fallback"], status_code=200)
        async def hook(request: Request[Any, Any, Any]) -> Response[str]:
            params = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
            path = request.scope["raw_path"].decode()
            query = request.scope["query_string"].decode()
            url = (self.known_as or self.url) + path + (f"?{query}" if query else "")
            if not RequestValidator(TOKEN).validate(url, params, request.headers.get("x-twilio-signature", "")):
                self.refused += 1
                return Response("not signed", status_code=403)
            self.received.append((path, params, dict(request.headers)))
            status, body = self.answers.pop(0) if self.answers else (200, "")
            return Response(body, status_code=status, media_type="text/xml")

        return Litestar([hook], openapi_config=None, logging_config=None)

    def statuses(self) -> list[str]:
        return [params["MessageStatus"] for path, params, _ in self.received if path == "/hooks/sms/status"]


@dataclass
class World:
    hub: Hub
    base: str
    http: httpx.AsyncClient
    twilio: Client

    async def send(self, body: str = "Hello", to: str = PERSON, **more: Any) -> Any:
        more.setdefault("from_", OURS)
        more.setdefault("status_callback", f"{self.hub.url}/hooks/sms/status?intent=7#rc=1")
        return await self.twilio.messages.create_async(to=to, body=body, **more)

    async def control(self, method: str, path: str, **body: Any) -> Any:
        answer = await self.http.request(method, f"/control/{path}", json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def behave(self, **rule: Any) -> None:
        await self.control("POST", "behaviour", **rule)

    async def webhooks(self, kind: str, at_least: int) -> list[dict[str, Any]]:
        answer = await self.control("GET", f"requests?kind={kind}&at_least={at_least}")
        assert len(answer["requests"]) >= at_least, answer
        return answer["requests"]

    async def text(self, body: str = "Hi", **more: Any) -> dict[str, Any]:
        return await self.control("POST", "inbound", **{"from": PERSON, "to": OURS, "body": body, **more})


@asynccontextmanager
async def world(patience: float = 5.0, **settings: Any) -> AsyncIterator[World]:
    hub = Hub()
    hub_socket, hub.url = listen()
    socket_, base = listen()
    chosen = SandboxSettings(
        **{"hub_url": hub.url, "account_sid": SID, "auth_token": TOKEN, "status_delay_ms": 1, **settings}
    )
    async with (
        serving(hub.app(), hub_socket),
        serving(create_sandbox(chosen), socket_),
        httpx.AsyncClient(base_url=base, timeout=10) as http,
        TwilioHttp(base, patience) as carrier,
    ):
        yield World(hub, base, http, Client(SID, TOKEN, http_client=carrier))


async def test_a_message_is_accepted_and_its_delivery_reported_by_signed_callbacks() -> None:
    async with world() as w:
        message = await w.send("Your order is on its way.")
        assert (message.status, message.direction, message.num_segments) == ("queued", "outbound-api", "1")
        assert message.sid.startswith("SM")
        assert message.date_created.tzinfo is not None
        rows = await w.webhooks("status", 2)
        assert w.hub.statuses() == ["sent", "delivered"]
        assert w.hub.refused == 0
        assert rows[0]["url"].endswith("/hooks/sms/status?intent=7")
        fetched = await w.twilio.messages(message.sid).fetch_async()
        assert (fetched.status, fetched.body) == ("delivered", "Your order is on its way.")
        kept = (await w.control("GET", "messages"))["messages"]
        assert [row["sid"] for row in kept] == [message.sid]


async def test_a_message_of_a_messaging_service_has_a_sender_of_its_pool() -> None:
    async with world() as w:
        service = SandboxSettings().messaging_service_sid
        message = await w.send(from_=None, messaging_service_sid=service)
        assert (message.status, message.messaging_service_sid) == ("accepted", service)
        await w.webhooks("status", 2)
        assert w.hub.received[0][1]["MessagingServiceSid"] == service
        assert w.hub.received[0][1]["From"] == OURS


async def test_wrong_credentials_are_401_with_code_20003() -> None:
    async with world() as w, TwilioHttp(w.base) as http:
        with pytest.raises(TwilioRestException) as caught:
            await Client(SID, "wrong", http_client=http).messages.create_async(to=PERSON, from_=OURS, body="x")
        assert (caught.value.status, caught.value.code) == (401, 20003)
        answer = await w.http.get(f"/2010-04-01/Accounts/{SID}/Messages.json")
        assert answer.json()["more_info"] == "https://www.twilio.com/docs/errors/20003"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"to": "not a number"}, 21211),
        ({"to": "+15005550009"}, 21614),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": None}, 21603),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"media_url": [f"https://example.test/{n}.png" for n in range(11)]}, 21623),
        ({"from_": None, "messaging_service_sid": "MG" + "9" * 32}, 21701),
    ],
)
async def test_what_twilio_refuses_is_refused_with_its_code(asked: dict[str, Any], code: int) -> None:
    async with world() as w:
        with pytest.raises(TwilioRestException) as caught:
            await w.send(**asked)
        assert (caught.value.status, caught.value.code) == (400, code)
        assert (await w.control("GET", "messages"))["total"] == 0
        assert (await w.control("GET", "calls"))["calls"][0]["code"] == code


async def test_an_unknown_message_is_404_with_code_20404() -> None:
    async with world() as w:
        with pytest.raises(TwilioRestException) as caught:
            await w.twilio.messages("SM" + "0" * 32).fetch_async()
        assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_listing_filters_and_follows_its_pages() -> None:
    async with world() as w:
        for n in range(5):
            await w.send(f"number {n}")
        await w.send("to another", to="+12025550199")
        found = await w.twilio.messages.list_async(to=PERSON, page_size=2)
        assert [m.body for m in found] == [f"number {n}" for n in (4, 3, 2, 1, 0)]
        assert len(await w.twilio.messages.list_async(from_=OURS)) == 6
        now = datetime.now(UTC)
        assert len(await w.twilio.messages.list_async(date_sent_after=now - timedelta(minutes=1))) == 6
        assert await w.twilio.messages.list_async(date_sent_after=now + timedelta(minutes=1)) == []
        assert len(await w.twilio.messages.list_async(date_sent_before=now + timedelta(minutes=1))) == 6
        assert len(await w.twilio.messages.list_async(date_sent=now)) == 6
        await w.behave(list_hides=True)
        assert await w.twilio.messages.list_async() == []


async def test_a_message_is_redacted_and_deleted() -> None:
    async with world() as w:
        message = await w.send("secret")
        assert (await w.twilio.messages(message.sid).update_async(body="")).body == ""
        assert await w.twilio.messages(message.sid).delete_async()
        assert await w.twilio.messages.list_async() == []


async def test_numbers_are_listed_and_told_where_their_messages_go() -> None:
    async with world(numbers=(OURS, "+12025550123")) as w:
        numbers = await w.twilio.incoming_phone_numbers.list_async()
        assert [n.phone_number for n in numbers] == [OURS, "+12025550123"]
        assert numbers[0].sms_url.endswith("/hooks/sms#ct=1000&rt=4000&rc=2&rp=ct,rt,5xx&tt=15000")
        updated = await numbers[1].update_async(sms_url=f"{w.hub.url}/fallback")
        assert updated.sms_url == f"{w.hub.url}/fallback"
        await w.text(to="+12025550123")
        assert w.hub.received[0][0] == "/fallback"


async def test_an_inbound_message_is_a_signed_form_as_twilio_sends_it() -> None:
    async with world() as w:
        answer = await w.text("Grüße & 1+1=2 🙂", messaging_service_sid="MG" + "2" * 32)
        (request,) = answer["requests"]
        assert (answer["ok"], request["status"], request["error"]) == (1, 200, None)
        (path, params, headers) = w.hub.received[0]
        assert path == "/hooks/sms"
        assert (params["From"], params["To"], params["Body"]) == (PERSON, OURS, "Grüße & 1+1=2 🙂")
        assert params["MessageSid"] == params["SmsSid"] == params["SmsMessageSid"] == request["sid"]
        assert (params["AccountSid"], params["NumMedia"], params["ApiVersion"]) == (SID, "0", "2010-04-01")
        assert params["MessagingServiceSid"] == "MG" + "2" * 32
        assert params["ToCity"] == ""
        assert headers["i-twilio-idempotency-token"]
        inbound = await w.twilio.messages(request["sid"]).fetch_async()
        assert (inbound.direction, inbound.status) == ("inbound", "received")


async def test_an_inbound_picture_can_be_fetched_by_its_link() -> None:
    async with world() as w:
        media = [{"content": "iVBORw0KGgo=", "content_type": "image/png", "name": "dot.png"}]
        answer = await w.text("look", media=media)
        params = w.hub.received[0][1]
        assert (params["NumMedia"], params["MediaContentType0"]) == ("1", "image/png")
        assert (await w.http.get(params["MediaUrl0"])).status_code == 401
        fetched = await w.http.get(params["MediaUrl0"], auth=(SID, TOKEN))
        assert (fetched.content, fetched.headers["content-type"]) == (b"\x89PNG\r\n\x1a\n", "image/png")
        sid = answer["requests"][0]["sid"]
        assert sid.startswith("MM")
        (listed,) = await w.twilio.messages(sid).media.list_async()
        one = await w.twilio.messages(sid).media(listed.sid).fetch_async()
        assert (one.content_type, one.parent_sid) == ("image/png", sid)


async def test_an_outbound_picture_is_listed_with_its_message() -> None:
    async with world() as w:
        link = "https://files.example.test/menu.png"
        message = await w.send("menu", media_url=[link])
        assert (message.num_media, message.sid[:2]) == ("1", "MM")
        (listed,) = await w.twilio.messages(message.sid).media.list_async()
        assert listed.content_type == "image/png"
        (kept,) = (await w.control("GET", "messages"))["messages"]
        assert kept["media"][0]["url"] == link


async def test_a_webhook_that_fails_is_retried_as_its_fragment_asks() -> None:
    async with world() as w:
        w.hub.answers = [(503, ""), (503, ""), (200, "")]
        answer = await w.text()
        assert (answer["ok"], answer["requests"][0]["attempts"]) == (1, 3)
        tokens = {headers["i-twilio-idempotency-token"] for _, _, headers in w.hub.received}
        assert len(tokens) == 1


async def test_a_webhook_that_keeps_failing_goes_to_the_fallback() -> None:
    async with world() as w:
        (number,) = await w.twilio.incoming_phone_numbers.list_async()
        await number.update_async(sms_url=f"{w.hub.url}/hooks/sms", sms_fallback_url=f"{w.hub.url}/fallback")
        w.hub.answers = [(500, "")]
        assert (await w.text())["ok"] == 1
        path, params, _ = w.hub.received[-1]
        assert (path, params["ErrorCode"], params["ErrorUrl"]) == (
            "/fallback",
            "11200",
            f"{w.hub.url}/hooks/sms",
        )


async def test_a_hub_that_is_not_there_is_a_failed_text_with_the_reason() -> None:
    listening, nowhere = listen()
    listening.close()
    async with world(hub_url=nowhere) as w:
        answer = await w.text()
        assert answer["failed"] == 1
        assert "Could not connect" in answer["requests"][0]["error"]
        (row,) = (await w.control("GET", "messages?direction=inbound"))["messages"]
        assert (row["status"], row["error_code"]) == ("failed", 11205)


async def test_a_hub_behind_a_public_url_is_dialled_locally_and_signed_publicly() -> None:
    async with world(public_url="https://hub.example.test") as w:
        w.hub.known_as = "https://hub.example.test"
        assert (await w.text())["ok"] == 1
        await w.send(status_callback="https://hub.example.test/hooks/sms/status")
        await w.webhooks("status", 2)
        assert (w.hub.statuses(), w.hub.refused) == (["sent", "delivered"], 0)


async def test_twiml_in_the_answer_is_sent_as_a_message() -> None:
    async with world() as w:
        w.hub.answers = [(200, "<Response><Message>Got it</Message><Message><Body>Two</Body></Message></Response>")]
        await w.text()
        rows = (await w.control("GET", "messages?at_least=2"))["messages"]
        assert [(row["direction"], row["to"], row["body"]) for row in rows] == [
            ("outbound-reply", PERSON, "Got it"),
            ("outbound-reply", PERSON, "Two"),
        ]


async def test_many_people_text_at_once_and_copies_carry_the_same_sid() -> None:
    async with world() as w:
        answer = await w.text("m{n}", count=20, concurrency=8, duplicate=1, **{"from": "+120255501{n}"})
        assert (answer["sent"], answer["ok"]) == (40, 40)
        sids = [params["MessageSid"] for _, params, _ in w.hub.received]
        assert (len(sids), len(set(sids))) == (40, 20)
        assert {params["Body"] for _, params, _ in w.hub.received} == {f"m{n}" for n in range(20)}


async def test_copies_go_to_each_of_the_target_hubs() -> None:
    other = Hub()
    listening, other.url = listen()
    async with world() as w, serving(other.app(), listening):
        other.known_as = w.hub.url
        answer = await w.text(targets=[w.hub.url, other.url], duplicate=1, sign_as=w.hub.url)
        assert answer["ok"] == 2
        assert len(w.hub.received) == len(other.received) == 1


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"mode": "refuse", "code": 21610}, 400, 21610),
        ({"mode": "429", "retry_after": 3}, 429, 20429),
        ({"mode": "500"}, 500, 20500),
    ],
)
async def test_a_rule_refuses_so_many_messages_and_stores_none(rule: dict[str, Any], status: int, code: int) -> None:
    async with world() as w:
        await w.behave(**rule, count=1)
        with pytest.raises(TwilioRestException) as caught:
            await w.send()
        assert (caught.value.status, caught.value.code) == (status, code)
        await w.send("after it")
        rows = (await w.control("GET", "messages"))["messages"]
        assert [row["body"] for row in rows] == ["after it"]


async def test_429_says_when_to_come_back() -> None:
    async with world() as w:
        await w.behave(mode="429", retry_after=3)
        data = {"To": PERSON, "From": OURS, "Body": "x"}
        answer = await w.http.post(f"/2010-04-01/Accounts/{SID}/Messages.json", data=data, auth=(SID, TOKEN))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


async def test_a_number_out_of_reach_is_accepted_and_reported_undelivered() -> None:
    async with world() as w:
        await w.behave(mode="refuse", code=30005, to=PERSON)
        message = await w.send()
        await w.webhooks("status", 2)
        assert w.hub.statuses() == ["sent", "undelivered"]
        assert w.hub.received[-1][1]["ErrorCode"] == "30005"
        assert (await w.twilio.messages(message.sid).fetch_async()).error_code == 30005
        await w.send(to="+12025550150")
        await w.webhooks("status", 4)
        assert w.hub.statuses()[-1] == "delivered"


@pytest.mark.parametrize(("mode", "kept"), [("drop_after_accept", 1), ("reset", 0)])
async def test_a_broken_connection_leaves_the_message_accepted_or_not(mode: str, kept: int) -> None:
    async with world() as w:
        await w.behave(mode=mode, count=1)
        data = {"To": PERSON, "From": OURS, "Body": "x"}
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await w.http.post(f"/2010-04-01/Accounts/{SID}/Messages.json", data=data, auth=(SID, TOKEN))
        assert (await w.control("GET", "messages"))["total"] == kept


async def test_a_send_that_is_never_answered_times_out_at_the_client() -> None:
    async with world(patience=0.1) as w:
        await w.behave(mode="timeout")
        with pytest.raises(asyncio.TimeoutError):
            await w.send()
        assert (await w.control("GET", "messages"))["total"] == 0


async def test_statuses_come_repeated_and_in_the_wrong_order() -> None:
    async with world() as w:
        sequence = ["queued", "sent", "delivered"]
        await w.behave(status_sequence=sequence, reorder_status=True, duplicate_status=1)
        await w.send()
        await w.webhooks("status", 6)
        assert w.hub.statuses() == ["delivered", "delivered", "sent", "sent", "queued", "queued"]


async def test_held_statuses_come_when_they_are_released() -> None:
    async with world() as w:
        await w.behave(hold_status=True)
        message = await w.send()
        await w.control("GET", "messages?status=delivered&at_least=1")
        assert w.hub.statuses() == []
        assert (await w.twilio.messages(message.sid).fetch_async()).status == "delivered"
        assert (await w.control("POST", "release"))["released"] == 2
        assert w.hub.statuses() == ["sent", "delivered"]


async def test_a_chosen_status_is_sent_on_demand() -> None:
    async with world() as w:
        await w.behave(status_sequence=[])
        message = await w.send()
        answer = await w.control("POST", "status", sid=message.sid, status="failed", code=30007)
        assert (answer["status"], answer["ok"]) == (200, True)
        assert w.hub.received[-1][1]["ErrorCode"] == "30007"


async def test_a_carrier_that_handles_stop_refuses_until_start() -> None:
    async with world(carrier_opt_out=True) as w:
        await w.text(" stop ")
        with pytest.raises(TwilioRestException) as caught:
            await w.send()
        assert caught.value.code == 21610
        await w.text("START")
        assert (await w.send()).status == "queued"


async def test_reset_forgets_everything_and_clear_keeps_the_rules() -> None:
    async with world() as w:
        await w.send()
        await w.behave(mode="429")
        await w.control("POST", "clear")
        assert (await w.control("GET", "messages"))["total"] == 0
        assert len((await w.control("GET", "behaviour"))["behaviour"]) == 1
        await w.control("POST", "reset")
        assert (await w.control("GET", "behaviour"))["behaviour"] == []


async def test_the_rule_of_one_number_comes_before_the_rule_for_all_and_is_taken_back_alone() -> None:
    async with world() as w:
        await w.behave(mode="500")
        await w.behave(mode="accept", to=PERSON)
        assert (await w.send()).status == "queued"
        left = await w.control("DELETE", f"behaviour?to={PERSON.replace('+', '%2B')}")
        assert [rule["mode"] for rule in left["behaviour"]] == ["500"]
        with pytest.raises(TwilioRestException):
            await w.send()


async def test_a_rule_with_a_misspelt_word_is_refused() -> None:
    async with world() as w:
        for body in ({"mode": "explode"}, {"mod": "accept"}, {"count": 0}):
            assert (await w.http.post("/control/behaviour", json=body)).status_code == 400


async def test_memory_is_bounded() -> None:
    async with world(max_messages=3, max_log=4) as w:
        for n in range(6):
            await w.text(str(n))
        rows = (await w.control("GET", "messages?direction=all"))["messages"]
        assert [row["body"] for row in rows] == ["3", "4", "5"]
        assert (await w.control("GET", "requests"))["total"] == 4


async def test_the_shop_knows_its_orders() -> None:
    async with world() as w:
        order = (await w.http.get("/shop/orders/a1001")).json()
        assert (order["number"], order["status"], order["total"]) == ("A1001", "shipped", 64.0)
        unknown = await w.http.get("/shop/orders/B7")
        assert (unknown.status_code, unknown.json()) == (404, {"error": "There is no order B7."})


async def test_a_clinic_slot_is_booked_once() -> None:
    async with world() as w:
        free = (await w.http.get("/clinic/slots?date=2030-01-07")).json()["slots"]
        who = {"name": "Ada", "phone": PERSON, "date": "2030-01-07", "time": free[0], "reason": "check-up"}
        booked = await w.http.post("/clinic/appointments", json=who)
        assert (booked.status_code, booked.json()["time"]) == (201, free[0])
        assert (await w.http.post("/clinic/appointments", json=who)).status_code == 409
        assert free[0] not in (await w.http.get("/clinic/slots?date=2030-01-07")).json()["slots"]
        assert (await w.http.get("/clinic/slots?date=soon")).status_code == 400


async def test_a_lead_gets_an_id() -> None:
    async with world() as w:
        assert (await w.http.post("/crm/leads", json={"name": "Ada"})).json() == {"id": "L1001"}


async def test_the_phone_texts_the_hub_and_hears_back_live() -> None:
    async with world() as w:
        page = await w.http.get("/")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        uploaded = await w.http.post(
            "/handset/media?name=dot.png", content=b"\x89PNG", headers={"content-type": "image/png"}
        )
        sent = await w.http.post(
            "/handset/messages",
            json={"from": PERSON, "to": OURS, "body": "Hi", "media": [uploaded.json()["id"]]},
        )
        assert sent.json()["status"] == "delivered"
        assert w.hub.received[0][1]["NumMedia"] == "1"
        async with w.http.stream("GET", "/handset/events", params={"number": PERSON}) as live:
            lines = live.aiter_lines()
            await until(lines, lambda line: "ready" in line)
            await w.send("Hello <b>you</b>")
            assert "Hello <b>you</b>" in await until(lines, lambda line: line.startswith('data: {"sid"'))
        history = await w.http.get("/handset/messages", params={"number": PERSON, "with": OURS})
        assert [m["body"] for m in history.json()["messages"]] == ["Hi", "Hello <b>you</b>"]


async def test_another_sites_page_may_not_use_the_phone() -> None:
    async with world() as w:
        headers = {"sec-fetch-site": "cross-site"}
        assert (await w.http.post("/control/reset", headers=headers)).status_code == 403


async def until(lines: AsyncIterator[str], matches: Callable[[str], bool]) -> str:
    async for line in lines:
        if matches(line):
            return line
    raise AssertionError("The stream ended.")


def test_a_fragment_is_read_and_never_requested() -> None:
    url, overrides = split("https://hub.test/a?b=1#ct=1000&rt=4000&rc=9&rp=ct,5xx")
    assert url == "https://hub.test/a?b=1"
    assert (overrides.connect, overrides.read, overrides.retries) == (1.0, 4.0, 5)
    assert overrides.again("5xx")
    assert not overrides.again("rt")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("🙂" * 36, 2),
    ],
)
def test_segments_are_counted_as_the_networks_do(text: str, count: int) -> None:
    assert segments(text) == count
