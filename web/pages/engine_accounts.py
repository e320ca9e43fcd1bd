"""Engine accounts: with whom agents think, hear and speak, whether that works, and what failed lately."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Template

from hub.core import credentials as acts
from hub.core.customers import NotPossible
from hub.engines.signing_in import VENDORS
from hub.models import Agent, Credential, Event
from hub.store import agents, credentials, interactions
from hub.voice.chain import BREAKER
from web import auth
from web.pages.form import Errors, read
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page

LABELS = {"openai": "OpenAI", "deepgram": "Deepgram", "elevenlabs": "ElevenLabs"}
PARTS = {"mind": "thinking", "ears": "hearing", "mouth": "speaking"}
LATELY = timedelta(hours=24)
MOST_FAILURES = 500
_PATH = "/settings/engines"
_BLANK = {"vendor": "openai", "name": "", "base_url": ""}


@dataclass(slots=True)
class Trouble:
    """An engine that failed lately: how often, and the last time."""

    engine: str
    part: str
    vendor: str
    times: int
    at: datetime
    why: str
    interaction_id: UUID


@get(_PATH, opt={"roles": auth.ADMINS})
async def listing(request: AnyRequest) -> Template:
    """All accounts with their health."""
    return await _listing(request)


async def _listing(request: AnyRequest, status: int = 200, **more: Any) -> Template:
    workspace_id, state = request.user.workspace_id, request.app.state
    async with state.store.read() as db:
        rows = await credentials.credentials(db, workspace_id)
        all_agents = await agents.agents(db, workspace_id)
        since = state.clock.now() - LATELY
        failed = await interactions.engine_failures(db, workspace_id, since, MOST_FAILURES)
    ours = state.settings.accounts()
    given = {"values": _BLANK, "editing": None} | more
    return settings_page(
        request, "engines", "engines.html", status,
        rows=[(row, _used_by(row, all_agents), _fails(row)) for row in rows], labels=LABELS, parts=PARTS,
        vendors=[(name, LABELS[name]) for name in VENDORS],
        ours=[(LABELS[name], name in ours, bool(name in ours and ours[name].base_url)) for name in VENDORS],
        troubles=_troubles(failed), alone=_alone(), **given,
    )  # fmt: skip


def _used_by(row: Credential, all_agents: Any) -> list[Agent]:
    return [agent for agent in all_agents if str(row.id) in credentials.used_by(agent.definition)]


def _fails(row: Credential) -> bool:
    """Whether it failed when it was used last. Uses are noted once a minute."""
    return row.failed_at is not None and (row.used_at is None or row.failed_at >= row.used_at - timedelta(minutes=2))


def _troubles(failed: Any) -> list[Trouble]:
    """By engine, those that failed last first."""
    found: dict[tuple[str, str], Trouble] = {}
    for event in failed:
        made = _trouble(event)
        known = found.setdefault((made.part, made.engine), made)
        if known is not made:
            known.times += 1
    return list(found.values())


def _trouble(event: Event) -> Trouble:
    data = event.data
    part = str(data.get("kind", ""))
    return Trouble(
        str(data.get("engine") or PARTS.get(part, "an engine")), part, str(data.get("vendor", "")), 1, event.at,
        str(data.get("why", "")), event.interaction_id,
    )  # fmt: skip


def _alone() -> dict[tuple[str, str], int]:
    """Part and engine that this process does not try just now, and for how many seconds yet."""
    return {tuple(name.split(":", 1)): round(left) for name, left in BREAKER.left_alone().items()}  # type: ignore[misc]


@post(_PATH, opt={"roles": auth.ADMINS}, status_code=200)
async def create(request: AnyRequest) -> Response[Any] | Template:
    """Keep an account."""
    form = await read(request)
    values = {name: form.text(name) for name in _BLANK}
    try:
        made = await acts.add(
            request.app.state.hub.context, request.user.workspace_id,
            key=form.text("key"), by=request.user.name, **values,
        )  # fmt: skip
    except acts.BadCredential as error:
        return await _listing(request, 422, values=values, errors=Errors({error.field: str(error)}))
    said = f"“{made.name}” is kept. Choose it at an agent; try it here with Test."
    return go(request, f"{_PATH}#c-{made.id}", said)


@post(_PATH + "/{credential_id:uuid}", opt={"roles": auth.ADMINS}, status_code=200)
async def change(request: AnyRequest, credential_id: UUID) -> Response[Any] | Template:
    """Another name, or another key and address."""
    form = await read(request)
    key, values = form.text("key"), {name: form.text(name) for name in ("name", "base_url")}
    try:
        row = await acts.change(
            request.app.state.hub.context, request.user.workspace_id, credential_id,
            key=key or None, by=request.user.name, **values,
        )  # fmt: skip
    except acts.BadCredential as error:
        given = Errors({error.field: str(error)})
        return await _listing(request, 422, editing=credential_id, edited=values, edit_errors=given)
    except acts.NoCredential:
        raise NotFoundException("There is no such account. It may have been removed.") from None
    return go(
        request, f"{_PATH}#c-{row.id}", f"“{row.name}” is changed." if not key else f"“{row.name}” has a new key."
    )


@post(_PATH + "/{credential_id:uuid}/test", opt={"roles": auth.ADMINS}, status_code=200)
async def try_out(request: AnyRequest, credential_id: UUID) -> Response[Any]:
    """Ask the vendor whether it accepts the account."""
    try:
        tested = await acts.test(request.app.state.hub.context, request.user.workspace_id, credential_id)
    except acts.NoCredential:
        raise NotFoundException("There is no such account. It may have been removed.") from None
    return go(request, f"{_PATH}#c-{credential_id}", tested.words, "ok" if tested.works else "error")


@post(_PATH + "/{credential_id:uuid}/remove", opt={"roles": auth.ADMINS}, status_code=200)
async def remove(request: AnyRequest, credential_id: UUID) -> Response[Any]:
    """Gone, unless an agent uses it."""
    context, workspace_id = request.app.state.hub.context, request.user.workspace_id
    try:
        await acts.remove(context, workspace_id, credential_id, request.user.name)
    except NotPossible as error:
        return go(request, f"{_PATH}#c-{credential_id}", str(error), "error")
    except acts.NoCredential:
        raise NotFoundException("There is no such account. It may have been removed.") from None
    return go(request, _PATH, "The account is removed.")


HANDLERS = [listing, create, change, try_out, remove]
