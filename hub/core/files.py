"""Attachments as files of our own: written beside the database before their row is, read when they are sent."""

import asyncio
import hashlib
from pathlib import Path
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import File, Media
from hub.core.context import Context
from hub.models import StoredFile
from hub.models.columns import new_id
from hub.storable import storable

FOLDER = "files"
MOST_NAME_CHARACTERS = 200


async def write(hub: Context, workspace_id: UUID, file: File) -> StoredFile:
    """Put its bytes on the disk. The row that is given counts once it is added to a transaction and committed."""
    file_id, now = new_id(), hub.clock.now()
    path = f"{FOLDER}/{workspace_id}/{now:%Y-%m}/{file_id}"
    digest = await asyncio.to_thread(_write, hub.data_dir / path, file.data)
    return StoredFile(
        id=file_id,
        workspace_id=workspace_id,
        name=plain_name(file.name),
        content_type=storable(file.content_type)[:100],
        size_bytes=len(file.data),
        sha256=digest,
        path=path,
        created_at=now,
    )


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


def _write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(data)
    return hashlib.sha256(data).hexdigest()
