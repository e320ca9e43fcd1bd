"""Errors as problem details (RFC 9457): what was wrong, where, how to mend it."""

import logging
import secrets
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

log = logging.getLogger("hub.web")


def problem(
    request: Request[Any, Any, Any], status: int, detail: str, **more: Any
) -> Response[dict[str, Any]]:
    """One problem document. `trace_id` finds it in the log."""
    trace_id = secrets.token_hex(8)
    if status >= 500:
        log.error("trace %s: %s %s: %s", trace_id, request.method, request.url.path, detail)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "trace_id": trace_id,
        **more,
    }
    return Response(body, status_code=status, media_type="application/problem+json")


def http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Litestar's own refusals, with the field each complaint is about."""
    more = {}
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        more["errors"] = error.extra
    response = problem(request, error.status_code, error.detail, **more)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault of ours: nothing of it is told, all of it is logged."""
    log.error("unexpected error on %s %s", request.method, request.url.path, exc_info=error)
    return problem(request, 500, "Something went wrong on our side. Tell us the trace id.")
