"""The line of a browser call: a WebRTC peer, its sound both ways and its data channel. Imports aiortc."""

import asyncio
import contextlib
import json
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.rtp import RtpPacket
from aiortc.sdp import SessionDescription

from channels._webrtc_sound import FRAME_SECONDS, RATE, Hearing
from channels._webrtc_track import Speech
from hub.channel import Pressed, Refused, Sound, Undeliverable

log = logging.getLogger("hub.web_call")

NOTES = "hub"
"""The label of the data channel that the page opens."""
MOST_UNHEARD = 500
MOST_CANDIDATES = 20
MOST_NOTE_CHARACTERS = 1_000
MOST_UNSENT_BYTES = 65_536
_EARLY = 0.001
_CATCH_UP = 10
_LOOK_SECONDS = 3
_OPUS = re.compile(r"a=rtpmap:(\d+) opus/48000/2\r\n")
_JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"


def offer(sdp: str) -> RTCSessionDescription:
    """A browser's offer, fit to be answered: one audio section with Opus, and a data channel if it likes.

    Candidates that are no plain UDP addresses are left out: the names browsers hide behind (`.local`) would be looked
    up for a second each. Raises `Refused` (400).
    """
    kept, candidates = [], 0
    for line in sdp.splitlines():
        if line.startswith("a=candidate:"):
            words = line.split()
            candidates += 1
            if candidates > MOST_CANDIDATES or len(words) < 8 or words[2].lower() != "udp" or ".local" in words[4]:
                continue
        kept.append(line)
    text = "\r\n".join(kept) + "\r\n"
    try:
        media = SessionDescription.parse(text).media
        kinds = [(section.kind, section.rtp.muxId) for section in media]
        audio = [section for section in media if section.kind == "audio"]
        safe = all(part.ice and part.ice.usernameFragment and part.dtls and part.dtls.fingerprints for part in media)
        opus = any(codec.name.lower() == "opus" for section in audio for codec in section.rtp.codecs)
    except Exception as error:  # the parser raises anything
        raise Refused(f"The offer is no session description that can be read: {type(error).__name__}.", 400) from None
    if sorted(kind for kind, _ in kinds) not in (["audio"], ["application", "audio"]) or not opus:
        raise Refused("The offer must have one audio section with Opus, and at most a data channel besides.", 400)
    if not safe or len({mid for _, mid in kinds}) < len(kinds):
        raise Refused("The offer lacks what a connection is made with: mid, ice-ufrag and fingerprint.", 400)
    return RTCSessionDescription(text, "offer")


async def answered(
    asked: RTCSessionDescription,
    ice_servers: Sequence[Mapping[str, Any]],
    *,
    connect_seconds: float,
    lost_seconds: float,
    ended: Callable[["WebCallLine"], None],
) -> tuple["WebCallLine", str]:
    """The line of a checked offer, and the answer for the browser. Raises `Refused` (400)."""
    servers = [RTCIceServer(**server) for server in ice_servers]
    # Without a list aiortc would ask an outside STUN server.
    peer = RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    line = WebCallLine(peer, connect_seconds, lost_seconds, ended)
    try:
        await peer.setRemoteDescription(asked)
        await peer.setLocalDescription(await peer.createAnswer())
    except BaseException as error:
        await line.hangup()
        if isinstance(error, Exception):
            log.info("an offer could not be answered: %r", error)
            raise Refused("The offer could not be answered; reload the page and call again.", 400) from None
        raise
    return line, _sparing(peer.localDescription.sdp)


def _sparing(sdp: str) -> str:
    """The answer, asking the browser for 16 kHz mono that pauses in silence.

    https://www.rfc-editor.org/rfc/rfc7587#section-6.1
    """
    wish = "maxplaybackrate=16000;maxaveragebitrate=24000;stereo=0;usedtx=1;useinbandfec=0"
    return _OPUS.sub(rf"\g<0>a=fmtp:\1 {wish}\r\n", sdp, count=1)


class _Arrivals(JitterBuffer):
    """Stands where aiortc keeps its jitter buffer and passes each packet on as it comes.

    aiortc's own holds sound back for 80 ms and has a thread for each call decode it, which costs more than the
    decoding. It is given nothing to decode.
    """

    def __init__(self, arrived: Callable[[RtpPacket], None]) -> None:
        super().__init__(capacity=1)
        self._arrived = arrived

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        self._arrived(packet)
        return False, None


def check_aiortc() -> None:
    """Raises `RuntimeError` when this aiortc does not keep its jitter buffer where we replace it."""
    if _JITTER_BUFFER not in RTCRtpReceiver.__init__.__code__.co_names:
        raise RuntimeError("This version of aiortc keeps no jitter buffer where the hub replaces it; use 1.16.")


class WebCallLine:
    """A browser's microphone and loudspeaker. Nothing is played or heard before the connection stands.

    It ends when either side hangs up, when no connection comes about within `connect_seconds` and when nothing at
    all has come from the browser for `lost_seconds`.
    """

    rate = RATE
    codec = "pcm16"
    broken = False

    def __init__(
        self,
        peer: RTCPeerConnection,
        connect_seconds: float,
        lost_seconds: float,
        ended: Callable[["WebCallLine"], None],
    ) -> None:
        self._peer, self._lost_seconds, self._ended = peer, lost_seconds, ended
        self._loop = asyncio.get_running_loop()
        self._speech = Speech()
        self._hearing = Hearing(self._heard)
        self._unheard: deque[Sound | Pressed] = deque(maxlen=MOST_UNHEARD)
        self._more = asyncio.Event()
        self._notes: RTCDataChannel | None = None
        self._closing: asyncio.Task[None] | None = None
        self._began = self._last_packet = 0.0
        self._ticks = 0
        self._timer = self._loop.call_later(connect_seconds, self._end, "no connection came about")
        self._watch: asyncio.Task[None] | None = None
        peer.on("connectionstatechange", self._changed)
        peer.on("datachannel", self._channel_opened)
        transceiver = peer.addTransceiver(self._speech)
        opus = [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.name.lower() == "opus"]
        transceiver.setCodecPreferences(opus)
        setattr(transceiver.receiver, _JITTER_BUFFER, _Arrivals(self._arrived))

    # what the hub asks of a line

    async def audio(self) -> AsyncIterator[Sound | Pressed]:
        """20 ms of sound each 20 ms from the moment the connection stands; `at_ms` counts from then."""
        while True:
            while self._unheard:
                yield self._unheard.popleft()
            if self._closing:
                return
            self._more.clear()
            await self._more.wait()

    async def play(self, audio: bytes) -> None:
        """Queue pcm16; waits while more than 2 s are unplayed. After the end it plays nothing."""
        await self._speech.play(audio)

    async def clear(self) -> None:
        self._speech.clear()

    def played(self) -> int:
        """Bytes that have left for the browser."""
        return self._speech.played

    async def send_digits(self, digits: str) -> None:
        raise Undeliverable("A browser has no keys to press; say it, or show it on the page.")

    async def transfer(self, to: str) -> None:
        raise Undeliverable(
            "A call from a browser cannot be transferred by a carrier: brief them first, or let a colleague join."
        )

    def tell(self, note: Mapping[str, Any]) -> None:
        """Send it as JSON over the page's data channel; dropped when that is not open or is not being read."""
        notes = self._notes
        if notes is None or self._closing or notes.readyState != "open" or notes.bufferedAmount > MOST_UNSENT_BYTES:
            return
        notes.send(json.dumps(note, ensure_ascii=False, separators=(",", ":")))

    @property
    def over(self) -> bool:
        return self._closing is not None

    async def hangup(self) -> None:
        if self._closing is None:
            self._end("hung up")
        if self._closing is not None:
            await asyncio.shield(self._closing)

    # what the peer tells

    def _arrived(self, packet: RtpPacket) -> None:
        self._last_packet = now = self._loop.time()
        self._hearing.packet(packet.sequence_number, packet.timestamp, packet.payload, now)

    def _heard(self, sound: bytes, at_ms: int) -> None:
        self._unheard.append(Sound(sound, at_ms))
        self._more.set()

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if channel.label != NOTES or self._notes is not None:
            channel.close()
            return
        self._notes = channel
        channel.on("message", self._noted)

    def _noted(self, message: str | bytes) -> None:
        if not isinstance(message, str) or len(message) > MOST_NOTE_CHARACTERS:
            return
        with contextlib.suppress(ValueError, RecursionError, AttributeError):
            note = json.loads(message)
            digit = note.get("digit") if note.get("type") == "digit" else None
            if isinstance(digit, str) and re.fullmatch(r"[0-9*#]", digit):
                self._unheard.append(Pressed(digit))
                self._more.set()

    def _changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected" and not self._began and self._closing is None:
            self._began = self._last_packet = self._loop.time()
            self._hearing.begin(self._began)
            self._timer.cancel()
            self._tick()
            self._watch = self._loop.create_task(self._watching())
        elif state in ("failed", "closed"):
            self._end("the browser went away")

    # time

    def _tick(self) -> None:
        """Each 20 ms by the clock of the connection's begin, so that nothing drifts; after a stall the rest follows."""
        now = self._loop.time()
        due = int((now - self._began + _EARLY) / FRAME_SECONDS)
        self._ticks = max(self._ticks, due - _CATCH_UP)
        while self._ticks <= due:
            self._speech.tick(self._ticks)
            self._ticks += 1
        self._hearing.tick(now)
        self._timer = self._loop.call_at(self._began + self._ticks * FRAME_SECONDS, self._tick)

    async def _watching(self) -> None:
        """End the line when the browser is silent even to reports of how much arrived (RTCP)."""
        heard, packets, pause = self._last_packet, 0, min(_LOOK_SECONDS, self._lost_seconds / 4)
        while self._closing is None:
            await asyncio.sleep(pause)
            received = await self._received() if self._last_packet <= heard else packets
            if self._last_packet > heard or received > packets:
                heard = max(self._last_packet, self._loop.time() if received > packets else 0)
                packets = max(received, packets)
            elif self._loop.time() - heard > self._lost_seconds:
                self._end("nothing came from the browser any more")

    async def _received(self) -> int:
        stats = await self._peer.getTransceivers()[0].receiver.getStats()
        return sum(entry.packetsReceived for entry in stats.values() if entry.type == "transport")

    def _end(self, why: str) -> None:
        if self._closing is None:
            log.info("a browser call ended: %s", why)
            self._timer.cancel()
            self._speech.end()
            self._closing = self._loop.create_task(self._close())
            self._more.set()

    async def _close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        try:
            await self._peer.close()
        except Exception:
            log.exception("a browser call did not close well")
        finally:
            self._more.set()
            self._ended(self)
