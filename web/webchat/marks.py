"""What a visitor has got and read, told to the hub a moment later and in one go."""

import asyncio
import logging
from uuid import UUID

from hub.channel import Inbound
from hub.core import Hub

MOMENT_SECONDS = 0.4

log = logging.getLogger("hub.webchat")


class Marks:
    """Gathers reports about messages; of one message only the last counts."""

    __slots__ = ("_hub", "_planned", "_waiting")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[UUID, str] = {}
        self._planned: asyncio.TimerHandle | None = None

    def add(self, message_ids: list[UUID], status: str) -> None:
        """These are `delivered` or `read` now."""
        for message_id in message_ids:
            if self._waiting.get(message_id) != "read":
                self._waiting[message_id] = status
        if self._waiting and self._planned is None:
            self._planned = asyncio.get_running_loop().call_later(MOMENT_SECONDS, self.flush)

    def flush(self) -> None:
        """Tell it now, beside everything else."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            self._hub.context.spawn(self._tell(waiting))

    async def _tell(self, waiting: dict[UUID, str]) -> None:
        for message_id, status in waiting.items():
            await self._hub.receive(
                Inbound(
                    channel="webchat",
                    kind="status",
                    external_id=f"{message_id}:{status}",
                    about=str(message_id),
                    status=status,
                )
            )
