"""How a media stream begins: https://www.twilio.com/docs/voice/media-streams/websocket-messages#start-message"""

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from hub.channel import Refused, Socket

MOST_CHARACTERS = 65_536
_T = TypeVar("_T")
_STREAM = re.compile(r"[A-Za-z]{2}[0-9A-Za-z]{1,62}")


@dataclass(frozen=True, slots=True)
class Start:
    """What a stream says of itself: the carrier's ids of call, stream and account, and the ticket it was given."""

    call: str
    stream: str
    account: str
    ticket: str


class _Format(msgspec.Struct, rename="camel"):
    encoding: str
    sample_rate: int
    channels: int


class _Details(msgspec.Struct, rename="camel"):
    stream_sid: str
    account_sid: str
    call_sid: str
    media_format: _Format
    custom_parameters: dict[str, str] = {}


class _First(msgspec.Struct):
    event: str


class _Second(msgspec.Struct):
    event: str
    start: _Details


async def started(socket: Socket) -> Start:
    """Read the first two frames. Raises `Refused` when they are not `connected` and a `start` that we understand."""
    connected = _read(await socket.receive(), _First)
    if connected.event != "connected":
        raise Refused("The stream's first message must be `connected`.", 400)
    second = _read(await socket.receive(), _Second)
    if second.event != "start":
        raise Refused("The stream's second message must be `start`.", 400)
    said = second.start
    if said.media_format != _Format("audio/x-mulaw", 8000, 1):
        raise Refused("The stream must be mu-law, 8000 samples a second, mono.", 415)
    if not _STREAM.fullmatch(said.stream_sid):
        raise Refused("The stream's id is none.", 400)
    return Start(said.call_sid, said.stream_sid, said.account_sid, said.custom_parameters.get("ticket", ""))


def _read(given: str | bytes | None, shape: type[_T]) -> _T:
    if given is None:
        raise Refused("The stream ended before it started.", 400)
    if len(given) > MOST_CHARACTERS:
        raise Refused(f"A message of a stream may have {MOST_CHARACTERS:,} characters.", 413)
    try:
        return msgspec.json.decode(given, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Refused("The stream's first messages are `connected` and `start`, in JSON.", 400) from None
