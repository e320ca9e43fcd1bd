"""The pages: one controller per page group, rendered by Jinja, kept live by htmx."""

from typing import Any

from web.pages import inbox, interactions, live, signin

PAGES: list[Any] = [
    *signin.HANDLERS,
    *inbox.HANDLERS,
    *live.HANDLERS,
    *interactions.HANDLERS,
]
"""Every page's route handlers."""
