"""A function the agent may call."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Tool(BaseModel):
    """http: a request built from templates; builtin: one of the hub's own acts.

    `arguments` is a JSON Schema of what the agent has to give; `{{name}}` in `url`, `headers`,
    `query` and `body` is filled from the arguments and parameters. `waiting_message` is said while
    it runs, `fallback_message` when it fails. `requires` = `verified` keeps it for verified people.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    description: str = ""
    kind: Literal["http", "builtin"] = "http"
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str = ""
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    body: dict[str, Any] | None = None
    arguments: dict[str, Any] = {}
    timeout_ms: int = Field(default=10_000, ge=1_000, le=120_000)
    waiting_message: str = ""
    fallback_message: str = ""
    requires: Literal["", "verified"] = ""
