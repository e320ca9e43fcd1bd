"""Letters are read off the event loop: small ones in a thread, large ones in a process of their own, within a time."""

import asyncio
import contextlib
import pickle
import sys

from channels._email_letter import Letter, read_letter
from channels._email_mime import Unreadable
from hub.channel import Refused

IN_A_THREAD_UP_TO = 100_000
WITHIN_SECONDS = 60.0
_AT_ONCE = 2


class Reader:
    """Reads letters. A large one holds neither the interpreter of live calls nor, if it is evil, us for ever."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def read(self, content_type: str, body: bytes) -> Letter:
        """Raises `Refused` when no letter can be made out of it."""
        try:
            if len(body) <= IN_A_THREAD_UP_TO:
                return await asyncio.to_thread(read_letter, content_type, body)
            async with self._slots:
                return await _in_a_process(content_type, body)
        except Unreadable as error:
            raise Refused(str(error), 400) from None


async def _in_a_process(content_type: str, body: bytes) -> Letter:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "channels._email_reader",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
    )  # fmt: skip
    try:
        given = content_type.encode("utf-8", "replace").replace(b"\n", b" ") + b"\n" + body
        told, _ = await asyncio.wait_for(child.communicate(given), WITHIN_SECONDS)
    except TimeoutError:
        raise Unreadable(f"It could not be read within {WITHIN_SECONDS:.0f} seconds.") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            if child.returncode is None:
                child.kill()
                await child.wait()
    if child.returncode != 0:
        raise Unreadable("The process that read it broke down.")
    made = pickle.loads(told)  # noqa: S301 - from our own process
    if isinstance(made, Letter):
        return made
    raise Unreadable(str(made))


def main() -> None:
    """In the process: the letter from standard input, what was made of it to standard output."""
    content_type = sys.stdin.buffer.readline().decode("utf-8", "replace").rstrip("\n")
    made: Letter | str
    try:
        made = read_letter(content_type, sys.stdin.buffer.read())
    except Refused as error:
        made = error.reason
    except Unreadable as error:
        made = str(error)
    pickle.dump(made, sys.stdout.buffer)


if __name__ == "__main__":
    # Under the name by which the other side knows the classes.
    from channels._email_reader import main as run

    run()
