"""A WebSocket client that costs next to nothing, and a clock that gives every call its turn each 20 ms."""

import array
import asyncio
import base64
import os
import struct
from collections.abc import Callable
from time import monotonic

_HEAD = struct.Struct(">BBHI")
SLOTS = 20


class Socket(asyncio.Protocol):
    """Text frames both ways. Its own are masked with zeros, which is a mask that changes nothing.

    `taken` gets each text with the time it came at; `lost` is called when the other side closes.
    """

    def __init__(self, host: str, path: str, headers: dict[str, str], taken: Callable[[bytes, float], None]) -> None:
        self._taken, self._held = taken, b""
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"]
        self._request = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "\r\n"]).encode()
        loop = asyncio.get_running_loop()
        self.open: asyncio.Future[str] = loop.create_future()
        self.closed = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(self._request)

    def send(self, text: bytes) -> None:
        """At most 65,535 bytes."""
        if not self.closed:
            size = len(text)
            if size < 126:
                self._transport.write(struct.pack(">BBI", 0x81, 0x80 | size, 0) + text)
            else:
                self._transport.write(_HEAD.pack(0x81, 0xFE, size, 0) + text)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._transport.write(struct.pack(">BBIH", 0x88, 0x82, 0, 1000))

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        if self._held:
            data = self._held + data
        at = 0
        if not self.open.done():
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._held = data
                return
            self.open.set_result(data[: data.find(b"\r\n")].decode())
            at = end + 4
        while (frame := _frame(data, at)) is not None:
            opcode, begin, at = frame
            if opcode == 1:
                self._taken(data[begin:at], now)
            elif opcode == 9:
                self._transport.write(struct.pack(">BBI", 0x8A, 0x80 | (at - begin), 0) + data[begin:at])
            elif opcode == 8:
                self.closed = True
                self._transport.close()
        self._held = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self.open.done():
            self.open.set_exception(ConnectionError("The server closed the connection."))


def _frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """A whole frame's opcode, and where its payload begins and ends."""
    have = len(data) - at
    if have < 2:
        return None
    size, begin = data[at + 1] & 127, at + 2
    if size == 126:
        if have < 4:
            return None
        size, begin = data[at + 2] << 8 | data[at + 3], at + 4
    elif size == 127:
        if have < 10:
            return None
        size, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
    end = begin + size
    return (data[at] & 15, begin, end) if end <= len(data) else None


async def connected(
    host: str, port: int, path: str, headers: dict[str, str], taken: Callable[[bytes, float], None]
) -> Socket:
    """Raises `ConnectionError` unless the server opens a WebSocket."""
    socket = Socket(f"{host}:{port}", path, headers, taken)
    await asyncio.get_running_loop().create_connection(lambda: socket, host, port)
    status = await socket.open
    if " 101 " not in status:
        raise ConnectionError(status)
    return socket


class Pacer:
    """Calls each of its members every 20 ms, a slot of a millisecond after the other. `late` has seconds.

    `awake_at` is when it last went through its slots: what this process takes up now was not there before that.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._slots: list[list[Callable[[float], None]]] = [[] for _ in range(SLOTS)]
        self._begin, self._number = monotonic(), 0
        self._members = 0
        self._timer: asyncio.TimerHandle | None = None
        self.awake_at = self._begin
        self.late = array.array("f")

    def start(self) -> None:
        self._begin, self._number = monotonic(), 0
        self._tick()

    def add(self, member: Callable[[float], None]) -> None:
        """Neighbours come far from each other."""
        self._slots[self._members * 7 % SLOTS].append(member)
        self._members += 1

    def remove(self, member: Callable[[float], None]) -> None:
        for slot in self._slots:
            if member in slot:
                slot.remove(member)

    def _tick(self) -> None:
        due = self._begin + self._number * 0.001
        while (now := monotonic()) >= due:
            slot = self._slots[self._number % SLOTS]
            if slot:
                self.late.append(now - due)
                for member in slot:
                    member(monotonic())
            self._number += 1
            due = self._begin + self._number * 0.001
        self.awake_at = now
        self._timer = self._loop.call_later(due - now, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
