"""Requests to addresses that others gave us: only to the open internet, to the address that was checked."""

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx

from hub.dialogue.reachable import Checked, Forbidden, Resolve, allowed, resolve, transport

__all__ = ["Answer", "Failed", "Forbidden", "NotConnected", "Outside", "Slow", "Stream", "allowed"]


class Failed(Exception):
    """No usable answer: not reachable, too slow, too large. The text says which."""


class Slow(Failed):
    """It did not come in time."""


class NotConnected(Failed):
    """Nobody is there: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError`."""
        return json.loads(self.body)


class Stream:
    """An answer that is read as it comes. `headers` have lower-case names.

    What it raises is `Failed`: nothing came in time, a line or the whole is too large, the connection broke.
    """

    def __init__(self, response: httpx.Response, limit: int, longest_line: int) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._chunks, self._limit, self._longest = response.aiter_raw(), limit, longest_line
        self._held, self._size, self._ended = b"", 0, False

    async def line(self, timeout: float) -> bytes | None:  # noqa: ASYNC109 - one limit for all that a line takes
        """The next line, without its end, within so many seconds; None after the last."""
        deadline = asyncio.get_running_loop().time() + timeout
        searched = 0
        while (at := self._held.find(b"\n", searched)) < 0 and not self._ended:
            if len(self._held) > self._longest:
                break
            searched = len(self._held)
            await self._more(deadline, timeout)
        if (at if at >= 0 else len(self._held)) > self._longest:
            raise Failed(f"A line of the answer is longer than {self._longest:,} bytes.")
        if at < 0:
            rest, self._held = self._held, b""
            return rest or None
        line, self._held = self._held[:at], self._held[at + 1 :]
        return line

    async def rest(self, timeout: float) -> bytes:  # noqa: ASYNC109 - one limit for all that is left
        """All that has not been read, within so many seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not self._ended:
            await self._more(deadline, timeout)
        rest, self._held = self._held, b""
        return rest

    async def _more(self, deadline: float, timeout: float) -> None:  # noqa: ASYNC109 - for the words
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(self._chunks, None)
        except TimeoutError as error:
            raise Slow(f"Nothing more came within {timeout:g} seconds.") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Failed(f"The answer broke off: {str(error) or type(error).__name__}") from error
        if chunk is None:
            self._ended = True
            return
        self._size += len(chunk)
        if self._size > self._limit:
            raise Failed(f"The answer is larger than {self._limit:,} bytes.")
        self._held += chunk


class Outside:
    """Makes requests under the rules: http(s), checked addresses, no redirects, bounded time and size.

    Connections are used again. One that the other side closed just then is made anew, once, for requests that may be
    repeated: those that only read, and those with an `Idempotency-Key`.
    """

    def __init__(self, *, allow_private: bool = False, resolve: Resolve = resolve) -> None:
        self.allow_private = allow_private
        self._network = Checked(resolve, allow_private=allow_private)
        self._client: httpx.AsyncClient | None = None

    def may_lead_to(self, url: str) -> None:
        """As far as it can be told without asking for its addresses. Raises `Forbidden`."""
        host = _target(url).host
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        if not allowed(host, allow_private=self.allow_private):
            raise Forbidden(f"{host} is not a public address.")

    async def check(self, url: str) -> None:
        """Whether a client that connects by itself may be given this URL. Raises `Forbidden`.

        It must be https unless private addresses are allowed: a name that leads elsewhere a moment later then leads to
        nobody who can answer for it.
        """
        target = _target(url)
        if target.scheme != "https" and not self.allow_private:
            raise Forbidden("It must begin with https://.")
        with contextlib.suppress(httpcore.ConnectError):  # nobody is there now; who connects will say so
            await self._network.checked(target.host, target.port or 443)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109 - one limit for the whole exchange
        limit: int = 1_000_000,
        enough: Callable[[bytes], bool] | None = None,
    ) -> Answer:
        """The answer to a request with `body` as JSON or `content` as it is; a redirect is an answer too.

        Of a body that may go on for ever, no more is read than is `enough`.
        Raises `Forbidden` for an address we do not go to and `Failed` when there is no whole answer of at
        most `limit` bytes within `timeout` seconds.
        """
        target = _target(url)
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(method, target, headers, params, body, content, limit, enough)
        except TimeoutError as error:
            raise Slow(f"No answer within {timeout:g} seconds.") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Failed(f"Not reachable: {str(error) or type(error).__name__}") from error

    async def _exchange(
        self, method: str, url: httpx.URL, headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None, body: Any, content: bytes | None, limit: int,
        enough: Callable[[bytes], bool] | None,
    ) -> Answer:  # fmt: skip
        request = self._opened().build_request(
            method, url, headers=dict(headers or {}), params=dict(params) if params else None,
            content=content,
            **({"json": body} if body is not None else {}),
        )  # fmt: skip
        response = await self._send(request)
        try:
            received = bytearray()
            async for chunk in response.aiter_bytes(65_536 if enough is None else None):
                received += chunk
                if len(received) > limit:
                    raise Failed(f"The answer is larger than {limit:,} bytes.")
                if enough is not None and enough(bytes(received)):
                    break
            return Answer(response.status_code, bytes(received), {k.lower(): v for k, v in response.headers.items()})
        finally:
            await response.aclose()

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109 - until the answer begins
        limit: int = 1_000_000, longest_line: int = 64_000,
    ) -> AsyncIterator[Stream]:  # fmt: skip
        """The answer as it comes, once its head is there; leaving early ends the connection.

        Raises `Forbidden` as above, `NotConnected` when nothing was sent because nobody is there, and `Failed`.
        """
        target = _target(url)
        try:
            async with asyncio.timeout(timeout):
                given = {"accept-encoding": "identity", **dict(headers or {})}
                response = await self._send(
                    self._opened().build_request(method, target, headers=given, content=content)
                )
        except TimeoutError as error:
            raise Slow(f"No answer within {timeout:g} seconds.") from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotConnected(f"Not reachable: {str(error) or type(error).__name__}") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Failed(f"Not reachable: {str(error) or type(error).__name__}") from error
        try:
            yield Stream(response, limit, longest_line)
        finally:
            await response.aclose()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Send it; once more if a connection that was used again turns out to be closed before any answer."""
        opened: list[str] = []

        async def trace(event: str, _: Mapping[str, Any]) -> None:
            if event.startswith("connection.connect_tcp"):
                opened.append(event)

        request.extensions["trace"] = trace
        repeatable = request.method in ("GET", "HEAD") or "idempotency-key" in request.headers
        try:
            return await self._opened().send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if opened or not repeatable:
                raise
        return await self._opened().send(request, stream=True)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=transport(self._network),
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # noqa: S113 - see request
            )
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _target(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
        raise Forbidden(f"{url[:200]!r} is not a URL.") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise Forbidden(f"{url[:200]!r} is not an http or https URL.")
    if target.userinfo:
        raise Forbidden("A URL with a password in it is not followed.")
    return target
