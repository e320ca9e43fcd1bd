"""A provider's request as plain data."""

from typing import Any

from litestar.connection import ASGIConnection

from hub.channel import Hook


def hook_of(connection: ASGIConnection[Any, Any, Any, Any], method: str, body: bytes, public_url: str) -> Hook:
    """The request as the provider made it: public URL, raw path and query; of a socket, its `ws` spelling."""
    scope: Any = connection.scope
    raw_path = scope.get("raw_path") or scope["path"].encode()
    path = raw_path.partition(b"?")[0].decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    base = public_url or f"{scope['scheme']}://{connection.headers.get('host', '')}"
    if scope["type"] == "websocket" and base.startswith("http"):
        base = "ws" + base.removeprefix("http")
    headers = {name.lower(): value for name, value in connection.headers.items()}
    return Hook(method, base + path + (f"?{query}" if query else ""), headers, body)
