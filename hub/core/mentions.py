"""Colleagues named in a note, as `@Ana Lima`."""

import re
from collections.abc import Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Mention, Message
from hub.store import access


def named(text: str, names: Sequence[str]) -> list[str]:
    """The names that stand behind an @, the longer before the shorter, each once."""
    found, left = [], text
    for name in sorted(set(names), key=len, reverse=True):
        pattern = re.compile(rf"(?<![\w@])@{re.escape(name)}(?!\w)", re.IGNORECASE)
        if name.strip() and pattern.search(left):
            found.append(name)
            left = pattern.sub(" ", left)
    return found


async def mention(db: AsyncSession, note: Message) -> None:
    """Tell those who are named in the note, in its transaction; not who wrote it."""
    if "@" not in note.text:
        return
    users = [user for user in await access.users(db, note.workspace_id) if user.disabled_at is None]
    names = set(named(note.text, [user.name for user in users]))
    await db.flush()
    db.add_all(
        Mention(
            workspace_id=note.workspace_id, user_id=user.id, interaction_id=note.interaction_id,
            message_id=note.id, created_at=note.created_at,
        )
        for user in users
        if user.name in names and user.id != note.operator_id
    )  # fmt: skip
