"""What goes wrong in the sandbox's calls on command, and many calls at once."""

import asyncio
from base64 import b64decode
from itertools import pairwise

import pytest

from tests.test_sandbox import PERSON
from tests.test_sandbox_voice import BEEP, Leg, world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_after_a_reset_the_next_verb_resumes_the_call() -> None:
    async with world() as w:
        w.hub.twiml["/hooks/call"] = w.hub.connect("<Redirect>/resume</Redirect>")
        w.hub.twiml["/resume"] = w.hub.connect(resumed="1")
        sid = await w.dial_in(faults={"reset_ms": 100})
        call = await w.call(sid, event="stream_start", at_least=2)
        assert call["streams"][0]["end"] == "The connection was reset, as asked for."
        assert 90 <= call["streams"][0]["ended_ms"] - call["streams"][0]["at_ms"] <= 200
        assert w.hub.legs[1].start["start"]["customParameters"] == {"resumed": "1"}
        assert not call["answered"] or call["status"] == "in-progress"


async def test_a_second_stream_with_the_same_token_is_tried_and_what_became_of_it_kept() -> None:
    async with world() as w:
        w.hub.lone = True
        w.hub.twiml["/hooks/call"] = w.hub.connect(token="once")
        await w.control("POST", "voice/behaviour", {"faults": {"second_stream_ms": 40}, "count": 1})
        sid = await w.dial_in()
        call = await w.call(sid, event="second_stream")
        first, second = call["streams"]
        assert (first["sid"], first["ended_ms"]) == (second["sid"], None)
        assert (second["second"], second["status"]) == (True, 403)


async def test_marks_stay_away_frames_double_and_sizes_vary_on_command() -> None:
    async def talk(leg: Leg) -> None:
        await leg.play(BEEP)
        await leg.mark("lost")
        await leg.hear(30)

    async with world() as w:
        w.hub.talk = talk
        faults = {"missing_marks": True, "odd_chunks": True, "duplicate": 3}
        call = await w.over(await w.dial_in(faults=faults))
        assert (call["marks"][0]["name"], call["marks"][0]["returned"]) == ("lost", False)
        media = [m["media"] for m in w.hub.legs[0].seen if m["event"] == "media"]
        assert len({len(b64decode(m["payload"])) for m in media}) > 5
        chunks = [m["chunk"] for m in media]
        assert chunks[2] == chunks[3] == "3"
        assert "mark" not in [m["event"] for m in w.hub.legs[0].seen]


async def test_a_half_open_stream_says_nothing_more_and_a_silent_one_goes_on() -> None:
    async with world() as w:
        quiet = await w.dial_in(faults={"silence": {"after_ms": 60, "for_ms": 200}})
        await w.call(quiet, event="stream_start")
        half = await w.dial_in(faults={"no_stop_ms": 60})
        await w.call(half, event="half_open")
        await w.control("POST", f"voice/calls/{half}/hang-up")
        await w.control("POST", f"voice/calls/{quiet}/steps", {"script": [{"pause_ms": 400}, {"hang_up": True}]})
        await w.over(quiet)
        one, other = w.hub.legs
        times = [int(m["media"]["timestamp"]) for m in one.seen if m["event"] == "media"]
        assert [b - a for a, b in pairwise(times) if b - a != 20] == [220]
        assert len(other.seen) == 3
        assert other.seen[-1]["event"] == "media"


async def test_status_callbacks_come_late_doubled_and_out_of_order_on_command() -> None:
    async with world() as w:
        faults = {"late_status_ms": 20, "duplicate_status": 1, "reorder_status": True}
        await w.control("POST", "voice/persons", {"answer": "busy"})
        await w.control("POST", "voice/behaviour", {"faults": faults})
        made = await w.dial_out(
            status_callback=f"{w.hub.url}/voice/status", status_callback_event=["initiated", "ringing", "completed"]
        )
        await w.call(made.sid, event="webhook", at_least=6)
        told = w.hub.told("/voice/status")
        assert [one["SequenceNumber"] for one in told] == ["2", "2", "1", "1", "0", "0"]


async def test_a_reset_ends_what_goes_on_and_forgets_the_rules() -> None:
    async with world() as w:
        await w.control("POST", "voice/persons", {"answer": "busy"})
        sid = await w.dial_in()
        await w.call(sid, event="stream_start")
        await w.control("POST", "reset")
        assert (await w.over(sid))["reason"] == "The sandbox was reset."
        assert (await w.control("GET", "voice/persons"))["persons"] == []


async def test_what_is_wrong_in_a_script_is_said() -> None:
    async with world() as w:
        for step, words in [
            ({"say": "a", "pause_ms": 3}, "A step is one of"),
            ({"digits": "x"}, "`digits`"),
            ({"wav": "AAAA"}, "`wav` is a WAV file"),
            ({"say": "a", "voice": "nobody"}, "no voice nobody"),
        ]:
            answer = await w.http.post("/control/voice/calls", json={"from": PERSON, "script": [step]})
            assert answer.status_code == 400
            assert words in answer.text


async def test_forty_calls_at_once_keep_their_time() -> None:
    async with world() as w:
        sids = await asyncio.gather(*(w.dial_in({"pause_ms": 500}, {"hang_up": True}) for _ in range(40)))
        calls = [await w.over(sid) for sid in sids]
        assert {call["status"] for call in calls} == {"completed"}
        assert all(500 <= call["clock_ms"] <= 1500 for call in calls)
        assert sum(call["streams"][0]["frames_sent"] for call in calls) >= 40 * 24
