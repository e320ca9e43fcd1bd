"""A warm transfer: a colleague is called and briefed while the customer holds, and joins them or does not.

The colleague's call is an interaction of its own, owed to the carrier like any other call of ours. What came of the
transfer is one event of the customer's interaction, `call.transferred`, with its `outcome`.
"""

import asyncio
import contextlib
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID, uuid4

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity, ownership, policy
from hub.channel import Undeliverable
from hub.core.deliver import deliver
from hub.core.live.briefing import briefing, definition
from hub.core.live.hanging_up import call_off
from hub.core.live.placing import place
from hub.core.live.warming import warm_up
from hub.core.write import open_interaction
from hub.feed import TICK_SECONDS
from hub.models import Address, Interaction, Workspace
from hub.models.interaction import FINAL
from hub.store import agents, interactions, lock

if TYPE_CHECKING:
    from hub.core.live.call import LiveCall
    from hub.core.live.leg import Leg

log = logging.getLogger("hub.live")

Outcome = Literal["completed", "declined", "voicemail", "busy", "no_answer", "customer_gone", "failed"]

CHANNEL = "call"
GUEST = "transfer"
"""Who the colleague is in the customer's room."""
TAKEN = "A colleague took the call over meanwhile."
BROKE_OFF = "The customer's line broke off."
TELLING = ("call.transferring", "call.transferred")
GOODBYE_SECONDS = 8.0
_OUTCOMES: dict[str, Outcome] = {"busy": "busy", "no_answer": "no_answer", "voicemail": "voicemail"}
_REASONS: dict[str, Outcome] = {"silence": "no_answer", "customer_hangup": "declined", "agent_hangup": "declined"}


class Warm:
    """One transfer of one live call, from the first ring to the moment when the customer is with the agent again.

    `by_agent`: the agent gave the customer away and goes on with them when nobody takes them.
    """

    def __init__(
        self, call: "LiveCall", to: str, given: str = "", *, leg_id: UUID | None = None, by_agent: bool
    ) -> None:
        self._call, self._hub = call, call.hub
        self.to, self._given, self._by_agent = to, given, by_agent
        self.leg_id = leg_id or uuid4()
        self.outcome: Outcome | Literal[""] = ""

    @property
    def connecting(self) -> bool:
        """Whether the customer waits for them."""
        return not self.outcome

    @property
    def joined(self) -> bool:
        """Whether the customer is with them."""
        return self.outcome == "completed"

    # the colleague's call

    async def begin(self, by: str) -> None:
        """Owe the carrier their call, once. Raises `Undeliverable` when it must not or cannot be placed."""
        hub, now = self._hub, self._hub.clock.now()
        if CHANNEL not in hub.channels:
            raise Undeliverable("This server places no phone calls: no carrier is configured.")
        written = self._call.writer.written()  # what was said before is in the briefing
        await asyncio.wait([written, self._call.over], return_when=asyncio.FIRST_COMPLETED)
        async with hub.store.write() as db:
            workspace = await agents.workspace(db, self._call.workspace_id)
            if workspace is None:
                raise Undeliverable("The workspace of this call was removed.")
            try:
                self.to = identity.normal("phone", self.to, workspace.default_region)
            except identity.NotAnIdentity as error:
                raise Undeliverable(str(error)) from None
            await lock(db, workspace.id, "phone", self.to)
            interaction = await interactions.locked(db, self._call.id)
            if interaction is None or interaction.status in FINAL:
                raise Undeliverable("The call has ended.")
            if self.to == interaction.person:
                raise Undeliverable("That is the customer's own number.")
            if await db.get(Interaction, self.leg_id) is not None:
                raise Undeliverable("This transfer broke off when the call lost its line. Ask for it again.")
            leg = await self._opened(db, workspace, interaction, now)
            interactions.log(
                db, interaction, "call.transferring", now, to=self.to, warm=True, leg_id=str(leg.id), by=by
            )  # fmt: skip
        hub.spawn(warm_up(hub, leg.workspace_id, leg.agent))
        hub.spawn(deliver(hub, leg.id))
        hub.spawn(self._follow())

    async def _caller(self, db: AsyncSession, interaction: Interaction) -> Address:
        """Which number of ours calls them: the customer's, else the oldest."""
        ours = await agents.addresses(db, interaction.workspace_id, CHANNEL)
        found = next((one for one in ours if one.id == interaction.address_id), next(iter(ours), None))
        if found is None:
            raise Undeliverable("There is no call address to call from. Add one first.")
        return found

    async def _opened(
        self, db: AsyncSession, workspace: Workspace, about: Interaction, now: datetime
    ) -> Interaction:  # fmt: skip
        hub, address = self._hub, await self._caller(db, about)
        person = await identity.recognise(db, workspace, "phone", self.to, source="transfer")
        leg = await open_interaction(
            db, workspace, person, CHANNEL, str(self.leg_id), self.to, address=address, now=now,
            id=self.leg_id, direction="outbound", test=about.test,
            agent_definition=definition(about.agent, self._call.settings), meta={"transfer_of": str(about.id)},
            state={"transfer_of": str(about.id), "briefing": await briefing(db, about, self._given)},
        )  # fmt: skip
        channel = hub.channels[CHANNEL]
        try:
            await policy.check(db, leg, channel.identity, channel.limits, "call", now)
        except policy.NotAllowed as error:
            raise Undeliverable(error.reason) from None
        place(db, hub, leg, now)
        return leg

    async def _follow(self) -> None:
        """Until it is known what came of their call; then nobody is left on a line that leads nowhere."""
        async with self._hub.store.bus.subscribe(f"interaction:{self.leg_id}") as hints:
            while not self.outcome:
                try:
                    await self._look()
                except Exception:
                    log.exception("the call to a colleague could not be looked after")
                if not self.outcome:
                    await hints.wait(TICK_SECONDS)
        if self.outcome == "completed":
            return
        leg = self._hub.calls.get(self.leg_id)
        if leg is not None and self.outcome in ("declined", "no_answer"):  # they are told goodbye
            await asyncio.wait([leg.over], timeout=GOODBYE_SECONDS)
        await self._let_go()

    async def _look(self) -> None:
        async with self._hub.store.glance() as db:
            leg = await db.get(Interaction, self.leg_id)
        if leg is not None and leg.ended_at is not None and not self.outcome:
            outcome = _OUTCOMES.get(leg.status) or _REASONS.get(leg.ended_reason, "failed")
            self.settle(outcome if leg.status != "failed" else "failed", leg.failure_reason)

    async def _let_go(self) -> None:
        leg = self._hub.calls.get(self.leg_id)
        if leg is not None:
            leg.conversation.end("agent_hangup")
        else:
            await call_off(self._hub, self.leg_id, "agent_hangup")

    # what comes of it

    def settle(self, outcome: Outcome, words: str = "") -> bool:
        """This came of it; whether it was the first to be so."""
        call = self._call
        if self.outcome or (outcome == "completed" and call.conversation.over):
            return False
        self.outcome = outcome
        now = self._hub.clock.now()

        async def entry(db: AsyncSession, interaction: Interaction) -> None:
            last = await interactions.last_event(db, interaction.id, *TELLING)
            if last is not None and last.type == TELLING[0]:  # else its next line has told it already
                told = {"outcome": outcome, "to": self.to, "words": words, "leg_id": str(self.leg_id), "warm": True}
                interactions.log(db, interaction, TELLING[1], now, **told)

        if not call.fenced:
            call.writer.put(entry)
        self._hub.store.bus.publish([(f"interaction:{self.leg_id}", "settled")])
        if outcome != "completed" and call.warm is self and not call.conversation.over:
            call.conversation.spawn(self._back(call.settings.transfer_failed_message))
        return True

    def join(self, leg: "Leg") -> None:
        """They take the customer."""
        self._hub.spawn(self._together(leg) if not self._call.conversation.over else self._let_go())

    async def _together(self, leg: "Leg") -> None:
        """Until one of them hangs up, or a colleague takes the customer over."""
        call = self._call
        call.give_to(self.to)
        talk = call.conversation.spawn(self._talk(leg))
        await asyncio.wait([talk])
        leg.bridge.close()
        leg.conversation.end("agent_hangup")
        if call.warm is self and not call.conversation.over:
            call.conversation.spawn(self._back(call.settings.transfer_over_message))

    async def _talk(self, leg: "Leg") -> None:
        call = self._call
        await call.conversation.speaking.silence()
        await call.conversation.be_silent(True)
        call.writer.happened("call.joined", operator=self.to, leg_id=str(self.leg_id))
        room = call.people.room()
        room.speaker(None)
        try:
            await room.join(GUEST, self.to, leg.bridge, speaks=True)
        finally:
            call.writer.happened("call.left", operator=self.to, leg_id=str(self.leg_id))
            call.people.leave_room()

    async def _back(self, words: str) -> None:
        """The customer is with whom they were before: after a talk or the agent's own transfer, with the agent."""
        call = self._call
        call.warm = None
        if self.joined or (self._by_agent and call.owner == "queue"):
            call.take_back(self.to)
        call.show_standing()
        if call.owner == "operator":
            return
        if not call.conversation.speaking.busy:  # words are said to their end, the music is not
            await call.conversation.speaking.silence()
        await call.remember_what_was_said()
        call.conversation.say(words)
        await call.conversation.be_silent(call.waits)

    # what happens to the customer's call meanwhile

    def dismiss(self) -> None:
        """A colleague took the customer over, or gave them back: it is over."""
        self._call.warm = None
        self.settle("failed", TAKEN)
        if self.joined:
            self._hub.spawn(self._let_go())

    def customer_left(self, comes_back: bool) -> None:
        """The customer's line is over, maybe to be made anew; nobody is joined with them on the next one."""
        if comes_back and not self._call.fenced and (self.joined or self._by_agent):
            self._call.take_back(self.to)
        self.settle("failed" if comes_back else "customer_gone", BROKE_OFF if comes_back else "")
        self._hub.spawn(self._let_go())


async def broke_off(db: AsyncSession, interaction: Interaction, now: datetime) -> UUID | None:
    """Of a call that is taken up again: a transfer that its lost process left is over.

    Gives the interaction of the colleague's call, which is to be called off.
    """
    last = await interactions.last_event(db, interaction.id, *TELLING)
    if last is None or not last.data.get("warm"):
        return None
    if last.type == TELLING[0]:
        told = {name: last.data.get(name) for name in ("to", "leg_id", "warm")}
        interactions.log(db, interaction, TELLING[1], now, outcome="failed", words=BROKE_OFF, **told)
    if interaction.owner == "operator" and interaction.operator_id is None:
        ownership.take_back(db, interaction, str(last.data.get("to", "")), now)
    with contextlib.suppress(ValueError):
        return UUID(str(last.data.get("leg_id")))
    return None


async def is_over(db: AsyncSession, customers: UUID, leg_id: UUID) -> bool:
    """Whether the transfer that this call to a colleague belongs to came to its end, wherever it was held."""
    interaction = await db.get(Interaction, customers)
    last = await interactions.last_event(db, customers, *TELLING)
    under_way = last is not None and last.type == TELLING[0] and last.data.get("leg_id") == str(leg_id)
    return interaction is None or interaction.status in FINAL or not under_way
