"""What the loop tells of a call while it goes on. Nothing here waits: it is written down beside the call."""

from collections.abc import Mapping
from typing import Any, Protocol


class Journal(Protocol):
    """Times are milliseconds since the call began."""

    def customer_said(self, text: str, from_ms: int, to_ms: int, timing: Mapping[str, Any], keys: bool = False) -> None:
        """The customer's turn is over; they pressed `keys` instead of speaking."""
        ...

    def speaks(self, number: int, author: str, text: str, from_ms: int) -> None:
        """An utterance of ours is under way, with this text so far; told again as it grows."""
        ...

    def spoke(self, number: int, author: str, text: str, heard: str, to_ms: int, timing: Mapping[str, Any]) -> None:
        """The utterance is over: all of `heard` reached the customer, and nothing more of `text` will."""
        ...

    def happened(self, type: str, **data: Any) -> None:
        """An event of the call's log."""
        ...
