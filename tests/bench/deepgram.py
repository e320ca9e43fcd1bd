"""What Deepgram costs and what its faults cost: `python -m tests.bench.deepgram cpu`, `... faults`.

`cpu`: seconds of one core for a minute of a call, by the SDK's live client and by ours, against the same far end.
`faults`: every fault of the sandbox's Deepgram in a phone call, in batches; how long anybody waited for a sound.
"""

import argparse
import asyncio
import json
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.bench.text import percentile

FRAME, FRAME_SECONDS = b"\x7e" * 160, 0.02
CALLS, SECONDS = 10, 10.0
BATCH = 14
WORDS = ("i", "would", "like", "to", "book", "a", "cleaning", "on", "tuesday")
RESULT = json.dumps({
    "type": "Results", "channel_index": [0, 1], "duration": 1.2, "start": 3.4, "is_final": False,
    "speech_final": False, "from_finalize": False,
    "channel": {"alternatives": [{"transcript": " ".join(WORDS), "confidence": 0.98, "words": [
        {"word": word, "start": 0.1, "end": 0.2, "confidence": 0.99, "punctuated_word": word} for word in WORDS
    ]}]},
    "metadata": {"request_id": "0" * 36, "model_uuid": "0" * 36,
                 "model_info": {"name": "nova-3", "version": "2025-01-09.0", "arch": "nova-3"}},
})  # fmt: skip


async def far_end(port: int) -> None:
    """Takes sound, and sends a result for every sixth frame."""
    from websockets.asyncio.server import ServerConnection, serve

    async def answer(connection: ServerConnection) -> None:
        count = 0
        async for _ in connection:
            count += 1
            if count % 6 == 0:
                await connection.send(RESULT)

    async with serve(answer, "127.0.0.1", port, compression=None):
        await asyncio.get_running_loop().create_future()


async def paced(feed: Callable[[bytes], object], seconds: float) -> None:
    begun = time.monotonic()
    for number in range(int(seconds / FRAME_SECONDS)):
        feed(FRAME)
        await asyncio.sleep(max(begun + (number + 1) * FRAME_SECONDS - time.monotonic(), 0))


async def nothing(url: str, seconds: float) -> None:
    await paced(lambda frame: None, seconds)


async def by_the_sdk(url: str, seconds: float) -> None:
    from deepgram import AsyncDeepgramClient

    from hub.engine import Account
    from hub.engines.deepgram import environment

    client = AsyncDeepgramClient(api_key="key", environment=environment(Account("key", url)))
    asked = {"model": "nova-3", "encoding": "mulaw", "sample_rate": 8000, "interim_results": True}
    async with client.listen.v1.connect(**asked) as live:
        out: asyncio.Queue[bytes] = asyncio.Queue()

        async def send() -> None:
            while True:
                await live.send_media(await out.get())

        async def receive() -> None:
            async for _ in live:
                pass

        tasks = [asyncio.create_task(send()), asyncio.create_task(receive())]
        await paced(out.put_nowait, seconds)
        for task in tasks:
            task.cancel()


async def by_ours(url: str, seconds: float) -> None:
    from hub.engine import Account
    from hub.engines.deepgram_nova import Nova
    from hub.voice.speech import MULAW_8K, Hints

    ears = await Nova().open(MULAW_8K, Hints(), {}, Account("key", url))

    async def hear() -> None:
        async for _ in ears.heard():
            pass

    hearing = asyncio.create_task(hear())
    await paced(ears.feed, seconds)
    hearing.cancel()
    await ears.close()


async def cost(client: Callable[[str, float], Awaitable[None]], url: str) -> float:
    """CPU seconds per call-minute."""
    await client(url, 0.5)
    begun = time.process_time()
    await asyncio.gather(*(client(url, SECONDS) for _ in range(CALLS)))
    return (time.process_time() - begun) / (CALLS * SECONDS / 60)


async def cpu() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.deepgram", "far-end", str(port))
    try:
        await asyncio.sleep(2)
        idle = await cost(nothing, url)
        for name, client in (("the SDK's live client", by_the_sdk), ("ours", by_ours)):
            print(f"{name}: {await cost(client, url) - idle:.2f} s of CPU per call-minute", flush=True)
    finally:
        process.kill()
        await process.wait()


async def faults() -> None:
    from fixtures.sandbox.deepgram.faults import FAULTS
    from hub.migrations import upgrade
    from hub.store import normal_url
    from tests.deepgram_calls import Suffered, Trouble, all_of, calls
    from tests.fakes import FakeClock
    from tests.world import sandbox_process

    heard = [name for name, words in FAULTS.items() if not words.startswith("speak:")]
    refused = [name for name, words in FAULTS.items() if words.startswith("refuses with")]
    spoken = [*refused, *(name for name, words in FAULTS.items() if words.startswith("speak:"))]
    troubles = [Trouble(of, name, 4) for of in ("nova", "flux") for name in heard]
    troubles += [Trouble("aura", name, 5) for name in spoken]
    found: list[Suffered] = []
    with sandbox_process() as sandbox, tempfile.TemporaryDirectory() as folder:
        for at in range(0, len(troubles), BATCH):
            here = Path(folder) / str(at)
            here.mkdir()
            url = f"sqlite:///{here / 'hub.db'}"
            await asyncio.to_thread(upgrade, normal_url(url))
            async with calls(url, sandbox, FakeClock(), here, troubles[at : at + BATCH]) as phones:
                found += await all_of(phones, troubles[at : at + BATCH])
                await phones.quiet()
            for call in found[at:]:
                longest = max(wait.seconds for wait in call.silences)
                told = "; ".join(call.reasons) or "survived"
                print(f"{call.trouble.of} {call.trouble.fault}: {longest:.2f} s, {call.connections} requests, {told}"
                      f"{', UNHEARD ' + call.unheard if call.unheard else ''}", flush=True)  # fmt: skip
    waits = [wait.seconds for call in found for wait in call.silences]
    times = f"p50 {percentile(waits, 0.5):.2f}, p99 {percentile(waits, 0.99):.2f}, longest {max(waits):.2f} s"
    most = max(call.connections for call in found)
    print(f"{len(found)} calls, {len(waits)} waits for a sound: {times}; most requests of one call: {most}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cpu", "faults", "far-end"])
    parser.add_argument("port", type=int, nargs="?", default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # of the SDK's live client
    uvloop.run({"cpu": cpu, "faults": faults, "far-end": lambda: far_end(given.port)}[given.what]())


if __name__ == "__main__":
    main()
