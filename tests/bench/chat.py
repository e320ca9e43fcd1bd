"""Web chat: what idle visitors cost, how soon a message is on the page, whether a flooding visitor slows the others.

Run it with `make bench-chat`. The hub is a process of its own, under its default settings and on a core of its own; the
visitors are real WebSocket clients in this one. What floods has the computing power that they leave it: it stands for
somebody far away, who takes none of the hub's.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.bench.processes import Running, free_port, start
from tests.bench.seed import workspace
from tests.bench.text import percentile

WIDGET = "bench"
FLOODER = "203.0.113.66"
CONNECTING_AT_ONCE = 40
PATIENCE_SECONDS = 30
QUESTION = "What are your opening hours on Saturday?"


def resident_mb(pid: int, name: str = "VmRSS") -> float:
    """The memory of a process in megabytes (10^6)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


class Visitor:
    """One open chat; `shown` tells when the last message of each role came onto its page."""

    def __init__(self, url: str, network: str) -> None:
        self.url, self.network = url, network
        self.token = ""
        self.socket: ClientConnection | None = None
        self.taken: list[float] = []
        self.answered: list[float] = []

    async def open(self) -> None:
        """Say hello and read the welcome."""
        self.socket = await connect(
            f"{self.url.replace('http', 'ws')}/hooks/webchat/live", origin=self.url,  # type: ignore[arg-type]
            compression=None, ping_interval=None, max_queue=None, open_timeout=60, close_timeout=1,
            additional_headers={"X-Forwarded-For": self.network},
        )  # fmt: skip
        await self.socket.send(json.dumps({"type": "hello", "widget": WIDGET, "token": self.token}))
        welcome = json.loads(await self.socket.recv())
        self.token = welcome.get("token", self.token)

    async def ask(self, number: int) -> None:
        """Write once, and wait until the message and its answer are on the page."""
        assert self.socket is not None
        began, name = time.perf_counter(), f"m{number}"
        await self.socket.send(json.dumps({"type": "message", "id": name, "text": QUESTION}))
        taken = False
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for text in self.socket:
                frame = json.loads(text)
                if frame["type"] == "message" and frame.get("id") == name:
                    self.taken.append(time.perf_counter() - began)
                    taken = True
                elif frame["type"] == "message" and frame["role"] == "agent" and taken:
                    self.answered.append(time.perf_counter() - began)
                    return

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()


async def arrive(url: str, first: int, many: int) -> list[Visitor]:
    """So many visitors, each from an address of its own."""
    slots = asyncio.Semaphore(CONNECTING_AT_ONCE)
    visitors = [
        Visitor(url, f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}") for at in range(first, first + many)
    ]  # fmt: skip

    async def one(visitor: Visitor) -> None:
        async with slots:
            await visitor.open()

    await asyncio.gather(*map(one, visitors))
    return visitors


async def talk(visitors: Sequence[Visitor], every: float, seconds: float) -> dict[str, Any]:
    """Each writes once in so many seconds, at its own moment."""
    for visitor in visitors:
        visitor.taken, visitor.answered = [], []

    async def one(visitor: Visitor) -> None:
        until = time.monotonic() + seconds
        await asyncio.sleep(random.uniform(0, every))
        while time.monotonic() < until:
            again = time.monotonic() + every
            with contextlib.suppress(TimeoutError):
                await visitor.ask(time.monotonic_ns())
            await asyncio.sleep(max(0.0, again - time.monotonic()))

    await asyncio.gather(*map(one, visitors))
    taken = [1000 * took for visitor in visitors for took in visitor.taken]
    answered = [1000 * took for visitor in visitors for took in visitor.answered]
    return {
        "messages": len(taken),
        "unanswered": len(taken) - len(answered),
        "a_second": round(len(taken) / seconds, 1),
        "on_page_p50_ms": round(statistics.median(taken), 1),
        "on_page_p95_ms": round(percentile(taken, 0.95), 1),
        "answer_p50_ms": round(statistics.median(answered or [0.0]), 1),
        "answer_p95_ms": round(percentile(answered or [0.0], 0.95), 1),
    }


async def flood(url: str) -> None:
    """Write as fast as it goes and come back whenever thrown out, until stopped; tells how often it did what."""
    visitor, frames, thrown_out = Visitor(url, FLOODER), 0, 0
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    while not stopped.is_set():
        with contextlib.suppress(ConnectionClosed, OSError, TimeoutError, json.JSONDecodeError):
            await visitor.open()
            assert visitor.socket is not None
            while not stopped.is_set():
                frame = {"type": "message", "id": f"f{time.monotonic_ns()}", "text": f"flood {frames}"}
                await visitor.socket.send(json.dumps(frame))
                frames += 1
                await asyncio.sleep(0)
        thrown_out += 1
    print(json.dumps({"frames": frames, "thrown_out": thrown_out}), flush=True)


@contextlib.asynccontextmanager
async def flooding(url: str) -> AsyncIterator[dict[str, int]]:
    """A flooding visitor in a process of its own; filled with what it did at the end."""
    done: dict[str, int] = {}
    command = [sys.executable, "-m", "tests.bench.chat", "--flood", url]
    process = await asyncio.create_subprocess_exec("nice", "-n", "19", *command, stdout=subprocess.PIPE)
    try:
        await asyncio.sleep(2)
        yield done
    finally:
        process.terminate()
        told, _ = await process.communicate()
        done.update(json.loads(told or b"{}"))


async def measure(hub: Running, given: argparse.Namespace) -> dict[str, Any]:
    pid = hub.process.pid
    await asyncio.gather(*(visitor.close() for visitor in await arrive(hub.url, 1 << 20, 200)))
    active = await arrive(hub.url, 1, given.active)
    await talk(active, given.every, given.every)  # everything is loaded and every page of the database warm
    await asyncio.sleep(2)
    before, began = resident_mb(pid), time.monotonic()
    idle = await arrive(hub.url, 100_000, given.idle)
    took = time.monotonic() - began
    await asyncio.sleep(3)
    after = resident_mb(pid)
    report: dict[str, Any] = {
        "idle": {
            "visitors": len(idle), "before_mb": round(before, 1), "more_mb": round(after - before, 1),
            "kb_each": round((after - before) * 1000 / max(len(idle), 1), 1), "connected_in_s": round(took, 1),
        },
    }  # fmt: skip
    if given.seconds:
        report["active"] = await talk(active, given.every, given.seconds)
        async with flooding(hub.url) as flooded:
            report["beside_a_flood"] = await talk(active, given.every, given.seconds)
        report["flood"] = flooded
    report["peak_mb"] = round(resident_mb(pid, "VmHWM"), 1)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=5_000)
    parser.add_argument("--active", type=int, default=500)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two messages of an active visitor")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--flood", default="", help="only be the flooding visitor of this hub")
    given = parser.parse_args()
    if given.flood:
        asyncio.run(flood(given.flood))
        return 0
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        env = {"HUB_PUBLIC_URL": url, "HUB_DATA_DIR": folder, "HUB_DATABASE_URL": "", "HUB_WORK": "0"}
        subprocess.run([sys.executable, "-m", "web.cli", "migrate"], env={**env, "PATH": ""}, check=True)
        asyncio.run(workspace(env, WIDGET, "webchat"))
        cores = sorted(os.sched_getaffinity(0))
        command = [sys.executable, "-m", "web.cli", "serve", "--port", str(port)]
        hub = start(command, url, "/health/ready", env, cores[0])
        os.sched_setaffinity(0, cores[1:] or cores)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                print(json.dumps(runner.run(measure(hub, given)), indent=2))
        finally:
            hub.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
