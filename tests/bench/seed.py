"""A workspace with one agent at one address, made straight in the database."""

from collections.abc import Mapping

from hub.feed import Bus
from hub.models import Address, Agent, AgentDefinition, Knowledge, Workspace
from hub.store import Store
from tests.bench.processes import OUR_NUMBER
from web.settings import Settings

HOURS = "We are open Monday to Friday from 8 to 18 and on Saturday from 9 to 13."


async def workspace(environment: Mapping[str, str], number: str = OUR_NUMBER, channel: str = "sms") -> None:
    """Needs a migrated database."""
    settings = Settings(**{name.lower(): value for name, value in environment.items()})  # type: ignore[arg-type]
    store = Store(settings.database_url, Bus())
    async with store.write() as db:
        home = Workspace(name="Bench")
        db.add(home)
        await db.flush()
        definition = AgentDefinition(name="Maya", opening_message="Hello, this is Maya.")
        agent = Agent(workspace_id=home.id, name="Maya", definition=definition.model_dump())
        db.add(agent)
        await db.flush()
        db.add(Knowledge(workspace_id=home.id, agent_id=agent.id, title="Opening hours", text=HOURS))
        db.add(Address(workspace_id=home.id, channel=channel, value=number, agent_id=agent.id))
    await store.close()
