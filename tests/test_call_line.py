"""The line of a phone call: what goes out and when, what has been heard, and what comes in, whatever comes in."""

import asyncio
import base64
import itertools
import json
import math
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from channels._call_line import CallLine
from channels._call_tones import tones
from hub.channel import Pressed, Sound, Undeliverable
from tests.virtual import run

STREAM = "MZ" + "1" * 32
SECOND = bytes(range(250)) * 32
"""8000 bytes: one second."""


class Carrier:
    """The other end of the socket: plays as a phone does, in real time, `delay` seconds after it was sent."""

    def __init__(self, delay: float = 0.0, *, marks: bool = True) -> None:
        self.delay, self.answers_marks = delay, marks
        self.frames: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.sent: list[tuple[float, dict[str, Any]]] = []
        self.played_until = 0.0
        self.waiting: list[tuple[str, asyncio.TimerHandle]] = []
        self.closed: list[int] = []
        self.gate: asyncio.Event | None = None

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def accept(self) -> None:
        """It is accepted already."""

    async def receive(self) -> str | bytes | None:
        return await self.frames.get()

    async def send(self, data: str | bytes) -> None:
        if self.gate is not None:
            await self.gate.wait()
        message = json.loads(data)
        assert message["streamSid"] == STREAM
        self.sent.append((self.now, message))
        if message["event"] == "media":
            size = len(base64.b64decode(message["media"]["payload"]))
            self.played_until = max(self.played_until, self.now + self.delay) + size / 8000
        elif message["event"] == "mark" and self.answers_marks:
            self._mark(message["mark"]["name"])
        elif message["event"] == "clear":
            self.played_until = 0.0
            for name, timer in self.waiting:
                timer.cancel()
                self.say("mark", mark={"name": name})
            self.waiting.clear()

    def _mark(self, name: str) -> None:
        def back() -> None:
            self.waiting[:] = [entry for entry in self.waiting if entry[0] != name]
            self.say("mark", mark={"name": name})

        self.waiting.append((name, asyncio.get_running_loop().call_at(self.played_until, back)))

    async def close(self, code: int = 1000) -> None:
        self.closed.append(code)
        self.frames.put_nowait(None)

    def say(self, event: str, **more: Any) -> None:
        self.frames.put_nowait(json.dumps({"event": event, "streamSid": STREAM, **more}))

    def events(self, name: str) -> list[tuple[float, dict[str, Any]]]:
        return [(at, message) for at, message in self.sent if message["event"] == name]

    def sound(self) -> bytes:
        return b"".join(base64.b64decode(message["media"]["payload"]) for _, message in self.events("media"))


def media(audio: bytes, at: Any = "0", track: str = "inbound") -> str:
    payload = base64.b64encode(audio).decode()
    inside = {"track": track, "chunk": "1", "timestamp": at, "payload": payload}
    return json.dumps({"event": "media", "sequenceNumber": "3", "media": inside, "streamSid": STREAM})


def on_a_line(
    test: Callable[[CallLine, Carrier], Awaitable[None]], delay: float = 0.0, *, marks: bool = True
) -> list[Sound | Pressed]:
    """Run it in virtual time while somebody listens; what was heard."""

    async def main() -> list[Sound | Pressed]:
        carrier = Carrier(delay, marks=marks)
        line = CallLine(carrier, STREAM, _nowhere)
        heard: list[Sound | Pressed] = []

        async def listen() -> None:
            async for piece in line.audio():
                heard.append(piece)

        listening = asyncio.create_task(listen())
        await test(line, carrier)
        carrier.frames.put_nowait(None)
        await listening
        return heard

    return run(main())


async def _nowhere(to: str) -> None:
    raise Undeliverable(f"not to {to}")


# what is played


def test_sound_is_sent_as_it_is_in_messages_of_a_fifth_of_a_second() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        assert carrier.sound() == SECOND
        sizes = [len(base64.b64decode(message["media"]["payload"])) for _, message in carrier.events("media")]
        assert sizes == [1600] * 5
        assert (line.codec, line.rate) == ("mulaw", 8000)

    on_a_line(test)


def test_two_seconds_are_sent_at_once_and_the_rest_as_it_is_played() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        begin = carrier.now
        await line.play(SECOND * 10)
        sent = 0
        for at, message in carrier.events("media"):
            sent += len(base64.b64decode(message["media"]["payload"]))
            assert sent / 8000 - (at - begin) <= 2.001
        assert sent == 80_000
        assert carrier.now - begin == pytest.approx(8, abs=0.01)
        assert len([at for at, _ in carrier.events("media") if at == begin]) == 10

    on_a_line(test)


@pytest.mark.parametrize("size", [1, 159, 160, 1600, 4001])
def test_the_pieces_in_which_it_comes_make_no_difference(size: int) -> None:
    speech = SECOND * 4

    async def test(line: CallLine, carrier: Carrier) -> None:
        begin = carrier.now
        for at in range(0, len(speech), size):
            await line.play(speech[at : at + size])
        assert carrier.sound() == speech
        assert carrier.now - begin == pytest.approx(2, abs=0.01)

    on_a_line(test)


def test_there_is_a_mark_for_each_second_and_one_at_the_end_of_a_short_sentence() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND[:1000])
        assert [message["mark"]["name"] for _, message in carrier.events("mark")] == ["1000"]
        await asyncio.sleep(1)
        carrier.sent.clear()
        for _ in range(250):  # 5 s in frames of 20 ms
            await line.play(SECOND[:160])
        assert 5 <= len(carrier.events("mark")) <= 8
        names = [int(message["mark"]["name"]) for _, message in carrier.events("mark")]
        assert names == sorted(set(names))
        assert max(later - before for before, later in itertools.pairwise(names)) <= 8_160

    on_a_line(test)


def test_nothing_is_nothing() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(b"")
        await line.clear()
        await line.send_digits("")
        line.tell({"caption": "hello"})
        assert carrier.sent == []
        assert line.played() == 0

    on_a_line(test)


# what has been heard


def test_what_is_heard_grows_with_time_up_to_what_was_sent() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        heard = []
        for _ in range(14):
            heard.append(line.played())
            await asyncio.sleep(0.1)
        assert heard == [min(8000, 800 * at) for at in range(14)]
        await asyncio.sleep(5)
        await line.play(SECOND)
        assert line.played() == 8000
        await asyncio.sleep(0.25)
        assert line.played() == 10_000

    on_a_line(test, marks=False)


def test_a_carrier_that_plays_later_is_believed_after_its_first_mark() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND[:1600])
        await asyncio.sleep(2)
        await line.play(SECOND)
        begin = carrier.now
        for at in (0.1, 0.4, 0.5, 0.9, 1.3):
            await asyncio.sleep(begin + at - carrier.now)
            assert line.played() == 1600 + round(min(max(0, at - 0.3), 1) * 8000)

    on_a_line(test, delay=0.3)


def test_of_several_delays_the_least_counts_and_longer_ones_only_slowly() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        for delay in (0.3, 0.1, 0.5):
            carrier.delay = delay
            await line.play(SECOND[:800])
            await asyncio.sleep(3)
        await line.play(SECOND)
        before = line.played()
        await asyncio.sleep(0.54)
        assert line.played() - before == round((0.54 - 0.14) * 8000)

    on_a_line(test)


def test_a_stretch_that_began_late_is_late_to_its_end_and_the_next_one_is_not() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        for _ in range(3):
            await line.play(SECOND[:1600])
            await asyncio.sleep(1)
        before = line.played()
        carrier.delay = 0.5  # something held up the first message
        await line.play(SECOND[:1600])
        carrier.delay = 0.0
        await asyncio.sleep(0.1)
        await line.play(SECOND)
        await asyncio.sleep(0.65)  # the first mark has come back meanwhile
        await line.clear()
        assert line.played() - before == 2000
        await asyncio.sleep(1)  # and all that was held up is over
        await line.play(SECOND)
        await asyncio.sleep(0.5)
        await line.clear()
        assert line.played() - before == 2000 + round((0.5 - 0.05) * 8000)

    on_a_line(test)


def test_what_joins_a_stretch_that_is_late_is_as_late() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        carrier.delay = 0.5
        await line.play(SECOND[:800])
        await asyncio.sleep(0.05)
        carrier.delay = 0.0
        await line.play(SECOND[:2400])  # heard from 0.5 to 0.9, with what came before
        await asyncio.sleep(0.6)  # by now all would have been played, had the first of it not been late
        await line.play(SECOND)
        await asyncio.sleep(0.05)
        await line.clear()
        assert line.played() == 1600

    on_a_line(test)


def test_a_mark_that_comes_back_early_proves_its_position() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        assert line.played() == 0
        carrier.say("mark", mark={"name": "8000"})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert line.played() == 8000

    on_a_line(test)


def test_marks_that_nobody_sent_prove_nothing() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        for name in ("4000", "", "-1", "80000", "8000 ", "eight thousand"):
            carrier.say("mark", mark={"name": name})
        carrier.say("mark", mark={"name": 8000})
        carrier.say("mark")
        await asyncio.sleep(0.01)
        assert line.played() == 80

    on_a_line(test, marks=False)


def test_what_is_heard_never_becomes_less() -> None:
    random.seed(7)

    async def test(line: CallLine, carrier: Carrier) -> None:
        last = 0
        for _ in range(400):
            carrier.delay = random.choice([0, 0.05, 0.4, 1.9])
            await random.choice([lambda: line.play(SECOND[: random.randrange(4000)]), line.clear, _wait, _wait])()
            heard = line.played()
            assert heard >= last
            last = heard
        await asyncio.sleep(10)
        assert line.played() <= len(carrier.sound())

    on_a_line(test)


async def _wait() -> None:
    await asyncio.sleep(random.random() / 2)


# what is cleared


def test_clearing_freezes_what_was_heard_and_tells_the_carrier() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND * 2)
        await asyncio.sleep(0.5)
        await line.clear()
        assert len(carrier.events("clear")) == 1
        assert line.played() == 4000
        await asyncio.sleep(3)  # the marks of what was cleared have come back meanwhile
        assert line.played() == 4000
        await line.play(SECOND)
        await asyncio.sleep(0.25)
        assert line.played() == 6000
        await asyncio.sleep(3)
        assert line.played() == 12_000

    on_a_line(test)


def test_marks_that_come_back_because_of_a_clear_teach_no_delay() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND[:800])
        await asyncio.sleep(1)
        await line.play(SECOND)
        await asyncio.sleep(0.8)
        await line.clear()
        await asyncio.sleep(1)
        await line.play(SECOND)
        before = line.played()
        await asyncio.sleep(0.5)
        assert line.played() - before == round((0.5 - 0.3) * 8000)

    on_a_line(test, delay=0.3)


def test_what_has_been_played_needs_no_clearing() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        await asyncio.sleep(1.1)
        await line.clear()
        await line.clear()
        assert carrier.events("clear") == []
        assert line.played() == 8000
        await line.play(SECOND)
        await line.clear()
        await line.clear()
        assert len(carrier.events("clear")) == 1

    on_a_line(test)


def test_what_waited_for_room_is_not_sent_after_a_clear() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        playing = asyncio.create_task(line.play(SECOND * 30))
        await asyncio.sleep(1.05)
        await line.clear()
        sent = len(carrier.sound())
        assert sent <= 3.1 * 8000
        await line.play(SECOND[:160])
        await playing
        await asyncio.sleep(5)
        assert len(carrier.sound()) == sent + 160
        assert line.played() == 8400 + 160

    on_a_line(test)


def test_what_was_on_its_way_at_a_clear_is_cleared_as_well() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        carrier.gate = asyncio.Event()
        playing = asyncio.create_task(line.play(SECOND))
        await asyncio.sleep(0.01)
        clearing = asyncio.create_task(line.clear())
        await asyncio.sleep(0.01)
        carrier.gate.set()
        await asyncio.gather(playing, clearing)
        assert [message["event"] for _, message in carrier.sent][-1] == "clear"
        assert len(carrier.events("media")) == 1

    on_a_line(test)


def test_a_player_that_is_cancelled_leaves_the_line_usable() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        playing = asyncio.create_task(line.play(SECOND * 30))
        await asyncio.sleep(1)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await line.clear()
        assert line.played() == 8000
        await line.play(SECOND)
        await asyncio.sleep(2)
        assert line.played() == 16_000

    on_a_line(test)


# what comes in


def test_sound_and_keys_come_in_with_the_senders_time() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        carrier.frames.put_nowait(media(b"ab", "0"))
        carrier.frames.put_nowait(media(b"cd", "20").encode())
        carrier.say("dtmf", dtmf={"track": "inbound_track", "digit": "7"})
        carrier.frames.put_nowait(media(b"ef", 40))

    assert on_a_line(test) == [Sound(b"ab", 0), Sound(b"cd", 20), Pressed("7"), Sound(b"ef", 40)]


@pytest.mark.parametrize(
    "at", [None, "", "soon", "-20", -1, "86400001", 10**30, "9" * 5000, [], {}, "1e3", float("inf"), float("nan")]
)
def test_an_implausible_time_is_no_time(at: Any) -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        carrier.frames.put_nowait(media(b"ab", at))
        carrier.frames.put_nowait(media(b"cd", "86400000"))

    heard = on_a_line(test)
    assert heard[-1] == Sound(b"cd", 86_400_000)
    assert heard[:-1] in ([Sound(b"ab", -1)], [])  # what is not JSON at all is passed over


ODD = [
    "", "{", "[]", "null", "7", '"media"', "{}", '{"event":7}', '{"event":"media"}', '{"event":"media","media":{}}',
    '{"event":"media","media":{"payload":"!!!"}}', '{"event":"media","media":{"payload":"YWI"}}',
    '{"event":"media","media":{"payload":""}}', '{"event":"media","media":null}', '{"event":"unheard of"}',
    '{"event":"dtmf"}', '{"event":"dtmf","dtmf":{"digit":"A"}}', '{"event":"dtmf","dtmf":{"digit":"12"}}',
    '{"event":"dtmf","dtmf":{"digit":""}}', '{"event":"mark","mark":{}}', b"\xff\xfe", b"\x00", "\ud800",
    "[" * 10_000, '{"event":"media","media":' + '{"media":' * 5_000, media(b"x" * 100_000),
    media(b"ab", track="outbound"), '{"event":"connected"}', '{"event":"start"}', "é" * 100, "﻿{}",
]  # fmt: skip


@pytest.mark.parametrize("frame", ODD, ids=range(len(ODD)))
def test_odd_frames_are_passed_over(frame: str | bytes) -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        carrier.frames.put_nowait(frame)
        carrier.frames.put_nowait(media(b"cd", "20"))

    assert on_a_line(test) == [Sound(b"cd", 20)]


def test_ten_thousand_mutated_frames_do_not_end_the_call() -> None:
    chance = random.Random(4)
    seeds = [
        media(SECOND[:160], "20"),
        json.dumps({"event": "mark", "streamSid": STREAM, "mark": {"name": "1000"}}),
        json.dumps({"event": "dtmf", "streamSid": STREAM, "dtmf": {"track": "inbound_track", "digit": "1"}}),
        json.dumps({"event": "stop", "streamSid": STREAM, "stop": {"callSid": "CA1"}}),
    ]

    def mutated(seed: str) -> str | bytes:
        raw = bytearray(seed.encode())
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(raw))
            kind = chance.randrange(4)
            if kind == 0:
                raw[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del raw[at : at + chance.randrange(1, 9)]
            elif kind == 2:
                raw[at:at] = bytes(chance.randrange(256) for _ in range(3))
            else:
                raw[at:at] = raw[chance.randrange(len(raw)) :][:20]
            if not raw:
                break
        if b'"event": "stop"' in raw:  # it still says that it is over
            raw[:] = raw[:12]
        return bytes(raw) if chance.random() < 0.5 else raw.decode("latin-1")

    counts: list[int] = []

    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND[:1000])
        for number in range(10_000):
            carrier.frames.put_nowait(mutated(chance.choice(seeds)))
            if number % 100 == 0:
                carrier.frames.put_nowait(media(b"genuine", str(number)))
        carrier.frames.put_nowait(media(b"the last", "10000"))
        await asyncio.sleep(1)
        counts.append(line.garbled)
        await line.play(b"still here")
        assert carrier.sound().endswith(b"still here")

    heard = [piece for piece in on_a_line(test) if isinstance(piece, Sound)]
    assert [piece.at_ms for piece in heard if piece.audio == b"genuine"] == list(range(0, 10_000, 100))
    assert heard[-1] == Sound(b"the last", 10_000)
    assert counts[0] > 3_000


@pytest.mark.parametrize("end", ["stop", "gone"])
def test_the_end_of_the_stream_ends_the_sound_and_the_playing(end: str) -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        playing = asyncio.create_task(line.play(SECOND * 30))
        await asyncio.sleep(1)
        if end == "stop":
            carrier.say("stop", stop={"callSid": "CA1"})
        else:
            carrier.frames.put_nowait(None)
        await playing
        sent = len(carrier.sent)
        await line.play(SECOND)
        await line.clear()
        assert len(carrier.sent) == sent
        carrier.frames.put_nowait(media(b"too late"))

    assert on_a_line(test) == []


async def listens(carrier: Carrier, seconds: float, way: float = 0.0, drift: float = 0.0) -> None:
    """The person says nothing for so long; each frame is on its way for `way`, and a minute there is longer by
    `drift` seconds than one here.
    """
    begin = carrier.now + way
    for number in range(round(seconds * 50)):
        await asyncio.sleep(begin + (number + 1) * 0.02 - carrier.now)
        carrier.frames.put_nowait(media(b"\xff" * 160, f"{round(number * 20 * (1 + drift / 60))}"))


@pytest.mark.parametrize("way", [0.0, 0.3])
@pytest.mark.parametrize("end", ["stop", "gone"])
def test_what_is_heard_ends_with_the_call_though_we_hear_of_that_later(way: float, end: str) -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        speaking = asyncio.create_task(line.play(SECOND * 5))
        await listens(carrier, 2.5, way)
        await asyncio.sleep(0.15)
        assert line.played() == pytest.approx(8000 * (2.65 + way), abs=8)
        carrier.say("stop") if end == "stop" else carrier.frames.put_nowait(None)
        await asyncio.sleep(1)
        assert line.played() == pytest.approx(8000 * (2.5 + way), abs=8)
        await speaking

    on_a_line(test, marks=False)


def test_what_a_mark_has_proven_was_heard_whenever_the_call_ended() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        await listens(carrier, 0.2)
        await asyncio.sleep(1)
        carrier.say("stop")
        await asyncio.sleep(0.1)
        assert line.played() == 8000

    on_a_line(test)


def test_what_was_heard_before_the_last_words_began_stays_heard() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        await listens(carrier, 3)
        await asyncio.sleep(0.5)
        await line.play(SECOND)
        await asyncio.sleep(0.3)
        assert line.played() == 8000 + 2400
        carrier.say("stop")
        await asyncio.sleep(0.1)
        assert line.played() == 8000

    on_a_line(test, marks=False)


@pytest.mark.parametrize("drift", [-0.03, 0.03])
def test_a_clock_that_goes_wrong_at_the_other_end_makes_no_difference(drift: float) -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        listening = asyncio.create_task(listens(carrier, 600.5, drift=drift))
        await asyncio.sleep(600)
        await line.play(SECOND)
        await listening
        carrier.say("stop")
        await asyncio.sleep(0.1)
        assert line.played() == pytest.approx(4000, abs=80)

    on_a_line(test, marks=False)


def test_hanging_up_closes_the_socket_once() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        await line.hangup()
        await line.hangup()
        await line.play(SECOND)
        assert carrier.closed == [1000]
        assert len(carrier.sound()) == 8000

    on_a_line(test)


def test_after_the_carriers_stop_the_socket_can_still_be_closed() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        carrier.say("stop")
        await asyncio.sleep(0.01)
        await line.hangup()
        assert carrier.closed == [1000]

    on_a_line(test)


# keys and transfers


def test_keys_are_sent_as_tones_and_do_not_count_as_speech() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND)
        await line.send_digits("1w#")
        await line.play(SECOND)
        assert carrier.sound() == SECOND + tones("1w#") + SECOND
        await asyncio.sleep(0.1)
        before = line.played()
        await asyncio.sleep(10)
        assert before <= 16_000
        assert line.played() == 16_000

    on_a_line(test)


def test_tones_that_are_cleared_halfway_do_not_count_either() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        await line.play(SECOND[:800])
        await line.send_digits("12345")
        await asyncio.sleep(0.5)
        assert line.played() == 800
        await line.clear()
        await line.play(SECOND)
        assert line.played() == 800
        await asyncio.sleep(2)
        assert line.played() == 8800

    on_a_line(test)


@pytest.mark.parametrize("digits", ["12a", "1 2", "+1", "W", "１", "\x00"])
def test_other_characters_are_no_keys(digits: str) -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        with pytest.raises(Undeliverable, match="no key"):
            await line.send_digits(digits)
        assert carrier.sent == []

    on_a_line(test)


def _power(audio: bytes, frequency: float) -> float:
    """How much of this frequency is in mu-law sound (Goertzel)."""
    samples = [_linear(byte) for byte in audio]
    turn = 2 * math.pi * frequency / 8000
    re = sum(sample * math.cos(turn * at) for at, sample in enumerate(samples))
    im = sum(sample * math.sin(turn * at) for at, sample in enumerate(samples))
    return math.hypot(re, im) / len(samples)


def _linear(byte: int) -> int:
    byte = ~byte & 0xFF
    level = ((byte & 0x0F) << 3) + 132 << ((byte & 0x70) >> 4)
    return 132 - level if byte & 0x80 else level - 132


@pytest.mark.parametrize(
    ("key", "low", "high"), [("1", 697, 1209), ("0", 941, 1336), ("#", 941, 1477), ("5", 770, 1336)]
)
def test_a_tone_is_the_two_tones_of_its_key(key: str, low: int, high: int) -> None:
    tone = tones(key)[:800]
    loud = {frequency: _power(tone, frequency) for frequency in (697, 770, 852, 941, 1209, 1336, 1477)}
    assert sorted(loud, key=lambda frequency: -loud[frequency])[:2] in ([low, high], [high, low])
    assert min(loud[low], loud[high]) > 10 * max(power for f, power in loud.items() if f not in (low, high))
    assert set(tones(key)[800:]) == {0xFF}
    assert tones("w") == b"\xff" * 4000


def test_a_transfer_is_the_carriers_to_make() -> None:
    async def test(line: CallLine, carrier: Carrier) -> None:
        with pytest.raises(Undeliverable, match="not to"):
            await line.transfer("+12025550199")

    on_a_line(test)
