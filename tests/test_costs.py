"""What texts cost, right to the cent; prices and their times; a breakdown is what its lines add up to."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from channels.email import Email
from channels.sms import Sms
from channels.webchat import Webchat
from channels.whatsapp import WhatsApp
from hub.channel import Inbound, Media, Undeliverable
from hub.core.answer import answer
from hub.core.deliver import settle
from hub.core.recover import sweep
from hub.models import Interaction, Message, Price, UsageEntry
from hub.pricing import DEFAULTS, Cost, Prices, Rate, Use, cost_of, decimal, money, rounded_up
from hub.store import Store, usages
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.result_world import ACCOUNTS, OWN, THOUGHT, THOUGHT_MICROS, acme, definition, priced
from tests.world import Core, Home, bus, core, furnish

ANA = "+12025550101"
LIMITS = {"sms": Sms.limits, "whatsapp": WhatsApp.limits, "email": Email.limits, "webchat": Webchat.limits}
WHEN = datetime(2026, 3, 1, tzinfo=UTC)


class Shop:
    """A hub with text channels as they are, by which nothing leaves, and an agent of acme's."""

    def __init__(self, made: Core, home: Home) -> None:
        self.made, self.home = made, home

    async def writes(self, channel: str, body: str, media: Sequence[Media] = (), sid: str = "") -> Interaction:
        sender = {"email": "ana@people.example", "webchat": "visitor-7"}.get(channel, ANA)
        await self.made.hub.receive(
            Inbound(
                channel, "message", sid or uuid4().hex, sender=sender, recipient=OUR_NUMBER, text=body,
                media=tuple(media), about="",
            )
        )  # fmt: skip
        await self.made.settled()
        return await self.made.records.one(Interaction, Interaction.channel == channel)

    async def cost(self, interaction: Interaction) -> Cost:
        async with self.made.context.store.read() as db:
            return await usages.cost(db, interaction)

    async def used(self) -> list[UsageEntry]:
        async with self.made.context.store.read() as db:
            return list((await db.exec(select(UsageEntry))).all())


async def a_shop(made: Core, store: Store) -> Shop:
    home = await furnish(store, definition=definition("acme"), channels=list(LIMITS))
    await priced(store, home.workspace_id)
    made.context.accounts = ACCOUNTS
    for name, limits in LIMITS.items():
        made.channels[name].limits = limits
    made.channels["email"].identity, made.channels["webchat"].identity = "email", "visitor"
    return Shop(made, home)


def lines(cost: Cost, kind: str) -> list[tuple[str, int, str]]:
    """Model, quantity and money of each line of a kind."""
    return [(one.model, one.quantity, money(one.micros or 0, cents=False)) for one in cost.lines if one.kind == kind]


@pytest.mark.anyio
async def test_an_sms_costs_its_segments_both_ways_and_the_thought(store: Store, clock: FakeClock) -> None:
    with acme():
        async with core(store, clock, *LIMITS) as made:
            shop = await a_shop(made, store)
            cost = await shop.cost(await shop.writes("sms", "é" * 80 + "ш"))
            (sent,) = made.channels["sms"].sent
            assert len(sent.text) > 70
            assert lines(cost, "messages") == [("sms inbound", 2, "$0.0166"), ("sms outbound", 2, "$0.0166")]
            assert cost.totals == {"USD": THOUGHT_MICROS + 4 * 8_300}
            assert money(cost.totals["USD"]) == "$2.45"


@pytest.mark.anyio
async def test_a_picture_is_a_message_of_its_own_price(store: Store, clock: FakeClock) -> None:
    with acme():
        async with core(store, clock, *LIMITS) as made:
            shop = await a_shop(made, store)
            cost = await shop.cost(await shop.writes("sms", "look", [Media("https://x.example/a.png", "image/png")]))
            assert lines(cost, "messages")[0] == ("sms inbound with media", 1, "$0.0165")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("channel", "messages"),
    [
        ("webchat", []),
        ("whatsapp", [("whatsapp inbound", 1, "$0.005"), ("whatsapp outbound", 1, "$0.005")]),
    ],
)
async def test_other_texts_cost_what_their_carrier_takes(
    store: Store, clock: FakeClock, channel: str, messages: list[Any]
) -> None:
    with acme():
        async with core(store, clock, *LIMITS) as made:
            shop = await a_shop(made, store)
            cost = await shop.cost(await shop.writes(channel, "hello"))
            assert lines(cost, "messages") == messages
            assert cost.totals == {"USD": THOUGHT_MICROS + 5_000 * len(messages)}


@pytest.mark.anyio
async def test_a_mail_costs_what_it_costs_to_send(store: Store, clock: FakeClock) -> None:
    with acme():
        async with core(store, clock, *LIMITS) as made:
            shop = await a_shop(made, store)
            cost = await shop.cost(await shop.writes("email", "Hello there"))
            assert lines(cost, "messages") == [("email inbound", 1, "$0.00"), ("email outbound", 1, "$0.0004")]


@pytest.mark.anyio
async def test_a_webhook_that_comes_again_and_a_report_before_the_answer_count_nothing_twice(
    store: Store, clock: FakeClock
) -> None:
    with acme():
        async with core(store, clock, *LIMITS) as made:
            shop = await a_shop(made, store)
            made.channels["sms"].troubles = [Undeliverable("try again", retry=True)]
            for _ in range(3):
                await shop.writes("sms", "hello", sid="SM1")
            clock.forward(seconds=10)
            await sweep(made.context, clock.now())
            await made.settled()
            reply = await made.records.one(Message, Message.role == "agent")
            assert reply.status == "sent"
            await asyncio.gather(*(settle(made.context, reply.id, f"SM{n}") for n in range(5)))
            status = Inbound("sms", "status", "x", about=str(reply.id), status="delivered")
            for _ in range(2):
                await made.hub.receive(status)
            keys = [row.key for row in await shop.used() if row.kind == "messages"]
            assert len(keys) == len(set(keys)) == 2


@pytest.mark.anyio
async def test_a_thought_that_was_overtaken_is_paid_for_as_well(store: Store, clock: FakeClock) -> None:
    with acme():
        async with core(store, clock, *LIMITS) as made:
            shop = await a_shop(made, store)
            first = Inbound("sms", "message", "SM1", sender=ANA, recipient=OUR_NUMBER, text="hello")
            second = Inbound("sms", "message", "SM2", sender=ANA, recipient=OUR_NUMBER, text="and this")
            await made.hub.receive(first)
            await made.hub.receive(second)
            await made.settled()
            interaction = await made.records.one(Interaction)
            thoughts = sum(row.quantity for row in await shop.used() if row.unit == "output_token")
            replies = await made.records.all(Message, Message.role == "agent")
            assert thoughts >= len(replies) * THOUGHT.output_tokens
            await answer(made.context, interaction.id)  # nothing is owed: nothing is thought
            assert thoughts == sum(row.quantity for row in await shop.used() if row.unit == "output_token")


@pytest.mark.anyio
async def test_what_has_no_price_is_said_and_in_no_total(store: Store, clock: FakeClock) -> None:
    with acme():
        home = await furnish(store, definition=definition("acme"), channels=["sms"])
        async with core(store, clock) as made:
            made.context.accounts = OWN
            made.channels["sms"].limits = Sms.limits
            shop = Shop(made, home)
            cost = await shop.cost(await shop.writes("sms", "hello"))
            assert [line.what for line in cost.missing] == [
                "acme thinker-1 cached input tokens", "acme thinker-1 input tokens", "acme thinker-1 output tokens",
            ]  # fmt: skip
            assert cost.totals == {"USD": 2 * 8_300}
            assert cost.own == {}
            await priced(store, home.workspace_id, currency="EUR")
            again = await shop.cost(await made.records.one(Interaction))
            assert again.totals == {"USD": 2 * 8_300, "EUR": THOUGHT_MICROS}
            assert again.own == {"EUR": THOUGHT_MICROS}
            assert again.missing == []


@pytest.mark.anyio
async def test_a_new_price_leaves_what_is_past_as_it_was_and_is_no_other_workspaces(
    store: Store, clock: FakeClock
) -> None:
    with acme():
        async with core(store, clock, *LIMITS) as made:
            shop = await a_shop(made, store)
            other = await furnish(store, number="+15005550007", name="Other")
            before = await shop.writes("webchat", "hello")
            clock.forward(seconds=60)
            changed = clock.now()
            for workspace_id, micros in ((shop.home.workspace_id, 9_000_000), (other.workspace_id, 1)):
                async with store.write() as db:
                    db.add(
                        Price(
                            workspace_id=workspace_id, vendor="acme", model="thinker-1", unit="output_token",
                            amount_micros=micros, per=40, valid_from=changed,
                        )
                    )  # fmt: skip
            assert (await shop.cost(before)).totals == {"USD": THOUGHT_MICROS}
            clock.forward(seconds=60)
            await shop.writes("webchat", "and now")
            assert (await shop.cost(before)).totals == {"USD": 2 * THOUGHT_MICROS - 320_000 + 9_000_000}


@pytest.mark.anyio
async def test_what_the_database_sums_up_is_what_the_interactions_cost(store: Store, clock: FakeClock) -> None:
    """Over changing prices and steps, whatever it is grouped by."""
    chance = random.Random(7)
    home = await furnish(store)
    other = await furnish(store, number="+15005550007", name="Other")
    async with core(store, clock) as made:
        begin, ids = clock.now() - timedelta(days=30), []
        for n in range(12):
            await made.hub.receive(
                Inbound("sms", "message", f"SM{n}", sender=f"+12025550{n:03}", recipient=OUR_NUMBER, text="hello")
            )
        await made.settled()
        for interaction in await made.records.all(Interaction):
            ids.append(interaction.id)
            uses = [
                (f"{n}", Use(chance.choice(("llm", "telephony")), "v", chance.choice("ab"), "call_ms",
                             chance.randrange(1, 10**6), chance.random() < 0.5))
                for n in range(20)
            ]  # fmt: skip
            async with store.write() as db:
                for key, use in uses:
                    at = begin + timedelta(seconds=chance.randrange(30 * 86_400))
                    await usages.add(db, interaction, at, [(key, use)])
        async with store.write() as db:
            for days, step in ((40, 60_000), (20, 7), (10, 60_000), (3, 1)):
                db.add(
                    Price(
                        workspace_id=home.workspace_id, vendor="v", model="a*", unit="call_ms", per=60_000, step=step,
                        amount_micros=chance.randrange(10**6), valid_from=clock.now() - timedelta(days=days),
                    )
                )  # fmt: skip
        async with store.read() as db:
            end = clock.now() + timedelta(days=1)
            known = await usages.prices(db, home.workspace_id)
            everything = [use for one in ids for use in await uses_of(db, home.workspace_id, one)]
            whole = (await usages.usage(db, home.workspace_id, begin, end))[""]
            assert whole == cost_of(everything, known)
            assert whole.missing
            for group in usages.GROUPS:
                groups = await usages.usage(db, home.workspace_id, begin, end, group)
                assert sum(line.charged for cost in groups.values() for line in cost.lines) == sum(
                    line.charged for line in whole.lines
                )
            assert set(await usages.usage(db, home.workspace_id, begin, end, "kind")) == {"llm", "telephony"}
            assert len(await usages.usage(db, home.workspace_id, begin, end, "day")) > 20
            assert await usages.usage(db, other.workspace_id, begin, end) == {}


async def uses_of(db: Any, workspace_id: UUID, interaction_id: UUID) -> list[Use]:
    return [usages.use_of(row) for row in await usages.entries(db, workspace_id, interaction_id)]


@pytest.mark.anyio
async def test_a_use_written_down_again_under_its_key_stays_as_it_was(database_url: str, clock: FakeClock) -> None:
    stores = [Store(database_url, bus()) for _ in range(2)]
    await furnish(stores[0])
    async with core(stores[0], clock) as made:
        await made.hub.receive(
            Inbound("sms", "message", "SM1", sender=ANA, recipient=OUR_NUMBER, text="hello")
        )  # fmt: skip
        await made.settled()
        interaction = await made.records.one(Interaction)

        async def add(store: Store, quantity: int) -> None:
            async with store.write() as db:
                await usages.add(db, interaction, clock.now(), [("once", Use("llm", "v", "m", "character", quantity))])

        await add(stores[0], 5)
        await asyncio.gather(*(add(store, 7) for store in stores for _ in range(5)))
        assert [row.quantity for row in await Shop(made, None).used()] == [5]  # type: ignore[arg-type]
    for store in stores:
        await store.close()


# sums


EARLY, LATE = datetime(2026, 2, 1), datetime(2026, 7, 1)  # noqa: DTZ001 - as hypothesis wants them
RATES = st.builds(
    Rate, st.sampled_from(["v", "v*", "*", "w"]), st.sampled_from(["m", "m*", "*", "big-m"]), st.just("character"),
    st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 10**5), st.sampled_from(["USD", "EUR"]),
    st.datetimes(EARLY, LATE, timezones=st.just(UTC)), st.one_of(st.none(), st.uuids()),
)  # fmt: skip
USES = st.lists(
    st.builds(
        Use, st.sampled_from(["llm", "voice"]), st.sampled_from(["v", "w", "x"]), st.sampled_from(["m", "mm", "big-m"]),
        st.just("character"), st.integers(1, 10**9), st.booleans(),
        st.datetimes(EARLY, LATE, timezones=st.just(UTC)),
    ), max_size=20,
)  # fmt: skip


@settings(max_examples=200, deadline=None, database=None)
@given(USES, st.lists(RATES, max_size=6))
def test_the_lines_of_a_breakdown_add_up_to_its_totals_and_none_is_off_by_a_micro(
    uses: list[Use], own: list[Rate]
) -> None:
    prices = Prices(own, ())
    cost = cost_of(uses, prices)
    for currency, total in cost.totals.items():
        mine = [line for line in cost.lines if line.rate is not None and line.rate.currency == currency]
        assert total == sum(line.micros or 0 for line in mine)
        exact = sum(
            (Fraction(rounded_up(use.quantity, rate.step) * rate.amount_micros, rate.per) for use in uses
             if (rate := prices.of(use.vendor, use.model, use.unit, use.at)) is not None and rate.currency == currency),
            Fraction(0),
        )  # fmt: skip
        assert abs(total - exact) <= Fraction(len(mine), 2)
    assert sum(line.quantity for line in cost.lines) == sum(use.quantity for use in uses)
    unpriced = [use for use in uses if prices.of(use.vendor, use.model, use.unit, use.at) is None]
    assert sum(line.quantity for line in cost.missing) == sum(use.quantity for use in unpriced)
    assert cost_of(list(reversed(uses)), prices) == cost


@settings(max_examples=200, deadline=None, database=None)
@given(USES, st.lists(RATES, max_size=6))
def test_over_time_the_price_is_the_one_of_the_moment(uses: list[Use], own: list[Rate]) -> None:
    prices = Prices(own, ())
    for use in uses:
        spans = prices.spans(use.vendor, use.model, use.unit)
        here = [
            rate for begin, end, rate in spans if (begin is None or begin <= use.at) and (end is None or use.at < end)
        ]
        assert here == [prices.of(use.vendor, use.model, use.unit, use.at)]


def test_a_workspaces_own_price_goes_before_the_hubs_and_the_more_precise_before_the_wider() -> None:
    mine = Rate("openai", "*", "input_token", 1, 1, id=UUID(int=1), valid_from=WHEN)
    at = WHEN + timedelta(days=1)
    assert Prices([mine]).of("openai", "gpt-4o-mini", "input_token", at) is mine
    assert Prices([mine]).of("openai", "gpt-4o-mini", "input_token", WHEN - timedelta(days=1)) != mine
    mini = Prices().of("openai", "gpt-4o-mini-2024-07-18", "input_token", at)
    assert mini is not None
    assert mini.amount_micros == 150_000
    assert Prices().of("nobody", "x", "input_token", at) is None
    assert all(rate.amount_micros == 0 for rate in DEFAULTS if rate.vendor == "embedded")


@pytest.mark.parametrize(
    ("micros", "cents", "whole"),
    [
        (0, "$0.00", "$0.00"),
        (4_999, "$0.00", "$0.004999"),
        (5_000, "$0.01", "$0.005"),
        (1_234_567_890, "$1,234.57", "$1,234.56789"),
    ],
)
def test_money_is_told_to_the_cent_or_whole(micros: int, cents: str, whole: str) -> None:
    assert money(micros) == cents
    assert money(micros, cents=False) == whole
    assert money(micros, "CHF").startswith("CHF ")
    assert Fraction(decimal(micros)) * 1_000_000 == micros
