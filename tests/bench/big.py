"""A database with 100,000 interactions and 1,000,000 messages: `python -m tests.bench.big FOLDER`."""

import random
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlmodel import SQLModel

from hub.migrations import upgrade
from hub.models import (
    Address,
    Agent,
    AgentDefinition,
    Customer,
    Event,
    Identity,
    Interaction,
    Message,
    Tag,
    User,
    Workspace,
)  # fmt: skip
from hub.models.columns import new_id
from web.auth import hash_password

INTERACTIONS = 100_000
MESSAGES_EACH = 10
EMAIL, PASSWORD = "sam@example.com", "try-the-hub"
WORDS = (  # noqa: SIM905
    "order return appointment cleaning invoice delivery refund saturday opening hours tooth price please thanks "
    "tomorrow morning parcel address change cancel card payment account help where when broken size colour"
).split()
AT_ONCE = 5_000


def rows(*objects: SQLModel) -> list[dict[str, Any]]:
    """What the dialect would bind, for sqlite3 directly."""
    import json

    made = []
    for item in objects:
        row = {}
        for column in type(item).__table__.columns:  # type: ignore[attr-defined]
            value = getattr(item, "meta" if column.name == "metadata" else column.name)
            if isinstance(value, UUID):
                value = value.hex
            elif isinstance(value, datetime):
                value = value.strftime("%Y-%m-%d %H:%M:%S.%f")
            elif isinstance(value, dict | list):
                value = json.dumps(value)
            row[column.name] = value
        made.append(row)
    return made


def insert(db: sqlite3.Connection, made: list[SQLModel]) -> None:
    by_table: dict[type[SQLModel], list[SQLModel]] = {}
    for item in made:
        by_table.setdefault(type(item), []).append(item)
    for table, items in by_table.items():
        values = rows(*items)
        names = list(values[0])
        statement = f"INSERT INTO {table.__table__.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # type: ignore[attr-defined]
        db.executemany(statement, [tuple(row.values()) for row in values])


def make(folder: Path, interactions: int = INTERACTIONS, each: int = MESSAGES_EACH) -> None:
    """Make `hub.db` in the folder; a user of it signs in as EMAIL with PASSWORD."""
    folder.mkdir(parents=True, exist_ok=True)
    upgrade(f"sqlite+aiosqlite:///{(folder / 'hub.db').absolute()}")
    chance = random.Random(7)
    now = datetime.now(UTC)
    home = Workspace(name="Large workspace")
    sam = User(workspace_id=home.id, email=EMAIL, name="Sam", role="admin", password_hash=hash_password(PASSWORD))
    definition = AgentDefinition(name="Maya", opening_message="Hello!").model_dump()
    agent = Agent(workspace_id=home.id, name="Maya", definition=definition)
    number = Address(workspace_id=home.id, channel="sms", value="+15005550006", agent_id=agent.id)
    chat = Address(workspace_id=home.id, channel="webchat", value="shop", agent_id=agent.id)
    db = sqlite3.connect(folder / "hub.db")
    db.execute("PRAGMA synchronous=OFF")
    insert(db, [home])
    insert(db, [sam, agent])
    insert(db, [number, chat])
    made: list[SQLModel] = []
    for index in range(interactions):
        made += _one(index, interactions, each, chance, now, home, agent, chance.choice([number, chat]), sam)
        if len(made) > AT_ONCE * each:
            _write(db, made)
            made = []
    _write(db, made)
    db.execute("ANALYZE")
    db.commit()
    db.close()


def _write(db: sqlite3.Connection, made: list[SQLModel]) -> None:
    order: list[type[SQLModel]] = [Customer, Identity, Interaction, Tag, Message, Event]
    insert(db, sorted(made, key=lambda item: order.index(type(item))))
    db.commit()


def _one(
    index: int, total: int, each: int, chance: random.Random, now: datetime, home: Workspace, agent: Agent,
    address: Address, sam: User,
) -> list[SQLModel]:  # fmt: skip
    """One customer, their interaction, its messages and events."""
    customer = Customer(workspace_id=home.id, name=f"{chance.choice(WORDS).title()} {index}")
    phone = address.channel == "sms"
    person = f"+1202{index:07d}" if phone else new_id().hex
    identity = Identity(
        workspace_id=home.id, customer_id=customer.id, kind="phone" if phone else "visitor", value=person
    )
    began = now - timedelta(seconds=(total - index) * 20 + 600)
    open_still = index > total * 0.97
    owner = chance.choices(["ai", "queue", "operator"], [80, 12, 8])[0] if open_still else "ai"
    spoken = began + timedelta(seconds=20 * each)
    interaction = Interaction(
        workspace_id=home.id, customer_id=customer.id, address_id=address.id, agent_id=agent.id, person=person,
        channel=address.channel, thread=f"{address.value}:{person}", ours=address.value, agent=agent.definition,
        agent_version=1, owner=owner, operator_id=sam.id if owner == "operator" else None, trace_id=new_id().hex,
        status="in_progress" if open_still else "completed", ended_reason="" if open_still else "idle",
        ended_at=None if open_still else spoken + timedelta(days=1),
        last_seq=each + 1, heard_seq=each, answered_seq=each, created_at=began, last_message_at=spoken,
        last_message_role="agent", waiting_since=spoken if owner == "queue" else None,
        idle_at=now + timedelta(days=1) if open_still else None, tags=[chance.choice(WORDS)] if index % 7 == 0 else [],
    )  # fmt: skip
    made: list[SQLModel] = [customer, identity, interaction]
    made += [Tag(workspace_id=home.id, name=name, interaction_id=interaction.id) for name in interaction.tags]
    made.append(Event(workspace_id=home.id, interaction_id=interaction.id, seq=1, type="interaction.started", at=began))
    for place in range(each):
        at = began + timedelta(seconds=20 * place)
        text = " ".join(chance.choices(WORDS, k=chance.randint(3, 18)))
        role = "customer" if place % 2 == 0 else "agent"
        said = Message(
            workspace_id=home.id, interaction_id=interaction.id, customer_id=customer.id, seq=place + 2,
            channel=address.channel, role=role, author="" if role == "customer" else "Maya", text=text,
            status="" if role == "customer" else "delivered", created_at=at,
        )  # fmt: skip
        made.append(said)
        made.append(
            Event(
                workspace_id=home.id,
                interaction_id=interaction.id,
                seq=place + 2,
                type="message.created",
                at=at,
                data={"message_id": str(said.id), "role": role, "text": text},
            )
        )
        interaction.preview = text[:140]
    return made


if __name__ == "__main__":
    make(Path(sys.argv[1]), *(int(value) for value in sys.argv[2:]))
