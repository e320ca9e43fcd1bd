"""Everything that a run needs: sound to speak, a furnished database, the engines, the server."""

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hub.feed import Bus
from hub.migrations import upgrade
from hub.models import Address, Agent, AgentDefinition, Workspace
from hub.store import Store, normal_url
from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN, Running, free_port, start
from tests.bench.voice import wire
from tests.bench.voice.engines import PORT

HERE = "tests.bench.voice"
BY_ENGINE, BY_SOUND = "+15005550006", "+15005550007"
"""The number whose agent is interrupted by the engine's sign of speech, and the one that listens for itself."""
LINES = (
    "Actually I would like to know something else about the opening hours of the clinic.",
    "Excuse me, is there any free appointment on Friday in the morning?",
    "I have another question about the invoice that came last week.",
    "Only a moment please, I want to change the address of my delivery.",
    "Are you able to tell me how much the cleaning costs?",
    "My order has not arrived yet and I need it tomorrow.",
)


def server_core() -> int:
    return 0


def other_core() -> int:
    """Where everything else runs: another core, if there is one."""
    return 1 if (os.cpu_count() or 1) > 1 else 0


async def speak(texts: tuple[str, ...], folder: Path) -> None:
    """Real speech for the callers, without the quiet before and after it."""
    from hub.engine import NOBODY
    from hub.engines.espeak import Espeak
    from hub.voice.codecs import audioop
    from hub.voice.speech import MULAW_8K

    engine = Espeak()
    mouth = await engine.open(MULAW_8K, "en-US", {}, NOBODY)
    for number, text in enumerate(texts):
        audio = b"".join([chunk async for chunk in mouth.speak(text)])
        frames = [audio[at : at + wire.FRAME] for at in range(0, len(audio) - wire.FRAME + 1, wire.FRAME)]
        loud = [at for at, frame in enumerate(frames) if audioop.rms(audioop.ulaw2lin(frame, 2), 2) > 400]
        (folder / f"{number}.ulaw").write_bytes(b"".join(frames[loud[0] : loud[-1] + 1]))
    await mouth.close()


Engines = Literal["sockets", "sdks"]
"""The bench's own over bare sockets, or the vendors' through their SDKs."""
MINDS = {"sockets": "bench-mind", "sdks": "openai"}
EARS = {"sockets": "bench-ears", "sdks": "deepgram-flux"}
MOUTHS = {"sockets": "bench-mouth", "sdks": "elevenlabs"}


def talker(on: Engines, **turn_taking: Any) -> AgentDefinition:
    """An agent on these engines."""
    call = {
        "hearing": {"engine": EARS[on]},
        "speaking": {"engine": MOUTHS[on]},
        "turn_taking": {"interruption_sensitivity": 1, **turn_taking},
    }
    opening = wire.part(0, 0, 1, 1)
    return AgentDefinition(name="Maya", engine=MINDS[on], opening_message=opening, call=call)


def talkers(on: Engines) -> Mapping[str, AgentDefinition]:
    return {BY_ENGINE: talker(on), BY_SOUND: talker(on, vad_config={"start_secs": 0.04})}


async def furnish(url: str, agents: Mapping[str, AgentDefinition]) -> None:
    """A workspace with an agent at each of these numbers."""
    store = Store(url, Bus())
    async with store.write() as db:
        home = Workspace(name="Bench")
        db.add(home)
        await db.flush()
        for number, definition in agents.items():
            agent = Agent(workspace_id=home.id, name="Maya", definition=definition.model_dump(mode="json"))
            db.add(agent)
            await db.flush()
            db.add(Address(workspace_id=home.id, channel="call", value=number, agent_id=agent.id))
    await store.close()


@dataclass
class Stage:
    """A server at work, and where its engines listen."""

    folder: Path
    url: str
    server: Running
    port: int = 0
    on: Engines = "sockets"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.folder / "hub.db", timeout=20)) as db:
            return db.execute(query).fetchall()

    def errors(self) -> list[str]:
        """What the server logged that should not be."""
        lines = (self.folder / "log").read_text().splitlines()
        return [line for line in lines if " WARNING " in line or " ERROR " in line or line.startswith("Traceback")]

    def engine_report(self) -> dict[str, Any]:
        """What the engines wrote down."""
        if self.on == "sdks":
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/report", timeout=10) as answer:
                return dict(json.loads(answer.read()))
        with socket.create_connection(("127.0.0.1", self.port)) as made, made.makefile("rb") as file:
            made.sendall(wire.packed(wire.REPORT))
            size, _ = wire.HEAD.unpack(file.read(wire.HEAD.size))
            return dict(json.loads(file.read(size)))

    def ended(self, within: float = 30) -> float:
        """Wait until every call is written down to its end; how long that took."""
        began = time.monotonic()
        query = (
            "SELECT (SELECT count(*) FROM interaction WHERE ended_at IS NULL) "
            "+ (SELECT count(*) FROM recording WHERE finished_at IS NULL)"
        )
        while self.rows(query)[0][0] and time.monotonic() < began + within:
            time.sleep(0.2)
        return time.monotonic() - began


@contextlib.contextmanager
def engines(on: Engines, sign_ms: int) -> Iterator[int]:
    """The engines' far end at work; its port."""
    port = free_port()
    program = {"sockets": "vendor", "sdks": "sdks"}[on]
    command = [sys.executable, "-m", f"{HERE}.{program}", str(port), str(other_core()), str(sign_ms)]
    process = subprocess.Popen(command)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def stage(
    folder: Path, agents: Mapping[str, AgentDefinition] | None = None, *, on: Engines = "sockets", sign_ms: int = 80,
    ws: str = "", core: int | None = None,
) -> Iterator[Stage]:  # fmt: skip
    """A fresh server with a database of its own. `core` -1 leaves it free to run on all."""
    folder.mkdir(parents=True)
    database = f"sqlite:///{folder / 'hub.db'}"
    upgrade(normal_url(database))
    asyncio.run(furnish(database, talkers(on) if agents is None else agents))
    with engines(on, sign_ms) as engine_port:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {
            "HUB_PUBLIC_URL": url, "HUB_DATA_DIR": str(folder), "HUB_DATABASE_URL": "", "HUB_REDIS_URL": "",
            "HUB_MAX_CALLS": "1000", "HUB_SECRET_KEY": "the key of the bench", "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TWILIO_BASE_URL": "http://127.0.0.1:9", PORT: str(engine_port),
        }  # fmt: skip
        for vendor in ("OPENAI", "DEEPGRAM", "ELEVENLABS") if on == "sdks" else ():
            path = "/v1" if vendor == "OPENAI" else ""
            environment |= {f"{vendor}_API_KEY": "key", f"{vendor}_BASE_URL": f"http://127.0.0.1:{engine_port}{path}"}
        command = [sys.executable, "-m", f"{HERE}.server", str(port), str(server_core() if core is None else core), ws]
        command = ["sh", "-c", 'log=$1; shift; exec "$@" 2>$log', "-", str(folder / "log"), *command]
        running = start(command, url, "/health/ready", environment)
        try:
            yield Stage(folder, url, running, engine_port, on)
        finally:
            running.stop()


@contextlib.contextmanager
def shovel(folder: Path, ws: str = "") -> Iterator[Stage]:
    """The program to compare with."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    running = start([sys.executable, "-m", f"{HERE}.shovel", str(port), str(server_core()), ws], url, "/")
    try:
        yield Stage(folder, url, running)
    finally:
        running.stop()
