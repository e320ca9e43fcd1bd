"""A request to the API: who asks, what is at hand, and a body that is checked before anybody sees it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request
from pydantic import BaseModel, ValidationError

from hub.clock import Clock
from hub.core import Hub
from hub.feed import Bus
from hub.models import ApiKey
from hub.store import Store
from web.api.refusals import Malformed, bad_parameter, pointer

MOST_NESTED = 64
_MOST_ERRORS = 20
_SAFE_INTEGER = 2**63
_WORDS = {
    "extra_forbidden": "This field is not known; leave it out.",
    "missing": "This field is required.",
}


class ApiRequest(Request[Any, Any, Any]):
    """A request whose JSON body arrives as the Pydantic shape that its handler asks for."""

    @property
    def store(self) -> Store:
        found: Store = self.app.state.store
        return found

    @property
    def hub(self) -> Hub:
        found: Hub = self.app.state.hub
        return found

    @property
    def bus(self) -> Bus:
        found: Bus = self.app.state.bus
        return found

    @property
    def clock(self) -> Clock:
        found: Clock = self.app.state.clock
        return found

    @property
    def workspace_id(self) -> UUID:
        found: UUID = self.user.workspace_id
        return found

    @property
    def key(self) -> ApiKey:
        found: ApiKey = self.user.key
        return found

    async def json(self) -> Any:
        """The body as the shape of the handler's `data`. Raises `Malformed`."""
        shape = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise Malformed(
                f"The body must be JSON, not {kind or 'of no type'}: send the header Content-Type: application/json.",
                status=415,
            )
        return parse(shape, await self.body())


def parse(shape: type[BaseModel], body: bytes) -> BaseModel:
    """The body as this shape. Raises `Malformed` with every field that is wrong."""
    try:
        _walk(msgspec.json.decode(body))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Malformed(f"The body is not JSON that can be read: {error}.") from None
    try:
        return shape.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError, *above: object) -> Malformed:
    """What Pydantic found, by field; `above` is where in the body it was found."""
    errors = [
        {"pointer": pointer(*above, *found["loc"]), "detail": _WORDS.get(found["type"], _plain(found["msg"]))}
        for found in error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_ERRORS]
    ]
    return Malformed("The body does not have the right shape; see errors.", errors)


def _plain(words: str) -> str:
    return words.removeprefix("Value error, ").rstrip(".") + "."


def _walk(document: Any) -> None:
    """Refuse what cannot be stored or given back: NUL, integers beyond 64 bits, endless nesting."""
    for value, location in _values(document, ()):
        if isinstance(value, str) and "\0" in value:
            raise Malformed(
                "The body holds a NUL character.",
                [{"pointer": pointer(*location), "detail": "Take out the NUL character (\\u0000)."}],
            )
        if isinstance(value, int) and not -_SAFE_INTEGER <= value < _SAFE_INTEGER:
            raise Malformed(
                "The body holds a number that is too big.",
                [{"pointer": pointer(*location), "detail": "Integers have at most 64 bits; send it as a string."}],
            )


def _values(value: Any, location: tuple[object, ...]) -> Iterator[tuple[Any, tuple[object, ...]]]:
    if len(location) > MOST_NESTED:
        raise Malformed(f"The body is nested deeper than {MOST_NESTED} levels.")
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, location
            yield from _values(inner, (*location, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _values(inner, (*location, place))
    else:
        yield value, location


async def known_parameters(request: ApiRequest) -> None:
    """Refuse query parameters that the route does not know: a misspelt filter would list everything."""
    taken = request.route_handler.parsed_fn_signature.parameters
    for name, value in request.query_params.multi_items():
        if name not in taken or name in ("request", "data") or name in request.path_params:
            raise bad_parameter(name[:100], "This parameter is not known here; leave it out.")
        if "\0" in value or any(0xD800 <= ord(c) < 0xE000 for c in value):
            raise bad_parameter(name, "Take out characters that cannot be stored.")
        if len(request.query_params.getall(name)) > 1:
            raise bad_parameter(name, "Give it once.")
