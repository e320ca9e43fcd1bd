"""A hub with a WhatsApp sender, for tests: people write by it, the carrier's window is opened and closed."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hub.models import AgentDefinition, Interaction, Message
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.world import House, Sandbox, house

ANA = "+12025550101"
BEN = "+12025550102"


class StillClock(FakeClock):
    """Time that stands, and goes on only when a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self._at = super().now()

    def now(self) -> datetime:
        return self._at

    def forward(self, **by: float) -> None:
        self._at += timedelta(**by)


@contextlib.asynccontextmanager
async def whatsapp_house(
    database_url: str, sandbox: Sandbox, clock: FakeClock, folder: Path, definition: AgentDefinition | None = None
) -> AsyncIterator[House]:
    """A hub whose one number takes texts and WhatsApp messages."""
    async with house(database_url, sandbox, clock, folder, definition=definition, channels=("sms", "whatsapp")) as made:
        yield made


async def carrier_window(sandbox: Sandbox, person: str, seconds_ago: float | None) -> None:
    """When the carrier thinks that this person last wrote; None: never."""
    addresses = {"from": f"whatsapp:{person}", "to": f"whatsapp:{OUR_NUMBER}"}
    await sandbox.ask("POST", "/control/window", {**addresses, "seconds_ago": seconds_ago})


async def writes(hub: House, person: str, body: str, **more: Any) -> dict[str, Any]:
    """A person writes from the carrier's side; how the webhook was answered."""
    asked = {
        "from": f"whatsapp:{person}", "to": f"whatsapp:{OUR_NUMBER}", "body": body, "targets": [hub.url],
        "profile_name": "Ana Lima", **more,
    }  # fmt: skip
    (row,) = (await hub.sandbox.ask("POST", "/control/inbound", asked))["requests"]
    return dict(row)


async def sent(hub: House, person: str, at_least: int = 0) -> list[dict[str, Any]]:
    """What the hub's WhatsApp messages to this person are at the carrier."""
    return await hub.sandbox.sent(f"whatsapp:{person}", at_least=at_least)


async def last_of(hub: House, role: str) -> Message:
    return (await hub.records.all(Message, Message.role == role))[-1]


async def only_interaction(hub: House) -> Interaction:
    return await hub.records.one(Interaction)
