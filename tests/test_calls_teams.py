"""Teams on the phone: who takes over speaks with a voice of their own, at once, and knows what was said."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hub.channel import Inbound, Limits
from hub.engine import Account, EngineFailed
from hub.engines import ENGINES, TRANSCRIBERS, VOICES
from hub.models import Event, Interaction, Message
from hub.store import Store
from hub.voice.chain import BREAKER
from hub.voice.speech import Format, Hints
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock, until
from tests.lines import Reader, ReadingEars, TextLine, Writer, WritingMouth
from tests.team_world import ASKED, BILL, REPAIR, TO_BEN, TO_ZOE, ben, kept, maya, ring, workshop, zoe
from tests.world import Core, bus, core, eventually, furnish

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
ANA = "+12025550101"
Told = list[tuple[str, str]]


class Ears(Reader):
    """They say which hints they were opened with, or do not open."""

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> ReadingEars:
        HINTS.append(hints)
        if options.get("deaf"):
            raise EngineFailed("deaf")
        return await super().open(format, hints, options, account)


class Voice(Writer):
    """A voice that says whose it is before each sentence."""

    async def open(
        self, format: Format, language: str, options: Mapping[str, Any], account: Account
    ) -> WritingMouth:  # fmt: skip
        OPENED.append(str(options.get("voice", "")))
        if options.get("voice") == "mute":
            raise EngineFailed("mute")
        return Mouth(str(options.get("voice", "")))


class Mouth(WritingMouth):
    def __init__(self, whose: str) -> None:
        self._whose = whose

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        async for sound in super().speak(f"<{self._whose}> {text}"):
            yield sound

    async def close(self) -> None:
        CLOSED.append(self._whose)


HINTS: list[Hints] = []
OPENED: list[str] = []
CLOSED: list[str] = []
NAME = "tests.test_calls_teams"


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(TRANSCRIBERS, "teams-ears", f"{NAME}:Ears")
    monkeypatch.setitem(VOICES, "teams-voice", f"{NAME}:Voice")
    monkeypatch.setitem(ENGINES, "teams-passing", "tests.team_world:Passing")
    for seen in (HINTS, OPENED, CLOSED, ASKED):
        seen.clear()
    BREAKER.__init__()  # type: ignore[misc]
    yield
    BREAKER.__init__()  # type: ignore[misc]


def voiced(voice: str, **hearing: Any) -> dict[str, Any]:
    """The settings of calls of who speaks with this voice."""
    speaking = {"engine": "teams-voice", "voice": voice, "fallbacks": []}
    return {"hearing": {"engine": "teams-ears", **hearing}, "speaking": speaking, "record": False}


HASTY = {"turn_taking": {"interruption_sensitivity": 1}}
"""Who stops at the first word."""


def shop(**more: Any) -> dict[str, Any]:
    """The workshop, on the phone."""
    front, billing, repairs = maya(call=voiced("maya")), ben(call=voiced("ben")), zoe(call=voiced("zoe"))
    return workshop(**{"front": front, "billing": billing, "repairs": repairs} | more)


def circle(*names: str, message: str = "", **call: Any) -> dict[str, Any]:
    """A ring, on the phone; the first one greets."""
    made = ring(*names, message=message)
    for member in made["members"]:
        member["agent"] |= {"call": voiced(member["key"]) | call, "opening_message": "A greeting."}
    return made


class Phone:
    """Ana on the line with a team."""

    def __init__(self, made: Core) -> None:
        self.core, self.line, self.sid = made, TextLine(), f"CA{uuid4().hex}"

    async def rings(self) -> None:
        self.line = TextLine()
        await self.core.hub.receive(
            Inbound("call", "call", self.sid, once=uuid4().hex, sender=ANA, recipient=OUR_NUMBER, line=self.line)
        )

    async def hears(self, words: str) -> None:
        """Until these are the last words that have sounded."""
        await until(lambda: self.line.heard.endswith(words), 20)

    async def says(self, text: str, hears: str) -> None:
        self.line.says(text)
        await self.hears(hears)

    async def breaks(self) -> None:
        self.line.broken = True
        self.line.hang_up()
        await until(lambda: not self.core.context.calls)

    async def interaction(self) -> Interaction:
        return await self.core.records.one(Interaction)

    async def story(self) -> Told:
        """Who said what and who took over, in the order in which it is written down."""
        said = {one.seq: one for one in await self.core.records.all(Message)}
        told: Told = []
        for event in await self.core.records.all(Event):
            if event.type == "member.changed":
                told.append((event.data["from"], event.data["to"]))
            elif event.seq in said:
                told.append((said[event.seq].author or said[event.seq].role, said[event.seq].text))
        return told


@contextlib.asynccontextmanager
async def phone(
    database_url: str, clock: FakeClock, folder: Path, made: dict[str, Any]
) -> AsyncIterator[Phone]:  # fmt: skip
    """A call with this team that has just been answered."""
    store = Store(database_url, bus())
    home = await furnish(store, channels=())
    await kept(store, home.workspace_id, made, number=OUR_NUMBER, channel="call")
    async with core(store, clock, "call") as running:
        running.channels["call"].limits = Limits(length=4096, live=True)
        running.context.data_dir = folder
        ana = Phone(running)
        await ana.rings()
        try:
            yield ana
        finally:
            for live in list(running.context.calls.values()):
                live.line.hang_up()  # type: ignore[attr-defined]
            await running.settled()
    await store.close()


async def test_a_colleague_takes_over_with_a_voice_of_their_own(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    async with phone(sqlite_url, clock, tmp_path, shop()) as ana:
        await ana.hears("How can I help?")
        await ana.says(BILL, "number of the bill?")
        assert ana.line.heard == (
            f"<maya> Hello, this is Maya. <maya> How can I help? <maya> {TO_BEN} "
            "<ben> Hello, I'm Ben from billing. <ben> What is the number of the bill?"
        )
        await ana.says("B1234", "bill B1234.")
        await eventually(ana.story, lambda told: told[-1][1].endswith("B1234."))
        assert await ana.story() == [
            ("Maya", "Hello, this is Maya. How can I help?"), ("customer", BILL), ("Maya", TO_BEN),
            ("front", "billing"), ("Ben", "Hello, I'm Ben from billing. What is the number of the bill?"),
            ("customer", "B1234"), ("Ben", "Perfect. I will look into bill B1234."),
        ]  # fmt: skip
        assert (await ana.interaction()).member == "billing"
        assert CLOSED.count("maya") == OPENED.count("maya"), "a voice that is not needed any more is let go"


async def test_an_announcement_that_was_held_up_is_gone_on_with_by_the_same_voice(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    """What seemed to be an interruption was none, and somebody else has the customer already."""
    made = circle("Al", "Bo", message=" ".join(["I pass you on now."] * 30))
    async with phone(sqlite_url, clock, tmp_path, made) as ana:
        await ana.hears("Al greets.")
        ana.line.says("round")
        (live,) = ana.core.context.calls.values()
        await until(lambda: live.mind.memory.member == "bo")
        speaking = live.conversation.speaking
        assert await speaking.hold() is not None
        speaking.resume()
        await ana.hears("Bo heard round.")
        assert ana.line.heard.count("<al>") >= 30
        assert ana.line.heard.count("<bo>") == 1


async def test_there_is_no_gap_between_who_leaves_and_who_takes_over(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    async with phone(sqlite_url, clock, tmp_path, shop()) as ana:
        await ana.hears("How can I help?")
        await ana.says(BILL, "number of the bill?")
        said = await eventually(lambda: ana.core.records.all(Message), lambda said: len(said) == 4 and said[-1].to_ms)
        leaves, takes_over = said[2], said[3]
        assert takes_over.from_ms is not None
        assert leaves.to_ms is not None
        assert takes_over.from_ms - leaves.to_ms < 100
        assert "response_ms" in leaves.timing
        assert "response_ms" not in takes_over.timing, "nobody waited for it"


async def test_the_ears_learn_whom_they_hear_for(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> None:
    hears = ben(call=voiced("ben", keywords=["Bee"]))
    async with phone(sqlite_url, clock, tmp_path, shop(billing=hears)) as ana:
        await ana.hears("How can I help?")
        assert "question about my bill" in HINTS[-1].phrases, "what leads to a colleague may be said"
        await ana.says(BILL, "number of the bill?")
        assert (HINTS[-1].words, HINTS[-1].definition["name"]) == (["Bee"], "Ben")
        assert "need a repair" in HINTS[-1].phrases
        await ana.says(REPAIR, "A bike or a scooter?")
        assert HINTS[-1].definition["name"] == "Zoe"


async def test_with_ears_that_do_not_open_the_former_ones_go_on(
    sqlite_url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.engines.choice.EARS", ("teams-ears",))  # not even the embedded ones
    deaf = ben(call=voiced("ben", options={"deaf": True}))
    async with phone(sqlite_url, clock, tmp_path, shop(billing=deaf)) as ana:
        await ana.hears("How can I help?")
        await ana.says(BILL, "number of the bill?")
        await ana.says("B1234", "bill B1234.")


async def test_a_voice_that_does_not_open_is_replaced(
    sqlite_url: str, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VOICES, "teams-other", f"{NAME}:Voice")
    call = voiced("mute")
    call["speaking"]["fallbacks"] = ["teams-other"]
    async with phone(sqlite_url, clock, tmp_path, shop(billing=ben(call=call))) as ana:
        await ana.hears("How can I help?")
        await ana.says(BILL, "number of the bill?")
        assert f"<maya> {TO_BEN} <> Hello, I'm Ben from billing." in ana.line.heard
        failed = await eventually(lambda: ana.core.records.events("engine.failed"), bool)
        assert failed[0].data["why"] == "mute"


async def test_who_talks_over_the_announcement_is_answered_by_the_colleague(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    made = circle("Al", "Bo", message=" ".join(["I pass you on to somebody who knows all of it."] * 8), **HASTY)
    async with phone(sqlite_url, clock, tmp_path, made) as ana:
        await ana.hears("Al greets.")
        ana.line.says("round")
        await until(lambda: "<al> I pass you on to" in ana.line.heard, 10)
        ana.line.begins("wait I want")
        await eventually(lambda: ana.core.records.events("call.interrupted"), bool)
        await ana.says("wait I want something else", "<bo> Bo heard wait i want something else.")
        assert "Bo heard round." not in ana.line.heard
        turn = ASKED[-1]
        assert turn.cue == "message"
        assert [entry.text for entry in turn.history if entry.role == "system"] == [
            "Al handed the customer over to you, Bo. Why: they go round"
        ]


async def test_no_more_than_three_hand_overs_in_a_turn_of_a_call(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    made = circle("Al", "Bo", "Cy", "Di", "Ed")
    async with phone(sqlite_url, clock, tmp_path, made) as ana:
        await ana.hears("Al greets.")
        await ana.says("round", "<di> Di heard round.")
        assert ana.line.heard == "<al> Al greets. <di> Di heard round."
        await eventually(ana.interaction, lambda found: found.member == "di")
        cues = [(turn.agent["name"], turn.cue, turn.said) for turn in ASKED]
        assert cues[1:] == [
            ("Al", "message", "round"),
            *((name, "handed_over", "round") for name in ("Bo", "Cy", "Di")),
        ]
        assert ASKED[-1].colleagues == ()
        assert [entry.role for entry in ASKED[-1].history] == ["agent", "system", "system", "system"]


async def test_when_who_takes_over_cannot_think_the_customer_is_not_left_alone(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    made = circle("Al", "Bo", message="I pass you on.", apology_message="I am sorry.")
    async with phone(sqlite_url, clock, tmp_path, made) as ana:
        await ana.hears("Al greets.")
        await ana.says("break", "<bo> I am sorry.")
        assert ana.line.heard == "<al> Al greets. <al> I pass you on. <bo> I am sorry."
        interaction = await eventually(ana.interaction, lambda found: found.owner == "queue")
        assert interaction.member == "bo"


async def test_a_call_that_lost_its_line_goes_on_with_who_had_it(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    async with phone(sqlite_url, clock, tmp_path, shop()) as ana:
        await ana.hears("How can I help?")
        await ana.says(BILL, "number of the bill?")
        await ana.breaks()
        await ana.rings()
        await ana.hears("number of the bill?")
        assert ana.line.heard == "<ben> What is the number of the bill?"
        await ana.says(REPAIR, "A bike or a scooter?")
        assert ana.line.heard.endswith(f"<ben> {TO_ZOE} <zoe> Zoe here. <zoe> A bike or a scooter?")


async def test_in_a_pause_of_the_recording_not_even_the_reason_is_kept(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    made = circle("Al", "Bo", record=True)
    async with phone(sqlite_url, clock, tmp_path, made) as ana:
        await ana.hears("Al greets.")
        (live,) = ana.core.context.calls.values()
        live.keep(False)
        await ana.says("round", "<bo> Bo heard round.")
        (event,) = await eventually(lambda: ana.core.records.events("member.changed"), bool)
        assert (event.data["to"], event.data["reason"]) == ("bo", "[not kept while the recording was paused]")


async def test_what_is_ready_while_it_rings_is_all_of_the_team(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:  # fmt: skip
    async with phone(sqlite_url, clock, tmp_path, shop()) as ana:
        OPENED.clear()
        other = Inbound("call", "call", "CA2", sender="+12025550102", recipient=OUR_NUMBER, status="ringing")
        await ana.core.hub.receive(other)
        await until(lambda: len(OPENED) >= 3)
