"""Phone calls over the sandbox's carrier with its Deepgram as ears and mouth, well or with one fault each.

The people speak tones, at whose end the words stand for other ears too; so a call goes on when Deepgram fails.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.sandbox import tones
from fixtures.sandbox.twilio.voice.audio import from_mulaw, to_mulaw
from hub.engine import Account
from hub.engines import TRANSCRIBERS, VOICES
from hub.engines.deepgram_aura import Aura
from hub.models import AgentDefinition
from tests.call_world import Exchange, Script, agent, exchange, hidden, spelled, wav
from tests.fakes import FakeClock
from tests.test_calls_faults import QUIET, SOUND, Silence, silences
from tests.world import Sandbox

EARS = {"nova": "hub.engines.deepgram_nova:Nova", "flux": "hub.engines.deepgram_flux:Flux"}
MOUTH = "hub.engines.deepgram_aura:Aura"
APART_SECONDS = 0.5
"""Each agent is another one, whose engines are got ready while it rings."""


def says(text: str) -> dict[str, Any]:
    """A step of a script: somebody says this."""
    return {"wav": wav(to_mulaw(tones.spoken(text)) + hidden(text) + b"\xff" * 320)}


TALK: Script = [
    SOUND, QUIET, says("What are your opening hours?"), SOUND, QUIET,
    says("And what about Sunday in the morning?"), SOUND, QUIET, says("Are you there?"), SOUND, QUIET,
]  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """A fault of the engine `of`: `nova`, `flux` or `aura`."""

    of: str
    fault: str
    after: int = 1

    @property
    def engine(self) -> str:
        """Each has an engine's name of its own, so that no call is spared what another has met."""
        return f"deepgram-{self.of}-{self.fault}"

    @property
    def mark(self) -> str:
        """The voice or the key term by which its requests are known."""
        return f"aura-2-{self.fault.replace('_', '')}-en" if self.of == "aura" else f"{self.of}{self.fault}"

    def agent(self) -> AgentDefinition:
        more: dict[str, Any] = {"idle_seconds": 4, "opening_message": "Good morning. How can I help you today?"}
        if self.of == "aura":
            return agent(ears="deepgram", voice=self.engine, voice_options={"voice": self.mark}, **more)
        hearing = {"engine": self.engine, "fallbacks": ["second-ears"], "keywords": [self.mark]}
        return agent(voice="deepgram", hearing=hearing, **more)


@contextlib.contextmanager
def named(troubles: list[Trouble]) -> Iterator[None]:
    """The engines of these troubles are in the rosters."""
    for one in troubles:
        (VOICES if one.of == "aura" else TRANSCRIBERS)[one.engine] = MOUTH if one.of == "aura" else EARS[one.of]
    try:
        yield
    finally:
        for one in troubles:
            (VOICES if one.of == "aura" else TRANSCRIBERS).pop(one.engine)


@contextlib.asynccontextmanager
async def calls(
    database_url: str, sandbox: Sandbox, clock: FakeClock, folder: Path, troubles: list[Trouble] | None = None
) -> AsyncIterator[Exchange]:
    """A hub whose Deepgram is the sandbox's, which misbehaves so."""
    vendor = {"DEEPGRAM_API_KEY": "sandbox", "DEEPGRAM_BASE_URL": f"{sandbox.url}/deepgram"}
    await sandbox.ask("DELETE", "/control/engines/deepgram")
    for one in troubles or ():
        fault = {"name": one.fault, "stage": one.mark, "after": one.after}
        await sandbox.ask("POST", "/control/engines/deepgram", {"fault": fault})
    await Aura().voices(Account("sandbox", vendor["DEEPGRAM_BASE_URL"]))  # the SDK is loaded, as in a hub that has run
    with named(troubles or []):
        async with exchange(database_url, sandbox, clock, folder, **vendor) as phones:
            yield phones
    await sandbox.ask("DELETE", "/control/engines/deepgram")


@dataclass(frozen=True)
class Suffered:
    """What became of a call in trouble."""

    trouble: Trouble
    sid: str
    silences: list[Silence]
    connections: int
    reasons: list[str]
    """What the administrator reads of the engine's failures."""
    said: list[str]
    """What was understood of the person."""
    unheard: str
    """Words that are remembered as said to them, and never sounded."""


async def all_of(phones: Exchange, troubles: list[Trouble]) -> list[Suffered]:
    """A call with each, side by side."""

    async def one(trouble: Trouble, after_seconds: float) -> Suffered:
        await asyncio.sleep(after_seconds)
        return await suffer(phones, trouble)

    return await asyncio.gather(*(one(trouble, at * APART_SECONDS) for at, trouble in enumerate(troubles)))


async def suffer(phones: Exchange, trouble: Trouble) -> Suffered:
    """One call with it, from the first ring to the last word."""
    sid = await phones.calls_us(await phones.number(trouble.agent()), TALK)
    await phones.until(sid, 60, script="done")
    await phones.hangs_up(sid)
    call = await phones.over(sid)
    interaction = await phones.ended(sid, 20)
    assert interaction.status == "completed", (trouble, interaction.failure_reason)
    failures = [
        str(event.data["why"]) for event in await phones.records.events("engine.failed")
        if event.interaction_id == interaction.id and event.data.get("engine") == trouble.engine
    ]  # fmt: skip
    transcript = await phones.transcript(interaction.id)
    heard = await phones.heard(sid)
    sounded = f"{tones.read(from_mulaw(heard))} {spelled(heard)}".lower()
    remembered = [word for role, text in transcript if role == "agent" for word in text.split()]
    unheard = [word for word in remembered if word.lower() not in sounded]
    return Suffered(
        trouble, sid, silences(call, trouble.engine), await asked_of(phones, trouble.mark), failures,
        [text for role, text in transcript if role == "customer"], " ".join(unheard),
    )  # fmt: skip


async def asked(phones: Exchange) -> list[dict[str, Any]]:
    """All that Deepgram was asked."""
    return list((await phones.carrier.get("/control/engines/deepgram")).json()["asked"])


async def asked_of(phones: Exchange, mark: str) -> int:
    """How many connections or requests had this in their query."""
    return sum(mark in str(one.get("query")) for one in await asked(phones))


async def heard_tones(phones: Exchange, sid: str) -> str:
    """What the person heard of Deepgram's voice."""
    return tones.read(from_mulaw(await phones.heard(sid)))
