"""Attachments that only the provider has: fetched beside the answer, kept as our own files, tried again later."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from hub.channel import Media, Undeliverable
from hub.core import files
from hub.core.context import Context
from hub.models import FetchEntry, Message, StoredFile
from hub.store import interactions, transit

log = logging.getLogger("hub.fetch")

MOST_BYTES = 16_000_000
"""Of one attachment; larger ones stay with the provider."""
MOST_ATTEMPTS = 6
_OURS_FOR = timedelta(minutes=5)


async def fetch(hub: Context, message_id: UUID) -> None:
    """Fetch what is attached to this message, if that is due and nobody else is at it."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        entry = await transit.claim_fetch(db, message_id, now, now + _OURS_FOR)
        message = await db.get(Message, message_id) if entry else None
    if entry is None or message is None:
        return
    kept: dict[str, list[Media]] = {}
    rows: list[StoredFile] = []
    again = False
    for item in message.media:
        if _to_do(item):
            found = await _one(hub, entry, Media(**item))
            again = again or found is None
            if found is not None:
                kept[item["url"]], made = found
                rows += made
    await _settle(hub, entry, kept, rows, again)


def _to_do(item: Mapping[str, Any]) -> bool:
    return not item.get("file_id") and not item.get("fault")


async def _one(hub: Context, entry: FetchEntry, media: Media) -> tuple[list[Media], list[StoredFile]] | None:
    """What stands in its place; None when it is to be tried again."""
    try:
        found = await hub.channels[entry.channel].fetch(media, MOST_BYTES)
    except Undeliverable as error:
        log.info("cannot fetch an attachment of message %s: %s", entry.message_id, error.words)
        if error.retry and entry.attempts < MOST_ATTEMPTS:
            return None
        return [replace(media, fault=error.words)], []
    rows = [await files.write(hub, entry.workspace_id, one) for one in found]
    return [files.media_of(row) for row in rows], rows


async def _settle(
    hub: Context, entry: FetchEntry, kept: Mapping[str, list[Media]], rows: list[StoredFile], again: bool
) -> None:
    now = hub.clock.now()
    async with hub.store.write() as db:
        interaction = await interactions.locked(db, entry.interaction_id)
        message, owed = await db.get(Message, entry.message_id), await db.get(FetchEntry, entry.message_id)
        if interaction is None or message is None or owed is None:  # erased, or somebody else was faster
            for row in rows:
                await files.remove(hub, row)
            return
        for row in rows:
            row.interaction_id = interaction.id
        db.add_all(rows)
        media: list[dict[str, Any]] = []
        for item in message.media:
            stands = kept.get(item["url"]) if _to_do(item) else None
            media += [item] if stands is None else [asdict(one) for one in stands]
        message.media = media
        if kept:
            interactions.log(db, interaction, "message.fetched", now, message_id=str(message.id))
        if again:
            owed.due_at = now + timedelta(seconds=5 * 2**entry.attempts)
        else:
            await db.delete(owed)
