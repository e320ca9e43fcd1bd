"""The moments in which all calls are looked after: one waking up of the process for all of them."""

import asyncio


async def next_moment(every_seconds: float) -> None:
    """Wait for the next one that is at least half of this away."""
    left = every_seconds - asyncio.get_running_loop().time() % every_seconds
    await asyncio.sleep(left if left > every_seconds / 2 else left + every_seconds)
