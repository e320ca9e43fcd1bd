"""An engine's options as an agent has them, read with a clear word for what cannot be."""

from collections.abc import Mapping
from typing import Any, overload

from hub.engine import EngineFailed


class Options:
    """The options given for an engine of this vendor; one left out or empty is None or the default."""

    def __init__(self, vendor: str, given: Mapping[str, Any]) -> None:
        self._vendor, self._given = vendor, given

    @overload
    def number(self, name: str, least: float, most: float, default: float) -> float: ...
    @overload
    def number(self, name: str, least: float, most: float, default: None = None) -> float | None: ...
    def number(self, name: str, least: float, most: float, default: float | None = None) -> float | None:
        """Raises `EngineFailed` when it is no number from `least` to `most`."""
        given = self._given.get(name)
        if given in (None, ""):
            return default
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = float("nan")
        if not least <= value <= most:
            raise self._failed(name, f"is a number from {least:g} to {most:g}")
        return value

    def switch(self, name: str) -> bool | None:
        """Raises `EngineFailed` when it is neither true nor false."""
        given = str(self._given.get(name, "")).strip().lower()
        if given in ("", "none"):
            return None
        if given not in ("true", "false", "on", "off", "1", "0"):
            raise self._failed(name, "is true or false")
        return given in ("true", "on", "1")

    def text(self, name: str, default: str = "") -> str:
        return str(self._given.get(name) or "").strip() or default

    def _failed(self, name: str, words: str) -> EngineFailed:
        given = str(self._given.get(name))[:60]
        return EngineFailed(f"{self._vendor}'s option `{name}` {words}, not {given!r}.", "invalid")
