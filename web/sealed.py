"""Sealing everything again under the present secret key."""

import asyncio

import click

from hub.feed import Bus
from hub.sealing import Seal, Unsealable
from hub.store import Store, credentials
from web.serve import prepare
from web.settings import Settings


def reseal() -> str:
    """What HUB_SECRET_KEY_PREVIOUS sealed is sealed under HUB_SECRET_KEY; what to tell."""
    settings = Settings()
    prepare(settings)
    return asyncio.run(_reseal(settings))


async def _reseal(settings: Settings) -> str:
    seal = Seal(settings.secret_key(), settings.hub_secret_key_previous)
    store, again, lost = Store(settings.database_url, Bus()), 0, []
    try:
        async with store.write() as db:
            for row in await credentials.everything_sealed(db):
                try:
                    sealed = row.sealed_again(seal)
                except Unsealable:
                    lost.append(row.place)
                else:
                    again += sealed
    finally:
        await store.close()
    if lost:
        raise click.ClickException(
            f"{again} sealed again. {len(lost)} cannot be opened with either key and must be given anew: "
            + ", ".join(lost)
        )
    return f"{again} sealed again under the present key. HUB_SECRET_KEY_PREVIOUS can be taken away now."
