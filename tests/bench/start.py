"""How soon the demo shows its first page, and the command its help. Run it with `make bench-start`."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

RUNS = 5
HUB = str(Path(sys.executable).with_name("hub"))


def first_page(folder: str) -> float:
    """Seconds from starting `hub demo` to the first page's last byte."""
    began = time.perf_counter()
    command = [HUB, "demo", "--port", "0", "--data-dir", folder, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        asked = urllib.request.Request(ready["url"] + "/", headers={"accept": "text/html"})
        with urllib.request.urlopen(asked) as page:
            page.read()
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(20)


def help_shown() -> float:
    began = time.perf_counter()
    subprocess.run([HUB, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        empty = [first_page(f"{folder}/{run}") for run in range(RUNS)]
        again = [first_page(f"{folder}/0") for _ in range(RUNS)]
    report = {
        "first_page_with_an_empty_folder_s": {
            "median": round(statistics.median(empty), 2),
            "max": round(max(empty), 2),
        },
        "first_page_again_s": {"median": round(statistics.median(again), 2), "max": round(max(again), 2)},
        "help_s": round(statistics.median(help_shown() for _ in range(RUNS)), 3),
    }
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
