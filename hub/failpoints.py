"""Places where a test lets the process die as by kill -9, to prove what survives.

`HUB_FAILPOINT=name` arms one; unset, reaching it costs a dictionary look-up.
"""

import os
import signal

_ARMED = os.environ.get("HUB_FAILPOINT", "")


def reach(name: str) -> None:
    """Die here, at once and without clean-up, when this failpoint is armed."""
    if _ARMED and name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
