"""Errors: problem details (RFC 9457) for programs, a page in plain words for people."""

import contextlib
import logging
import secrets
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect
from litestar.types import Method
from litestar.utils.path import normalize_path

from web.pages.page import is_htmx, page, sign_in_path, toast_headers, wants_page

log = logging.getLogger("hub.web")

_PAGES = {
    400: (
        "That request was not understood",
        "Go back and try again; if you followed a link, it may be incomplete.",
    ),
    401: (
        "Please sign in",
        "This page is for people of the workspace. Sign in and you will come right back to it.",
    ),
    403: (
        "Not for your role",
        "You are signed in, but this is not open to you. An admin can change your role.",
    ),
    404: ("There is nothing here", "The link may be old, or what it showed may belong to another workspace."),
    405: ("This address is not opened that way", "Go back and use the page's own buttons."),
    410: ("This link no longer works", "It has expired or was revoked. Ask whoever sent it for a new one."),
    413: ("That is too big", "Send less at once."),
    429: ("Too many tries", "Wait a moment, then try again."),
    500: (
        "Something went wrong on our side",
        "It has been written down. Try again; if it stays, tell us the trace id.",
    ),
}
_PLAIN = {
    404: "There is nothing at this address. The API's addresses are listed at /schema/openapi.json.",
    413: "The body is too big; 2 MB are the most.",
}
_METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
_STALE = "This page was open for too long. Reload it and try again."


def problem(request: Request[Any, Any, Any], status: int, detail: str, **more: Any) -> Response[Any]:
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
    if wants_page(request):
        return _for_people(request, error.status_code, error.detail)
    if error.status_code == 405:
        return _other_method(request)
    more = {}
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        more["errors"] = error.extra
    detail = _PLAIN.get(error.status_code, error.detail) if _says_nothing(error) else error.detail
    response = problem(request, error.status_code, detail, **more)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _says_nothing(error: HTTPException) -> bool:
    return error.detail == HTTPStatus(error.status_code).phrase


def _other_method(request: Request[Any, Any, Any]) -> Response[Any]:
    """The address exists, for other methods: `Allow` says for which (RFC 9110, 15.5.6)."""
    allowed = []
    for method in _METHODS:
        with contextlib.suppress(HTTPException):
            request.app.asgi_router.handle_routing(path=normalize_path(request.scope["path"]), method=method)
            allowed.append(method)
    response = problem(request, 405, f"{request.method} is not possible here, only {', '.join(allowed)}.")
    response.headers["allow"] = ", ".join(allowed)
    return response


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault of ours: nothing of it is told, all of it is logged."""
    log.error("unexpected error on %s %s", request.method, request.url.path, exc_info=error)
    if wants_page(request):
        trace_id = secrets.token_hex(8)
        log.error("trace %s: the error above", trace_id)
        return _for_people(request, 500, "", trace_id)
    return problem(request, 500, "Something went wrong on our side. Tell us the trace id.")


def _for_people(request: Request[Any, Any, Any], status: int, detail: str, trace_id: str = "") -> Response[Any]:
    stale = status == 403 and detail.startswith("CSRF")
    if status == 401:
        return _to_sign_in(request)
    title, words = _PAGES.get(status, (HTTPStatus(status).phrase, detail))
    if stale:
        title, words = "Please try that again", _STALE
    if is_htmx(request):
        said = words if stale or status != 500 else f"{words} ({trace_id})"
        return Response(
            "", status_code=status, media_type="text/html",
            headers={**toast_headers(said, "error"), "HX-Reswap": "none"},
        )  # fmt: skip
    signed_in = request.scope.get("user") is not None
    ways = [("Go to the inbox", "/inbox")] if signed_in else [("Go to the start", "/")]
    made: Any = page(
        request,
        "error.html",
        status=status,
        code=status,
        title=title,
        words=words,
        trace_id=trace_id,
        ways=ways,
    )
    return made  # type: ignore[no-any-return]


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """A person who is not signed in is led to the form, and back afterwards."""
    if is_htmx(request):
        here = request.headers.get("hx-current-url", "").partition("://")[2].partition("/")[2]
        return Response("", status_code=401, media_type="text/html", headers={"HX-Redirect": sign_in_path(f"/{here}")})
    if request.method != "GET":
        return Redirect("/signin", status_code=303)
    query = request.scope.get("query_string", b"").decode("latin-1")
    return Redirect(sign_in_path(request.url.path + (f"?{query}" if query else "")), status_code=303)
