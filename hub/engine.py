"""What all engines share, vendors of thought and of speech alike: the account they sign in with, and their failure."""

from dataclasses import dataclass
from typing import Literal

Fault = Literal["refused", "busy", "invalid", "broken", "slow", "garbage"]


@dataclass(frozen=True, slots=True)
class Account:
    """What an engine signs in to its vendor with; `base_url` only where it is not the vendor's own.

    `own`: it is the workspace's, not ours. Engines keep one client for each account, so connections are used again.
    """

    key: str = ""
    base_url: str = ""
    own: bool = False

    def __repr__(self) -> str:  # the key is in no log and no traceback
        return f"Account(base_url={self.base_url!r})"


NOBODY = Account()
"""What embedded engines get: they sign in nowhere."""


class EngineFailed(Exception):
    """An engine cannot go on; the text says why, for the administrator. The next of its fallbacks takes over.

    `fault`: `refused` (our key or account, 401, 402, 403), `busy` (429, overloaded), `invalid` (what we ask for is
    not there or not allowed, 400, 404, 422), `broken` (connection, 5xx), `slow` (no answer in time), `garbage` (an
    answer that says nothing).
    """

    def __init__(self, words: str, fault: Fault = "broken") -> None:
        super().__init__(words)
        self.fault = fault
