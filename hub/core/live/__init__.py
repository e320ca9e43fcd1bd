"""Live interactions: from the carrier's knock to the last sound, and what they are asked to do meanwhile."""

from hub.core.live.call import LiveCall
from hub.core.live.commands import command
from hub.core.live.hanging_up import hang_up, take_back
from hub.core.live.lost import PLACED_WITHIN, look_after
from hub.core.live.receive import receive
from hub.core.live.report import report
from hub.core.live.warming import warm_up, warm_up_all

__all__ = [
    "PLACED_WITHIN",
    "LiveCall",
    "command",
    "hang_up",
    "look_after",
    "receive",
    "report",
    "take_back",
    "warm_up",
    "warm_up_all",
]
