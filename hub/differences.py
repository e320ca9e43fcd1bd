"""What differs between two definitions: field by field, texts line by line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Literal

KEYS = ("id", "name", "member", "value", "function")
"""What entries of a list are known by, so that one put in between does not seem to change all after it."""
LONG_TEXT = 60
CONTEXT_LINES = 2
MOST_LINES = 2_000
"""Longer texts are shown as one block taken away and another one added."""

Kind = Literal["added", "removed", "changed", "reordered"]
Line = tuple[Literal["same", "removed", "added", "skipped"], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not the same. `path` leads there: names of fields, and names or places of list entries.

    `lines` compare longer texts and lists of texts; they are empty for other values.
    """

    path: tuple[str, ...]
    kind: Kind
    old: Any
    new: Any
    lines: tuple[Line, ...] = ()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """In the order of the fields. A field that is in one of them only was added or removed."""
    return list(_mappings(old, new, ()))


_NOTHING = object()


def _mappings(old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Difference]:
    for name in dict.fromkeys([*new, *old]):
        yield from _values(old.get(name, _NOTHING), new.get(name, _NOTHING), (*path, name))


def _values(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[Difference]:
    if old is _NOTHING:
        yield Difference(path, "added", None, new, _lines("", new) if _is_text(new) else ())
    elif new is _NOTHING:
        yield Difference(path, "removed", old, None, _lines(old, "") if _is_text(old) else ())
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mappings(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        texts = _is_text(old) or _is_text(new)
        lines = _lines(old or "", new or "") if texts and _both_texts(old, new) else ()
        yield Difference(path, "changed", old, new, lines)


def _lists(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    if old == new:
        return
    if all(isinstance(one, str) for one in (*old, *new)):
        yield Difference(path, "changed", old, new, _compared(old, new))
    elif key := _key(old, new):
        before, after = ({str(one[key]): one for one in entries} for entries in (old, new))
        yield from _mappings(before, after, path)
        kept = [[name for name in entries if name in others] for entries, others in ((before, after), (after, before))]
        if kept[0] != kept[1]:
            yield Difference(path, "reordered", list(before), list(after))
    else:
        yield from _places(old, new, path)


def _key(old: list[Any], new: list[Any]) -> str:
    """The field by which all entries of both lists can be told apart; empty when there is none."""
    for key in KEYS:
        if all(
            all(isinstance(one, Mapping) and isinstance(one.get(key), str) for one in entries)
            and len({one[key] for one in entries}) == len(entries)
            for entries in (old, new)
        ):
            return key
    return ""


def _places(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    """Entries without a name, by their places: those that stayed the same are found first."""
    before, after = ([json.dumps(one, sort_keys=True, default=str) for one in entries] for entries in (old, new))
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            pairs = zip_longest(old[i:j], new[k:m], fillvalue=_NOTHING)
            for place, (was, now) in enumerate(pairs):
                at = k + place if now is not _NOTHING else i + place
                yield from _values(was, now, (*path, str(at + 1)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and ("\n" in value or len(value) > LONG_TEXT)


def _both_texts(old: Any, new: Any) -> bool:
    return isinstance(old, str | None) and isinstance(new, str | None)


def _lines(old: str, new: str) -> tuple[Line, ...]:
    return _compared(old.splitlines(), new.splitlines())


def _compared(old: Sequence[str], new: Sequence[str]) -> tuple[Line, ...]:
    """Both together; of long stretches that are the same only the ends."""
    if max(len(old), len(new)) > MOST_LINES:
        old, new = old[:MOST_LINES], new[:MOST_LINES]
        return (*(("removed", line) for line in old), *(("added", line) for line in new))
    made: list[Line] = []
    for tag, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            made += _shortened(old[i:j], first=i == 0, last=j == len(old))
        else:
            made += [("removed", line) for line in old[i:j]]
            made += [("added", line) for line in new[k:m]]
    return tuple(made)


def _shortened(same: Sequence[str], *, first: bool, last: bool) -> list[Line]:
    head, tail = (0 if first else CONTEXT_LINES), (0 if last else CONTEXT_LINES)
    if len(same) <= head + tail + 1:
        return [("same", line) for line in same]
    left_out: Line = ("skipped", f"{len(same) - head - tail} lines that are the same")
    before, after = same[:head], same[len(same) - tail :]
    return [*(("same", line) for line in before), left_out, *(("same", line) for line in after)]
