"""Adding a channel or an engine is one file and one line: a toy of each, in a copy of the source tree."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.bench.processes import free_port, start

CHANNEL = '''"""Notes on a blackboard: a toy."""

from pathlib import Path

from hub.channel import Channel, Hook, Inbound, Limits, Outbound, Refused, Reply


class Toy(Channel):
    name = "toy"
    label = "Blackboard"
    identity = "visitor"
    limits = Limits(length=100)

    def __init__(self, settings):
        self._board = Path(settings.get("HUB_DATA_DIR", "."), "board.txt")
        self._off = "HUB_DATA_DIR" not in settings

    async def receive(self, hook: Hook) -> Reply:
        note = hook.json()
        if not {"id", "who", "text"} <= note.keys():
            raise Refused("A note has an id, a who and a text.", 400)
        event = Inbound("toy", "message", note["id"], sender=note["who"], recipient="board", text=note["text"])
        return Reply(events=(event,), status=202)

    async def send(self, outbound: Outbound) -> str:
        if self._off:
            return await super().send(outbound)
        with self._board.open("a") as board:
            board.write(f"{outbound.recipient}: {outbound.text}\\n")
        return outbound.id
'''
ENGINE = '''"""Says again what was said: a toy."""

from hub.dialogue.turn import Say


class Parrot:
    vendor = ""

    async def reply(self, turn, tools):
        yield Say(f"{turn.said}, {turn.said}!")
'''
NOTE = {"id": "n1", "who": "ana", "text": "hello"}
RECORDED = {
    "note": {
        "about": "A note.", "events": [{"kind": "message", "external_id": "n1", "sender": "ana"}], "status": 202,
        "request": {"method": "POST", "url": "https://hub.example/hooks/toy", "headers": {}, "body": json.dumps(NOTE)},
    },
    "refused_empty": {
        "about": "Nothing on it.", "refused": 400,
        "request": {"method": "POST", "url": "https://hub.example/hooks/toy", "headers": {}, "body": "{}"},
    },
}  # fmt: skip
SEED = """
import asyncio
from hub.feed import Bus
from hub.models import AgentDefinition
from hub.store import Store
from tests.world import furnish
from web.serve import prepare
from web.settings import Settings

async def main():
    store = Store(Settings().database_url, Bus())
    await furnish(store, number="board", definition=AgentDefinition(name="Polly", engine="parrot"), channels=("toy",))
    await store.close()

prepare(Settings())
asyncio.run(main())
"""


def test_a_toy_channel_and_a_toy_engine_are_one_file_and_one_line_each(tmp_path: Path) -> None:
    tree, data = tmp_path / "tree", tmp_path / "data"
    for folder in ("hub", "channels", "web", "fixtures", "tests"):
        shutil.copytree(folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__", "screenshots"))
    shutil.copy("pyproject.toml", tree)
    (tree / "channels/toy.py").write_text(CHANNEL)
    add_line(tree / "channels/__init__.py", "CHANNELS = {", '    "toy": "channels.toy:Toy",')
    (tree / "hub/engines/parrot.py").write_text(ENGINE)
    add_line(tree / "hub/engines/__init__.py", "ENGINES = {", '    "parrot": "hub.engines.parrot:Parrot",')
    (tree / "fixtures/toy").mkdir()
    for name, recorded in RECORDED.items():
        (tree / f"fixtures/toy/{name}.json").write_text(json.dumps(recorded))

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "TWILIO_"))},
        "PYTHONPATH": str(tree), "HUB_PUBLIC_URL": url, "HUB_DATA_DIR": str(data),
    }  # fmt: skip
    contract = [sys.executable, "-m", "pytest", "tests/test_channel_contract.py", "-p", "no:cacheprovider"]
    checked = subprocess.run(contract, cwd=tree, env=environment, capture_output=True, text=True, timeout=100)
    assert checked.returncode == 0, checked.stdout[-3000:]
    subprocess.run([sys.executable, "-c", SEED], cwd=tree, env=environment, check=True, timeout=60)
    serve = ["env", "-C", str(tree), sys.executable, "-m", "web.cli", "serve", "--port", str(port)]
    hub = start(serve, url, "/health/ready", environment)
    try:
        for _ in range(2):
            request = urllib.request.Request(f"{url}/hooks/toy", json.dumps(NOTE).encode(), method="POST")
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 202
        deadline = time.monotonic() + 15
        while not (data / "board.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (data / "board.txt").read_text() == "ana: hello, hello!\n"
    finally:
        hub.stop()


def add_line(path: Path, after: str, line: str) -> None:
    text = path.read_text()
    assert text.count(after) == 1
    path.write_text(text.replace(after, f"{after}\n{line}"))
