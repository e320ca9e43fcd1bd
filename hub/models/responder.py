"""Where an agent's answers come from when a server of the workspace decides them."""

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
OURS = frozenset(
    {
        "accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "host",
        "idempotency-key", "te", "trailer", "transfer-encoding", "upgrade", "webhook-id", "webhook-signature",
        "webhook-timestamp",
    }
)  # fmt: skip
"""Headers that we set ourselves."""


class Responder(BaseModel):
    """An HTTPS endpoint that decides what the agent says.

    `secret` signs our requests, `whsec_` and base64 as Standard Webhooks have it; it is kept sealed, and what is shown
    in its place only stands for it. An answer may take `timeout_ms`; it is told the last `history` messages.
    `fallback_message` is said when no usable answer comes.
    """

    model_config = ConfigDict(extra="forbid")
    url: str = Field(default="", max_length=2_000)
    secret: str = Field(default="", max_length=120)
    timeout_ms: int = Field(default=30_000, ge=5_000, le=120_000)
    history: int = Field(default=10, ge=0, le=50)
    headers: dict[str, str] = Field(default={}, max_length=20)
    fallback_message: str = Field(
        default="I am sorry, I could not look that up just now. Could you say it once more?", max_length=1_000
    )

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name):
                raise ValueError(f"{name[:60]!r} is not a name of a header")
            if name.lower() in OURS:
                raise ValueError(f"we set the header {name} ourselves")
            if len(value) > 2_000 or not value.isascii() or not (value == "" or value.isprintable()):
                raise ValueError(f"the value of {name} must be ASCII text of at most 2,000 characters")
        return headers
