"""What somebody hears who waits for a person: a soft chord now and then, made once for each format."""

from functools import cache

import numpy as np

from hub.voice.codecs import Converter, silence
from hub.voice.speech import Format

_NOTES = (392.0, 493.88, 587.33)
_RATE = 16_000
_CHORD_SECONDS, _PAUSE_MS = 2.4, 1_200
_LOUDNESS = 0.06


@cache
def hold_sound(format: Format) -> bytes:
    """A few seconds of it, to be repeated."""
    at = np.arange(int(_CHORD_SECONDS * _RATE)) / _RATE
    chord = np.zeros(len(at))
    for number, note in enumerate(_NOTES):
        since = np.maximum(at - 0.25 * number, 0)
        chord += np.sin(2 * np.pi * note * since) * np.minimum(since / 0.02, 1) * np.exp(-since * 1.8)
    samples = (chord * _LOUDNESS * 32_767).astype("<i2").tobytes()
    converter = Converter(Format("pcm16", _RATE), format)
    return converter.convert(samples) + converter.flush() + silence(format, _PAUSE_MS)
