"""The voice loop at speed: `make bench-voice`.

One server on one core; the callers, the carrier between and engines without latency of their own on the other. Every
call is a real Media Stream in real time, with turns, interruptions, recording, ledger and voice activity. The engines
are the bench's own over bare sockets, and then the vendors' (Deepgram's Flux, OpenAI, ElevenLabs) as the hub has them.
"""

import argparse
import asyncio
import json
import pickle
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.bench.text import percentile
from tests.bench.voice import stage as stages
from tests.bench.voice.figures import Figures, at, figures, machine, pair
from tests.bench.voice.orders import Orders, Result
from tests.bench.voice.profiled import profiled
from tests.bench.voice.stage import BY_ENGINE, BY_SOUND, Engines, Stage

LADDER = (10, 20, 40, 60, 80, 100, 120)
WARM_UP = 4
IDLE_SECONDS = 4.0
OF_THE_SHOVEL = {10: 0.45 / 0.21, 40: 0.45 / 0.11, 100: 0.45 / 0.11}
"""By calls: our CPU as a multiple of the shovel's, which the goal is where it was set: 0.45 s beside 0.21 and 0.11."""
SHOVEL_SECONDS = 10.0
TITLES: dict[Engines, str] = {"sockets": "bare sockets", "sdks": "vendors' SDKs"}


def calls(stage: Stage, folder: Path, count: int, seconds: float, **more: Any) -> Result:
    """Let so many calls go on for so long."""
    orders = Orders(
        url=stage.url, core=stages.other_core(), pid=stage.server.process.pid, calls=count, seconds=seconds,
        sounds=str(folder / "sounds"), out=str(stage.folder / "result"), **more,
    )  # fmt: skip
    command = [sys.executable, "-m", f"{stages.HERE}.callers"]
    subprocess.run(command, input=json.dumps(asdict(orders)).encode(), check=True)
    result: Result = pickle.loads(Path(orders.out).read_bytes())
    return result


def step(folder: Path, on: Engines, count: int, seconds: float, given: argparse.Namespace) -> Figures:
    """So many calls on a fresh server."""
    here = folder / f"{on}-{count}-{time.monotonic_ns()}"
    with stages.stage(here, on=on, sign_ms=given.sign_ms, ws=given.ws) as stage:
        numbers = {"numbers": [BY_ENGINE, BY_SOUND], "silent": [BY_SOUND]}
        calls(stage, folder, WARM_UP, 6, first=9_000, **numbers)
        stage.ended()
        with profiled(stage.server.process.pid, given.profile and f"{given.profile}-{on}-{count}", count, seconds):
            result = calls(stage, folder, count, seconds, idle_seconds=IDLE_SECONDS, **numbers)
        stage.ended()
        made = figures(result, stage)
    print(f"{on}: {made.line()}", flush=True)
    for example in made.examples[: given.examples]:
        print("      ", example)
    return made


def ladder(folder: Path, on: Engines, given: argparse.Namespace) -> list[Figures]:
    """More and more calls, until they do not hold; the shovel right before and after where it is compared with."""
    steps: list[Figures] = []
    for count in given.calls or LADDER:
        seconds = given.seconds * (2 if count <= 10 and not given.calls else 1)
        compared = count in OF_THE_SHOVEL
        shovels = [shovelled(folder, count, given.ws)] if compared else []
        made = step(folder, on, count, seconds, given)
        if compared:
            made.shovels = [*shovels, shovelled(folder, count, given.ws)]
        steps.append(made)
        if not made.held and not given.calls:
            break
    return steps


def shovelled(folder: Path, count: int, ws: str) -> float:
    """The shovel's CPU seconds per call-minute."""
    here = folder / f"shovel-{count}-{time.monotonic_ns()}"
    here.mkdir()
    with stages.shovel(here, ws) as stage:
        result = calls(stage, folder, count, SHOVEL_SECONDS, shovel=True)
    cpu = result.server_cpu / (count * (result.end - result.begin) / 60)
    each = result.server_cpu / max(len(result.echoes_ms), 1) * 1e6
    print(f"shovel: {count} calls, there and back {pair(result.echoes_ms)} ms, CPU {cpu:.2f} s per call-minute, "
          f"{each:.0f} us for a frame there and back, lost {result.echoes_lost}", flush=True)  # fmt: skip
    return cpu


def table(rows: list[tuple[str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([lines[0], "-|-".join("-" * width for width in widths), *lines[1:]])


def summary(on: Engines, steps: list[Figures], sign_ms: int) -> list[tuple[str, str, str]]:
    first = steps[0]
    held = [made for made in steps if made.held]
    most = max(held, key=lambda made: made.calls, default=first)
    costs = [made.cpu_per_minute for made in held or steps]
    wrong = sum(made.lost.get("heard text wrong", 0) for made in steps)
    reached = f"{most.calls}{' or more' if most is steps[-1] else ''}" if held else "0"
    goal = "<= 10 / 25 ms" if on == "sockets" else "p50 <= 25 ms"
    rows = [
        (f"added latency at {first.calls} calls, p50 / p95", f"{pair(first.added_ms)} ms", goal),
        (f"the same with the engines' own time, at {first.calls} calls", f"{pair(first.raw_ms)} ms", ""),
        ("CPU seconds per call-minute, least to most", f"{min(costs):.2f} to {max(costs):.2f}", "<= 0.45"),
        ("calls held per core, p95 <= 200 ms, nothing lost", reached, ">= 100"),
        ("CPU of the server without a call", f"{first.idle_share:.1%} of a core", ""),
        (f"added latency at {most.calls} calls, p50 / p95", f"{pair(most.added_ms)} ms", "p95 <= 200 ms"),
        (f"memory per call, at {most.calls} calls", f"{most.mb_per_call:.2f} MB", "<= 1.5 MB"),
    ]
    for made in (first, most) if most is not first else (first,):
        where = f"at {made.calls} calls"
        rows += [
            (f"first speech > clear by the engine's sign (after {sign_ms} ms), p95, {where}",
             f"{at(made.clear_by_engine_ms)} ms", "<= 90 ms"),
            (f"first speech > clear by voice activity, p95, {where}", f"{at(made.clear_by_sound_ms)} ms", "<= 70 ms"),
            (f"outgoing jitter, p99, {where}",
             f"{at(made.late_ms, 0.99)} ms, {made.underruns} underruns", "<= 10 ms"),
        ]  # fmt: skip
    compared = sum(made.compared for made in steps)
    rows.append(("answers whose heard text is not what was played", f"{wrong} of {compared}", "0"))
    for made in (made for made in steps if made.shovels):
        beside = " and ".join(f"{cpu:.2f}" for cpu in made.shovels)
        multiple = made.cpu_per_minute / fmean(made.shovels)
        name = f"CPU at {made.calls} calls as a multiple of the shovel's, which takes {beside} s"
        rows.append((name, f"{multiple:.1f}", f"<= {OF_THE_SHOVEL[made.calls]:.1f}"))
    return [(f"{TITLES[on]}: {name}", measured, goal) for name, measured, goal in rows]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--calls", type=int, nargs="*", default=None, help="steps; the default goes up to the first that does not hold"
    )
    parser.add_argument("--engines", choices=list(TITLES), nargs="*", default=list(TITLES))
    parser.add_argument("--seconds", type=float, default=25, help="of each step, at its full number of calls")
    parser.add_argument("--sign-ms", type=int, default=80, help="how much speech the ears need to tell of it")
    parser.add_argument("--profile", default="", help="record where the server's time goes into files of this name")
    parser.add_argument("--ws", default="", help="another WebSocket implementation of uvicorn's")
    parser.add_argument("--examples", type=int, default=3, help="of each kind of fault to print")
    parser.add_argument("--only", choices=["ladder", "embedded", "browser"], nargs="*")
    given = parser.parse_args()
    parts = given.only or ["ladder", "embedded", "browser"]
    print(machine())
    print(f"{given.seconds:g} s each; the ears' sign of speech after {given.sign_ms} ms", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sounds").mkdir()
        asyncio.run(stages.speak(stages.LINES, folder / "sounds"))
        ladders = {on: ladder(folder, on, given) for on in (given.engines if "ladder" in parts else ())}
        rows = [row for on, steps in ladders.items() for row in summary(on, steps, given.sign_ms)]
        if "embedded" in parts:
            from tests.bench.voice.embedded import embedded

            rows += embedded(folder)
        if "browser" in parts:
            rows += browser()
    print(f"\n{table([('figure', 'measured', 'goal'), *rows])}")
    for made in (made for steps in ladders.values() for made in steps):
        if made.callers_late_ms and percentile(made.callers_late_ms, 0.95) > 5:
            print(f"At {made.calls} calls the callers themselves were late: p95 {at(made.callers_late_ms)} ms.")
    return 0


def browser() -> list[tuple[str, str, str]]:
    """Browser calls have a bench of their own; what it says."""
    if not Path(__file__).parent.with_name("web_legs.py").exists():
        return []
    command = [sys.executable, "-m", "tests.bench.web_legs", "28", "15"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+) calls a core", said)
    print(said.strip(), flush=True)
    return [("browser calls (Opus) per core", found[1] if found else "did not run", ">= 28")]


if __name__ == "__main__":
    sys.exit(main())
