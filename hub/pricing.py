"""What was used becomes money: a price for each use, exact sums, and what has no price is said so.

Money is counted in millionths of a currency, as integers; nothing is a float.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from uuid import UUID

KINDS = {
    "llm": "Thinking", "transcriber": "Hearing", "voice": "Speaking", "telephony": "Telephone", "messages": "Messages",
    "results": "Results",
}  # fmt: skip
"""What is paid for, in the order in which it is shown."""
UNITS = {
    "input_token": "input tokens", "cached_token": "cached input tokens", "output_token": "output tokens",
    "sound_ms": "ms of sound", "character": "characters", "call_ms": "ms of call", "segment": "segments",
    "message": "messages",
}  # fmt: skip
PER = {
    "input_token": (1_000_000, "million tokens"), "cached_token": (1_000_000, "million tokens"),
    "output_token": (1_000_000, "million tokens"), "sound_ms": (60_000, "minute"), "call_ms": (60_000, "minute"),
    "character": (1_000, "thousand characters"), "segment": (1, "segment"), "message": (1, "message"),
}  # fmt: skip
"""For how many units a price is usually told, and how that is said."""
MICROS = 1_000_000
EMBEDDED = "embedded"
"""The vendor of engines that are part of the hub: they cost nothing."""
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A price: `amount_micros` of `currency` for `per` units, each use rounded up to multiples of `step`.

    `vendor` and `model` may end in `*`. Without an `id` it is one of `DEFAULTS`.
    """

    vendor: str
    model: str
    unit: str
    amount_micros: int
    per: int
    step: int = 1
    currency: str = "USD"
    valid_from: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    id: UUID | None = None

    def fits(self, vendor: str, model: str, unit: str) -> bool:
        return unit == self.unit and _like(self.vendor, vendor) and _like(self.model, model)

    @property
    def precision(self) -> tuple[bool, int, int]:
        """What goes before: a workspace's own price, then the one that names more of vendor and model."""
        return self.id is not None, _length(self.vendor), _length(self.model)


def _like(pattern: str, name: str) -> bool:
    if pattern.endswith("*"):
        return name.lower().startswith(pattern[:-1].lower())
    return name.lower() == pattern.lower()


def _length(pattern: str) -> int:
    return 2 * len(pattern) - 2 if pattern.endswith("*") else 2 * len(pattern) + 1


def _llm(model: str, given: int, cached: int, made: int) -> list[Rate]:
    """Micros for a million tokens."""
    tokens = {"input_token": given, "cached_token": cached, "output_token": made}
    return [Rate("openai", model, unit, amount, 1_000_000) for unit, amount in tokens.items()]


DEFAULTS: tuple[Rate, ...] = (
    *_llm("gpt-4o*", 2_500_000, 1_250_000, 10_000_000),
    *_llm("gpt-4o-mini*", 150_000, 75_000, 600_000),
    *_llm("gpt-4.1*", 2_000_000, 500_000, 8_000_000),
    *_llm("gpt-4.1-mini*", 400_000, 100_000, 1_600_000),
    *_llm("gpt-4.1-nano*", 100_000, 25_000, 400_000),
    *_llm("gpt-5*", 1_250_000, 125_000, 10_000_000),
    *_llm("gpt-5-mini*", 250_000, 25_000, 2_000_000),
    *_llm("gpt-5-nano*", 50_000, 5_000, 400_000),
    Rate("openai", "*", "sound_ms", 6_000, MINUTE_MS),
    Rate("openai", "gpt-4o-mini-transcribe*", "sound_ms", 3_000, MINUTE_MS),
    Rate("openai", "*", "character", 15_000, 1_000),
    Rate("openai", "tts-1-hd*", "character", 30_000, 1_000),
    Rate("deepgram", "*", "sound_ms", 7_700, MINUTE_MS),
    Rate("deepgram", "*", "character", 30_000, 1_000),
    Rate("elevenlabs", "*", "character", 100_000, 1_000),
    Rate("elevenlabs", "eleven_flash*", "character", 50_000, 1_000),
    Rate("elevenlabs", "eleven_turbo*", "character", 50_000, 1_000),
    Rate("elevenlabs", "*", "sound_ms", 6_700, MINUTE_MS),
    Rate("twilio", "inbound", "call_ms", 8_500, MINUTE_MS, step=MINUTE_MS),
    Rate("twilio", "outbound", "call_ms", 14_000, MINUTE_MS, step=MINUTE_MS),
    Rate("twilio", "sms*", "segment", 8_300, 1),
    Rate("twilio", "sms inbound with media", "message", 16_500, 1),
    Rate("twilio", "sms outbound with media", "message", 22_000, 1),
    Rate("twilio", "whatsapp*", "message", 5_000, 1),
    Rate("sendgrid", "email outbound", "message", 400, 1),
    Rate("sendgrid", "email inbound", "message", 0, 1),
    *(Rate(EMBEDDED, "*", unit, 0, per) for unit, (per, _) in PER.items()),
)
"""List prices of the vendors in US dollars, for a beginning; a workspace writes its own beside them."""


class Prices:
    """All prices of a workspace, the defaults behind its own."""

    def __init__(self, own: Iterable[Rate] = (), defaults: Iterable[Rate] = DEFAULTS) -> None:
        self.rates = sorted([*own, *defaults], key=lambda rate: (rate.precision, rate.valid_from), reverse=True)

    def of(self, vendor: str, model: str, unit: str, at: datetime) -> Rate | None:
        """The price of that at that time, if there is one."""
        fitting = (rate for rate in self.rates if rate.fits(vendor, model, unit))
        return next((rate for rate in fitting if rate.valid_from <= at), None)

    def spans(self, vendor: str, model: str, unit: str) -> list[tuple[datetime | None, datetime | None, Rate | None]]:
        """The price over all time: from, until, and which, None where there is none."""
        fitting = [rate for rate in self.rates if rate.fits(vendor, model, unit)]
        edges = sorted({rate.valid_from for rate in fitting})
        ends: list[datetime | None] = [*edges, None]
        spans = [(begin, ends[at + 1], self.of(vendor, model, unit, begin)) for at, begin in enumerate(edges)]
        return [(None, ends[0], None), *spans]


@dataclass(frozen=True, slots=True)
class Use:
    """So many units of something used once; `kind`, `vendor`, `model` and `unit` as in `UsageEntry`."""

    kind: str
    vendor: str
    model: str
    unit: str
    quantity: int
    own: bool = False
    at: datetime = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CostLine:
    """All uses of one thing at one price. `charged` are the units after rounding up; `micros` None: no price."""

    kind: str
    vendor: str
    model: str
    unit: str
    own: bool
    quantity: int
    charged: int
    rate: Rate | None
    micros: int | None

    @property
    def what(self) -> str:
        return " ".join(part for part in (self.vendor, self.model, UNITS.get(self.unit, self.unit)) if part)


@dataclass(frozen=True, slots=True)
class Cost:
    """A breakdown. What has no price is in no total, but in `missing`."""

    lines: Sequence[CostLine] = field(default=())

    @property
    def totals(self) -> dict[str, int]:
        """Micros by currency."""
        return self._sum(self.lines)

    @property
    def own(self) -> dict[str, int]:
        """What of that the workspace's own vendor accounts are charged."""
        return self._sum([line for line in self.lines if line.own])

    @property
    def missing(self) -> list[CostLine]:
        return [line for line in self.lines if line.micros is None]

    @staticmethod
    def _sum(lines: Iterable[CostLine]) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in lines:
            if line.micros is not None and line.rate is not None:
                found[line.rate.currency] = found.get(line.rate.currency, 0) + line.micros
        return found


def rounded_up(quantity: int, step: int) -> int:
    return -(-quantity // step) * step


def charge(rate: Rate | None, charged: int) -> int | None:
    """Micros for so many units, half a micro rounded up."""
    if rate is None:
        return None
    return int(Fraction(charged * rate.amount_micros, rate.per) + Fraction(1, 2))


def cost_of(uses: Iterable[Use], prices: Prices) -> Cost:
    """What these uses cost, a line for each thing and price."""
    sums: dict[tuple[str, str, str, str, bool, Rate | None], tuple[int, int]] = {}
    for use in uses:
        rate = prices.of(use.vendor, use.model, use.unit, use.at)
        key = (use.kind, use.vendor, use.model, use.unit, use.own, rate)
        quantity, charged = sums.get(key, (0, 0))
        step = rate.step if rate else 1
        sums[key] = quantity + use.quantity, charged + rounded_up(use.quantity, step)
    return cost_from(sums)


def cost_from(sums: Mapping[tuple[str, str, str, str, bool, Rate | None], tuple[int, int]]) -> Cost:
    """The breakdown of units already summed up: (quantity, charged) by kind, vendor, model, unit, own and price."""
    lines = [
        CostLine(kind, vendor, model, unit, own, quantity, charged, rate, charge(rate, charged))
        for (kind, vendor, model, unit, own, rate), (quantity, charged) in sums.items()
    ]
    return Cost(sorted(lines, key=_place))


def _place(line: CostLine) -> tuple[int, str, bool, str]:
    """By kind, thing and account, then by price, the older first."""
    order, rate = list(KINDS), line.rate
    place = order.index(line.kind) if line.kind in order else len(order)
    return place, line.what, line.own, f"{rate.valid_from.isoformat()} {rate}" if rate else ""


def money(micros: int, currency: str = "USD", *, cents: bool = True) -> str:
    """As people read it: to the cent, half a cent rounded up, or to the last micro that is not 0."""
    sign = {"USD": "$", "EUR": "€", "GBP": "£"}.get(currency, f"{currency} ")
    if cents:
        whole, rest = divmod((micros + 5_000) // 10_000, 100)
        return f"{sign}{whole:,}.{rest:02}"
    whole, rest = divmod(micros, MICROS)
    digits = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole:,}.{digits}"


def decimal(micros: int) -> str:
    """Micros as a decimal number of the currency, all six places of it."""
    return f"{micros // MICROS}.{micros % MICROS:06}"
