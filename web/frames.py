"""The server's WebSockets, for the many small messages of a call: one that came whole is not taken apart in steps.

What the library does for any WebSocket (fragments, compression, pings, closing, faults) is left to it; a text of up to
64 KB that has come whole takes the short way. https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

MOST_WAITING = 64
"""Messages that nobody has taken yet; while there are more, nothing more is read."""
_WHOLE_TEXT, _MASKED, _LONG = 0x81, 0x80, 126


class Frames(WebSocketsSansIOProtocol):
    """Named to uvicorn as its `ws`."""

    def data_received(self, data: bytes) -> None:
        conn = self.conn
        at = 0
        if self.handshake_complete and not conn.reader.buffer and conn.current_size is None and conn.state is OPEN:
            at = self._texts(data)
        if at < len(data):
            super().data_received(data[at:] if at else data)

    def _texts(self, data: bytes) -> int:
        """Take the whole texts that these bytes begin with; where they end."""
        at, have = 0, len(data)
        while at + 6 <= have and data[at] == _WHOLE_TEXT and data[at + 1] >= _MASKED and not self.close_sent:
            size, begin = data[at + 1] - _MASKED, at + 6
            if size == _LONG and have >= at + 8:
                size, begin = data[at + 2] << 8 | data[at + 3], at + 8
            elif size >= _LONG:
                break
            end = begin + size
            if end > have or size > self.config.ws_max_size:
                break
            try:
                text = apply_mask(data[begin:end], data[begin - 4 : begin]).decode()
            except UnicodeDecodeError:
                break
            self._told({"type": "websocket.receive", "text": text})
            at = end
        return at

    def send_receive_event_to_app(self) -> None:
        """Unlike the library, which stops reading at every message."""
        paused, self.read_paused = self.read_paused, True
        super().send_receive_event_to_app()
        self.read_paused = paused
        self._pause()

    def _told(self, message: Any) -> None:
        self.queue.put_nowait(message)
        self._pause()

    def _pause(self) -> None:
        if not self.read_paused and self.queue.qsize() >= MOST_WAITING:
            self.read_paused = True
            self.transport.pause_reading()
