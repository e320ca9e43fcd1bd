"""Thinking of an answer with the engines in their order: when one fails the next takes over, and the log says why.

In `voice_mode: webhook` it is the responder that thinks.
"""

import asyncio
import copy
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from hub.core.context import Context
from hub.core.secrets import Lost
from hub.core.whose import Whose, vendor_of
from hub.dialogue import responder, team
from hub.dialogue.template import fill
from hub.dialogue.turn import Brain, Failure, HandToHuman, Piece, Say, Toolbox, Turn, Usage, UsedTool
from hub.engine import Account, EngineFailed
from hub.engines import UnknownEngine, brain, choice

log = logging.getLogger("hub.thinking")

_WORDS = 300
_loaded: set[str] = set()


def thinkers(agent: Mapping[str, Any], accounts: Mapping[str, Account]) -> list[str]:
    """The names of those who think, in the order in which they are asked."""
    return [responder.NAME] if is_elsewhere(agent) else choice.minds(agent, accounts)


def is_elsewhere(agent: Mapping[str, Any]) -> bool:
    """Whether a server of the workspace decides, so that thinking is waiting, for minutes perhaps."""
    return agent.get("voice_mode") == "webhook"


async def thinker(hub: Context, whose: Whose, name: str, turn: Turn) -> Brain:
    """The one of this name, and in the turn the account that it needs. Raises `EngineFailed`, `UnknownEngine`."""
    if name == responder.NAME:
        return responder.Responder(hub.outside, await signing_with(hub, whose.workspace_id, turn.agent))
    engine = await loaded(name)
    turn.account = await whose.of("mind", engine.vendor)
    return engine


async def loaded(name: str) -> Brain:
    """The engine of this name. Its library is imported in a thread, the first time. Raises `UnknownEngine`."""
    if name not in _loaded:
        await asyncio.to_thread(brain, name)
        _loaded.add(name)
    return brain(name)


async def signing_with(hub: Context, workspace_id: UUID, agent: Mapping[str, Any]) -> tuple[str, ...]:
    """The secrets that sign what goes to the responder. Raises `EngineFailed`: nothing goes out unsigned."""
    reference = str((agent.get("responder") or {}).get("secret") or "")
    try:
        return await hub.secrets.of(workspace_id, reference)
    except Lost as error:
        raise EngineFailed(f"requests to the responder cannot be signed: {error}", "refused") from error


def ready(whose: Whose, names: list[str]) -> list[str]:
    """Those that are not left alone for a while because they failed often; all where none is left."""
    return [name for name in names if whose.breaker("mind").allows(f"mind:{name}")] or names


def failed(whose: Whose, name: str, error: Exception) -> Failure:
    """It failed: counted against it, and told to the admin."""
    whose.breaker("mind").failed(f"mind:{name}")
    vendor = vendor_of("mind", name) or ""
    if isinstance(error, EngineFailed):
        words = whose.failed("mind", vendor, str(error))
        log.warning("engine %s: %s", name, words)
        return Failure(name, words[:_WORDS], vendor, error.fault)
    if isinstance(error, UnknownEngine):
        return Failure(name, str(error)[:_WORDS], vendor, "invalid")
    log.error("engine %s broke", name, exc_info=error)
    return Failure(name, f"broke: {type(error).__name__}; see the server's log", vendor, "broken")


def worked(whose: Whose, name: str) -> None:
    whose.breaker("mind").worked(f"mind:{name}")


async def warm_up(hub: Context) -> None:
    """Load what agents think with that name no engine: the first message should not wait for that."""
    await loaded(choice.minds({}, hub.accounts.ours)[0])


async def think(hub: Context, workspace_id: UUID, turn: Turn, tools: Toolbox) -> list[Piece]:
    """The whole answer. It never raises: where no engine can think, the agent's words for that, and a person."""
    kept: list[Piece] = []
    state = copy.deepcopy(turn.state)
    whose = Whose(hub.accounts, workspace_id, turn.agent)
    for name in ready(whose, thinkers(turn.agent, await whose.at_hand("mind"))):
        pieces: list[Piece] = []
        spent = len(turn.spent)
        try:
            engine = await thinker(hub, whose, name, turn)
            async for piece in team.told(engine.reply(turn, tools), turn):
                if isinstance(piece, Usage):
                    turn.spent.append(piece)
                else:
                    pieces.append(piece)
        except Exception as error:
            turn.state.clear()
            turn.state.update(copy.deepcopy(state))
            kept += [piece for piece in pieces if isinstance(piece, UsedTool)]
            kept.append(failed(whose, name, error))
        else:
            worked(whose, name)
            return [*kept, *pieces]
        finally:
            turn.spent[spent:] = [replace(usage, own=turn.account.own) for usage in turn.spent[spent:]]
    words = fill(str(turn.agent.get("error_message") or ""), {**turn.customer, **turn.parameters})
    given_up = HandToHuman("The agent could not think of an answer; the log of this conversation says why.")
    return [*kept, *([Say(words)] if words else []), given_up]
