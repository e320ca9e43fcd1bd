"""Sums the parties of a call when there are more than two: everybody hears all the others."""

from hub.voice.codecs import audioop
from hub.voice.speech import Format

KEPT_MS = 200  # of what somebody says that a listener has not fetched; older sound is dropped
SPARE_MS = 20  # of that against jitter; what is never needed beyond it
_WATCHED = 100  # takes, is dropped as well: it would only be delay


class Mixer:
    """Parties of one format, `pcm16`, by whatever names the caller gives them.

    Sound is put as it is heard, never faster; each listener takes at its own pace. A party listens from its first
    `take` or `listen` on. `dropped_ms` and `missing_ms` count what came too fast and what came too late for a listener.
    """

    __slots__ = ("_dropped", "_format", "_kept", "_listeners", "_missing", "_spare")

    def __init__(self, format: Format) -> None:
        """Raises `ValueError` for another codec."""
        if format.codec != "pcm16":
            raise ValueError(f"A mixer sums 16-bit sound, not {format.codec}.")
        self._format = format
        self._kept, self._spare = format.size(KEPT_MS), format.size(SPARE_MS)
        self._listeners: dict[str, dict[str, _Waiting]] = {}
        self._dropped = self._missing = 0

    @property
    def dropped_ms(self) -> int:
        return self._format.milliseconds(self._dropped)

    @property
    def missing_ms(self) -> int:
        return self._format.milliseconds(self._missing)

    def listen(self, party: str) -> None:
        """From now on this party hears the others."""
        self._listeners.setdefault(party, {})

    def put(self, party: str, audio: bytes) -> None:
        """The party says this; whole samples."""
        for listener, heard in self._listeners.items():
            if listener == party:
                continue
            waiting = heard.get(party)
            if waiting is None:
                waiting = heard[party] = _Waiting()
            waiting.audio += audio
            over = len(waiting.audio) - self._kept
            if over > 0:
                self._drop(waiting, over)

    def take(self, milliseconds: float, but: str) -> bytes:
        """The next stretch for this listener: the sum of all the others, silence where nobody says anything."""
        size = self._format.size(milliseconds)
        mixed = b""
        for waiting in self._listeners.setdefault(but, {}).values():
            if not waiting.audio:
                waiting.spare = 0
                continue
            part = bytes(waiting.audio[:size])
            del waiting.audio[:size]
            if len(part) < size:
                self._missing += size - len(part)
                part += bytes(size - len(part))
            self._catch_up(waiting)
            mixed = audioop.add(mixed, part, 2) if mixed else part
        return mixed or bytes(size)

    def leave(self, party: str) -> None:
        """The party is gone: what it said and nobody fetched is not heard, and nothing is kept for it."""
        self._listeners.pop(party, None)
        for heard in self._listeners.values():
            heard.pop(party, None)

    def _catch_up(self, waiting: "_Waiting") -> None:
        waiting.spare = min(waiting.spare, len(waiting.audio))
        waiting.takes += 1
        if waiting.takes >= _WATCHED:
            if waiting.spare > self._spare:
                self._drop(waiting, waiting.spare - self._spare)
            waiting.takes, waiting.spare = 0, len(waiting.audio)

    def _drop(self, waiting: "_Waiting", size: int) -> None:
        del waiting.audio[:size]
        self._dropped += size


class _Waiting:
    """What one party said and one listener has not fetched; `spare`: what was left at least after the last `takes`."""

    __slots__ = ("audio", "spare", "takes")

    def __init__(self) -> None:
        self.audio = bytearray()
        self.spare = self.takes = 0
