"""Sending to a customer, not by a channel: which one is best now and why, and the next one when it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity, ownership, policy
from hub.channel import Channel
from hub.core import reach
from hub.core.context import Context
from hub.core.customers import NoCustomer, NotPossible
from hub.core.write import say_in
from hub.models import Address, Customer, Identity, Interaction, Message, User, Workspace
from hub.segments import measure
from hub.store import agents, lock, people, reaching

TALKING = timedelta(hours=1)
"""Who wrote so lately is awake: quiet hours do not count."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of reaching the customer: by this channel at this identity. `obstacle`: why not now; `because`: why."""

    channel: str
    label: str
    kind: str
    person: str
    address: Address | None
    heard_at: datetime | None
    cost: int
    verified: bool
    obstacle: str = ""
    because: str = ""

    @property
    def open(self) -> bool:
        return not self.obstacle


@dataclass(frozen=True, slots=True)
class Choice:
    """What would be sent how: the ways there are, the best first, and in words why it is that one."""

    ways: Sequence[Way]
    words: str

    @property
    def best(self) -> Way | None:
        return next((way for way in self.ways if way.open), None)


async def choose(
    db: AsyncSession, hub: Context, customer: Customer, text: str, *, purpose: str = "", channel: str = "",
    without: Sequence[Sequence[str]] = (),
) -> Choice:  # fmt: skip
    """How to reach this customer with this text now. `channel` wants one, `without` are (channel, person) tried."""
    workspace = await agents.workspace(db, customer.workspace_id)
    assert workspace is not None  # noqa: S101 - foreign key
    known = [one for one in await people.identities(db, workspace.id, customer.id) if one.strength != "inferred"]
    heard = await reaching.last_heard(db, workspace.id, customer.id)
    ways = []
    for one in known:
        for name, found in hub.channels.items():
            if found.limits.live or found.identity != one.kind or channel not in ("", name):
                continue
            if [name, one.value] in [list(tried) for tried in without]:
                continue
            ways.append(await _way(db, hub, workspace, customer, one, found, text, purpose, heard))
    ways.sort(key=_rank)
    return Choice(ways, _words(ways))


def _rank(way: Way) -> tuple[Any, ...]:
    """Open ones first; where they wrote last; then what is proved to be theirs; then what costs less."""
    last = -(way.heard_at.timestamp() if way.heard_at else 0.0)
    return (not way.open, last, not way.verified, way.cost, way.channel)


async def _way(
    db: AsyncSession, hub: Context, workspace: Workspace, customer: Customer, one: Identity, channel: Channel,
    text: str, purpose: str, heard: Mapping[tuple[str, str], reaching.LastHeard],
) -> Way:  # fmt: skip
    now, limits = hub.clock.now(), channel.limits
    heard_here = heard.get((channel.name, one.value))
    heard_at = heard_here.at if heard_here else None
    address = await _address(db, workspace, channel, heard_here.ours if heard_here else "")
    last = max((one.at for one in heard.values()), default=None)
    refused = await policy.refusal(
        db, workspace.id, customer.id, one.kind, one.value, channel.name, policy.purposes(limits, {"purpose": purpose})
    )
    until = await policy.free_until(db, workspace.id, channel.name, reach.thread_of(address, one.value), limits)
    obstacle = ""
    if address is None and not limits.pulled:
        obstacle = "you have no address to send from"
    elif limits.pulled and (heard_at is None or now - heard_at > TALKING):
        obstacle = "they are not in the chat now"
    elif refused is not None:
        obstacle = f"they refused it ({refused.source}, {refused.created_at:%Y-%m-%d})"
    elif until is not None and now >= until:
        obstacle = _closed(until, now)
    elif len(text) > limits.length:
        obstacle = f"the text has {len(text)} characters and it carries {limits.length}"
    elif not limits.inline_files and not limits.pulled and (last is None or now - last > TALKING):
        zones = identity.zones(customer.time_zone, one.value, workspace.time_zone)
        obstacle = policy.quiet(workspace, zones, now)
    because = f"they last wrote there {ago(now - heard_at)}" if heard_at else "they have not written there yet"
    return Way(
        channel.name, channel.label or channel.name.replace("_", " "), one.kind, one.value, address, heard_at,
        measure(text).segments if limits.segmented else 0, one.strength == "verified", obstacle, because,
    )  # fmt: skip


async def _address(db: AsyncSession, workspace: Workspace, channel: Channel, wrote_to: str) -> Address | None:
    """The address of ours that they last wrote to, else the first one there is."""
    ours = await agents.addresses(db, workspace.id, channel.name)
    return next((one for one in ours if one.value == wrote_to), next(iter(ours), None))


def _closed(until: datetime, now: datetime) -> str:
    if until == policy.NEVER:
        return "they never wrote there, so its window is closed"
    return f"its window closed {ago(now - until)}"


def ago(past: timedelta) -> str:
    """A stretch of time as people say it: "just now", "5 minutes ago", "3 hours ago", "2 days ago"."""
    seconds = int(past.total_seconds())
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            many = seconds // size
            return f"{many} {word}{'s' if many > 1 else ''} ago"
    return "just now"


def _words(ways: Sequence[Way]) -> str:
    """ "By SMS, because ...; not by WhatsApp: its window closed 3 hours ago." """
    best = next((way for way in ways if way.open), None)
    nots = [f"not by {way.label}: {way.obstacle}" for way in ways if not way.open]
    first = f"By {best.label} to {best.person}: {best.because}" if best else "There is no way to reach them now"
    return "; ".join([first, *nots]) + "."


async def send_to(
    hub: Context, workspace_id: UUID, customer_id: UUID, text: str, *, channel: str = "", purpose: str = "",
    subject: str = "", operator: User | None = None,
) -> Message:  # fmt: skip
    """Say this to the customer by the way that is best now; the thread says which and why.

    When a receipt says that it failed, the next way is taken, once, and the thread says so. `channel` wants this one
    and no other. Raises `NoCustomer`, `NotPossible`, `NotAllowed` with all the reasons.
    """
    async with hub.store.write() as db:
        customer = await people.customer(db, workspace_id, customer_id)
        if customer is None:
            raise NoCustomer("There is no such customer.")
        if customer.merged_into is not None:
            raise NotPossible(f"This record was merged into customer {customer.merged_into}. Use that one.", "merged")
        choice = await choose(db, hub, customer, text, purpose=purpose, channel=channel)
        if choice.best is None:
            raise policy.NotAllowed(_no_way(choice, channel), "no_way")
        plan: dict[str, Any] = {"words": choice.words, "tried": [], "only": bool(channel)}
        content = {"send_to": plan, "purpose": purpose, "subject": subject}
        fields: dict[str, Any] = {"role": "agent", "author": ""}
        if operator is not None:
            fields = {"role": "operator", "author": operator.name, "operator_id": operator.id}
        said, _ = await _send(db, hub, customer, choice, text, content, fields, operator)
    return said


def _no_way(choice: Choice, channel: str) -> str:
    if not choice.ways:
        return (
            f"They have no identity for {channel}. Add one." if channel else "They have no number or address. Add one."
        )
    return choice.words


async def _send(
    db: AsyncSession, hub: Context, customer: Customer, choice: Choice, text: str, content: dict[str, Any],
    fields: dict[str, Any], operator: User | None = None,
) -> tuple[Message, Interaction]:  # fmt: skip
    way = choice.best
    assert way is not None  # noqa: S101 - the caller has looked
    workspace = await agents.workspace(db, customer.workspace_id)
    assert workspace is not None  # noqa: S101 - foreign key
    await lock(db, workspace.id, way.kind, way.person)
    interaction, _ = await reach.exchange(
        db, hub, workspace, customer, way.channel, way.person, address=way.address, now=hub.clock.now()
    )
    if interaction.owner == "operator" and (operator is None or interaction.operator_id != operator.id):
        raise ownership.Taken(await ownership.name_of(db, interaction))
    _note(db, hub, interaction, f"Sent {choice.words[:1].lower()}{choice.words[1:]}")
    kept = {name: value for name, value in content.items() if value}
    kept["send_to"] = {**content["send_to"], "tried": [*content["send_to"]["tried"], [way.channel, way.person]]}
    if not fields.get("author"):
        fields = {**fields, "author": interaction.agent.get("name", "")}
    said = await reach.say_by(db, hub, interaction, text, content=kept, **fields)
    return said, interaction


def _note(db: AsyncSession, hub: Context, interaction: Interaction, text: str) -> None:
    """A word for those who read the thread."""
    say_in(db, interaction, hub.clock.now(), role="system", note=True, author="the hub", text=text)


async def fall_back(db: AsyncSession, hub: Context, failed: Message, interaction: Interaction) -> UUID | None:
    """Take the next way for a message that certainly failed, in the transaction that learns so: once, never twice.

    The transaction holds the failed message and its interaction. One that may have arrived is not sent again.
    Gives the interaction in which something is owed now.
    """
    plan = failed.content.get("send_to")
    if not plan or plan.get("only") or plan.get("next"):
        return None
    customer = await people.customer(db, failed.workspace_id, failed.customer_id)
    if customer is None:
        return None
    purpose = str(failed.content.get("purpose", ""))
    choice = await choose(db, hub, customer, failed.text, purpose=purpose, without=plan["tried"])
    why = failed.error_words or "it could not be delivered"
    if choice.best is None:
        _note(db, hub, interaction, f"It did not arrive ({why}), and there is no other way. {choice.words}")
        failed.content = {**failed.content, "send_to": {**plan, "next": "none"}}
        return None
    failed.content = {**failed.content, "send_to": {**plan, "next": choice.best.channel}}
    _note(db, hub, interaction, f"It did not arrive ({why}). Sent again {choice.words[:1].lower()}{choice.words[1:]}")
    fields = {"role": failed.role, "author": failed.author, "operator_id": failed.operator_id}
    try:
        subject = failed.content.get("subject", "")
        content = {"send_to": {**plan, "words": choice.words}, "purpose": purpose, "subject": subject}
        _, other = await _send(db, hub, customer, choice, failed.text, content, fields)
    except (policy.NotAllowed, ownership.Taken) as error:
        _note(db, hub, interaction, f"It could not be sent another way: {error}")
        return None
    return other.id
