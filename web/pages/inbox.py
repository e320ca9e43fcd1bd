"""The inbox: who waits, what was said, and the acts of the people who answer."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get, post
from litestar.response import ServerSentEvent, Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Media
from hub.core.hub import Hub, NotFound
from hub.models import Interaction
from hub.ownership import NotYours, Taken
from hub.policy import NotAllowed
from hub.store import access, agents, desk, inbox, mails, people, timeline
from web import auth
from web.pages import form as forms
from web.pages import mail, saved_views
from web.pages.live import Watch, resumed, shown_count, stream
from web.pages.page import AnyRequest, page, toast_headers
from web.pages.thread import GSM, head_of, interaction_of, render, side_of

MOST_NOTE = 5_000
VIEW_NAMES = {
    "live": ("Live now", "live", "Somebody wrote within the last 15 minutes"),
    "needs_human": ("Needs human", "hand", "The agent passed it on and nobody has it yet"),
    "mine": ("Mine", "user", "You are answering"),
    "mentions": ("Mentions", "note", "Colleagues named you in a note"),
    "unassigned": ("Unassigned", "user-off", "No colleague has it: the agent answers, or it waits"),
    "all": ("All open", "all", "Every open conversation"),
    "snoozed": ("Snoozed", "clock", "Out of sight until a time, or until the customer writes"),
    "closed": ("Closed", "archive", "Ended, newest first"),
}
EMPTY = {
    "live": ("Quiet right now", "Conversations of the last 15 minutes appear here by themselves."),
    "needs_human": ("Nobody is waiting for a person", "When an agent passes a customer on, they appear here."),
    "mine": ("You have no conversations", "Open one under Needs human and press Take over."),
    "mentions": ("Nobody has mentioned you", "When a colleague writes @ and your name in a note, it appears here."),
    "unassigned": ("Everything is assigned", "Conversations that no colleague has appear here."),
    "all": ("No open conversations", "They appear here as soon as a customer writes to one of your addresses."),
    "snoozed": ("Nothing is snoozed", "Snooze a conversation to have it come back later."),
    "closed": ("Nothing has ended yet", "Conversations that ended are kept here."),
    "search": ("Nothing matches", "Look for fewer or other words, or take a filter away."),
}
_DENIED = (Taken, NotYours, NotAllowed, NotFound, ValueError)


def filters_of(request: AnyRequest) -> inbox.Filters:
    """The filters in the address; what is none of ours is passed over."""
    given = request.query_params
    words = given.get("q", "").strip()[:200]
    words = words if forms.storable(words) else ""
    view = given.get("view", "search" if words else "needs_human")
    try:
        agent_id = UUID(given.get("agent", "")) if given.get("agent") else None
    except ValueError:
        agent_id = None
    tag = given.get("tag", "")[:40]
    return inbox.Filters(
        user_id=request.user.user.id,
        view=view if view in inbox.VIEWS else "needs_human",
        channel=given.get("channel", "")[:40] if forms.storable(given.get("channel", "")) else "",
        tag=tag if forms.storable(tag) else "",
        agent_id=agent_id,
        text=words,
    )


def query_of(filters: inbox.Filters, **other: str) -> str:
    """The filters as the query of an address."""
    given = {
        "view": filters.view,
        "channel": filters.channel,
        "tag": filters.tag,
        "agent": str(filters.agent_id) if filters.agent_id else "",
        "q": filters.text,
        **other,
    }
    return urlencode({name: value for name, value in given.items() if value})


def _narrowed(filters: inbox.Filters) -> bool:
    return bool(filters.text or filters.channel or filters.tag or filters.agent_id)


@get("/inbox", opt={"roles": auth.EVERYONE})
async def show(request: AnyRequest, interaction: str = "") -> Template:
    """Views, list, thread and customer."""
    state, workspace_id = request.app.state, request.user.workspace_id
    filters, now = filters_of(request), state.clock.now()
    async with state.store.read() as db:
        listing = await inbox.listing(db, workspace_id, filters, now)
        counts = await inbox.counts(db, workspace_id, filters.user_id, now)
        tags = await inbox.tags_in_use(db, workspace_id)
        known_agents = await agents.agents(db, workspace_id)
        quarantined = await mails.quarantined_count(db, workspace_id)
        saved = await desk.saved_views(db, workspace_id, filters.user_id)
        users = await access.users(db, workspace_id)
        opened: dict[str, Any] = {}
        if interaction:
            found = await interaction_of(db, request, forms.uuid_or_404(interaction))
            opened = await _opened(db, request, found)
    return page(
        request, "inbox/page.html", "inbox",
        filters=filters, listing=listing, counts={n: shown_count(c) for n, c in counts.items()},
        tags=tags, agents=known_agents, channels=state.hub.context.channels, views=VIEW_NAMES,
        empty=EMPTY["search" if _narrowed(filters) else filters.view],
        colleagues=[user for user in users if user.role in auth.SUPPORT and user.disabled_at is None],
        saved=[(view, saved_views.link(view)) for view in saved], saved_id=request.query_params.get("saved", ""),
        query=query_of(filters), query_of=query_of, gsm=GSM, quarantined=quarantined,
        open_id=opened["head"].interaction.id if opened else None, opened=opened, **opened,
    )  # fmt: skip


async def _opened(db: AsyncSession, request: AnyRequest, found: Interaction) -> dict[str, Any]:
    head, stretch = await head_of(db, request, found), await timeline.stretch(db, found)
    side = await side_of(db, found)
    earlier = [other for other in side["others"] if other[4] < found.created_at]
    compose = await mail.compose_of(db, found) if head.limits.letters else {}
    return {"head": head, "stretch": stretch, "earlier": list(reversed(earlier[:5])), "compose": compose, **side}


@get("/inbox/rows", opt={"roles": auth.EVERYONE})
async def more_rows(request: AnyRequest, cursor: str = "") -> Template:
    """The next page of the list."""
    state, filters = request.app.state, filters_of(request)
    async with state.store.read() as db:
        listing = await inbox.listing(db, request.user.workspace_id, filters, state.clock.now(), cursor=cursor)
    return page(request, "inbox/rows.html", listing=listing, query=query_of(filters), open_id=None)


@get("/inbox/live", opt={"roles": auth.EVERYONE})
async def live(request: AnyRequest, interaction: str = "") -> ServerSentEvent:
    """The page's stream: rows, counts and the open thread."""
    filters = filters_of(request)
    opened = forms.uuid_or_404(interaction) if interaction else None
    return stream(Watch(request, filters, opened, query=query_of(filters), seq=resumed(request)))


@get("/inbox/{interaction_id:uuid}/thread", opt={"roles": auth.EVERYONE})
async def thread(request: AnyRequest, interaction_id: UUID) -> Template:
    """Thread and customer of one interaction, to be put beside the list."""
    filters, state = filters_of(request), request.app.state
    async with state.store.read() as db:
        opened = await _opened(db, request, await interaction_of(db, request, interaction_id))
        tags = await inbox.tags_in_use(db, request.user.workspace_id)
    return page(
        request, "inbox/detail.html",
        query=query_of(filters), tags=tags, gsm=GSM, open_id=interaction_id, opened=opened, **opened,
    )  # fmt: skip


@get("/inbox/{interaction_id:uuid}/older", opt={"roles": auth.EVERYONE})
async def older(request: AnyRequest, interaction_id: UUID, before: forms.Place = 0) -> Template:
    """Messages before those shown; without `before` the newest."""
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
        stretch = await timeline.stretch(db, found, before=before or None)
        head = await head_of(db, request, found)
    return page(request, "inbox/older.html", stretch=stretch, head=head, query="")


@post(
    "/inbox/{interaction_id:uuid}/messages",
    opt={"roles": auth.SUPPORT},
    status_code=200,
    request_max_body_size=mail.MOST_UPLOAD_BYTES,
)
async def say(request: AnyRequest, interaction_id: UUID) -> Response[str]:
    """A reply to the customer, or a note for colleagues; refused with words, so that nothing typed is lost."""
    given = await forms.read(request)
    hub: Hub = request.app.state.hub
    principal, note = request.user, given.on("note")
    media: tuple[Media, ...] = ()
    try:
        if given.uploads and not note:
            media = await mail.attach(hub.context, principal.workspace_id, given.uploads)
        said = await hub.say(
            principal.workspace_id, interaction_id, given.text("text"), operator=principal.user, note=note,
            media=media, content={} if note else mail.content_of(given),
        )  # fmt: skip
    except _DENIED as error:
        await mail.detach(hub.context, principal.workspace_id, media)
        return Response(str(error), status_code=409, media_type="text/plain")
    async with request.app.state.store.read() as db:
        head = await head_of(db, request, await interaction_of(db, request, interaction_id))
    item = timeline.Item(said.seq, said.created_at, message=said)
    return _html(render(request, "inbox/items.html", {"items": [item], "head": head}))


@post("/inbox/messages/{message_id:uuid}/again", opt={"roles": auth.SUPPORT}, status_code=200)
async def send_again(request: AnyRequest, message_id: UUID) -> Response[str]:
    """A failed message once more."""
    hub: Hub = request.app.state.hub
    try:
        said = await hub.send_again(request.user.workspace_id, message_id, request.user.user)
    except _DENIED as error:
        return _html("", 409, toast_headers(str(error), "error"))
    async with request.app.state.store.read() as db:
        head = await head_of(db, request, await interaction_of(db, request, said.interaction_id))
    item = timeline.Item(said.seq, said.created_at, message=said)
    return _html(render(request, "inbox/items.html", {"items": [item], "head": head}))


@post("/inbox/{interaction_id:uuid}/{act:str}", opt={"roles": auth.SUPPORT}, status_code=200)
async def act(request: AnyRequest, interaction_id: UUID, act: str) -> Response[str]:
    """Take over, hand back, assign, tag, snooze, close. Answers with the thread's new head."""
    given = await forms.read(request)
    said, kind, status = "", "ok", 200
    try:
        said = await carry_out(request, interaction_id, act, given)
    except _DENIED as error:
        said, kind, status = str(error), "error", 409
    async with request.app.state.store.read() as db:
        head = await head_of(db, request, await interaction_of(db, request, interaction_id))
        tags = await inbox.tags_in_use(db, request.user.workspace_id)
    body = render(request, "inbox/acted.html", {"head": head, "tags": tags})
    return _html(body, status, toast_headers(said, kind) if said else {})


async def carry_out(request: AnyRequest, interaction_id: UUID, act: str, given: forms.Form) -> str:
    """Do it as this user; what to tell. Raises what the hub refuses with."""
    hub: Hub = request.app.state.hub
    workspace_id, user = request.user.workspace_id, request.user.user
    match act:
        case "take-over":
            await hub.take_over(workspace_id, interaction_id, user)
            return ""
        case "hand-back":
            await hub.hand_back(workspace_id, interaction_id, user, given.text("note")[:MOST_NOTE])
            return "Handed back. The agent goes on."
        case "assign":
            return await _assign(request, interaction_id, given.text("to"))
        case "tag":
            return await _tag(request, interaction_id, given)
        case "snooze":
            until = _moment(given.text("until"))
            await hub.snooze(workspace_id, interaction_id, until, user)
            return "Snoozed. It comes back by itself." if until else "Awake again."
        case "close":
            await hub.end(workspace_id, interaction_id, "operator_hangup")
            return "Closed."
        case _:
            raise NotFound("There is no such act.")


async def _assign(request: AnyRequest, interaction_id: UUID, to: str) -> str:
    hub: Hub = request.app.state.hub
    workspace_id, user = request.user.workspace_id, request.user.user
    if to == "queue":
        await hub.assign(workspace_id, interaction_id, None, user)
        return "Back in the queue for everybody."
    wanted = user.id if to == "me" else forms.uuid_or_404(to)
    async with request.app.state.store.read() as db:
        colleague = await access.user(db, workspace_id, wanted)
    if colleague is None or colleague.disabled_at is not None or colleague.role not in auth.SUPPORT:
        raise NotYours("That colleague cannot answer customers.")
    await hub.assign(workspace_id, interaction_id, colleague, user)
    return "It is yours." if colleague.id == user.id else f"Assigned to {colleague.name}."


async def _tag(request: AnyRequest, interaction_id: UUID, given: forms.Form) -> str:
    hub: Hub = request.app.state.hub
    async with request.app.state.store.read() as db:
        found = await interaction_of(db, request, interaction_id)
    added, removed = given.text("add"), given.text("remove")
    wanted = [tag for tag in [*found.tags, added] if tag and tag != removed]
    await hub.tag(request.user.workspace_id, interaction_id, wanted, request.user.user)
    return ""


def _moment(given: str) -> datetime | None:
    if not given:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError("That is no time. Pick a day and an hour.") from None
    if at.tzinfo is None:
        raise ValueError("That time has no zone. Reload the page and try again.")
    return at


@post("/inbox/customers/{customer_id:uuid}/notes", opt={"roles": auth.SUPPORT}, status_code=200)
async def customer_notes(request: AnyRequest, customer_id: UUID) -> Response[str]:
    """What colleagues should know about this customer."""
    given = await forms.read(request)
    async with request.app.state.store.write() as db:
        customer = forms.found(await people.customer(db, request.user.workspace_id, customer_id), "customer")
        customer.notes, customer.updated_at = given.text("notes")[:4_000], request.app.state.clock.now()
    return _html("", 204, toast_headers("Saved."))


def _html(body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response[str]:
    return Response(body, status_code=status, media_type="text/html", headers=headers or {})


HANDLERS = [show, more_rows, live, thread, older, say, send_again, act, customer_notes]
