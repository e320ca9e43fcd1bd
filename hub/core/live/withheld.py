"""What is said while the recording pauses: the agent may work with it, and nothing of it is written down or shown."""

import re
from collections.abc import Mapping
from typing import Any

NOT_KEPT = "[not kept while the recording was paused]"
KEYS_NOT_KEPT = "•••• (keys, not kept)"
KEY = "•"

_FEWEST_DIGITS = 5
_NUMBER = re.compile(r"\d(?:[\s.,-]{0,2}\d)+")


class Withheld:
    """The pauses of one call, and what must not be written in the rest of it either.

    Times are milliseconds since the call was answered. While `on`, everything said is withheld whole. A number of five
    digits or more that was said, pressed or found out in a pause is withheld for good, and so is each field found out
    in one.
    """

    def __init__(self) -> None:
        self._spans: list[list[float]] = []
        self._numbers: set[str] = set()
        self._fields: set[str] = set()

    @property
    def on(self) -> bool:
        return bool(self._spans) and self._spans[-1][1] == float("inf")

    def begin(self, at_ms: int) -> None:
        if not self.on:
            self._spans.append([at_ms, float("inf")])

    def end(self, at_ms: int) -> None:
        if self.on:
            self._spans[-1][1] = at_ms

    def covers(self, from_ms: int, to_ms: int) -> bool:
        """Whether some of this was said in a pause."""
        return any(from_ms <= end and to_ms >= begin for begin, end in self._spans)

    def learn(self, value: Any, field: str = "") -> None:
        """This was said in a pause, or found out in one as the value of a field."""
        if field:
            self._fields.add(field)
        digits = (re.sub(r"\D", "", found) for found in _NUMBER.findall(str(value)))
        self._numbers.update(number for number in digits if len(number) >= _FEWEST_DIGITS)

    def hide(self, value: Any) -> Any:
        """The same, at any depth, with what must not be written hidden."""
        return self._clean(value, drop=False) if self._numbers or self._fields else value

    def without(self, state: dict[str, Any]) -> dict[str, Any]:
        """A brain's memory as it may be kept: fields found out in a pause are not in it, and are asked for again."""
        return self._clean(state, drop=True) if self._numbers or self._fields else state

    def veiled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Only the names."""
        return dict.fromkeys(values, NOT_KEPT)

    def _clean(self, value: Any, drop: bool) -> Any:
        if isinstance(value, Mapping):
            kept = {name: item for name, item in value.items() if not (drop and name in self._fields)}
            return {name: NOT_KEPT if name in self._fields else self._clean(item, drop) for name, item in kept.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item, drop) for item in value]
        if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
            hidden = _NUMBER.sub(self._dots, str(value))
            return hidden if hidden != str(value) else value
        return value

    def _dots(self, found: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", found[0])
        return KEY * 4 if any(number in digits for number in self._numbers) else found[0]
