"""Text at speed: how soon a webhook is acknowledged, how soon its answer is at the carrier, and that none is lost.

Run it with `make bench-text`. The hub, the carrier and this generator are processes of their own. The embedded brain
answers, and in the end a model without latency of its own, through OpenAI's SDK.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.request_validator import RequestValidator

from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, World, world
from tests.bench.seed import workspace


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


async def offer(hub_url: str, rate: int, seconds: int, first: int) -> dict[str, tuple[float, float, int]]:
    """Open-loop load: sender > (when it was sent, how long the answer took, its status)."""
    validator = RequestValidator(AUTH_TOKEN)
    url = f"{hub_url}/hooks/sms"
    results: dict[str, tuple[float, float, int]] = {}

    async def one(session: aiohttp.ClientSession, number: int) -> None:
        sender = f"+1202{number:07d}"
        form = {
            "MessageSid": f"SM{number:032x}", "AccountSid": ACCOUNT_SID, "From": sender, "To": OUR_NUMBER,
            "Body": "What are your opening hours on Saturday?", "NumMedia": "0", "NumSegments": "1",
        }  # fmt: skip
        signature = validator.compute_signature(url, form)
        headers = {"X-Twilio-Signature": signature, "content-type": "application/x-www-form-urlencoded"}
        sent, began = time.time(), time.perf_counter()
        async with session.post(url, data=urlencode(form), headers=headers) as answer:
            await answer.read()
            results[sender] = (sent, time.perf_counter() - began, answer.status)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=400)) as session:
        began = time.perf_counter()
        tasks = []
        for index in range(rate * seconds):
            await asyncio.sleep(max(0.0, began + index / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(one(session, first + index)))
        await asyncio.gather(*tasks)
    return results


def replies(run: World, expected: int, within: float) -> dict[str, float]:
    """Recipient > when its first reply reached the carrier's Messages API."""
    until = time.monotonic() + within
    while True:
        rows = run.control("GET", "/control/messages?limit=50000")["messages"]
        found: dict[str, float] = {}
        for row in rows:
            if row["direction"].startswith("outbound"):
                at = datetime.fromisoformat(row["at"]).timestamp()
                found[row["to"]] = min(found.get(row["to"], at), at)
        if len(found) >= expected or time.monotonic() > until:
            return found
        time.sleep(0.5)


def cpu_seconds(pid: int) -> float:
    """What a process has used of all cores so far."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def replied(run: World, rate: int, seconds: int, first: int, before: int) -> dict[str, Any]:
    """How soon answers are at the carrier at a calm rate; `before` so many people have got one already."""
    calm = asyncio.run(offer(f"http://127.0.0.1:{run.hub_port}", rate, seconds, first))
    arrived = replies(run, len(calm) + before, 20)
    delays = [(arrived[who] - sent) * 1000 for who, (sent, _, _) in calm.items() if who in arrived]
    return {
        "rate": rate, "seconds": seconds, "requests": len(calm), "answered": len(delays),
        "p50_ms": round(statistics.median(delays), 1), "p99_ms": round(percentile(delays, 0.99), 1),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--calm-rate", type=int, default=20)
    parser.add_argument("--calm-seconds", type=int, default=15)
    parser.add_argument("--database-url", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), given.database_url) as run:
        subprocess.run([sys.executable, "-m", "web.cli", "migrate"], env={**run.environment, "PATH": ""}, check=True)
        asyncio.run(workspace(run.environment))
        hub = run.hub()
        asyncio.run(offer(hub.url, 5, 2, 9_000_000))
        calm = replied(run, given.calm_rate, given.calm_seconds, 1_000_000, 10)
        used = cpu_seconds(hub.process.pid)
        full = asyncio.run(offer(hub.url, given.rate, given.seconds, 2_000_000))
        so_far = len(full) + calm["requests"] + 10
        answered = replies(run, so_far, 120)
        used = cpu_seconds(hub.process.pid) - used
        acks = [took * 1000 for _, took, _ in full.values()]
        report: dict[str, Any] = {
            "ack": {
                "rate": given.rate, "seconds": given.seconds, "requests": len(full),
                "not_2xx": sum(status // 100 != 2 for _, _, status in full.values()),
                "p50_ms": round(statistics.median(acks), 1), "p99_ms": round(percentile(acks, 0.99), 1),
                "max_ms": round(max(acks), 1),
                "hub_cpu_ms_per_message": round(used * 1000 / len(full), 1),
                "unanswered": sum(who not in answered for who in full),
            },
            "reply": calm,
        }  # fmt: skip
        if not given.database_url:
            with sqlite3.connect(Path(folder) / "hub.db") as db:
                report["stored"] = db.execute("SELECT count(*) FROM message WHERE role = 'customer'").fetchone()[0]
                report["sent_to"] = db.execute("SELECT count(DISTINCT recipient) FROM outbox_entry").fetchone()[0]
        hub.stop()
        hub = run.hub(OPENAI_API_KEY="bench", OPENAI_BASE_URL=f"{run.sandbox.url}/openai/v1")
        asyncio.run(offer(hub.url, 5, 2, 8_000_000))
        report["reply_of_a_model"] = replied(run, given.calm_rate, given.calm_seconds, 3_000_000, so_far + 10)
        report["reply_of_a_model"]["asked"] = len(run.control("GET", "/control/engines/openai")["asked"])
        print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
