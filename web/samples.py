"""Sample agents, people and conversations for the demo; made once per data folder."""

import json
from datetime import datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity, versions
from hub.core.write import finish, open_interaction, say_in
from hub.feed import Bus
from hub.models import Address, Agent, ApiKey, Interaction, Knowledge, Message, User, Workspace
from hub.models.agent import AgentDefinition
from hub.models.columns import utcnow
from hub.ownership import queue
from hub.store import Store, agents
from web.auth import hash_password, new_api_key
from web.settings import Settings

PASSWORD = "try-the-hub"  # noqa: S105 - the demo's, printed when it starts
USERS = [
    ("admin@example.com", "Alex Admin", "admin"),
    ("sam@example.com", "Sam Support", "support"),
    ("robin@example.com", "Robin Rivera", "support"),
    ("bea@example.com", "Bea Builder", "builder"),
]
MAIL_DOMAIN = "mail.example"
NUMBERS = {"+15005550006": "clinic", "+15005550007": "shop", "+15005550008": "leads"}


async def seed(settings: Settings) -> str:
    """Fill an empty database; gives a fresh API key in any case."""
    store = Store(settings.database_url, Bus())
    try:
        async with store.write() as db:
            workspace = (await db.exec(select(Workspace))).first()
            if workspace is None:
                workspace = await _fill(db, settings)
            await _point(db, workspace.id, settings.hub_sandbox_url)
            await _mailboxes(db, workspace.id)
            return await _api_key(db, workspace.id)
    finally:
        await store.close()


async def last_heard(db: AsyncSession, channel: str) -> list[tuple[str, str, float]]:
    """Who wrote to which of our numbers, and when last, in seconds since 1970: what the carrier is to remember."""
    found = await db.exec(
        select(Interaction.ours, Interaction.person, func.max(Message.created_at))
        .join(Message, col(Message.interaction_id) == col(Interaction.id))
        .where(Interaction.channel == channel, Message.role == "customer")
        .group_by(Interaction.ours, Interaction.person)
    )
    return [(ours, person, at.timestamp()) for ours, person, at in found]


async def _point(db: AsyncSession, workspace_id: UUID, sandbox_url: str) -> None:
    """Let the sample agents' tools find the sandbox, which may have another port than last time."""
    for agent in await agents.agents(db, workspace_id):
        agent.definition = _pointed(agent.definition, sandbox_url)
        agent.draft = _pointed(agent.draft, sandbox_url) if agent.draft is not None else None


def _pointed(definition: dict[str, Any], sandbox_url: str) -> dict[str, Any]:
    parameters = definition.get("parameters", {})
    if parameters.get("sandbox_url", sandbox_url) == sandbox_url:
        return definition
    return {**definition, "parameters": {**parameters, "sandbox_url": sandbox_url}}


async def _mailboxes(db: AsyncSession, workspace_id: UUID) -> None:
    """A mailbox for each sample agent; one from before there was mail gets them too."""
    made = await agents.addresses(db, workspace_id)
    for address in [one for one in made if one.channel == "webchat" and one.value in NUMBERS.values()]:
        value = f"{address.value}@{MAIL_DOMAIN}"
        if value not in [one.value for one in made]:
            db.add(
                Address(
                    workspace_id=workspace_id, channel="email", value=value, name=address.name,
                    agent_id=address.agent_id,
                )
            )  # fmt: skip


async def _api_key(db: AsyncSession, workspace_id: UUID) -> str:
    """The demo's key is made anew at each start, since only its hash is kept."""
    for old in await db.exec(select(ApiKey).where(ApiKey.workspace_id == workspace_id, ApiKey.name == "Demo")):
        old.revoked_at = utcnow()
    key, shown = new_api_key(workspace_id, "Demo", ["read", "write"])
    db.add(key)
    return shown


async def _fill(db: AsyncSession, settings: Settings) -> Workspace:
    workspace = Workspace(name="Demo workspace", time_zone="America/New_York")
    db.add(workspace)
    await db.flush()
    password_hash = hash_password(PASSWORD)
    for email, name, role in USERS:
        db.add(User(workspace_id=workspace.id, email=email, name=name, role=role, password_hash=password_hash))
    made = {name: await add_agent(db, workspace.id, name, settings.hub_sandbox_url) for name in NUMBERS.values()}
    for number, name in NUMBERS.items():
        agent = made[name]
        reached = {"call": number, "sms": number, "whatsapp": number, "webchat": name, "web_call": name}
        for channel, value in reached.items():
            db.add(Address(workspace_id=workspace.id, channel=channel, value=value, name=agent.name, agent_id=agent.id))
    await db.flush()
    await _conversations(db, workspace, made)
    return workspace


async def add_agent(
    db: AsyncSession, workspace_id: UUID, sample: str, sandbox_url: str, *, name: str = "", by: str = "",
    now: datetime | None = None,
) -> Agent:  # fmt: skip
    """One of the demo agents of fixtures/agents, published, with its knowledge; under another `name`, if given."""
    text = resources.files("fixtures.agents").joinpath(f"{sample}.json").read_text("utf-8")
    given: dict[str, Any] = json.loads(text)
    given["name"] = name or given["name"]
    knowledge = given.pop("knowledge", [])
    given["parameters"] = {**given.get("parameters", {}), "sandbox_url": sandbox_url}
    agent = await versions.create(db, workspace_id, AgentDefinition(**given), by, now or utcnow())
    for item in knowledge:
        db.add(Knowledge(workspace_id=workspace_id, agent_id=agent.id, **item))
    return agent


_CONVERSATIONS: list[dict[str, Any]] = [
    {
        "agent": "shop", "channel": "sms", "who": "+12025550141", "name": "Priya Nair", "minutes": 9, "owner": "queue",
        "said": [
            ("customer", "Hi, my order A1007 says delivered but nothing is here"),
            ("agent", "I'm sorry about that! A1007 was marked as delivered yesterday. Could a neighbour have it?"),
            ("customer", "No I asked. I need it before Friday, can I talk to a person please"),
            ("agent", "Of course. I'll pass you to a colleague, who will answer you right here."),
        ],
    },
    {
        "agent": "clinic", "channel": "sms", "who": "+12025550178", "name": "Marcus Webb", "minutes": 4,
        "owner": "queue",
        "said": [
            ("customer", "My filling fell out and it really hurts. What should I do?"),
            ("agent", "That sounds painful. I'll get a colleague for you right away."),
        ],
    },
    {
        "agent": "clinic", "channel": "webchat", "who": "visitor-sample-1", "name": "Elena Rossi", "minutes": 26,
        "said": [
            ("customer", "Do you take walk-ins on Saturday?"),
            ("agent", "We're closed on Saturdays. Monday to Friday you can walk in, and we fit you in when we can."),
            ("customer", "Great, I'll think about it"),
        ],
    },
    {
        "agent": "leads", "channel": "webchat", "who": "visitor-sample-2", "name": "Tom Becker", "minutes": 120,
        "end": "goodbye",
        "said": [
            ("customer", "We are looking for something for 40 people"),
            ("agent", "Happy to help! What are you hoping to solve first?"),
            ("customer", "Mostly missed calls. Bye for now"),
            ("agent", "Thank you, and goodbye!"),
        ],
    },
    {
        "agent": "shop", "channel": "whatsapp", "who": "+12025550177", "name": "Maria Santos", "minutes": 1240,
        "owner": "queue",
        "said": [
            ("customer", "Hi! The linen sheets arrived, but one has a tear in the seam 😞"),
            ("agent", "I'm sorry to hear that! Would you like a new one, or your money back?"),
            ("customer", "A new one please. Can somebody tell me when it comes?"),
            ("agent", "I'll pass you to a colleague, who will answer you right here."),
        ],
    },
    {
        "agent": "shop", "channel": "sms", "who": "+12025550192", "name": "Jo Lindqvist", "minutes": 1600,
        "end": "idle",
        "said": [
            ("customer", "What is your return policy?"),
            ("agent", "You can send anything back within 30 days. We pay for the label."),
            ("customer", "perfect thanks"),
        ],
    },
]  # fmt: skip


_KINDS = {"sms": "phone", "whatsapp": "whatsapp", "webchat": "visitor"}
"""What a person is known by on a channel of the samples."""


async def _conversations(db: AsyncSession, workspace: Workspace, made: dict[str, Agent]) -> None:
    now = utcnow()
    addresses = {(a.channel, a.agent_id): a for a in await db.exec(select(Address))}
    for sample in _CONVERSATIONS:
        agent = made[sample["agent"]]
        address = addresses[sample["channel"], agent.id]
        kind = _KINDS[sample["channel"]]
        customer = await identity.recognise(
            db, workspace, kind, sample["who"], name=sample["name"], source=sample["channel"]
        )
        at = now - timedelta(minutes=sample["minutes"] + len(sample["said"]))
        interaction = await open_interaction(
            db, workspace, customer, sample["channel"], f"{address.value}:{sample['who']}", sample["who"],
            address=address, now=at,
        )  # fmt: skip
        await _said(db, interaction, sample, agent.name, at)


async def _said(db: AsyncSession, interaction: Interaction, sample: dict[str, Any], author: str, at: datetime) -> None:
    for role, text in sample["said"]:
        at += timedelta(minutes=1)
        more = {"author": author, "status": "delivered"} if role == "agent" else {}
        say_in(db, interaction, at, role=role, text=text, **more)
        await db.flush()
    interaction.answered_seq = interaction.heard_seq
    interaction.waiting_since = None
    if sample.get("owner") == "queue":
        queue(db, interaction, "The customer asked for a person.", at)
    if reason := sample.get("end"):
        finish(db, interaction, "completed", reason, at)
