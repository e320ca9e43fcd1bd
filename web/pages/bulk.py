"""Acts on many conversations at once, each as if it were done alone, and taken back where that can be."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, URLSafeTimedSerializer
from litestar import Response, post

from hub.core.hub import Hub, NotFound
from hub.models import Interaction
from hub.ownership import NotYours, Taken
from hub.policy import NotAllowed
from hub.store import access, interactions
from web import auth
from web.pages import form as forms
from web.pages.inbox import carry_out
from web.pages.page import AnyRequest

MOST_AT_ONCE = 200
UNDO_SECONDS = 600
ACTS = {"assign": "Assigned", "tag": "Tagged", "snooze": "Snoozed", "close": "Closed"}
_DENIED = (Taken, NotYours, NotAllowed, NotFound, ValueError)


@post("/inbox/bulk", opt={"roles": auth.SUPPORT}, status_code=200)
async def bulk(request: AnyRequest) -> Response[dict[str, Any]]:
    """`ids` separated by commas, `act`, and what the act needs. `undo` takes back what can be."""
    form = await forms.read(request)
    act = form.text("act")
    ids = [forms.uuid_or_404(one) for one in form.text("ids").split(",") if one]
    if act not in ACTS or not 0 < len(ids) <= MOST_AT_ONCE:
        words = f"Choose 1 to {MOST_AT_ONCE} conversations, and assign, tag, snooze or close them."
        return Response({"words": words}, status_code=422)
    before, refused = await _as_they_are(request, ids), []
    done: list[UUID] = []
    for interaction_id in dict.fromkeys(ids):
        try:
            if interaction_id not in before:
                raise NotFound("One of them is not there any more.")
            await carry_out(request, interaction_id, act, form)
            done.append(interaction_id)
        except _DENIED as error:
            refused.append(str(error))
    undo = _undo(request, act, [before[one] for one in done])
    said = f"{ACTS[act]}: {len(done)}." + (f" Not done: {len(refused)}. {refused[0]}" if refused else "")
    return Response({"done": len(done), "refused": len(refused), "words": said, "undo": undo})


@post("/inbox/bulk/undo", opt={"roles": auth.SUPPORT}, status_code=200)
async def undo(request: AnyRequest) -> Response[dict[str, Any]]:
    """Put back what a bulk act has changed, as far as nobody changed it since."""
    form = await forms.read(request)
    try:
        user_id, act, before = _signer(request).loads(form.text("undo"), max_age=UNDO_SECONDS)
        if user_id != str(request.user.user.id):
            raise BadSignature("somebody else's")
    except BadSignature:
        return Response({"words": "It is too late to take this back."}, status_code=409)
    done = 0
    for one in before:
        try:
            await _put_back(request, act, one)
            done += 1
        except _DENIED:
            continue
    return Response({"done": done, "words": f"Taken back: {done}."})


async def _as_they_are(request: AnyRequest, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """What an act may change, of those that are this workspace's."""
    found: dict[UUID, dict[str, Any]] = {}
    async with request.app.state.store.read() as db:
        for interaction_id in ids:
            one: Interaction | None = await interactions.interaction(db, request.user.workspace_id, interaction_id)
            if one is not None:
                found[interaction_id] = {
                    "id": str(one.id), "owner": one.owner, "operator": str(one.operator_id or ""), "tags": one.tags,
                    "until": one.snoozed_until.isoformat() if one.snoozed_until else "",
                }  # fmt: skip
    return found


def _undo(request: AnyRequest, act: str, before: list[dict[str, Any]]) -> str:
    """Signed, since it comes back from the page; empty for what cannot be taken back."""
    if act == "close" or not before:
        return ""
    return str(_signer(request).dumps([str(request.user.user.id), act, before]))


def _signer(request: AnyRequest) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(request.app.state.settings.secret_key(), salt="inbox.undo")


async def _put_back(request: AnyRequest, act: str, before: dict[str, Any]) -> None:
    hub: Hub = request.app.state.hub
    workspace_id, user, interaction_id = request.user.workspace_id, request.user.user, UUID(before["id"])
    if act == "tag":
        await hub.tag(workspace_id, interaction_id, before["tags"], user)
    elif act == "snooze":
        until = datetime.fromisoformat(before["until"]) if before["until"] else None
        await hub.snooze(workspace_id, interaction_id, until, user)
    elif before["owner"] == "ai":
        await hub.hand_back(workspace_id, interaction_id, user)
    else:
        async with request.app.state.store.read() as db:
            owner = await access.user(db, workspace_id, UUID(before["operator"])) if before["operator"] else None
        await hub.assign(workspace_id, interaction_id, owner, user)


HANDLERS = [bulk, undo]
