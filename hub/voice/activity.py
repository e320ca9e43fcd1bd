"""Voice activity: whether somebody speaks, told from the sound alone, frame by frame.

A frame of 20 ms counts when the detector of WebRTC takes it for speech, and it is loud enough, and it stands out of the
steady noise of the line. What costs more is only looked at where speech may begin: a pure tone (a key, a beep, a dial
tone) begins none.
"""

import functools
import math
from collections import deque
from typing import Any, Literal

import numpy as np
import webrtcvad

from hub.models.voice import VadConfig
from hub.voice.codecs import Converter, audioop, width
from hub.voice.speech import Format

Edge = Literal["began", "ended"]

FRAME_MS = 20
_NATIVE = (8000, 16000, 32000)  # the detector takes 48 kHz too, at nine times the price of 16 kHz
_QUIETEST = 60.0  # dB below full scale that are volume 0
_STAND_OUT = 6.0  # dB above the noise that begin speech; half as much goes on with it
_NOISE_FRAMES = 25  # the quietest frame of each half second is kept,
_NOISE_SPANS = 6  # and the quietest of three seconds is the noise
_FIRST_FRAMES = 5  # nothing counts before the detector has heard so much of the line
_CALM_FRAMES = 10  # so many quiet ones in a row are no gap in a word
_LOUDEST_NOISE = -30.0  # dB: what is steadier and louder than this is a long vowel, not noise
_PURE = 0.97  # of a frame's energy in two tones: no voice
_SLACK = 0.1  # speech that has begun goes on though it is quieter by so much volume


class Activity:
    """One stream's detector. `hear` takes pieces of any size; everything else is what it knows by now.

    `speaking`; `volume` of the last frame, 0 (60 dB below full scale) to 1; `heard_ms`, how much it was given;
    `began_ms` and `ended_ms`, where in it the present or last speech begins and where its last sound ends, -1 before.
    """

    __slots__ = (
        "_back", "_calm", "_confident", "_converter", "_first", "_format", "_frame", "_gap", "_held", "_loud",
        "_lowest", "_noise", "_quiet", "_rate", "_run", "_span", "_spans", "_start", "_stop", "_vad", "_wide",
        "began_ms", "ended_ms", "heard_ms", "speaking", "volume",
    )  # fmt: skip

    def __init__(self, format: Format, config: VadConfig) -> None:
        self._format = format
        self._rate = format.rate if format.rate in _NATIVE else 16000
        ours = Format("pcm16", self._rate)
        self._converter = Converter(format, ours) if format.rate != self._rate else None
        self._wide = width(format) == 2 or self._converter is not None
        self._frame = ours.size(FRAME_MS) if self._wide else format.size(FRAME_MS)
        self._confident = min(3, int(config.confidence / 0.7 * 3 + 0.001))
        self._loud = config.min_volume
        self._start = max(1, round(config.start_secs * 1000 / FRAME_MS))
        self._stop = max(1, round(config.stop_secs * 1000 / FRAME_MS))
        self.reset()

    def reset(self) -> None:
        """Begin anew, as if nothing had been heard."""
        self._vad = webrtcvad.Vad(self._confident)
        if self._converter is not None:
            self._converter.reset()
        self._held = b""
        self._run = self._gap = self._first = 0
        self._quiet = self._back = self._calm = 0
        self._span, self._lowest, self._noise = 0, 0.0, -100.0
        self._spans: deque[float] = deque(maxlen=_NOISE_SPANS)
        self.speaking = False
        self.volume = 0.0
        self.heard_ms = 0
        self.began_ms = self.ended_ms = -1

    @property
    def hushed(self) -> bool:
        """Whether nobody speaks, and for a while nothing was louder than the quiet of the line."""
        return self._calm >= _CALM_FRAMES and not self.speaking

    @property
    def spoken_ms(self) -> int:
        """How long the present or last speech is, from its first to its last sound."""
        return self.ended_ms - self.began_ms

    @property
    def quiet_ms(self) -> int:
        """How long ago the last sound of speech was; before the first speech, all there was."""
        return self.heard_ms - max(self.ended_ms, 0)

    def hear(self, audio: bytes) -> Edge | None:
        """Take a piece of sound: whether speech began or ended in it. Of several edges in one piece, the last."""
        if self._converter is not None:
            audio = self._converter.convert(audio)
        if not self._held and len(audio) == self._frame:
            return self._take(audio)
        audio, edge, at = self._held + audio, None, 0
        while at + self._frame <= len(audio):
            edge = self._take(audio[at : at + self._frame]) or edge
            at += self._frame
        self._held = audio[at:]
        return edge

    def _take(self, frame: bytes) -> Edge | None:
        self.heard_ms += FRAME_MS
        pcm = frame if self._wide else audioop.ulaw2lin(frame, 2)
        level = 20 * math.log10(max(audioop.rms(pcm, 2), 1) / 32768)
        self.volume = max(0.0, 1 + level / _QUIETEST)
        voiced = level > -_QUIETEST and self._vad.is_speech(pcm, self._rate) and self._outstanding(level, pcm)
        self._learn(level)
        self._calm = self._calm + 1 if level < max(self._noise, -_QUIETEST) + _STAND_OUT / 2 else 0
        return self._go_on(voiced) if self.speaking else self._maybe_begin(voiced)

    def _outstanding(self, level: float, pcm: bytes) -> bool:
        if self.speaking:
            return self.volume >= self._loud - _SLACK and level >= self._noise + _STAND_OUT / 2
        if not self._spans or self.volume < self._loud or level < self._noise + _STAND_OUT:
            return False
        return not _is_tone(pcm)

    def _learn(self, level: float) -> None:
        self._lowest = min(self._lowest, level)
        self._span += 1
        if self._span == (_NOISE_FRAMES if self._spans else _FIRST_FRAMES):
            self._spans.append(self._lowest)
            self._noise = min(_LOUDEST_NOISE, *self._spans)
            self._span, self._lowest = 0, 0.0

    def _maybe_begin(self, voiced: bool) -> Edge | None:
        if not voiced:
            self._gap += 1
            if self._gap > 1:  # a single frame missed does not break the beginning of a word
                self._run = 0
            return None
        if not self._run:
            self._first = self.heard_ms - FRAME_MS
        self._run, self._gap = self._run + 1, 0
        if self._run < self._start:
            return None
        self.speaking, self._quiet, self._back = True, 0, 0
        self.began_ms, self.ended_ms = self._first, self.heard_ms
        return "began"

    def _go_on(self, voiced: bool) -> Edge | None:
        self._back = self._back + 1 if voiced else 0
        if self._back > 1 or (voiced and not self._quiet):  # a single frame in the quiet is a click
            self._quiet, self.ended_ms = 0, self.heard_ms
            return None
        self._quiet += 1
        if self._quiet < self._stop:
            return None
        self.speaking, self._run, self._gap = False, 0, 0
        return "ended"


@functools.cache
def _window(size: int) -> "np.ndarray[Any, Any]":
    return np.hanning(size)


def _is_tone(pcm: bytes) -> bool:
    """Whether one or two pure tones above 400 Hz are all there is in a frame of 20 ms (50 Hz a bin)."""
    samples = np.frombuffer(pcm, "<i2")
    power = np.abs(np.fft.rfft(samples * _window(len(samples)))) ** 2
    all_of_it = float(power.sum())
    peak = int(power.argmax())
    if peak < 8:
        return False
    tones = 0.0
    for _ in range(2):
        peak = int(power.argmax())
        near = slice(max(peak - 2, 0), peak + 3)
        tones += float(power[near].sum())
        power[near] = 0
    return tones > _PURE * all_of_it
