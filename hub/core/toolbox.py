"""The toolbox of an interaction: the agent's tools, and its knowledge out of the store."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from hub.core import functions, knowing, tool_secrets
from hub.core.acts import Acts
from hub.core.context import Context
from hub.dialogue.http_tool import leading
from hub.dialogue.toolbox import Toolset
from hub.dialogue.turn import Passage, ToolResult, Turn
from hub.models.tool import Tool


class Tools(Toolset):
    """What the agent of one interaction may do. `key` is the same for every try at one turn, `turn` what it acts in.

    `learnt` are the interaction's parameters as the turn has them; what is set in it stands in them at once.
    """

    def __init__(
        self, hub: Context, workspace_id: UUID, interaction_id: UUID, agent_id: UUID | None,
        agent: Mapping[str, Any], parameters: Mapping[str, Any], key: str, turn: Turn | None = None,
    ) -> None:  # fmt: skip
        self._hub, self._workspace_id, self._agent_id = hub, workspace_id, agent_id
        self._learnt = parameters
        tools = [Tool.model_validate(tool) for tool in agent.get("tools") or []]
        self._fixed = {*(agent.get("parameters") or {}), *(name for tool in tools for name in leading(tool.url))}
        super().__init__(
            tools,
            hub.outside,
            self._known,
            {**(agent.get("parameters") or {}), **parameters},
            key=key,
            scope=str(interaction_id),
            acts=Acts(hub, interaction_id, turn),
            secrets=partial(tool_secrets.values, hub, workspace_id),
            ask=partial(functions.ask, hub, interaction_id),
        )

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """As `Toolset.call`. What the agent was given to work with, and where its tools go, it cannot set."""
        given = str(arguments.get("name") or "").strip() if name == "set_parameter" else ""
        if given in self._fixed:
            return ToolResult(error=f"{given!r} is fixed for this agent. Choose another name.")
        result = await super().call(name, arguments)
        if given and not result.error:
            told = {given: arguments["value"]}
            self._parameters = {**self._parameters, **told}
            if isinstance(self._learnt, dict):
                self._learnt.update(told)
        return result

    async def _known(self, query: str, limit: int) -> Sequence[Passage]:
        return await knowing.search(self._hub, self._workspace_id, self._agent_id, query, limit)
