"""The secrets of a workspace: sealed when they are set, opened only to be sent by a tool."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from hub.core.audit import note
from hub.core.context import Context
from hub.models import ToolSecret
from hub.models.columns import new_id
from hub.sealing import Unsealable
from hub.store import lock, tool_calls

MOST = 200


class TooMany(Exception):
    """A workspace has so many secrets at most."""


async def put(hub: Context, workspace_id: UUID, name: str, value: str, *, by: str) -> ToolSecret:
    """Set a secret, or replace its value. Raises `TooMany`."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        await lock(db, workspace_id, "secret")
        found = next(iter(await tool_calls.secrets_named(db, workspace_id, [name])), None)
        if found is None:
            if len(await tool_calls.secrets(db, workspace_id)) >= MOST:
                raise TooMany(f"A workspace keeps {MOST} secrets at most. Remove one that is not used.")
            found = ToolSecret(id=new_id(), workspace_id=workspace_id, name=name, sealed="", created_at=now)
            db.add(found)
        found.sealed, found.by, found.updated_at = hub.seal.seal(value, found.place), by, now
        note(db, workspace_id, by, "secret.set", name, now)
    return found


async def remove(hub: Context, workspace_id: UUID, name: str, *, by: str) -> bool:
    """Whether there was one."""
    async with hub.store.write() as db:
        found = next(iter(await tool_calls.secrets_named(db, workspace_id, [name])), None)
        if found is None:
            return False
        await db.delete(found)
        note(db, workspace_id, by, "secret.removed", name, hub.clock.now())
    return True


async def values(hub: Context, workspace_id: UUID, names: Sequence[str]) -> Mapping[str, str]:
    """Those of these that are set and can be opened."""
    if not names:
        return {}
    async with hub.store.glance() as db:
        found = await tool_calls.secrets_named(db, workspace_id, names)
    opened = {}
    for one in found:
        try:
            opened[one.name] = hub.seal.open(one.sealed, one.place)
        except Unsealable:  # sealed under a key that is gone: as if it were not set
            continue
    return opened
