"""Switching who thinks in an interaction that is going on."""

from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.exceptions import NotFoundException, ValidationException

from hub.core.customers import NotPossible
from hub.core.hub import NotFound
from web import auth
from web.pages.form import read
from web.pages.page import AnyRequest, go

SAID = {
    "hosted": "An engine of this server thinks from the next turn on.",
    "webhook": "Your server is asked from the next turn on.",
}


@post("/interactions/{interaction_id:uuid}/mode", opt={"roles": auth.TESTERS}, status_code=200)
async def switch(request: AnyRequest, interaction_id: UUID) -> Response[Any]:
    """An engine of ours or the responder, from the next turn on."""
    mode = (await read(request)).text("voice_mode")
    if mode not in SAID:
        raise ValidationException("Choose who thinks.")
    here, hub = f"/interactions/{interaction_id}", request.app.state.hub
    try:
        await hub.switch(request.user.workspace_id, interaction_id, mode, by=request.user.name)
    except NotFound:
        raise NotFoundException("There is no such interaction.") from None
    except NotPossible as error:
        return go(request, here, str(error), "error")
    return go(request, here, SAID[mode])


HANDLERS = [switch]
