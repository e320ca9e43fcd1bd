"""espeak-ng inside the worker process: the library of the `espeakng-loader` wheel, or else the installed program.

espeak-ng is GPL-3.0-or-later, so nothing but the worker may import this. Both ways give 16-bit mono samples in pieces.
https://github.com/espeak-ng/espeak-ng/blob/master/src/include/espeak-ng/speak_lib.h
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

import numpy as np

from hub.engines.worker_sound import Samples

Take = Callable[[Samples], bool]
"""Is given sound as it is made; says whether to go on."""

_SYNCHRONOUS, _UTF8, _RATE_PARAMETER, _END_PAUSE, _NO_EXIT = 2, 1, 1, 0x1000, 0x8000
_BUFFER_MS = 100
MISSING = (
    "There is no espeak-ng: install the Python package espeakng-loader, or the program espeak-ng "
    "(Debian: apt-get install espeak-ng)."
)


class Unavailable(Exception):
    """espeak-ng cannot be used here; the text says what to do."""


class UnknownVoice(Exception):
    """espeak-ng has none of the voices."""


class Library:
    """libespeak-ng in this process. It has global state: one thread only."""

    def __init__(self) -> None:
        try:
            import espeakng_loader

            self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (ImportError, OSError) as error:
            raise Unavailable(MISSING) from error
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(
            self._made
        )
        self._lib.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        self._lib.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self.rate = self._lib.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, os.fsencode(data), _NO_EXIT)
        if self.rate <= 0:
            raise Unavailable(f"espeak-ng cannot read its data in {data}. {MISSING}")
        self._lib.espeak_SetSynthCallback(self._callback)
        self._take: Take = lambda _: False
        self._voice = ""

    def speak(self, text: str, voices: Sequence[str], words_per_minute: int, take: Take) -> None:
        """The sound of a text, always the same, with the first of the voices there is. Raises `UnknownVoice`."""
        self._choose(voices)
        self._lib.espeak_SetParameter(_RATE_PARAMETER, words_per_minute, 0)
        self._take = take
        self._lib.espeak_ng_SetRandSeed(1)
        raw = text.encode("utf-8", "ignore").replace(b"\0", b"")
        self._lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8 | _END_PAUSE, None, None)

    def _choose(self, voices: Sequence[str]) -> None:
        for voice in voices:
            if voice == self._voice or self._lib.espeak_SetVoiceByName(voice.encode()) == 0:
                self._voice = voice
                return
        self._voice = ""
        raise UnknownVoice(f"espeak-ng has no voice {voices[0]!r}.")

    def _made(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if not samples or count <= 0:
            return 0
        return 0 if self._take(np.ctypeslib.as_array(samples, (count,)).copy()) else 1


class Program:
    """The espeak-ng program, once for each text."""

    rate = 22_050

    def __init__(self, path: str | None = None) -> None:
        found = path or shutil.which("espeak-ng")
        if not found:
            raise Unavailable(MISSING)
        self._path = found

    def speak(self, text: str, voices: Sequence[str], words_per_minute: int, take: Take) -> None:
        """Make the sound of a text with the first of the voices that there is. Raises `UnknownVoice`."""
        if not any(self._one(text, voice, words_per_minute, take) for voice in voices):
            raise UnknownVoice(f"espeak-ng has no voice {voices[0]!r}.")

    def _one(self, text: str, voice: str, words_per_minute: int, take: Take) -> bool:
        command = [self._path, "--stdin", "--stdout", "-b", "1", "-v", voice, "-s", str(words_per_minute)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:  # noqa: S603
            if run.stdin is None or run.stdout is None:
                return False
            try:
                run.stdin.write(text.encode("utf-8", "ignore"))
                run.stdin.close()
            except BrokenPipeError:
                return False
            if len(run.stdout.read(44)) < 44:
                return False
            size = self.rate * 2 * _BUFFER_MS // 1000
            while piece := run.stdout.read(size):
                if not take(np.frombuffer(piece[: len(piece) & ~1], np.int16)):
                    run.kill()
                    break
        return True


def load() -> Library | Program:
    """The library if it can be had, else the program. Raises `Unavailable`."""
    try:
        return Library()
    except Unavailable:
        return Program()
