"""What a further attempt to reach somebody starts from."""

from pydantic import BaseModel, ConfigDict, Field


class RetryContext(BaseModel):
    """`collected_data` is known already and not asked again; `retry_initial_message` is said instead of the agent's
    opening message; `retry_language` is spoken, a tag such as es or hi-IN; at `retry_stage_id` the flow begins.
    """

    model_config = ConfigDict(extra="forbid")
    collected_data: dict[str, str | int | float | bool | None] = Field(default={}, max_length=200)
    retry_initial_message: str = Field(default="", max_length=4_000)
    retry_language: str = Field(default="", pattern=r"^$|^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    retry_stage_id: str = Field(default="", max_length=64)
