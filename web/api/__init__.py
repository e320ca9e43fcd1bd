"""The API under /v1: one controller per resource, its shapes beside it."""

from typing import Any

from litestar import Router

from web.api.addresses import Addresses
from web.api.agent_versions import AgentVersions
from web.api.agents import Agents
from web.api.calls import Calls
from web.api.changes import Changes
from web.api.consents import Consents, Ledger
from web.api.costs import Costs
from web.api.credentials import Credentials
from web.api.customers import Customers
from web.api.events import Events
from web.api.files import Files
from web.api.idempotency import Idempotency
from web.api.identities import Identities
from web.api.interactions import Interactions
from web.api.keys import ApiKeys
from web.api.knowledge import KnowledgeItems
from web.api.messages import Messages
from web.api.rate import RateLimit
from web.api.recordings import Recordings
from web.api.refusals import REFUSALS
from web.api.request import ApiRequest, known_parameters
from web.api.results import ResultsApi
from web.api.sending import Sending
from web.api.skills import Skills
from web.api.takeout import Takeout
from web.api.teams import Teams
from web.api.templates import Templates
from web.api.tool_secrets import ToolSecrets
from web.api.tools import AgentTools, ToolCalls
from web.api.transcripts import Transcripts
from web.api.voices import Voices
from web.api.workspace import WorkspaceItself

RESOURCES: list[Any] = [
    Interactions,
    Messages,
    Files,
    Calls,
    ToolCalls,
    Recordings,
    Transcripts,
    ResultsApi,
    Costs,
    Events,
    Agents,
    AgentTools,
    AgentVersions,
    KnowledgeItems,
    Skills,
    Teams,
    Credentials,
    Customers,
    Identities,
    Changes,
    Sending,
    Takeout,
    Consents,
    Ledger,
    Addresses,
    Templates,
    Voices,
    ToolSecrets,
    WorkspaceItself,
    ApiKeys,
]
"""Every resource, one line each."""

API: list[Any] = [
    Router(
        path="/v1",
        route_handlers=RESOURCES,
        request_class=ApiRequest,
        middleware=[RateLimit(), Idempotency()],
        exception_handlers=REFUSALS,
        include_in_schema=True,
        before_request=known_parameters,  # type: ignore[arg-type]
    )
]
"""Every route handler of the API."""
