"""The pages: one controller per page group, rendered by Jinja, kept live by htmx."""

from typing import Any

from web.pages import (
    addresses,
    agent_flow,
    agent_json,
    agent_words,
    agents,
    call_room,
    calls,
    customers,
    home,
    inbox,
    interactions,
    keys,
    knowledge,
    live,
    playground,
    recordings,
    settings,
    signin,
    skills,
    tools,
    transcripts,
    users,
)

PAGES: list[Any] = [
    *signin.HANDLERS,
    *inbox.HANDLERS,
    *live.HANDLERS,
    *interactions.HANDLERS,
    *transcripts.HANDLERS,
    *recordings.HANDLERS,
    *call_room.HANDLERS,
    *calls.HANDLERS,
    *home.HANDLERS,
    *agents.HANDLERS,
    *agent_words.HANDLERS,
    *agent_flow.HANDLERS,
    *agent_json.HANDLERS,
    *tools.HANDLERS,
    *knowledge.HANDLERS,
    *playground.HANDLERS,
    *customers.HANDLERS,
    *settings.HANDLERS,
    *addresses.HANDLERS,
    *users.HANDLERS,
    *keys.HANDLERS,
    *skills.HANDLERS,
]
"""Every page's route handlers."""
