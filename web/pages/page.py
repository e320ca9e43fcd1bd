"""What every page shares: rendering with the layout, words that survive a redirect, toasts."""

import base64
import binascii
import json
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.response import Redirect, Template

from web.auth import Principal

FLASH_COOKIE = "hub_said"
_MOST_FLASH_CHARACTERS = 400

AnyRequest = Request[Any, Any, Any]


def page(request: AnyRequest, template: str, section: str = "", status: int = 200, **context: Any) -> Template:
    """A page in the layout. `section` is the navigation entry to mark: home, inbox, agents, ..."""
    principal: Principal | None = request.scope.get("user")
    flash = _read_flash(request)
    made = Template(
        template,
        context={
            "section": section,
            "principal": principal,
            "me": principal.user if principal else None,
            "flash": flash,
            **context,
        },
        status_code=status,
        media_type=MediaType.HTML,
    )
    if flash:
        made.delete_cookie(FLASH_COOKIE, path="/")
    return made


def is_htmx(request: AnyRequest) -> bool:
    """Whether htmx asks for a fragment."""
    return request.headers.get("hx-request") == "true"


def wants_page(request: AnyRequest) -> bool:
    """Whether a person's browser asks, not a program."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(
        ("/v1/", "/compat/", "/hooks/")
    )


def go(request: AnyRequest, path: str, said: str = "", kind: str = "ok") -> Response[Any]:
    """Send the browser to another page of ours, which says `said` in a toast there. `kind`: ok, error."""
    response: Response[Any]
    if is_htmx(request):
        response = Response("", headers={"HX-Redirect": path}, media_type=MediaType.HTML)
    else:
        response = Redirect(path, status_code=303)
    if said:
        words = json.dumps([kind, said[:_MOST_FLASH_CHARACTERS]]).encode()
        response.set_cookie(
            FLASH_COOKIE, base64.urlsafe_b64encode(words).decode(), path="/", max_age=60,
            httponly=True, samesite="lax", secure=request.app.state.settings.secure,
        )  # fmt: skip
    return response


def toast_headers(said: str, kind: str = "ok", **more: Any) -> dict[str, str]:
    """Response headers that make an htmx page say this; `more` are further events for the page."""
    return {"HX-Trigger": json.dumps({"hub:toast": {"text": said, "kind": kind}, **more})}


def _read_flash(request: AnyRequest) -> dict[str, str] | None:
    given = request.cookies.get(FLASH_COOKIE, "")
    if not given or len(given) > 4 * _MOST_FLASH_CHARACTERS:
        return None
    try:
        kind, text = json.loads(base64.urlsafe_b64decode(given))
    except (ValueError, TypeError, binascii.Error):
        return None
    return {"kind": "error" if kind == "error" else "ok", "text": str(text)}


def local_path(given: str, default: str = "/inbox") -> str:
    """`given` when it is a path on this server, else `default`: never a way to another site."""
    if not given.startswith("/") or given.startswith("//") or "\\" in given or not given.isprintable():
        return default
    parts = urlsplit(given)
    return default if parts.scheme or parts.netloc else given


def sign_in_path(after: str) -> str:
    """Where a signed-out person signs in, to come back to `after`."""
    after = local_path(after, "")
    return "/signin" if after in ("", "/") or after.startswith("/signin") else f"/signin?next={quote(after, safe='')}"
