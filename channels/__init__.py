"""Ways of reaching people. One file and one line each; nothing here knows the hub's inside."""

from collections.abc import Mapping
from importlib import import_module

from hub.channel import Channel

CHANNELS = {
    "call": "channels.call:Call",
    "email": "channels.email:Email",
    "sms": "channels.sms:Sms",
    "web_call": "channels.web_call:WebCall",
    "webchat": "channels.webchat:Webchat",
    "whatsapp": "channels.whatsapp:WhatsApp",
}
"""The roster: name (= URL segment = column value) > class."""


def open_channels(settings: Mapping[str, str]) -> dict[str, Channel]:
    """Every channel of the roster, made with the settings (environment names > values)."""
    made: dict[str, Channel] = {}
    for name, target in CHANNELS.items():
        module, _, attribute = target.partition(":")
        made[name] = getattr(import_module(module), attribute)(settings)
    return made
