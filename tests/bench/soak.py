"""Hundreds of calls one after the other, then many at once: what is left of them in the process that held them.

`make bench-soak`, or `python -m tests.bench.soak --calls 500 --at-once 50 --trace` to see what memory was taken by.
"""

import argparse
import asyncio
import ctypes
import gc
import logging
import os
import re
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hub.migrations import upgrade
from hub.store import normal_url, sqlite
from tests.call_world import Exchange, Script, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import sandbox_process

WARM_UP = 100
MOST_GROWTH_MB = 5.0
BURSTS = 3
MOST_BURST_GROWTH_MB = 1.0
"""Of the last burst over the one before: the first ones make the heap as large as a burst needs, a leak goes on."""
TALK: Script = [
    {"wait": "quiet", "quiet_ms": 100}, says("What is new?", 300), {"wait": "quiet", "quiet_ms": 200},
    says("Goodbye", 300), {"wait": "quiet", "quiet_ms": 200},
]  # fmt: skip


class _Allocated(ctypes.Structure):
    """What mallinfo2(3) tells."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def in_use_mb() -> float:
    """What is allocated and not freed: Python's own blocks, and those of the C library.

    The resident memory beside it also has what a burst once needed and the allocators keep for the next one.
    """
    told, pen = os.pipe()
    kept = os.dup(2)
    os.dup2(pen, 2)
    sys._debugmallocstats()
    os.dup2(kept, 2)
    os.close(pen)
    os.close(kept)
    with os.fdopen(told) as report:
        blocks = re.search(r"bytes in allocated blocks\s*=\s*([\d,]+)", report.read())
    python = int(blocks[1].replace(",", "")) if blocks else 0
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Allocated
    library = ask()
    return round((python + library.uordblks + library.hblkhd) / 1024 / 1024, 2)


@dataclass(frozen=True)
class Left:
    """What there is in this process."""

    tasks: int
    descriptors: int
    sockets: int
    threads: int
    memory_mb: float
    in_use_mb: float

    @classmethod
    def now(cls) -> "Left":
        gc.collect()
        links = []
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                links.append(str(descriptor.readlink()))
            except OSError:
                continue
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        memory = int(status["VmRSS"].split()[0]) / 1024
        sockets = sum(link.startswith("socket:") for link in links)
        return cls(len(asyncio.all_tasks()), len(links), sockets, int(status["Threads"]), round(memory, 1), in_use_mb())


async def one(phones: Exchange, number: str) -> None:
    sid = await phones.calls_us(number, TALK, sender="+12025550000")
    call = await phones.over(sid, 60)
    if "stream_stop" not in {event["event"] for event in call["events"]}:
        raise RuntimeError(f"the call never had a line: {call['events']}")
    interaction = await phones.ended(sid, 30)
    if interaction.ended_reason != "goodbye":
        raise RuntimeError(f"a call ended by {interaction.ended_reason}: {call['events'][-3:]}")


async def in_a_row(phones: Exchange, number: str, many: int, lanes: int) -> None:
    """So many calls, a few side by side."""
    left = iter(range(many))

    async def lane() -> None:
        for _ in left:
            await one(phones, number)

    await asyncio.gather(*(lane() for _ in range(lanes)))
    await phones.quiet()
    phones.seen.clear()


async def burst(phones: Exchange, number: str, at_once: int, turn: int, begin: Left) -> Left:
    """So many calls at once; what is left when all is at rest again."""
    await in_a_row(phones, number, at_once, at_once)
    told(f"{at_once} at once, turn {turn}", Left.now(), begin)
    await asyncio.sleep(6)  # connections that were kept for a next request are let go of, at the next one
    await phones.control("GET", "/persons")
    rest = Left.now()
    told(f"at rest after turn {turn}", rest, begin)
    return rest


def trimmed() -> Left | None:
    """What is left when the allocator has given back what nobody uses; None where it cannot be asked to."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return None
    return Left.now()


def told(what: str, left: Left, since: Left) -> None:
    grown, used = f"{left.memory_mb - since.memory_mb:+.1f}", f"{left.in_use_mb - since.in_use_mb:+.2f}"
    print(
        f"{what:<24} tasks {left.tasks:>4}  descriptors {left.descriptors:>4}  sockets {left.sockets:>4}"
        f"  threads {left.threads:>3}  memory {left.memory_mb:>7.1f} MB ({grown})"
        f"  in use {left.in_use_mb:>7.2f} MB ({used})",
        flush=True,
    )


def taken(before: tracemalloc.Snapshot, kinds: Counter[str]) -> None:
    """Where the memory went, and of which kinds there are more objects than there were."""
    for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:15]:
        print("   ", line)
    grown = objects() - kinds
    print("    objects:", ", ".join(f"{name} +{count}" for name, count in grown.most_common(25)))


def objects() -> Counter[str]:
    return Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())


async def soak(folder: Path, calls: int, at_once: int, lanes: int, trace: bool) -> bool:
    with sandbox_process() as sandbox:
        url = f"sqlite:///{folder / 'hub.db'}"
        async with exchange(url, sandbox, FakeClock(), folder) as phones:
            number = await phones.number(agent(voice_options={"letter_bytes": 80}, idle_seconds=20))
            await in_a_row(phones, number, WARM_UP, lanes)
            begin = Left.now()
            told(f"after {WARM_UP} calls", begin, begin)
            if trace:
                tracemalloc.start(1)
            snapshot, kinds = (tracemalloc.take_snapshot(), objects()) if trace else (None, Counter[str]())
            began = time.monotonic()
            for done in range(100, calls + 1, 100):
                await in_a_row(phones, number, 100, lanes)
                told(f"after {WARM_UP + done} calls", Left.now(), begin)
            rows = Left.now()
            if snapshot is not None:
                taken(snapshot, kinds)
            print(f"    {(time.monotonic() - began) / calls * 1000:.0f} ms a call")
            rests = [await burst(phones, number, at_once, turn, begin) for turn in range(1, BURSTS + 1)]
            end = rests[-1]
            print(f"    the last burst left {end.memory_mb - rests[-2].memory_mb:+.1f} MB more than the one before")
            freed = trimmed()
            if freed is not None:
                print(f"    {end.memory_mb - freed.memory_mb:.1f} MB of what is left are free, within the allocator")
    return (
        end.tasks <= begin.tasks
        and end.sockets <= begin.sockets
        and rows.memory_mb - begin.memory_mb <= MOST_GROWTH_MB
        and end.in_use_mb - begin.in_use_mb <= MOST_GROWTH_MB
        and end.memory_mb - rests[-2].memory_mb <= MOST_BURST_GROWTH_MB
    )  # fmt: skip


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--calls", type=int, default=500)
    given.add_argument("--at-once", type=int, default=50)
    given.add_argument("--lanes", type=int, default=4, help="calls side by side while they follow one another")
    given.add_argument("--trace", action="store_true", help="show what took the memory")
    asked = given.parse_args()
    logging.disable(logging.INFO)
    sqlite._PRAGMAS = (*sqlite._PRAGMAS[:3], "cache_size=-500")  # what is cached of a growing database is no leak
    with tempfile.TemporaryDirectory() as name:
        upgrade(normal_url(f"sqlite:///{name}/hub.db"))
        well = asyncio.run(soak(Path(name), asked.calls, asked.at_once, asked.lanes, asked.trace))
    print("nothing is left behind" if well else "something is left behind")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
