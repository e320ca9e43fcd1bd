"""Templates in the inbox: the picker, and sending the one that was chosen."""

from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from hub.core import templates
from hub.core.hub import Hub, NotFound
from hub.ownership import NotYours, Taken
from hub.policy import NotAllowed
from hub.store import timeline
from web import auth
from web.pages import form as forms
from web.pages.page import AnyRequest, page
from web.pages.thread import head_of, interaction_of, render

PLACE = "place-"
"""How the names of the form's fields for the template's places begin."""


@get("/inbox/{interaction_id:uuid}/templates", opt={"roles": auth.SUPPORT})
async def picker(request: AnyRequest, interaction_id: UUID) -> Template:
    """The templates of this conversation's channel; with `refresh` the provider is asked anew."""
    hub: Hub = request.app.state.hub
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
    problem = ""
    known = []
    try:
        anew = request.query_params.get("refresh", "") != ""
        known = await templates.listed(hub.context, found.channel, anew=anew)
    except NotAllowed as error:
        problem = str(error)
    return page(request, "inbox/templates.html", interaction_id=interaction_id, templates=known, problem=problem)


@post("/inbox/{interaction_id:uuid}/template", opt={"roles": auth.SUPPORT}, status_code=200)
async def send(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """Say a template with its places filled in; refused with words, so that nothing typed is lost."""
    given = await forms.read(request)
    hub: Hub = request.app.state.hub
    workspace_id = request.user.workspace_id
    try:
        async with request.app.state.store.read() as db:
            channel = (await interaction_of(db, request, interaction_id)).channel
        text, content = await templates.filled(hub.context, channel, given.text("template"), given.under(PLACE))
        said = await hub.say(workspace_id, interaction_id, text, operator=request.user.user, content=content)
    except (Taken, NotYours, NotAllowed, NotFound) as error:
        return Response(str(error), status_code=409, media_type="text/plain")
    async with request.app.state.store.read() as db:
        head = await head_of(db, request, await interaction_of(db, request, interaction_id))
    item = timeline.Item(said.seq, said.created_at, message=said)
    return Response(render(request, "inbox/items.html", {"items": [item], "head": head}), media_type="text/html")


HANDLERS = [picker, send]
