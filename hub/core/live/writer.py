"""Writing a call down beside it: everything in its order, by one task, in few transactions."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import ownership
from hub.core.context import Context
from hub.core.live.withheld import KEY, KEYS_NOT_KEPT, NOT_KEPT, Withheld
from hub.core.metering import Meter
from hub.core.write import decided_in, spoken_in
from hub.dialogue.turn import (
    Collected,
    EnterStage,
    HandOver,
    HandToHuman,
    Piece,
    SetParameters,
    ToolResult,
    UsedTool,
)  # fmt: skip
from hub.models import Interaction
from hub.storable import storable
from hub.store import calls, interactions, usages

log = logging.getLogger("hub.live")

EPHEMERAL = frozenset({"caption", "state", "standing"})
GATHERED_SECONDS = 0.1
TRY_AGAIN_SECONDS = 1.0
MOST_FAILURES = 30
MOST_WAITING = 10_000

Entry = Callable[[AsyncSession, Interaction], Any]


class Writer:
    """The `Journal` of one call. What is only for those who watch goes to `watchers` and is not kept.

    What is `withheld` because the recording pauses reaches neither of them. What was used, as `meter` counts it, is
    written down with each turn.
    """

    def __init__(self, hub: Context, interaction_id: UUID, author: str) -> None:
        self._hub, self._interaction_id, self._author = hub, interaction_id, author
        self._waiting: list[Entry] = []
        self._news = asyncio.Event()
        self._closing = False
        self._failures = 0
        self._messages: dict[int, UUID] = {}
        self._growing: dict[int, dict[str, Any]] = {}
        self.withheld, self.meter = Withheld(), Meter()
        self._veiled: set[int] = set()
        self._unkept_turn = False
        self.watchers: set[Callable[[str, Mapping[str, Any]], None]] = set()

    def put(self, entry: Entry) -> None:
        """Write this down, in its turn."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(entry)
            self._news.set()

    def written(self) -> "asyncio.Future[None]":
        """Done when all that was put before is written, or about to be in one transaction with this."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def entry(db: AsyncSession, interaction: Interaction) -> None:
            if not done.done():
                done.set_result(None)

        self.put(entry)
        return done

    async def run(self) -> None:
        """Write until `close`; a database that fails is asked again."""
        while not (self._closing and not self._waiting):
            if not self._waiting:
                self._news.clear()
                await self._news.wait()
                if not self._closing:  # what belongs together comes within moments of each other
                    await asyncio.sleep(GATHERED_SECONDS)
                continue
            await self._write()

    async def _write(self) -> None:
        entries, self._waiting = self._waiting, []
        known = dict(self._messages)
        try:
            async with self._hub.store.write() as db:
                interaction = await interactions.locked(db, self._interaction_id)
                if interaction is not None:
                    for entry in entries:
                        made = entry(db, interaction)
                        if inspect.isawaitable(made):
                            await made
        except Exception:
            self._failures += 1
            if self._closing and self._failures >= MOST_FAILURES:
                log.exception("the end of call %s could not be written down", self._interaction_id)
                return
            log.exception("a call could not be written down; it is tried again")
            self._waiting, self._messages = entries + self._waiting, known  # as if it had never been tried
            await self._hub.clock.sleep(TRY_AGAIN_SECONDS)
        else:
            self._failures = 0

    def used(self) -> None:
        """What was used until now is written down."""
        now, uses = self._now(), self.meter.take()
        if uses:
            self.put(lambda db, interaction: usages.add(db, interaction, now, uses))

    def close(self) -> None:
        """What waits is written, then `run` ends."""
        self._closing = True
        self._news.set()

    def _now(self) -> datetime:
        return self._hub.clock.now()

    # the journal

    def customer_said(self, text: str, from_ms: int, to_ms: int, timing: Mapping[str, Any], keys: bool = False) -> None:
        self.used()  # for what was said before
        self._unkept_turn = self.withheld.covers(from_ms, to_ms)
        now, text = self._now(), self._said(text, from_ms, to_ms, KEYS_NOT_KEPT if keys else NOT_KEPT)
        self._show("caption", {"role": "customer", "text": text, "final": True})
        self.put(lambda db, it: _say(db, it, now, "customer", text, from_ms=from_ms, to_ms=to_ms, timing=dict(timing)))

    def _said(self, text: str, from_ms: int, to_ms: int, instead: str = NOT_KEPT) -> str:
        """These words as they may be kept."""
        if self.withheld.covers(from_ms, to_ms):
            self.withheld.learn(text)
            return instead
        return str(self.withheld.hide(text))

    def operator_said(self, operator_id: UUID | None, text: str, from_ms: int, to_ms: int) -> None:
        """`operator_id` is None for who has the call without being a user."""
        now, operator, text = self._now(), operator_id, self._said(text, from_ms, to_ms)

        async def entry(db: AsyncSession, interaction: Interaction) -> None:
            name = await ownership.name_of(db, interaction)
            spoken = {"from_ms": from_ms, "to_ms": to_ms, "author": name, "operator_id": operator}
            await _say(db, interaction, now, "operator", text, **spoken)

        self._show("caption", {"role": "operator", "text": text, "final": True})
        self.put(entry)

    def speaks(self, number: int, author: str, text: str, from_ms: int) -> None:
        if self.withheld.on:
            self._veiled.add(number)
        text = self._spoken(number, text)
        self._show("caption", {"role": author, "text": text, "final": False})
        known = self._growing.get(number)
        if known is not None:
            known["text"] = text  # not written yet: one row with all of it
            return
        now, name = self._now(), self._author
        growing: dict[str, Any] = {"text": text}
        self._growing[number] = growing

        async def entry(db: AsyncSession, interaction: Interaction) -> None:
            self._growing.pop(number, None)
            if (said := self._messages.get(number)) is not None:
                if await interactions.change(db, said, text=storable(growing["text"])):
                    interactions.log(db, interaction, "message.grown", now, message_id=str(said))
                return
            self._messages[number] = await _say(
                db, interaction, now, author, growing["text"], heard="", from_ms=from_ms, author=name
            )  # fmt: skip

        self.put(entry)

    def _spoken(self, number: int, text: str) -> str:
        """What we say, as it may be kept."""
        return NOT_KEPT if number in self._veiled and text else str(self.withheld.hide(text))

    def spoke(self, number: int, author: str, text: str, heard: str, to_ms: int, timing: Mapping[str, Any]) -> None:
        now, cut = self._now(), heard != text
        text, heard, timing = self._spoken(number, text), self._spoken(number, heard), self.withheld.hide(dict(timing))
        if number in self._veiled:
            timing = {name: value for name, value in timing.items() if name != "sentences"}
        self._veiled.discard(number)

        async def entry(db: AsyncSession, interaction: Interaction) -> None:
            said = self._messages.pop(number, None)
            if said is None or not await interactions.change(
                db, said, text=storable(text), heard=None if heard == text else storable(heard), to_ms=to_ms,
                timing=storable(dict(timing)),
            ):  # fmt: skip
                return
            interactions.log(
                db, interaction, "message.heard", now, message_id=str(said), text=text, heard=heard, cut=cut
            )  # fmt: skip

        self._show("caption", {"role": author, "text": heard, "final": True, "cut": cut})
        self.put(entry)

    def happened(self, type: str, **data: Any) -> None:
        if type == "caption":
            data["text"] = NOT_KEPT if self.withheld.on else self.withheld.hide(data["text"])
        elif type == "call.digit" and self.withheld.on:
            data["digit"] = KEY
        if type in EPHEMERAL:
            self._show(type, data)
            return
        now = self._now()
        self._show("event", {"event": type, **data})
        self.put(lambda db, interaction: interactions.log(db, interaction, type, now, **data))

    def _show(self, type: str, data: Mapping[str, Any]) -> None:
        for watcher in list(self.watchers):
            watcher(type, data)

    # what was decided

    def state(self, state: dict[str, Any]) -> None:
        """The brain's memory, as it counts from now on."""

        def entry(db: AsyncSession, interaction: Interaction) -> None:
            interaction.state = storable(self.withheld.without(state))
            interaction.answered_seq = interaction.heard_seq

        self.put(entry)

    def handed_over(self, over: HandOver, state: dict[str, Any], author: str) -> None:
        """A colleague goes on with this state; what is said from now on is theirs."""
        self._author, now = author, self._now()
        over = replace(over, reason=str(self.withheld.hide(over.reason)) if not self.withheld.on else NOT_KEPT)
        self._show("event", {"event": "member.changed"})

        async def entry(db: AsyncSession, interaction: Interaction) -> None:
            await decided_in(db, interaction, over, now)
            interaction.state = storable(self.withheld.without(state))

        self.put(entry)

    def decided(self, piece: Piece) -> None:
        """A tool used, a stage entered, a value found out, a person needed."""
        now, piece = self._now(), self._found(piece)
        self._show("event", {"event": type(piece).__name__})

        async def entry(db: AsyncSession, interaction: Interaction) -> None:
            match piece:
                case UsedTool() | EnterStage() | Collected() | SetParameters():
                    await decided_in(db, interaction, piece, now)
                case HandToHuman():
                    if interaction.owner == "ai":
                        ownership.queue(db, interaction, piece.reason, now)
                    calls.call_hint(db, interaction.id)

        self.put(entry)

    def _found(self, piece: Piece) -> Piece:
        """What was decided, as it may be kept: nothing of what follows from words that are not."""
        withheld, veiled = self.withheld, self.withheld.on or self._unkept_turn
        match piece:
            case Collected() if veiled:
                withheld.learn(piece.value, piece.field)
                return Collected(piece.field, NOT_KEPT)
            case Collected():
                return Collected(piece.field, withheld.hide(piece.value), withheld.hide(piece.evidence), piece.type)
            case SetParameters() if veiled:
                return SetParameters(withheld.veiled(piece.values))
            case SetParameters():
                return SetParameters(withheld.hide(piece.values))
            case UsedTool() if veiled:
                result = ToolResult(None, piece.result.error and NOT_KEPT)
                return UsedTool(piece.name, withheld.veiled(piece.arguments), result, piece.duration_ms)
            case UsedTool():
                result = ToolResult(withheld.hide(piece.result.data), withheld.hide(piece.result.error))
                return UsedTool(piece.name, withheld.hide(piece.arguments), result, piece.duration_ms)
            case HandToHuman():
                return HandToHuman(withheld.hide(piece.reason))
        return piece


async def _say(
    db: AsyncSession, interaction: Interaction, now: datetime, role: str, text: str, **fields: Any
) -> UUID:  # fmt: skip
    idle_at = interaction.idle_at  # says when a call without a line ends; words that come after it delay no end
    said = await spoken_in(db, interaction, now, role=role, text=storable(text), **fields)
    interaction.idle_at = idle_at
    return said
