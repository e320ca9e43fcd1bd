"""What an agent may do in the customer's name: send something where they are known or say they are, refuse for them.

It is decided here and not by the prompt: what a tool, a document or a mail names is nobody's wish.
"""

import re

import phonenumbers
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity
from hub.core.context import Context
from hub.core.customers import NotPossible
from hub.dialogue.contacts import find_email, find_phone
from hub.dialogue.text import Found, clean, fold
from hub.dialogue.turn import Turn
from hub.models import Interaction
from hub.store import interactions, people, reaching

MOST_STRANGERS = 1
"""So many numbers or addresses that are not known as theirs, in one conversation."""
_READ_BACK = 40
_FEWEST_DIGITS = 7
_COSTLY = {
    phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST,
    phonenumbers.PhoneNumberType.PAGER,
    phonenumbers.PhoneNumberType.UAN,
}


def costly(number: str) -> bool:
    """Whether a number in E.164 is one that costs more than a call or a text."""
    try:
        return phonenumbers.number_type(phonenumbers.parse(number)) in _COSTLY
    except phonenumbers.NumberParseException:
        return False


async def may_be_sent(hub: Context, interaction: Interaction, kind: str, to: str, turn: Turn) -> None:
    """Whether words of the agent may go there. Raises `NotPossible`, `NotAnIdentity`."""
    async with hub.store.glance() as db:
        _, workspace = await people.customer_at_home(db, interaction.customer_id)
        person = identity.normal(kind, to, workspace.default_region)
        if await _theirs(db, interaction, person):
            return
        _said_by_them(turn, await _given(db, interaction, turn), kind, person, workspace.default_region)
        known = await people.identity(db, workspace.id, kind, person)
        if known is not None and known.customer_id != interaction.customer_id:
            words = "This is known as somebody else's. Let them prove that it is theirs: verify_customer with it."
            raise NotPossible(words, "somebody_else")
        strangers = await reaching.sent_to_out_of(db, interaction.id)
        theirs = [one for one in strangers if one == person or await _theirs(db, interaction, one)]
        if len(set(strangers) - set(theirs)) >= MOST_STRANGERS:
            raise NotPossible("Something was sent to another number or address already.", "too_many")


async def may_be_asked(hub: Context, interaction: Interaction, kind: str, to: str, turn: Turn) -> None:
    """Whether a code may go there, which proves whose it is. Raises `NotPossible`, `NotAnIdentity`."""
    async with hub.store.glance() as db:
        _, workspace = await people.customer_at_home(db, interaction.customer_id)
        person = identity.normal(kind, to, workspace.default_region)
        if not await _theirs(db, interaction, person):
            _said_by_them(turn, await _given(db, interaction, turn), kind, person, workspace.default_region)


def said_so(turn: Turn, words: str) -> bool:
    """Whether these are the customer's own words, just said."""
    given = fold(clean(words)).strip(" .!?\"'")
    return bool(given) and given in fold(clean(turn.said))


async def _theirs(db: AsyncSession, interaction: Interaction, person: str) -> bool:
    """Whether this customer is known by it."""
    known = await people.identities(db, interaction.workspace_id, interaction.customer_id)
    return person == interaction.person or any(one.value == person and one.strength != "inferred" for one in known)


async def _given(db: AsyncSession, interaction: Interaction, turn: Turn) -> list[str]:
    """What the conversation was started with. What the agent itself has set since is nobody's word."""
    own = await interactions.parameters_set(db, interaction.id)
    return [str(value) for name, value in turn.parameters.items() if name not in own and isinstance(value, str | int)]


def _said_by_them(turn: Turn, given: list[str], kind: str, person: str, region: str) -> None:
    if kind == "phone" and costly(person):
        raise NotPossible(f"{person} is a costly number; nothing is sent there.", "costly")
    said = [turn.said, *(entry.text for entry in reversed(turn.history) if entry.role == "customer")]
    if not any(_names(text, kind, person, region) for text in [*said[:_READ_BACK], *given]):
        words = "mail address" if kind == "email" else "number"
        raise NotPossible(f"The customer has not named this {words}. Ask them where it shall go.", "not_named")


def _names(text: str, kind: str, person: str, region: str) -> bool:
    """Whether a text names it, in writing or as people say it."""
    if kind == "email":
        found = find_email(text[:4_000])
        return person in text.lower() or (found is not None and found.value == person)
    digits = re.sub(r"\D", "", person)[-10:]
    if len(digits) >= _FEWEST_DIGITS and digits in re.sub(r"\D", "", text):
        return True
    spoken = find_phone(text[:1_500], region, asked=True)
    return isinstance(spoken, Found) and spoken.value == person
