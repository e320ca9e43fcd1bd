"""What the callers are told to do, and what they answer."""

from dataclasses import dataclass, field

from tests.bench.voice.check import Played
from tests.bench.voice.person import Exchange


@dataclass
class Orders:
    """What to do. `numbers` are those to call, in turns; `silent` those at which the ears give no sign of speech."""

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
    first: int = 1
    quick: bool = False


@dataclass
class CallResult:
    call: int
    person: str
    exchanges: list[Exchange]
    played: Played
    frames: int
    lasted: float
    broken: bool


@dataclass
class Result:
    """What was measured between `begin` and `end` (monotonic seconds)."""

    begin: float = 0.0
    end: float = 0.0
    server_cpu: float = 0.0
    callers_cpu: float = 0.0
    resident_kb: tuple[int, int] = (0, 0)
    late_ms: list[float] = field(default_factory=list)
    calls: list[CallResult] = field(default_factory=list)
    echoes_ms: list[float] = field(default_factory=list)
    echoes_lost: int = 0
    refused: list[str] = field(default_factory=list)
    shovelled: int = 0
