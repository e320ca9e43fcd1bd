"""The sandbox's vendors of engines in this process, and the sound of theirs, for tests of one engine at a time."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from fixtures.sandbox import SandboxSettings, create_sandbox
from hub.engine import Account
from tests.world import served

KEEPERS = "clients of a vendor"
"""The tasks that close connections together with the loop."""


@dataclass
class Vendors:
    """`url` is the sandbox's; `control` is its own door."""

    url: str
    control: httpx.AsyncClient

    def account(self, path: str, key: str = "sandbox") -> Account:
        return Account(key, self.url + path)

    async def misbehaves(self, vendor: str, name: str, **more: Any) -> None:
        """The vendor does this wrong from now on, or `count` times."""
        answer = await self.control.post(f"/control/engines/{vendor}", json={"fault": {"name": name, **more}})
        assert answer.status_code == 200, answer.text

    async def takes(self, vendor: str, **latency: float) -> None:
        answer = await self.control.post(f"/control/engines/{vendor}", json={"latency": latency})
        assert answer.status_code == 200, answer.text

    async def asked(self, vendor: str, stage: str = "") -> list[Mapping[str, Any]]:
        """What was asked of it, the oldest first."""
        log = (await self.control.get(f"/control/engines/{vendor}")).json()["asked"]
        return [entry for entry in log if stage in ("", entry["stage"])]


@contextlib.asynccontextmanager
async def vendors(**settings: Any) -> AsyncIterator[Vendors]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = create_sandbox(SandboxSettings(demo_data=False, **settings))
    async with served(app, listening), httpx.AsyncClient(base_url=url, timeout=10) as control:
        yield Vendors(url, control)


def tasks() -> set[asyncio.Task[Any]]:
    """What runs in this loop beside the test, without the keepers of connections."""
    return {one for one in asyncio.all_tasks() if one.get_name() != KEEPERS} - {asyncio.current_task()}  # type: ignore[arg-type]
