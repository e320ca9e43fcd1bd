"""Saved views of the inbox: filters under a name, one's own or shared."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, post

from hub.models import SavedView
from hub.store import desk, inbox
from web import auth
from web.pages.form import found, read
from web.pages.page import AnyRequest, go, toast_headers

MOST_NAME_CHARACTERS = 60
FILTERS = ("view", "channel", "tag", "agent", "q")


def link(view: SavedView) -> str:
    """The inbox as this view shows it."""
    given = {name: str(view.filters.get(name, "")) for name in FILTERS}
    return "/inbox?" + urlencode({**{name: value for name, value in given.items() if value}, "saved": str(view.id)})


@post("/inbox/views", opt={"roles": auth.SUPPORT}, status_code=200)
async def save(request: AnyRequest) -> Response[Any]:
    """Save the filters of the page under a name; the same name again changes that view."""
    form, user = await read(request), request.user.user
    name = " ".join(form.text("name").split())
    if not 1 <= len(name) <= MOST_NAME_CHARACTERS:
        words = f"Give the view a name of 1 to {MOST_NAME_CHARACTERS} characters."
        return Response(words, status_code=422, media_type="text/plain")
    filters = {key: form.text(key)[:200] for key in FILTERS if form.text(key)}
    if filters.get("view") not in inbox.VIEWS:
        filters["view"] = "search"
    async with request.app.state.store.write() as db:
        views = await desk.saved_views(db, user.workspace_id, user.id)
        kept = next((view for view in views if view.name == name and view.user_id == user.id), None)
        if kept is None and len(views) >= desk.MOST_VIEWS:
            words = f"There are {desk.MOST_VIEWS} views; remove one first."
            return Response(words, status_code=422, media_type="text/plain")
        kept = kept or SavedView(workspace_id=user.workspace_id, user_id=user.id, name=name)
        kept.shared, kept.filters = form.on("shared"), filters
        db.add(kept)
    return go(request, link(kept), f"The view “{name}” was saved.")


@post("/inbox/views/{view_id:uuid}/remove", opt={"roles": auth.SUPPORT}, status_code=200)
async def remove(request: AnyRequest, view_id: UUID) -> Response[Any]:
    """Remove one's own view; an admin may remove a shared one."""
    user = request.user.user
    async with request.app.state.store.write() as db:
        view = found(await desk.saved_view(db, user.workspace_id, user.id, view_id), "view")
        if view.user_id != user.id and user.role not in auth.ADMINS:
            words = "Only who made this view, or an admin, can remove it."
            return Response("", status_code=409, headers=toast_headers(words, "error"), media_type="text/html")
        await db.delete(view)
    return go(request, "/inbox", f"The view “{view.name}” was removed.")


HANDLERS = [save, remove]
