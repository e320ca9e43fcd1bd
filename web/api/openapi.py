"""The OpenAPI 3.1 document of the API, at /schema/openapi.json.

Litestar writes down the routes; the shapes are described by Pydantic itself, which knows more of them.
"""

from collections.abc import Iterator
from typing import Any, get_args

from litestar import Litestar, Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.routes import HTTPRoute
from pydantic import BaseModel, Field
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from web.api.files import MOST_FILE_BYTES
from web.api.shapes import shown

_ABOUT = """\
Talk with customers by phone, SMS, WhatsApp, email, web chat and browser voice.

Authenticate with an API key: `Authorization: Bearer hub_...`, or HTTP Basic with the key's id and secret. Errors are
problem details (RFC 9457) with a `trace_id`; `errors` names each wrong field. Lists are pages: give `next_cursor` as
`cursor` for the next one. A POST with an `Idempotency-Key` is carried out once, however often it is sent.
"""
_TAGS = {
    "Interactions": "One exchange with one customer on one channel.",
    "Calls": "Calls while they go on, and what is kept of them.",
    "Results": "What is taken out of an interaction when it is over, with the words that say it.",
    "Costs": "What was used of vendors, and what it costs.",
    "Events": "All that happens, as lists and as live streams.",
    "Agents": "The stored definitions of AI workers, and what they know.",
    "Tools": "What agents may do beside talking: their tools, the secrets these use, and your system's own functions.",
    "Teams": "Agents who hand a customer over to one another.",
    "Skills": "Reusable units of instructions.",
    "Credentials": "Accounts of yours with the vendors of engines; their keys are never given back.",
    "Customers": "The people on the other side, and what they consented to.",
    "Addresses": "The numbers, mailboxes and widgets at which people reach you.",
    "Workspace": "The workspace itself, its users and its API keys.",
}
_REFUSALS = {
    "400": "The request cannot be understood; `errors` says where and why.",
    "401": "There is no API key, or it is not valid.",
    "403": "The key lacks the scope.",
    "404": "There is no such thing in this workspace.",
    "409": "It cannot be done as things stand; `code` says why.",
    "413": "The body is bigger than 2 MB.",
    "415": "The body is not JSON.",
    "422": "It is understood and not allowed; `code` says why.",
    "429": "Too many requests; wait for `Retry-After` seconds.",
}
_BYTES = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
_REF = "#/components/schemas/{model}"
_WAV = {"audio/wav": {"schema": {"type": "string", "contentMediaType": "audio/wav"}}}
_SOUND = {
    "200": {"description": "All of it.", "content": _WAV},
    "206": {"description": "The range that was asked for.", "content": _WAV},
    "304": {"description": "It is as you know it."},
    "416": {"description": "The range lies behind the end; `Content-Range` says how long it is."},
}


class ProblemError(BaseModel):
    """One thing that is wrong."""

    model_config = shown({"pointer": "#/name", "detail": "This field is required."})
    detail: str = Field(description="What is wrong and how to mend it.")
    pointer: str = Field(default="", description="JSON pointer of the field in the body.")
    parameter: str = Field(default="", description="Name of the query parameter or header.")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = shown(
        {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "The body does not have the right shape; see errors.",
            "instance": "/v1/agents",
            "trace_id": "45946a95456e731e",
            "errors": [{"pointer": "#/name", "detail": "This field is required."}],
        }
    )
    type: str
    title: str
    status: int
    detail: str = Field(description="What was wrong and what to do, for people.")
    instance: str
    trace_id: str = Field(description="Finds it in the server's log.")
    code: str = Field(default="", description="A word for programs.")
    errors: list[ProblemError] = Field(default=[], description="Each field or parameter that is wrong.")


class _Document(JsonRenderPlugin):
    """The document, finished once and kept."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json")
        self._finished: dict[str, Any] | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if self._finished is None:
            self._finished = finish(request.app, openapi_schema)
        return self.render_json(request, self._finished)


def openapi_config() -> OpenAPIConfig:
    """How the document is made and served."""
    return OpenAPIConfig(
        title="Interaction hub",
        version="1",
        description=_ABOUT,
        license=License(name="MIT", identifier="MIT"),
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        tags=[Tag(name=name, description=words) for name, words in _TAGS.items()],
        security=[{"bearer": []}, {"basic": []}],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", description="`hub_<key id>_<secret>`"),
                "basic": SecurityScheme(type="http", scheme="basic", description="Key id and secret."),
            }
        ),
        openapi_router=Router(path="/schema", route_handlers=[], opt={"public": True}, include_in_schema=False),
        render_plugins=[_Document()],
    )


def finish(app: Litestar, document: dict[str, Any]) -> dict[str, Any]:
    """Shapes as Pydantic describes them, and what every operation has in common."""
    bodies, answers = _shapes(app)
    document["components"]["schemas"] = _schemas(bodies, answers)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _common(path, method, operation)
    return document


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1/"):
            yield from (handler for handler in route.route_handlers if "OPTIONS" not in handler.http_methods)


def _shapes(app: Litestar) -> tuple[set[type[BaseModel]], set[type[BaseModel]]]:
    """The Pydantic classes that come in as bodies, and those that go out."""
    bodies: set[type[BaseModel]] = set()
    answers: set[type[BaseModel]] = {Problem}
    for handler in _handlers(app):
        signature = handler.parsed_fn_signature
        if "data" in signature.parameters:
            bodies.add(signature.parameters["data"].annotation)
        returned = signature.return_type.annotation
        answers.update(
            one for one in (returned, *get_args(returned)) if isinstance(one, type) and issubclass(one, BaseModel)
        )
    return bodies, answers


def _schemas(bodies: set[type[BaseModel]], answers: set[type[BaseModel]]) -> dict[str, Any]:
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((shape, "validation") for shape in sorted(bodies, key=lambda shape: shape.__name__)),
        *((shape, "serialization") for shape in sorted(answers, key=lambda shape: shape.__name__)),
    ]
    _, described = models_json_schema(modes, ref_template=_REF)
    found: dict[str, Any] = described["$defs"]
    return found


def _common(path: str, method: str, operation: dict[str, Any]) -> None:
    statuses = ["400", "401", "403", "429"]
    if "{" in path or method == "post" or path.endswith("/preview"):
        statuses += ["404"]
    if method in ("post", "put", "patch"):
        statuses += ["409", "413", "422"]
    if path.endswith(("/templates", "/voices", "/voices/preview")):
        statuses += ["409"]
    if "requestBody" in operation:
        statuses += ["415"]
    responses = operation["responses"]
    for status in sorted(statuses):
        responses[status] = {
            "description": _REFUSALS[status],
            "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
        }
    if path.endswith("/stream"):
        what = "a LinePublic of turns" if path.endswith("transcript/stream") else "an EventPublic"
        responses["200"]["description"] = f"Events, for as long as you listen. `data:` is {what} as JSON."
        responses["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    if path.endswith("/transcript"):
        responses["200"]["content"] = {
            "application/json": {"schema": {"$ref": _REF.format(model="TranscriptPublic")}},
            "text/plain": {"schema": {"type": "string"}},
            "text/vtt": {"schema": {"type": "string"}},
        }
    if path.endswith("transcript/stream"):
        responses["204"] = {"description": "It has ended and you have seen all of it."}
    if path in ("/v1/customers/export", "/v1/consents/export", "/v1/results/export"):
        responses["200"]["content"] = {"text/csv": {"schema": {"type": "string"}}}
    if method == "get" and path.endswith(("/recording", "/recordings/{recording_id}")):
        responses |= _SOUND
    if path == "/v1/files":
        about = "The bytes. `Content-Type` says what they are."
        operation["requestBody"] = {
            "required": True,
            "description": about,
            "content": {"application/octet-stream": _BYTES},
        }
        responses["413"]["description"] = f"The file is bigger than {MOST_FILE_BYTES // 1_000_000} MB."
    if path == "/v1/files/{file_id}":
        responses["200"]["content"] = {"*/*": _BYTES}
    if method == "post":
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Any text of your own, such as a UUID: the request is carried out once in 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
                "example": "0f9b6a1e-4f0e-4c8e-9d53-6d1f3c5f2b11",
            }
        )
    for parameter in operation.get("parameters", []):
        _formatted(parameter)


def _formatted(parameter: dict[str, Any]) -> None:
    """What Litestar leaves out: times are date-times, an empty default says nothing."""
    schema = parameter.get("schema", {})
    if parameter["name"] in ("created_after", "created_before"):
        parameter["schema"] = {"type": "string", "format": "date-time"}
    elif schema.get("default") == "":
        schema.pop("default")
