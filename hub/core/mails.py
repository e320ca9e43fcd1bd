"""Raw mails: stored before they are acknowledged, read after; what cannot be read waits for a person, never lost."""

import asyncio
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from hub import failpoints
from hub.channel import Hook, Refused
from hub.core.context import Context
from hub.core.hub import Hub, NotFound
from hub.models import Address, Mail
from hub.models.columns import new_id
from hub.store import mails

log = logging.getLogger("hub.mails")

FOLDER = "mail"
MOST_ATTEMPTS = 5
READ_AGAIN_AFTER = timedelta(minutes=2)
OVERLOOKED_AFTER = timedelta(seconds=15)
_LOST = "The stored mail is not there any more."


async def keep(hub: Context, channel: str, address_id: UUID, hook: Hook) -> UUID:
    """Store a request as it is: on the disk, then in the database; it is safe on return. Raises `NotFound`."""
    async with hub.store.glance(urgent=True) as db:
        address = await db.get(Address, address_id)
    if address is None or address.channel != channel:
        raise NotFound("There is no mailbox at this URL any more. Copy the new one from Settings, Addresses.")
    mail_id, now = new_id(), hub.clock.now()
    made = Mail(
        id=mail_id, workspace_id=address.workspace_id, address_id=address.id, channel=channel, url=hook.url,
        content_type=hook.headers.get("content-type", "")[:1_000], path=f"{FOLDER}/{address.workspace_id}/{mail_id}",
        size_bytes=len(hook.body), received_at=now,
    )  # fmt: skip
    await asyncio.to_thread(_write, hub.data_dir / made.path, hook.body)
    failpoints.reach("mail.written")
    try:
        async with hub.store.write(urgent=True) as db:
            db.add(made)
    except BaseException:
        await asyncio.to_thread((hub.data_dir / made.path).unlink, missing_ok=True)
        raise
    failpoints.reach("mail.kept")
    return mail_id


async def read(hub: Context, mail_id: UUID) -> None:
    """Read a mail that was kept and take it in. Reading it twice is no harm: what it says is known by its id."""
    if mail_id in hub.underway:
        return
    hub.underway.add(mail_id)
    try:
        async with hub.reading:
            await _read(hub, mail_id)
    finally:
        hub.underway.discard(mail_id)


async def _read(hub: Context, mail_id: UUID) -> None:
    mail = await _begun(hub, mail_id)
    if mail is None:
        return
    failpoints.reach("mail.reading")
    try:
        body = await asyncio.to_thread((hub.data_dir / mail.path).read_bytes)
        hook = Hook("POST", mail.url, {"content-type": mail.content_type}, body)
        reply = await hub.channels[mail.channel].receive(hook)
        async with hub.store.read() as db:
            address = await db.get(Address, mail.address_id)
        for inbound in reply.events:
            await Hub(hub).receive(inbound, at=address)
    except Refused as refused:
        await _quarantine(hub, mail_id, refused.reason)
    except FileNotFoundError:
        await _quarantine(hub, mail_id, _LOST)
    except (SQLAlchemyError, OSError):
        log.exception("could not store mail %s; the sweep tries it again", mail_id)
    except Exception as error:
        log.exception("could not read mail %s", mail_id)
        await _quarantine(hub, mail_id, f"Reading it failed ({type(error).__name__}); see the server's log.")
    else:
        failpoints.reach("mail.read")
        await _forget(hub, mail_id)


async def _begun(hub: Context, mail_id: UUID) -> Mail | None:
    """The mail, when it is to be read: one that has broken down too often is given up."""
    async with hub.store.write() as db:
        mail = await mails.held(db, mail_id)
        if mail is None or mail.state != "new":
            return None
        if mail.attempts >= MOST_ATTEMPTS:
            mail.state, mail.reason = "quarantined", mail.reason or f"Reading it was tried {MOST_ATTEMPTS} times."
            return None
        mail.attempts, mail.tried_at = mail.attempts + 1, hub.clock.now()
        return mail


async def _quarantine(hub: Context, mail_id: UUID, reason: str) -> None:
    log.info("mail %s is in quarantine: %s", mail_id, reason)
    async with hub.store.write() as db:
        mail = await mails.held(db, mail_id)
        if mail is not None and mail.state == "new":
            mail.state, mail.reason = "quarantined", reason[:500]


async def _forget(hub: Context, mail_id: UUID) -> None:
    """Its row and then its bytes go."""
    async with hub.store.write() as db:
        mail = await mails.held(db, mail_id)
        if mail is not None:
            await db.delete(mail)
    if mail is not None:
        await asyncio.to_thread((hub.data_dir / mail.path).unlink, missing_ok=True)


async def overlooked(hub: Context, since_start: datetime) -> None:
    """Read what a crash left unread."""
    now = hub.clock.now()
    async with hub.store.glance() as db:
        found = await mails.unread(
            db, max(now - READ_AGAIN_AFTER, since_start), max(now - OVERLOOKED_AFTER, since_start)
        )
    for mail_id in found:
        hub.spawn(read(hub, mail_id))


async def release(hub: Context, workspace_id: UUID, mail_id: UUID) -> bool:
    """Try a quarantined mail again; whether it could be read. Raises `NotFound`."""
    async with hub.store.write() as db:
        mail = await _of_workspace(hub, workspace_id, mail_id)
        held = await mails.held(db, mail.id)
        if held is not None:
            held.state, held.reason, held.attempts, held.tried_at = "new", "", 0, None
    await read(hub, mail_id)
    async with hub.store.read() as db:
        return await mails.mail(db, workspace_id, mail_id) is None


async def delete(hub: Context, workspace_id: UUID, mail_id: UUID) -> None:
    """For good. Raises `NotFound`."""
    await _of_workspace(hub, workspace_id, mail_id)
    await _forget(hub, mail_id)


async def raw(hub: Context, workspace_id: UUID, mail_id: UUID, most_bytes: int) -> tuple[Mail, bytes]:
    """A quarantined mail and the beginning of what was posted. Raises `NotFound`."""
    mail = await _of_workspace(hub, workspace_id, mail_id)
    return mail, await asyncio.to_thread(_beginning, hub.data_dir / mail.path, most_bytes)


async def _of_workspace(hub: Context, workspace_id: UUID, mail_id: UUID) -> Mail:
    async with hub.store.read() as db:
        mail = await mails.mail(db, workspace_id, mail_id)
    if mail is None or mail.state != "quarantined":
        raise NotFound("This mail is not in quarantine any more.")
    return mail


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _beginning(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most_bytes)
    except FileNotFoundError:
        return b""
