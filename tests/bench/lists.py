"""The inbox's list and thread with 100,000 interactions and 1,000,000 messages in SQLite: `make bench-lists`.

Times are of whole requests over loopback, so a little more than the server's own.
"""

import argparse
import json
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.bench.big import EMAIL, INTERACTIONS, MESSAGES_EACH, PASSWORD, make
from tests.bench.processes import world

VIEWS = (
    "/inbox?view=live", "/inbox?view=needs_human", "/inbox?view=mine", "/inbox?view=unassigned", "/inbox?view=all",
    "/inbox?view=closed", "/inbox?view=all&q=refund+saturday",
    "/inbox?view=all&q=parcel", "/inbox?view=all&channel=sms",
    "/inbox?view=all&tag=refund", "/inbox?view=all&tag=nobody-has-it",
)  # fmt: skip


def sign_in(client: httpx.Client) -> None:
    page = client.get("/signin")
    token = re.search(r'name="_csrf_token" value="([^"]+)"', page.text)
    form = {"email": EMAIL, "password": PASSWORD, "_csrf_token": token.group(1) if token else ""}
    answer = client.post("/signin", data=form)
    assert answer.status_code in (302, 303), answer.text[:300]


def timed(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    took = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, (path, answer.status_code)
    return took


def figures(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    at = min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))
    return {
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[at], 1),
        "max_ms": round(ordered[-1], 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="a folder made by tests.bench.big, else one is made (minutes)")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        if not (folder / "hub.db").exists():
            make(folder, INTERACTIONS, MESSAGES_EACH)
        with sqlite3.connect(folder / "hub.db") as db:
            ids = [row[0] for row in db.execute("SELECT id FROM interaction ORDER BY id LIMIT 5000 OFFSET 90000")]
        chance = random.Random(3)
        with world(folder) as run, httpx.Client(base_url=run.hub(HUB_WORK="0").url, timeout=60) as client:
            sign_in(client)
            for view in VIEWS:
                timed(client, view)
            lists = {view: [timed(client, view) for _ in range(given.rounds)] for view in VIEWS}
            threads = [timed(client, f"/inbox/{chance.choice(ids)}/thread") for _ in range(given.rounds * 5)]
            pages = [timed(client, f"/interactions/{chance.choice(ids)}") for _ in range(given.rounds * 5)]
    report = {
        "list": figures([value for times in lists.values() for value in times]),
        "list_by_view": {view: figures(times)["p95_ms"] for view, times in lists.items()},
        "thread": figures(threads),
        "interaction_page": figures(pages),
    }
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
