"""The callers' process: many calls in real time, then what they measured. Reads its orders as JSON, writes a pickle."""

import asyncio
import gc
import json
import os
import pickle
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import ParseError, fromstring

import aiohttp
import uvloop
from twilio.request_validator import RequestValidator

from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN
from tests.bench.text import cpu_seconds
from tests.bench.voice.check import played
from tests.bench.voice.embedded import Asking, spoken
from tests.bench.voice.orders import CallResult, Orders, Result
from tests.bench.voice.person import Carrier, Echoed, Person, Utterance, handshake
from tests.bench.voice.sockets import Pacer, Socket, connected

CALLS_PER_SECOND = 5
BETWEEN_HANG_UPS = 0.02
SETTLE_SECONDS = 3.0


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def stolen_seconds(pid: int) -> float:
    """How long so far whoever runs this virtual machine had other use for the cores that a process may run on."""
    lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    ours = {f"cpu{core}" for core in os.sched_getaffinity(pid)}
    return sum(int(line[8]) for line in lines if line[0] in ours) / os.sysconf("SC_CLK_TCK")


def quiet_frames() -> list[bytes]:
    """A second of a telephone line on which nobody speaks: soft noise."""
    from base64 import b64encode

    chance = random.Random(5)
    frames = [bytes(chance.choice(b"\xff\xfe\xfd\xfc\x7f\x7e\x7d\x7c") for _ in range(160)) for _ in range(50)]
    return [b64encode(frame) for frame in frames]


class Calls:
    """All calls of one run."""

    def __init__(self, orders: Orders, http: aiohttp.ClientSession) -> None:
        self.orders, self._http = orders, http
        self._validator = RequestValidator(AUTH_TOKEN)
        self._quiet = quiet_frames()
        self._utterances = [Utterance.of(path.read_bytes()) for path in sorted(Path(orders.sounds).glob("*.ulaw"))]
        self._questions = spoken(Path(orders.sounds)) if orders.asking else []
        self.pacer = Pacer()
        self.asking: list[tuple[Asking, Socket, float]] = []
        self.people: list[tuple[Person, Socket, float]] = []
        self.echoed: list[Echoed] = []
        self.refused: list[str] = []

    async def add(self, number: int) -> None:
        try:
            await (self._echo(number) if self.orders.shovel else self._call(number))
        except (ConnectionError, OSError, ParseError, AttributeError) as error:
            self.refused.append(f"call {number}: {error!r}")

    async def _call(self, number: int) -> None:
        ours = self.orders.numbers[number % len(self.orders.numbers)]
        sid = f"CA{number:032x}"
        form = {
            "CallSid": sid, "AccountSid": ACCOUNT_SID, "From": f"+1202{number:07d}", "To": ours, "Caller": ours,
            "Direction": "inbound", "CallStatus": "ringing", "ApiVersion": "2010-04-01",
        }  # fmt: skip
        url = f"{self.orders.url}/hooks/call"
        headers = {
            "X-Twilio-Signature": self._validator.compute_signature(url, form),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with self._http.post(url, data=urlencode(form), headers=headers) as answer:
            response = fromstring(await answer.text())
        stream = response.find(".//Stream")
        media, ticket = stream.get("url"), stream.find("Parameter").get("value")  # type: ignore[union-attr]
        carrier = Carrier(f"MZ{number:032x}", lambda: self.pacer.awake_at)
        signature = self._validator.compute_signature(media, {})
        socket = await self._open(media or "", carrier, {"X-Twilio-Signature": signature})
        handshake(carrier, ACCOUNT_SID, sid, ticket or "")
        if self.orders.asking:
            asking = Asking(number, carrier, self._questions, self._quiet)
            self.asking.append((asking, socket, monotonic()))
            self.pacer.add(asking.tick)
            return
        silent = ours in self.orders.silent
        person = Person(number, carrier, self._utterances, self._quiet, silent, random.Random(number))
        self.people.append((person, socket, monotonic()))
        self.pacer.add(person.tick)

    async def _echo(self, number: int) -> None:
        carrier = Carrier(f"MZ{number:032x}", lambda: self.pacer.awake_at)
        echoed = Echoed(carrier, self._quiet)
        await self._open(f"{self.orders.url.replace('http', 'ws')}/", carrier, {})
        handshake(carrier, ACCOUNT_SID, "", "")
        self.echoed.append(echoed)
        self.pacer.add(echoed.tick)

    async def _open(self, url: str, carrier: Carrier, headers: dict[str, str]) -> Socket:
        parts = urlsplit(url)
        carrier.socket = socket = await connected(
            parts.hostname or "", parts.port or 80, parts.path, headers, carrier.take
        )
        return socket

    async def hang_up(self) -> list[CallResult]:
        """End all calls, one after the other; what became of each."""
        ended = [(await self._stopped(one, socket), one, began) for one, socket, began in self.people]
        asked = [(await self._stopped(one, socket), one, began) for one, socket, began in self.asking]
        self.pacer.stop()
        results = [
            CallResult(one.number, f"+1202{one.number:07d}", lasted=now - began, took=one.took, asked=one.asked)
            for (now, _), one, began in asked
        ]
        for (now, broken), one, began in ended:
            sentences = {exchange.turn: exchange.sentences for exchange in one.exchanges}
            sound = played(one.number, one.carrier.log, now, sentences)
            who = f"+1202{one.number:07d}"
            results.append(CallResult(one.number, who, one.exchanges, sound, one.chunk, now - began, broken))
        return results

    async def _stopped(self, one: Person | Asking, socket: Socket) -> tuple[float, bool]:
        """End one call: when, and whether the server had ended it already."""
        await asyncio.sleep(BETWEEN_HANG_UPS)
        now, broken = monotonic(), socket.closed
        self.pacer.remove(one.tick)
        one.carrier.stop()
        socket.send(b'{"event":"stop","sequenceNumber":"0","streamSid":"%b"}' % one.carrier.stream.encode())
        socket.close()
        return now, broken


async def run(orders: Orders) -> Result:
    result = Result()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        calls = Calls(orders, http)
        calls.pacer.start()
        result.resident_kb = (resident_kb(orders.pid), 0)
        if orders.idle_seconds:
            cpu = cpu_seconds(orders.pid)
            await asyncio.sleep(orders.idle_seconds)
            result.idle_share = (cpu_seconds(orders.pid) - cpu) / orders.idle_seconds
        await paced(orders.calls, lambda at: calls.add(orders.first + at))
        await asyncio.sleep(SETTLE_SECONDS)
        gc.collect()
        gc.freeze()
        gc.disable()
        begin, cpu, ours = monotonic(), cpu_seconds(orders.pid), cpu_seconds(os.getpid())
        stolen = stolen_seconds(orders.pid)
        first = len(calls.pacer.late)
        before = [(echoed.chunk, echoed.back, len(echoed.took)) for echoed in calls.echoed]
        await asyncio.sleep(orders.seconds)
        result.begin, result.end = begin, monotonic()
        result.server_cpu = cpu_seconds(orders.pid) - cpu
        result.stolen_share = (stolen_seconds(orders.pid) - stolen) / (result.end - begin)
        result.callers_cpu = cpu_seconds(os.getpid()) - ours
        result.resident_kb = (result.resident_kb[0], resident_kb(orders.pid))
        result.late_ms = [late * 1000 for late in calls.pacer.late[first:]]
        for echoed, (sent, back, at) in zip(calls.echoed, before, strict=True):
            result.echoes_ms += [took * 1000 for took in echoed.took[at:]]
            result.echoes_lost += max(0, echoed.chunk - sent - (echoed.back - back) - 2)
        result.calls = await calls.hang_up()
        result.refused = calls.refused
    return result


async def paced(count: int, start: Callable[[int], Awaitable[None]]) -> None:
    """Begin so many things, at a steady pace."""
    begin, tasks = monotonic(), []
    for at in range(count):
        await asyncio.sleep(max(0.0, begin + at / CALLS_PER_SECOND - monotonic()))
        tasks.append(asyncio.ensure_future(start(at)))
    await asyncio.gather(*tasks)


def main() -> None:
    orders = Orders(**json.loads(sys.stdin.read()))
    os.sched_setaffinity(0, {orders.core})
    result = uvloop.run(run(orders))
    Path(orders.out).write_bytes(pickle.dumps(result))


if __name__ == "__main__":
    main()
