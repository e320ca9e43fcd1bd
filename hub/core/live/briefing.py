"""What a colleague is told who is called to take a customer over, and how they answer."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.live.withheld import KEYS_NOT_KEPT, NOT_KEPT
from hub.dialogue.choices import find_yes_no
from hub.dialogue.turn import Cue, Finish, HandToHuman, Piece, Say
from hub.models import AgentDefinition, Interaction
from hub.models.voice import Call
from hub.store import interactions, people
from hub.voice.mind import Thought

CHOICE = "Press 1 to take the call, or 2 to decline."
DECLINED = "All right, I tell them. Goodbye."
NOBODY_CHOSE = "I heard no answer. Goodbye."
ACCEPTED = HandToHuman("They take the call.")
TAKE, DECLINE = "1", "2"

LONGEST_SILENCE_SECONDS = 8.0
"""So much quiet after the briefing brings the choice again, and then the end."""
LAST_LINES, LINE_CHARACTERS = 3, 200
MOST_WORDS = 5
"""A longer sentence is no answer: greetings of machines hold a yes or a no, too."""

_UNKEPT = (NOT_KEPT, KEYS_NOT_KEPT)
_AGAIN = re.compile(r"\b(?:who|what|again|repeat|sorry|pardon|excuse)\b")
_TAKEN = re.compile(r"^(?:1|one|take (?:it|the call)|i(?:'ll| will) take (?:it|the call)|accept)\W*$")
_REFUSED = re.compile(r"^(?:2|two|decline)\W*$")


def definition(agent: Mapping[str, Any], settings: Call) -> dict[str, Any]:
    """The agent that briefs: it hears and speaks as the customer's own does."""
    call = settings.model_copy(
        update={
            "consent_message": "", "opening_interruptible": False, "backchannel_enabled": False,
            "idle_seconds": min(settings.idle_seconds, LONGEST_SILENCE_SECONDS), "silence_hangup_seconds": 3_600,
            "goodbye_phrases": [], "wrap_up_seconds": 0, "voicemail_message": "", "transfer_to": "",
        }
    )  # fmt: skip
    made = AgentDefinition(name="Briefing", language=str(agent.get("language", "en-US")), call=call)
    return made.model_dump(mode="json")


async def briefing(db: AsyncSession, interaction: Interaction, given: str) -> str:
    """Who is on the line and what about: as it was `given`, else what they said and what is noted of them."""
    customer = await people.customer(db, interaction.workspace_id, interaction.customer_id)
    name = customer.name if customer is not None else ""
    agent = str(interaction.agent.get("name", ""))
    number = interaction.person.lstrip("+")
    who = name or (f"a caller with the number {' '.join(number)}" if number.isdigit() else "a customer")
    told = [f"A call for you from {agent}." if agent else "A call for you.", f"On the line is {who}."]
    told.append(given.strip() or await _summary(db, interaction))
    return " ".join(part for part in told if part)


async def _summary(db: AsyncSession, interaction: Interaction) -> str:
    noted: dict[str, str] = {}
    for event in await interactions.events_of(db, interaction.id, "field.collected"):
        noted[str(event.data.get("field", "")).replace("_", " ")] = str(event.data.get("value", ""))[:LINE_CHARACTERS]
    said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=60)
    lines = [" ".join(one.text.split()) for one in said if one.role == "customer" and one.text not in _UNKEPT]
    last = [_ended(line[:LINE_CHARACTERS]) for line in lines[-LAST_LINES:] if line]
    facts = ", ".join(f"{field} {value}" for field, value in noted.items() if value not in _UNKEPT)
    parts = [f"We noted {_ended(facts)}" if facts else "", f"They said, {' '.join(last)}" if last else ""]
    return " ".join(part for part in parts if part)


def _ended(text: str) -> str:
    return text if text[-1:] in ".!?" else f"{text}."


def chosen(said: str) -> bool | None:
    """Whether these words take the call; None when they are no answer."""
    low = said.lower().strip()
    if len(low.split()) > MOST_WORDS or _AGAIN.search(low):
        return None
    if _TAKEN.search(low) or _REFUSED.search(low):
        return bool(_TAKEN.search(low))
    found = find_yes_no(low, asked=False)
    return None if found is None else bool(found.value)


class Briefing:
    """The `Mind` of such a call: says what it is about until there is a yes or a no."""

    def __init__(self, words: str) -> None:
        self.words, self._reminded = words, False

    def think(self, said: str, cue: Cue, sure: asyncio.Event) -> "Thought":
        return _Answer(self._answer(said, cue))

    def _answer(self, said: str, cue: Cue) -> list[Piece]:
        if cue == "silence":
            if self._reminded:
                return [Say(NOBODY_CHOSE), Finish("silence")]
            self._reminded = True
            return [Say(CHOICE)]
        taken = chosen(said.splitlines()[-1]) if cue == "message" and said else None
        if taken is not None:
            return [ACCEPTED] if taken else [Say(DECLINED), Finish("agent_hangup")]
        if cue == "message" and not _AGAIN.search(said.lower()):
            return [Say(CHOICE)]
        return [Say(f"{self.words} {CHOICE}")]

    def remember(self, role: str, text: str) -> None: ...

    @property
    def name(self) -> str:
        return "briefing"

    def another(self) -> bool:
        return False

    def offered(self) -> list[str]:
        return ["yes", "no", "one", "two"]


class _Answer(Thought):
    def __init__(self, answer: list[Piece]) -> None:
        self._answer = answer

    async def pieces(self) -> AsyncIterator[Piece]:
        for piece in self._answer:
            yield piece

    def keep(self) -> None: ...
