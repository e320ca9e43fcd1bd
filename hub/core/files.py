"""Attachments as files of our own: written beside the database before their row is, read when they are sent."""

import asyncio
import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import File, Media
from hub.core.context import Context
from hub.models import Interaction, StoredFile
from hub.models.columns import new_id
from hub.storable import storable
from hub.store import files as stored

FOLDER = "files"
UNUSED_FOR = timedelta(days=7)
"""So long an upload waits for a message that names it."""
ORPHANED_FOR = timedelta(hours=1)
"""So long a file may be on the disk before its row is committed."""
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_NAME_CHARACTERS = 200


async def write(hub: Context, workspace_id: UUID, file: File) -> StoredFile:
    """Put its bytes on the disk. The row that is given counts once it is added to a transaction and committed."""
    file_id, path = _place(hub, workspace_id)
    digest = await asyncio.to_thread(_write, hub.data_dir / path, file.data)
    return StoredFile(
        id=file_id,
        workspace_id=workspace_id,
        name=plain_name(file.name),
        content_type=storable(file.content_type)[:100],
        size_bytes=len(file.data),
        sha256=digest,
        path=path,
        created_at=hub.clock.now(),
    )


async def take_up(hub: Context, workspace_id: UUID, file: File) -> StoredFile:
    """Keep it before a message names it."""
    row = await write(hub, workspace_id, file)
    try:
        async with hub.store.write() as db:
            db.add(row)
    except BaseException:
        await remove(hub, row)
        raise
    return row


async def say_in(
    hub: Context, db: AsyncSession, interaction: Interaction, media: Sequence[Media]
) -> tuple[Media, ...]:  # fmt: skip
    """These attachments as this interaction's own, in the transaction that says them.

    A file that was said elsewhere is copied, so that it may be erased there and stays here.
    """
    made = []
    for one in media:
        row = await stored.held(db, interaction.workspace_id, UUID(one.file_id)) if one.file_id else None
        if row is not None and row.interaction_id not in (None, interaction.id):
            row = await _copied(hub, db, row)
        if row is not None:
            row.interaction_id = interaction.id
            one = replace(one, url=f"/files/{row.id}", file_id=str(row.id))
        made.append(one)
    return tuple(made)


async def _copied(hub: Context, db: AsyncSession, row: StoredFile) -> StoredFile | None:
    """The same once more; None when its bytes are gone."""
    file_id, path = _place(hub, row.workspace_id)
    try:
        await asyncio.to_thread(_copy, hub.data_dir / row.path, hub.data_dir / path)
    except FileNotFoundError:
        return None
    made = StoredFile(**row.model_dump(exclude={"id", "path", "created_at"}), id=file_id, path=path)
    made.created_at = hub.clock.now()
    db.add(made)
    return made


async def keep(
    hub: Context, db: AsyncSession, workspace_id: UUID, interaction_id: UUID | None, file: File
) -> tuple[Media, StoredFile]:
    """Put it on the disk and its row into this transaction. A large file is better written before one begins."""
    row = await write(hub, workspace_id, file)
    row.interaction_id = interaction_id
    db.add(row)
    return media_of(row), row


async def read(hub: Context, row: StoredFile) -> bytes:
    """Its bytes. Raises `OSError` when they are gone."""
    return await asyncio.to_thread((hub.data_dir / row.path).read_bytes)


async def tidy(hub: Context) -> None:
    """Take away uploads that no message came to name, and files on the disk that a crash left without a row."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        for row in await stored.unused(db, now - UNUSED_FOR):
            held = await stored.held(db, row.workspace_id, row.id)
            if held is not None and held.interaction_id is None:
                await db.delete(held)
    for found in await asyncio.to_thread(_old, hub.data_dir / FOLDER, (now - ORPHANED_FOR).timestamp()):
        async with hub.store.read() as db:
            known = await stored.known(db, [UUID(path.name) for path in found])
        orphans = [path for path in found if UUID(path.name) not in known]
        await asyncio.to_thread(_unlink, orphans)


def _old(folder: Path, before: float) -> list[list[Path]]:
    """Files there that were last written before then, some hundreds at a time."""
    found = [path for path in folder.glob("*/*/*") if _NAME.fullmatch(path.name) and path.stat().st_mtime < before]
    return [found[at : at + 500] for at in range(0, len(found), 500)]


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


async def remove(hub: Context, row: StoredFile) -> None:
    """Take its bytes off the disk; gone already is no error. Its row is the caller's."""
    await asyncio.to_thread((hub.data_dir / row.path).unlink, missing_ok=True)


async def forget(hub: Context, row: StoredFile) -> None:
    """The file goes, with its row."""
    await remove(hub, row)
    async with hub.store.write() as db:
        held = await stored.held(db, row.workspace_id, row.id)
        if held is not None:
            await db.delete(held)


def media_of(row: StoredFile) -> Media:
    """It as an attachment of a message."""
    return Media(
        url=f"/files/{row.id}", content_type=row.content_type, name=row.name, size_bytes=row.size_bytes,
        file_id=str(row.id),
    )  # fmt: skip


def plain_name(name: str) -> str:
    """A file name without folders and control characters."""
    name = storable(name).replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable()).strip()[:MOST_NAME_CHARACTERS]


def _place(hub: Context, workspace_id: UUID) -> tuple[UUID, str]:
    """A new id, and where its bytes are to be, below the data folder."""
    file_id = new_id()
    return file_id, f"{FOLDER}/{workspace_id}/{hub.clock.now():%Y-%m}/{file_id}"


def _copy(path: Path, other: Path) -> None:
    other.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, other)


def _write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(data)
    return hashlib.sha256(data).hexdigest()
