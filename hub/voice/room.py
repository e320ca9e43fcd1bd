"""More than two parties on a call: operators who listen, and the one of them who speaks with the customer."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hub.channel import Line, Pressed
from hub.engine import EngineFailed
from hub.voice.codecs import Converter
from hub.voice.hearing import CustomerTurn, Hearing, OpenEars
from hub.voice.ledger import Ledger
from hub.voice.speech import Format

PACE_SECONDS = 0.04
LATEST_SECONDS = 0.4
"""An operator's sound that would come later than this is left out, so that talking stays talking."""

CUSTOMER, OTHERS = "customer", "others"


@dataclass(slots=True)
class Guest:
    """An operator's browser in the call. `speaks` while they have taken it over."""

    operator_id: str
    name: str
    line: Line
    speaks: bool = False
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)


class Room:
    """The operators on one call. Everybody hears everybody else; one of them may speak with the customer."""

    def __init__(
        self,
        line: Line,
        ledger: Ledger,
        record: Callable[[], None],
        open_ears: Callable[[Format], Awaitable[OpenEars]],
        said: Callable[[str, CustomerTurn], None],
        hearing: Callable[[Format, "OperatorTurns"], Hearing],
    ) -> None:
        from hub.voice.mixer import Mixer

        self._line, self._ledger, self._record = line, ledger, record
        self._open_ears, self._said, self._hearing = open_ears, said, hearing
        self.format = Format("pcm16", 16_000 if line.rate >= 16_000 else 8_000)
        self._ours = Format(line.codec, line.rate)
        self._mixer = Mixer(self.format)
        self._from_customer = Converter(self._ours, self.format)
        self._from_us = Converter(self._ours, self.format)
        self._guests_own: deque[tuple[int, int]] = deque()
        self._quiet = b"\xff" if line.codec == "mulaw" else b"\0"
        self.guests: dict[str, Guest] = {}
        self._numbers = 0

    # what the loop tells

    def customer(self, audio: bytes) -> None:
        """The customer says this."""
        self._mixer.put(CUSTOMER, self._from_customer.convert(audio))

    def others(self, audio: bytes) -> None:
        """The customer heard this of us; what guests said themselves they all have heard, but for who said it."""
        end = self._ledger.taken
        self._mixer.put(OTHERS, self._from_us.convert(self._without_guests(audio, end - len(audio))))

    def _without_guests(self, audio: bytes, begin: int) -> bytes:
        end, left = begin + len(audio), bytearray(audio)
        while self._guests_own and self._guests_own[0][1] <= begin:
            self._guests_own.popleft()
        for said_from, said_to in self._guests_own:
            since, until = max(said_from, begin) - begin, min(said_to, end) - begin
            if since < until:
                left[since:until] = self._quiet * (until - since)
        return bytes(left)

    # operators

    def speaker(self, operator_id: str | None) -> None:
        """This operator speaks with the customer from now on, and nobody else does."""
        for guest in self.guests.values():
            guest.speaks = guest.operator_id == operator_id

    async def join(self, operator_id: str, name: str, line: Line, *, speaks: bool) -> None:
        """Be in the call until the operator goes."""
        self._numbers += 1
        key = f"{operator_id}:{self._numbers}"
        guest = Guest(operator_id, name, line, speaks)
        self.guests[key] = guest
        self._mixer.listen(key)
        hearing = asyncio.create_task(self._hear_out(key, guest))
        try:
            await self._talk(key, guest)
        finally:
            hearing.cancel()
            self.guests.pop(key, None)
            self._mixer.leave(key)
            await line.hangup()

    async def _hear_out(self, key: str, guest: Guest) -> None:
        """Give the operator the call as it sounds, at an even pace."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        to_them = Converter(self.format, Format(guest.line.codec, guest.line.rate))
        while True:
            due = max(due + PACE_SECONDS, loop.time() - 1)
            await asyncio.sleep(max(due - loop.time(), 0))
            self._record()
            await guest.line.play(to_them.convert(self._mixer.take(PACE_SECONDS * 1000, but=key)))

    async def _talk(self, key: str, guest: Guest) -> None:
        heard = Format(guest.line.codec, guest.line.rate)
        to_room, to_customer = Converter(heard, self.format), Converter(heard, self._ours)
        words = OperatorWords(self, guest, heard)
        try:
            async for sound in guest.line.audio():
                if isinstance(sound, Pressed) or not guest.speaks:
                    continue
                self._mixer.put(key, to_room.convert(sound.audio))
                await self._give(to_customer.convert(sound.audio))
                await words.hear(sound.audio)
        finally:
            await words.close()

    async def _give(self, audio: bytes) -> None:
        waiting = self._ledger.unplayed(self._line.played()) / self._ours.bytes_per_second
        if audio and waiting < LATEST_SECONDS:
            self._guests_own.append((self._ledger.given, self._ledger.given + len(audio)))
            self._ledger.give(audio)
            await self._line.play(audio)

    # what the operator's words need

    async def open_ears(self, format: Format) -> OpenEars:
        return await self._open_ears(format)

    def hearing(self, format: Format, turns: "OperatorTurns") -> Hearing:
        return self._hearing(format, turns)

    def said(self, operator_id: str, turn: CustomerTurn) -> None:
        self._said(operator_id, turn)


class OperatorTurns:
    """Listens to an operator as to a customer, and only takes down what they said."""

    def __init__(self, room: Room, operator_id: str) -> None:
        self._room, self._operator_id = room, operator_id

    def speech_goes_on(self, spoken_ms: float, text: str) -> None: ...

    def words(self, text: str, final: bool) -> None: ...

    def likely_over(self, text: str) -> None: ...

    def goes_on(self) -> None: ...

    def turn_over(self, turn: CustomerTurn) -> None:
        self._room.said(self._operator_id, turn)

    def not_understood(self, deaf: bool) -> None: ...

    def nothing(self) -> None: ...


class OperatorWords:
    """The transcript of what an operator says; ears are opened with their first sound, and are missed by nobody."""

    def __init__(self, room: Room, guest: Guest, format: Format) -> None:
        self._room, self._format = room, format
        self._hearing = room.hearing(format, OperatorTurns(room, guest.operator_id))
        self._opened: OpenEars | None = None
        self._task: asyncio.Task[None] | None = None

    async def hear(self, audio: bytes) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        self._hearing.feed(audio)

    async def _listen(self) -> None:
        try:
            self._opened = await self._room.open_ears(self._format)
            self._hearing.use(self._opened)
            async for heard in self._opened.ears.heard():
                self._hearing.take(heard)
        except EngineFailed:
            self._hearing.use(None)

    async def close(self) -> None:
        await self._hearing.hear_out()
        if self._task is not None:
            self._task.cancel()
        if self._opened is not None:
            await self._opened.close()
