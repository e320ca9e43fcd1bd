"""The results of an interaction on its page: each value with its evidence, corrected in place, taken anew."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core import results
from hub.dialogue.values import FORMS
from hub.models import Interaction
from hub.store import calls, timeline
from web import auth
from web.pages.form import read
from web.pages.page import AnyRequest, go, page
from web.pages.thread import interaction_of

SOURCES = {"collected": "noted by the agent", "script": "read from the transcript", "": ""}
STATES = {
    "live": "It goes on: this is what the agent has noted so far.",
    "pending": "It is over; the results are being taken.",
    "ready": "",
}


async def results_of(db: AsyncSession, interaction: Interaction) -> dict[str, Any]:
    """What the tab shows; what the agent noted beside the schema stands below it."""
    shown = await results.shown(db, interaction)
    schema = {one.field.name for one in shown.values}
    noted = await timeline.known_so_far(db, interaction)
    return {
        "found": shown,
        "other": {name: event for name, event in noted.items() if name not in schema},
        "sources": SOURCES,
        "states": STATES,
        "forms": FORMS,
        "has_sound": bool(await calls.recordings(db, interaction.workspace_id, interaction.id)),
    }


@get("/interactions/{interaction_id:uuid}/results", opt={"roles": auth.EVERYONE})
async def part(request: AnyRequest, interaction_id: UUID) -> Template:
    """The tab's inside, for a page that grows."""
    async with request.app.state.store.read() as db:
        interaction = await interaction_of(db, request, interaction_id)
        known = await results_of(db, interaction)
    return page(request, "interaction/results.html", it=interaction, **known)


@post("/interactions/{interaction_id:uuid}/results", opt={"roles": auth.TESTERS}, status_code=200)
async def correct(request: AnyRequest, interaction_id: UUID) -> Response[Any]:
    """Put a value of a person's in the place of one that was found."""
    form, user = await read(request), request.user.user
    name, path = form.text("name"), f"/interactions/{interaction_id}?tab=results"
    value = None if form.text("do") == "none" or not form.text("value") else form.text("value")
    try:
        await results.correct(
            request.app.state.hub.context, user.workspace_id, interaction_id, {name: value}, by=user.name
        )
    except results.NoResult as error:
        if "interaction" in str(error):
            raise NotFoundException("There is no such interaction here.") from None
        return go(request, path, str(error), "error")
    except results.NotFitting as error:
        return go(request, path, f"Not saved: {error}", "error")
    return go(request, path, f"{name.replace('_', ' ').capitalize()} is corrected, and a test case now.")


@post("/interactions/{interaction_id:uuid}/results/run", opt={"roles": auth.TESTERS}, status_code=200)
async def run(request: AnyRequest, interaction_id: UUID) -> Response[Any]:
    """Take them again."""
    path = f"/interactions/{interaction_id}?tab=results"
    try:
        await results.take_again(request.app.state.hub.context, request.user.workspace_id, interaction_id)
    except results.NoResult:
        raise NotFoundException("There is no such interaction here.") from None
    except results.NotOver as error:
        return go(request, path, str(error), "error")
    return go(request, path, "The results are being taken again. What people corrected stays.")


HANDLERS = [part, correct, run]
