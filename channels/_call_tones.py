"""Keys of a phone as sound: DTMF (ITU-T Q.23) in mu-law (ITU-T G.711), 8000 samples a second."""

import math
from functools import cache

from hub.channel import Undeliverable

_RATE = 8000
_TONE_SECONDS = 0.1
_GAP_SECONDS = 0.1
_WAIT_SECONDS = 0.5
_LOUDNESS = 9000  # of 32767, for each of the two tones
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
_KEYS = ("123", "456", "789", "*0#")
_SILENCE = b"\xff"


def tones(digits: str) -> bytes:
    """The sound of these keys; w is half a second of silence. Raises `Undeliverable` for anything else."""
    if wrong := sorted(set(digits) - set("0123456789*#w")):
        raise Undeliverable(f"A phone has no key {wrong[0]!r}. Send 0-9, *, # and w for half a second's wait.")
    return b"".join(_SILENCE * round(_WAIT_SECONDS * _RATE) if key == "w" else _key(key) for key in digits)


@cache
def _key(key: str) -> bytes:
    row = next(number for number, keys in enumerate(_KEYS) if key in keys)
    low, high = _ROWS[row], _COLUMNS[_KEYS[row].index(key)]
    steps = [2 * math.pi * at / _RATE for at in range(round(_TONE_SECONDS * _RATE))]
    tone = bytes(_mulaw(round(_LOUDNESS * (math.sin(low * step) + math.sin(high * step)))) for step in steps)
    return tone + _SILENCE * round(_GAP_SECONDS * _RATE)


def _mulaw(sample: int) -> int:
    """One 16-bit sample as mu-law."""
    sign = 0x80 if sample < 0 else 0
    level = min(abs(sample), 32635) + 132
    exponent = level.bit_length() - 8
    return ~(sign | exponent << 4 | level >> (exponent + 3) & 0x0F) & 0xFF
