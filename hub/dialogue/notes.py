"""Notes for the agent that fade: each is told to it for so many turns. They are kept in the state of a conversation."""

from collections.abc import Mapping
from typing import Any

KEY = "notes"
MOST, LONGEST = 10, 500


def note(state: dict[str, Any], text: str, turns: int = 1) -> None:
    """Tell the agent this in its next turns."""
    kept = [one for one in _notes(state) if one["text"] != text]
    state[KEY] = [*kept, {"text": text[:LONGEST], "turns": max(turns, 1)}][-MOST:]


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


def _notes(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = state.get(KEY)
    return [one for one in found if _is_note(one)] if isinstance(found, list) else []


def _is_note(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("text"), str) and isinstance(one.get("turns"), int)
