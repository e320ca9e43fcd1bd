"""Hooks: the one place that looks at what happened in an interaction and does what its agent's hooks say.

Events are looked at in their order, each once, beside everything else: after their transaction, and by the sweep. What
can be decided in the database is decided with the note that it was; what goes outside is owed and carried out after.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import hook_acts
from hub.core.context import Context, alone
from hub.core.deliver import deliver
from hub.dialogue import hooked
from hub.models import Event, Interaction
from hub.models.hook import Hook, Instruction
from hub.models.interaction import FINAL
from hub.store import hooks as store
from hub.store.interactions import locked, log

logger = logging.getLogger("hub.hooks")

RAN = "hook.ran"
MOST_RUNS = 50
"""Of all hooks of one interaction together: what sets itself off again and again stops there."""
MOST_TRIES = 3
OURS_FOR = timedelta(minutes=2)
LONGEST_TIMER = timedelta(hours=1)


class Hooks:
    """Listens for interactions in which something happened that a hook may wait for."""

    def __init__(self, hub: Context) -> None:
        self._hub = hub
        self._timers: dict[UUID, asyncio.TimerHandle] = {}

    def hint(self, identifier: str) -> None:
        """Look soon."""
        self._hub.spawn(self.look(UUID(identifier)))

    async def look(self, interaction_id: UUID) -> None:
        await alone(self._hub.hooking, interaction_id, lambda: self._look(interaction_id))

    async def _look(self, interaction_id: UUID) -> None:
        due = await run(self._hub, interaction_id)
        if (timer := self._timers.pop(interaction_id, None)) is not None:
            timer.cancel()
        wait = (due - self._hub.clock.now()) if due is not None else LONGEST_TIMER
        if wait < LONGEST_TIMER:
            loop = asyncio.get_running_loop()
            self._timers[interaction_id] = loop.call_later(
                max(wait.total_seconds(), 0.05), self._ring, interaction_id
            )  # fmt: skip

    def _ring(self, interaction_id: UUID) -> None:
        self._timers.pop(interaction_id, None)
        self.hint(str(interaction_id))

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


def listen(hub: Context) -> None:
    """From now on this process looks; asking twice changes nothing."""
    if hub.hooks is None:
        hub.hooks = Hooks(hub)
        hub.store.bus.listen("hooks", hub.hooks)


async def run_due(hub: Context) -> None:
    """Look where the time for something has come, or where a process died at it; safe on every node at any time."""
    listen(hub)
    async with hub.store.glance() as db:
        due = await store.due(db, hub.clock.now())
    for interaction_id in due:
        if hub.hooks is not None:
            await hub.hooks.look(interaction_id)


async def run(hub: Context, interaction_id: UUID) -> datetime | None:
    """Do what the hooks say to all that has happened. Gives when time itself sets off the next one."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        interaction = await locked(db, interaction_id)
        if interaction is None or not interaction.agent.get("hooks"):
            return None
        pass_ = _Pass(hub, db, interaction, now)
        for event in await store.events_since(db, interaction_id, pass_.seq):
            await pass_.take(event)
        await pass_.take_time()
        owed = pass_.keep()
    if pass_.said:
        hub.spawn(deliver(hub, interaction_id))
    for errand in owed:
        await _carry_out(hub, interaction_id, errand)
    return interaction.hooks_due_at


class _Pass:
    """One look at an interaction held by a transaction. `hooked` is what is remembered between looks."""

    def __init__(self, hub: Context, db: AsyncSession, interaction: Interaction, now: datetime) -> None:
        self._hub, self._db, self._it, self._now = hub, db, interaction, now
        self._kept: dict[str, Any] = dict(interaction.hooked)
        self._hooks = [Hook.model_validate(one) for one in interaction.agent["hooks"]]
        self._live = hub.channels[interaction.channel].limits.live
        self._runs: dict[str, int] = dict(self._kept.get("runs", {}))
        self._owed: list[dict[str, Any]] = [dict(one) for one in self._kept.get("owed", [])]
        self._quiet: dict[str, str] = dict(self._kept.get("quiet", {}))
        self._agent_said = int(self._kept.get("said", 0))
        self.seq = int(self._kept.get("seq", 0))
        self.said = False

    async def take(self, event: Event) -> None:
        self.seq = event.seq
        if hooked.says(event.type, event.data, self._live):
            self._agent_said += 1
        for number, hook in enumerate(self._hooks):
            if hooked.matches(hook, event.type, event.data, self._live, self._agent_said):
                await self._set_off(number, hook, event.type, event.data)

    async def take_time(self) -> None:
        """What is set off by silence, or by how long it lasts."""
        for number, hook in enumerate(self._hooks):
            at = self._at(number, hook)
            if at is not None and at <= self._now:
                if hook.on == "silence":
                    self._quiet[str(number)] = self._it.last_message_at.isoformat()
                await self._set_off(number, hook, hook.on, {"seconds": hook.seconds})

    def _at(self, number: int, hook: Hook) -> datetime | None:
        """When time sets this one off, if nothing else happens."""
        it = self._it
        if it.status in FINAL or not self._may(number, hook) or (self._live and it.answered_at is None):
            return None
        if hook.on == "duration":
            return (it.answered_at or it.created_at) + timedelta(seconds=hook.seconds)
        if hook.on == "silence" and self._quiet.get(str(number)) != it.last_message_at.isoformat():
            return max(it.last_message_at, it.answered_at or it.created_at) + timedelta(seconds=hook.seconds)
        return None

    def _may(self, number: int, hook: Hook) -> bool:
        there = not hook.channels or self._it.channel in hook.channels
        return there and self._runs.get(str(number), 0) < hook.times and sum(self._runs.values()) < MOST_RUNS

    async def _set_off(self, number: int, hook: Hook, type: str, data: Mapping[str, Any]) -> None:
        if not self._may(number, hook):
            return
        self._runs[str(number)] = self._runs.get(str(number), 0) + 1
        named = hook.name or f"{hook.on} {number + 1}"
        for place, instruction in enumerate(hook.do):
            if hook_acts.outward(instruction):
                key = f"{number}.{self._runs[str(number)]}.{place}"
                self._owed.append({
                    "key": key, "hook": named, "do": instruction.model_dump(), "type": type,
                    "data": dict(data), "until": "", "tries": 0,
                })  # fmt: skip
                continue
            fault = await hook_acts.do_within(self._hub, self._db, self._it, instruction, named)
            self.said = self.said or instruction.action == "say"
            log(self._db, self._it, RAN, self._now, hook=named, on=hook.on, action=instruction.action, fault=fault)

    def keep(self) -> list[dict[str, Any]]:
        """Write down how far we are; gives what is to be carried out outside now, by us alone for a while."""
        ours = []
        for errand in self._owed:
            if errand["until"] <= self._now.isoformat():
                errand |= {"until": (self._now + OURS_FOR).isoformat(), "tries": errand["tries"] + 1}
                ours.append(errand)
        self.seq = max(self.seq, self._it.last_seq)  # what was done here sets nothing off
        self._it.hooked = {
            "seq": self.seq, "runs": self._runs, "owed": self._owed, "quiet": self._quiet, "said": self._agent_said,
        }  # fmt: skip
        times = [at for number, hook in enumerate(self._hooks) if (at := self._at(number, hook)) is not None]
        self._it.hooks_due_at = min([*times, *([self._now + OURS_FOR] if self._owed else [])], default=None)
        return ours


async def _carry_out(hub: Context, interaction_id: UUID, errand: Mapping[str, Any]) -> None:
    """Do what goes outside, and write down what came of it."""
    instruction = Instruction.model_validate(errand["do"])
    try:
        fault, again = await hook_acts.do_outside(hub, interaction_id, instruction, errand)
    except Exception as error:
        logger.exception("a hook of interaction %s failed", interaction_id)
        fault, again = f"It failed: {error}", False
    async with hub.store.write() as db:
        interaction = await locked(db, interaction_id)
        if interaction is None:
            return
        now = hub.clock.now()
        final = not (fault and again and errand["tries"] < MOST_TRIES)
        kept = dict(interaction.hooked)
        owed = [dict(one) for one in kept.get("owed", []) if not (final and one["key"] == errand["key"])]
        for one in owed:
            if one["key"] == errand["key"]:
                one["until"] = (now + timedelta(seconds=5 * 4 ** int(one["tries"]))).isoformat()
        interaction.hooked = kept | {"owed": owed}
        if final:
            log(
                db, interaction, RAN, now, hook=errand["hook"], on=errand["type"], action=instruction.action,
                fault=fault,
            )  # fmt: skip
        elif interaction.hooks_due_at is not None:
            interaction.hooks_due_at = min(interaction.hooks_due_at, now + timedelta(seconds=5))
