"""What interactions cost: breakdowns, usage over time, and the prices it follows from."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import JSONBody, QueryParameter
from pydantic import Field

from hub.models import Price
from hub.models.usage import Unit
from hub.pricing import DEFAULTS, Cost, CostLine, Rate, decimal
from hub.store import interactions, usages
from web.api.paging import Time, time
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

DAYS = 30
MOST_PRICES = 1_000
_MONEY = {"currency": "USD", "micros": 8500, "amount": "0.008500"}
_LINE: dict[str, Any] = {
    "kind": "telephony", "vendor": "twilio", "model": "inbound", "unit": "call_ms", "quantity": 42_000,
    "charged": 60_000, "own_account": False, "cost": _MONEY,
    "price": {"amount_micros": 8500, "per": 60_000, "step": 60_000, "currency": "USD", "price_id": None},
}  # fmt: skip
_COST: dict[str, Any] = {"totals": [_MONEY], "own_account": [], "missing": [], "lines": [_LINE]}
_PRICE: dict[str, Any] = {
    "vendor": "openai", "model": "gpt-4o-mini*", "unit": "input_token", "amount_micros": 150_000, "per": 1_000_000,
    "step": 1, "currency": "USD",
}  # fmt: skip


class Money(Shape):
    """An amount: `micros` are millionths of the currency, `amount` the same as a decimal number."""

    model_config = shown(_MONEY)
    currency: str
    micros: int
    amount: str


class PriceUsed(Shape):
    """The price a line was charged by. `price_id` null: one of the hub's own list."""

    model_config = shown(_LINE["price"])
    amount_micros: int
    per: int
    step: int
    currency: str
    price_id: UUID | None


class CostLinePublic(Shape):
    """All uses of one thing at one price. `charged` are the units after rounding up; without a price `cost` is null."""

    model_config = shown(_LINE)
    kind: str
    vendor: str
    model: str
    unit: str
    quantity: int
    charged: int
    own_account: bool = Field(description="Whether an account of the workspace's own was used.")
    cost: Money | None
    price: PriceUsed | None


class CostPublic(Shape):
    """A breakdown. The totals are the sums of the lines; what has no price is in `missing` and in no total."""

    model_config = shown(_COST)
    totals: list[Money]
    own_account: list[Money] = Field(description="What of the totals the workspace's own vendor accounts are charged.")
    missing: list[str] = Field(description="What there is no price for.")
    lines: list[CostLinePublic]


class InteractionCost(CostPublic):
    """What an interaction costs, also by turn."""

    model_config = shown(
        {"interaction_id": "0198c0de-0000-7000-8000-000000000020", **_COST, "turns": [{"turn": 3, "totals": [_MONEY]}]}
    )
    interaction_id: UUID
    turns: list["TurnCost"]


class TurnCost(Shape):
    """What an answer took. `turn` is the seq of the customer's message that it answers; 0: before the first one."""

    model_config = shown({"turn": 3, "totals": [_MONEY]})
    turn: int
    totals: list[Money]


class UsageGroup(CostPublic):
    """What one group used."""

    model_config = shown({"group": "call", **_COST})
    group: str


class UsagePublic(CostPublic):
    """What was used in a stretch of time, all of it and by group."""

    model_config = shown(
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-31T00:00:00Z", "group_by": "channel",
         "groups": [{"group": "call", **_COST}], **_COST}
    )  # fmt: skip
    since: datetime
    until: datetime
    group_by: str
    groups: list[UsageGroup]


class PriceCreate(Shape):
    """What `per` units cost from a time on. `vendor` and `model` may end in `*`; each use is rounded up to `step`."""

    model_config = shown(_PRICE)
    vendor: str = Field(min_length=1, max_length=100)
    model: str = Field(default="*", max_length=200)
    unit: Unit
    amount_micros: int = Field(ge=0, le=10**15)
    per: int = Field(default=1, ge=1, le=10**12)
    step: int = Field(default=1, ge=1, le=10**9)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    valid_from: Annotated[str, Field(max_length=40)] | None = Field(default=None, description="Default now.")


class PricePublic(Shape):
    """A price. Without an `id` it is one of the hub's own list; your own go before those."""

    model_config = shown({"id": "0198c0de-0000-7000-8000-000000000042", **_PRICE, "valid_from": "2026-01-01T00:00:00Z"})
    id: UUID | None
    vendor: str
    model: str
    unit: str
    amount_micros: int
    per: int
    step: int
    currency: str
    valid_from: datetime


class PriceList(Shape):
    """All prices, your own first."""

    model_config = shown({"data": [{"id": None, **_PRICE, "valid_from": "2024-01-01T00:00:00Z"}]})
    data: list[PricePublic]


def money(totals: dict[str, int]) -> list[Money]:
    return [Money(currency=one, micros=micros, amount=decimal(micros)) for one, micros in sorted(totals.items())]


def line_public(line: CostLine) -> CostLinePublic:
    rate, cost = line.rate, None
    if rate is not None and line.micros is not None:
        cost = Money(currency=rate.currency, micros=line.micros, amount=decimal(line.micros))
    return CostLinePublic(
        kind=line.kind, vendor=line.vendor, model=line.model, unit=line.unit, quantity=line.quantity,
        charged=line.charged, own_account=line.own, cost=cost,
        price=PriceUsed(
            amount_micros=rate.amount_micros, per=rate.per, step=rate.step, currency=rate.currency, price_id=rate.id
        ) if rate is not None else None,
    )  # fmt: skip


def parts_of(cost: Cost) -> dict[str, Any]:
    """The fields of a breakdown."""
    return {
        "totals": money(cost.totals), "own_account": money(cost.own),
        "missing": [line.what for line in cost.missing], "lines": [line_public(line) for line in cost.lines],
    }  # fmt: skip


def price_public(rate: Rate) -> PricePublic:
    return PricePublic(**{name: getattr(rate, name) for name in PricePublic.model_fields})


class Costs(Controller):
    """Costs."""

    tags = ["Costs"]

    @get("/interactions/{interaction_id:uuid}/cost", opt={"scope": "read"}, summary="Get the cost")
    async def get_cost(self, request: ApiRequest, interaction_id: PathId) -> InteractionCost:
        """So far; the carrier's time of a call is counted when it is over."""
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
            if found is None:
                raise missing("interaction")
            cost, turns = await usages.cost(db, found), await usages.cost_by_turn(db, found)
        by_turn = [TurnCost(turn=turn, totals=money(one.totals)) for turn, one in sorted(turns.items())]
        return InteractionCost(interaction_id=interaction_id, turns=by_turn, **parts_of(cost))

    @get("/usage", opt={"scope": "read"}, summary="Get usage")
    async def get_usage(
        self,
        request: ApiRequest,
        since: Annotated[Time, QueryParameter(description=f"Default {DAYS} days ago.")] = None,
        until: Annotated[Time, QueryParameter(description="Default now.")] = None,
        group_by: Annotated[
            Literal["channel", "agent_id", "kind", "vendor", "model", "day"],
            QueryParameter(description="channel, agent_id, kind, vendor, model or day (UTC)."),
        ] = "channel",
    ) -> UsagePublic:
        """What was used from `since` until before `until`, and what it costs."""
        end = time("until", until) or request.clock.now()
        begin = time("since", since) or end - timedelta(days=DAYS)
        async with request.store.read() as db:
            whole = (await usages.usage(db, request.workspace_id, begin, end)).get("", Cost())
            groups = await usages.usage(db, request.workspace_id, begin, end, group_by)
        shown_groups = [UsageGroup(group=name, **parts_of(cost)) for name, cost in sorted(groups.items())]
        return UsagePublic(since=begin, until=end, group_by=group_by, groups=shown_groups, **parts_of(whole))

    @get("/prices", opt={"scope": "read"}, summary="List prices")
    async def list_prices(self, request: ApiRequest) -> PriceList:
        """Your own, the newest first, then the hub's list. The most precise one that is valid counts."""
        async with request.store.read() as db:
            own = [usages.rate_of(row) for row in await usages.price_rows(db, request.workspace_id)]
        return PriceList(data=[price_public(rate) for rate in (*own, *DEFAULTS)])

    @post("/prices", opt={"scope": "write"}, summary="Add a price")
    async def create_price(self, request: ApiRequest, data: JSONBody[PriceCreate]) -> PricePublic:
        """It stands beside older ones: what was used before `valid_from` keeps its price."""
        now = request.clock.now()
        row = Price(
            workspace_id=request.workspace_id, by=request.user.name, created_at=now,
            **data.model_dump(exclude={"valid_from"}), valid_from=time("valid_from", data.valid_from) or now,
        )  # fmt: skip
        async with request.store.write() as db:
            if len(await usages.price_rows(db, request.workspace_id)) >= MOST_PRICES:
                words = f"There are {MOST_PRICES} prices; remove some first."
                raise Refusal(422, words, pointer=pointer("vendor"), code="too_many")
            db.add(row)
        return price_public(usages.rate_of(row))

    @delete("/prices/{price_id:uuid}", opt={"scope": "write"}, summary="Remove a price")
    async def delete_price(self, request: ApiRequest, price_id: PathId) -> None:
        """As if it had never been: what it was charged for has the next fitting price, or none."""
        async with request.store.write() as db:
            if await usages.price(db, request.workspace_id, price_id) is None:
                raise missing("price")
            await usages.remove_price(db, request.workspace_id, price_id)
