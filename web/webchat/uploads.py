"""Files of visitors: taken up one by one, before the message that names them."""

import re
from typing import Any

from litestar import Request, Response, post
from litestar.exceptions import HTTPException

from channels.webchat import UNSTORABLE, TooFast
from hub.channel import File, Refused
from hub.core import files
from web.webchat.arrival import called
from web.webchat.visits import Visits, visits_of

MOST_FILE_BYTES = 10_000_000
_OPEN = {"public": True, "exclude_from_auth": True, "exclude_from_csrf": True}
_BEGINS = {
    "image/png": rb"\x89PNG\r\n\x1a\n", "image/jpeg": rb"\xff\xd8\xff", "image/gif": rb"GIF8[79]a",
    "image/webp": rb"RIFF....WEBP", "application/pdf": rb"%PDF-", "application/zip": rb"PK\x03\x04",
    "video/mp4": rb"....ftyp", "video/quicktime": rb"....(ftyp|moov|mdat|wide)", "image/heic": rb"....ftyp",
    "video/webm": rb"\x1aE\xdf\xa3", "audio/webm": rb"\x1aE\xdf\xa3", "audio/ogg": rb"OggS",
    "audio/wav": rb"RIFF....WAVE", "audio/mpeg": rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "audio/mp4": rb"....ftyp",
}  # fmt: skip
"""How a file of a kind begins; one that begins otherwise is not what it says."""
_OFFICE = re.compile(r"application/(vnd\.openxmlformats-officedocument|vnd\.oasis\.opendocument)\.[a-z.-]{1,60}")
TEXTS = frozenset({"text/plain", "text/csv"})
ACCEPTED = (*_BEGINS, *sorted(TEXTS), ".docx", ".xlsx", ".pptx", ".odt", ".ods")
"""For the page's file picker."""

AnyRequest = Request[Any, Any, Any]


@post("/chat/{key:str}/files", opt=_OPEN, status_code=200, include_in_schema=False,
      request_max_body_size=MOST_FILE_BYTES + 1)  # fmt: skip
async def upload(request: AnyRequest, key: str, name: str = "") -> Response[dict[str, Any]]:
    """Keep the body as a file of this visitor (`X-Visitor-Token`); the answer's `file` names it in a message."""
    visits = visits_of(request.app.state)
    try:
        return Response(await _taken(request, visits, key, name))
    except TooFast as refused:
        seconds = str(refused.wait_seconds)
        return Response({"words": "That are many files at once. Wait a moment, then try again."}, status_code=429,
                        headers={"Retry-After": seconds})  # fmt: skip
    except Refused as refused:
        return Response({"words": refused.reason}, status_code=refused.status)


async def _taken(request: AnyRequest, visits: Visits, key: str, name: str) -> dict[str, Any]:
    """Raises `Refused`."""
    visitor = visits.channel.visitor(request.headers.get("x-visitor-token", ""))
    async with visits.hub.context.store.read() as db:
        address = await called(db, key)
    if address is None or visitor.widget != address.value:
        raise Refused("This visitor belongs to another chat. Reload the page.", 403)
    if address.options.get("files") is False:
        raise Refused("This chat takes no files.", 403)
    visits.count(visits.talking, request.client.host if request.client else "")
    visits.uploading.take(visitor.id)
    try:
        data = await request.body()
    except HTTPException:
        raise Refused(f"The file is too large; {MOST_FILE_BYTES // 1_000_000} MB are possible.", 413) from None
    if len(data) > MOST_FILE_BYTES:
        raise Refused(f"The file is too large; {MOST_FILE_BYTES // 1_000_000} MB are possible.", 413)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not data:
        raise Refused("The file is empty.", 400)
    if not is_of(kind, data):
        raise Refused("Files of this kind cannot be sent here: take a picture, a PDF, a text or an office file.", 415)
    file = File(UNSTORABLE.sub("", name) or "file", kind, data)
    context = visits.hub.context
    media = files.media_of(await files.take_up(context, address.workspace_id, file))
    return {"file": visits.channel.file_token(visitor, media), "name": media.name, "size": media.size_bytes}


def is_of(kind: str, data: bytes) -> bool:
    """Whether this is a file of a kind that is taken, by what it says and how it begins."""
    if kind in TEXTS:
        return b"\0" not in data[:1_000]
    begins = _BEGINS["application/zip"] if _OFFICE.fullmatch(kind) else _BEGINS.get(kind)
    return begins is not None and kind != "application/zip" and re.match(begins, data, re.DOTALL) is not None
