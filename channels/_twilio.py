"""What the Twilio channels share: signatures and the REST client.

Signatures: https://www.twilio.com/docs/usage/security#validating-requests
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

from channels._twilio_errors import TooFast
from hub.channel import Hook, Refused, Undeliverable

CALLBACK_OVERRIDES = "#ct=1000&rt=4000&rc=2&rp=ct,rt,5xx&tt=15000"
"""Connection overrides for URLs we register: the fragment is not signed and not sent."""

API = "https://api.twilio.com"
DOWNLOAD_SECONDS = 60.0
_MOST_HOPS = 4
_FORM = "application/x-www-form-urlencoded"
_SID = re.compile(r"[A-Za-z]{2}[0-9A-Za-z]{1,62}")


def checked_sid(form: Mapping[str, str], name: str) -> str:
    """The provider's id in this field. Raises `KeyError`, and `Refused(400)` when it is none."""
    sid = form[name]
    if not _SID.fullmatch(sid):
        raise Refused(f"{name} is not an id of Twilio's.", 400)
    return sid


class Account:
    """One Twilio account: whose requests we believe and through which we send.

    Settings: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_AUTH_TOKEN_PREVIOUS (accepted during a
    rotation), TWILIO_BASE_URL, TWILIO_TIMEOUT_SECONDS, HUB_PUBLIC_URL.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.sid = settings.get("TWILIO_ACCOUNT_SID", "")
        self.base_url = settings.get("TWILIO_BASE_URL", "")
        self.public_url = settings.get("HUB_PUBLIC_URL", "").rstrip("/")
        self._timeout_seconds = float(settings.get("TWILIO_TIMEOUT_SECONDS") or 10)
        self._token = settings.get("TWILIO_AUTH_TOKEN", "")
        tokens = (self._token, settings.get("TWILIO_AUTH_TOKEN_PREVIOUS", ""))
        self._validators = [RequestValidator(token) for token in tokens if token]
        self._client: Any = None
        self._opening = asyncio.Lock()

    def verify(self, hook: Hook) -> dict[str, str]:
        """The form of a request that Twilio signed. Raises `Refused(403)` for any other."""
        signature = hook.headers.get("x-twilio-signature", "")
        if not self._validators:
            raise Refused("Twilio is not configured: set TWILIO_AUTH_TOKEN.")
        if not signature:
            raise Refused("The X-Twilio-Signature header is missing.")
        pairs = _Pairs(hook.pairs() if hook.method == "POST" else [])
        if not any(validator.validate(hook.url, pairs, signature) for validator in self._validators):
            raise Refused(
                "The signature does not match. HUB_PUBLIC_URL must be the very URL that Twilio calls, "
                "and TWILIO_AUTH_TOKEN its account's token."
            )
        return pairs.last()

    @property
    def configured(self) -> bool:
        return bool(self.sid and self._token)

    async def client(self) -> Any:
        """The official client, made on first use within the running loop."""
        async with self._opening:
            if self._client is None:
                if not self.configured:
                    raise Undeliverable("Twilio is not configured: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.")
                self._client = await asyncio.to_thread(_import_client)
                self._client = self._client(self.sid, self._token, self.base_url, self._timeout_seconds)
        return self._client

    async def ask(self, method: str, url: str, given: Any = None) -> Any:
        """The JSON answer of a resource that the client has no light way to; `given` a form, or JSON when nested.

        Raises what the client raises; `undeliverable` says what it means.
        """
        client = await self.client()
        kind = "application/json" if given and any(isinstance(value, dict) for value in given.values()) else _FORM
        data = json.dumps(given) if kind != _FORM else given
        answer = await client.request_async(method, url, data=data, headers={"Content-Type": kind})
        body = json.loads(answer.text or "{}")
        if answer.status_code >= 400:
            from twilio.base.exceptions import TwilioRestException

            raise TwilioRestException(answer.status_code, url, body.get("message", ""), body.get("code"), method)
        return body

    def owns(self, url: str) -> bool:
        """Whether it is an address of Twilio's API, the only ones that are shown our credentials."""
        return url.startswith((self.base_url.rstrip("/") or API) + "/")

    async def download(self, url: str, most_bytes: int) -> tuple[bytes, str]:
        """What is at an address of the API, and its content type. Raises `Undeliverable`."""
        import aiohttp

        if not self.owns(url):
            raise Undeliverable("The attachment is not at an address of Twilio's; it was left alone.")
        session = (await self.client()).http_client.session
        auth: aiohttp.BasicAuth | None = aiohttp.BasicAuth(self.sid, self._token)
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS)
        try:
            for _ in range(_MOST_HOPS):
                async with session.get(url, auth=auth, timeout=timeout, allow_redirects=False) as answer:
                    if answer.status in (301, 302, 307, 308):
                        url, auth = urljoin(url, answer.headers.get("location", "")), None
                        if not _twilios_store(url):
                            raise Undeliverable("Twilio sent us elsewhere for the attachment; it was left alone.")
                        continue
                    return await _content(answer, most_bytes), answer.content_type
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Undeliverable("The attachment could not be fetched.", retry=True) from error
        raise Undeliverable("Twilio sent us from one address to the next for the attachment.")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.http_client.close()


def _twilios_store(url: str) -> bool:
    """Where Twilio keeps files: https://www.twilio.com/docs/messaging/api/media-resource"""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" and host.endswith((".twilio.com", ".twiliocdn.com", ".amazonaws.com"))


async def _content(answer: Any, most_bytes: int) -> bytes:
    if answer.status == 404 or answer.status >= 500:  # a file may be there a moment later than its message
        raise Undeliverable(f"Twilio answered {answer.status} for the attachment.", retry=True)
    if answer.status != 200:
        raise Undeliverable(f"Twilio answered {answer.status} for the attachment.")
    content = bytearray()
    async for chunk in answer.content.iter_chunked(65_536):
        content += chunk
        if len(content) > most_bytes:
            raise Undeliverable(f"The attachment is larger than {most_bytes // 1_000_000} MB.")
    return bytes(content)


class _Pairs:
    """A form with repeated names, as the validator wants it."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Any:
        return iter({name for name, _ in self._pairs})

    def __len__(self) -> int:
        return len(self._pairs)

    def getall(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def last(self) -> dict[str, str]:
        return dict(self._pairs)


def _import_client() -> Any:
    """Import the SDK (slow, so off the loop) and give what makes a client."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from twilio.http.async_http_client import AsyncTwilioHttpClient
        from twilio.rest import Client
        from twilio.rest.api.v2010.account.message import MessageList  # noqa: F401 - loaded off the loop

    class _Http(AsyncTwilioHttpClient):  # type: ignore[misc]
        """The SDK's client with another host and a timeout that counts (its own is ignored)."""

        def __init__(self, base_url: str, timeout_seconds: float) -> None:
            super().__init__(pool_connections=True)
            self._seconds = timeout_seconds
            self._base = urlsplit(base_url) if base_url else None

        async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            if self._base:
                parts = urlsplit(url)
                path = self._base.path.rstrip("/") + parts.path
                url = urlunsplit((self._base.scheme, self._base.netloc, path, parts.query, ""))
            if kwargs.get("timeout") is None:
                kwargs["timeout"] = self._seconds
            response = await super().request(method, url, *args, **kwargs)
            if response.status_code == 429:
                raise TooFast(dict(response.headers or {}))
            return response

    def make(sid: str, token: str, base_url: str, timeout_seconds: float) -> Any:
        return Client(sid, token, http_client=_Http(base_url, timeout_seconds))

    return make
