"""Sound inside the speech workers: mu-law to and from linear, and band-limited resampling of a stream."""

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.int16]
_BIAS, _CLIP = 0x84, 32_635


def _expansion() -> Samples:
    """The linear value of each mu-law byte (ITU-T G.711)."""
    byte = ~np.arange(256, dtype=np.int32) & 0xFF
    size = (((byte & 0x0F) << 3) + _BIAS) << ((byte & 0x70) >> 4)
    return np.where(byte & 0x80, _BIAS - size, size - _BIAS).astype(np.int16)


def _compression() -> NDArray[np.uint8]:
    """The mu-law byte of each linear value, by its 16 bits read as unsigned."""
    value = np.arange(65_536, dtype=np.int32)
    value = np.where(value > 32_767, value - 65_536, value)
    size = np.minimum(np.abs(value), _CLIP) + _BIAS
    exponent = np.floor(np.log2(size)).astype(np.int32) - 7
    byte = (np.where(value < 0, 0x80, 0) | (exponent << 4) | ((size >> (exponent + 3)) & 0x0F)) ^ 0xFF
    made: NDArray[np.uint8] = byte.astype(np.uint8)
    return made


_LINEAR, _MULAW = _expansion(), _compression()


def from_mulaw(data: bytes) -> Samples:
    return _LINEAR[np.frombuffer(data, np.uint8)]


def to_mulaw(samples: Samples) -> bytes:
    return _MULAW[samples.view(np.uint16)].tobytes()


class Resampler:
    """Brings a stream of 16-bit mono samples from one rate to another, piece by piece, always in the same way.

    It is done in floating point: soxr adds chance noise when it gives integers, which a recogniser hears.
    """

    def __init__(self, source: int, target: int) -> None:
        self._stream = None if source == target else soxr.ResampleStream(source, target, 1, "float32", "MQ")

    def add(self, samples: Samples, *, last: bool = False) -> Samples:
        """What can be given of the stream so far; `last` gives the rest of it."""
        if self._stream is None:
            return samples
        made = self._stream.resample_chunk(samples.astype(np.float32), last=last)
        rounded: Samples = np.clip(np.rint(made), -32_768, 32_767).astype(np.int16)
        return rounded


class Encoder:
    """Turns samples of one rate into bytes of a format."""

    def __init__(self, source: int, codec: str, rate: int) -> None:
        self._codec, self._resampler = codec, Resampler(source, rate)

    def add(self, samples: Samples, *, last: bool = False) -> bytes:
        made = self._resampler.add(samples, last=last)
        return to_mulaw(made) if self._codec == "mulaw" else made.tobytes()


class Decoder:
    """Turns bytes of a format into samples of one rate. A sample cut in two waits for its other half."""

    def __init__(self, codec: str, rate: int, target: int) -> None:
        self._codec, self._resampler, self._odd = codec, Resampler(rate, target), b""

    def add(self, data: bytes) -> Samples:
        if self._codec == "mulaw":
            return self._resampler.add(from_mulaw(data))
        data = self._odd + data
        whole = len(data) & ~1
        self._odd = data[whole:]
        return self._resampler.add(np.frombuffer(data[:whole], np.int16))
