"""The pages: one controller per page group, rendered by Jinja, kept live by htmx."""

from typing import Any

from web.pages import signin

PAGES: list[Any] = [
    *signin.HANDLERS,
]
"""Every page's route handlers."""
