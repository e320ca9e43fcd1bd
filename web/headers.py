"""Headers that every answer carries, unless it has set its own."""

from collections.abc import Awaitable, Callable

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import Message, Scope

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_SHARED = {"x-robots-tag": "noindex, nofollow", "referrer-policy": "no-referrer", "cache-control": "no-store"}
"""Where a link is all that it takes: nobody else is to find it, or to keep what is behind it."""
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}


def with_waveform(nonce: str) -> str:
    """The rules of a page with room for the one style element that the waveform makes for itself."""
    return CONTENT_SECURITY_POLICY.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")


def safe_headers(secure: bool) -> Callable[[Message, Scope], Awaitable[None]]:
    """What adds them to every HTTP answer, refusals included; pages are never kept by caches."""
    always = _ALWAYS | ({"strict-transport-security": "max-age=31536000"} if secure else {})

    async def add(message: Message, scope: Scope) -> None:
        if scope["type"] == ScopeType.HTTP and message["type"] == "http.response.start":
            message.setdefault("headers", [])
            headers = MutableScopeHeaders.from_message(message)
            for name, value in always.items():
                headers.setdefault(name, value)
            if scope["path"].startswith("/shared/"):
                for name, value in _SHARED.items():
                    headers[name] = value

    return add
