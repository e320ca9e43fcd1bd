"""Prices under Settings: the workspace's own, which go before the hub's list."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import QueryParameter
from litestar.response import Template

from hub.core.audit import note
from hub.models import Price
from hub.pricing import DEFAULTS, MICROS, PER, UNITS
from hub.store import usages
from web import auth
from web.pages.form import Errors, Form, found, read, uuid_or_404
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page

MOST_PRICES = 1_000
MOST_AMOUNT = Decimal(1_000_000)
_CURRENCY = re.compile(r"[A-Z]{3}")
Given = Annotated[str, QueryParameter(max_length=200)]
_BLANK = {"vendor": "", "model": "*", "unit": "input_token", "amount": "", "currency": "USD", "valid_from": ""}


@get("/settings/prices", opt={"roles": auth.ADMINS})
async def listing(request: AnyRequest, vendor: Given = "", model: Given = "", unit: Given = "") -> Template:
    """All prices; one that is missing may be given to begin with."""
    given = {"vendor": vendor, "model": model or "*", "unit": unit if unit in UNITS else "input_token"}
    return await _page(request, _BLANK | (given if vendor else {}))


async def _page(request: AnyRequest, values: dict[str, Any], errors: Errors | None = None) -> Template:
    async with request.app.state.store.read() as db:
        rows = await usages.price_rows(db, request.user.workspace_id)
    units = [(unit, f"a {PER[unit][1]}: {words}") for unit, words in UNITS.items()]
    return settings_page(
        request, "prices", "prices.html", 422 if errors else 200,
        own=[(row, usages.rate_of(row)) for row in rows], defaults=DEFAULTS, values=values, errors=errors or {},
        units=units, unit_words=UNITS, now=request.app.state.clock.now(),
    )  # fmt: skip


@post("/settings/prices", opt={"roles": auth.ADMINS}, status_code=200)
async def add(request: AnyRequest) -> Response[Any] | Template:
    """A new price beside those there are."""
    form, now = await read(request), request.app.state.clock.now()
    values: dict[str, Any] = {name: form.text(name) for name in _BLANK} | {"begun": form.on("begun")}
    errors: Errors = {}
    amount, valid_from = _amount(values["amount"], errors), _valid_from(values["valid_from"], now, errors)
    _check(form, errors)
    user, store = request.user.user, request.app.state.store
    async with store.read() as db:
        if len(await usages.price_rows(db, user.workspace_id)) >= MOST_PRICES:
            errors["vendor"] = f"There are {MOST_PRICES} prices; remove some first."
    if errors:
        return await _page(request, values, errors)
    per = PER[values["unit"]][0]
    row = Price(
        workspace_id=user.workspace_id, vendor=values["vendor"], model=values["model"] or "*", unit=values["unit"],
        amount_micros=amount, per=per, step=per if values["begun"] else 1, currency=values["currency"],
        valid_from=valid_from, by=user.name, created_at=now,
    )  # fmt: skip
    async with store.write() as db:
        db.add(row)
        note(db, user.workspace_id, user.name, "price.added", row.id, now, vendor=row.vendor, unit=row.unit)
    return go(request, "/settings/prices", "The price is added. What was used before it begins keeps its price.")


def _check(form: Form, errors: Errors) -> None:
    if not 1 <= len(form.text("vendor")) <= 100:
        errors["vendor"] = "Write a vendor, such as openai, or * for all."
    if len(form.text("model")) > 200:
        errors["model"] = "At most 200 characters."
    if form.text("unit") not in UNITS:
        errors["unit"] = "Choose one of the list."
    if not _CURRENCY.fullmatch(form.text("currency")):
        errors["currency"] = "Three capital letters, such as USD."


def _amount(text: str, errors: Errors) -> int:
    try:
        amount = Decimal(text)
        if amount.is_finite() and 0 <= amount <= MOST_AMOUNT and amount * MICROS == int(amount * MICROS):
            return int(amount * MICROS)
    except InvalidOperation:
        pass
    errors["amount"] = "An amount such as 0.15, with at most six places behind the point."
    return 0


def _valid_from(text: str, now: datetime, errors: Errors) -> datetime:
    if not text:
        return now
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        errors["valid_from"] = "A day such as 2026-01-31, or nothing for now."
        return now


@post("/settings/prices/{price_id:str}/remove", opt={"roles": auth.ADMINS}, status_code=200)
async def remove(request: AnyRequest, price_id: str) -> Response[Any]:
    """As if it had never been."""
    user, now = request.user.user, request.app.state.clock.now()
    async with request.app.state.store.write() as db:
        row = found(await usages.price(db, user.workspace_id, uuid_or_404(price_id)), "price")
        await usages.remove_price(db, user.workspace_id, row.id)
        note(db, user.workspace_id, user.name, "price.removed", row.id, now, vendor=row.vendor, unit=row.unit)
    return go(request, "/settings/prices", "The price is removed.")


HANDLERS = [listing, add, remove]
