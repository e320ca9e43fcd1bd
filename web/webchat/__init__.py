"""The visitor's door: the chat page, the script that embeds it, its colour, and the live socket."""

import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.enums import MediaType
from litestar.response import Template

from hub.models import Address
from hub.store import Store, teams
from web.settings import Settings
from web.templating import HERE
from web.webchat.arrival import called
from web.webchat.colour import stylesheet
from web.webchat.live import live
from web.webchat.uploads import ACCEPTED, upload

_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?")
_OPEN = {"public": True, "exclude_from_auth": True, "exclude_from_csrf": True}
_FIVE_MINUTES = CacheControlHeader(public=True, max_age=300)

AnyRequest = Request[Any, Any, Any]


@get("/chat/{key:str}", opt=_OPEN, include_in_schema=False)
async def page(request: AnyRequest, key: str) -> Template:
    """The chat: a page of its own, and what the widget frames on the sites that may."""
    address, agent = await _widget(request.app.state.store, key)
    settings: Settings = request.app.state.settings
    return Template(
        "chat/page.html" if address else "chat/missing.html",
        context={
            "key": key,
            "title": (address.name if address else "") or "Chat",
            "intro": str(address.options.get("greeting") or "") if address else "",
            "agent": agent.get("name", ""),
            "accepted": ",".join(kind for kind in ACCEPTED if kind != "application/zip"),
            "language": str(agent.get("language", "en")),
        },
        headers={
            "Content-Security-Policy": policy(_origins(address), settings.hub_public_url),
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
        media_type=MediaType.HTML,
        status_code=200 if address else 404,
    )


@get("/chat/{key:str}/accent.css", opt=_OPEN, cache_control=_FIVE_MINUTES, include_in_schema=False)
async def accent(request: AnyRequest, key: str) -> Response[str]:
    """The widget's colour and what goes with it."""
    address, _ = await _widget(request.app.state.store, key)
    chosen = address.options.get("accent") if address else None
    return Response(stylesheet(chosen), media_type="text/css")


@get("/static/chat/widget.js", opt=_OPEN, cache_control=_FIVE_MINUTES, include_in_schema=False)
async def widget(request: AnyRequest) -> Response[bytes]:
    """The script tag's script. Its address never changes, so it is kept for minutes only."""
    content = (HERE / "static" / "chat" / "widget.js").read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers={"ETag": etag})
    return Response(content, media_type="text/javascript; charset=utf-8", headers={"ETag": etag})


def policy(origins: list[str], public_url: str) -> str:
    """What the chat page may load, and who may frame it: our own pages and the widget's origins."""
    scheme, _, rest = public_url.partition("://")
    socket = f"{scheme.replace('http', 'ws')}://{rest.partition('/')[0]}" if rest else ""
    parts = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob: https:",
        f"connect-src 'self' {socket}".rstrip(),
        "base-uri 'none'",
        "form-action 'none'",
        " ".join(("frame-ancestors 'self'", *origins)),
    )
    return "; ".join(parts)


def _origins(address: Address | None) -> list[str]:
    """The origins that may embed the widget; what is none is left out."""
    given = address.options.get("origins") if address else None
    return [
        origin.rstrip("/")
        for origin in (given if isinstance(given, list) else [])
        if isinstance(origin, str) and _ORIGIN.fullmatch(origin.rstrip("/")) and urlsplit(origin).netloc
    ]


async def _widget(store: Store, key: str) -> tuple[Address | None, dict[str, Any]]:
    """The address with this key, and the definition of who speaks first there."""
    async with store.read() as db:
        address = await called(db, key)
        return address, (await teams.greeter(db, address) or {}) if address is not None else {}


WEBCHAT: list[Any] = [page, accent, widget, upload, live]
"""Every route handler of the web chat."""
