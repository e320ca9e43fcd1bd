"""What the inbox lists: views, counts, filters, full-text search; each question bounded and indexed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    String,
    Uuid,
    bindparam,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Customer, Identity, Interaction, Mention, Tag, User
from hub.models.customer import called

View = Literal["live", "needs_human", "mine", "mentions", "unassigned", "all", "snoozed", "closed", "search"]
VIEWS: tuple[View, ...] = get_args(View)

PAGE_ROWS = 40
MOST_COUNTED = 100
LIVE_FOR = timedelta(minutes=15)
_MOST_LIVE = 500
_MOST_MATCHES = 400
_MOST_TAGS = 200
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - compared after the zone is taken off
_LATEST = 10**17


@dataclass(frozen=True, slots=True)
class Filters:
    """Which interactions to list, for which user. Empty values do not filter."""

    user_id: UUID
    view: View = "all"
    channel: str = ""
    tag: str = ""
    agent_id: UUID | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the list. `key` sorts entries as the list does; `preview` is the match when searched."""

    id: UUID
    key: str
    cursor: str
    customer_id: UUID
    name: str
    person: str
    channel: str
    status: str
    owner: str
    operator_id: UUID | None
    operator: str
    agent: str
    preview: str
    last_message_at: datetime
    last_message_role: str
    waiting_since: datetime | None
    snoozed_until: datetime | None
    ended_at: datetime | None
    tags: list[str]

    @property
    def title(self) -> str:
        return called(self.name, self.person)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list; `cursor` continues it, empty at its end."""

    entries: list[Entry]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class _Phase:
    """A stretch of the list that one index gives in order."""

    column: Any
    falling: bool
    condition: ColumnElement[bool] | None = None


_C = Interaction
_OPEN = col(_C.ended_at).is_(None)


def _phases(view: View) -> list[_Phase]:
    if view == "closed":
        return [_Phase(col(_C.ended_at), True)]
    if view in ("search", "mentions"):
        return [_Phase(col(_C.last_message_at), True)]
    if view == "snoozed":
        return [_Phase(col(_C.snoozed_until), False)]
    return [
        _Phase(col(_C.waiting_since), False, col(_C.waiting_since).is_not(None)),
        _Phase(col(_C.last_message_at), True, col(_C.waiting_since).is_(None)),
    ]


def _in_view(
    workspace_id: UUID, view: View, user_id: UUID, now: datetime, *, by_id: bool = False
) -> list[ColumnElement[bool]]:
    """What makes an interaction belong to a view.

    `by_id`: the ids are given as well, so no index of the workspace is to be walked instead of them.
    """
    ours = col(_C.workspace_id)
    base: list[ColumnElement[bool]] = [
        (func.coalesce(ours, ours) if by_id or view == "mentions" else ours) == workspace_id,
        col(_C.test).is_(False),
    ]
    if view == "search":
        return base
    if view == "mentions":
        named = select(col(Mention.interaction_id)).where(
            col(Mention.workspace_id) == workspace_id, col(Mention.user_id) == user_id
        )
        return [*base, col(_C.id).in_(named)]
    if view == "closed":
        return [*base, col(_C.ended_at).is_not(None)]
    if view == "snoozed":
        return [*base, _OPEN, col(_C.snoozed_until) > now]
    awake = or_(col(_C.snoozed_until).is_(None), col(_C.snoozed_until) <= now)
    base += [_OPEN, awake]
    if view == "needs_human":
        base.append(col(_C.owner) == "queue")
    elif view == "mine":
        base.append(col(_C.operator_id) == user_id)
    elif view == "unassigned":
        base.append(col(_C.operator_id).is_(None))
    elif view == "live":
        recent = (
            select(col(_C.id))
            .where(col(_C.workspace_id) == workspace_id, _OPEN, col(_C.last_message_at) > now - LIVE_FOR)
            .order_by(col(_C.last_message_at).desc())
            .limit(_MOST_LIVE)
        )
        base.append(col(_C.id).in_(recent))
    return base


async def counts(db: AsyncSession, workspace_id: UUID, user_id: UUID, now: datetime) -> dict[str, int]:
    """How many each view holds, counted up to `MOST_COUNTED`."""
    counted = []
    order: Any
    for view in VIEWS:
        if view in ("search", "closed"):
            continue
        if view == "mentions":
            unseen = select(col(Mention.interaction_id)).where(
                col(Mention.workspace_id) == workspace_id,
                col(Mention.user_id) == user_id,
                col(Mention.seen_at).is_(None),
            )
            inner = unseen.distinct().limit(MOST_COUNTED).subquery()
            counted.append(select(func.count()).select_from(inner).scalar_subquery().label(view))
            continue
        if view == "live":
            held = [*_in_view(workspace_id, "all", user_id, now), col(_C.last_message_at) > now - LIVE_FOR]
            order = col(_C.last_message_at)
        else:
            held = _in_view(workspace_id, view, user_id, now)
            order = col(_C.snoozed_until if view == "snoozed" else _C.waiting_since)
        inner = select(literal(1)).select_from(_C).where(*held).order_by(order).limit(MOST_COUNTED).subquery()
        counted.append(select(func.count()).select_from(inner).scalar_subquery().label(view))
    row = (await db.execute(select(*counted))).one()
    return {name: int(value) for name, value in row._mapping.items()}


async def listing(
    db: AsyncSession,
    workspace_id: UUID,
    filters: Filters,
    now: datetime,
    *,
    cursor: str = "",
    limit: int = PAGE_ROWS,
    only: Sequence[UUID] | None = None,
) -> Listing:
    """A page of the list, waiting longest first, then newest. `only` asks for these interactions alone.

    A cursor that is none starts from the top.
    """
    found = await _search(db, workspace_id, filters.text) if filters.text else None
    if found == {}:
        return Listing([])
    by_id = only is not None or found is not None
    conditions = _in_view(workspace_id, filters.view, filters.user_id, now, by_id=by_id)
    conditions += _chosen(filters)
    if only is not None:
        conditions.append(col(_C.id).in_(only))
    if found is not None:
        conditions.append(col(_C.id).in_(list(found)))
    phases = _phases(filters.view)
    start, after = _parse(cursor, len(phases))
    entries: list[Entry] = []
    for number in range(start, len(phases)):
        phase = phases[number]
        query = _columns().where(*conditions)
        if phase.condition is not None:
            query = query.where(phase.condition)
        if after is not None and number == start:
            query = query.where(_past(phase, *after))
        order = [phase.column, col(_C.id)] if not phase.falling else [phase.column.desc(), col(_C.id).desc()]
        rows = (await db.execute(query.order_by(*order).limit(limit + 1 - len(entries)))).all()
        entries += [_entry(row, number, phase, found) for row in rows]
        if len(entries) > limit:
            return Listing(entries[:limit], entries[limit - 1].cursor)
    return Listing(entries)


async def tags_in_use(db: AsyncSession, workspace_id: UUID) -> list[str]:
    """The workspace's tags in alphabetical order, so many at most."""
    query = select(col(Tag.name)).where(col(Tag.workspace_id) == workspace_id).distinct().limit(_MOST_TAGS)
    return sorted((await db.execute(query)).scalars(), key=str.casefold)


def _columns() -> Select[Any]:
    return (
        select(
            col(_C.id), col(_C.customer_id), col(Customer.name), col(_C.person), col(_C.channel),
            col(_C.status), col(_C.owner), col(_C.operator_id), col(User.name).label("operator"),
            col(_C.agent)["name"].as_string().label("agent"), col(_C.preview), col(_C.last_message_at),
            col(_C.last_message_role), col(_C.waiting_since), col(_C.snoozed_until), col(_C.ended_at),
            col(_C.tags),
        )
        .join(Customer, col(Customer.id) == col(_C.customer_id))
        .outerjoin(User, col(User.id) == col(_C.operator_id))
    )  # fmt: skip


def _chosen(filters: Filters) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    if filters.channel:
        chosen.append(col(_C.channel) == filters.channel)
    if filters.agent_id:
        chosen.append(col(_C.agent_id) == filters.agent_id)
    if filters.tag:
        tagged = select(col(Tag.interaction_id)).where(col(Tag.name) == filters.tag)
        chosen.append(col(_C.id).in_(tagged.where(col(Tag.workspace_id) == col(_C.workspace_id))))
    return chosen


def _micros(at: datetime) -> int:
    return int((at.replace(tzinfo=None) - _EPOCH) / timedelta(microseconds=1))


def _entry(row: Row[Any], number: int, phase: _Phase, found: dict[UUID, str] | None) -> Entry:
    at: datetime = getattr(row, phase.column.key)
    micros, given = _micros(at), dict(row._mapping)
    place = f"{_LATEST - micros if phase.falling else micros:018d}"
    tie = "".join(f"{15 - int(digit, 16):x}" for digit in row.id.hex) if phase.falling else row.id.hex
    given["operator"], given["agent"] = given["operator"] or "", given["agent"] or ""
    if found is not None and found.get(row.id):
        given["preview"], given["last_message_role"] = found[row.id], ""
    return Entry(key=f"{number}{place}{tie}", cursor=f"{number}.{micros}.{row.id.hex}", **given)


def _parse(cursor: str, phases: int) -> tuple[int, tuple[datetime, UUID] | None]:
    try:
        number, micros, identifier = cursor.split(".")
        if not 0 <= int(number) < phases:
            return 0, None
        at = _EPOCH + timedelta(microseconds=int(micros))
        return int(number), (at.replace(tzinfo=UTC), UUID(identifier))
    except (ValueError, OverflowError):
        return 0, None


def _past(phase: _Phase, at: datetime, identifier: UUID) -> ColumnElement[bool]:
    here = tuple_(phase.column, col(_C.id))
    there = tuple_(literal(at, phase.column.type), literal(identifier, Uuid()))
    return here < there if phase.falling else here > there


async def _search(db: AsyncSession, workspace_id: UUID, words: str) -> dict[UUID, str]:
    """Interactions whose messages hold all the words (the last may be a beginning) or whose customer does."""
    found: dict[UUID, str] = {}
    terms = ["".join(c for c in word if c.isalnum() or c in "'@+.-_") for word in words.split()]
    terms = [term for term in terms if any(c.isalnum() for c in term)][:8]
    if not terms:
        return found
    if db.get_bind().dialect.name == "sqlite":
        match = " ".join(f'"{term}"' for term in terms) + "*"
        statement = text(
            "SELECT m.interaction_id, m.text FROM message_search s JOIN message m ON m.rowid = s.rowid "
            "WHERE message_search MATCH :match AND m.workspace_id = :workspace "
            "ORDER BY s.rowid DESC LIMIT :most"
        )
    else:
        match = " & ".join("'" + term.replace("'", "''") + "'" for term in terms) + ":*"
        statement = text(
            "SELECT m.interaction_id, m.text FROM message m "
            "WHERE to_tsvector('simple', m.text) @@ to_tsquery('simple', :match) "
            "AND m.workspace_id = :workspace ORDER BY m.created_at DESC LIMIT :most"
        )
    statement = statement.bindparams(bindparam("workspace", type_=Uuid()))
    typed = statement.columns(interaction_id=Uuid(), text=String())
    rows = await db.execute(typed, {"match": match, "workspace": workspace_id, "most": _MOST_MATCHES})
    for interaction_id, said in rows.all():
        found.setdefault(interaction_id, excerpt(said, terms[0]))
    for interaction_id in await _of_people(db, workspace_id, words):
        found.setdefault(interaction_id, "")
    return found


async def _of_people(db: AsyncSession, workspace_id: UUID, words: str) -> Sequence[UUID]:
    """Interactions of customers whose name or identity holds the words."""
    like = "%" + words.strip().lower().replace("\\", "").replace("%", "\\%").replace("_", "\\_") + "%"
    named = select(col(Customer.id)).where(
        col(Customer.workspace_id) == workspace_id, func.lower(Customer.name).like(like, escape="\\")
    )
    known = select(col(Identity.customer_id)).where(
        col(Identity.workspace_id) == workspace_id, col(Identity.value).like(like, escape="\\")
    )
    people = {*(await db.execute(named.limit(50))).scalars(), *(await db.execute(known.limit(50))).scalars()}
    if not people:
        return []
    query = select(col(_C.id)).where(col(_C.workspace_id) == workspace_id, col(_C.customer_id).in_(people))
    return (await db.execute(query.limit(_MOST_MATCHES))).scalars().all()


def excerpt(said: str, word: str, characters: int = 140) -> str:
    """The part of a text around a word, on one line."""
    line = " ".join(said.split())
    at = line.casefold().find(word.casefold())
    start = max(0, at - 40)
    return ("…" if start else "") + line[start : start + characters]
