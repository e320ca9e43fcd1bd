"""Hub: the few acts there are. Each decides in one transaction and lets the rest follow."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import failpoints, identity, ownership, policy
from hub.channel import Inbound, Media, Refused
from hub.core import handing_back, hooks, live, reach, sending
from hub.core import receive as receiving
from hub.core.answer import answer
from hub.core.context import Context
from hub.core.deliver import deliver
from hub.core.fetch import fetch
from hub.core.known import known
from hub.core.mentions import mention
from hub.core.reactions import reaction
from hub.core.receive import Receipt
from hub.core.report import report
from hub.core.switching import switch_in
from hub.core.teams import definitions
from hub.core.write import finish, idle_after, owe_turn, say_in
from hub.dialogue.asked import unfilled
from hub.dialogue.retry import state_of
from hub.dialogue.turn import Cue
from hub.models import Address, Agent, Command, Interaction, Message, Skill, Team, User
from hub.models.call import Verb
from hub.models.interaction import FINAL
from hub.models.retry import RetryContext
from hub.store import agents, calls, interactions, lock, transit


class NotFound(LookupError):
    """No such thing in this workspace."""


class Hub:
    """Receive, start, say, end, take over, hand back. Idempotent on (channel, external id)."""

    def __init__(self, context: Context) -> None:
        self.context = context
        hooks.listen(context)

    async def receive(
        self, inbound: Inbound, within: Interaction | None = None, at: Address | None = None
    ) -> Receipt:  # fmt: skip
        """Take in what came from outside: committed on return, answered right after. Raises `Refused`.

        `within` is the interaction it is said in, where that is known (the playground); `at` the address whose own
        way it came.
        """
        if inbound.channel not in self.context.channels:
            raise Refused(f"There is no channel {inbound.channel!r}.", 404)
        if inbound.kind == "call":
            return await live.receive(self.context, inbound)
        if inbound.kind == "status":
            is_live = self.context.channels[inbound.channel].limits.live
            return await (live.report if is_live else report)(self.context, inbound)
        if inbound.kind == "reaction":
            return await reaction(self.context, inbound)
        receipt = await receiving.message(self.context, inbound, within, at)
        failpoints.reach("receive.committed")
        if receipt.fetch and receipt.message_id:
            self.context.spawn(fetch(self.context, receipt.message_id))
        if receipt.interaction_id and receipt.answer:
            self.answer_soon(receipt.interaction_id)
        elif receipt.interaction_id and receipt.deliver:
            self.context.spawn(deliver(self.context, receipt.interaction_id))
        return receipt

    def answer_soon(self, interaction_id: UUID, cue: Cue = "message") -> None:
        """Let the agent answer and send it, beside the request."""
        self.context.spawn(self._answer_and_deliver(interaction_id, cue))

    async def _answer_and_deliver(self, interaction_id: UUID, cue: Cue) -> None:
        await answer(self.context, interaction_id, cue)
        await deliver(self.context, interaction_id)

    async def start(
        self,
        workspace_id: UUID,
        channel: str,
        to: str,
        *,
        agent: Agent | None = None,
        team: Team | None = None,
        address: Address | None = None,
        skills: Sequence[Skill] = (),
        text: str = "",
        name: str = "",
        content: Mapping[str, Any] | None = None,
        media: tuple[Media, ...] = (),
        retry: RetryContext | None = None,
        **given: Any,
    ) -> Interaction:
        """Begin an exchange of ours with a person. Without `text` and `media` the agent's opening message is said.

        `content` is what the text carries beside itself, such as the template that it is (`filled`).

        An open interaction of the same thread is gone on with, by the agent it has; a call is always a new one, which
        the carrier is asked to place, or, where people come to us, waits for its line. `skills` join the
        instructions and tools of the agent, or of all of the team. `given` are further columns (parameters, meta, test,
        member) and what `open_interaction` takes; a test in the browser belongs to no address.
        `retry` is what a further attempt starts from.
        Raises `NotAnIdentity`, `NotAllowed`, `Refused`, `NoSuchStage`.
        """
        context, now = self.context, self.context.clock.now()
        if channel not in context.channels:
            raise Refused(f"There is no channel {channel!r}.", 404)
        kind = context.channels[channel].identity
        async with context.store.write() as db:
            workspace = await agents.workspace(db, workspace_id)
            if workspace is None:
                raise NotFound("workspace")
            person = identity.normal(kind, to, workspace.default_region)
            await lock(db, workspace_id, kind, person)
            if address is None and not (given.get("test") and context.channels[channel].limits.pulled):
                address = await reach.address_of(db, context, workspace, channel)
            customer = await identity.recognise(db, workspace, kind, person, name=name, source="api")
            is_live = context.channels[channel].limits.live
            interaction, fresh = await reach.exchange(
                db, context, workspace, customer, channel, person,
                address=address, agent=agent, team=team, skills=skills, now=now, **given,
            )  # fmt: skip
            if retry is not None and fresh:
                interaction.state = state_of(interaction.agent, retry)
            if fresh:
                await self._tell_missing(db, interaction)
            if is_live:
                await self._check(db, interaction, "call")
                live.place(db, context, interaction, now)
            elif text or media:
                await reach.say_by(
                    db, context, interaction, text, content=content, media=media,
                    role="agent", author=interaction.agent.get("name", ""),
                )  # fmt: skip
            elif fresh:
                await self._check(db, interaction, "opening")
                owe_turn(db, interaction, "opened", now)
        if is_live:
            context.spawn(live.warm_up(context, interaction.workspace_id, *definitions(interaction)))
        if text or media or is_live:
            context.spawn(deliver(context, interaction.id))
        elif fresh:
            self.answer_soon(interaction.id, "opened")
        return interaction

    async def command(
        self, workspace_id: UUID, interaction_id: UUID, verb: Verb, *, by: str = "", **arguments: Any
    ) -> Command:
        """Ask a live interaction to do something; what came of it, if that is known within moments.

        Raises `NotLive`, `NotFound`.
        """
        try:
            return await live.command(self.context, workspace_id, interaction_id, verb, by=by, **arguments)
        except LookupError as error:
            raise NotFound(str(error)) from None

    async def say(
        self,
        workspace_id: UUID,
        interaction_id: UUID,
        text: str,
        *,
        operator: User | None = None,
        media: tuple[Media, ...] = (),
        note: bool = False,
        content: Mapping[str, Any] | None = None,
        choices: Sequence[str] = (),
    ) -> Message:
        """Say something as this operator, or for the agent when None; `content` is what it carries beside the text.

        Raises `NotYours`, `NotAllowed`, `NotFound`.
        """
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            if note:
                said = self._note(db, interaction, text, operator)
                await mention(db, said)
            else:
                if operator is not None:
                    await self._must_own(db, interaction, operator)
                elif interaction.owner == "operator":
                    raise ownership.Taken(await ownership.name_of(db, interaction))
                if self._is_live(interaction):
                    raise policy.NotAllowed("Words of a call are spoken: use the call's own `say`.", "live")
                said = await reach.say_by(
                    db, self.context, interaction, text, media=media, content=content, choices=list(choices),
                    role="operator" if operator else "agent", operator_id=operator.id if operator else None,
                    author=operator.name if operator else interaction.agent.get("name", ""),
                )  # fmt: skip
        if not note:
            self.context.spawn(deliver(self.context, interaction_id))
        return said

    async def send_to(
        self, workspace_id: UUID, customer_id: UUID, text: str, *, channel: str = "", purpose: str = "",
        subject: str = "", operator: User | None = None,
    ) -> Message:  # fmt: skip
        """Say this to the customer by the way that is best now; see `hub.core.sending.send_to`."""
        said = await sending.send_to(
            self.context, workspace_id, customer_id, text,
            channel=channel, purpose=purpose, subject=subject, operator=operator,
        )  # fmt: skip
        self.context.spawn(deliver(self.context, said.interaction_id))
        return said

    async def send_again(self, workspace_id: UUID, message_id: UUID, operator: User) -> Message:
        """Say a failed message once more, because a person decided so."""
        async with self.context.store.read() as db:
            failed = await interactions.message(db, workspace_id, message_id)
        if failed is None or failed.status not in ("failed", "undelivered"):
            raise NotFound("No failed message with this id.")
        media = tuple(Media(**item) for item in failed.media)
        content = {name: value for name, value in failed.content.items() if name != "parked"}
        return await self.say(
            workspace_id, failed.interaction_id, failed.text, operator=operator, media=media, content=content
        )

    async def end(
        self, workspace_id: UUID, interaction_id: UUID, reason: str = "api_hangup", status: str = "completed"
    ) -> Interaction:
        """End it. Ending what has ended changes nothing. Raises `NotFound`."""
        unanswered = ""
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            if interaction.status not in FINAL:
                now = self.context.clock.now()
                if self._is_live(interaction):
                    unanswered = await live.end_in(db, interaction, status, reason, now)
                else:
                    finish(db, interaction, status, reason, now)
                await transit.settle_inbox(db, interaction.id, now)
        if unanswered:
            self.context.spawn(live.hang_up(self.context, interaction.channel, unanswered))
        return interaction

    async def take_over(self, workspace_id: UUID, interaction_id: UUID, operator: User) -> Interaction:
        """The operator answers from this commit on. Raises `Taken`, `NotYours`, `NotFound`."""
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            now = self.context.clock.now()
            await ownership.take_over(db, interaction, operator, now)
            await transit.settle_inbox(db, interaction.id, now)
            calls.call_hint(db, interaction.id)
        return interaction

    async def hand_back(self, workspace_id: UUID, interaction_id: UUID, operator: User, note: str = "") -> Interaction:
        """The agent goes on, knowing what was said; once, however often. Colleagues get a summary, `note` before it.

        Raises `NotYours`, `NotFound`.
        """
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            if interaction.status in FINAL:
                raise ownership.NotYours("This interaction has ended.")
            if not interaction.agent:
                raise ownership.NotYours("No agent answers at this address. Choose one under Addresses.")
            if interaction.owner == "ai":
                return interaction
            now = self.context.clock.now()
            told = await handing_back.summary(db, interaction, operator, note, now)
            await ownership.hand_back(db, interaction, operator, now)
            if told:
                self._note(db, interaction, told, operator)
            calls.call_hint(db, interaction.id)
            if self._is_live(interaction):
                return interaction
            if interaction.last_message_role == "operator":
                interaction.answered_seq = interaction.heard_seq
            owe_turn(db, interaction, "handed_back", now)
        self.answer_soon(interaction_id, "handed_back")
        return interaction

    async def assign(self, workspace_id: UUID, interaction_id: UUID, operator: User | None, by: User) -> Interaction:
        """Give it to an operator, or into the queue when None."""
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            await ownership.assign(db, interaction, operator, by, self.context.clock.now())
            calls.call_hint(db, interaction.id)
        return interaction

    async def switch(self, workspace_id: UUID, interaction_id: UUID, voice_mode: str, *, by: str = "") -> Interaction:
        """Let an engine of ours (`hosted`) or the responder (`webhook`) think from its next turn on.

        Raises `NotPossible`, `NotFound`.
        """
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            await switch_in(db, interaction, voice_mode, by, self.context.clock.now())
        return interaction

    async def tag(self, workspace_id: UUID, interaction_id: UUID, tags: list[str], by: User | None) -> Interaction:
        """Set the tags: trimmed, each once, at most 20 of 40 characters."""
        wanted = list(dict.fromkeys(tag.strip()[:40] for tag in tags if tag.strip()))[:20]
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            await interactions.set_tags(db, interaction, wanted)
            interactions.log(
                db,
                interaction,
                "interaction.tagged",
                self.context.clock.now(),
                tags=wanted,
                by=by.name if by else "",
            )
        return interaction

    async def snooze(self, workspace_id: UUID, interaction_id: UUID, until: datetime | None, by: User) -> Interaction:
        """Out of sight until then, or until the customer writes. None wakes it. Raises `ValueError`."""
        now = self.context.clock.now()
        if until is not None and not now < until < now + timedelta(days=366):
            raise ValueError("Snooze until a time in the future, at most a year away.")
        async with self.context.store.write() as db:
            interaction = await self._held(db, workspace_id, interaction_id)
            interaction.snoozed_until = until
            if until is not None and interaction.idle_at is not None:
                interaction.idle_at = max(interaction.idle_at, until + idle_after(interaction))
            interactions.log(
                db,
                interaction,
                "interaction.snoozed",
                now,
                until=until.isoformat() if until else None,
                by=by.name,
            )
        return interaction

    async def _tell_missing(self, db: AsyncSession, interaction: Interaction) -> None:
        """Names in the agent's texts that nobody gave a value for."""
        missing = unfilled(interaction.agent, (await known(db, interaction)).values)
        if missing:
            interactions.log(db, interaction, "parameters.missing", self.context.clock.now(), names=missing)

    def _is_live(self, interaction: Interaction) -> bool:
        channel = self.context.channels.get(interaction.channel)
        return channel is not None and channel.limits.live

    async def _held(self, db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> Interaction:
        found = await interactions.locked(db, interaction_id)
        if found is None or found.workspace_id != workspace_id:
            raise NotFound("No interaction with this id in this workspace.")
        return found

    async def _must_own(self, db: AsyncSession, interaction: Interaction, operator: User) -> None:
        if interaction.owner == "operator" and interaction.operator_id == operator.id:
            return
        if interaction.owner == "operator":
            raise ownership.Taken(await ownership.name_of(db, interaction))
        raise ownership.NotYours("Take over first: until then the agent or the queue has this customer.")

    async def _check(self, db: AsyncSession, interaction: Interaction, text: str) -> None:
        channel, now = self.context.channels[interaction.channel], self.context.clock.now()
        await policy.check(db, interaction, channel.identity, channel.limits, text, now)

    def _note(self, db: AsyncSession, interaction: Interaction, text: str, operator: User | None) -> Message:
        if not text.strip():
            raise policy.NotAllowed("The note is empty.", "empty")
        return say_in(
            db, interaction, self.context.clock.now(), role="operator", note=True, text=text[:10_000],
            author=operator.name if operator else "API", operator_id=operator.id if operator else None,
        )  # fmt: skip
