"""The page of a call and its files: sound in ranges and lanes, transcripts of what was heard, tenancy."""

import json
import struct
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from hub.models import Customer, Interaction, Message, Recording
from hub.models.agent import AgentDefinition
from hub.models.columns import new_id
from hub.store import Store, calls, interactions
from hub.voice.wav import HEADER, header
from tests.office import Office, Person, open_office
from web.pages.recordings import MOST_PEAKS, fewer
from web.recordings import Span, span
from web.spoken import clock, latency, pieces, told

pytestmark = pytest.mark.anyio

RATE = 8_000
SECONDS = 12
EVIL = '<b>Zoë</b> & "co" -->\n\nNOTE x'
MISSED = "On Saturdays we are closed."
GREETING = "Hello, this is Maya. How can I help?"


def sound_of(seconds: float = SECONDS) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Two lanes: the agent speaks from 0.5 to 3.5 and 7 to 10 s, the customer from 4.5 to 6 s."""
    at = np.arange(int(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * 300 * at) * 12_000
    customer = np.where((at >= 4.5) & (at < 6), tone, 0)
    others = np.where(((at >= 0.5) & (at < 3.5)) | ((at >= 7) & (at < 10)), tone, 0)
    return np.stack((customer, others), axis=1).astype("<i2")


def write_wav(path: Path, seconds: float = SECONDS) -> bytes:
    samples = sound_of(seconds)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = header(RATE, 2, len(samples)) + samples.tobytes()
    path.write_bytes(content)
    return content


async def say(db: Any, interaction: Interaction, role: str, text: str, **fields: Any) -> Message:
    made = new_id()
    now = datetime.now().astimezone()
    interactions.log(db, interaction, "message.created", now, message_id=str(made), role=role, text=text)
    message = Message(
        id=made,
        workspace_id=interaction.workspace_id, interaction_id=interaction.id, customer_id=interaction.customer_id,
        seq=interaction.last_seq, channel="call", role=role, text=text, **fields,
    )  # fmt: skip
    db.add(message)
    return message


async def a_call(
    store: Store,
    workspace_id: UUID,
    data_dir: Path,
    now: datetime,
    *,
    name: str = "Ana Ruiz",
    live: bool = False,
    parts: int = 1,
    record: bool = True,
) -> UUID:
    """A call of twelve seconds in which the customer interrupts; its recording is on the disk."""
    begin = now - timedelta(seconds=SECONDS)
    agent = AgentDefinition(name="Maya").model_dump(mode="json")
    agent["call"]["record"] = record
    async with store.write() as db:
        customer = Customer(workspace_id=workspace_id, name=name)
        db.add(customer)
        await db.flush()
        it = Interaction(
            workspace_id=workspace_id, customer_id=customer.id, channel="call", thread=f"call-{uuid4()}",
            person="+12025550111", ours="+15005550006", agent=agent, trace_id="t", answered_at=begin, created_at=begin,
        )  # fmt: skip
        db.add(it)
        await db.flush()
        interactions.log(db, it, "interaction.started", begin, channel="call")
        interactions.log(db, it, "call.connected", begin)
        await say(
            db, it, "agent", GREETING, author="Maya", from_ms=500, to_ms=3500,
            timing={
                "response_ms": 180,
                "sentences": [[500, 2000, "Hello, this is Maya."], [2000, 3500, "How can I help?"]],
            },
        )  # fmt: skip
        turn = {"end_of_turn_ms": 601, "transcriber_ms": 343}
        await say(db, it, "customer", "what are your hours", from_ms=4500, to_ms=6000, timing=turn)
        await say(
            db, it, "agent", f"We open at nine. {MISSED} Anything else?", author="Maya",
            heard="We open at nine. On Saturdays", from_ms=7000, to_ms=9800,
            timing=turn | {
                "response_ms": 950, "model_ms": 250, "voice_ms": 60,
                "sentences": [[7000, 8600, "We open at nine."], [8600, 9800, MISSED]],
            },
        )  # fmt: skip
        interactions.log(db, it, "call.interrupted", begin + timedelta(seconds=9.8), at_ms=9800)
        for place, digit in enumerate("12"):
            interactions.log(db, it, "call.digit", begin + timedelta(seconds=10 + place / 2), digit=digit)
        interactions.log(
            db, it, "tool.called", begin + timedelta(seconds=6.5), name="find_slot", arguments={}, result={},
            error="", duration_ms=12,
        )  # fmt: skip
        await say(db, it, "operator", EVIL, author="Ben <Sato>", from_ms=10_500, to_ms=11_500)
        await say(db, it, "agent", "Nobody heard this.", author="Maya", heard="", from_ms=11_600, to_ms=11_600)
        for part in range(parts):
            row = Recording(
                workspace_id=workspace_id, interaction_id=it.id, rate=RATE, from_ms=part * 20_000,
                path=f"recordings/{it.id}-{part}.wav", pauses=[[10_800, 11_200]], duration_ms=SECONDS * 1000,
                started_at=begin + timedelta(seconds=20 * part), finished_at=None if live else now,
            )  # fmt: skip
            if record:
                db.add(row)
                write_wav(data_dir / row.path)
                interactions.log(
                    db, it, "recording.finished", now, recording_id=str(row.id), duration_ms=row.duration_ms
                )
        if not live:
            it.status, it.ended_reason, it.ended_at = "completed", "customer_hangup", now
            interactions.log(db, it, "interaction.ended", now, status="completed", reason="customer_hangup")
        return it.id


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


@pytest.fixture
async def viewer(office: Office) -> Person:
    return await office.person("viewer")


async def call_in(office: Office, home: UUID | None = None, **how: Any) -> UUID:
    context = office.hub.context
    return await a_call(office.store, home or office.home, context.data_dir, context.clock.now(), **how)


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("bytes=0-9", 100, Span(0, 10)),
        ("bytes=90-", 100, Span(90, 100)),
        ("bytes=-10", 100, Span(90, 100)),
        ("bytes=-500", 100, Span(0, 100)),
        ("bytes=50-500", 100, Span(50, 100)),
        ("bytes=99-99", 100, Span(99, 100)),
        ("", 100, None),
        ("bytes=-", 100, None),
        ("bytes=9-3", 100, None),
        ("bytes=0-1,5-6", 100, None),
        ("lines=0-1", 100, None),
        ("bytes=a-b", 100, None),
        ("bytes=" + "9" * 5000 + "-", 100, None),
    ],
)
async def test_a_range_is_read_as_the_standard_says(header: str, size: int, expected: Span | None) -> None:
    assert span(header, size) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=-0", "bytes=100-200", "bytes=999999999999999999-"])
async def test_a_range_outside_of_the_sound_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match="only 100 bytes"):
        span(header, 100)


async def test_the_recording_comes_whole_and_in_ranges(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    path = f"/interactions/{it}/recording.wav"
    whole = await viewer.get(path)
    content = (office.hub.context.data_dir / f"recordings/{it}-0.wav").read_bytes()
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-length"] == str(len(content))
    assert "attachment" not in whole.headers.get("content-disposition", "")
    for asked, first, stop in (("bytes=0-43", 0, 44), ("bytes=40-99", 40, 100), ("bytes=-7", len(content) - 7, None)):
        part = await viewer.get(path, headers={"range": asked})
        assert (part.status_code, part.content) == (206, content[first:stop])
        assert part.headers["content-range"] == f"bytes {first}-{(stop or len(content)) - 1}/{len(content)}"
    outside = await viewer.get(path, headers={"range": f"bytes={len(content)}-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(content)}")
    head = await viewer.client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))


async def test_a_range_of_another_version_brings_everything(office: Office, viewer: Person) -> None:
    path = f"/interactions/{await call_in(office)}/recording.wav"
    tag = (await viewer.client.head(path)).headers["etag"]
    for condition, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200)):
        answer = await viewer.get(path, headers={"range": "bytes=0-9", "if-range": condition})
        assert answer.status_code == status, condition
    assert (await viewer.get(path, headers={"if-none-match": tag})).status_code == 304
    other = (await viewer.client.head(f"{path}?lane=customer")).headers["etag"]
    assert other != tag


async def test_a_lane_is_a_file_of_its_own_and_can_be_taken_away(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    lanes = sound_of()
    for lane, samples in (("customer", lanes[:, 0]), ("others", lanes[:, 1]), ("mixed", lanes.sum(axis=1))):
        answer = await viewer.get(f"/interactions/{it}/recording.wav?lane={lane}&download=1")
        assert answer.content[HEADER:] == samples.astype("<i2").tobytes(), lane
        assert struct.unpack_from("<I", answer.content, 40)[0] == len(samples) * 2
        assert answer.headers["content-disposition"] == f'attachment; filename="{it}-{lane}.wav"'
        part = await viewer.get(f"/interactions/{it}/recording.wav?lane={lane}", headers={"range": "bytes=80041-80060"})
        assert part.content == answer.content[80041:80061]
    assert (await viewer.get(f"/interactions/{it}/recording.wav?lane=third")).status_code == 400


async def test_a_growing_recording_gives_what_there_is(office: Office, viewer: Person) -> None:
    it = await call_in(office, live=True)
    path = f"/interactions/{it}/recording.wav"
    file = office.hub.context.data_dir / f"recordings/{it}-0.wav"
    with file.open("ab") as more:
        more.write(b"\x01\x00\x02\x00" * RATE)
    whole = await viewer.get(path)
    assert len(whole.content) == HEADER + (SECONDS + 1) * RATE * 4
    assert struct.unpack_from("<I", whole.content, 40)[0] == (SECONDS + 1) * RATE * 4, "the header tells the truth"
    assert whole.headers["cache-control"] == "no-store"
    assert "etag" not in whole.headers
    stable = await viewer.get(f"{path}?lane=mixed&until_ms=2000", headers={"range": "bytes=0-"})
    assert stable.headers["content-range"] == f"bytes 0-{HEADER + 2 * RATE * 2 - 1}/{HEADER + 2 * RATE * 2}"
    shown = (await viewer.get(f"/interactions/{it}/peaks.json")).json()
    assert shown["growing"] is True
    assert shown["parts"][0]["duration_ms"] == (SECONDS + 1) * 1000


async def test_a_call_taken_up_again_has_several_parts(office: Office, viewer: Person) -> None:
    it = await call_in(office, parts=2)
    shown = (await viewer.get(f"/interactions/{it}/peaks.json")).json()
    assert [part["from_ms"] for part in shown["parts"]] == [0, 20_000]
    second = shown["parts"][1]["id"]
    answer = await viewer.get(f"/interactions/{it}/recordings/{second}.wav?lane=others&download=1")
    assert answer.headers["content-disposition"].endswith(f'"{it}-2-others.wav"')
    for name in (second, f"{uuid4()}.wav", "..%2f..%2fhub.db", f"{second}.wav.bak"):
        assert (await viewer.get(f"/interactions/{it}/recordings/{name}")).status_code == 404, name


async def test_the_outline_tells_what_happened_when(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    shown = (await viewer.get(f"/interactions/{it}/peaks.json")).json()
    assert shown["growing"] is False
    part = shown["parts"][0]
    assert (part["per_second"], part["duration_ms"], len(part["customer"])) == (50, 12_000, 600)
    assert part["customer"][250] > 30 > part["customer"][100]
    assert part["others"][100] > 30 > part["others"][250]
    assert [(one["kind"], one["label"], one["at_ms"]) for one in shown["markers"]] == [
        ("tool", "Tool find slot", 6500),
        ("interruption", "The customer interrupted", 9800),
        ("digits", "The customer pressed 12", 10_000),
        ("redacted", "Not recorded", 10_800),
    ]


async def test_a_long_outline_is_thinned_to_its_peaks() -> None:
    lane = [0] * (MOST_PEAKS * 2)
    lane[7] = 90
    thin = fewer({"rate": RATE, "per_second": 50, "duration_ms": 800_000, "customer": lane, "others": lane})
    assert (len(thin["customer"]), thin["per_second"], thin["customer"][3]) == (MOST_PEAKS, 25, 90)


@pytest.mark.parametrize("what", ["recording.wav", "peaks.json", "transcript.vtt", "transcript.txt", "transcript.json"])
async def test_nobody_hears_the_calls_of_another_workspace(office: Office, viewer: Person, what: str) -> None:
    theirs = await call_in(office, office.other)
    assert (await viewer.get(f"/interactions/{theirs}/{what}")).status_code == 404
    nobody = await office.person("")
    assert (await nobody.get(f"/interactions/{theirs}/{what}")).status_code in (302, 303)


async def test_a_part_of_another_call_is_not_given_out_with_this_one(office: Office, viewer: Person) -> None:
    ours, theirs = await call_in(office), await call_in(office, office.other)
    async with office.store.read() as db:
        (row,) = await calls.recordings(db, office.other, theirs)
    assert (await viewer.get(f"/interactions/{ours}/recordings/{row.id}.wav")).status_code == 404


async def test_a_file_that_is_gone_is_told_in_words(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    (office.hub.context.data_dir / f"recordings/{it}-0.wav").unlink()
    answer = await viewer.get(f"/interactions/{it}/recording.wav", headers={"accept": "*/*"})
    assert answer.status_code == 404
    assert "no longer there" in answer.json()["detail"]
    shown = (await viewer.get(f"/interactions/{it}/peaks.json")).json()
    assert "no longer kept" in shown["parts"][0]["fault"]


async def test_the_text_has_only_what_was_heard(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    text = (await viewer.get(f"/interactions/{it}/transcript.txt")).text
    assert "[0:04] Ana Ruiz: what are your hours" in text
    assert "[0:07] Maya: We open at nine. On Saturdays\n" in text
    for missed in ("closed", "Anything else", "Nobody heard"):
        assert missed not in text


async def test_the_json_has_what_was_said_and_what_was_heard(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    whole = json.loads((await viewer.get(f"/interactions/{it}/transcript.json")).text)
    cut = next(one for one in whole["messages"] if one["from_ms"] == 7000)
    assert cut["text"] == f"We open at nine. {MISSED} Anything else?"
    assert cut["heard"] == "We open at nine. On Saturdays"
    assert [one["heard"] for one in whole["messages"]][-1] == ""
    assert whole["messages"][0]["heard"] == GREETING
    assert whole["recordings"][0]["duration_ms"] == 12_000


async def test_the_subtitles_name_who_speaks_and_cannot_be_broken_by_words(office: Office, viewer: Person) -> None:
    it = await call_in(office, name="<i>Eve</i> -->")
    answer = await viewer.get(f"/interactions/{it}/transcript.vtt")
    assert answer.headers["content-type"].startswith("text/vtt")
    cues = answer.text.split("\n\n")
    assert cues[0] == "WEBVTT"
    assert cues[1] == "1\n00:00:00.500 --> 00:00:02.000\n<v Maya>Hello, this is Maya."
    assert cues[3] == "3\n00:00:04.500 --> 00:00:06.000\n<v &lt;i&gt;Eve&lt;/i&gt; --&gt;>what are your hours"
    assert cues[5] == "5\n00:00:08.600 --> 00:00:09.800\n<v Maya>On Saturdays"
    assert '<v Ben &lt;Sato&gt;>&lt;b&gt;Zoë&lt;/b&gt; &amp; "co" --&gt; NOTE x' in cues[6]
    assert len([cue for cue in cues if cue.strip()]) == 7
    assert answer.text.count("-->") == 6
    assert "closed" not in answer.text


async def test_only_calls_have_subtitles(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    async with office.store.write() as db:
        held = await interactions.locked(db, it)
        assert held is not None
        held.channel = "webchat"
    assert (await viewer.get(f"/interactions/{it}/transcript.vtt")).status_code == 404


async def test_the_page_strikes_out_what_was_not_heard_and_escapes_the_rest(office: Office, viewer: Person) -> None:
    it = await call_in(office)
    answer = await viewer.get(f"/interactions/{it}")
    page = answer.text
    assert '<span class="said" data-from="7000" data-to="8600">We open at nine.</span>' in page
    assert "Not heard: </span>we are closed.</del>" in page
    assert "Not heard: </span>Anything else?</del>" in page
    assert "Not heard: </span>Nobody heard this.</del>" in page
    assert "<b>Zoë" not in page
    assert "950 ms p50" in page
    assert "the customer hung up" in page
    nonce = page.split('data-nonce="')[1].split('"')[0]
    assert f"style-src 'self' 'nonce-{nonce}'" in answer.headers["content-security-policy"]
    assert nonce not in (await viewer.get(f"/interactions/{it}")).text
    assert "nonce" not in (await viewer.get(f"/interactions/{it}?tab=events")).headers["content-security-policy"]


async def test_the_thread_of_a_call_has_a_card_and_no_field_for_text(office: Office) -> None:
    support = await office.person("support")
    it = await call_in(office)
    page = (await support.get(f"/inbox?view=closed&interaction={it}")).text
    assert 'class="call-card"' in page
    assert "0:12" in page
    assert "The customer interrupted" in page
    assert "The customer pressed 1" in page
    assert 'name="note" value="1" checked' in page
    assert 'name="note" value="" checked' not in page
    assert "Not heard: </span>we are closed.</del>" in page


async def test_a_deleted_recording_leaves_words_and_no_player(office: Office) -> None:
    support = await office.person("support")
    it = await call_in(office)
    async with office.store.write() as db:
        (row,) = await calls.recordings(db, office.home, it)
        held = await interactions.locked(db, it)
        assert held is not None
        await db.delete(row)
        interactions.log(db, held, "recording.deleted", row.started_at, recording_id=str(row.id), by="Ben")
    page = (await support.get(f"/inbox?view=closed&interaction={it}")).text
    assert "Ben deleted the recording" in page
    assert "<audio" not in page
    assert "No recording of this call is kept" in (await support.get(f"/interactions/{it}")).text


async def test_the_page_says_why_there_is_no_sound(office: Office, viewer: Person) -> None:
    off = await call_in(office, record=False)
    assert "calls are not recorded" in (await viewer.get(f"/interactions/{off}")).text
    none = await call_in(office, parts=0)
    assert "No recording of this call is kept" in (await viewer.get(f"/interactions/{none}")).text
    soon = await call_in(office, parts=0, live=True)
    page = (await viewer.get(f"/interactions/{soon}")).text
    assert "begins when the line opens" in page
    assert 'data-style="timer"' in page
    assert (await viewer.get(f"/interactions/{none}/recording.wav")).status_code == 404


def spoken(text: str, heard: str | None = None, to_ms: int | None = 2000, **timing: Any) -> Message:
    given: dict[str, Any] = {"workspace_id": uuid4(), "interaction_id": uuid4(), "customer_id": uuid4(), "seq": 1}
    return Message(
        **given, channel="call", role="agent", text=text, heard=heard, from_ms=1000, to_ms=to_ms, timing=timing
    )


async def test_words_are_parted_where_the_customer_stopped_hearing() -> None:
    def parts(message: Message) -> list[tuple[str, bool]]:
        return [(piece.text, piece.unheard) for piece in pieces(message)]

    sentences = [[1000, 1500, "One two."], [1500, 2000, "Three four."]]
    assert parts(spoken("One two. Three four.")) == [("One two. Three four.", False)]
    assert parts(spoken("One two. Three", "One")) == [("One", False), ("two. Three", True)]
    assert parts(spoken("One two. Three four. Five", "One two. Three", sentences=sentences)) == [
        ("One two.", False), ("Three", False), ("four.", True), ("Five", True)
    ]  # fmt: skip
    assert parts(spoken("One", "")) == [("One", True)]
    assert parts(spoken("One two.", "", None)) == [("One two.", False)], "still being spoken"
    other = [[1000, 1500, "Something else."]]
    assert parts(spoken("One two.", "One", sentences=other)) == [("One", False), ("two.", True)]


async def test_a_latency_is_told_in_its_parts() -> None:
    assert latency(spoken("Hi", response_ms=200)) is None
    took = latency(spoken("Hi", response_ms=616, end_of_turn_ms=601, transcriber_ms=343, model_ms=-253, voice_ms=12))
    assert took is not None
    assert (took.total, took.model, took.early, took.voice, took.rest) == (616, 0, 253, 12, 3)


async def test_places_and_acts_are_told_in_words() -> None:
    assert [clock(ms) for ms in (None, -5, 7_900, 754_000, 3_723_000)] == ["0:00", "0:00", "0:07", "12:34", "1:02:03"]
    failed = told("call.commanded", {"verb": "transfer", "arguments": {"to": "+1"}, "by": "Ben", "fault": "Busy."})
    assert failed is not None
    assert failed.text == "Ben is connecting the customer with +1. It did not work: Busy."
    braces = told("call.commanded", {"verb": "whisper", "arguments": {"text": "{by} {0}"}, "by": "Ben"})
    assert braces is not None
    assert braces.text == "Ben whispered to the agent: {by} {0}"
    assert told("message.created", {}) is None
