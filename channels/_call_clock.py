"""How much of what was sent has been played at the other end, where nobody tells sample by sample."""

from collections import deque
from collections.abc import Callable

MOST_DELAY_SECONDS = 2.0
_SLOWER = 0.1
"""How far a longer delay is believed; a shorter one is believed at once."""


class PlayClock:
    """Positions are bytes since the line's begin, in the order they were sent.

    Sound plays as fast as it sounds, from when it arrives at an empty buffer, `rate` bytes a second. A mark that comes
    back proves its position and teaches the delay between sending and playing: that of the stretch that plays without
    a gap, which its first message has set, and more slowly that of the next ones. `now` gives seconds.
    """

    def __init__(self, rate: int, now: Callable[[], float]) -> None:
        self._rate, self._now = rate, now
        self.written = 0
        self.clears = 0
        self._until = 0.0  # when all that was written would have been played, were there no delay
        self._delay: float | None = None
        self._begin = 0  # where the stretch begins that plays now,
        self._late: float | None = None  # and its own delay, once one of its marks has told
        self._passed = 0  # this much is over: heard or cleared
        self._apart = 0  # of that, how much `heard` does not count
        self._proven = 0  # this much is over for certain
        self._uncounted: deque[tuple[int, int]] = deque()
        self._marks: deque[tuple[int, float]] = deque(maxlen=256)
        self._marked = 0

    def write(self, size: int, *, counted: bool = True) -> None:
        """So many bytes are sent now. `heard` leaves out those not counted."""
        now = self._now()
        if now >= self._until + (self._late or 0.0):
            self._position()
            self._until, self._begin, self._late = now, self.written, None
        if not counted:
            self._uncounted.append((self.written, self.written + size))
        self._until += size / self._rate
        self.written += size

    def unplayed(self) -> int:
        """How many bytes are still to be played."""
        return self.written - self._position()

    def heard(self) -> int:
        """How many counted bytes have been played. It never becomes less."""
        position = self._position()
        while self._uncounted and self._uncounted[0][1] <= position:
            begin, end = self._uncounted.popleft()
            self._apart += end - begin
        halfway = sum(max(0, position - begin) for begin, _ in self._uncounted)
        return position - self._apart - halfway

    def mark(self) -> str:
        """Remember this position; the name to send."""
        self._marked = self.written
        self._marks.append((self.written, self._until))
        return str(self.written)

    @property
    def unmarked(self) -> int:
        """How many bytes were written since the last mark."""
        return self.written - self._marked

    @property
    def marks_out(self) -> int:
        """How many marks have not come back."""
        return len(self._marks)

    def returned(self, name: str) -> None:
        """A mark came back: everything before it has been played, unless it was cleared."""
        at = next((at for at, (position, _) in enumerate(self._marks) if str(position) == name), None)
        if at is None:
            return
        for _ in range(at):
            self._marks.popleft()
        position, expected = self._marks.popleft()
        late = min(max(self._now() - expected, 0.0), MOST_DELAY_SECONDS)
        before = self._delay
        self._delay = late if before is None or late <= before else before + (late - before) * _SLOWER
        if position > self._begin:
            self._late = late if self._late is None else min(late, self._late)
        self._passed, self._proven = max(self._passed, position), max(self._proven, position)

    def ended(self, at: float) -> None:
        """The other end went away then, though we hear of it only now: nothing has been played since."""
        self._passed, self._now = max(self._proven, min(self._begin, self._passed)), lambda: at

    def clear(self) -> int:
        """What is unplayed never will be; how many bytes that is. Marks that come back from now on prove nothing."""
        heard, lost = self.heard(), self.unplayed()
        self._passed = self._proven = self.written
        self._apart = self.written - heard
        self._until, self._late = self._now(), None
        self._uncounted.clear()
        self._marks.clear()
        self._marked = self.written
        self.clears += 1
        return lost

    def _position(self) -> int:
        delay = self._late if self._late is not None else self._delay or 0.0
        left = self._until + delay - self._now()
        if left <= 0:
            self._passed = self.written
        else:
            self._passed = max(self._passed, self.written - round(left * self._rate))
        return self._passed
