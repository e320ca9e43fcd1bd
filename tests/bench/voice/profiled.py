"""Where a process's time goes, by py-spy if it is there."""

import contextlib
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

RATE = 200
SHOWN = 45


@contextlib.contextmanager
def profiled(pid: int, name: str, calls: int, seconds: float) -> Iterator[None]:
    """Sample the process while the calls are at their full number; `name` empty: do not."""
    spy = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    if not name:
        yield
        return
    if not Path(spy).exists():
        print("py-spy is not there, so there is no profile.")
        yield
        return
    file = Path(f"{name}.txt")
    command = [
        spy,
        "record",
        "-p",
        str(pid),
        "-r",
        str(RATE),
        "--nonblocking",
        "--gil",
        "--threads",
        "-f",
        "raw",
        "-o",
        str(file),
        "-d",
        str(round(seconds)),
    ]
    waiting = ["sh", "-c", f'sleep {calls / 5 + 8}; exec "$@"', "-", *command]
    recording = subprocess.Popen(waiting, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield
    recording.wait(60)
    print(summed(file.read_text()))


def _name(frame: str) -> str:
    """A function without the line in it."""
    return frame.rpartition(":")[0] + ")" if frame.endswith(")") and ":" in frame else frame


def summed(stacks: str) -> str:
    """The functions that take the most, with all they call and by themselves."""
    whole, own, total = Counter[str](), Counter[str](), 0
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        names = [_name(frame) for frame in stack.split(";")]
        total += int(count)
        own[names[-1]] += int(count)
        for name in set(names):
            whole[name] += int(count)
    lines = [f"{total} samples", "with all they call:"]
    lines += [f"  {count / total:6.1%}  {name}" for name, count in whole.most_common(SHOWN)]
    lines += ["by themselves:"]
    lines += [f"  {count / total:6.1%}  {name}" for name, count in own.most_common(SHOWN)]
    return "\n".join(lines)
