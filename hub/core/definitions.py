"""A definition made ready to be stored: accounts that fit, secrets sealed, a responder that can be asked."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.context import Context
from hub.core.secrets import refers_to
from hub.core.whose import Part, chosen, vendor_of
from hub.dialogue.outbound import Forbidden
from hub.models import AgentDefinition
from hub.signing import BadSecret, key_of
from hub.store import credentials

Fault = tuple[tuple[str | int, ...], str]
"""Where in the definition, and what is wrong there."""

_PLACES: Mapping[Part, tuple[str, ...]] = {
    "mind": ("credential_id",),
    "ears": ("call", "hearing", "credential_id"),
    "mouth": ("call", "speaking", "credential_id"),
}


async def settle(
    hub: Context,
    db: AsyncSession,
    workspace_id: UUID,
    definition: AgentDefinition,
    before: Mapping[str, Any] | None = None,
) -> tuple[AgentDefinition, list[Fault]]:
    """The definition as it is stored, in this transaction; or all that is wrong with it.

    `before` is what it takes the place of: a secret left out stays, another one takes its place, and both count for a
    while.
    """
    faults = [fault async for fault in _accounts(db, workspace_id, definition)]
    kept = str(((before or {}).get("responder") or {}).get("secret") or "")
    given = definition.responder.secret or kept
    faults += [fault async for fault in _responder(hub, db, workspace_id, definition, given)]
    if faults:
        return definition, faults
    if given and refers_to(given) is None:
        given = await hub.secrets.keep(db, workspace_id, given, kept)
    responder = definition.responder.model_copy(update={"secret": given})
    return definition.model_copy(update={"responder": responder}), []


async def outdated(
    hub: Context, db: AsyncSession, workspace_id: UUID, definition: Mapping[str, Any]
) -> list[Fault]:  # fmt: skip
    """What is wrong by now with a definition that was stored before: an account it names may be gone."""
    return (await settle(hub, db, workspace_id, AgentDefinition.model_validate(definition), definition))[1]


async def _accounts(db: AsyncSession, workspace_id: UUID, definition: AgentDefinition) -> AsyncIterator[Fault]:
    tree = definition.model_dump(mode="json")
    for part, place in _PLACES.items():
        engine, credential_id = chosen(tree, part)
        if not credential_id:
            continue
        found = await credentials.credential(db, workspace_id, UUID(credential_id))
        vendor = vendor_of(part, engine)
        if found is None:
            yield place, "There is no account with this id in this workspace."
        elif vendor is None:
            continue
        elif not vendor:
            yield place, f"The engine {engine} is ours and needs no account; choose none."
        elif found.vendor != vendor:
            yield (
                place,
                f"The engine {engine} needs an account with {vendor}; {found.name!r} is one with {found.vendor}.",
            )


async def _responder(
    hub: Context, db: AsyncSession, workspace_id: UUID, definition: AgentDefinition, secret: str
) -> AsyncIterator[Fault]:
    wanted, url = definition.voice_mode == "webhook", definition.responder.url
    if wanted and not url:
        yield ("responder", "url"), "Write the URL of your server, such as https://example.com/agent."
    if url:
        try:
            hub.outside.may_lead_to(url)
        except Forbidden as error:
            yield ("responder", "url"), str(error)
    if wanted and not secret:
        yield ("responder", "secret"), "Give a secret that signs our requests: whsec_ and 32 random bytes in base64."
    if not secret:
        return
    if (secret_id := refers_to(secret)) is not None:
        if await credentials.secret(db, workspace_id, secret_id) is None:
            yield ("responder", "secret"), "There is no such secret in this workspace. Give the secret itself."
        return
    try:
        key_of(secret)
    except BadSecret as error:
        yield ("responder", "secret"), str(error)
