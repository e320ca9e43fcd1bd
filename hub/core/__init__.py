"""The hub: receive, start, say, end, take over, hand back. Here channel, agent and store meet."""

from hub.core.hub import Hub

__all__ = ["Hub"]
