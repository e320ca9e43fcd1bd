"""Reading documents for agents to know: uploaded files, and pages that are fetched and looked at again."""

import asyncio
import contextlib
import json
import logging
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin
from uuid import UUID

from hub.core.context import Context
from hub.dialogue.outbound import Answer, Failed, Forbidden
from hub.dialogue.reader import KINDS
from hub.models import Knowledge
from hub.store import knowledge

log = logging.getLogger("hub.reading")

MOST_BYTES = 10_000_000
READ_WITHIN_SECONDS = 40.0
FETCHED_WITHIN_SECONDS = 30.0
MOST_HOPS = 3
FOLDER = "knowledge"
_OURS_FOR = timedelta(minutes=3)
_AGAIN_AFTER = timedelta(hours=1)
_TYPES = {
    "text/html": "html", "application/xhtml+xml": "html", "application/pdf": "pdf", "text/csv": "csv",
    "text/markdown": "md", "text/plain": "txt", "application/json": "txt",
}  # fmt: skip


class Unreadable(Exception):
    """Why there is no text; in words for who wants it read."""


@dataclass(frozen=True, slots=True)
class Document:
    """What was read. `title` may be empty; `etag` and `modified` are the server's, of a page."""

    title: str
    text: str
    etag: str = ""
    modified: str = ""


def kind_of(name: str) -> str:
    """The kind of a file by its name. Raises `Unreadable`."""
    ending = name.lower().rpartition(".")[2]
    kind = {"htm": "html", "markdown": "md", "text": "txt"}.get(ending, ending)
    if kind not in KINDS:
        known = ", ".join(f".{one}" for one in KINDS)
        raise Unreadable(f"This kind of file cannot be read. Possible are {known}; paste other text instead.")
    return kind


async def read(kind: str, data: bytes) -> Document:
    """The text of a document, read in a process of its own. Raises `Unreadable`."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The document is larger than {MOST_BYTES // 1_000_000} MB. Split it into several.")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.dialogue.reader", kind,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(READ_WITHIN_SECONDS):
            given, _ = await process.communicate(data)
    except TimeoutError:
        raise Unreadable("Reading the document takes too long. Split it, or save it anew.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        told = json.loads(given)
    except ValueError:
        raise Unreadable("The document cannot be read: its reader gave up. Split it, or save it anew.") from None
    if "fault" in told:
        raise Unreadable(told["fault"])
    return Document(told["title"], told["text"])


# what is due


async def read_due(hub: Context) -> None:
    """Read what is to be read by now; safe to run on every node at any time."""
    async with hub.store.glance() as db:
        due = await knowledge.due(db, hub.clock.now())
    for knowledge_id in due:
        hub.spawn(read_now(hub, knowledge_id))


async def read_now(hub: Context, knowledge_id: UUID) -> None:
    """Read this document if it is to be read and nobody else is at it."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        item = await knowledge.claim(db, knowledge_id, now, now + _OURS_FOR)
    if item is None:
        return
    async with hub.reading:
        try:
            found = await (_fetched(hub, item) if item.kind == "url" else _uploaded(hub, item))
            fault = ""
        except Unreadable as error:
            found, fault = None, str(error)
        except Exception:
            log.exception("document %s could not be read", knowledge_id)
            found, fault = None, "It could not be read because of a fault of ours; see the server's log."
    await _settle(hub, item, found, fault)
    if item.kind == "file":
        await asyncio.to_thread(_path(hub, item.id).unlink, missing_ok=True)


async def _settle(hub: Context, item: Knowledge, found: Document | None, fault: str) -> None:
    """Keep what was read; after a fault the last good text stays."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        kept = await knowledge.item(db, item.workspace_id, item.id)
        if kept is None:
            return
        every = timedelta(hours=kept.refresh_hours)
        kept.fault, kept.state, kept.due_at = fault[:1_000], "failed" if fault else "ready", None
        if kept.kind == "url" and kept.refresh_hours:
            kept.due_at = now + (min(every, _AGAIN_AFTER) if fault else every)
        if fault:
            return
        kept.read_at = now
        if found is not None:
            kept.text, kept.etag, kept.modified, kept.updated_at = found.text, found.etag, found.modified, now
            kept.title = kept.title or found.title or kept.source[:200] or "Untitled"


# files


def _path(hub: Context, knowledge_id: UUID) -> Path:
    return hub.data_dir / FOLDER / str(knowledge_id)


async def put_aside(hub: Context, knowledge_id: UUID, name: str, data: bytes) -> None:
    """Keep a file until it has been read. Raises `Unreadable` for one that never can be."""
    kind_of(name)
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 1_000_000} MB. Split it into several.")
    if not data:
        raise Unreadable("The file is empty.")
    await asyncio.to_thread(_write, _path(hub, knowledge_id), data)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(data)


async def _uploaded(hub: Context, item: Knowledge) -> Document:
    try:
        data = await asyncio.to_thread(_path(hub, item.id).read_bytes)
    except FileNotFoundError:
        raise Unreadable("The file is not there any more. Upload it again.") from None
    return await read(kind_of(item.source), data)


# pages


async def _fetched(hub: Context, item: Knowledge) -> Document | None:
    """What is at its URL; None when that is as it was."""
    headers = {"accept": ", ".join(_TYPES), "user-agent": "interaction-hub"}
    if item.text and item.etag:
        headers["if-none-match"] = item.etag
    if item.text and item.modified:
        headers["if-modified-since"] = item.modified
    answer = await _followed(hub, item.url, headers)
    if answer.status == 304 and item.text:
        return None
    if answer.status != 200:
        raise Unreadable(_STATUS.get(answer.status, f"The server answered {answer.status}."))
    given = answer.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    kind = _TYPES.get(given)
    if kind is None:
        raise Unreadable(f"What is there is {given or 'of no type'}; pages, text, CSV and PDF can be read.")
    found = await read(kind, answer.body)
    return Document(
        found.title, found.text, answer.headers.get("etag", "")[:500], answer.headers.get("last-modified", "")[:100]
    )


_STATUS = {
    401: "The page wants a sign-in (401): it must be open to all.",
    403: "The server does not let us in (403): the page must be open to all.",
    404: "There is no such page (404).",
    410: "The page is gone (410).",
    429: "The server has had too many requests (429).",
}


async def _followed(hub: Context, url: str, headers: dict[str, str]) -> Answer:
    """The answer at the end of a few redirects; each is checked like the first address."""
    for _ in range(MOST_HOPS + 1):
        try:
            answer = await hub.outside.request(
                "GET", url, headers=headers, timeout=FETCHED_WITHIN_SECONDS, limit=MOST_BYTES
            )
        except (Failed, Forbidden) as error:
            raise Unreadable(str(error)) from error
        if answer.status not in (301, 302, 303, 307, 308) or not answer.headers.get("location"):
            return answer
        url = urljoin(url, answer.headers["location"])
    raise Unreadable(f"The page leads on and on: more than {MOST_HOPS} redirects.")
