"""The voice bench tells a wrong text from its own lateness."""

import json
from base64 import b64encode

from tests.bench.voice import wire
from tests.bench.voice.check import agrees, played

TEXT = wire.part(1, 1, 1, 1)
WORDS = TEXT.split()


def log(*, sound_slack: float = 0.0, clear_slack: float = 0.0, stop: float = 1.0) -> list[tuple[float, float, bytes]]:
    """One answer, taken up at 10 s and cleared after so many seconds."""
    media = {"event": "media", "media": {"payload": b64encode(wire.sound(TEXT)).decode()}}
    return [
        (10.0, sound_slack, json.dumps(media).encode()),
        (10.0 + stop, clear_slack, b'{"event":"clear"}'),
    ]


def heard(seconds: float) -> str:
    """The words that fit into so much of the answer."""
    ends = [len(" ".join(WORDS[: count + 1])) / wire.CHARACTERS_PER_SECOND for count in range(len(WORDS))]
    return " ".join(word for word, end in zip(WORDS, ends, strict=True) if end <= seconds)


def test_a_text_that_differs_from_what_was_played_by_a_word_is_found() -> None:
    bounds = played(1, log(), 20.0, {1: 1}).heard[1]
    right = heard(1.0)
    assert agrees(right, bounds)
    assert not agrees(" ".join(WORDS[: len(right.split()) + 1]), bounds)
    assert not agrees(" ".join(WORDS[: len(right.split()) - 1]), bounds)


def test_what_the_carrier_took_up_late_may_have_come_before() -> None:
    late, sooner = heard(1.0 + 0.4), heard(1.0 - 0.4)
    assert late != heard(1.0) != sooner
    began_late = played(1, log(sound_slack=0.4), 20.0, {1: 1}).heard[1]
    assert agrees(late, began_late)
    assert not agrees(sooner, began_late)
    stopped_late = played(1, log(clear_slack=0.4), 20.0, {1: 1}).heard[1]
    assert agrees(sooner, stopped_late)
    assert not agrees(late, stopped_late)
