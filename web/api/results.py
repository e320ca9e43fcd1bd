"""Results of interactions: read, corrected, taken anew, exported; the test cases that corrections became."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import results as core
from hub.core.results_csv import results_csv
from hub.models import Interaction, ResultCase, ResultField
from hub.store import interactions
from hub.store import results as stored
from web.api.paging import Cursor, Limit, Page, Time, before, page, time
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown
from web.api.takeout import csv_file

MOST_CORRECTED = 50
_EVIDENCE = {
    "message_id": "0198c0de-0000-7000-8000-000000000021", "words": "Thursday", "start": 3, "end": 11,
    "from_ms": 4200, "to_ms": 6100,
}  # fmt: skip
_VALUE: dict[str, Any] = {
    "name": "day", "type": "date", "required": True, "value": "2026-02-05", "extracted": "2026-02-05",
    "confidence": 90, "proven": True, "source": "script", "evidence": [_EVIDENCE], "corrected_by": "",
    "corrected_at": None, "corrected_before": None,
}  # fmt: skip
_CASE: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-000000000041",
    "interaction_id": "0198c0de-0000-7000-8000-000000000020",
    "agent_id": "0198c0de-0000-7000-8000-000000000001",
    "name": "day",
    "field": {"name": "day", "type": "date", "required": True, "enum": [], "description": ""},
    "transcript": {"lines": [{"role": "customer", "text": "On Thursday, please."}]},
    "expected": "2026-02-05",
    "got": None,
    "by": "Ana",
    "created_at": "2026-01-31T09:00:00Z",
}


class EvidencePublic(Shape):
    """The words that say a value: `start` to `end` in what was heard of the message."""

    model_config = shown(_EVIDENCE)
    message_id: UUID
    words: str
    start: int
    end: int
    from_ms: int | None = Field(description="Of a call: where they are to be heard.")
    to_ms: int | None


class ResultPublic(Shape):
    """One result. `value` counts: a person's correction where there is one, else what was proven."""

    model_config = shown(_VALUE)
    name: str
    type: str
    required: bool
    value: Any
    extracted: Any = Field(description="What was found, whoever was right; not proven, it does not count.")
    confidence: int = Field(description="0 to 100, of what was found.")
    proven: bool = Field(description="Whether words were found that say it.")
    source: str = Field(description="Who found it: collected (the agent, while it talked), script, or an engine.")
    evidence: list[EvidencePublic]
    corrected_by: str
    corrected_at: datetime | None
    corrected_before: Any


class ResultsPublic(Shape):
    """What was taken out of an interaction. `state`: live, pending (soon), ready."""

    model_config = shown(
        {
            "interaction_id": "0198c0de-0000-7000-8000-000000000020", "state": "ready",
            "results": {"day": "2026-02-05"}, "values": [_VALUE], "missing": [], "summary": "The customer called.",
            "sentiment": "positive", "success": "yes", "success_why": "All that was required was found out.",
            "extractor": "script", "failure": "", "made_at": "2026-01-31T09:00:00Z", "run": 1,
        }
    )  # fmt: skip
    interaction_id: UUID
    state: str
    results: dict[str, Any] = Field(description="Each result by name with the value that counts; null: not known.")
    values: list[ResultPublic]
    missing: list[str] = Field(description="Required ones that are not known.")
    summary: str
    sentiment: str = Field(description="positive, neutral, negative; empty: they said nothing.")
    success: str = Field(description="yes, no, unknown; empty while it goes on.")
    success_why: str
    extractor: str
    failure: str = Field(description="Why a better extractor did not do it.")
    made_at: datetime | None
    run: int = Field(description="How often it was made.")


class ResultsUpdate(Shape):
    """Values to be put in the place of those found, by name; null: there is none."""

    model_config = shown({"values": {"day": "2026-02-06"}})
    values: dict[str, Any] = Field(min_length=1, max_length=MOST_CORRECTED)


class CasePublic(Shape):
    """A test case: from this transcript `expected` is to be taken; `got` was."""

    model_config = shown(_CASE)
    id: UUID
    interaction_id: UUID
    agent_id: UUID | None
    name: str
    field: dict[str, Any]
    transcript: dict[str, Any]
    expected: Any
    got: Any
    by: str
    created_at: datetime


class CasePage(Page[CasePublic]):
    """Some of the cases."""


def value_public(one: core.Shown) -> ResultPublic:
    field: ResultField = one.field
    return ResultPublic(
        name=field.name, type=field.type, required=field.required, value=one.value, extracted=one.taken,
        confidence=one.confidence, proven=one.proven, source=one.source,
        evidence=[EvidencePublic(**words) for words in one.evidence],
        corrected_by=one.corrected_by, corrected_at=one.corrected_at, corrected_before=one.corrected_before,
    )  # fmt: skip


async def results_public(db: AsyncSession, interaction: Interaction) -> ResultsPublic:
    found = await core.shown(db, interaction)
    made = found.outcome
    return ResultsPublic(
        interaction_id=interaction.id, state=found.state, results=found.plain,
        values=[value_public(one) for one in found.values], missing=found.missing,
        summary=made.summary if made else "", sentiment=made.sentiment if made else "",
        success=made.success if made else "", success_why=made.success_why if made else "",
        extractor=made.extractor if made else "", failure=made.failure if made else "",
        made_at=made.made_at if made else None, run=made.run if made else 0,
    )  # fmt: skip


def case_public(row: ResultCase) -> CasePublic:
    return CasePublic(**{name: getattr(row, name) for name in CasePublic.model_fields})


class ResultsApi(Controller):
    """Results."""

    tags = ["Results"]

    @get("/interactions/{interaction_id:uuid}/results", opt={"scope": "read"}, summary="Get the results")
    async def get_results(self, request: ApiRequest, interaction_id: PathId) -> ResultsPublic:
        """While it goes on, what the agent has noted; when it is over, what was taken out of it."""
        return await self._results(request, interaction_id)

    @patch("/interactions/{interaction_id:uuid}/results", opt={"scope": "write"}, summary="Correct results")
    async def correct_results(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[ResultsUpdate]
    ) -> ResultsPublic:
        """What was found is kept beside it. A corrected value counts everywhere and becomes a test case."""
        try:
            await core.correct(
                request.hub.context, request.workspace_id, interaction_id, data.values, by=request.user.name
            )
        except core.NotFitting as error:
            raise Refusal(422, str(error), pointer=pointer("values"), code="not_fitting") from None
        except core.NoResult as error:
            async with request.store.read() as db:
                known = await interactions.interaction(db, request.workspace_id, interaction_id)
            if known is None:
                raise missing("interaction") from None
            raise Refusal(422, str(error), pointer=pointer("values"), code="no_result") from None
        return await self._results(request, interaction_id)

    @post(
        "/interactions/{interaction_id:uuid}/results/run", opt={"scope": "write"}, status_code=200,
        summary="Take results again",
    )  # fmt: skip
    async def run_results(self, request: ApiRequest, interaction_id: PathId) -> ResultsPublic:
        """Beside the request: `state` is pending until it is done. What people corrected stays."""
        try:
            await core.take_again(request.hub.context, request.workspace_id, interaction_id)
        except core.NotOver as error:
            raise Refusal(409, str(error), code="not_over") from None
        except core.NoResult:
            raise missing("interaction") from None
        return await self._results(request, interaction_id)

    async def _results(self, request: ApiRequest, interaction_id: UUID) -> ResultsPublic:
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
            if found is None:
                raise missing("interaction")
            return await results_public(db, found)

    @get("/results/export", opt={"scope": "read"}, summary="Export results")
    async def export_results(
        self,
        request: ApiRequest,
        agent_id: Annotated[UUID | None, QueryParameter(description="Only of this agent.")] = None,
        since: Annotated[Time, QueryParameter(description="Ended at that time or later.")] = None,
        until: Annotated[Time, QueryParameter(description="Ended before that time.")] = None,
    ) -> Response[Any]:
        """As CSV, a line for each interaction and a column for each result; the oldest first."""
        begin = time("since", since) or datetime.min.replace(tzinfo=UTC)
        end = time("until", until) or request.clock.now()
        lines = results_csv(request.hub.context, request.workspace_id, begin, end, agent_id)
        return csv_file(lines, "results.csv")

    @get("/result_cases", opt={"scope": "read"}, summary="List test cases")
    async def list_result_cases(
        self,
        request: ApiRequest,
        agent_id: Annotated[UUID | None, QueryParameter(description="Only of this agent.")] = None,
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> CasePage:
        """What people corrected, with the transcript it was said in; the newest first."""
        async with request.store.read() as db:
            rows = await stored.cases(
                db, request.workspace_id, agent_id=agent_id, before=before(cursor), limit=limit + 1
            )  # fmt: skip
        return CasePage(**page(rows, limit, case_public, lambda row: row.id))
