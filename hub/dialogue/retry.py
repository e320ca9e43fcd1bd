"""A further attempt: the state from which a conversation begins that goes on with an earlier one."""

from collections.abc import Mapping
from typing import Any

from hub.models.flow import Flow
from hub.models.retry import RetryContext


class NoSuchStage(ValueError):
    """The flow has no stage of this id; the text names those there are."""


def state_of(agent: Mapping[str, Any], context: RetryContext) -> dict[str, Any]:
    """The state of a conversation, for whichever brain runs the flow. Raises `NoSuchStage`."""
    flow = Flow.model_validate(agent.get("flow") or {})
    if context.retry_stage_id and flow.stage(context.retry_stage_id) is None:
        known = ", ".join(stage.id for stage in flow.stages) or "none"
        raise NoSuchStage(f"The flow has no stage {context.retry_stage_id!r}; there are: {known}.")
    state = {
        "stage": context.retry_stage_id,
        "fields": {name: value for name, value in context.collected_data.items() if value is not None},
        "opening": context.retry_initial_message,
        "language": context.retry_language.lower(),
    }
    return {name: value for name, value in state.items() if value}
