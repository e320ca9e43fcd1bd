"""The API under /v1: one controller per resource, its schemas beside it."""

from typing import Any

API: list[Any] = []
"""Every route handler of the API."""
