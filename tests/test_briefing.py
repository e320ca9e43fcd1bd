"""What a colleague answers who is asked to take a call, and what they hear then."""

import asyncio

import pytest

from hub.core.live.briefing import ACCEPTED, CHOICE, Briefing, chosen
from hub.dialogue.turn import Cue, Finish, Piece, Say

WORDS = "A call for you. On the line is Emily."


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("Yes.", True), ("yes please", True), ("Sure, go ahead", True), ("okay", True), ("one", True), ("1", True),
        ("I'll take it", True), ("No.", False), ("no, not now", False), ("two", False), ("Decline", False),
        ("Hello?", None), ("This is Bob.", None), ("Who is it?", None), ("Sorry, what?", None), ("12", None),
        ("You have reached the workshop. If yes is your answer, leave a message.", None),
        ("Yes you have reached the voicemail of Bob", None), ("", None),
    ],
)  # fmt: skip
def test_only_a_short_answer_takes_or_declines_a_call(said: str, taken: bool | None) -> None:
    assert chosen(said) is taken


def answer(mind: Briefing, said: str = "", cue: Cue = "message") -> list[Piece]:
    async def pieces() -> list[Piece]:
        return [piece async for piece in mind.think(said, cue, asyncio.Event()).pieces()]

    return asyncio.run(pieces())


def test_the_briefing_is_told_first_and_again_to_who_did_not_get_it() -> None:
    mind = Briefing(WORDS)
    assert answer(mind, cue="opened") == [Say(f"{WORDS} {CHOICE}")]
    assert answer(mind, "Hello?") == [Say(CHOICE)]
    assert answer(mind, "Sorry, who is it?") == [Say(f"{WORDS} {CHOICE}")]
    assert answer(mind, "Yes.") == [ACCEPTED]


def test_a_no_is_answered_and_ends_the_call() -> None:
    said, end = answer(Briefing(WORDS), "No, not now.")
    assert isinstance(said, Say)
    assert end == Finish("agent_hangup")


def test_quiet_brings_the_choice_once_more_and_then_the_end() -> None:
    mind = Briefing(WORDS)
    assert answer(mind, cue="silence") == [Say(CHOICE)]
    assert answer(mind, cue="silence")[-1] == Finish("silence")
