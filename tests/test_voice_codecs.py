"""Sound keeps its length, its loudness and its time when it changes its format."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.voice.codecs import Converter, audioop, pcm16, silence, width
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, PCM_48K, Format

PCM_8K = Format("pcm16", 8000)
FORMATS = [MULAW_8K, PCM_8K, PCM_16K, Format("pcm16", 22050), PCM_24K, Format("pcm16", 44100), PCM_48K]
PAIRS = [(source, target) for source in FORMATS for target in FORMATS if source != target]
RATES = [(48000, 16000), (48000, 8000), (16000, 8000), (8000, 16000), (16000, 48000), (8000, 48000), (24000, 48000)]
ODD_RATES = [(24000, 8000), (24000, 16000), (22050, 8000), (22050, 16000), (22050, 48000), (44100, 16000)]
RESAMPLED = [(Format("pcm16", source), Format("pcm16", target)) for source, target in RATES + ODD_RATES]


def tone(rate: int, hertz: float, seconds: float = 1.0, loud: float = 0.5) -> np.ndarray:
    return np.round(np.sin(np.arange(round(rate * seconds)) * 2 * np.pi * hertz / rate) * loud * 32767).astype("<i2")


def loudness(audio: bytes) -> float:
    """In dB below full scale, without the ends."""
    samples = np.frombuffer(audio, "<i2").astype(float)
    samples = samples[len(samples) // 8 : -len(samples) // 8] / 32768
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def in_frames(converter: Converter, audio: bytes, size: int) -> bytes:
    pieces = [converter.convert(audio[at : at + size]) for at in range(0, len(audio), size)]
    return b"".join(pieces) + converter.flush()


@pytest.mark.parametrize("format", FORMATS)
def test_equal_formats_give_the_same_object(format: Format) -> None:
    audio = bytes(320)
    converter = Converter(format, format)
    assert converter.convert(audio) is audio
    assert converter.flush() == b""


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="opus"):
        Converter(Format("opus", 48000), PCM_16K)


@pytest.mark.parametrize("format", FORMATS)
def test_silence_has_its_length_and_is_silent(format: Format) -> None:
    quiet = silence(format, 20)
    assert len(quiet) == format.size(20)
    assert format.milliseconds(len(quiet)) in (19, 20)
    assert not any(pcm16(quiet, format))


def test_mulaw_becomes_16_bits_and_back_without_loss() -> None:
    every = bytes(range(256))
    there = Converter(MULAW_8K, PCM_8K).convert(every)
    assert there == audioop.ulaw2lin(every, 2)
    back = Converter(PCM_8K, MULAW_8K).convert(there)
    assert audioop.ulaw2lin(back, 2) == there


@given(data=st.data(), pair=st.sampled_from(PAIRS))
@settings(max_examples=60, deadline=None)
def test_how_a_stream_is_cut_changes_nothing(data: st.DataObject, pair: tuple[Format, Format]) -> None:
    source, target = pair
    samples = np.random.default_rng(7).integers(-20000, 20000, 3000).astype("<i2").tobytes()
    audio = samples if source.codec == "pcm16" else audioop.lin2ulaw(samples, 2)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(audio)), max_size=12)))
    converter = Converter(source, target)
    pieces = [converter.convert(audio[a:b]) for a, b in zip([0, *cuts], [*cuts, len(audio)], strict=True)]
    got = b"".join(pieces) + converter.flush()
    whole = Converter(source, target)
    expected = whole.convert(audio) + whole.flush()
    assert len(got) == len(expected) == -(-3000 * target.rate // source.rate) * width(target)
    if target.codec == "pcm16":
        difference = np.frombuffer(got, "<i2").astype(int) - np.frombuffer(expected, "<i2")
        assert np.abs(difference).max() <= 1  # sums of floats in another order


@pytest.mark.parametrize(("source", "target"), RESAMPLED)
def test_a_tone_keeps_its_loudness_and_its_place(source: Format, target: Format) -> None:
    for hertz in (300, 1000, 0.4 * min(source.rate, target.rate)):
        got = in_frames(Converter(source, target), tone(source.rate, hertz).tobytes(), source.size(20))
        expected = tone(target.rate, hertz)
        difference = np.frombuffer(got, "<i2").astype(float)[400:-400] - expected[400:-400]
        assert len(got) == 2 * len(expected)
        assert 10 * np.log10(np.mean(difference**2) / np.mean(expected.astype(float) ** 2)) < -50


@pytest.mark.parametrize(("source", "target"), [pair for pair in RESAMPLED if pair[0].rate > pair[1].rate])
def test_what_the_lower_rate_cannot_hold_is_gone(source: Format, target: Format) -> None:
    high = tone(source.rate, min(0.6 * target.rate, 0.49 * source.rate)).tobytes()
    assert loudness(in_frames(Converter(source, target), high, source.size(20))) < loudness(high) - 60


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_no_more_than_three_milliseconds_are_held_back(source: Format, target: Format) -> None:
    converter, given_ms, got = Converter(source, target), 0, 0
    for _ in range(30):
        got += len(converter.convert(silence(source, 20)))
        given_ms += 20
        assert given_ms - got * 1000 / target.bytes_per_second <= 3


def test_full_loudness_saturates_and_does_not_turn_over() -> None:
    square = np.where(np.arange(9600) // 48 % 2, -32768, 32767).astype("<i2")
    got = np.frombuffer(in_frames(Converter(PCM_48K, PCM_16K), square.tobytes(), 1920), "<i2")
    middle = got.reshape(-1, 16)[1:-1, 6:10].astype(int)  # well inside each half wave
    assert (np.sign(middle) == np.sign(middle[:, :1])).all()
    assert np.abs(got.astype(int)).max() >= 32767


def test_after_a_reset_nothing_of_before_is_heard() -> None:
    converter = Converter(PCM_24K, MULAW_8K)
    converter.convert(tone(24000, 440, 0.1).tobytes() + b"\x01")
    converter.reset()
    assert not any(pcm16(converter.convert(silence(PCM_24K, 100)) + converter.flush(), MULAW_8K))
