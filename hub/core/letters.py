"""Letters, such as mail: which exchange one belongs to, whether a machine wrote it, what ours say around their text."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Inbound, Quoted
from hub.identity import NotAnIdentity, normal
from hub.models import Interaction, Message, OutboxEntry
from hub.policy import NotAllowed
from hub.store import agents, interactions, mails

ROBOTS_STOP_FOR = timedelta(minutes=10)
MOST_ANSWERS = 10
"""So many of ours to one person within that time; nobody writes mail faster than that."""
MOST_COPIES = 50
MOST_SUBJECT_CHARACTERS = 900
_MOST_REFERENCES = 20


async def exchange(db: AsyncSession, inbound: Inbound, workspace_id: UUID, person: str) -> Interaction | None:
    """The interaction that a letter goes on with: by our signed reply address, else by the messages it names.

    Naming a message is no proof: only the customer of its interaction, or somebody we know to have got a copy,
    may go on with it.
    """
    if (named := _uuid(inbound.about)) is not None:
        found = await interactions.interaction(db, workspace_id, named)
        if found is not None and found.channel == inbound.channel:
            return found
    for found in await mails.answered(db, workspace_id, inbound.channel, inbound.replies_to):
        if found.person == person or person in await _copied(db, found):
            return found
    return None


async def _copied(db: AsyncSession, interaction: Interaction) -> set[str]:
    """Who certainly got copies in it: those whom we, or people who proved who they are, named."""
    sure = [
        message.content.get("mail") or {}
        for message in await mails.letters_in(db, interaction.id)
        if message.role != "customer" or (message.content.get("mail") or {}).get("trusted")
    ]
    named = [str(one) for mail in sure for name in ("to", "cc") for one in mail.get(name) or []]
    return {address_in(one) for one in named}


def address_in(person: str) -> str:
    """The address out of `Ana <ana@example.com>`, in small letters."""
    found = re.search(r"<([^<>]+)>\s*$", person)
    return (found[1] if found else person).strip().lower()


def around(subject: str, cc: Iterable[str], bcc: Iterable[str], *, quote: bool) -> dict[str, Any]:
    """What a letter of ours has beside its text, as its content. Raises `NotAllowed` for copies to no address."""
    mail = {"cc": _copies(cc, "Cc"), "bcc": _copies(bcc, "Bcc"), "quote": quote}
    return {"subject": " ".join(subject.split())[:MOST_SUBJECT_CHARACTERS], "mail": mail}


def _copies(people: Iterable[str], name: str) -> list[str]:
    try:
        made = dict.fromkeys(normal("email", address_in(one)) for one in people if one.strip())
    except NotAnIdentity as error:
        raise NotAllowed(f"{name}: {error}", "copies") from None
    if len(made) > MOST_COPIES:
        raise NotAllowed(f"At most {MOST_COPIES} people can get a copy.", "copies")
    return list(made)


async def automatic(
    db: AsyncSession, inbound: Inbound, workspace_id: UUID, person: str, now: datetime
) -> str:  # fmt: skip
    """Why a machine is taken to have written it; empty when a person may have."""
    if inbound.automatic:
        return inbound.automatic
    if any(address.value == person for address in await agents.addresses(db, workspace_id, inbound.channel)):
        return "It comes from one of our own addresses."
    said = await mails.lately(db, workspace_id, inbound.channel, person, now - ROBOTS_STOP_FOR)
    answers = sum(role in ("agent", "system") for role, _ in said)
    if answers and any(role == "customer" and _alike(text) == _alike(inbound.text) for role, text in said):
        return "It says the same as a mail of minutes ago, which was answered."
    if answers >= MOST_ANSWERS:
        return f"The agent answered {answers} mails of this address within {ROBOTS_STOP_FOR.seconds // 60} minutes."
    return ""


def _alike(text: str) -> str:
    """Without what machines change from mail to mail, such as ticket numbers and times."""
    return re.sub(r"[\W\d_]+", " ", text.casefold()).strip()


async def address(db: AsyncSession, entry: OutboxEntry, message: Message) -> Message:
    """Write into a message that is about to go what stands around its text: subject, sender, what it answers."""
    written = await db.get(Message, message.id)
    assert written is not None  # noqa: S101 - its entry refers to it
    parent = await mails.newest_of_customer(db, message.interaction_id, message.seq)
    before = (parent.content.get("mail") or {}) if parent else {}
    given: Mapping[str, Any] = message.content.get("mail") or {}
    answered = parent.external_id if parent else ""
    chain = [*(before.get("references") or []), *([answered] if answered else [])]
    mail = {
        **given,
        "from": entry.sender, "from_name": message.author, "to": [entry.recipient],
        "in_reply_to": answered,
        "references": list(dict.fromkeys([*chain[:1], *chain[-_MOST_REFERENCES:]])),
        "automatic": message.role in ("agent", "system"),
    }  # fmt: skip
    subject = message.content.get("subject") or await _subject(db, entry, parent)
    written.content = {**message.content, "subject": subject, "mail": mail}
    return written


async def _subject(db: AsyncSession, entry: OutboxEntry, parent: Message | None) -> str:
    """`Re:` what the customer wrote about, else what we did."""
    if parent is not None:
        return again(str(parent.content.get("subject") or "").strip() or "your message")
    for earlier in await mails.letters_in(db, entry.interaction_id):
        if earlier.content.get("subject"):
            return str(earlier.content["subject"])
    workspace = await agents.workspace(db, entry.workspace_id)
    return f"A message from {workspace.name}" if workspace else "A message"


def again(subject: str) -> str:
    """`Re:` before it, once."""
    return subject if re.match(r"\s*re\s*:", subject, re.IGNORECASE) else f"Re: {subject}"


async def quoted(db: AsyncSession, message: Message) -> Quoted | None:
    """What the customer wrote last, whole, unless the writer did not want it quoted."""
    if (message.content.get("mail") or {}).get("quote") is False:
        return None
    parent = await mails.newest_of_customer(db, message.interaction_id, message.seq)
    if parent is None:
        return None
    mail = parent.content.get("mail") or {}
    return Quoted(str(mail.get("whole") or parent.text), str(mail.get("from") or "you"), parent.created_at)


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
