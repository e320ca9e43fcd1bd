"""The live test by phone: the agent calls a number of the builder's own, and the page shows what is said."""

from typing import Any

from litestar import Response, post
from litestar.response import Template

from hub import identity, policy
from hub.channel import Refused
from hub.core.chatting import callable_number, caller_of
from hub.store import agents
from web import auth
from web.pages.form import read
from web.pages.page import AnyRequest, is_htmx, page
from web.pages.playground import chat_of, filled, pane, shown, start_test, trial_of

UNCONFIRMED = "Tick that this number may be called now."


@post("/agents/{agent_id:str}/playground/phone", opt={"roles": auth.TESTERS}, status_code=200)
async def phone_me(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Call the number given from an address of the workspace."""
    form = await read(request)
    this = await trial_of(request, agent_id, form.text("version"))
    context, workspace_id = request.app.state.hub.context, request.user.workspace_id
    try:
        if not form.on("confirmed"):
            raise policy.NotAllowed(UNCONFIRMED, "unconfirmed")
        async with request.app.state.store.read() as db:
            caller = await caller_of(db, context, workspace_id)
            workspace = await agents.workspace(db, workspace_id)
        if caller is None or workspace is None:
            raise policy.NotAllowed("You have no phone number to call from. Add one under Addresses.", "no_address")
        number = callable_number(form.text("number"), workspace.default_region)
        given = filled(form.under("parameter."))
        begun = await start_test(request, this, "call", number, given, address=caller)
    except (policy.NotAllowed, identity.NotAnIdentity, Refused) as error:
        words = error.reason if isinstance(error, policy.NotAllowed | Refused) else str(error)
        test = await pane(request, this.agent.id, problem=words) | {"mode": "phone", "number": form.text("number")}
        if is_htmx(request):
            fragment = page(request, "playground/pane.html", test=test)
            fragment.headers |= {"HX-Retarget": "#live-test", "HX-Reswap": "outerHTML"}
            return fragment
        return page(request, "playground/page.html", "agents", status=422, agent=test["agent"], test=test)
    return await shown(request, begun)


@post("/agents/{agent_id:str}/playground/{chat_id:str}/end", opt={"roles": auth.TESTERS}, status_code=200)
async def end(request: AnyRequest, agent_id: str, chat_id: str) -> Response[Any] | Template:
    """Hang up, or end the chat."""
    running = await chat_of(request, agent_id, chat_id)
    await request.app.state.hub.end(running.workspace_id, running.id, "operator_hangup")
    return await shown(request, running)


HANDLERS = [phone_me, end]
