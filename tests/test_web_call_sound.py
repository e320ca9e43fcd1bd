"""What the network does to sound, and what the line makes of it."""

import numpy as np
import pytest

from channels._webrtc_sound import FRAME_BYTES, FRAME_SECONDS, SILENCE, Decoder, Encoder, Hearing
from channels._webrtc_track import MOST_UNPLAYED_BYTES, Speech

BEGAN = 100.0


def tone(hertz: float, seconds: float) -> bytes:
    at = np.arange(int(seconds * 16_000)) / 16_000
    return (np.sin(2 * np.pi * hertz * at) * 8_000).astype(np.int16).tobytes()


def packets(seconds: float = 4, hertz: float = 440) -> list[bytes]:
    encoder, sound = Encoder(), tone(hertz, seconds)
    encoded = [encoder.encode(sound[at : at + FRAME_BYTES], at) for at in range(0, len(sound), FRAME_BYTES)]
    return [bytes(packet) for packet in encoded if packet is not None]


PACKETS = packets()


class Ear:
    """A stream under test, its packets numbered from 0; sequence and timestamps run over their ends on the way."""

    FIRST_SEQUENCE = 65_500
    FIRST_TIMESTAMP = 2**32 - 20_000

    def __init__(self) -> None:
        self.got: list[tuple[bytes, int]] = []
        self.hearing = Hearing(lambda sound, at_ms: self.got.append((sound, at_ms)))
        self.hearing.begin(BEGAN)

    def comes(self, number: int, at: float, sequence: int | None = None, payload: bytes | None = None) -> None:
        """A packet of the stream arrives `at` seconds after the begin."""
        self.hearing.packet(
            (self.FIRST_SEQUENCE + (number if sequence is None else sequence)) & 0xFFFF,
            (self.FIRST_TIMESTAMP + number * 960) & 0xFFFFFFFF,
            PACKETS[number % len(PACKETS)] if payload is None else payload,
            BEGAN + at,
        )

    def runs(self, first: int, last: int, delay: float = 0) -> None:
        """Packets arrive one each 20 ms, with the clock ticking."""
        for number in range(first, last):
            self.comes(number, number * FRAME_SECONDS + delay)
            self.ticks(number * FRAME_SECONDS + delay, number * FRAME_SECONDS + delay)

    def ticks(self, first: float, last: float) -> None:
        for number in range(round((last - first) / FRAME_SECONDS) + 1):
            self.hearing.tick(BEGAN + first + number * FRAME_SECONDS)

    @property
    def milliseconds(self) -> int:
        return sum(len(sound) for sound, _ in self.got) // 32

    def loud(self) -> list[bool]:
        whole = np.frombuffer(b"".join(sound for sound, _ in self.got), np.int16).astype(float)
        return [bool(np.abs(whole[at : at + 320]).mean() > 1_000) for at in range(0, len(whole) - 319, 320)]

    def steady(self) -> bool:
        """Every stretch begins where the one before ended."""
        at = 0
        for sound, at_ms in self.got:
            if at_ms != at * 1000 // 16_000:
                return False
            at += len(sound) // 2
        return True


def test_packets_in_order_are_heard_at_once() -> None:
    ear = Ear()
    for number in range(100):
        ear.comes(number, number * FRAME_SECONDS)
        assert ear.milliseconds == (number + 1) * 20
    assert ear.steady()
    assert all(ear.loud()[2:])


def test_sixteen_kilohertz_are_what_comes_out() -> None:
    decoder = Decoder()
    sound = b"".join(decoder.decode(packet) for packet in PACKETS)
    assert len(sound) == len(PACKETS) * FRAME_BYTES
    spectrum = np.abs(np.fft.rfft(np.frombuffer(sound, np.int16)[16_000:32_000]))
    assert int(spectrum.argmax()) == 440


def test_disorder_is_put_in_order() -> None:
    ear = Ear()
    ear.runs(0, 10)
    for number in (11, 10, 13, 12, 14, 12, 10):
        ear.comes(number, 0.2)
    assert ear.milliseconds == 300
    assert ear.steady()
    assert all(ear.loud()[2:])


def test_what_is_lost_becomes_silence_as_long() -> None:
    ear = Ear()
    ear.runs(0, 10)
    ear.runs(12, 40)
    assert ear.steady()
    assert ear.milliseconds == 800
    assert [at_ms for sound, at_ms in ear.got if sound == SILENCE] == [200, 220]


def test_a_lost_packet_is_waited_for_for_sixty_milliseconds() -> None:
    ear = Ear()
    ear.runs(0, 10)
    ear.comes(11, 0.22)
    assert ear.milliseconds == 200
    ear.ticks(0.22, 0.26)
    assert ear.milliseconds == 200
    ear.ticks(0.28, 0.28)
    assert ear.milliseconds == 240


def test_a_browser_that_pauses_is_silent_in_real_time() -> None:
    ear = Ear()
    ear.runs(0, 10)
    ear.ticks(0.2, 2.0)
    assert ear.milliseconds == pytest.approx(1_940, abs=20)
    ear.comes(100, 2.0, sequence=10)
    assert ear.milliseconds == 2_020
    assert ear.steady()
    assert ear.loud()[-1]


def test_words_that_come_late_are_still_heard_and_made_up_for_in_the_next_pause() -> None:
    ear = Ear()
    ear.runs(0, 10)
    ear.ticks(0.2, 0.5)
    before = ear.milliseconds
    for number in range(10, 25):
        ear.comes(number, 0.5)
    assert ear.milliseconds == before + 300
    assert sum(ear.loud()) >= 23
    ear.ticks(0.52, 3.0)
    ear.comes(150, 3.0, sequence=25)
    assert ear.milliseconds == pytest.approx(3_020, abs=1)
    assert ear.steady()


def test_when_we_stall_nothing_is_taken_for_silence() -> None:
    ear = Ear()
    ear.runs(0, 10)
    ear.ticks(0.7, 0.7)
    for number in range(10, 35):
        ear.comes(number, 0.7)
    assert ear.milliseconds == 700
    assert all(ear.loud()[2:])


def test_strange_numbers_do_no_harm() -> None:
    ear = Ear()
    ear.runs(0, 10)
    for number, sequence in ((10**9, 10), (-(10**9), 11), (5 * 10**6, 40_000), (30, 40_001), (31, 60_000), (0, 3)):
        ear.comes(number, 0.4, sequence=sequence)
        assert ear.milliseconds < 2_000
    ear.runs(40, 60)
    assert ear.steady()


@pytest.mark.parametrize("payload", [b"", b"\0", b"\xff", b"\xff" * 1_400, bytes(range(256)), b"\x03\xff\xff"])
def test_a_packet_that_is_no_opus_does_no_harm(payload: bytes) -> None:
    ear = Ear()
    ear.runs(0, 10)
    ear.comes(10, 0.2, payload=payload)
    ear.runs(11, 60)
    assert ear.steady()
    assert all(ear.loud()[16:])


def test_a_microphone_that_was_silent_from_the_begin_stands_where_it_began() -> None:
    ear = Ear()
    ear.ticks(0.02, 1.0)
    assert ear.milliseconds == pytest.approx(940, abs=20)
    ear.comes(0, 1.0)
    assert (ear.got[-1][1], ear.steady()) == (1_000, True)


def test_speech_is_counted_when_it_leaves_and_not_when_it_is_cleared() -> None:
    speech = Speech()
    speech._unplayed += tone(440, 0.1)
    for number in range(3):
        speech.tick(number)
    assert speech.played == 3 * FRAME_BYTES
    speech.clear()
    speech.tick(3)
    assert speech.played == 3 * FRAME_BYTES
    assert len(speech._ready) == 4


def test_after_two_hundred_milliseconds_of_silence_nothing_leaves() -> None:
    speech = Speech()
    for number in range(50):
        speech.tick(number)
    assert len(speech._ready) == 10
    speech._unplayed += SILENCE * 3 + tone(440, 0.02)
    for number in range(50, 54):
        speech.tick(number)
    assert speech.played == 4 * FRAME_BYTES
    assert [packet.pts for packet in speech._ready][-2:] == [9 * 960, 53 * 960]
    assert MOST_UNPLAYED_BYTES == 64_000
