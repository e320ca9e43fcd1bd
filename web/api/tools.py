"""Tools: what a model is told of them, trying them out, and the results of functions that are posted back."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field, model_validator
from sqlmodel import col

from hub.core import functions, tryout
from hub.core.functions import NoCall, TooLate
from hub.models import Agent, ToolCall
from hub.store import agents, interactions, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, missing
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

_FUNCTION: dict[str, Any] = {
    "name": "find_order",
    "description": "Finds an order by its number.",
    "parameters": {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]},
}
_CALL: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-000000000060",
    "interaction_id": "0198c0de-0000-7000-8000-000000000020",
    "name": "find_order",
    "arguments": {"number": "A1004"},
    "asked_at": "2026-01-31T09:00:00Z",
    "due_at": "2026-01-31T09:00:10Z",
    "done_at": None,
    "result": None,
    "error": "",
}


class FunctionPublic(Shape):
    """A tool as a model is told of it."""

    model_config = shown(_FUNCTION)
    name: str
    description: str
    parameters: dict[str, Any] = Field(description="JSON Schema of the arguments.")


class FunctionList(Shape):
    """The tools of an agent."""

    model_config = shown({"data": [_FUNCTION]})
    data: list[FunctionPublic]


class TryGiven(Shape):
    """A tool and what it is called with."""

    model_config = shown({"name": "find_order", "arguments": {"number": "A1004"}})
    name: str = Field(min_length=1, max_length=130)
    arguments: dict[str, Any] = {}
    parameters: dict[str, Any] = Field(default={}, description="In place of the agent's own for this call.")


class RequestPublic(Shape):
    """What was sent, its secrets hidden."""

    method: str
    url: str
    headers: dict[str, str]
    query: dict[str, str]
    body: Any


class TriedPublic(Shape):
    """What came of it."""

    model_config = shown(
        {"result": {"status": "sent"}, "error": "", "took_ms": 84, "request": None},
    )
    result: Any = Field(description="What the tool gave.")
    error: str = Field(description="What went wrong; empty when it went well.")
    took_ms: int
    request: RequestPublic | None


class AnswerGiven(Shape):
    """The result of a function, or why there is none."""

    model_config = shown({"result": {"status": "sent"}})
    result: Any = None
    error: str = Field(default="", max_length=2_000, description="Words that the agent can use.")

    @model_validator(mode="after")
    def _one_of_them(self) -> "AnswerGiven":
        if self.error and self.result is not None:
            raise ValueError("give a result or an error, not both")
        return self


class ToolCallPublic(Shape):
    """A function that your system was asked for. Until `due_at` its result can be posted."""

    model_config = shown(_CALL)
    id: UUID
    interaction_id: UUID
    name: str
    arguments: dict[str, Any]
    asked_at: datetime
    due_at: datetime
    done_at: datetime | None
    result: Any
    error: str


class ToolCallPage(Page[ToolCallPublic]):
    """Some of the calls."""


def call_public(call: ToolCall) -> ToolCallPublic:
    return ToolCallPublic(
        id=call.id,
        interaction_id=call.interaction_id,
        name=call.name,
        arguments=call.arguments,
        asked_at=call.asked_at,
        due_at=call.due_at,
        done_at=call.done_at,
        result=call.answer.get("result"),
        error=str(call.answer.get("error") or ""),
    )


class AgentTools(Controller):
    """Tools of an agent. They are set in its definition."""

    path = "/agents/{agent_id:uuid}/tools"
    tags = ["Tools"]

    @get(opt={"scope": "read"}, summary="List an agent's tools as a model is told of them")
    async def list_functions(self, request: ApiRequest, agent_id: PathId) -> FunctionList:
        """Servers of tools are asked what they offer; one that does not answer offers nothing."""
        found = await tryout.functions_of(request.hub.context, await _agent(request, agent_id))
        return FunctionList(
            data=[FunctionPublic(name=f.name, description=f.description, parameters=dict(f.parameters)) for f in found]
        )

    @post("/try", opt={"scope": "write"}, status_code=200, summary="Try a tool out")
    async def try_tool(self, request: ApiRequest, agent_id: PathId, data: JSONBody[TryGiven]) -> TriedPublic:
        """It is really carried out: what it sends, books or deletes is sent, booked or deleted."""
        agent = await _agent(request, agent_id)
        tried = await tryout.run(request.hub.context, agent, data.name, data.arguments, data.parameters)
        if tried is None:
            raise Refusal(404, f"This agent has no tool {data.name!r}.", pointer="#/name", code="not_found")
        sent = tried.request
        shown_request = (
            RequestPublic(
                method=sent.method, url=sent.url, headers=dict(sent.headers), query=dict(sent.query), body=sent.body
            )
            if sent is not None
            else None
        )
        return TriedPublic(
            result=tried.result.data, error=tried.result.error, took_ms=tried.took_ms, request=shown_request
        )


async def _agent(request: ApiRequest, agent_id: UUID) -> Agent:
    async with request.store.read() as db:
        found = await agents.agent(db, request.workspace_id, agent_id)
    if found is None:
        raise missing("agent")
    return found


class ToolCalls(Controller):
    """Functions of an interaction that your system carries out."""

    path = "/interactions/{interaction_id:uuid}/tool-calls"
    tags = ["Tools"]

    @get(opt={"scope": "read"}, summary="List function calls")
    async def list_tool_calls(
        self, request: ApiRequest, interaction_id: PathId, limit: Limit = 50, cursor: Cursor = "",
        open: Annotated[bool, QueryParameter(description="Only those that wait for a result.")] = False,
    ) -> ToolCallPage:  # fmt: skip
        """The newest first."""
        where = [col(ToolCall.interaction_id) == interaction_id]
        if open:
            where.append(col(ToolCall.done_at).is_(None))
        async with request.store.read() as db:
            if await interactions.interaction(db, request.workspace_id, interaction_id) is None:
                raise missing("interaction")
            rows = await listing.newest(
                db, ToolCall, request.workspace_id, *where, before=before(cursor), limit=limit + 1
            )
        return ToolCallPage(**page(rows, limit, call_public, lambda row: row.id))

    @post("/{call_id:uuid}", opt={"scope": "write"}, status_code=200, summary="Give the result of a function")
    async def answer_tool_call(
        self, request: ApiRequest, interaction_id: PathId, call_id: PathId, data: JSONBody[AnswerGiven]
    ) -> ToolCallPublic:
        """The agent goes on with it at once. 409 when there is a result already, or the time is over."""
        given: dict[str, Any] = {"error": data.error} if data.error else {"result": data.result}
        try:
            await functions.answer(request.hub.context, request.workspace_id, interaction_id, call_id, given)
        except NoCall:
            raise missing("function call of this interaction") from None
        except TooLate as error:
            raise Refusal(409, str(error), code="over") from None
        return call_public(await self._call(request, interaction_id, call_id))

    async def _call(self, request: ApiRequest, interaction_id: UUID, call_id: UUID) -> ToolCall:
        async with request.store.read() as db:
            found = await db.get(ToolCall, call_id)
        if found is None or found.interaction_id != interaction_id:
            raise missing("function call of this interaction")
        return found
