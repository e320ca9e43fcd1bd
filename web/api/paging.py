"""Pages of lists: `{data, next_cursor}`, with cursors that say nothing to anybody but us."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from litestar.params import QueryParameter
from pydantic import BaseModel, ConfigDict, Field

from web.api.refusals import Malformed, bad_parameter

LAST_PLACE = 2**31 - 1
"""No log is longer: `seq` is a 32-bit column."""

Item = TypeVar("Item", bound=BaseModel)
Row = TypeVar("Row")

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many at most, 1 to 200.")]
Cursor = Annotated[
    str, QueryParameter(max_length=200, description="The `next_cursor` of the page before; empty for the first page.")
]
Time = Annotated[
    str | None,
    QueryParameter(max_length=40, description="An ISO 8601 time with its offset, such as `2026-01-31T09:00:00Z`."),
]


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    model_config = ConfigDict(extra="forbid")
    data: list[Item] = Field(description="The items of this page.")
    next_cursor: str | None = Field(description="Give this as `cursor` for the next page; null: there is none.")


def encode(place: UUID | int) -> str:
    """Where the next page begins."""
    kind = "u" if isinstance(place, UUID) else "n"
    return base64.urlsafe_b64encode(f"{kind}{place}".encode()).decode().rstrip("=")


def before(cursor: str) -> UUID | None:
    """The id a page of rows continues from. Raises `Malformed`."""
    return UUID(_decode(cursor, "u")) if cursor else None


def after(cursor: str) -> int:
    """The place in a log that a page continues from. Raises `Malformed`."""
    place = int(_decode(cursor, "n")) if cursor else 0
    if not 0 <= place <= LAST_PLACE:
        raise _no_cursor()
    return place


def _decode(cursor: str, kind: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        if text[:1] == kind and text[1:] == str((UUID if kind == "u" else int)(text[1:])) and len(text) < 40:
            return text[1:]
    except (ValueError, binascii.Error):
        pass
    raise _no_cursor()


def _no_cursor() -> Malformed:
    return bad_parameter("cursor", "Give the `next_cursor` of a page of this list, unchanged.")


def page(
    rows: Sequence[Row], limit: int, show: Callable[[Row], Any], place: Callable[[Row], UUID | int]
) -> dict[str, Any]:
    """The fields of a page out of `limit + 1` rows read."""
    kept = rows[:limit]
    return {
        "data": [show(row) for row in kept],
        "next_cursor": encode(place(kept[-1])) if len(rows) > limit else None,
    }


def time(name: str, given: str | None) -> datetime | None:
    """A time given as a parameter; without an offset it is UTC. Raises `Malformed`."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_parameter(name, "Write a time like 2026-01-31T09:00:00Z.") from None
