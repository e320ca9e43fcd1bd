"""The official SDK behind a thread, and what its answers mean for a mail."""

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hub.channel import Undeliverable

_REFUSED = {
    401: "SendGrid refused our key. Check SENDGRID_API_KEY.",
    403: "The SendGrid key may not send mail, or the sender is not verified there.",
    413: "The mail is too large for SendGrid.",
}


class Sending:
    """One SendGrid account. Settings: SENDGRID_API_KEY, SENDGRID_BASE_URL, SENDGRID_TIMEOUT_SECONDS."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._key = settings.get("SENDGRID_API_KEY", "")
        self._base_url = (settings.get("SENDGRID_BASE_URL", "") or "https://api.sendgrid.com").rstrip("/")
        self._timeout_seconds = float(settings.get("SENDGRID_TIMEOUT_SECONDS") or 10)
        self._client: Any = None

    def must_be_configured(self) -> None:
        """Raises `Undeliverable` when it is not."""
        if not self._key:
            raise Undeliverable("SendGrid is not configured: set SENDGRID_API_KEY.")

    async def send(self, mail: Mapping[str, Any]) -> None:
        """Hand it over; returning means that SendGrid took it. Raises `Undeliverable`."""
        await asyncio.to_thread(self._send, mail)

    async def warm_up(self) -> None:
        if self._key:
            await asyncio.to_thread(self._made)

    def _made(self) -> Any:
        if self._client is None:
            from sendgrid import SendGridAPIClient

            self._client = SendGridAPIClient(self._key, host=self._base_url)
            self._client.client.timeout = self._timeout_seconds
        return self._client

    def _send(self, mail: Mapping[str, Any]) -> None:
        try:
            self._made().send(dict(mail))
        except Exception as error:
            raise _undeliverable(error) from error


def _undeliverable(error: Exception) -> Undeliverable:
    """Retry, never again, or nobody knows."""
    from urllib.error import URLError

    from python_http_client.exceptions import HTTPError

    if isinstance(error, HTTPError):
        status = int(error.status_code)
        if status == 429:
            words = "SendGrid is limiting how fast we send; it will be tried again."
            return Undeliverable(words, retry=True, code="429", retry_after=_retry_after(error))
        if status < 500:
            words = " ".join(filter(None, (_REFUSED.get(status, "SendGrid refused the mail."), _told(error.body))))
            return Undeliverable(words, code=str(status))
        return Undeliverable(
            f"SendGrid answered {status}; it may have taken the mail.", ambiguous=True, code=str(status)
        )
    if isinstance(error, URLError) and _never_connected(error.reason):
        return Undeliverable("SendGrid cannot be reached.", retry=True, code="unreachable")
    return Undeliverable("SendGrid did not answer; it may have taken the mail.", ambiguous=True)


def _never_connected(reason: object) -> bool:
    """Whether the connection was refused, or the name is not known; a timeout may have come after the request."""
    return isinstance(reason, ConnectionRefusedError | socket.gaierror)


def _retry_after(error: Any) -> timedelta | None:
    """How long it says to wait, at most an hour: `Retry-After`, or `X-RateLimit-Reset` (seconds left or an epoch)."""
    headers = {str(name).lower(): str(value) for name, value in dict(error.headers or {}).items()}
    given = headers.get("retry-after", "") or headers.get("x-ratelimit-reset", "")
    if not given.isascii() or not given.isdigit():
        return None
    seconds = int(given[:12])
    if seconds > 10**9:
        seconds -= int(time.time())
    return timedelta(seconds=min(max(seconds, 1), 3600))


def _told(body: Any) -> str:
    """SendGrid's own words of what was wrong."""
    try:
        errors = json.loads(body)["errors"]
        return "; ".join(str(one.get("message", "")) for one in errors[:3])[:500]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
