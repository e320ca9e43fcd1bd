"""What agents can do by themselves beside talking: the tools that are built in."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from hub import policy
from hub.channel import Channel
from hub.core import callbacks, hop, recipients, steering, verifying
from hub.core.context import Context
from hub.core.customers import NoCustomer, NotPossible
from hub.core.deliver import deliver
from hub.core.live.commands import ask_in
from hub.dialogue.turn import ToolResult, Turn
from hub.identity import NotAnIdentity
from hub.models import Interaction
from hub.ownership import NotYours, Taken
from hub.store import interactions, people

Act = Callable[[Interaction, Mapping[str, Any]], Awaitable[ToolResult]]

_REFUSED = (NotPossible, NoCustomer, NotAnIdentity, policy.NotAllowed, Taken, NotYours)
_EVERYTHING, _CALLS = "everything", "calls"


class Acts:
    """The built-in tools within one interaction. What goes wrong is in the result, in words for the agent.

    `turn` is what an agent acts in: what it sends goes only where the customer is known or says they are. Without one
    a user has decided.
    """

    def __init__(self, hub: Context, interaction_id: UUID, turn: Turn | None = None) -> None:
        self._hub, self._id, self._turn = hub, interaction_id, turn
        self._outward: dict[str, Act] = {
            "verify_customer": self._verify,
            "record_refusal": self._refuse,
            "send_text": self._send_text,
            "send_mail": self._send_mail,
            "send_link": self._send_link,
            "schedule_callback": self._call_back,
        }
        self._within: dict[str, Act] = {
            "hang_up": _plain(steering.hang_up),
            "hand_to_human": _plain(steering.hand_to_human),
            "transfer": _plain(steering.hand_to_human),
            "collect_field": partial(steering.collect_field, hub),
            "set_parameter": partial(steering.set_parameter, hub),
            "send_digits": partial(steering.send_digits, hub),
        }

    def knows(self, name: str) -> bool:
        return name in self._outward or name in self._within

    async def verified(self) -> bool:
        """Whether it is proved who this is."""
        return await verifying.is_verified(self._hub, self._id)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        async with self._hub.store.glance() as db:
            interaction = await db.get(Interaction, self._id)
        if interaction is None:
            return ToolResult(error="This conversation is not there any more.")
        if interaction.test and name in self._outward:  # nobody is there to be written to
            return ToolResult({"test": True})
        try:
            return await (self._within | self._outward)[name](interaction, arguments)
        except _REFUSED as error:
            return ToolResult(error=str(error))

    def _channel(self, interaction: Interaction) -> Channel:
        return self._hub.channels[interaction.channel]

    async def _verify(self, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
        """With a `code`: check what they typed or said. Without: send one, `to` what they say or whence they come."""
        hub, by = self._hub, str(interaction.agent.get("name") or "agent")
        given = str(arguments.get("code") or "")
        if given:
            proved = await verifying.check_code(
                hub, interaction.workspace_id, interaction.customer_id, given, by=by, interaction_id=interaction.id
            )
            return ToolResult({"verified": True, "kind": proved.kind})
        kind, value = await self._where(interaction, str(arguments.get("to") or ""))
        sent = await verifying.send_code(
            hub, interaction.workspace_id, interaction.customer_id, kind, value, by=by, interaction_id=interaction.id
        )
        hub.spawn(deliver(hub, sent.by_interaction_id))
        return ToolResult({"sent": True, "by": sent.verification.channel, "to": _hinted(sent.verification.value)})

    async def _where(self, interaction: Interaction, to: str) -> tuple[str, str]:
        """Kind and value of where something can be sent that only they read. Raises `NotPossible`."""
        if to:
            kind = "email" if "@" in to else "phone"
            if self._turn is not None:
                await recipients.may_be_asked(self._hub, interaction, kind, to, self._turn)
            return kind, to
        kind = self._channel(interaction).identity
        if kind in ("phone", "whatsapp", "email") and not interaction.person.startswith("anonymous:"):
            return kind, interaction.person
        async with self._hub.store.glance() as db:
            known = await people.identities(db, interaction.workspace_id, interaction.customer_id)
        for one in sorted(known, key=lambda one: (one.strength != "verified", one.kind != "phone")):
            if one.kind in ("phone", "email") and one.strength != "inferred":
                return one.kind, one.value
        raise NotPossible("No number or address of them is known. Ask for one and give it as `to`.", "nowhere")

    async def _refuse(self, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
        """They want no `what`: calls, texts, marketing, recording, or everything."""
        if self._turn is not None and not recipients.said_so(self._turn, str(arguments.get("words") or "")):
            return ToolResult(error="The customer has not said this. Give their own words as `words`.")
        what = str(arguments.get("what") or _EVERYTHING)
        purpose = {_CALLS: "calls", "marketing": "marketing", "recording": "recording"}.get(what, "messages")
        channel = "" if what != "texts" else interaction.channel if self._texts(interaction) else "sms"
        now = self._hub.clock.now()
        async with self._hub.store.write() as db:
            held = await interactions.locked(db, interaction.id)
            assert held is not None  # noqa: S101 - it was there a moment ago
            kind = self._channel(held).identity
            words = str(arguments.get("words") or "")
            await policy.refuse_further(
                db, held, kind, "spoken", words, now, purpose=purpose, channel=channel,
                by=str(held.agent.get("name", "")),
            )  # fmt: skip
            interactions.log(db, held, "consent.revoked", now, source="spoken", text=words, purpose=purpose)
            if purpose == "recording" and held.node:
                ask_in(db, held, "recording_pause", now, by="customer")
        return ToolResult({"recorded": True, "what": what})

    def _texts(self, interaction: Interaction) -> bool:
        return not self._channel(interaction).limits.live

    async def _send_text(self, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
        return await self._hop(interaction, arguments, "phone", text=str(arguments.get("text") or ""))

    async def _send_mail(self, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
        return await self._hop(
            interaction, arguments, "email",
            text=str(arguments.get("text") or ""), subject=str(arguments.get("subject") or ""),
        )  # fmt: skip

    async def _send_link(self, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
        """A `question` that is answered at a link of ours, or a `url` of yours; by text unless `by` says email."""
        kind = "email" if str(arguments.get("by") or "") == "email" else "phone"
        question, url = str(arguments.get("question") or "").strip(), str(arguments.get("url") or "").strip()
        if not question and not url:
            return ToolResult(error="Give a question to ask, or a url to send.")
        text = str(arguments.get("text") or question or "Here is the link:")
        return await self._hop(interaction, arguments, kind, text=text, question=question, url=url)

    async def _hop(
        self, interaction: Interaction, arguments: Mapping[str, Any], kind: str, *, text: str, subject: str = "",
        question: str = "", url: str = "",
    ) -> ToolResult:  # fmt: skip
        if not text.strip():
            return ToolResult(error="There is nothing to send: give a text.")
        to = str(arguments.get("to") or "")
        if not to:
            to = await self._of_kind(interaction, kind)
        elif self._turn is not None:
            await recipients.may_be_sent(self._hub, interaction, kind, to, self._turn)
        if (interaction.channel, interaction.person) == ("email" if kind == "email" else "sms", to):
            return ToolResult(error="They read what you say here already: say it in your answer.")
        sent = await hop.send(
            self._hub, interaction, kind, to, text, subject=subject, question=question, url=url
        )  # fmt: skip
        self._hub.spawn(deliver(self._hub, sent.by_interaction_id))
        return ToolResult({"sent": True, "by": sent.channel, "to": _hinted(to)})

    async def _call_back(self, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
        way = callbacks.way(interaction, str(arguments.get("by") or ""))
        kind = self._hub.channels[way].identity if way in self._hub.channels else "phone"
        to = str(arguments.get("to") or "")
        if to and self._turn is not None:
            await recipients.may_be_sent(self._hub, interaction, kind, to, self._turn)
        person = to or await self._of_kind(interaction, kind)
        return await callbacks.promise(self._hub, interaction, arguments, person)

    async def _of_kind(self, interaction: Interaction, kind: str) -> str:
        """Their calling number, else a verified number or address, else one that they are known by."""
        if kind == self._channel(interaction).identity and not interaction.person.startswith("anonymous:"):
            return interaction.person
        async with self._hub.store.glance() as db:
            known = await people.identities(db, interaction.workspace_id, interaction.customer_id)
        for one in sorted(known, key=lambda one: one.strength != "verified"):
            if one.kind == kind and one.strength != "inferred":
                return one.value
        words = "mailbox" if kind == "email" else "number"
        raise NotPossible(f"No {words} of them is known. Ask for one and give it as `to`.", "nowhere")


def _plain(act: Callable[[Mapping[str, Any]], ToolResult]) -> Act:
    async def done(_: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
        return act(arguments)

    return done


def _hinted(value: str) -> str:
    """As much of it as tells them which one it is."""
    if "@" in value:
        name, _, domain = value.partition("@")
        return f"{name[:1]}…@{domain}"
    return f"…{value[-4:]}"
