"""The visitor's door: the chat page, the widget script, the live socket."""

from typing import Any

WEBCHAT: list[Any] = []
"""Every route handler of the web chat."""
