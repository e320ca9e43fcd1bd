"""What was spoken, as pages and files show it: words heard and unheard, their times, latencies, what happened."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.models import Event, Message, Recording

ENDED = {
    "customer_hangup": "the customer hung up",
    "agent_hangup": "the agent hung up",
    "operator_hangup": "a colleague hung up",
    "api_hangup": "a program hung up",
    "goodbye": "goodbye said",
    "silence": "nobody said anything for long",
    "max_duration": "the longest time for a call was over",
    "transfer": "connected with somebody else",
    "voicemail": "an answering machine took it",
    "error": "a fault of ours",
    "idle": "quiet for long",
}
"""Why a call ended, by `Interaction.ended_reason`."""

_FAULTS = {
    "call.apologised": "The agent had no answer and apologised",
    "call.voiceless": "No voice engine works",
    "call.deaf": "No transcriber works: the agent cannot hear",
    "call.lost": "The line broke",
}
_COMMANDS = {
    "say": "{by} had the agent say something",
    "note": "{by} noted for the agent: {text}",
    "whisper": "{by} whispered to the agent: {text}",
    "digits": "{by} pressed {digits}",
    "transfer": "{by} is connecting the customer with {to}",
    "mute": "{by} muted the line",
    "unmute": "{by} ended the mute",
    "pause": "{by} put the agent on hold",
    "resume": "{by} ended the hold",
    "recording_pause": "{by} paused the recording",
    "recording_resume": "{by} resumed the recording",
    "voicemail": "An answering machine: the agent leaves its message",
    "hang_up": "{by} hung up",
}
_HANDOVER = ("interaction.needs_human", "interaction.taken_over", "interaction.handed_back", "member.changed")
MARKED = (
    "call.interrupted", "tool.called", "call.digit", "call.transferring", "call.transferred", "call.transfer_failed",
    "call.commanded", "call.joined", "call.left", "engine.failed", *_FAULTS, *_HANDOVER,
)  # fmt: skip
"""Events that the waveform marks."""

_SAME_TYPING_MS = 2_500


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a message that belong together: a sentence, or what is left of one that was cut off."""

    text: str
    unheard: bool = False
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a call in plain words. `kind`: interruption, tool, digits, handover, hold, fault, note."""

    kind: str
    icon: str
    text: str


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the customer waited for an answer, in milliseconds, and for what. `early` is what thinking ahead won."""

    total: int
    turn: int
    transcriber: int
    model: int
    early: int
    voice: int
    rest: int


def heard(message: Message) -> str:
    """What the customer heard of it."""
    return message.text if message.heard is None else message.heard


def under_way(message: Message) -> bool:
    """Whether it is still being spoken, so that nobody knows yet how much is heard."""
    return message.heard == "" and message.from_ms is not None and message.to_ms is None


def cut(message: Message) -> bool:
    """Whether the customer did not hear all of it."""
    return message.heard is not None and not under_way(message)


def pieces(message: Message) -> list[Piece]:
    """The message in its sentences, with their times; what was not heard comes apart."""
    words = message.text.split()
    left = len(words) if not cut(message) else min(len(heard(message).split()), len(words))
    made: list[Piece] = []
    at = 0
    for from_ms, to_ms, text in _sentences(message):
        length = len(text.split())
        known = min(length, max(left - at, 0))
        if known == length:
            made.append(Piece(text, False, from_ms, to_ms))
        else:
            made += _parted(text.split(), known, from_ms, to_ms)
        at += length
    if at < len(words) or not made:
        made += _parted(words[at:], max(left - at, 0), message.from_ms, message.to_ms) if made else _whole(message)
    return made


def _whole(message: Message) -> list[Piece]:
    """A message of which no sentence has a time."""
    if not cut(message):
        return [Piece(message.text, False, message.from_ms, message.to_ms)]
    words = message.text.split()
    return _parted(words, len(heard(message).split()), message.from_ms, message.to_ms)


def _parted(words: list[str], known: int, from_ms: int | None, to_ms: int | None) -> list[Piece]:
    parts = [Piece(" ".join(words[:known]), False, from_ms, to_ms), Piece(" ".join(words[known:]), True)]
    return [part for part in parts if part.text]


def _sentences(message: Message) -> list[tuple[int, int, str]]:
    """Where each sentence stands; none when they are not the beginning of the text."""
    given = message.timing.get("sentences") or []
    found = [(int(one[0]), int(one[1]), str(one[2])) for one in given if str(one[2]).strip()]
    joined = " ".join(text for _, _, text in found).split()
    return found if joined == message.text.split()[: len(joined)] else []


def clock(ms: float | None) -> str:
    """A place in a call: 0:07, 12:40, 1:02:03."""
    seconds = int(max(ms or 0, 0) // 1000)
    minutes = f"{seconds // 60}:{seconds % 60:02}"
    return minutes if seconds < 3600 else f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def latency(message: Message) -> Latency | None:
    """How long this answer took; None when it answers nobody's turn."""
    given = message.timing
    if "response_ms" not in given or "end_of_turn_ms" not in given:
        return None
    total, turn = int(given["response_ms"]), int(given["end_of_turn_ms"])
    thought, voice = int(given.get("model_ms", 0)), int(given.get("voice_ms", 0))
    model = max(thought, 0)
    return Latency(
        total=total,
        turn=turn,
        transcriber=int(given.get("transcriber_ms", 0)),
        model=model,
        early=max(-thought, 0),
        voice=voice,
        rest=max(total - turn - model - voice, 0),
    )


def quantiles(said: Iterable[Message]) -> tuple[int, int, int] | None:
    """Median and 95th percentile of the answers' latencies in ms, and of how many; None without any."""
    times = sorted(found.total for message in said if (found := latency(message)) is not None)
    if not times:
        return None
    return times[math.ceil(len(times) * 0.5) - 1], times[math.ceil(len(times) * 0.95) - 1], len(times)


def told(type: str, data: Mapping[str, Any]) -> Told | None:
    """An event of a call, or of a team, in plain words; None when it is no such event."""
    match type:
        case "call.connected":
            return Told("note", "call", "Answered")
        case "call.interrupted":
            return Told("interruption", "cut", "The customer interrupted")
        case "call.digit":
            return Told("digits", "keypad", f"The customer pressed {data.get('digit', '')}")
        case "call.machine":
            return Told("note", "call", "An answering machine may have taken the call")
        case "call.transferring":
            return Told("handover", "next", _transferring(data))
        case "call.transferred":
            return Told("handover", "next", _transferred(str(data.get("outcome", "")), str(data.get("words", ""))))
        case "call.transfer_failed":
            return Told("handover", "alert", f"They could not be connected: {data.get('words', '')}")
        case "call.commanded":
            return None if _told_already(data) else _commanded(data)
        case "engine.failed":
            name = data.get("engine") or {"mind": "The language model"}.get(str(data.get("kind")), "An engine")
            return Told("fault", "alert", f"{name} failed: {data.get('why', '')}")
        case "call.joined":
            return Told("handover", "user", f"{data.get('operator') or 'A colleague'} joined the call")
        case "call.left":
            return Told("handover", "user", f"{data.get('operator') or 'A colleague'} left the call")
        case "member.changed":
            why = f": {data['reason']}" if data.get("reason") else ""
            return Told("handover", "agents", f"{data.get('from_name')} handed over to {data.get('to_name')}{why}")
        case "recording.deleted":
            return Told("note", "trash", f"{data.get('by') or 'A program'} deleted the recording")
        case "recording.started":
            return Told("note", "live", "Recording")
        case _ if type in _FAULTS:
            return Told("fault", "alert", _FAULTS[type])
        case _:
            return None


def _transferring(data: Mapping[str, Any]) -> str:
    if not data.get("warm"):
        return f"Connecting with {data.get('to', '')}"
    by = str(data.get("by", ""))
    return f"Calling {data.get('to', '')} to brief them" + (f", for {by}" if by else "")


def _told_already(data: Mapping[str, Any]) -> bool:
    """A transfer that we make ourselves tells of itself."""
    given = data.get("arguments") or {}
    return data.get("verb") == "transfer" and bool(given.get("warm")) and not data.get("fault")


_OUTCOMES = {
    "declined": "they declined",
    "voicemail": "an answering machine",
    "no_answer": "no answer",
    "customer_gone": "the customer hung up before",
}


def _transferred(outcome: str, words: str = "") -> str:
    if outcome in ("", "completed"):
        return "Connected"
    why = _OUTCOMES.get(outcome, outcome.replace("_", " "))
    return f"Not connected: {why}" + (f". {words}" if words else "")


def _commanded(data: Mapping[str, Any]) -> Told:
    verb, given = str(data.get("verb", "")), dict(data.get("arguments") or {})
    by = str(data.get("by") or "A program")
    names = {name: str(given.get(name, "")) for name in ("text", "digits", "to")}
    text = _COMMANDS.get(verb, "{by} asked for " + verb.replace("_", " ")).format(by=by, **names)
    if data.get("fault"):
        return Told("fault", "alert", f"{text}. It did not work: {data['fault']}")
    kind = {"pause": "hold", "resume": "hold", "transfer": "handover", "digits": "digits"}.get(verb, "note")
    icon = {"handover": "next", "digits": "keypad", "hold": "clock"}.get(kind, "user")
    return Told(kind, icon, text)


def markers(
    events: Iterable[Event], recordings: Sequence[Recording], answered_at: datetime | None
) -> list[dict[str, Any]]:
    """What the waveform marks: `kind`, `icon`, `label`, `at_ms` on the interaction's clock, `to_ms` of a stretch."""
    made: list[dict[str, Any]] = []
    for event in events:
        marked = _marked(event)
        if marked is None or answered_at is None:
            continue
        since = (event.at - answered_at).total_seconds() * 1000
        at_ms = max(round(float(event.data.get("at_ms", since))), 0)
        if event.type == "call.digit" and _typed_on(made, at_ms):
            made[-1] |= {"label": made[-1]["label"] + str(event.data.get("digit", "")), "until_ms": at_ms}
        else:
            made.append({"kind": marked.kind, "icon": marked.icon, "label": marked.text, "at_ms": at_ms})
    for recording in recordings:
        made += [
            {
                "kind": "redacted",
                "icon": "mute",
                "label": "Not recorded",
                "at_ms": recording.from_ms + begin,
                "to_ms": recording.from_ms + end,
            }
            for begin, end in recording.pauses
        ]
    return sorted(made, key=lambda one: int(one["at_ms"]))


def _typed_on(made: list[dict[str, Any]], at_ms: int) -> bool:
    """Whether this digit goes on with the digits before it."""
    last = made[-1] if made else {}
    return last.get("kind") == "digits" and at_ms - int(last.get("until_ms", last["at_ms"])) < _SAME_TYPING_MS


def _marked(event: Event) -> Told | None:
    data = event.data
    match event.type:
        case "tool.called":
            name = str(data.get("name") or "Tool").replace("_", " ")
            return Told("tool", "tool", f"Tool {name}{' failed' if data.get('error') else ''}")
        case "interaction.needs_human":
            return Told("handover", "hand", "A person is needed")
        case "interaction.taken_over":
            return Told("handover", "user", f"{data.get('operator') or 'A colleague'} took over")
        case "interaction.handed_back":
            return Told("handover", "agents", f"{data.get('operator') or 'A colleague'} handed back to the agent")
        case _:
            found = told(event.type, data)
            return found if found is not None and found.kind != "note" else None
