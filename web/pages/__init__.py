"""The pages: one controller per page group, rendered by Jinja, kept live by htmx."""

from typing import Any

PAGES: list[Any] = []
"""Every page's route handlers."""
