"""Attachments over HTTP: for signed-in people, and by a signed link for the carrier that is to deliver one."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from itsdangerous import BadSignature, URLSafeTimedSerializer
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException

from hub.core import files
from hub.models import StoredFile
from hub.store import files as stored
from web import auth
from web.recordings import span

LINK_LASTS_SECONDS = 24 * 3600
SHOWN = frozenset({
    "image/png", "image/jpeg", "image/gif", "image/webp",
    "audio/mpeg", "audio/ogg", "audio/wav", "audio/x-wav", "audio/aac", "audio/amr", "audio/mp4", "audio/webm",
    "video/mp4", "video/webm", "video/3gpp", "video/quicktime",
})  # fmt: skip
"""What a browser may show by itself; everything else is a download, since it may run as a page."""


def shown_as(content_type: str) -> str:
    """`image`, `audio` or `video`, if a browser may show it by itself; empty for what is a download."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.partition("/")[0] if kind in SHOWN else ""


_GONE = "This file is not there any more."


class Links:
    """Signed links to files, for who cannot sign in. `public_url` is where the outside reaches us."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._signer = URLSafeTimedSerializer(secret, salt="media")
        self._public_url = public_url

    def to(self, row: StoredFile) -> str:
        return self._public_url + self.path(row.workspace_id, row.id)

    def path(self, workspace_id: UUID, file_id: UUID) -> str:
        """The link as pages of this server write it."""
        return f"/media/{self._signer.dumps([workspace_id.hex, file_id.hex])}"

    def of(self, token: str) -> tuple[UUID, UUID]:
        """Workspace and file of a link. Raises `BadSignature` for a forged and an old one."""
        workspace, file = self._signer.loads(token, max_age=LINK_LASTS_SECONDS)
        return UUID(workspace), UUID(file)


@get("/files/{file_id:uuid}", opt={"roles": auth.EVERYONE})
async def file(request: Request[auth.Principal, Any, Any], file_id: UUID) -> Response[bytes]:
    """An attachment, for somebody of its workspace. `download=1` makes it a file to keep."""
    download = request.query_params.get("download", "") not in ("", "0")
    return await answer(request, request.user.workspace_id, file_id, download=download)


@get("/media/{token:str}", opt={"public": True})
async def media(request: Request[Any, Any, Any], token: str) -> Response[bytes]:
    """An attachment, for the carrier that was given this link to it."""
    links: Links = request.app.state.links
    try:
        workspace_id, file_id = links.of(token)
    except BadSignature:
        raise NotFoundException(_GONE) from None
    return await answer(request, workspace_id, file_id, download=False)


async def answer(
    request: Request[Any, Any, Any], workspace_id: UUID, file_id: UUID, *, download: bool
) -> Response[bytes]:  # fmt: skip
    """Its bytes, or the range of them that is asked for, as a browser may have them. Raises `NotFoundException`."""
    context = request.app.state.hub.context
    async with request.app.state.store.read() as db:
        row = await stored.file(db, workspace_id, file_id)
    if row is None:
        raise NotFoundException(_GONE)
    try:
        data = await files.read(context, row)
    except OSError:
        raise NotFoundException(_GONE) from None
    kind = row.content_type.partition(";")[0].strip().lower()
    shown = kind in SHOWN
    way = "inline" if shown and not download else "attachment"
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"{way}; filename*=UTF-8''{quote(row.name or 'file', safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'",
        "Cache-Control": "private, max-age=3600",
    }
    try:
        wanted = span(request.headers.get("range", ""), len(data))
    except ValueError:
        return Response(b"", status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    if wanted is not None:
        headers["Content-Range"] = f"bytes {wanted.first}-{wanted.stop - 1}/{len(data)}"
        data = data[wanted.first : wanted.stop]
    media_type = kind if shown else "application/octet-stream"
    return Response(data, status_code=200 if wanted is None else 206, media_type=media_type, headers=headers)


HANDLERS = [file, media]
