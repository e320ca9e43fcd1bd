"""What an agent knows of the interaction and the person when it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction
from hub.store import people

HISTORY = 60
"""Messages back that it remembers."""


@dataclass(frozen=True, slots=True)
class Known:
    """As `hub.dialogue.turn.Turn` has them; `zone` is the customer's, else the workspace's."""

    zone: ZoneInfo
    parameters: Mapping[str, Any]
    customer: Mapping[str, Any]

    @property
    def values(self) -> Mapping[str, Any]:
        """What `{{name}}` may stand for before anything was said."""
        return {**self.customer, **self.parameters}


async def known(db: AsyncSession, interaction: Interaction) -> Known:
    customer, workspace = await people.customer_at_home(db, interaction.customer_id)
    return Known(
        zone=ZoneInfo(customer.time_zone or workspace.time_zone),
        parameters={**interaction.agent.get("parameters", {}), **interaction.parameters},
        customer={
            **customer.custom_fields,
            "name": customer.name,
            "language": customer.language,
            "known_as": interaction.person,
        },
    )
