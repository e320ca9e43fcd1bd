"""Everybody who has the chat open on this process, and how much they and their networks may do."""

import asyncio
import ipaddress
from collections import Counter
from typing import Any

from channels.webchat import Pace, Webchat
from hub.core import Hub
from web.files import Links
from web.settings import Settings
from web.webchat.rounds import Rounds

MOST_TABS = 20
MOST_HELD_UP = 200
HELD_UP_SECONDS = 2.0
"""How long somebody who is too fast is kept waiting for their refusal, so that the next try comes later."""


class Visits:
    """What all visits of an application share."""

    def __init__(self, hub: Hub, settings: Settings, links: Links) -> None:
        self.hub, self.settings = hub, settings
        channel = hub.context.channels["webchat"]
        assert isinstance(channel, Webchat)  # noqa: S101 - the roster
        self.channel = channel
        self.rounds = Rounds(hub.context.store, hub.context.clock.sleep)
        self.link = links.path
        self.tabs: Counter[str] = Counter()
        self.held_up = 0
        self.connecting = Pace(burst=60, per_second=2)
        self.arriving = Pace(burst=30, per_second=0.5)
        self.talking = Pace(burst=120, per_second=10)
        self.frames = Pace(burst=60, per_second=10)
        self.uploading = Pace(burst=10, per_second=0.1)
        self.calling = Pace(burst=2, per_second=1 / 600)
        self.calling_from = Pace(burst=5, per_second=1 / 60)
        self.leaving = Pace(burst=3, per_second=1 / 600)

    def count(self, pace: Pace, network: str) -> None:
        """Count one for a network address; this machine's own, a proxy's or a test's, are not counted."""
        if not _is_loopback(network):
            pace.take(network)

    async def hold_up(self) -> None:
        """Let one who is too fast wait; not so many that waiting itself becomes a burden."""
        if self.held_up >= MOST_HELD_UP:
            return
        self.held_up += 1
        try:
            await asyncio.sleep(HELD_UP_SECONDS)
        finally:
            self.held_up -= 1


def visits_of(state: Any) -> Visits:
    """The visits of this application."""
    if "webchat" not in state:
        state["webchat"] = Visits(state.hub, state.settings, state.links)
    found: Visits = state["webchat"]
    return found


def _is_loopback(network: str) -> bool:
    try:
        return ipaddress.ip_address(network).is_loopback
    except ValueError:
        return False
