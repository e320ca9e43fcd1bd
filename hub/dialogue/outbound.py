"""Requests to addresses that others gave us: only to the open internet, to the address that was checked."""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

_V4 = (
    "0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip
_V6 = (
    "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fe80::/10", "fec0::/10", "ff00::/8",
)  # fmt: skip
_PRIVATE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORBIDDEN: tuple[Network, ...] = tuple(ipaddress.ip_network(block) for block in (*_V4, *_V6))
"""Never reached: https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sister."""
PRIVATE: tuple[Network, ...] = tuple(ipaddress.ip_network(block) for block in _PRIVATE)
"""Reached only where `allow_private` is set."""

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Forbidden(Exception):
    """The address is not on the open internet, or the URL is none we follow."""


class Failed(Exception):
    """No usable answer: not reachable, too slow, too large. The text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError`."""
        return json.loads(self.body)


def allowed(address: str, *, allow_private: bool = False) -> bool:
    """Whether an address, as a resolver gives it, may be connected to."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if any(ip in network for network in PRIVATE if network.version == ip.version):
        return allow_private
    return not any(ip in network for network in FORBIDDEN if network.version == ip.version)


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Pinned(httpx.AsyncBaseTransport):
    """Resolves once, checks every address, connects to it; Host and certificate are the name's."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve, self._allow_private = resolve, allow_private
        # Idle connections are not kept: the pool would tell them apart by address, not by name.
        self._inner = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=0), trust_env=False
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, host = request.url, request.url.host
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._checked(host, port)
        last: httpx.ConnectError | httpx.ConnectTimeout | None = None
        for address in addresses[:3]:
            pinned = httpx.Request(
                request.method, url.copy_with(host=address), headers=request.headers, stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )  # fmt: skip
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                last = error
        raise last or httpx.ConnectError(f"{host} has no address.")

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"There is no host {host}.") from error
        bad = next((a for a in addresses if not allowed(a, allow_private=self._allow_private)), None)
        if bad:
            raise Forbidden(f"{host} leads to {bad}, which is not a public address.")
        return addresses

    async def aclose(self) -> None:
        await self._inner.aclose()


class Outside:
    """Makes requests under the rules: http(s), checked addresses, no redirects, bounded time and size."""

    def __init__(self, *, allow_private: bool = False, resolve: Resolve = _resolve) -> None:
        self._allow_private, self._resolve = allow_private, resolve
        self._client: httpx.AsyncClient | None = None

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
            raise Failed(f"No answer within {timeout:g} seconds.") from error
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
        response = await self._opened().send(request, stream=True)
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

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            transport = _Pinned(self._resolve, allow_private=self._allow_private)
            self._client = httpx.AsyncClient(
                transport=transport,
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
