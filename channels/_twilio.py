"""What the Twilio channels share: signatures, the REST client, error codes in plain words.

Signatures: https://www.twilio.com/docs/usage/security#validating-requests
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

from hub.channel import Hook, Refused, Undeliverable

CALLBACK_OVERRIDES = "#ct=1000&rt=4000&rc=2&rp=ct,rt,5xx&tt=15000"
"""Connection overrides for URLs we register: the fragment is not signed and not sent."""


WORDS = {
    "13223": "The number to connect to is not written like +15551234567.",
    "13224": "This number is invalid, or no carrier reaches it.",
    "13225": "Twilio does not call this number.",
    "13227": "Calling this country is not switched on in the Twilio account.",
    "20003": "Twilio refused our account or token. Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.",
    "20429": "Twilio is limiting how fast we send; it will be tried again.",
    "21210": "Our number is neither Twilio's nor verified as a caller id.",
    "21211": "This is not a phone number that can receive messages.",
    "21212": "Our number is not one that can call.",
    "21215": "Calling this country or number is not switched on in the Twilio account.",
    "21216": "The Twilio account may not call this number.",
    "21217": "This is not a phone number that can be called.",
    "21219": "A trial account calls verified numbers only.",
    "21220": "The call is over already.",
    "21265": "This number cannot receive messages.",
    "21408": "Sending to this country is not switched on in the Twilio account.",
    "21606": "Our number cannot send to this person.",
    "21610": "The customer has opted out (replied STOP).",
    "21612": "There is no route from our number to this person.",
    "21614": "This is not a mobile number.",
    "21617": "The text is longer than 1600 characters.",
    "21620": "The attachment's address could not be used.",
    "30001": "Too many messages were waiting at the carrier; it was dropped.",
    "30002": "The Twilio account is suspended.",
    "30003": "The phone is switched off or out of reach.",
    "30004": "The carrier blocked the message.",
    "30005": "The number does not exist or is no longer in use.",
    "30006": "This is a landline or a number that cannot receive texts.",
    "30007": "The carrier filtered the message as spam.",
    "30008": "The carrier did not say why it failed.",
    "30034": "Our number is not registered for this kind of traffic (A2P 10DLC).",
    "30410": "The carrier did not answer in time.",
    "30453": "The message was not delivered for safety reasons.",
    "31920": "Our media socket refused the carrier.",
    "31921": "Our media socket closed.",
    "31924": "The carrier did not understand what our media socket sent.",
    "32009": "The SIP phone is not registered.",
    "32011": "The SIP system could not be reached.",
    "63016": "Outside the 24-hour window: use an approved template.",
}
SIP_WORDS = {
    "403": "The carrier refused the call.",
    "404": "The number does not exist or is no longer in use.",
    "408": "Nobody answered.",
    "410": "The number is no longer in use.",
    "480": "The phone is switched off or out of reach.",
    "484": "The number is incomplete.",
    "486": "The line is busy.",
    "487": "The call was ended before it was answered.",
    "500": "The carrier had a fault.",
    "503": "The carrier cannot take the call just now.",
    "600": "The line is busy.",
    "603": "The call was declined.",
    "604": "The number does not exist.",
    "607": "The person has blocked our calls.",
    "608": "A filter on the way blocked our call.",
}
"""How a call ended before it was answered: https://www.rfc-editor.org/rfc/rfc3261#section-21, 8197 and 8688"""


def words(code: str) -> str:
    """What an error code means, for people."""
    return WORDS.get(code, f"The carrier reported error {code}.") if code else ""


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

    async def close(self) -> None:
        if self._client is not None:
            await self._client.http_client.close()


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


class _TooFast(Exception):
    """Twilio answered 429. The SDK's own errors do not keep the headers, which say how long to wait."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(WORDS["20429"])
        given = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
        seconds = min(int(given[:6]), 3600) if given.isascii() and given.isdigit() else 0
        self.retry_after = timedelta(seconds=seconds) if seconds else None


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
                raise _TooFast(dict(response.headers or {}))
            return response

    def make(sid: str, token: str, base_url: str, timeout_seconds: float) -> Any:
        return Client(sid, token, http_client=_Http(base_url, timeout_seconds))

    return make


def undeliverable(error: Exception) -> Undeliverable:
    """What a failed request means for the message: retry, never again, or nobody knows."""
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException

    if isinstance(error, _TooFast):
        return Undeliverable(WORDS["20429"], retry=True, code="20429", retry_after=error.retry_after)
    if isinstance(error, TwilioRestException | TwilioServiceException):
        code = str(error.code or "")
        if error.status < 500:
            return Undeliverable(words(code) or str(error), code=code, opted_out=code == "21610")
        return Undeliverable(
            f"Twilio answered {error.status}; it may have taken the message.", ambiguous=True, code=code
        )
    if _never_connected(error):
        return Undeliverable("Twilio cannot be reached.", retry=True, code="unreachable")
    return Undeliverable("Twilio did not answer; it may have taken the message.", ambiguous=True)


def _never_connected(error: BaseException) -> bool:
    import aiohttp

    return isinstance(error, aiohttp.ClientConnectorError)
