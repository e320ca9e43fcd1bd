"""The open internet as we see it: a table of addresses, and connections to no others."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable

import httpcore
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

MOST_CONNECTIONS, MOST_IDLE_CONNECTIONS, IDLE_CONNECTION_SECONDS = 1_000, 200, 60.0

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Forbidden(Exception):
    """The address is not on the open internet, or the URL is none we follow."""


def allowed(address: str, *, allow_private: bool = False) -> bool:
    """Whether an address, as a resolver gives it, may be connected to."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if any(ip in network for network in PRIVATE if network.version == ip.version):
        return allow_private
    return not any(ip in network for network in FORBIDDEN if network.version == ip.version)


async def resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Checked(httpcore.AsyncNetworkBackend):
    """Resolves a name once, checks every address, connects to a checked one; TLS and `Host` are the name's.

    The pool above tells connections apart by name, so one that is used again leads where it was checked to lead.
    """

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve, self._allow_private = resolve, allow_private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None,  # noqa: ASYNC109 - the pool's own signature
        local_address: str | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        addresses = await self.checked(host, port)
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses[:3]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError(f"{host} has no address.")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None,  # noqa: ASYNC109 - the pool's own signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        raise Forbidden("Sockets of this machine are not connected to.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def checked(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them allowed. Raises `Forbidden`, or `ConnectError` where there is none."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"There is no host {host}.") from error
        bad = next((a for a in addresses if not allowed(a, allow_private=self._allow_private)), None)
        if bad:
            raise Forbidden(f"{host} leads to {bad}, which is not a public address.")
        return addresses


def transport(network: Checked) -> httpx.AsyncHTTPTransport:
    """A transport that connects by way of the check; httpx has no argument for that."""
    made = httpx.AsyncHTTPTransport(trust_env=False)
    if not hasattr(made, "_pool"):
        raise RuntimeError("httpx keeps its connections elsewhere now; requests would go out unchecked.")
    made._pool = httpcore.AsyncConnectionPool(
        ssl_context=httpx.create_ssl_context(trust_env=False),
        max_connections=MOST_CONNECTIONS,
        max_keepalive_connections=MOST_IDLE_CONNECTIONS,
        keepalive_expiry=IDLE_CONNECTION_SECONDS,
        network_backend=network,
    )
    return made
