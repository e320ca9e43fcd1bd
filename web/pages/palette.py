"""The command palette's search: conversations and people."""

from typing import Any

from litestar import get

from hub.models.customer import called
from hub.store import inbox, people
from web import auth
from web.pages import form as forms
from web.pages.page import AnyRequest

MOST_FOUND = 6


@get("/inbox/palette", opt={"roles": auth.EVERYONE})
async def search(request: AnyRequest, q: str = "") -> dict[str, list[dict[str, Any]]]:
    """What holds these words."""
    words, state, workspace_id = q.strip()[:200], request.app.state, request.user.workspace_id
    if len(words) < 2 or not forms.storable(words):
        return {"conversations": [], "people": []}
    filters = inbox.Filters(user_id=request.user.user.id, view="search", text=words)
    async with state.store.read() as db:
        found = await inbox.listing(db, workspace_id, filters, state.clock.now(), limit=MOST_FOUND)
        known = await people.customers(db, workspace_id, text=words, limit=MOST_FOUND)
        identities = await people.identities(db, workspace_id, *(one.id for one in known)) if known else []
    shown = {identity.customer_id: identity.value for identity in reversed(identities)}
    return {
        "conversations": [
            {"href": f"/inbox?view=search&interaction={entry.id}", "title": entry.title, "text": entry.preview,
             "icon": entry.channel}
            for entry in found.entries
        ],
        "people": [
            {"href": f"/customers/{one.id}", "title": called(one.name, shown.get(one.id, "")),
             "text": shown.get(one.id, "") if one.name else "", "icon": "user"}
            for one in known
        ],
    }  # fmt: skip


HANDLERS = [search]
