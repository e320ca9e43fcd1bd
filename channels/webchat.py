"""Web chat: people on a website, known by a signed visitor token."""

from collections.abc import Mapping

from hub.channel import Channel, Limits


class Webchat(Channel):
    """Messages from the widget; the widget reads ours from the hub."""

    name = "webchat"
    label = "Web chat"
    identity = "visitor"
    limits = Limits(length=4_000, media_count=5, pulled=True)

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._secret = settings["HUB_SECRET_KEY"]
