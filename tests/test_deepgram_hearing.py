"""Deepgram's transcribers against the sandbox: what is said arrives, with times and ends, as it was asked for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.engine import EngineFailed
from hub.engines.deepgram_flux import Flux
from hub.engines.deepgram_nova import Nova
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_48K, EndOfTurn, Format, Hints, Resumed, SpeechBegan, Words
from tests.deepgram_world import TEXT, asked, listening, orders, quiet, sound, until_asked
from tests.engines_world import Vendors, vendors
from tests.fakes import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[Vendors]:
    async with vendors(deepgram_key="right", deepgram_idle_seconds=4) as made:
        yield made


# what is said arrives


@pytest.mark.parametrize("format", [MULAW_8K, PCM_16K, PCM_48K], ids=str)
@pytest.mark.parametrize("engine", [Nova(), Flux()], ids=["nova", "flux"])
async def test_what_is_said_arrives_in_every_format(world: Vendors, engine: Nova | Flux, format: Format) -> None:
    async with listening(world, engine, format) as person:
        await person.says(TEXT, quiet_ms=900)
        await person.gets(EndOfTurn, likely=False)
    assert person.finals == [TEXT]
    query = await asked(world)
    assert query["sample_rate"] == [str(format.rate)]
    assert query["encoding"] == ["mulaw" if format.codec == "mulaw" else "linear16"]


@pytest.mark.parametrize("engine", [Nova(), Flux()], ids=["nova", "flux"])
async def test_words_come_while_they_are_said_and_then_for_good(world: Vendors, engine: Nova | Flux) -> None:
    async with listening(world, engine) as person:
        await person.feed(quiet(MULAW_8K, 400))
        await person.says(TEXT, quiet_ms=900)
        await person.gets(EndOfTurn, likely=False)
    assert isinstance(person.heard[0], SpeechBegan)
    words = [one for one in person.heard if isinstance(one, Words)]
    assert [one.final for one in words] == [False] * (len(words) - 1) + [True]
    assert len(words) > 4
    assert all(TEXT.startswith(one.text) for one in words)
    assert isinstance(person.heard[-1], EndOfTurn)


@pytest.mark.parametrize("engine", [Nova(), Flux()], ids=["nova", "flux"])
async def test_words_have_their_times(world: Vendors, engine: Nova | Flux) -> None:
    async with listening(world, engine) as person:
        await person.feed(quiet(MULAW_8K, 1_000))
        await person.says("Yes please.", quiet_ms=900)
        first = await person.gets(Words, final=True)
        await person.says("Tomorrow.", quiet_ms=900)
        await until(lambda: len(person.finals) == 2)
    second = next(one for one in person.heard if isinstance(one, Words) and one.text == "Tomorrow." and one.final)
    spoken_ms = len(sound("Yes please.", MULAW_8K)) / 8
    assert first.from_ms == pytest.approx(1_080, abs=60)
    assert first.to_ms == pytest.approx(1_000 + spoken_ms, abs=60)
    assert second.from_ms == pytest.approx(1_000 + spoken_ms + 900 + 80, abs=60)


async def test_a_long_speech_settles_piece_by_piece(world: Vendors) -> None:
    long = " ".join(f"This is sentence {number} of a long speech." for number in ("A", "B", "C", "D"))
    async with listening(world) as person:
        await person.says(long, quiet_ms=900)
        await person.gets(EndOfTurn)
    assert len(person.finals) > 1
    assert " ".join(person.finals) == long
    assert person.heard.count(EndOfTurn()) == 1


async def test_capitals_and_points_are_left_out_when_formats_are_not_wanted(world: Vendors) -> None:
    async with listening(world, smart_format=False) as person:
        await person.says("Two, please.", quiet_ms=900)
        await person.gets(EndOfTurn)
    assert person.finals == ["two please"]


@pytest.mark.parametrize("engine", [Nova(), Flux()], ids=["nova", "flux"])
async def test_who_takes_over_hears_the_last_eight_seconds_at_once(world: Vendors, engine: Nova | Flux) -> None:
    said = sound(TEXT, MULAW_8K) + quiet(MULAW_8K, 1_000)
    async with listening(world, engine) as person:
        all_of_it = quiet(MULAW_8K, 8_000 - len(said) // 8) + said
        for at in range(0, len(all_of_it), 160):
            person.ears.feed(all_of_it[at : at + 160])
        await person.gets(EndOfTurn, likely=False)
    assert " ".join(person.finals) == TEXT


# turns


async def test_noise_after_the_words_does_not_keep_the_turn_open(world: Vendors) -> None:
    """No quiet, so speech never ends for Nova; but no words come for a while."""
    hum = bytes((0x90, 0x10)) * 8_000
    async with listening(world) as person:
        await person.feed(sound("I am in the car.", MULAW_8K) + hum * 5)
        await person.gets(EndOfTurn)
    assert " ".join(person.finals) == "I am in the car."


async def test_an_eager_turn_that_goes_on_is_taken_back(world: Vendors) -> None:
    async with listening(world, Flux()) as person:
        await person.says("My number is", quiet_ms=700)
        await person.says("555 0100.", quiet_ms=600)
        await person.gets(EndOfTurn, likely=False)
    kinds = [one for one in person.heard if isinstance(one, EndOfTurn | Resumed)]
    assert kinds[:2] == [EndOfTurn(likely=True), Resumed()]
    assert kinds[-1] == EndOfTurn()
    assert person.finals == ["My number is 555 0100."]


async def test_without_an_eager_threshold_no_end_is_only_likely(world: Vendors) -> None:
    async with listening(world, Flux(), eager_eot_threshold=0) as person:
        await person.says("My number is", quiet_ms=700)
        await person.says("555 0100.", quiet_ms=900)
        await person.gets(EndOfTurn)
    assert EndOfTurn(likely=True) not in person.heard
    assert "eager_eot_threshold" not in await asked(world)


async def test_the_turn_thresholds_are_the_agents(world: Vendors) -> None:
    options = {"eot_threshold": 0.9, "eager_eot_threshold": 0.4, "eot_timeout_ms": 2_500}
    async with listening(world, Flux(), **options):
        query = await asked(world)
    assert {name: float(query[name][0]) for name in options} == options


# settling early


@pytest.mark.parametrize(("engine", "order"), [(Nova(), "Finalize"), (Flux(), "ForceEndTurn")], ids=["nova", "flux"])
async def test_words_settle_when_we_have_heard_them_stop(world: Vendors, engine: Nova | Flux, order: str) -> None:
    options: dict[str, Any] = {"endpointing": 0} if isinstance(engine, Nova) else {"eot_threshold": 1}
    async with listening(world, engine, **options) as person:
        await person.says("Good evening", quiet_ms=60)
        await person.gets(Words, text="Good evening")
        assert person.finals == []
        person.ears.finish()
        await person.gets(Words, final=True)
    assert person.finals == ["Good evening"]
    assert order in await orders(world)


async def test_an_order_to_settle_that_is_not_answered_loses_no_words(world: Vendors) -> None:
    await world.misbehaves("deepgram", "deaf_to_finalize")
    async with listening(world) as person:
        await person.says("Good evening", quiet_ms=60)
        person.ears.finish()
        await person.feed(b"", 600)
        await person.gets(Words, final=True)
    assert person.finals == ["Good evening"]


# what is asked for


async def test_the_agents_words_are_told_as_key_terms(world: Vendors) -> None:
    hints = Hints(words=["Ana Müller", "periodontitis"])
    async with listening(world, hints=hints):
        assert (await asked(world))["keyterm"] == ["Ana Müller", "periodontitis"]
    async with listening(world, Flux(), hints=hints):
        assert (await asked(world))["keyterm"] == ["Ana Müller", "periodontitis"]
    async with listening(world, hints=hints, model="nova-2-phonecall"):
        assert (await asked(world))["keywords"] == ["Ana Müller", "periodontitis"]


async def test_no_more_key_terms_are_told_than_are_taken(world: Vendors) -> None:
    async with listening(world, hints=Hints(words=[f"word{number}" for number in range(200)])):
        assert len((await asked(world))["keyterm"]) == 100
    async with listening(world, hints=Hints(words=["x" * 500] * 10)):
        assert len((await asked(world))["keyterm"]) == 3


@pytest.mark.parametrize(
    ("tag", "language"), [("en-US", "en-US"), ("en-GB", "en-GB"), ("de-DE", "de"), ("pt-BR", "pt-BR"), ("es-MX", "es")]
)
async def test_the_agents_language_is_asked_for(world: Vendors, tag: str, language: str) -> None:
    async with listening(world, hints=Hints(tag)):
        assert (await asked(world))["language"] == [language]


async def test_flux_is_asked_for_the_model_of_the_language(world: Vendors) -> None:
    async with listening(world, Flux(), hints=Hints("en-GB")):
        query = await asked(world)
    assert query["model"] == ["flux-general-en"]
    assert "language_hint" not in query
    async with listening(world, Flux(), hints=Hints("de-DE")):
        query = await asked(world)
    assert (query["model"], query["language_hint"]) == (["flux-general-multi"], ["de"])


async def test_every_option_of_nova_is_asked_for(world: Vendors) -> None:
    options: dict[str, Any] = {
        "model": "nova-3-medical", "language": "multi", "endpointing": 500, "utterance_end_ms": 2000,
        "smart_format": "false", "numerals": True, "profanity_filter": True, "mip_opt_out": "true",
    }  # fmt: skip
    async with listening(world, **options):
        query = await asked(world)
    assert {name: query[name] for name in options} == {name: [str(value).lower()] for name, value in options.items()}
    assert (query["interim_results"], query["vad_events"]) == (["true"], ["true"])


@pytest.mark.parametrize(
    ("engine", "options", "words"),
    [
        (Nova(), {"endpointing": "soon"}, "`endpointing` is a number from 0 to 10000, not 'soon'"),
        (Nova(), {"smart_format": "perhaps"}, "`smart_format` is true or false, not 'perhaps'"),
        (Nova(), {"model": "whale"}, "No such model"),
        (Flux(), {"eot_threshold": 2}, "`eot_threshold` is a number from 0.5 to 1, not '2'"),
        (Flux(), {"eager_eot_threshold": 0.9}, "eager_eot_threshold must not be above eot_threshold"),
    ],
)
async def test_an_option_that_cannot_be_is_named(
    world: Vendors, engine: Nova | Flux, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(EngineFailed, match=words) as caught:
        async with listening(world, engine, **options):
            pass
    assert caught.value.fault == "invalid"


async def test_the_key_goes_along_and_is_told_nowhere(world: Vendors) -> None:
    with pytest.raises(EngineFailed, match="401") as caught:
        async with listening(world, key="wrong"):
            pass
    assert caught.value.fault == "refused"
    assert "wrong" not in str(caught.value)


# silence and the end


async def test_a_quiet_line_is_kept_alive(world: Vendors) -> None:
    """A caller on hold: no sound for longer than Deepgram waits for some."""
    async with listening(world) as person:
        await until_asked(world, ["KeepAlive", "KeepAlive"])
        await person.says(TEXT, quiet_ms=900)
        await person.gets(EndOfTurn)
    assert person.finals == [TEXT]


async def test_flux_hears_on_while_the_line_brings_nothing(world: Vendors) -> None:
    """Its turns end by sound that goes on, and it knows no message that keeps it alive."""
    async with listening(world, Flux()) as person:
        await person.says(TEXT)
        await person.gets(EndOfTurn, within=4, likely=False)
    assert person.finals == [TEXT]
    await until_asked(world, ["CloseStream", "CloseStream"])


@pytest.mark.parametrize("engine", [Nova(), Flux()], ids=["nova", "flux"])
async def test_leave_is_taken_politely_and_soon(world: Vendors, engine: Nova | Flux) -> None:
    time = asyncio.get_running_loop().time
    async with listening(world, engine) as person:
        await person.says("Good")
        began = time()
    assert time() - began < 0.5
    await until_asked(world, ["CloseStream", "CloseStream"])
