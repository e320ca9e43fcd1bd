"""Calls and the processes that hold them: killed, stopped, lost; another takes them up, or they are ended in time."""

import asyncio
import contextlib
import signal
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.channel import Limits
from hub.core.recover import sweep
from hub.models import Address, Agent, Recording
from tests.bench.processes import OUR_NUMBER, Running, free_port, start
from tests.call_world import Exchange, agent, says
from tests.fakes import FakeClock
from tests.world import Fleet, Sandbox, core, eventually, fleet

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 400}
MOST_SECONDS_WITHOUT_A_NODE = 60


@dataclass
class Gateway:
    """One address for several processes: a new connection goes to the first one that answers. One that is killed may
    take a connection in its last moment, and close it without a word.
    """

    backends: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = bytearray()
        for backend in list(self.backends):
            with contextlib.suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", int(backend.rpartition(":")[2]))
                back.write(asked)
                asking = asyncio.create_task(_copied(reader, back, asked))
                try:
                    if answer := await there.read(65_536):
                        writer.write(answer)
                        answering = asyncio.create_task(_copied(there, writer))
                        await asyncio.wait([asking, answering], return_when=asyncio.FIRST_COMPLETED)
                        answering.cancel()
                        break
                finally:
                    asking.cancel()
                    back.transport.abort()
        writer.transport.abort()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None = None) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            if kept is not None and len(kept) < 65_536:
                kept += data
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    made = Gateway()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


async def at_rest(running: Running) -> None:
    """Until a process that has just started has imported all it will: it does next to nothing for half a second."""

    def ticks() -> int:
        fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    seen = [ticks()]
    for _ in range(300):
        await asyncio.sleep(0.1)
        seen.append(ticks())
        if len(seen) > 5 and seen[-1] - seen[-6] <= 4:
            return


class Phones(Exchange):
    """People who call a fleet behind a gateway."""

    fleet: Fleet
    gate: Gateway

    @property
    def records(self) -> Any:
        return self.fleet.records

    async def process(self, name: str) -> Running:
        """One more process with the quick engines, behind the gateway."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tests.call_world", "serve", "--port", str(port)]
        settings = {**self.fleet.environment, "HUB_PUBLIC_URL": self.gate.url, "HUB_NODE": name}
        running = await asyncio.to_thread(start, command, url, "/health/ready", settings)
        self.fleet.hubs.append(running)
        self.gate.backends.append(url)
        return running

    async def talks(self, name: str) -> str:
        """Somebody calls and says who they are; the carrier's id of the call."""
        script = [QUIET, says(f"My name is {name}"), QUIET]
        sid = await self.calls_us(OUR_NUMBER, script, target=self.gate.url)
        call = await self.until(sid, script="done")
        assert call["status"] == "in-progress", call["events"]
        return sid


@pytest.fixture
async def phones(database_url: str, sandbox: Sandbox, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Phones]:
    async with (
        fleet(database_url, sandbox, tmp_path) as made,
        gateway() as gate,
        httpx.AsyncClient(base_url=sandbox.url, timeout=90) as carrier,
    ):
        definition = agent()
        async with made.records.store.write() as db:
            home = made.home.workspace_id
            maya = Agent(workspace_id=home, name="Maya", definition=definition.model_dump(mode="json"))
            db.add(maya)
            await db.flush()
            db.add(Address(workspace_id=home, channel="call", value=OUR_NUMBER, agent_id=maya.id))
        found = Phones(None, carrier, None)  # type: ignore[arg-type]
        found.fleet, found.gate = made, gate
        yield found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_call_whose_process_ends_is_taken_up_by_another(phones: Phones, how: signal.Signals) -> None:
    first = await phones.process("a")
    sids = await asyncio.gather(phones.talks("Emily"), phones.talks("Robert"))
    nodes = {(await phones.interaction(sid)).node for sid in sids}
    await at_rest(await phones.process("b"))
    first.process.send_signal(how)

    async def goes_on(sid: str) -> None:
        seen = await phones.until(sid, event="stream_start", at_least=2, within=20)
        assert [event["event"] for event in seen["events"]].count("stream_start") == 2, str(seen["events"][-9:])
        await phones.goes_on(sid, [QUIET, says("Do you know me?"), QUIET, says("Goodbye", 300), QUIET])

    await asyncio.gather(*map(goes_on, sids))
    for sid, name in zip(sids, ("Emily", "Robert"), strict=True):
        interaction = await eventually(lambda sid=sid: phones.interaction(sid), lambda one: one.node not in nodes)  # type: ignore[misc]
        call = await phones.over(sid)
        interaction = await phones.ended(sid, 20)
        assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")
        assert interaction.state["turns"] == 5
        heard = await phones.heard_words(sid)
        assert heard.startswith(f"hello.hello {name.lower()}.")
        assert heard.endswith("i am here again.you said do you know me?.goodbye.")
        gap = silence_ms(call)
        print(f"{how.name}: {gap} ms without a sound")
        assert gap < 4_000
    await asyncio.to_thread(first.process.wait, 15)


def silence_ms(call: dict[str, Any]) -> int:
    """From the end of the first stream to the next sound."""
    broke = call["streams"][0]["ended_ms"]
    return int(min(played["from_ms"] for played in call["played"] if played["from_ms"] >= broke) - broke)


async def test_a_call_that_nobody_takes_up_is_ended_within_a_minute_and_its_recording_is_whole(
    phones: Phones, clock: FakeClock, tmp_path: Path
) -> None:
    only = await phones.process("a")
    sid = await phones.talks("Emily")
    interaction = await phones.interaction(sid)
    await asyncio.sleep(0.1)
    only.kill()
    died = clock.now()
    await phones.over(sid)  # the carrier finds nobody to ask
    async with core(phones.records.store, clock, "call", node="b#1") as other:
        other.channels["call"].limits = Limits(length=4096, live=True)
        other.context.data_dir = tmp_path
        for _ in range(0, MOST_SECONDS_WITHOUT_A_NODE + 1, 5):
            await sweep(other.context, clock.now())
            found = await phones.interaction(sid)
            if found.ended_at is not None:
                break
            clock.forward(seconds=5)
        assert (found.status, found.ended_reason) == ("failed", "error")
        assert "was lost" in found.failure_reason
        assert (found.ended_at - died).total_seconds() < MOST_SECONDS_WITHOUT_A_NODE
        clock.forward(minutes=2)
        await sweep(other.context, clock.now())
    row = await phones.records.one(Recording, Recording.interaction_id == interaction.id)
    assert row.finished_at is not None
    with wave.open(str(tmp_path / row.path)) as file:
        frames = file.getnframes()
        sound = file.readframes(frames)
    assert frames * 1000 // 8000 == pytest.approx(row.duration_ms, abs=1_100)
    assert row.duration_ms >= 500
    assert any(sound)
