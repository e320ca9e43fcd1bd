"""A function the agent may call."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.arguments import check_schema

ToolKind = Literal["http", "function", "builtin", "mcp"]


class Tool(BaseModel):
    """http: a request built from templates; function: the arguments are told to the customer's system, which gives the
    result; builtin: one of the hub's own acts, by its name; mcp: the tools of a Model Context Protocol server.

    `arguments` is a JSON Schema of what the agent has to give; it is checked before the call. `{{name}}` in `url`,
    `headers`, `query` and `body` is filled from the arguments and parameters, `{{secret.name}}` from the workspace's
    secrets. A function without a `url` is told of by its event alone; with one it is posted there too, signed with
    the workspace's signing secret. Of an mcp server, `only` names the tools that are offered (none: all), each as
    `<name>_<its name>`. `waiting_message` is said while it runs, unless `speak_during_execution` is off, and
    `fallback_message` when it fails. `requires` = `verified` keeps it for verified people.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    description: str = Field(default="", max_length=4_000)
    kind: ToolKind = "http"
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str = Field(default="", max_length=4_000)
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    body: dict[str, Any] | None = None
    arguments: dict[str, Any] = {}
    only: list[str] = Field(default=[], max_length=100)
    timeout_ms: int = Field(default=10_000, ge=1_000, le=120_000)
    waiting_message: str = ""
    fallback_message: str = ""
    speak_during_execution: bool = True
    requires: Literal["", "verified"] = ""

    @field_validator("arguments")
    @classmethod
    def _is_a_schema(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        check_schema(arguments)
        return arguments

    @property
    def reads(self) -> bool:
        """Whether it only looks something up, so that it may be asked again."""
        return (self.kind == "http" and self.method == "GET") or self.name == "search_knowledge"
