"""Callers who speak and are understood without any vendor: synthesis, recognition and the script brain, end to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.dialogue.turn import Collected, Finish, HandToHuman, Piece, Say, UsedTool
from hub.engine import NOBODY
from hub.engines.espeak import Espeak, EspeakMouth
from hub.engines.sphinx import Sphinx, SphinxEars
from hub.voice.speech import MULAW_8K, PCM_16K, Format, Hints, SpeechBegan, Words
from tests.test_demo_agents import Customer, businesses, load

FORMATS = [pytest.param(PCM_16K, id="wide"), pytest.param(MULAW_8K, id="phone")]
QUIET = {PCM_16K: b"\0\0" * 16, MULAW_8K: b"\xff" * 8}
"""A millisecond of silence."""


@dataclass
class Caller:
    """Speaks with the embedded voice into the embedded recogniser, in frames of 20 ms."""

    ears: SphinxEars
    mouth: EspeakMouth
    format: Format
    began: int = 0
    partials: list[str] = field(default_factory=list)

    async def say(self, text: str) -> str:
        """What is understood of a sentence that is spoken after half a second of silence."""
        quiet = QUIET[self.format]
        sound = quiet * 500 + b"".join([piece async for piece in self.mouth.speak(text)]) + quiet * 600
        size = self.format.size(20)
        for start in range(0, len(sound), size):
            self.ears.feed(sound[start : start + size])
        self.ears.finish()
        return await self.final()

    async def final(self) -> str:
        async for heard in self.ears.heard():
            if isinstance(heard, SpeechBegan):
                self.began += 1
            elif isinstance(heard, Words) and heard.final:
                return heard.text
            elif isinstance(heard, Words):
                self.partials.append(heard.text)
        raise AssertionError("The recogniser gave up.")


def hints(name: str) -> Hints:
    definition = load(name)
    knowledge = definition.pop("knowledge")
    return Hints(phrases=[item["title"] for item in knowledge], definition=definition)


@asynccontextmanager
async def caller(name: str, format: Format, speed: float = 1.0) -> AsyncIterator[Caller]:
    ears = await Sphinx().open(format, hints(name), {}, NOBODY)
    mouth = await Espeak().open(format, "en-US", {"speed": speed}, NOBODY)
    try:
        yield Caller(ears, mouth, format)
    finally:
        await ears.close()
        await mouth.close()


async def call(name: str, format: Format, sentences: list[str]) -> tuple[dict[str, Any], list[Piece], str]:
    """A whole call: the fields that were collected, the last turn, and what was said and heard, to be read."""
    collected: dict[str, Any] = {}
    log: list[str] = []
    pieces: list[Piece] = []
    async with businesses() as url, caller(name, format) as person:
        agent = Customer(name, url, "call")
        try:
            pieces = await agent.turn("", "opened")
            for sentence in sentences:
                says = [piece for piece in pieces if isinstance(piece, Say) and not piece.waiting]
                person.ears.expect([text for say in says for text in (say.text, *say.choices)])
                heard = await person.say(sentence)
                log.append(f"{sentence!r} was heard as {heard!r}")
                pieces = await agent.turn(heard)
                collected |= {piece.field: piece.value for piece in pieces if isinstance(piece, Collected)}
                log += [f"    {piece}" for piece in pieces if isinstance(piece, (Collected, UsedTool, Say))]
        finally:
            await agent.outside.close()
    return collected, pieces, "\n".join(log)


CLEANING = [
    "Hello, I'd like to book an appointment.",
    "A cleaning, please.",
    "Next Tuesday.",
    "Nine thirty in the morning.",
]
TOOTHACHE = ["Hi, I need to see a dentist.", "I have a toothache.", "Tomorrow.", "Two thirty P M, please."]
CHECK_UP = ["Good morning, can I book a visit?", "I need a check-up.", "On Monday, please.", "At eleven o'clock."]
PHONES = {PCM_16K: "2 0 2, 5 5 5, 0 1 4 3", MULAW_8K: "3 1 0, 7 4 2, 2 0 2 0"}
"""Numbers that are understood: the telephone's band makes some digits (five and nine, six and eight) sound alike."""
BOOKINGS = [
    pytest.param(
        [*CLEANING, "Robert Brown.", "{phone}.", "Yes, please."],
        ["cleaning", "2026-11-24", "09:30", "Robert Brown"],
        id="cleaning",
    ),
    pytest.param(
        [*TOOTHACHE, "William Taylor.", "{phone}.", "Yes, that's correct."],
        ["toothache", "2026-11-19", "14:30", "William Taylor"],
        id="toothache",
    ),
    pytest.param(
        [*CHECK_UP, "It's David Johnson.", "My number is {phone}.", "Yes, book it."],
        ["check-up", "2026-11-23", "11:00", "David Johnson"],
        id="check-up",
    ),
]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("sentences", "expected"), BOOKINGS)
def test_a_caller_books_a_slot_by_voice(format: Format, sentences: list[str], expected: list[str]) -> None:
    number = PHONES[format]
    collected, pieces, log = asyncio.run(call("clinic", format, [s.replace("{phone}", number) for s in sentences]))
    wanted = dict(zip(["reason", "date", "time", "name"], expected, strict=True))
    assert collected == wanted | {"phone": "+1" + "".join(filter(str.isdigit, number))}, log
    assert any(isinstance(piece, UsedTool) and piece.name == "book_appointment" for piece in pieces), log


@pytest.mark.parametrize("number", ["2 1 2, 5 5 5, 0 1 6 6.", "415 555 2671", "It's 6 4 6, 5 5 5, 0 1 2 3."])
def test_in_wide_band_any_phone_number_is_understood(number: str) -> None:
    collected, _, log = asyncio.run(call("clinic", PCM_16K, [*CLEANING, "Linda Martinez.", number]))
    digits = "".join(char for char in number if char.isdigit())
    assert (collected.get("name"), collected.get("phone")) == ("Linda Martinez", f"+1{digits}"), log


@pytest.mark.parametrize("format", FORMATS)
def test_a_caller_asks_for_an_order_by_voice(format: Format) -> None:
    said = ["Where is my order?", "It's A 1 0 0 1.", "No, that's all, thank you."]
    collected, pieces, log = asyncio.run(call("shop", format, said))
    assert collected == {"order": "A1001"}, log
    assert any(isinstance(piece, Finish) for piece in pieces), log


def test_a_caller_asks_for_a_demo_by_voice() -> None:
    said = [
        "Hi, I'd like to see a demo.", "We're called Acme.", "Fifteen people.", "Scheduling.", "Ten thousand dollars.",
        "Right away.", "Emily Clark.", "Emily at acme dot com.", "No, thanks.", "Yes, that's right.",
    ]  # fmt: skip
    collected, pieces, log = asyncio.run(call("leads", PCM_16K, said))
    assert collected["company"].lower() == "acme", log
    assert collected | {"company": "Acme"} == {
        "company": "Acme", "team_size": 15, "need": "scheduling", "budget": 10000, "timeline": "now",
        "name": "Emily Clark", "email": "emily@acme.com",
    }, log  # fmt: skip
    assert any(isinstance(piece, UsedTool) and piece.name == "file_lead" for piece in pieces), log


def test_a_caller_gets_a_person_by_voice() -> None:
    _, pieces, log = asyncio.run(call("clinic", MULAW_8K, ["I'd like to speak to a person."]))
    assert any(isinstance(piece, HandToHuman) for piece in pieces), log


TYPICAL = {
    "Hi, I can book you a visit or answer a question. How can I help?": """
        hello i'd like to book an appointment | i need to see a dentist | can i make an appointment
        i'd like to speak to a person | what are your opening hours | how much is a cleaning | do you take insurance
        good morning can i book a visit | i want to cancel my appointment | i'd like to book a cleaning""",
    "What would you like to come in for?": """
        a cleaning please | i have a toothache | i need a check-up | teeth whitening please
        could you repeat that please""",
    "Which day suits you?": """
        next Tuesday | on Monday please | the fifth of May | tomorrow afternoon | how about Friday
        Thursday would be good
        no i said Thursday | actually make it Wednesday | Monday next week""",
    "Which time would you like on Tuesday? For example 9:30 AM|9:30 AM|10:30 AM|11:00 AM|2:30 PM": """
        nine thirty in the morning | at ten thirty | half past nine | eleven o'clock please | the first one please
        what times do you have""",
    "Who is the visit for? Your first and last name, please.": """
        Emily Clark | it's David Johnson | William Taylor | my name is Linda Martinez | Robert Brown""",
    "Shall I book it?|Yes|No": "yes please | that's correct | no thank you | that's all thank you | goodbye",
}


async def word_errors(format: Format) -> tuple[int, int]:
    """Wrong, missing and added words, and the words that were said."""
    wrong = many = 0
    async with caller("clinic", format) as person:
        for question, sentences in TYPICAL.items():
            person.ears.expect(question.split("|"))
            for sentence in (
                " ".join(part.split()) for part in sentences.replace("\n", "|").split("|") if part.strip()
            ):
                heard = (await person.say(sentence)).lower()
                errors = distance(sentence.lower().split(), heard.split())
                wrong, many = wrong + errors, many + len(sentence.split())
                if errors:
                    print(f"{sentence!r} was heard as {heard!r}")
    return wrong, many


def distance(one: list[str], other: list[str]) -> int:
    row = list(range(len(other) + 1))
    for at, word in enumerate(one, 1):
        before, row[0] = row[:], at
        for place, match in enumerate(other, 1):
            row[place] = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (word != match))
    return row[-1]


@pytest.mark.parametrize(
    ("format", "most"), [pytest.param(PCM_16K, 0.10, id="wide"), pytest.param(MULAW_8K, 0.20, id="phone")]
)
def test_few_words_of_forty_typical_sentences_are_misheard(format: Format, most: float) -> None:
    wrong, many = asyncio.run(word_errors(format))
    print(f"{wrong} of {many} words wrong: {100 * wrong / many:.1f} %")
    assert many > 120
    assert wrong / many <= most
