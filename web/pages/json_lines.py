"""Where in a JSON text a value stands, so that a complaint can be shown at its line."""

import contextlib
import re
from json import decoder

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^,\]}\s]+")


def line_of(text: str, path: str) -> int:
    """The line (from 1) of the value at a dotted path, or of the innermost part of the path that is there."""
    found: dict[tuple[str, ...], int] = {(): 0}
    with contextlib.suppress(ValueError, IndexError, RecursionError):
        _walk(text, _skip(text, 0), (), found)
    parts = tuple(path.split(".")) if path else ()
    while parts not in found:
        parts = parts[:-1]
    return text.count("\n", 0, found[parts]) + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _string(text: str, at: int) -> tuple[str, int]:
    value, after = decoder.scanstring(text, at + 1)  # type: ignore[attr-defined]
    return str(value), int(after)


def _walk(text: str, at: int, path: tuple[str, ...], found: dict[tuple[str, ...], int]) -> int:
    """Notes where each value begins; gives the place after this one."""
    found.setdefault(path, at)
    if text[at] == "{":
        return _members(text, at, path, found)
    if text[at] == "[":
        return _items(text, at, path, found)
    if text[at] == '"':
        return _string(text, at)[1]
    match = _SCALAR.match(text, at)
    if match is None:
        raise ValueError(at)
    return match.end()


def _members(text: str, at: int, path: tuple[str, ...], found: dict[tuple[str, ...], int]) -> int:
    at = _skip(text, at + 1)
    while text[at] != "}":
        begins = at
        key, at = _string(text, at)
        found[*path, key] = begins
        at = _skip(text, _walk(text, _skip(text, _skip(text, at) + 1), (*path, key), found))
        at = _skip(text, at + 1) if text[at] == "," else at
    return at + 1


def _items(text: str, at: int, path: tuple[str, ...], found: dict[tuple[str, ...], int]) -> int:
    at, number = _skip(text, at + 1), 0
    while text[at] != "]":
        at = _skip(text, _walk(text, at, (*path, str(number)), found))
        at, number = (_skip(text, at + 1) if text[at] == "," else at), number + 1
    return at + 1
