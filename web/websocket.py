"""A WebSocket directly over ASGI, for frames that come fifty times a second."""

from typing import Any

from litestar import WebSocket
from litestar.types import Receive, Scope, Send


class Handshake(WebSocket[Any, Any, Any]):
    """A connection that remembers the server's own two functions: `server` has no layer of the framework's."""

    __slots__ = ("server",)

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self.server = (receive, send)


class DoorSocket:
    """The `Socket` of the contract, directly over ASGI: https://asgi.readthedocs.io/en/latest/specs/www.html#websocket

    `deaf`: they take nothing more. What they sent before they went may still be there to be received; when `gone`,
    nothing is.
    """

    __slots__ = ("_receive", "_send", "accepted", "deaf", "gone")

    def __init__(self, receive: Receive, send: Send) -> None:
        self.accepted = self.deaf = self.gone = False
        self.lead_to(receive, send)

    def lead_to(self, receive: Any, send: Any) -> None:
        """Use these two functions of the same connection from now on."""
        self._receive, self._send = receive, send

    async def accept(self) -> None:
        if not self.accepted:
            self.accepted = True
            await self._receive()
            await self._tell({"type": "websocket.accept", "subprotocol": None, "headers": []})

    async def receive(self) -> str | bytes | None:
        if self.gone:
            return None
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self.gone = True
            return None
        given: str | bytes | None = message.get("text")
        return message.get("bytes") if given is None else given

    async def send(self, data: str | bytes) -> None:
        if not (self.gone or self.deaf):
            kind = "text" if isinstance(data, str) else "bytes"
            await self._tell({"type": "websocket.send", kind: data})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it. Before it is accepted, this answers the handshake with 403."""
        if not (self.gone or self.deaf):
            await self._tell({"type": "websocket.close", "code": code, "reason": reason})
        self.gone = True

    async def _tell(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except Exception:  # each server has its own way to say that nobody is there any more
            self.deaf = True
