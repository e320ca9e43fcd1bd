"""The embedded speech engines in bad times: death, stalls, nonsense, impatience, and nothing to say."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from hub.engine import NOBODY, EngineFailed
from hub.engines import workers
from hub.engines.espeak import Espeak, voices
from hub.engines.espeak_library import Program, Unavailable
from hub.engines.espeak_text import LONGEST, speakable
from hub.engines.phrase_said import said, said_time
from hub.engines.phrase_sounds import guessed
from hub.engines.phrase_written import written
from hub.engines.sphinx import Sphinx, SphinxEars
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, PCM_48K, Format, Hints, Words

FORMATS = [MULAW_8K, Format("pcm16", 8000), PCM_16K, PCM_24K, PCM_48K]


async def sound(mouth_of: Espeak, text: str, format: Format = PCM_16K, **options: object) -> bytes:
    mouth = await mouth_of.open(format, "en-US", options, NOBODY)
    return b"".join([piece async for piece in mouth.speak(text)])


async def final(ears: SphinxEars) -> str:
    async for heard in ears.heard():
        if isinstance(heard, Words) and heard.final:
            return heard.text
    raise AssertionError


def files_open(process: str) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(timed())


@pytest.mark.parametrize("format", FORMATS, ids=lambda f: f"{f.codec}-{f.rate}")
def test_the_voice_gives_every_format_at_its_rate(format: Format) -> None:
    async def test() -> None:
        espeak = Espeak()
        made = await sound(espeak, "Hello, how can I help?", format)
        usual = await sound(espeak, "Hello, how can I help?", PCM_16K, voice=voices("en-US", format)[0])
        assert abs(format.milliseconds(len(made)) - PCM_16K.milliseconds(len(usual))) < 60
        assert format in espeak.gives

    run(test)


def test_two_sentences_are_spoken_side_by_side() -> None:
    async def test() -> None:
        espeak = Espeak()
        alone = [await sound(espeak, text) for text in ("The first sentence.", "Quite another one, for comparison.")]
        both = await asyncio.gather(
            sound(espeak, "The first sentence."), sound(espeak, "Quite another one, for comparison.")
        )
        assert all(abs(len(one) - len(other)) < PCM_16K.size(60) for one, other in zip(both, alone, strict=True))
        assert len(both[0]) < len(both[1])

    run(test)


def test_a_voice_that_is_cut_short_stops_and_speaks_again() -> None:
    async def test() -> None:
        espeak = Espeak()
        mouth = await espeak.open(PCM_48K, "en-US", {}, NOBODY)
        speaking = mouth.speak("one two three four five six seven eight nine. " * 80)
        assert await anext(speaking)
        await speaking.aclose()  # type: ignore[attr-defined]
        assert not espeak.pool.workers[0].channels
        pid = espeak.pool.workers[0].pid
        assert await sound(espeak, "Once more.")
        assert espeak.pool.workers[0].pid == pid

    run(test)


@pytest.mark.parametrize("text", ["", "  \n ", "...", "\x00\x01\x1b", "😀", "\ud800"])
def test_nothing_to_say_makes_no_sound(text: str) -> None:
    async def test() -> None:
        assert await sound(Espeak(), text) == b""

    run(test)


@pytest.mark.parametrize(
    "text", ["a\x00b\x1b[31m red", "<speak><break time='9s'/>hi</speak>", "[[h@'loU]] {x} \\r", "-v de --stdout"]
)
def test_strange_text_is_only_read_out(text: str) -> None:
    async def test() -> None:
        assert 100 < PCM_16K.milliseconds(len(await sound(Espeak(), text))) < 8000

    run(test)


def test_four_thousand_characters_are_spoken_to_the_end() -> None:
    async def test() -> None:
        sentence = "We are open from nine to five, and closed on Sundays. "
        text = (sentence * 80)[:4000]
        whole = PCM_16K.milliseconds(len(await sound(Espeak(), text)))
        one = PCM_16K.milliseconds(len(await sound(Espeak(), sentence)))
        assert whole > 0.8 * one * 4000 / len(sentence)

    run(test)


@pytest.mark.parametrize("options", [{"voice": "../../etc"}, {"voice": "xx-nowhere"}, {"speed": "fast"}])
def test_options_that_cannot_be_are_refused_in_words(options: dict[str, str]) -> None:
    async def test() -> None:
        with pytest.raises(EngineFailed, match=r"voice|speed"):
            await sound(Espeak(), "Hello.", **options)

    run(test)


def test_speed_and_language_are_heeded() -> None:
    async def test() -> None:
        espeak = Espeak()
        assert len(await sound(espeak, "Hello there.", speed=2)) < 0.7 * len(await sound(espeak, "Hello there."))
        german = await espeak.open(PCM_16K, "de-DE", {}, NOBODY)
        assert b"".join([piece async for piece in german.speak("Guten Tag")]) != await sound(espeak, "Guten Tag")

    run(test)


def test_a_voice_whose_worker_is_killed_fails_and_the_next_sentence_works() -> None:
    async def test() -> None:
        espeak = Espeak()
        mouth = await espeak.open(PCM_48K, "en-US", {}, NOBODY)
        speaking = mouth.speak("one two three four five six seven eight nine. " * 80)
        await anext(speaking)
        os.kill(espeak.pool.workers[0].pid, signal.SIGKILL)
        with pytest.raises(EngineFailed, match="stopped unexpectedly"):
            async for _ in speaking:
                pass
        assert [piece async for piece in mouth.speak("Here I am again.")]

    run(test)


def test_a_worker_that_stalls_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.engines.espeak.ANSWER_SECONDS", 0.05)

    async def test() -> None:
        espeak = Espeak()
        mouth = await espeak.open(PCM_16K, "en-US", {}, NOBODY)
        pid = espeak.pool.workers[0].pid
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(EngineFailed, match="did not answer"):
            await anext(mouth.speak("Hello."))
        monkeypatch.setattr("hub.engines.espeak.ANSWER_SECONDS", 5.0)
        assert await sound(espeak, "Hello.")
        assert espeak.pool.workers[0].pid != pid

    run(test)


def test_a_worker_that_cannot_start_says_why() -> None:
    async def test() -> None:
        with pytest.raises(EngineFailed, match="stopped unexpectedly"):
            await workers.Pool("hub.engines.there_is_none", "The worker").worker()

    run(test)


def test_workers_end_with_their_loop() -> None:
    pids = []

    async def test() -> None:
        espeak = Espeak()
        await sound(espeak, "Hello.")
        pids.append(espeak.pool.workers[0].pid)

    run(test)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_the_installed_program_is_used_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.argv[1:3] == ['--stdin', '--stdout']\n"
        "n = len(sys.stdin.buffer.read())\nsys.stdout.buffer.write(b'R' * 44 + b'\\1\\0' * 1000 * n)\n"
    )
    program.chmod(0o755)
    made: list[int] = []
    Program(str(program)).speak("hello", ["en-us"], 175, lambda samples: bool(made.append(len(samples))) or True)
    assert sum(made) == 5000
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(Unavailable, match="apt-get install espeak-ng"):
        Program()


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("That is $95.", "That is 95 dollars."),
        ("Come at 3:30 PM or 9 AM.", "Come at 3 30 P M or 9 A M."),
        ("Call (212) 555-0166.", "Call 2 1 2, 5 5 5, 0 1 6 6."),
        ("Write to ana@example.com", "Write to ana at example dot com"),
        ("Order A1001 is *there*", "Order A 1 0 0 1 is there"),
        ("from 09:05 on, 1,500 people", "from 9 oh 5 on, 1,500 people"),
    ],
)
def test_text_is_made_fit_to_be_spoken(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


def test_no_text_is_longer_than_it_may_be() -> None:
    assert len(speakable("a " * LONGEST)) <= LONGEST


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        ("two thirty p.m.", "2:30 pm"),
        ("ten a.m. please", "10 am please"),
        ("at nine oh five", "at 9:05"),
        ("my number is five five five one two three four", "my number is 5551234"),
        ("it's six four six", "it's 646"),
        ("double five oh one", "5501"),
        ("order a one zero zero one", "order A1001"),
        ("nine thirty in the morning", "nine thirty in the morning"),
        ("anna dot smith at gmail dot com", "anna.smith@gmail.com"),
        ("i'm emily clark on monday the fifth of may", "I'm Emily Clark on Monday the fifth of May"),
        ("", ""),
    ],
)
def test_what_is_recognised_is_written_as_people_write(heard: str, text: str) -> None:
    assert written(heard) == text


def test_written_words_are_said_as_people_say_them() -> None:
    assert said_time("9:30 AM")[:3] == ["nine thirty a.m.", "nine thirty", "nine thirty in the morning"]
    assert "quarter past two" in said_time("14:15")
    assert said_time("Monday") == said_time("12") == []
    assert said("A check-up at 9:30 AM costs $60!") == [
        "a",
        "check",
        "up",
        "at",
        "nine",
        "thirty",
        "a.m.",
        "costs",
        "sixty",
        "dollars",
    ]
    assert guessed("fernway").split()[0] == "F"
    assert guessed("1234") == ""


@pytest.fixture
def hints() -> Hints:
    field = {
        "name": "fruit",
        "type": "choice",
        "question": "Which fruit?",
        "choices": [{"value": "banana"}, {"value": "papaya"}],
    }
    return Hints(definition={"flow": {"stages": [{"id": "a", "fields": [field]}]}}, words=["Xanthippe Zyx"])


def test_finish_without_speech_gives_empty_words(hints: Hints) -> None:
    async def test() -> None:
        ears = await Sphinx().open(MULAW_8K, hints, {}, NOBODY)
        ears.finish()
        assert await final(ears) == ""
        ears.feed(b"\xff" * 8000)
        ears.finish()
        assert await final(ears) == ""
        await ears.close()

    run(test)


def test_what_is_expected_is_understood_even_if_the_word_is_new(hints: Hints) -> None:
    async def test() -> None:
        espeak, ears = Espeak(), await Sphinx().open(PCM_16K, hints, {}, NOBODY)
        ears.expect(["Gooseberry", "Elderberry"])
        ears.feed(bytes(16_000) + await sound(espeak, "Elderberry, please.") + bytes(8_000))
        ears.finish()
        assert await final(ears) == "elderberry please"
        await ears.close()

    run(test)


@pytest.mark.parametrize(
    "format", [PCM_16K, MULAW_8K, Format("pcm16", 8000), PCM_48K], ids=lambda f: f"{f.codec}-{f.rate}"
)
def test_the_recogniser_takes_every_format_it_names(format: Format, hints: Hints) -> None:
    async def test() -> None:
        espeak, ears = Espeak(), await Sphinx().open(format, hints, {}, NOBODY)
        quiet = (b"\xff" if format.codec == "mulaw" else b"\0") * format.size(500)
        said = quiet + await sound(espeak, "a banana please", format) + quiet
        for at in range(0, len(said), 333):
            ears.feed(said[at : at + 333])
        ears.finish()
        assert "banana" in await final(ears)
        await ears.close()

    run(test)


def test_noise_and_odd_bytes_do_no_harm(hints: Hints) -> None:
    async def test() -> None:
        espeak, ears = Espeak(), await Sphinx().open(PCM_16K, hints, {}, NOBODY)
        noise = np.random.default_rng(1).integers(-32768, 32767, 80_000, dtype=np.int16).tobytes()
        ears.feed(noise[:1])
        ears.feed(noise[1:99_999] + b"")
        ears.finish()
        await final(ears)
        ears.feed(noise[:1] + bytes(16_000) + await sound(espeak, "a banana please") + bytes(8_000))
        ears.finish()
        assert isinstance(await final(ears), str)
        await ears.close()

    run(test)


def test_a_minute_of_speech_is_settled_without_being_asked(hints: Hints) -> None:
    async def test() -> None:
        espeak, ears = Espeak(), await Sphinx().open(PCM_16K, hints, {}, NOBODY)
        speech = (await sound(espeak, "banana papaya banana papaya yes please"))[:-8000]
        for _ in range(65_000 // PCM_16K.milliseconds(len(speech))):
            ears.feed(speech)
            await asyncio.sleep(0)
        assert "banana" in await final(ears)
        await ears.close()

    run(test)


def test_a_call_whose_worker_is_killed_fails_and_the_next_one_works(hints: Hints) -> None:
    async def test() -> None:
        sphinx = Sphinx()
        ears = await sphinx.open(PCM_16K, hints, {}, NOBODY)
        ears.feed(bytes(32_000))
        os.kill(sphinx.pool.workers[0].pid, signal.SIGKILL)
        with pytest.raises(EngineFailed, match="stopped unexpectedly"):
            await final(ears)
        ears.feed(bytes(32_000))
        ears.finish()
        await ears.close()
        again = await sphinx.open(PCM_16K, hints, {}, NOBODY)
        again.finish()
        assert await final(again) == ""
        await again.close()

    run(test)


def test_too_much_sound_at_once_is_a_failure_of_that_call_only(hints: Hints) -> None:
    async def test() -> None:
        sphinx = Sphinx()
        other, ears = await sphinx.open(PCM_16K, hints, {}, NOBODY), await sphinx.open(PCM_16K, hints, {}, NOBODY)
        speech = await sound(Espeak(), "banana papaya yes please")
        for _ in range(170_000 // PCM_16K.milliseconds(len(speech))):
            ears.feed(speech)
        with pytest.raises(EngineFailed, match="behind"):
            await final(ears)
        await ears.close()
        other.finish()
        assert await final(other) == ""
        await other.close()

    run(test)


def test_fifty_calls_leave_nothing_behind(hints: Hints) -> None:
    async def test() -> None:
        sphinx, espeak = Sphinx(), Espeak()
        await sound(espeak, "Hello.")
        await (await sphinx.open(MULAW_8K, hints, {}, NOBODY)).close()
        before = files_open("self")
        async for ears in several(sphinx, hints):
            ears.feed(b"\xff" * 800)
            assert await sound(espeak, "Hi.", MULAW_8K)
        worker = sphinx.pool.workers[0]
        assert len(sphinx.pool.workers) <= max(1, (os.cpu_count() or 1) // 2)
        assert not any(one.channels for one in sphinx.pool.workers)
        assert files_open("self") <= before
        assert files_open(str(worker.pid)) < 20

    async def several(sphinx: Sphinx, hints: Hints) -> AsyncIterator[SphinxEars]:
        for _ in range(10):
            opened = [await sphinx.open(MULAW_8K, hints, {}, NOBODY) for _ in range(5)]
            for ears in opened:
                yield ears
                await ears.close()

    run(test)


@pytest.mark.parametrize(("format", "language"), [(PCM_24K, "en-US"), (PCM_16K, "de-DE")])
def test_what_the_recogniser_cannot_do_is_said_in_words(format: Format, language: str) -> None:
    async def test() -> None:
        with pytest.raises(EngineFailed, match="embedded recogniser"):
            await Sphinx().open(format, Hints(language=language), {}, NOBODY)

    run(test)


def test_a_definition_that_makes_no_sense_is_a_failure_of_that_call_only() -> None:
    async def test() -> None:
        sphinx = Sphinx()
        with pytest.raises(EngineFailed, match="phrase book"):
            await sphinx.open(PCM_16K, Hints(definition={"flow": {"stages": [{"fields": [7]}]}}), {}, NOBODY)
        ears = await sphinx.open(PCM_16K, Hints(), {}, NOBODY)
        await ears.close()

    run(test)
