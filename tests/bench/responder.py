"""A responder on calls: how soon a line of its answer is on its way to the caller, counted from when it came.

Run it with `make bench-responder`. Hub, responder and callers share one process and one core, so that the clock is one
too; the lines and the engines of speech take no time of their own. The responder is reached over a real socket.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from hub import versions
from hub.channel import Inbound, Limits
from hub.core import definitions
from hub.core.secrets import Secrets
from hub.engines import TRANSCRIBERS, VOICES
from hub.migrations import upgrade
from hub.models import AgentDefinition
from hub.sealing import Seal
from hub.store import Store, agents, normal_url
from tests.bench.processes import OUR_NUMBER
from tests.bench.text import percentile
from tests.fakes import FakeClock, until
from tests.lines import CALL, ENGINES, TextLine
from tests.responder_world import NDJSON, Asked, Server, chunk, responder, webhook_agent
from tests.world import Core, bus, core, furnish


class TimedLine(TextLine):
    """A line that knows when each word was handed to it."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, float] = {}

    async def play(self, audio: bytes) -> None:
        word = audio.removeprefix(b"\xffword:").rstrip(b"\xff").decode("utf-8", "replace")
        self.given.setdefault(word, time.monotonic())
        await super().play(audio)


class Sent:
    """When the responder wrote each word."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    async def answer(self, asked: Asked) -> AsyncIterator[bytes]:
        """One word at once, one a moment later; each is named after the turn."""
        turn = str(asked.body["transcript"])
        yield f"HTTP/1.1 200 OK\r\ncontent-type: {NDJSON}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        for word, interim in ((f"{turn}-first", True), (f"{turn}-last", False)):
            await asyncio.sleep(random.uniform(0.05, 0.2))
            self.at[word] = time.monotonic()
            yield chunk(json.dumps({"text": word, "interim": interim}).encode() + b"\n")
        yield b"0\r\n\r\n"


async def call(made: Core, number: int, turns: int) -> TimedLine:
    """One caller who asks so many times."""
    line = TimedLine()
    await made.hub.receive(
        Inbound("call", "call", f"CA{uuid4().hex}", once=uuid4().hex, sender=f"+1202555{number:04}",
                recipient=OUR_NUMBER, line=line)
    )  # fmt: skip
    await until(lambda: "Hello." in line.given)
    for turn in range(turns):
        await asyncio.sleep(random.uniform(0.3, 0.5))
        name = f"{number}x{turn}"
        line.says(name)
        await until(lambda name=name: f"{name}-last" in line.given)  # type: ignore[misc]
    line.hang_up()
    return line


async def measure(made: Core, server: Server, calls: int, turns: int) -> list[float]:
    """Milliseconds from the writing of each first line to its first sound on the line."""
    sent = Sent()
    server.answer = sent.answer
    lines = await asyncio.gather(*(call(made, number, turns) for number in range(calls)))
    await until(lambda: not made.context.calls)
    given = {word: at for line in lines for word, at in line.given.items()}
    return [(given[word] - at) * 1000 for word, at in sent.at.items() if word.endswith("-first")]


async def run(calls: list[int], turns: int, folder: Path) -> None:
    url = f"sqlite:///{folder / 'hub.db'}"
    await asyncio.to_thread(upgrade, normal_url(url))
    TRANSCRIBERS["reader"], VOICES["writer"] = ENGINES["reader"], ENGINES["writer"]
    store, clock = Store(url, bus()), FakeClock()
    async with responder() as server, core(store, clock, "call", node="bench#1") as made:
        made.channels["call"].limits = Limits(length=4096, live=True)
        made.context.data_dir = folder
        made.context.secrets = Secrets(store, Seal("bench"), clock)
        await _furnish(made, store, server.url)
        print(f"{'calls':>6} {'turns':>6} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8} {'connections':>12}")
        for many in calls:
            server.asked.clear()
            found = await measure(made, server, many, turns)
            used = len({asked.connection for asked in server.asked})
            row = (percentile(found, 0.5), percentile(found, 0.95), max(found))
            print(f"{many:>6} {len(found):>6} " + " ".join(f"{one:>8.1f}" for one in row) + f" {used:>12}")
    await store.close()


async def _furnish(made: Core, store: Store, url: str) -> None:
    home = await furnish(store, channels=["call"])
    call = {**CALL, "record": False}
    wanted = AgentDefinition(
        name="Maya", opening_message="Hello.", voice_mode="webhook", responder=webhook_agent(url).responder, call=call
    )
    async with store.write() as db:
        kept, faults = await definitions.settle(made.context, db, home.workspace_id, wanted)
        assert faults == []
        agent = await agents.agent(db, home.workspace_id, home.agent_id)
        assert agent is not None
        versions.replace(db, agent, kept.model_dump(mode="json"), "Bea", made.context.clock.now())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--turns", type=int, default=30, help="of each call")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(run(given.calls, given.turns, Path(temporary)))
