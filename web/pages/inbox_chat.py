"""What an open conversation tells while people look at it: that it is read, and that somebody writes."""

from uuid import UUID

from litestar import Response, post

from channels.webchat import Pace, TooFast
from hub.core import chatting
from hub.store import desk, hint
from web import auth
from web.pages.page import AnyRequest
from web.pages.thread import interaction_of

_writing = Pace(burst=5, per_second=1)


@post("/inbox/{interaction_id:uuid}/read", opt={"roles": auth.SUPPORT}, status_code=204)
async def read(request: AnyRequest, interaction_id: UUID) -> None:
    """Its page is open before somebody's eyes."""
    state, workspace_id, user = request.app.state, request.user.workspace_id, request.user.user
    async with state.store.write() as db:
        found = await interaction_of(db, request, interaction_id)
        if await desk.see_mentions(db, workspace_id, user.id, interaction_id, state.clock.now()):
            hint(db, workspace_id, interaction_id)
    if found.operator_id == user.id and found.read_seq < found.heard_seq:
        await chatting.mark_read(state.hub.context, workspace_id, interaction_id, user)


@post("/inbox/{interaction_id:uuid}/typing", opt={"roles": auth.SUPPORT}, status_code=204)
async def typing(request: AnyRequest, interaction_id: UUID) -> Response[None]:
    """The operator who answers is writing a reply; the customer's own client may show it."""
    try:
        _writing.take(str(request.user.user.id))
    except TooFast:
        return Response(None, status_code=204)
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
    if found.operator_id == request.user.user.id and found.ended_at is None:
        topic = f"thread:{found.workspace_id}:{found.thread}"
        request.app.state.bus.publish([(topic, f"typing:{request.user.user.name}")])
    return Response(None, status_code=204)


HANDLERS = [read, typing]
