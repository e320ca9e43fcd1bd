"""The API under /v1: one controller per resource, its shapes beside it."""

from typing import Any

from litestar import Router

from web.api.agents import Agents
from web.api.idempotency import Idempotency
from web.api.knowledge import KnowledgeItems
from web.api.rate import RateLimit
from web.api.refusals import REFUSALS
from web.api.request import ApiRequest, known_parameters
from web.api.skills import Skills

RESOURCES: list[Any] = [
    Agents,
    KnowledgeItems,
    Skills,
]
"""Every resource, one line each."""

API: list[Any] = [
    Router(
        path="/v1",
        route_handlers=RESOURCES,
        request_class=ApiRequest,
        middleware=[RateLimit(), Idempotency()],
        exception_handlers=REFUSALS,
        before_request=known_parameters,  # type: ignore[arg-type]
        include_in_schema=True,
    )
]
"""Every route handler of the API."""
