"""Live interactions: from the carrier's knock to the last sound, and what they are asked to do meanwhile."""

from hub.core.live.call import LiveCall
from hub.core.live.commands import command
from hub.core.live.hanging_up import call_off, end_in, hang_up
from hub.core.live.lost import look_after
from hub.core.live.placing import place
from hub.core.live.receive import receive
from hub.core.live.report import report
from hub.core.live.warming import warm_up, warm_up_all

__all__ = [
    "LiveCall",
    "call_off",
    "command",
    "end_in",
    "hang_up",
    "look_after",
    "place",
    "receive",
    "report",
    "warm_up",
    "warm_up_all",
]
