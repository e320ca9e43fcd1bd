"""A hub and a sandbox carrier in processes of their own, for benchmarks and crash tests."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACCOUNT_SID = "AC00000000000000000000000000000009"
AUTH_TOKEN = "a-token-for-tests"
OUR_NUMBER = "+15005550006"
READY_WITHIN_SECONDS = 30


def free_port() -> int:
    """A port of loopback that nobody has, outside of those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Running:
    """A child process of ours that serves HTTP."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """As by kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


def start(
    command: list[str], url: str, probe: str, env: dict[str, str] | None = None, core: int | None = None
) -> Running:
    """Start it and wait until `probe` answers."""
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    process = subprocess.Popen(command, env={**os.environ, **(env or {})})
    until = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{command[:4]} ended with {process.returncode}")
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(url + probe, timeout=2).close()
            return Running(url, process)
        time.sleep(0.02)
    process.kill()
    raise RuntimeError(f"{command[:4]} did not answer within {READY_WITHIN_SECONDS} s")


@dataclass
class World:
    """A sandbox carrier, a data folder, and any number of hubs on it."""

    folder: Path
    sandbox: Running
    hub_port: int
    database_url: str = ""
    more: dict[str, str] = field(default_factory=dict)
    hubs: list[Running] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HUB_PUBLIC_URL": f"http://127.0.0.1:{self.hub_port}",
            "HUB_DATA_DIR": str(self.folder),
            "HUB_DATABASE_URL": self.database_url,
            "HUB_WEBHOOK_ALLOW_PRIVATE": "1",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_BASE_URL": self.sandbox.url,
            **self.more,
        }

    def hub(self, port: int = 0, *, core: int | None = None, **env: str) -> Running:
        """Start a hub; on the public port unless another is given."""
        port = port or self.hub_port
        command = [sys.executable, "-m", "web.cli", "serve", "--port", str(port)]
        running = start(command, f"http://127.0.0.1:{port}", "/health/ready", {**self.environment, **env}, core)
        self.hubs.append(running)
        return running

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the sandbox."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self.sandbox.url + path, data=data, method=method, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None


@contextlib.contextmanager
def world(folder: Path, database_url: str = "", core: int | None = None, **more: str) -> Iterator[World]:
    """A carrier at work; hubs started in it are stopped at the end."""
    hub_port, port = free_port(), free_port()
    command = [
        sys.executable, "-m", "fixtures.sandbox", "--port", str(port), "--hub-url", f"http://127.0.0.1:{hub_port}",
        "--account-sid", ACCOUNT_SID, "--auth-token", AUTH_TOKEN, "--number", OUR_NUMBER,
    ]  # fmt: skip
    sandbox = start(command, f"http://127.0.0.1:{port}", "/control/messages", core=core)
    made = World(folder, sandbox, hub_port, database_url, more)
    try:
        yield made
    finally:
        for running in (*made.hubs, sandbox):
            running.stop()
