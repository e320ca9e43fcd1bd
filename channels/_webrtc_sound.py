"""Sound of a browser call: Opus to and from 16 kHz mono, and a steady stream out of what the network brings."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from av import AudioFrame, CodecContext, FFmpegError, Packet
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

RATE = 16_000
FRAME_SAMPLES = 320
FRAME_BYTES = 640
FRAME_SECONDS = 0.02
SILENCE = bytes(FRAME_BYTES)
RTP_RATE = 48_000
"""The RTP clock of Opus, whatever is inside: https://www.rfc-editor.org/rfc/rfc7587#section-4.1"""

_RATIO = RTP_RATE // RATE
_TIME_BASE = Fraction(1, RTP_RATE)
_LONGEST_PACKET = RTP_RATE * 120 // 1000
_TAPS = 48


def _low_pass() -> NDArray[np.float32]:
    """A windowed sinc that lets pass what 16 kHz can hold, 1 ms long."""
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(at / _RATIO * 0.92) * np.kaiser(_TAPS, 6)
    return np.asarray(taps / taps.sum(), np.float32)


_FILTER = _low_pass()


class Decoder:
    """Opus packets to pcm16 at 16 kHz mono.

    FFmpeg decodes Opus at 48 kHz only, so each third sample is kept behind a filter, which delays by half a
    millisecond and never changes the number of samples.
    """

    _KEPT = _TAPS - _RATIO

    def __init__(self) -> None:
        self._codec = CodecContext.create("libopus", "r")
        self._codec.format, self._codec.layout, self._codec.sample_rate = "s16", "mono", RTP_RATE
        self._samples = np.zeros(self._KEPT + _LONGEST_PACKET, np.float32)
        self._views: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def decode(self, payload: bytes) -> bytes:
        """What a packet holds; nothing when it is no Opus."""
        if not payload:
            return b""
        try:
            frames = self._codec.decode(Packet(payload))
        except FFmpegError:
            return b""
        if len(frames) == 1 and frames[0].samples <= _LONGEST_PACKET:
            return self._thirds(frames[0])
        return b"".join([self._thirds(frame) for frame in frames if frame.samples <= _LONGEST_PACKET])

    def _thirds(self, frame: AudioFrame) -> bytes:
        count = frame.samples // _RATIO
        end = self._KEPT + count * _RATIO
        self._samples[self._KEPT : end] = np.frombuffer(memoryview(frame.planes[0]), np.int16, count * _RATIO)
        if count not in self._views:
            self._views[count] = as_strided(self._samples, (count, _TAPS), (4 * _RATIO, 4)), np.zeros(count, np.float32)
        windows, sound = self._views[count]
        np.dot(windows, _FILTER, out=sound)
        self._samples[: self._KEPT] = self._samples[end - self._KEPT : end]
        np.rint(sound, out=sound)
        np.maximum(sound, -32768, out=sound)
        np.minimum(sound, 32767, out=sound)
        return bytes(sound.astype(np.int16))


class Encoder:
    """Frames of 20 ms of pcm16 at 16 kHz mono to Opus packets."""

    def __init__(self) -> None:
        codec = CodecContext.create("libopus", "w")
        codec.format, codec.layout, codec.sample_rate = "s16", "mono", RATE
        codec.bit_rate, codec.time_base = 24_000, Fraction(1, RATE)
        # libopus spends four times the work on effort 10 for speech that nobody can tell from effort 1.
        codec.options = {"application": "voip", "frame_duration": "20", "compression_level": "1"}
        self._codec = codec
        self._frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        self._frame.sample_rate = RATE

    def encode(self, sound: bytes, timestamp: int) -> "Packet[Any] | None":
        """The packet of one frame; `timestamp` counts 1/48000 s."""
        self._frame.planes[0].update(sound)
        self._frame.pts = None
        for packet in self._codec.encode(self._frame):
            packet.pts, packet.time_base = timestamp, _TIME_BASE
            return packet
        return None


class Hearing:
    """Makes one steady stream of RTP packets that come early, late, twice, in disorder or not at all.

    `deliver(pcm16, at_ms)` is given sound without holes, as soon as it is there: packets in order are not delayed; a
    missing one is waited for for at most 60 ms. When nothing comes (the browser sends nothing while it is silent,
    the network stalls), silence takes its place 60 ms behind the clock. Words that arrive after that are
    still delivered, and the delay is made up for in the next pause.
    """

    WAIT_SECONDS = 0.06
    MOST_WAITING = 4
    _WAIT_SAMPLES = int(WAIT_SECONDS * RATE)
    _FARTHEST_SAMPLES = RATE
    _FARTHEST_PACKETS = 1_000

    def __init__(self, deliver: Callable[[bytes, int], None]) -> None:
        self._deliver = deliver
        self._decoder = Decoder()
        self._waiting: dict[int, tuple[int, bytes, float]] = {}
        self._next = -1
        self._timestamp = self._sender_samples = 0
        self._offset = self._at = self._late = 0
        self._anchored = False
        self._began = self._last_tick = 0.0

    def begin(self, now: float) -> None:
        """The stream begins here; until then packets are dropped."""
        self._began = self._last_tick = now

    def packet(self, sequence: int, timestamp: int, payload: bytes, now: float) -> None:
        """Take one packet off the network; `now` in seconds on the clock of `begin`."""
        if not self._began:
            return
        ahead = (sequence - self._next) & 0xFFFF if self._next >= 0 else 0
        if ahead == 0:
            self._next = sequence
            self._take(timestamp, payload, now)
        elif self._FARTHEST_PACKETS < ahead < 0x10000 - self._FARTHEST_PACKETS:
            self._waiting.clear()
            self._next = sequence
            self._take(timestamp, payload, now)
        elif ahead < 0x8000:
            self._waiting[sequence] = (timestamp, payload, now)
        self._release(now)

    def tick(self, now: float) -> None:
        """To be called each 20 ms: what has not come by now is silence."""
        if self._waiting:
            self._release(now)
        stalled, self._last_tick = now - self._last_tick > self.WAIT_SECONDS, now
        if stalled:
            return  # It was us who were late: what came meanwhile is still in the socket.
        missing = int((now - self._began) * RATE) - self._WAIT_SAMPLES - self._at
        if missing >= FRAME_SAMPLES:
            self._silence(missing - missing % FRAME_SAMPLES)

    def _release(self, now: float) -> None:
        waiting = self._waiting
        while waiting:
            found = waiting.pop(self._next, None)
            if found is None:
                nearest = min(waiting, key=lambda sequence: (sequence - self._next) & 0xFFFF)
                if len(waiting) < self.MOST_WAITING and now - waiting[nearest][2] < self.WAIT_SECONDS:
                    return
                self._next, found = nearest, waiting.pop(nearest)
            self._take(found[0], found[1], now)

    def _take(self, timestamp: int, payload: bytes, now: float) -> None:
        self._next = (self._next + 1) & 0xFFFF
        sound = self._decoder.decode(payload)
        step = (timestamp - self._timestamp) & 0xFFFFFFFF
        self._timestamp = timestamp
        self._sender_samples += (step - 0x100000000 if step >= 0x80000000 else step) // _RATIO
        place = self._sender_samples + self._offset
        due = int((now - self._began) * RATE)
        plausible = self._at - self._FARTHEST_SAMPLES <= place <= due + self._FARTHEST_SAMPLES
        if not (self._anchored and plausible):
            self._anchored = True
            place = self._moved(place, max(self._at, due))
        if place > self._at and self._late:
            made_up = min(self._late, place - self._at)
            self._late -= made_up
            place = self._moved(place, place - made_up)
        if place > self._at:
            self._silence(place - self._at)
        elif place < self._at:
            self._late += self._at - place
            self._moved(place, self._at)
        if sound:
            self._give(sound)

    def _moved(self, place: int, to: int) -> int:
        """From now on the sender's clock stands there in our stream."""
        self._offset += to - place
        return to

    def _silence(self, samples: int) -> None:
        while samples > 0:
            size = min(samples, FRAME_SAMPLES)
            self._give(SILENCE if size == FRAME_SAMPLES else bytes(size * 2))
            samples -= size

    def _give(self, sound: bytes) -> None:
        at, self._at = self._at, self._at + len(sound) // 2
        self._deliver(sound, at * 1000 // RATE)
