"""Attachments as files of our own: written beside the database before their row is, read when they are sent."""

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
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


async def remove(hub: Context, row: StoredFile) -> None:
    """Take its bytes off the disk; gone already is no error. Its row is the caller's."""
    await asyncio.to_thread((hub.data_dir / row.path).unlink, missing_ok=True)


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
