"""After the calls: what the carrier really played of each answer, whether anything was lost, how late sound came."""

import json
from base64 import b64decode
from dataclasses import dataclass, field

from tests.bench.voice import wire

TOLERANCE_BYTES = 160
"""A frame: the hub and the carrier need not agree on less. And for as long as the carrier's process had no time."""
UNNUMBERED = 0xFFFF


@dataclass
class Played:
    """What became of one call's sound. `heard` is for each turn the least and the most words that were played.

    `late_ms` has for each message how long after its due time it came, 0 for one ahead of it.
    """

    heard: dict[int, tuple[str, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    underruns: int = 0
    messages: int = 0


def played(call: int, log: list[tuple[float, float, bytes]], ended_at: float, asked: dict[int, int]) -> Played:
    """`asked` says for each turn how many sentences its answer should have; `log` is the carrier's."""
    made = Played()
    sound, until, total = bytearray(), 0.0, 0
    early = 0.0  # by how much sooner than we know of the present sound may have begun
    began: dict[int, int] = {}
    for now, slack, text in log:
        message = json.loads(text)
        if message["event"] == "media":
            audio = b64decode(message["media"]["payload"])
            made.messages += 1
            turn = _turn(sound, audio)
            if turn in began:
                late = now - until
                made.late_ms.append(max(late, 0) * 1000)
                made.underruns += late > 0.001
            else:
                began[turn] = total
            early = slack if now >= until else early
            until = max(until, now) + len(audio) / wire.RATE
            total += len(audio)
            sound += audio
        elif message["event"] == "clear":
            stop = _stop(sound, until, now)
            del sound[len(sound) // 8 * 8 :]
            _take(made, call, bytes(sound), _bounds(stop, slack, early), asked, cut=True)
            sound.clear()
            total, until = 0, now
    bounds = _bounds(_stop(sound, until, ended_at), 0.0, early)
    _take(made, call, bytes(sound), bounds, asked, cut=until > ended_at - 0.05)
    return made


def _turn(before: bytearray, audio: bytes) -> int:
    """The answer that this piece begins in."""
    skip = -len(before) % wire.CELL
    cell = audio[skip : skip + wire.CELL]
    if len(cell) < wire.CELL:
        cell = bytes(before[len(before) // 8 * 8 - 8 : len(before) // 8 * 8])
    return cell[1] << 8 | cell[2]


def _stop(sound: bytearray, until: float, now: float) -> int:
    """How much had been played at that time."""
    return len(sound) - max(0, round((until - now) * wire.RATE))


def _bounds(stop: int, stopped_early: float, began_early: float) -> tuple[int, int]:
    """The least and the most bytes that may have been played, when `stop` is what it looks like (seconds)."""
    return (
        stop - TOLERANCE_BYTES - round(stopped_early * wire.RATE),
        stop + TOLERANCE_BYTES + round(began_early * wire.RATE),
    )


def _take(made: Played, call: int, sound: bytes, stops: tuple[int, int], asked: dict[int, int], cut: bool) -> None:
    """Sound between two clears, played up to some place between `stops`: note what was heard of each answer."""
    try:
        parts = wire.stretches(sound)
    except ValueError as error:
        made.faults.append(str(error))
        return
    at, least, most = 0, dict[int, list[str]](), dict[int, list[str]]()
    expected: tuple[int, int, int] | None = None
    for stretch in parts:
        where = (stretch.turn, stretch.number, stretch.begin)
        if stretch.turn == UNNUMBERED:
            made.faults.append("words that no answer has")
        elif expected is not None and where != expected:
            made.faults.append(f"{where} came where {expected} should have")
        elif expected is None and stretch.begin:
            made.faults.append(f"{where} came first")
        caller, of = (call, asked[stretch.turn]) if stretch.turn in asked else (0, 1)
        text = wire.part(caller, stretch.turn, stretch.number, of)
        whole = stretch.size + stretch.begin >= wire.size(text)
        expected = _next(stretch, whole, of)
        for found, stop in zip((least, most), stops, strict=True):
            reached = min(max(stop - at, 0), stretch.size) + stretch.begin
            if words := heard(text, reached):
                found.setdefault(stretch.turn, []).append(words)
        at += stretch.size
        last = stretch is parts[-1]
        if not whole and not (last and cut):
            made.faults.append(f"{where} broke off after {stretch.size} bytes")
        if last and whole and expected and not cut:
            made.faults.append(f"{expected} never came")
    for turn in {stretch.turn for stretch in parts}:
        if turn in made.heard:
            made.faults.append(f"answer {turn} went on after it was cleared")
        made.heard[turn] = (" ".join(least.get(turn, [])), " ".join(most.get(turn, [])))


def _next(stretch: wire.Stretch, whole: bool, of: int) -> tuple[int, int, int] | None:
    if not whole:
        return (stretch.turn, stretch.number, stretch.begin + stretch.size)
    return (stretch.turn, stretch.number + 1, 0) if stretch.number < of else None


def heard(text: str, reached: int) -> str:
    """The words of a sentence whose sound was played so far; sound is spread evenly over its characters."""
    share = reached / wire.size(text)
    words, at = [], 0
    for word in text.split():
        at = text.index(word, at) + len(word)
        if at / len(text) > share:
            break
        words.append(word)
    return " ".join(words)


def agrees(stored: str, bounds: tuple[str, str]) -> bool:
    """Whether the stored words lie between the least and the most that can have been played."""
    count = len(stored.split())
    return bounds[1].startswith(stored) and len(bounds[0].split()) <= count <= len(bounds[1].split())
