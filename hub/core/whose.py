"""The accounts that one agent's engines use: its mind, its ears, its mouth."""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import UUID

from hub.core.accounts import Accounts
from hub.engine import Account, EngineFailed
from hub.engines import UnknownEngine, brain, transcriber, voice
from hub.voice.chain import BREAKER, Breaker

Part = Literal["mind", "ears", "mouth"]
PARTS: tuple[Part, ...] = ("mind", "ears", "mouth")
ENGINE_OF: Mapping[Part, Callable[[str], Any]] = {"mind": brain, "ears": transcriber, "mouth": voice}


def chosen(agent: Mapping[str, Any], part: Part) -> tuple[str, str]:
    """The name of this part's first engine, empty where the best is taken, and the credential, empty for ours."""
    call = agent.get("call") or {}
    settings = {"mind": agent, "ears": call.get("hearing"), "mouth": call.get("speaking")}[part] or {}
    return str(settings.get("engine") or ""), str(settings.get("credential_id") or "")


def vendor_of(part: Part, engine: str) -> str | None:
    """Whose account this engine needs; empty for an embedded one, None for one that there is not."""
    try:
        return str(ENGINE_OF[part](engine).vendor)
    except UnknownEngine:
        return None


class Whose:
    """A credential counts for the engines of its vendor; a part's other engines use ours."""

    def __init__(self, accounts: Accounts, workspace_id: UUID, agent: Mapping[str, Any]) -> None:
        self._accounts, self.workspace_id, self._agent = accounts, workspace_id, agent

    async def of(self, part: Part, vendor: str) -> Account:
        """Raises `EngineFailed` when there is none that can be used, or the part's first engine is given another's."""
        engine, credential = chosen(self._agent, part)
        if credential and vendor and vendor_of(part, engine) != vendor:
            theirs = await self._accounts.vendor_of(self.workspace_id, credential)
            credential = credential if theirs == vendor else ""
        return await self._accounts.of(self.workspace_id, vendor, credential)

    async def at_hand(self, part: Part) -> Mapping[str, Account]:
        """The accounts that this part may use, by vendor."""
        _, credential = chosen(self._agent, part)
        if not credential:
            return self._accounts.ours
        vendor = await self._accounts.vendor_of(self.workspace_id, credential)
        try:
            own = await self._accounts.of(self.workspace_id, vendor, credential)
        except EngineFailed:
            return self._accounts.ours
        return {**self._accounts.ours, vendor: own} if vendor else self._accounts.ours

    def breaker(self, part: Part) -> Breaker:
        """Which engines are left alone. What fails with somebody's own account is left alone for them only."""
        _, credential = chosen(self._agent, part)
        return self._accounts.breaker(self.workspace_id, credential) if credential else BREAKER

    def failed(self, part: Part, vendor: str, words: str) -> str:
        """One of its engines failed. Gives the words as they may be written down."""
        _, credential = chosen(self._agent, part)
        self._accounts.failed(self.workspace_id, vendor, credential, words)
        return self._accounts.hide(words)
