"""What came in: found or opened, appended and committed before it is acknowledged."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import failpoints, identity, policy
from hub.channel import Channel, File, Inbound, Media, Refused
from hub.core import files, hop, letters, reach
from hub.core.context import Context
from hub.core.metering import message_used
from hub.core.write import open_interaction, owe, say_in
from hub.dialogue.template import fill
from hub.models import Address, FetchEntry, InboxEntry, Interaction, StoredFile, Workspace
from hub.storable import storable
from hub.store import agents, interactions, lock, transit
from hub.store import files as stored

MOST_CHARACTERS = 50_000
MOST_ID_CHARACTERS = 500
MOST_SUBJECT_CHARACTERS = 1_000
QUOTED_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an inbound. `fresh` is False when it had come in before; `live` runs while its line is open.

    `answer`, `deliver` and `fetch` say what is to be done about it next.
    """

    fresh: bool
    interaction_id: UUID | None = None
    message_id: UUID | None = None
    answer: bool = False
    deliver: bool = False
    fetch: bool = False
    live: "asyncio.Task[None] | None" = None


class _CameBefore(Exception):
    """Rolls the transaction back: the same thing is stored already, under this id."""

    def __init__(self, known_as: str) -> None:
        super().__init__(known_as)
        self.known_as = known_as


async def message(
    hub: Context, inbound: Inbound, within: Interaction | None = None, at: Address | None = None
) -> Receipt:  # fmt: skip
    """Take in what a person said, in one transaction. Raises `Refused`.

    `within` is the open interaction it is said in, where our own page knows it; no address is needed then. `at` is
    the address whose own way it came, so that it is for nobody but its workspace.
    """
    inbound = cleaned(inbound)
    kept: list[StoredFile] = []
    try:
        if at is not None:  # files may be large: the transaction does not wait for them
            kept.extend([await files.write(hub, at.workspace_id, one) for one in _attached(inbound)])
        async with hub.store.write(urgent=True) as db:
            return await _take_in(db, hub, inbound, within, at, kept)
    except BaseException as error:
        for row in kept:  # nothing of this transaction counts
            await files.remove(hub, row)
        if not isinstance(error, _CameBefore):
            raise
        async with hub.store.glance(urgent=True) as db:
            first = await transit.inbox_entry(db, inbound.channel, error.known_as)
        return Receipt(False, first.interaction_id, first.message_id) if first else Receipt(False)


def cleaned(inbound: Inbound) -> Inbound:
    """As a database can keep it. Text too long for any message is cut; the inbox entry has the whole of it.

    Raises `Refused` when its id is of no use.
    """
    if not 0 < len(inbound.external_id) <= MOST_ID_CHARACTERS:
        raise Refused(f"The message needs an id of 1 to {MOST_ID_CHARACTERS} characters.", 400)
    return replace(
        inbound,
        external_id=storable(inbound.external_id),
        sender=storable(inbound.sender),
        recipient=storable(inbound.recipient),
        also=tuple(storable(inbound.also)),
        text=storable(inbound.text[:MOST_CHARACTERS]),
        sender_name=storable(inbound.sender_name),
        about=storable(inbound.about),
        code=storable(inbound.code)[:100],
        words=storable(inbound.words)[:1000],
        data=storable(dict(inbound.data)),
        subject=storable(inbound.subject)[:MOST_SUBJECT_CHARACTERS],
        replies_to=tuple(storable(inbound.replies_to)),
        content=storable(dict(inbound.content)),
        html=storable(inbound.html),
    )


def content_of(inbound: Inbound) -> dict[str, Any]:
    """What it carries beside its text."""
    return {**inbound.content, **({"subject": inbound.subject} if inbound.subject else {})}


def _attached(inbound: Inbound) -> list[File]:
    """Its files, and after them the page that it is laid out as."""
    page = [File("message.html", "text/html; charset=utf-8", inbound.html.encode())] if inbound.html else []
    return [*inbound.files, *page]


async def _take_in(
    db: AsyncSession, hub: Context, inbound: Inbound, within: Interaction | None, at: Address | None,
    kept: list[StoredFile],
) -> Receipt:  # fmt: skip
    channel, now = hub.channels[inbound.channel], hub.clock.now()
    address, workspace = await place(db, inbound, within, invited=channel.limits.pulled, at=at)
    try:
        person = identity.normal(channel.identity, inbound.sender, workspace.default_region)
    except identity.NotAnIdentity as error:
        raise Refused(str(error), 400) from None
    earlier, machine = None, ""
    if channel.limits.letters:
        earlier = await letters.exchange(db, inbound, workspace.id, person)
        machine = await letters.automatic(db, inbound, workspace.id, person, now)
    await lock(db, workspace.id, channel.identity, earlier.person if earlier else person)
    interaction = await _interaction(db, channel, inbound, within, address, workspace, person, now, earlier)
    text = inbound.text
    said_already = [UUID(one.file_id) for one in inbound.media if one.file_id]
    await stored.say_where(db, workspace.id, interaction.id, said_already)
    attached = await _files(db, hub, inbound, interaction, kept)
    content = content_of(inbound)
    if inbound.replies_to and not channel.limits.letters:
        content |= await _answered(db, workspace, inbound)
    if inbound.html:
        content["html_file"] = attached.pop().file_id
    if machine:
        content["automatic"] = machine
    if channel.limits.letters and person != interaction.person:  # somebody else in the exchange of theirs
        words = f"{person} wrote this, not {interaction.person}."
        content["mail"] = {**(content.get("mail") or {}), "trusted": False, "trust": words}
    waiting, unanswered = interaction.waiting_since, interaction.heard_seq > interaction.answered_seq
    said = say_in(
        db, interaction, now, role="customer", text=text, external_id=inbound.external_id,
        media=[asdict(item) for item in (*inbound.media, *attached)], content=content,
    )  # fmt: skip
    if machine:  # nobody waits for an answer to it
        interaction.waiting_since = waiting
        interaction.answered_seq = interaction.answered_seq if unanswered else interaction.heard_seq
    to_fetch = channel.limits.fetched and bool(inbound.media)
    word = policy.keyword(text) if channel.limits.keywords else None
    handled = word is not None and await _obey(db, interaction, workspace, channel, word, text, now)
    handled = handled or (bool(text.strip()) and not machine and await hop.pass_on(db, hub, interaction, said))
    owed = interaction.owner == "ai" and not handled and not machine
    await db.flush()
    await message_used(db, channel.limits, interaction, said, now)
    entry = InboxEntry(
        workspace_id=workspace.id, interaction_id=interaction.id, message_id=said.id, channel=inbound.channel,
        external_id=_known_as(inbound, at, person), kind=inbound.kind, data=dict(inbound.data),
        received_at=now, done_at=None if owed else now,
    )  # fmt: skip
    if not await transit.take_in(db, entry):
        raise _CameBefore(entry.external_id)
    if to_fetch:
        db.add(
            FetchEntry(
                message_id=said.id,
                workspace_id=workspace.id,
                interaction_id=interaction.id,
                channel=inbound.channel,
                due_at=now,
                created_at=now,
            )
        )
    failpoints.reach("receive.storing")
    return Receipt(True, interaction.id, said.id, answer=owed, deliver=handled, fetch=to_fetch)


async def _answered(db: AsyncSession, workspace: Workspace, inbound: Inbound) -> dict[str, Any]:
    """The message that this one says it answers, for people to read above it."""
    found = await interactions.known_as(db, workspace.id, inbound.channel, inbound.replies_to)
    if found is None:
        return {}
    by = found.author if found.role != "customer" else ""
    return {"answers": {"message_id": str(found.id), "text": found.text[:QUOTED_CHARACTERS], "by": by}}


def _known_as(inbound: Inbound, at: Address | None, person: str) -> str:
    """Its id; where senders make it up themselves, nobody's can take the place of another's."""
    return f"{at.workspace_id.hex}:{person}:{inbound.external_id}" if at else inbound.external_id


async def _files(
    db: AsyncSession, hub: Context, inbound: Inbound, interaction: Interaction, kept: list[StoredFile]
) -> list[Media]:  # fmt: skip
    """Its files as attachments of the interaction, written now unless they are on the disk already."""
    for row in kept:
        row.interaction_id = interaction.id
        db.add(row)
    if not kept:
        for one in _attached(inbound):
            kept.append((await files.keep(hub, db, interaction.workspace_id, interaction.id, one))[1])
    return [files.media_of(row) for row in kept]


async def _interaction(
    db: AsyncSession, channel: Channel, inbound: Inbound, within: Interaction | None, address: Address | None,
    workspace: Workspace, person: str, now: datetime, earlier: Interaction | None = None,
) -> Interaction:  # fmt: skip
    """The open interaction of this thread, else a new one; of the person and thread of the `earlier` one, if any."""
    thread = within.thread if within else inbound.thread or reach.thread_of(address, person)
    if earlier is not None:
        thread = earlier.thread
    found = await interactions.open_in_thread(db, workspace.id, inbound.channel, thread)
    if found is not None:
        return found
    if within is not None:
        raise Refused("This interaction has ended. Start a new one.", 409)
    if earlier is not None and earlier.person != person:
        person, inbound = earlier.person, replace(inbound, sender_name="", proven=False)
    customer = await identity.recognise(
        db, workspace, channel.identity, person, name=inbound.sender_name, source=inbound.channel,
        strength="verified" if inbound.proven else "asserted",
    )  # fmt: skip
    made = await open_interaction(db, workspace, customer, inbound.channel, thread, person, address=address, now=now)
    if channel.limits.greets and (shown := opening(made.agent)):
        say_in(db, made, now, role="agent", author=made.agent.get("name", ""), text=shown)
    return made


def opening(agent: Mapping[str, Any]) -> str:
    """The agent's opening message as somebody reads it of whom we know nothing yet."""
    values = {**agent.get("parameters", {}), "agent": {"name": agent.get("name", "")}}
    return fill(agent.get("opening_message") or "", values).strip()


async def place(
    db: AsyncSession, inbound: Inbound, within: Interaction | None, *, invited: bool, at: Address | None = None
) -> tuple[Address | None, Workspace]:
    """The address it came to, made when it is the only workspace's; not where only our own page leads there.

    What came the way of the address `at` may be meant for another of the same workspace.
    """
    if at is not None:
        workspace = await agents.workspace(db, at.workspace_id)
        assert workspace is not None  # noqa: S101 - foreign key
        ours = {one.value: one for one in await agents.addresses(db, at.workspace_id, inbound.channel)}
        meant = (value.lower() for value in (inbound.recipient, *inbound.also))
        return next((ours[value] for value in meant if value in ours), at), workspace
    if within is not None:
        workspace = await agents.workspace(db, within.workspace_id)
        assert workspace is not None  # noqa: S101 - foreign key
        return None, workspace
    found = await agents.address_called(db, inbound.channel, inbound.recipient, *inbound.also)
    if found is not None:
        return found
    only = None if invited else await agents.only_workspace(db)
    if only is None or not inbound.recipient:
        raise Refused(f"No address {inbound.recipient!r} on {inbound.channel}. Add it under Addresses.", 404)
    await lock(db, "address", inbound.channel, inbound.recipient)
    again = await agents.address_called(db, inbound.channel, inbound.recipient)
    if again is not None:
        return again
    address = Address(workspace_id=only.id, channel=inbound.channel, value=inbound.recipient[:320])
    db.add(address)
    await db.flush()
    return address, only


async def _obey(
    db: AsyncSession, interaction: Interaction, workspace: Workspace, channel: Channel, word: policy.Keyword,
    text: str, now: datetime,
) -> bool:  # fmt: skip
    """Carry out STOP, START or HELP before any agent sees it."""
    interaction.answered_seq = interaction.heard_seq
    if interaction.owner == "ai":
        interaction.waiting_since = None
    if word == "stop":
        await policy.refuse_further(db, interaction, channel.identity, "keyword", text, now)
        interaction.waiting_since = None
        if interaction.owner == "queue" and interaction.agent:
            interaction.owner = "ai"
        interactions.log(db, interaction, "consent.revoked", now, source="keyword", text=text)
        say_in(db, interaction, now, role="system", text="The customer opted out. Nothing more is sent to them.")
        return True
    if word == "help" and await policy.refuses(db, interaction, channel.identity, channel.limits):
        return True
    if word == "start":
        policy.grant(db, interaction, channel.identity, "keyword", text, now)
        interactions.log(db, interaction, "consent.granted", now, source="keyword", text=text)
        await db.flush()
        if await policy.refuses(db, interaction, channel.identity, channel.limits):
            refused = "The customer wrote START, but has refused messages in another way too. Nothing is sent to them."
            say_in(db, interaction, now, role="system", text=refused)
            return True
        answer = f"{workspace.name}: you are subscribed again. Reply STOP to opt out, HELP for help."
    else:
        answer = f"{workspace.name}: write your question here and we will answer. Reply STOP to opt out."
    owe(db, interaction, say_in(db, interaction, now, role="system", text=answer), now)
    return True
