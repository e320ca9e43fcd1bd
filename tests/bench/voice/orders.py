"""What the callers are told to do, and what they answer."""

from dataclasses import dataclass, field

from tests.bench.voice.check import Played
from tests.bench.voice.person import Exchange


@dataclass
class Orders:
    """What to do. `numbers` are those to call, in turns; `silent` those at which the ears give no sign of speech.

    `asking`: callers without marks in their sound, who never interrupt.
    """

    url: str
    core: int
    pid: int
    calls: int
    seconds: float
    sounds: str
    out: str
    numbers: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    shovel: bool = False
    asking: bool = False
    first: int = 1
    idle_seconds: float = 0.0


@dataclass
class CallResult:
    call: int
    person: str
    exchanges: list[Exchange] = field(default_factory=list)
    played: Played = field(default_factory=Played)
    frames: int = 0
    lasted: float = 0.0
    broken: bool = False
    took: list[float] = field(default_factory=list)
    asked: int = 0


@dataclass
class Result:
    """What was measured between `begin` and `end` (monotonic seconds).

    `stolen_share`: of the server's core, what a virtual machine was not given.
    """

    begin: float = 0.0
    end: float = 0.0
    server_cpu: float = 0.0
    idle_share: float = 0.0
    stolen_share: float = 0.0
    callers_cpu: float = 0.0
    resident_kb: tuple[int, int] = (0, 0)
    late_ms: list[float] = field(default_factory=list)
    calls: list[CallResult] = field(default_factory=list)
    echoes_ms: list[float] = field(default_factory=list)
    echoes_lost: int = 0
    refused: list[str] = field(default_factory=list)
