"""Thinking of an answer with the engines in their order: when one fails the next takes over, and the log says why."""

import asyncio
import copy
import logging
from dataclasses import replace
from uuid import UUID

from hub.core.context import Context
from hub.dialogue.turn import Failure, HandToHuman, Piece, Say, Toolbox, Turn, Usage, UsedTool
from hub.engine import EngineFailed
from hub.engines import UnknownEngine, brain, choice
from hub.voice.chain import BREAKER

log = logging.getLogger("hub.thinking")

_WORDS = 300


def ready(names: list[str]) -> list[str]:
    """Those that are not left alone for a while because they failed often; all where none is left."""
    return [name for name in names if BREAKER.allows(f"mind:{name}")] or names


def failed(name: str, error: Exception) -> Failure:
    """It failed: counted against it, and told to the admin."""
    BREAKER.failed(f"mind:{name}")
    if isinstance(error, EngineFailed):
        log.warning("engine %s: %s", name, error)
        return Failure(name, str(error)[:_WORDS], fault=error.fault)
    if isinstance(error, UnknownEngine):
        return Failure(name, str(error)[:_WORDS], fault="invalid")
    log.error("engine %s broke", name, exc_info=error)
    return Failure(name, f"broke: {type(error).__name__}; see the server's log", fault="broken")


def worked(name: str) -> None:
    BREAKER.worked(f"mind:{name}")


async def warm_up(hub: Context) -> None:
    """Load what agents think with that name no engine: the first message should not wait for that."""
    await asyncio.to_thread(brain, choice.minds({}, hub.accounts.ours)[0])


async def think(hub: Context, workspace_id: UUID, turn: Turn, tools: Toolbox) -> list[Piece]:
    """The whole answer. It never raises: where no engine can think, the agent's words for that, and a person."""
    kept: list[Piece] = []
    state = copy.deepcopy(turn.state)
    for name in ready(choice.minds(turn.agent, await hub.accounts.at_hand(workspace_id))):
        pieces: list[Piece] = []
        spent = len(turn.spent)
        try:
            engine = brain(name)
            turn.account = await hub.accounts.of(workspace_id, engine.vendor)
            async for piece in engine.reply(turn, tools):
                if isinstance(piece, Usage):
                    turn.spent.append(piece)
                else:
                    pieces.append(piece)
        except Exception as error:
            turn.state.clear()
            turn.state.update(copy.deepcopy(state))
            kept += [piece for piece in pieces if isinstance(piece, UsedTool)]
            kept.append(failed(name, error))
        else:
            worked(name)
            return [*kept, *pieces]
        finally:
            turn.spent[spent:] = [replace(usage, own=turn.account.own) for usage in turn.spent[spent:]]
    words = str(turn.agent.get("error_message") or "")
    given_up = HandToHuman("The agent could not think of an answer; the log of this conversation says why.")
    return [*kept, *([Say(words)] if words else []), given_up]
