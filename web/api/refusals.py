"""Everything the API refuses, as problem details: what was wrong, where, what to do."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException

from hub.channel import Refused
from hub.core.customers import NoCustomer, NotPossible
from hub.core.hub import NotFound
from hub.core.live.commands import NotLive
from hub.dialogue.retry import NoSuchStage
from hub.identity import NotAnIdentity
from hub.ownership import NotYours, Taken
from hub.policy import NotAllowed
from hub.store.replays import Fenced
from web.problems import http_problem, problem

AnyRequest = Request[Any, Any, Any]
Handlers = dict[int | type[Exception], Callable[[Any, Any], Response[Any]]]
_CONFLICTS = {"ended", "templates_unavailable"}


class Refusal(Exception):
    """A request that is understood and not carried out.

    `pointer` is the JSON pointer of the field it is about, `code` a word for programs.
    """

    def __init__(
        self, status: int, detail: str, *, pointer: str = "", code: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.pointer, self.code = status, detail, pointer, code
        self.headers = headers or {}


class Malformed(Exception):
    """A request that is not understood; each error names its place: `pointer` (body) or `parameter`."""

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None, status: int = 400) -> None:
        super().__init__(detail)
        self.detail, self.errors, self.status = detail, errors or [], status


def pointer(*location: object) -> str:
    """A JSON pointer into the body, as a URI fragment (RFC 6901)."""
    return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def bad_parameter(name: str, detail: str) -> Malformed:
    """One query parameter or header that cannot be understood."""
    return Malformed(f"The parameter {name!r} cannot be understood.", [{"parameter": name, "detail": detail}])


def missing(thing: str) -> Refusal:
    """It does not exist, or belongs to another workspace: nobody can tell which."""
    return Refusal(404, f"There is no {thing} with this id in this workspace.", code="not_found")


def _refusal(request: AnyRequest, error: Refusal) -> Response[Any]:
    more: dict[str, Any] = {"code": error.code} if error.code else {}
    if error.pointer:
        more["errors"] = [{"pointer": error.pointer, "detail": error.detail}]
    response = problem(request, error.status, error.detail, **more)
    response.headers.update(error.headers)
    return response


def _malformed(request: AnyRequest, error: Malformed) -> Response[Any]:
    return problem(request, error.status, error.detail, **({"errors": error.errors} if error.errors else {}))


def _not_allowed(request: AnyRequest, error: NotAllowed) -> Response[Any]:
    return problem(request, 409 if error.code in _CONFLICTS else 422, error.reason, code=error.code)


def _not_possible(request: AnyRequest, error: NotPossible) -> Response[Any]:
    return problem(request, 409, str(error), code=error.code)


def _no_customer(request: AnyRequest, error: NoCustomer) -> Response[Any]:
    return problem(request, 404, f"{error} It may be of another workspace, or erased.", code="not_found")


def _no_such_stage(request: AnyRequest, error: NoSuchStage) -> Response[Any]:
    where = {"pointer": pointer("retry_context", "retry_stage_id"), "detail": str(error)}
    return problem(request, 422, str(error), errors=[where], code="no_such_stage")


def _not_an_identity(request: AnyRequest, error: NotAnIdentity) -> Response[Any]:
    return problem(request, 422, str(error), code="not_an_identity")


def _refused(request: AnyRequest, error: Refused) -> Response[Any]:
    return problem(request, 422, error.reason, code="refused")


def _taken(request: AnyRequest, error: Taken) -> Response[Any]:
    return problem(request, 409, str(error), code="taken")


def _not_yours(request: AnyRequest, error: NotYours) -> Response[Any]:
    return problem(request, 409, str(error), code="not_yours")


def _not_found(request: AnyRequest, error: NotFound) -> Response[Any]:
    return problem(request, 404, "There is no interaction with this id in this workspace.", code="not_found")


def _not_live(request: AnyRequest, error: NotLive) -> Response[Any]:
    words = f"{error} This can be asked for only while somebody is on the line of a call."
    return problem(request, 409, words, code="not_live")


def _fenced(request: AnyRequest, error: Fenced) -> Response[Any]:
    return problem(request, 409, "Another request under this Idempotency-Key is being carried out.", code="concurrent")


def _validation(request: AnyRequest, error: ValidationException) -> Response[Any]:
    """What Litestar says about parameters, in our shape."""
    errors = []
    for complaint in error.extra if isinstance(error.extra, list) else []:
        name, message = str(complaint.get("key", "")), str(complaint.get("message", ""))
        if name == "data":
            errors.append({"pointer": "#", "detail": "Send a JSON object as the body."})
        else:
            errors.append({"parameter": name, "detail": message})
    if not errors:
        return problem(request, 400, error.detail)
    return problem(request, 400, "The request cannot be understood; see errors.", errors=errors)


def _http(request: AnyRequest, error: HTTPException) -> Response[Any]:
    response = http_problem(request, error)
    if isinstance(error, NotAuthorizedException):
        response.headers["www-authenticate"] = 'Bearer realm="hub", Basic realm="hub"'
    return response


REFUSALS: Handlers = {
    Refusal: _refusal,
    Malformed: _malformed,
    NotAllowed: _not_allowed,
    NotAnIdentity: _not_an_identity,
    NoSuchStage: _no_such_stage,
    NotPossible: _not_possible,
    NoCustomer: _no_customer,
    Refused: _refused,
    Taken: _taken,
    NotYours: _not_yours,
    NotFound: _not_found,
    NotLive: _not_live,
    Fenced: _fenced,
    ValidationException: _validation,
    HTTPException: _http,
}
"""Which error is answered how, for every route of the API."""
