"""The one clock. Tests put another in its place."""

import asyncio
from datetime import UTC, datetime


class Clock:
    """Aware UTC time, and waiting."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
