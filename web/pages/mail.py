"""Mail in the pages: what the composer adds to a text, a message as its sender laid it out, and the quarantine."""

import base64
import re
from typing import Any
from uuid import UUID

import nh3
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import NotFoundException
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import File, Media
from hub.core import files, letters, mails
from hub.core.context import Context
from hub.core.hub import NotFound
from hub.models import Interaction, Message
from hub.storable import storable
from hub.store import agents, interactions
from hub.store import files as stored
from hub.store import mails as stored_mails
from web import auth
from web.pages.form import Form, found, uuid_or_404
from web.pages.page import AnyRequest, go, page

MOST_UPLOAD_BYTES = 26_000_000
_SHOWN_RAW_BYTES = 40_000
_MOST_INLINE_BYTES = 3_000_000
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


# the composer


async def compose_of(db: AsyncSession, interaction: Interaction) -> dict[str, str]:
    """What an answer by mail begins with: subject, and the copies of the mail that it answers."""
    said = await stored_mails.letters_in(db, interaction.id)
    newest = next((message for message in said if message.role == "customer"), None)
    subject = next((str(message.content["subject"]) for message in said if message.content.get("subject")), "")
    if newest is not None and newest.content.get("subject"):
        subject = letters.again(str(newest.content["subject"]))
    ours = {one.value for one in await agents.addresses(db, interaction.workspace_id, interaction.channel)}
    mail = (newest.content.get("mail") or {}) if newest is not None else {}
    named = [str(one) for name in ("to", "cc") for one in mail.get(name) or []]
    others = [one for one in named if (address := letters.address_in(one)) not in ours | {interaction.person}
              and not address.startswith("reply+")]  # fmt: skip
    return {"subject": subject, "cc": ", ".join(others[: letters.MOST_COPIES])}


def content_of(given: Form) -> dict[str, Any]:
    """What the composer's mail fields say. Raises `NotAllowed` for copies that are no addresses."""
    if "subject" not in given:
        return {}
    cc, bcc = (re.split(r"[,;\n]+", given.text(name)) for name in ("cc", "bcc"))
    return letters.around(given.text("subject"), cc, bcc, quote=given.on("quote"))


async def attach(hub: Context, workspace_id: UUID, uploads: list[UploadFile]) -> tuple[Media, ...]:
    """Keep the files that came with a form, for a message to be said."""
    given = [File(one.filename or "file", one.content_type or "", await one.read()) for one in uploads]
    return tuple([files.media_of(await files.take_up(hub, workspace_id, one)) for one in given if one.data])


async def detach(hub: Context, workspace_id: UUID, media: tuple[Media, ...]) -> None:
    """Take them back: the message was refused."""
    async with hub.store.write() as db:
        for one in media:
            row = await stored.file(db, workspace_id, UUID(one.file_id))
            if row is not None:
                await files.remove(hub, row)
                await db.delete(row)


# a message as its sender laid it out


@get("/inbox/messages/{message_id:uuid}/page", opt={"roles": auth.EVERYONE})
async def laid_out(request: AnyRequest, message_id: UUID) -> Response[str]:
    """The sanitised HTML of a mail, for a sandboxed frame. `pictures=1` loads those of other servers."""
    hub: Context = request.app.state.hub.context
    async with request.app.state.store.read() as db:
        message = found(await interactions.message(db, request.user.workspace_id, message_id), "message")
        file_id = str(message.content.get("html_file") or "")
        row = await stored.file(db, request.user.workspace_id, uuid_or_404(file_id))
    try:
        given = (await files.read(hub, found(row, "mail"))).decode("utf-8", "replace")
    except OSError:
        raise NotFoundException("The HTML of this mail is not there any more.") from None
    remote = request.query_params.get("pictures", "") == "1"
    body = _with_pictures(sanitised(given), await _inline(hub, request.user.workspace_id, message), remote=remote)
    head = f'<meta charset="utf-8"><base target="_blank"><style>{_LOOK}</style>'
    html = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
    pictures = "data: https: http:" if remote else "data:"
    policy = (
        f"sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src {pictures}; "
        "style-src 'unsafe-inline'; form-action 'none'; base-uri 'self'; frame-ancestors 'self'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return Response(html, media_type="text/html", headers=headers)


_LOOK = "body{font:14px/1.5 system-ui,sans-serif;margin:14px;color:#1c1e21;overflow-wrap:anywhere}img{max-width:100%}"
_TAGS = nh3.ALLOWED_TAGS | {"font"}
_LAYOUT = {"style", "align", "valign", "width", "height", "bgcolor", "color", "border", "cellpadding", "cellspacing",
           "dir", "lang", "colspan", "rowspan", "size", "face"}  # fmt: skip
_STYLES = {
    "color", "background-color", "font-size", "font-family", "font-weight", "font-style", "text-align",
    "text-decoration", "line-height", "margin", "margin-top", "margin-bottom", "margin-left", "margin-right", "padding",
    "padding-top", "padding-bottom", "padding-left", "padding-right", "border", "border-top", "border-bottom",
    "border-left", "border-right", "border-collapse", "border-color", "width", "max-width", "height", "vertical-align",
    "white-space", "display", "list-style-type", "border-radius",
}  # fmt: skip


def sanitised(html: str) -> str:
    """Nothing that runs, nothing that leaves its place; pictures keep their addresses, to be looked at after."""
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "title", "template", "noscript"},
        attributes={"*": _LAYOUT, "a": {"href", "title"}, "img": {"src", "alt", "title"}},
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        filter_style_properties=_STYLES,
        link_rel="noopener noreferrer nofollow",
    )


async def _inline(hub: Context, workspace_id: UUID, message: Message) -> dict[str, str]:
    """Content-ID > data URL of the pictures that came within the mail."""
    named = (message.content.get("mail") or {}).get("inline") or {}
    made, left = {}, _MOST_INLINE_BYTES
    for identifier, place in named.items():
        media = message.media[place] if isinstance(place, int) and 0 <= place < len(message.media) else {}
        if media.get("content_type") not in _PICTURES or not media.get("file_id"):
            continue
        async with hub.store.read() as db:
            row = await stored.file(db, workspace_id, UUID(media["file_id"]))
        if row is None or row.size_bytes > left:
            continue
        left -= row.size_bytes
        made[identifier] = f"data:{row.content_type};base64,{base64.b64encode(await files.read(hub, row)).decode()}"
    return made


def _with_pictures(html: str, inline: dict[str, str], *, remote: bool) -> str:
    """Pictures within the mail in their places; those of other servers only when asked for."""

    def place(match: re.Match[str]) -> str:
        source = match[1]
        if source.startswith("cid:"):
            return f'src="{inline.get(source.removeprefix("cid:"), "data:,")}"'
        return match[0] if remote else 'src="data:,"'

    return re.sub(r'(?<=\s)src="([^"]*)"', place, html)


# the quarantine


@get("/inbox/quarantine", opt={"roles": auth.SUPPORT})
async def quarantine(request: AnyRequest, before: str = "") -> Template:
    """Mails that could not be read, the newest first."""
    async with request.app.state.store.read() as db:
        rows = await stored_mails.quarantined(
            db, request.user.workspace_id, uuid_or_404(before) if before else None, limit=51
        )
        ours = {one.id: one.value for one in await agents.addresses(db, request.user.workspace_id)}
    more = rows[49].id if len(rows) > 50 else None
    return page(request, "mail/quarantine.html", "inbox", rows=rows[:50], more=more, ours=ours)


@get("/inbox/quarantine/{mail_id:uuid}", opt={"roles": auth.SUPPORT})
async def quarantined(request: AnyRequest, mail_id: UUID) -> Template:
    """One of them, as plain text."""
    try:
        mail, beginning = await mails.raw(
            request.app.state.hub.context, request.user.workspace_id, mail_id, _SHOWN_RAW_BYTES
        )
    except NotFound as error:
        raise NotFoundException(str(error)) from None
    text = storable(beginning.decode("utf-8", "replace"))
    shown = "".join(one if one.isprintable() or one in "\n\t" else "\u00b7" for one in text.replace("\r\n", "\n"))
    return page(request, "mail/mail.html", "inbox", mail=mail, raw=shown, cut=mail.size_bytes > len(beginning))


@post("/inbox/quarantine/{mail_id:uuid}/{act:str}", opt={"roles": auth.SUPPORT}, status_code=200)
async def decide(request: AnyRequest, mail_id: UUID, act: str) -> Response[Any]:
    """Try it again (release), or delete it for good."""
    hub, workspace_id = request.app.state.hub.context, request.user.workspace_id
    try:
        if act == "release":
            if await mails.release(hub, workspace_id, mail_id):
                return go(request, "/inbox/quarantine", "It could be read: the mail is in the inbox now.")
            return go(request, f"/inbox/quarantine/{mail_id}", "It still cannot be read; the reason is below.", "error")
        if act == "delete":
            await mails.delete(hub, workspace_id, mail_id)
            return go(request, "/inbox/quarantine", "The mail is deleted.")
    except NotFound as error:
        return go(request, "/inbox/quarantine", str(error), "error")
    raise NotFoundException("There is no such act.")


HANDLERS = [laid_out, quarantine, quarantined, decide]
