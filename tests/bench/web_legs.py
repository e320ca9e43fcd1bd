"""What a browser call costs: N peers on one core talk with a server on the other; CPU of the server per call.

    python -m tests.bench.web_legs [calls] [seconds] [--stock]

Each peer sends a tone without pause and is sent one without pause: the dearest that a call can be. `--stock` measures
the plain way of aiortc instead (its tracks at 48 kHz, resampled to 16 kHz both ways) for comparison.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import time
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

SETTINGS = {"HUB_SECRET_KEY": "the key of the bench"}
LOUD = 8_000


def tone(hertz: float, rate: int, seconds: int = 1) -> bytes:
    at = np.arange(rate * seconds) / rate
    noise = np.random.default_rng(1).normal(0, 0.03, at.size)
    speech = np.sin(2 * np.pi * hertz * at) * (1 + np.sin(2 * np.pi * 3 * at)) / 2 + noise
    return (speech * LOUD).clip(-32_768, 32_767).astype(np.int16).tobytes()


def _here(core: int) -> None:
    import aioice.ice

    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    os.sched_setaffinity(0, {core})


async def _echo(line: Any, counts: list[int]) -> None:
    """Hear everything and play without pause, which is what a conversation asks of a line."""
    sound = tone(300, line.rate)

    async def play() -> None:
        while True:
            await line.play(sound)

    playing = asyncio.ensure_future(play())
    async for heard in line.audio():
        counts[0] += len(heard.audio)
    playing.cancel()


class _Stock:
    """The plain way: aiortc's own tracks, PyAV's resampler."""

    async def receive(self, offer: str) -> str:
        from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers = [*getattr(self, "peers", []), peer]
        peer.addTrack(_stock_track())
        peer.on("track", lambda track: self.tasks.append(asyncio.ensure_future(self._listen(track))))
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    tasks: list[Any] = []
    counts = [0]

    async def _listen(self, track: Any) -> None:
        from av import AudioResampler

        resampler = AudioResampler(format="s16", layout="mono", rate=16_000)
        while True:
            for frame in resampler.resample(await track.recv()):
                self.counts[0] += frame.samples * 2


def _stock_track(rate: int = 16_000) -> Any:
    from aiortc.mediastreams import MediaStreamTrack
    from av import AudioFrame

    class Track(MediaStreamTrack):
        kind = "audio"

        def __init__(self) -> None:
            super().__init__()
            self.sound, self.number, self.begun = tone(300, rate), 0, 0.0

        async def recv(self) -> AudioFrame:
            loop = asyncio.get_running_loop()
            self.begun = self.begun or loop.time()
            self.number += 1
            await asyncio.sleep(self.begun + self.number * 0.02 - loop.time())
            size = rate // 25
            frame = AudioFrame(format="s16", layout="mono", samples=size // 2)
            at = self.number * size % (len(self.sound) - size)
            frame.planes[0].update(self.sound[at : at + size])
            frame.sample_rate, frame.pts, frame.time_base = rate, self.number * size // 2, Fraction(1, rate)
            return frame

    return Track()


def server(pipe: Connection, stock: bool) -> None:
    _here(0)
    import uvloop

    uvloop.run(_server(pipe, stock))


async def _server(pipe: Connection, stock: bool) -> None:
    from channels.web_call import WebCall
    from hub.channel import Hook

    channel, plain, tasks, counts = WebCall(SETTINGS, most_calls=1_000), _Stock(), [], [0]
    await channel.warm_up()
    while True:
        asked = await asyncio.to_thread(pipe.recv)
        if asked == "figures":
            pipe.send((time.process_time(), counts[0] + plain.counts[0]))
        elif asked == "end":
            os._exit(0)
        elif stock:
            pipe.send(await plain.receive(asked))
        else:
            body = json.dumps({"sdp": asked, "type": "offer", "ticket": channel.ticket("v", "shop")})
            reply = await channel.receive(Hook("POST", "http://127.0.0.1/hooks/web_call", {}, body.encode()))
            tasks.append(asyncio.ensure_future(_echo(reply.events[0].line, counts)))
            pipe.send(json.loads(reply.body)["sdp"])


def peers(pipe: Connection, calls: int) -> None:
    _here(1)
    import uvloop

    uvloop.run(_peers(pipe, calls))


async def _peers(pipe: Connection, calls: int) -> None:
    """Peers that cost little themselves: one packet, encoded once, is sent again and again; nothing is decoded."""
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
    from aiortc.mediastreams import MediaStreamTrack
    from av import Packet

    from channels._webrtc import _Arrivals
    from channels._webrtc_sound import FRAME_BYTES, Encoder

    encoder, sound, got = Encoder(), tone(500, 16_000), [0]
    packets = [bytes(encoder.encode(sound[at : at + FRAME_BYTES], 0) or b"") for at in range(0, 32_000, FRAME_BYTES)]

    class Voice(MediaStreamTrack):
        kind = "audio"
        number, begun = 0, 0.0

        async def recv(self) -> Any:
            loop = asyncio.get_running_loop()
            self.begun = self.begun or loop.time()
            self.number += 1
            await asyncio.sleep(self.begun + self.number * 0.02 - loop.time())
            packet = Packet(packets[self.number % len(packets)])
            packet.pts, packet.time_base = self.number * 960, Fraction(1, 48_000)
            return packet

    def count(_: Any) -> None:
        got[0] += 1

    made, connected = [], asyncio.Event()

    def changed() -> None:
        if all(peer.connectionState == "connected" for peer in made):
            connected.set()

    for _ in range(calls):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTrack(Voice())
        receiver: RTCRtpReceiver = peer.getReceivers()[0]
        setattr(receiver, "_RTCRtpReceiver__jitter_buffer", _Arrivals(count))  # noqa: B010
        peer.createDataChannel("hub")
        await peer.setLocalDescription(await peer.createOffer())
        pipe.send(peer.localDescription.sdp)
        answer = await asyncio.to_thread(pipe.recv)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        made.append(peer)
        peer.on("connectionstatechange", changed)
    changed()
    await connected.wait()
    pipe.send("ready")
    while await asyncio.to_thread(pipe.recv) == "figures":
        pipe.send((time.process_time(), got[0]))
    os._exit(0)


def measure(calls: int, seconds: float, stock: bool) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    peers_pipe, peers_end = context.Pipe()
    serving = context.Process(target=server, args=[theirs, stock])
    peering = context.Process(target=peers, args=[peers_end, calls])
    serving.start()
    peering.start()
    while (said := peers_pipe.recv()) != "ready":
        ours.send(said)
        peers_pipe.send(ours.recv())
    time.sleep(1)

    def figures() -> tuple[float, float, int, int, float]:
        ours.send("figures")
        cpu, heard = ours.recv()
        peers_pipe.send("figures")
        peers_cpu, got = peers_pipe.recv()
        return time.monotonic(), cpu, heard, got, peers_cpu

    before = figures()
    time.sleep(seconds)
    after = figures()
    passed, cpu, heard, got, peers_cpu = (now - then for now, then in zip(after, before, strict=True))
    print(
        f"{'stock aiortc' if stock else 'ours'}: {calls} calls, server {cpu / passed:.0%} of a core, "
        f"{cpu / passed / calls:.2%} per call ({passed * calls / cpu:.0f} calls a core); "
        f"heard {heard / 32_000 / passed / calls:.1%}, sent {got / 50 / passed / calls:.1%} of real time; "
        f"peers {peers_cpu / passed:.0%}"
    )
    ours.send("end")
    peers_pipe.send("end")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", type=int, nargs="?", default=20)
    parser.add_argument("seconds", type=float, nargs="?", default=8)
    parser.add_argument("--stock", action="store_true")
    given = parser.parse_args()
    measure(given.calls, given.seconds, given.stock)
