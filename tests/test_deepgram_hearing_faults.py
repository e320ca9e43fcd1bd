"""Whatever Deepgram's live connections do wrong: they fail soon and say why, or are survived, and leave nothing."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import pytest

from fixtures.sandbox.deepgram.faults import FAULTS
from hub.engine import Account, EngineFailed
from hub.engines.deepgram_flux import Flux
from hub.engines.deepgram_live import HEARTBEAT_SECONDS, OPEN_SECONDS
from hub.engines.deepgram_nova import Nova
from hub.voice.speech import MULAW_8K, EndOfTurn, Hints, Words
from tests.deepgram_world import TEXT, listening, orders, quiet
from tests.engines_world import Vendors, tasks, vendors
from tests.fakes import until

pytestmark = pytest.mark.anyio

AT_THE_DOOR = {
    "unauthorized": ("refused", "401"), "unpaid": ("refused", "402"), "forbidden": ("refused", "403"),
    "too_many": ("busy", "429"), "server_error": ("broken", "500"), "refuses": ("broken", "cannot be reached"),
    "hangs": ("slow", "did not connect within 1.8 s"),
}  # fmt: skip
"""Connecting fails: the kind of failure, and what the administrator reads of it."""

IN_THE_MIDDLE = {
    "close_1000": ("broken", "ended the connection .1000"), "close_1008": ("invalid", "1008: DATA-0000"),
    "close_1011": ("broken", "1011: NET-0000"), "resets": ("broken", "1006"),
    "half_open": ("slow", "does not answer any more"), "garbage": ("garbage", "no message"),
    "shapeless": ("garbage", "say.? nothing"), "binary": ("garbage", "bytes where words belong"),
    "wrong_format": ("invalid", "DATA-0000: The payload cannot be decoded"),
    "error_then_close": ("broken", "INTERNAL_SERVER_ERROR"),
}  # fmt: skip
"""Listening fails."""

SURVIVED = {
    "unknown": [TEXT], "backwards": [TEXT], "doubled": [TEXT], "deaf_to_finalize": [TEXT], "late": [TEXT],
    "never_final": [], "no_speech_final": [TEXT], "empty": [], "mute": [],
}  # fmt: skip
"""Nothing breaks: these words settle, if any; the call goes on by its own sense of quiet, and takes other ears."""

NOT_OF_FLUX = ("mute", "no_speech_final")
"""It owes a message for every quarter of a second; and its words settle only with the turn."""

NOVA, FLUX = Nova(), Flux()
ENGINES = pytest.mark.parametrize("engine", [NOVA, FLUX], ids=["nova", "flux"])


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[Vendors]:
    async with vendors() as made:
        yield made


def test_every_fault_of_listening_is_tried() -> None:
    of_speaking = {name for name, words in FAULTS.items() if words.startswith("speak:")}
    assert set(FAULTS) - of_speaking == {*AT_THE_DOOR, *IN_THE_MIDDLE, *SURVIVED}


@ENGINES
@pytest.mark.parametrize("fault", AT_THE_DOOR)
async def test_a_connection_that_is_not_made_says_why(world: Vendors, engine: Nova | Flux, fault: str) -> None:
    await world.misbehaves("deepgram", fault, stage="listen")
    kind, words = AT_THE_DOOR[fault]
    time, before = asyncio.get_running_loop().time, tasks()
    began = time()
    with pytest.raises(EngineFailed, match=words) as caught:
        await engine.open(MULAW_8K, Hints(), {}, world.account("/deepgram"))
    assert caught.value.fault == kind
    assert time() - began < OPEN_SECONDS + 0.3
    await until(lambda: tasks() <= before)


@ENGINES
async def test_nobody_at_the_address(engine: Nova | Flux) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(EngineFailed, match="cannot be reached") as caught:
        await engine.open(MULAW_8K, Hints(), {}, Account("key", f"http://127.0.0.1:{port}/deepgram"))
    assert caught.value.fault == "broken"


@ENGINES
@pytest.mark.parametrize("fault", IN_THE_MIDDLE)
async def test_a_connection_that_breaks_says_why_soon(world: Vendors, engine: Nova | Flux, fault: str) -> None:
    await world.misbehaves("deepgram", fault, stage="listen")
    kind, words = IN_THE_MIDDLE[fault]
    async with listening(world, engine, key="sandbox") as person:
        began = asyncio.get_running_loop().time()
        await person.says(TEXT, quiet_ms=800)
        while person.failure is None and asyncio.get_running_loop().time() < began + 6:
            await person.feed(quiet(MULAW_8K, 100))
        assert person.failure is not None
        with pytest.raises(EngineFailed, match=words):
            raise person.failure
        assert person.failure.fault == kind
        assert person.ended_at - began < 1.5 * HEARTBEAT_SECONDS + 1.5
        assert person.finals == []


@pytest.mark.parametrize(
    ("engine", "fault"),
    [*((NOVA, fault) for fault in SURVIVED), *((FLUX, fault) for fault in SURVIVED if fault not in NOT_OF_FLUX)],
)
async def test_what_can_be_survived_is_survived(world: Vendors, engine: Nova | Flux, fault: str) -> None:
    await world.misbehaves("deepgram", fault, stage="listen", delay_ms=600)
    async with listening(world, engine, key="sandbox") as person:
        await person.says(TEXT, quiet_ms=1_500)
        if SURVIVED[fault]:
            await person.gets(Words, final=True)
        await person.feed(quiet(MULAW_8K, 1_000))
        assert person.failure is None
        assert person.finals == SURVIVED[fault]
        assert person.heard.count(EndOfTurn()) == (0 if fault == "no_speech_final" else len(SURVIVED[fault]))


async def test_flux_that_says_nothing_at_all_has_failed(world: Vendors) -> None:
    await world.misbehaves("deepgram", "mute", stage="listen")
    async with listening(world, FLUX, key="sandbox") as person:
        await until(lambda: person.failure is not None, 5)
        assert person.failure is not None
        assert (person.failure.fault, str(person.failure)) == ("slow", "Deepgram has said nothing for 3 s of sound.")


async def test_nova_that_never_settles_its_words_is_urged_and_then_has_failed(world: Vendors) -> None:
    await world.misbehaves("deepgram", "never_final", stage="listen")
    async with listening(world, NOVA, key="sandbox") as person:
        await person.says(TEXT, quiet_ms=5_000)
        await until(lambda: person.failure is not None)
        assert "Finalize" in await orders(world)
        words = "Deepgram does not settle words 4 s after they were said."
        assert person.failure is not None
        assert (person.failure.fault, str(person.failure)) == ("slow", words)


@ENGINES
async def test_sound_that_is_not_taken_fails_in_time_and_does_not_pile_up(world: Vendors, engine: Nova | Flux) -> None:
    async with listening(world, engine, key="sandbox") as person:
        for _ in range(3_600):  # an hour at once: more than any connection takes
            person.ears.feed(quiet(MULAW_8K, 1_000))
        await until(lambda: person.failure is not None)
        assert person.failure is not None
        assert (person.failure.fault, str(person.failure)) == ("slow", "Deepgram takes no more sound: 10 s of it wait.")


@ENGINES
async def test_each_failure_costs_one_connection(world: Vendors, engine: Nova | Flux) -> None:
    """Who tries again is the call, not the engine."""
    await world.misbehaves("deepgram", "server_error", stage="listen")
    with pytest.raises(EngineFailed):
        await engine.open(MULAW_8K, Hints(), {}, world.account("/deepgram"))
    assert len(await world.asked("deepgram", "listen")) == 1


@ENGINES
async def test_who_has_no_time_to_take_leave_leaves_nothing_open(world: Vendors, engine: Nova | Flux) -> None:
    before = tasks()
    for steps in range(1, 9):  # stopped a little later each time
        ears = await engine.open(MULAW_8K, Hints(), {}, world.account("/deepgram"))
        leaving = asyncio.create_task(ears.close())
        for _ in range(steps):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        del ears
    gc.collect()  # what is open would warn, and warnings are errors
    await until(lambda: tasks() <= before)
