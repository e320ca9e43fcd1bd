"""The Calls resource of the sandbox through the official SDK, and transfers."""

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.test_sandbox import OURS, PERSON
from tests.test_sandbox_voice import world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_hub_calls_a_person_and_is_told_how_it_goes() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"script": [{"pause_ms": 60}, {"hang_up": True}], "after_ms": 20})
        w.hub.twiml["/answer"] = w.hub.connect()
        callback = f"{w.hub.url}/voice/status?intent=7#rc=1"
        made = await w.dial_out(
            status_callback=callback, status_callback_event=["initiated", "ringing", "answered", "completed"]
        )
        assert (made.status, made.direction, made.sid[:2]) == ("queued", "outbound-api", "CA")
        call = await w.over(made.sid)
        await w.call(made.sid, event="webhook", at_least=5)
        told = w.hub.told("/voice/status")
        assert [one["CallStatus"] for one in told] == ["initiated", "ringing", "in-progress", "completed"]
        assert [one["SequenceNumber"] for one in told] == ["0", "1", "2", "3"]
        assert "CallDuration" not in told[2]
        assert told[3]["CallDuration"] == "1"
        assert w.hub.told("/answer")[0]["CallStatus"] == "in-progress"
        fetched = await w.twilio.calls(made.sid).fetch_async()
        assert (fetched.status, fetched.duration, fetched.to, fetched._from) == ("completed", "1", PERSON, OURS)
        assert fetched.start_time.tzinfo is not None
        assert call["reason"] == "The person hung up."
        assert w.hub.refused == []


async def test_a_person_who_cannot_be_reached() -> None:
    async with world() as w:
        for answer in ("busy", "no_answer", "failed"):
            await w.control("POST", "voice/persons", {"number": PERSON, "answer": answer, "after_ms": 10})
            made = await w.dial_out(status_callback=f"{w.hub.url}/voice/status")
            call = await w.over(made.sid)
            assert call["status"] == answer.replace("_", "-")
            await w.call(made.sid, event="webhook")
            assert w.hub.told("/voice/status")[-1]["CallStatus"] == call["status"]
        assert w.hub.told("/answer") == []


async def test_a_machine_is_told_from_a_person() -> None:
    async with world() as w:
        w.hub.twiml["/answer"] = "<Response><Hangup/></Response>"
        for answer, wanted, found in [
            ("yes", "Enable", "human"),
            ("machine", "Enable", "machine_start"),
            ("machine", "DetectMessageEnd", "machine_end_beep"),
        ]:
            person = {"answer": answer, "greeting": "Hi", "beep_ms": 100, "detect_ms": 20}
            await w.control("POST", "voice/persons", person)
            call = await w.over((await w.dial_out(machine_detection=wanted)).sid)
            assert call["answered_by"] == w.hub.told("/answer")[-1]["AnsweredBy"] == found
        detected = next(row for row in call["events"] if row["event"] == "detected")
        assert 300 <= detected["at_ms"] <= 1500, "after greeting and beep"


async def test_detection_in_the_background_is_told_to_its_callback() -> None:
    async with world() as w:
        person = {"answer": "machine", "greeting": "Hi", "beep_ms": 100}
        await w.control("POST", "voice/persons", person)
        w.hub.twiml["/answer"] = w.hub.connect()
        made = await w.dial_out(
            machine_detection="DetectMessageEnd",
            async_amd="true",
            async_amd_status_callback=f"{w.hub.url}/amd/status",
        )
        await w.call(made.sid, event="webhook", at_least=2)
        told = w.hub.told("/amd/status")[0]
        assert (told["CallSid"], told["AnsweredBy"]) == (made.sid, "machine_end_beep")
        assert w.hub.legs, "the call went on meanwhile"
        assert "AnsweredBy" not in w.hub.told("/answer")[0]


async def test_a_live_call_is_redirected_and_ended_by_the_api() -> None:
    async with world() as w:
        w.hub.twiml["/answer"] = w.hub.connect()
        w.hub.twiml["/elsewhere"] = w.hub.connect(again="yes")
        made = await w.dial_out()
        await w.call(made.sid, event="stream_start")
        await w.twilio.calls(made.sid).update_async(url=f"{w.hub.url}/elsewhere")
        call = await w.call(made.sid, event="stream_start", at_least=2)
        assert w.hub.legs[0].seen[-1]["event"] == "stop"
        assert w.hub.legs[1].start["start"]["customParameters"] == {"again": "yes"}
        assert call["streams"][0]["sid"] != call["streams"][1]["sid"]
        updated = await w.twilio.calls(made.sid).update_async(twiml="<Response><Say>Bye</Say><Pause/></Response>")
        assert updated.status == "in-progress"
        await w.call(made.sid, event="verb", at_least=4)
        await w.twilio.calls(made.sid).update_async(status="completed")
        call = await w.over(made.sid)
        assert (call["status"], call["reason"]) == ("completed", "The hub ended the call by the API.")
        with pytest.raises(TwilioRestException) as caught:
            await w.twilio.calls(made.sid).update_async(status="completed")
        assert (caught.value.status, caught.value.code) == (400, 21220)


async def test_a_ringing_call_is_canceled() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"after_ms": 30_000})
        made = await w.dial_out()
        await w.call(made.sid, status="ringing")
        await w.twilio.calls(made.sid).update_async(status="canceled")
        assert (await w.over(made.sid))["status"] == "canceled"


async def test_calls_are_listed_by_filter_and_page() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"answer": "busy"})
        made = [(await w.dial_out()).sid for _ in range(3)]
        other = await w.dial_out(to="+12025550199")
        await w.control("GET", "voice/calls?over=true&at_least=4")
        assert [c.sid for c in await w.twilio.calls.list_async(to=PERSON, page_size=2)] == made[::-1]
        assert len(await w.twilio.calls.list_async(status="busy")) == 4
        assert [c.sid for c in await w.twilio.calls.list_async(to=other.to, from_=OURS)] == [other.sid]
        since = (await w.twilio.calls(other.sid).fetch_async()).date_created
        assert await w.twilio.calls.list_async(start_time_after=since.replace(year=since.year + 1)) == []


async def test_what_twilio_refuses_is_refused_with_its_code() -> None:
    async with world() as w:
        good = {"to": PERSON, "from_": OURS, "url": f"{w.hub.url}/answer"}
        for asked, code in [
            ({**good, "to": "not a number"}, 21211),
            ({**good, "to": "+15005550001"}, 21217),
            ({**good, "from_": "+15005550007"}, 21210),
            ({**good, "url": "ftp://example.test/x"}, 21205),
            ({"to": PERSON, "from_": OURS}, 21205),
        ]:
            with pytest.raises(TwilioRestException) as caught:
                await w.twilio.calls.create_async(**asked)
            assert (caught.value.status, caught.value.code) == (400, code)
        assert (await w.control("GET", "voice/calls"))["total"] == 0


async def test_rules_for_messages_hold_for_calls() -> None:
    async with world() as w:
        await w.control("POST", "behaviour", {"mode": "429", "retry_after": 2, "count": 1})
        with pytest.raises(TwilioRestException) as caught:
            await w.dial_out()
        assert (caught.value.status, caught.value.code) == (429, 20429)
        await w.control("POST", "behaviour", {"mode": "drop_after_accept", "count": 1})
        with pytest.raises(Exception, match="disconnected"):
            await w.dial_out()
        assert (await w.control("GET", "voice/calls?at_least=1"))["total"] == 1


async def test_a_dialled_person_is_joined_and_the_action_told() -> None:
    async with world() as w:
        other = "+12025550177"
        script = [{"tone_ms": 200, "hz": 500}, {"hang_up": True}]
        await w.control("POST", "voice/persons", {"number": other, "script": script})
        w.hub.twiml["/hooks/call"] = (
            f'<Response><Dial action="/dialled" callerId="{OURS}"><Number>{other}</Number></Dial></Response>'
        )
        w.hub.twiml["/dialled"] = "<Response><Hangup/></Response>"
        call = await w.over(await w.dial_in({"tone_ms": 100, "hz": 700}))
        told = w.hub.told("/dialled")[0]
        legs = (await w.control("GET", f"voice/calls?parent={call['sid']}&events=1"))["calls"]
        assert (told["DialCallStatus"], told["DialCallSid"]) == ("completed", legs[0]["sid"])
        assert (told["DialCallDuration"], told["CallSid"]) == ("1", call["sid"])
        assert (legs[0]["direction"], legs[0]["from"], legs[0]["to"]) == ("outbound-dial", OURS, other)
        heard = call["played"][0]
        assert 180 <= heard["to_ms"] - heard["from_ms"] <= 240, "the caller heard the dialled person"
        assert legs[0]["played"], "and the other way round"


async def test_a_busy_number_is_told_to_the_action() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"answer": "busy"})
        w.hub.twiml["/hooks/call"] = '<Response><Dial action="/dialled">+12025550177</Dial></Response>'
        w.hub.twiml["/dialled"] = "<Response><Say>Busy</Say></Response>"
        call = await w.over(await w.dial_in())
        assert w.hub.told("/dialled")[0]["DialCallStatus"] == "busy"
        assert [row["verb"] for row in call["events"] if row["event"] == "verb"] == ["Dial", "Say"]
