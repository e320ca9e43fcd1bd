"""What the ears are given of what somebody says: all of it, speech at once, quiet in larger pieces."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from hub.models.voice import TurnTaking
from hub.voice.codecs import Converter, silence
from hub.voice.hearing import CustomerTurn, Hearing, OpenEars
from hub.voice.speech import MULAW_8K, EndOfTurn, Heard, Words
from hub.voice.turns import Turns
from tests.test_voice_activity import SENTENCES, SPOKEN, noise, spoken, written

pytestmark = pytest.mark.anyio
FRAME = MULAW_8K.size(20)


class Ears:
    """They keep what they are fed."""

    def __init__(self) -> None:
        self.fed: list[bytes] = []

    def feed(self, audio: bytes) -> None:
        self.fed.append(audio)

    def finish(self) -> None: ...

    def expect(self, phrases: Sequence[str]) -> None: ...

    async def heard(self) -> AsyncIterator[Heard]:
        await asyncio.Event().wait()
        yield EndOfTurn()

    async def close(self) -> None: ...


class Listener:
    def __init__(self) -> None:
        self.turns: list[CustomerTurn] = []

    def speech_goes_on(self, spoken_ms: float, text: str) -> None: ...

    def words(self, text: str, final: bool) -> None: ...

    def likely_over(self, text: str) -> None: ...

    def goes_on(self) -> None: ...

    def turn_over(self, turn: CustomerTurn) -> None:
        self.turns.append(turn)

    def not_understood(self, deaf: bool) -> None: ...

    def nothing(self) -> None: ...


class Stage:
    """Somebody is listened to, by ears that end turns."""

    def __init__(self) -> None:
        self.ears, self.listener = Ears(), Listener()
        self.hearing = Hearing(MULAW_8K, Turns(TurnTaking(), "en-US"), self.listener)
        self.hearing.use(OpenEars(self.ears, Converter(MULAW_8K, MULAW_8K), ends_turns=True))
        self.given_ms = 0

    def hear(self, sound: bytes) -> Iterator[int]:
        """Frame by frame: how much was given by then (ms)."""
        for at in range(0, len(sound) - FRAME + 1, FRAME):
            self.hearing.feed(sound[at : at + FRAME])
            self.given_ms += 20
            yield self.given_ms

    @property
    def kept_back_ms(self) -> int:
        return self.given_ms - MULAW_8K.milliseconds(sum(map(len, self.ears.fed)))


@pytest.mark.parametrize("line_noise", [None, -60.0, -45.0])
async def test_speech_goes_to_the_ears_at_once_and_quiet_in_larger_pieces(line_noise: float | None) -> None:
    sound = SENTENCES
    if line_noise is not None:
        sound = written(spoken() + noise(line_noise, len(SENTENCES) / 8000))
    stage, late = Stage(), list[int]()
    for now_ms in stage.hear(sound):
        if stage.kept_back_ms:
            late.append(now_ms)
        if any(end + 300 <= now_ms < end + 320 for _, end in SPOKEN):
            stage.hearing.take(Words("So it is.", final=True))
            stage.hearing.take(EndOfTurn())
    assert b"".join(stage.ears.fed) == sound[: MULAW_8K.size(stage.given_ms - stage.kept_back_ms)]
    assert stage.kept_back_ms < 80
    assert len(stage.listener.turns) == len(SPOKEN)
    for begin, end in SPOKEN:
        assert not [ms for ms in late if begin + 20 <= ms <= end + 300], "speech, and the quiet that ends a turn"
    assert late, "nowhere was it quiet"
    assert max(map(len, stage.ears.fed)) == MULAW_8K.size(80)


async def test_a_gap_in_the_first_word_is_no_quiet() -> None:
    stage = Stage()
    begin = MULAW_8K.size(SPOKEN[0][0])
    first = begin + MULAW_8K.size(60)
    sound = SENTENCES[begin:first] + silence(MULAW_8K, 80) + SENTENCES[first : first + MULAW_8K.size(500)]
    for _ in stage.hear(silence(MULAW_8K, 1_000)):
        pass
    assert [stage.kept_back_ms for _ in stage.hear(sound)] == [0] * (len(sound) // FRAME)
