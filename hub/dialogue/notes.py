"""Notes for the agent that fade: each is told to it for so many turns. They are kept in the state of a conversation."""

from collections.abc import Mapping
from typing import Any

KEY, NEXT = KEYS = "notes", "next_note"
MOST, LONGEST = 10, 500


def note(state: Mapping[str, Any], text: str, turns: int = 1) -> dict[str, Any]:
    """The state in which the agent is told this in its next turns."""
    number = _next(state)
    kept = [one for one in _notes(state) if one["text"] != text]
    made = {"number": number, "text": text[:LONGEST], "turns": max(turns, 1)}
    return {**state, KEY: [*kept, made][-MOST:], NEXT: number + 1}


def current(state: Mapping[str, Any]) -> list[str]:
    """What it is told in this one."""
    return [one["text"] for one in _notes(state)]


def fade(state: dict[str, Any]) -> None:
    """A turn is over: every note has one less to go."""
    left = [{**one, "turns": one["turns"] - 1} for one in _notes(state) if one["turns"] > 1]
    if left:
        state[KEY] = left
    else:
        state.pop(KEY, None)


def with_new(state: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The state a turn ends with, and what was noted while it lasted: that is in the `kept` one."""
    seen, made = _next(state), dict(state)
    for one in _notes(kept):
        if one["number"] >= seen:
            made = note(made, one["text"], one["turns"])
    return made


def _next(state: Mapping[str, Any]) -> int:
    found = state.get(NEXT)
    return found if isinstance(found, int) else 0


def _notes(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = state.get(KEY)
    return [one for one in found if _is_note(one)] if isinstance(found, list) else []


def _is_note(one: Any) -> bool:
    if not isinstance(one, dict):
        return False
    return isinstance(one.get("text"), str) and all(isinstance(one.get(key), int) for key in ("turns", "number"))
