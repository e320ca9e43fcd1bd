"""Whose account an engine of a vendor uses: ours, or a credential of the workspace."""

from collections.abc import Mapping
from uuid import UUID

from hub.engine import NOBODY, Account, EngineFailed


class Accounts:
    """`ours` are the accounts of the settings, by vendor."""

    def __init__(self, ours: Mapping[str, Account]) -> None:
        self.ours = ours

    async def at_hand(self, workspace_id: UUID) -> Mapping[str, Account]:
        """The accounts there are for this workspace, by vendor."""
        return self.ours

    async def of(self, workspace_id: UUID, vendor: str) -> Account:
        """The account for this vendor's engines. Raises `EngineFailed` when there is none."""
        if not vendor:
            return NOBODY
        found = self.ours.get(vendor)
        if found is None:
            raise EngineFailed(f"there is no key for {vendor}: set {vendor.upper()}_API_KEY", "refused")
        return found
