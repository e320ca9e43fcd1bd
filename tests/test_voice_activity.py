"""Speech is told from quiet, noise and tones, at the time at which it is."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.models.voice import VadConfig
from hub.voice.activity import Activity
from hub.voice.codecs import Converter, audioop, silence
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, PCM_48K, Format

SENTENCES = (Path(__file__).parents[1] / "fixtures/audio/sentences.ulaw").read_bytes()
PCM_8K = Format("pcm16", 8000)
SPOKEN = [(800, 3060), (3860, 5380), (6180, 9260), (10060, 11080)]  # ms
LEVEL = -22  # dB below full scale, of the sentences

Edges = list[tuple[str, int, int]]  # what, where in the sound, told when: ms


def listen(audio: bytes, format: Format = MULAW_8K, config: VadConfig | None = None, size: int = 0) -> Edges:
    activity, edges = Activity(format, config or VadConfig()), []
    size = size or format.size(20)
    for at in range(0, len(audio), size):
        edge = activity.hear(audio[at : at + size])
        if edge:
            edges.append((edge, activity.began_ms if edge == "began" else activity.ended_ms, activity.heard_ms))
    return edges


def noise(decibels: float, seconds: float = 5.0, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(8000 * seconds)) * 32768 * 10 ** (decibels / 20)


def hum(decibels: float) -> np.ndarray:
    """Noise with most of its energy in the low frequencies, as of a car."""
    dull = np.convolve(noise(0), np.exp(-np.arange(40) / 8), "same")
    return dull / dull.std() * 32768 * 10 ** (decibels / 20)


def written(samples: np.ndarray) -> bytes:
    return audioop.lin2ulaw(samples.clip(-32768, 32767).astype("<i2").tobytes(), 2)


def spoken() -> np.ndarray:
    return np.frombuffer(audioop.ulaw2lin(SENTENCES, 2), "<i2").astype(float)


def assert_found(edges: Edges, late: int = 140, slack: int = 120) -> None:
    """Each sentence is found once; its begin is told by 240 ms after it, its end by 600 ms of quiet and some slack."""
    assert [edge for edge, _, _ in edges] == ["began", "ended"] * len(SPOKEN)
    for (begin, end), (_, began, told), (_, ended, told_end) in zip(SPOKEN, edges[::2], edges[1::2], strict=True):
        assert begin - 20 <= began <= begin + late
        assert told <= began + 140
        assert end - slack <= ended <= end + 40
        assert told_end == ended + 600


def test_sentences_are_found_on_a_clean_line() -> None:
    assert_found(listen(SENTENCES), late=60, slack=20)


@pytest.mark.parametrize("snr", [20, 10])
def test_sentences_are_found_in_noise(snr: int) -> None:
    assert_found(listen(written(spoken() + noise(LEVEL - snr, len(SENTENCES) / 8000))))


@pytest.mark.parametrize("format", [PCM_8K, PCM_16K, PCM_24K, PCM_48K])
def test_every_format_hears_the_same(format: Format) -> None:
    assert_found(listen(Converter(MULAW_8K, format).convert(SENTENCES) + silence(format, 20), format), slack=20)


def test_a_quiet_speaker_is_found() -> None:
    edges = listen(written(spoken() * 10 ** (-12 / 20)))
    assert [edge for edge, _, _ in edges] == ["began", "ended"] * 4


@pytest.mark.parametrize("decibels", [-70, -45, -35])
@pytest.mark.parametrize("kind", [noise, hum])
def test_steady_noise_is_not_speech(kind: type, decibels: float) -> None:
    assert listen(written(kind(decibels))) == []
    assert listen(written(kind(decibels)), config=VadConfig(min_volume=0)) == []


def test_noise_that_sets_in_later_is_learnt() -> None:
    edges = listen(written(np.concatenate([np.zeros(8000), noise(-35, 10), np.zeros(8000)])))
    assert not edges or edges[-1][2] < 6000


@pytest.mark.parametrize("pair", [(697, 1209), (941, 1477), (350, 440), (440, 480), (425, 425), (1000, 1000)])
def test_keys_and_dial_tones_are_not_speech(pair: tuple[int, int]) -> None:
    times = np.arange(8000) / 8000
    both = sum(np.sin(2 * np.pi * hertz * times) for hertz in pair) * 32768 * 0.15
    keys = np.concatenate([both[:800], np.zeros(800)] * 6)
    assert listen(written(np.concatenate([np.zeros(4000), both, keys]) + noise(-55, 2.7)[: 12000 + 9600])) == []


def test_speech_too_quiet_for_the_agent_is_none() -> None:
    assert listen(SENTENCES, config=VadConfig(min_volume=0.9)) == []


def test_patience_is_the_agents() -> None:
    patient = listen(SENTENCES, config=VadConfig(stop_secs=1.5, start_secs=0.3))
    assert [edge for edge, _, _ in patient] == ["began"]  # the pauses of 0.8 s are too short, the one at the end too
    assert 300 <= patient[0][2] - patient[0][1] <= 360
    quick = listen(SENTENCES, config=VadConfig(start_secs=0.02))
    assert all(told - began == 20 for edge, began, told in quick if edge == "began")


def test_a_word_at_the_very_beginning_is_heard() -> None:
    edges = listen(SENTENCES[6400:])
    assert edges[0][0] == "began"
    assert edges[0][2] <= 400


def test_one_frame_missed_does_not_undo_a_begin_and_one_click_does_not_put_off_an_end() -> None:
    voice, quiet = SENTENCES[8000:8960], silence(MULAW_8K, 20)
    lead = quiet * 10
    gap = lead + voice[:320] + quiet + voice[480:960] + quiet
    assert [edge for edge, _, _ in listen(gap)] == ["began"]
    click = lead + SENTENCES[6400:24480] + quiet * 15 + voice[:160] + quiet * 15
    assert listen(click)[-1][0] == "ended"
    assert listen(click)[-1][1] <= 200 + 2260 + 20


@given(size=st.integers(1, 800))
@settings(max_examples=20, deadline=None)
def test_how_sound_is_cut_changes_nothing(size: int) -> None:
    whole = [(edge, at) for edge, at, _ in listen(SENTENCES)]
    assert [(edge, at) for edge, at, _ in listen(SENTENCES, size=size)] == whole


def test_it_says_how_long_was_spoken_and_how_long_it_is_quiet() -> None:
    activity = Activity(MULAW_8K, VadConfig())
    activity.hear(SENTENCES[: 8 * 700])
    assert (activity.speaking, activity.quiet_ms, activity.spoken_ms, activity.volume) == (False, 700, 0, 0.0)
    activity.hear(SENTENCES[8 * 700 : 8 * 1800])
    assert activity.speaking
    assert 900 <= activity.spoken_ms <= 1000
    assert activity.quiet_ms <= 100
    activity.hear(SENTENCES[8 * 1800 : 8 * 3800])
    assert not activity.speaking
    assert 2200 <= activity.spoken_ms <= 2280
    assert 720 <= activity.quiet_ms <= 780


def test_volume_follows_the_level() -> None:
    activity = Activity(PCM_16K, VadConfig())
    square = np.where(np.arange(320) // 20 % 2, 1, -1)
    heard = []
    for decibels in (0, -12, -30, -60):
        activity.hear((square * 32767 * 10 ** (decibels / 20)).astype("<i2").tobytes())
        heard.append(activity.volume)
    assert heard == pytest.approx([1, 0.8, 0.5, 0], abs=0.02)
    assert all(louder > quieter for louder, quieter in pairwise(heard))


def test_after_a_reset_it_begins_anew() -> None:
    activity = Activity(MULAW_8K, VadConfig())
    activity.hear(SENTENCES[: 8 * 1800])
    assert activity.speaking
    activity.reset()
    assert (activity.speaking, activity.heard_ms, activity.began_ms, activity.spoken_ms) == (False, 0, -1, 0)
    assert activity.hear(SENTENCES[: 8 * 1800]) == "began"
