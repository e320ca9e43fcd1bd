"""Proof of an identity by a one-time code: six digits sent by SMS or email, entered within ten minutes."""

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity
from hub.core import customers, reach
from hub.core.audit import note
from hub.core.context import Context
from hub.core.customers import NoCustomer, NotPossible
from hub.dialogue.numbers import spoken_digits
from hub.models import Customer, Identity, Interaction, Verification, Workspace
from hub.models.columns import new_id
from hub.store import agents, digest, lock, people, reaching

LASTS = timedelta(minutes=10)
MOST_TRIES = 5
HIDDEN = "••••••"
"""What the thread shows in the code's place, so that no colleague can read it."""
_RATES = ((timedelta(minutes=10), 3, 3), (timedelta(days=1), 20, 10))
"""Within so long, at most so many codes to one customer, and to one identity."""
_CHANNELS = {"phone": "sms", "whatsapp": "sms", "email": "email"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A code on its way: where it went, and the interaction in which it is owed to the provider."""

    verification: Verification
    by_interaction_id: UUID


def code_of(db: AsyncSession, verification_id: UUID | str) -> str:
    """The six digits. They are nowhere: they follow from the id and the hub's key."""
    number = int(digest(db, "code", UUID(str(verification_id))), 16)
    return f"{number % 1_000_000:06d}"


async def send_code(
    hub: Context, workspace_id: UUID, customer_id: UUID, kind: str, value: str, *, by: str,
    interaction_id: UUID | None = None,
) -> Sent:  # fmt: skip
    """Send a code to this number or mailbox, which need not be known to be the customer's.

    Raises `NoCustomer`, `NotAnIdentity`, `NotAllowed` and `NotPossible`: no such channel, too many codes.
    """
    async with hub.store.write() as db:
        customer, workspace = await _customer(db, workspace_id, customer_id)
        channel = _CHANNELS.get(kind, "")
        if channel not in hub.channels:
            raise NotPossible(f"A {kind} cannot be verified: no code can be sent to it here.", "no_channel")
        value = identity.normal(kind, value, workspace.default_region)
        await lock(db, workspace_id, kind, value)
        await _slowly(db, hub, customer_id, workspace_id, value)
        now = hub.clock.now()
        made = Verification(
            id=new_id(), workspace_id=workspace_id, customer_id=customer_id, interaction_id=interaction_id, kind=kind,
            value=value, channel=channel, by=by[:200], created_at=now, expires_at=now + LASTS,
        )  # fmt: skip
        db.add(made)
        address = await reach.address_of(db, hub, workspace, channel)
        by_interaction, _ = await reach.exchange(
            db, hub, workspace, customer, channel, value, address=address, now=now
        )  # fmt: skip
        text = f"{HIDDEN} is your code for {workspace.name}. It is good for 10 minutes. Give it to nobody but us."
        content = {"code": str(made.id), "subject": f"Your code for {workspace.name}"}
        await reach.say_by(db, hub, by_interaction, text, content=content, role="system")
    return Sent(made, by_interaction.id)


async def _customer(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> tuple[Customer, Workspace]:
    customer = await people.customer(db, workspace_id, customer_id)
    workspace = await agents.workspace(db, workspace_id)
    if customer is None or workspace is None:
        raise NoCustomer("There is no such customer.")
    return customer, workspace


async def _slowly(db: AsyncSession, hub: Context, customer_id: UUID, workspace_id: UUID, value: str) -> None:
    for within, most_of_customer, most_of_value in _RATES:
        since = hub.clock.now() - within
        of_customer = await reaching.codes_since(db, workspace_id, since, customer_id=customer_id)
        of_value = await reaching.codes_since(db, workspace_id, since, value=value)
        if of_customer >= most_of_customer or of_value >= most_of_value:
            raise NotPossible("Too many codes were sent. Wait ten minutes, or prove it another way.", "too_many_codes")


def digits(given: str) -> str:
    """The code in what was typed or said: "it's 123-456", "one two three four double five"."""
    return re.sub(r"\D", "", spoken_digits(given))


async def check_code(
    hub: Context, workspace_id: UUID, customer_id: UUID, given: str, *, by: str, interaction_id: UUID | None = None
) -> Identity:
    """The identity that the code proves to be theirs; it is verified from now on.

    Raises `NoCustomer`, and `NotPossible`: none open, wrong, tried too often, or known as somebody else's.
    """
    fault: NotPossible | None = None
    async with hub.store.write() as db:
        await _customer(db, workspace_id, customer_id)
        now = hub.clock.now()
        entered = await reaching.open_code(db, workspace_id, customer_id, interaction_id, now)
        if entered is None:
            raise NotPossible("There is no code to enter: it is over, or none was sent. Send a new one.", "no_code")
        if entered.tries >= MOST_TRIES:
            raise NotPossible("This code was tried too often. Send a new one.", "too_many_tries")
        if not hmac.compare_digest(code_of(db, entered.id), digits(given)):
            entered.tries += 1
            left = MOST_TRIES - entered.tries
            fault = NotPossible(f"That is not the code. {left} {'try' if left == 1 else 'tries'} left.", "wrong_code")
        else:
            entered.passed_at = now
            return await _prove(db, hub, entered, customer_id, by)
    raise fault


async def _prove(db: AsyncSession, hub: Context, entered: Verification, customer_id: UUID, by: str) -> Identity:
    """The identity is theirs. Its record and theirs become one, unless both have proof of who they are."""
    workspace_id, now = entered.workspace_id, hub.clock.now()
    await lock(db, workspace_id, entered.kind, entered.value)
    known = await people.identity(db, workspace_id, entered.kind, entered.value)
    if known is not None and known.customer_id != customer_id:
        if await _is_proved(db, workspace_id, customer_id) and await _is_proved(db, workspace_id, known.customer_id):
            raise NotPossible("Another customer has proved this too. A colleague has to look at both.", "conflict")
        await customers.merge_in(db, hub, workspace_id, known.customer_id, customer_id, by="a code that was entered")
        customer_id = known.customer_id
    proved = known or await customers.add_in(
        db, hub, workspace_id, customer_id, entered.kind, entered.value, by=by, source=f"code by {entered.channel}"
    )
    proved.strength = "verified"
    proved.proof = identity.proof(f"one-time code by {entered.channel}", by, now)
    note(db, workspace_id, by, "identity.verified", customer_id, now, kind=entered.kind)
    return proved


async def _is_proved(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> bool:
    return any(one.strength == "verified" for one in await people.identities(db, workspace_id, customer_id))


async def is_verified(hub: Context, interaction_id: UUID) -> bool:
    """Whether it is proved who this interaction is with: they came by a verified identity, or entered a code in it.

    A mail whose sender is not proved comes by no identity at all.
    """
    async with hub.store.glance() as db:
        interaction = await db.get(Interaction, interaction_id)
        if interaction is None:
            return False
        if await reaching.passed_in(db, interaction_id) is not None:
            return True
        kind = hub.channels[interaction.channel].identity
        known = await people.identity(db, interaction.workspace_id, kind, interaction.person)
        theirs = known is not None and known.customer_id == interaction.customer_id and known.strength == "verified"
        return theirs and not await reaching.distrusted(db, interaction_id)
