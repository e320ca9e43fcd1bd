"""What is configured, what is missing, what to do about it."""

import asyncio
from collections.abc import Iterator

from web.settings import Settings


def missing(settings: Settings, processes: int = 1) -> list[str]:
    """What the server cannot start without, each with what to do."""
    faults = []
    if not settings.hub_public_url:
        faults.append("HUB_PUBLIC_URL is not set. Give the URL that people and providers reach this server at.")
    if bool(settings.twilio_account_sid) != bool(settings.twilio_auth_token):
        faults.append("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN belong together: set both or neither.")
    if bool(settings.sendgrid_api_key) != bool(settings.sendgrid_event_public_key):
        faults.append(
            "SENDGRID_API_KEY and SENDGRID_EVENT_PUBLIC_KEY belong together: set both or neither. The second is the "
            "verification key of the Event Webhook's settings."
        )
    if processes > 1 and not settings.hub_redis_url:
        faults.append("Several processes need HUB_REDIS_URL, such as redis://127.0.0.1:6379, for live pages.")
    return faults


def check() -> int:
    """Print the state of everything; 1 when something is missing."""
    settings = Settings()
    faults = missing(settings)
    lines = [*_configured(settings), *asyncio.run(_reachable(settings))]
    for good, text in lines:
        print(f"  {'ok  ' if good else '--  '} {text}")  # noqa: T201
    for fault in faults:
        print(f"  MISSING {fault}")  # noqa: T201
    unreachable = [text for good, text in lines if not good and text.startswith("Cannot")]
    if not (faults or unreachable):
        print("Ready: start it with `hub serve`.")  # noqa: T201
    return 1 if faults or unreachable else 0


def _configured(settings: Settings) -> Iterator[tuple[bool, str]]:
    from channels import open_channels
    from web.serve import shown

    if settings.hub_public_url:
        yield True, f"Public URL {settings.hub_public_url}"
    yield True, f"Database {shown(settings.database_url)}"
    environment = settings.for_channels()
    for name, channel in open_channels(environment).items():
        lacking = [key for key in channel.settings if not environment.get(key)]
        if lacking:
            yield False, f"Channel {name} is off. To switch it on set {' and '.join(lacking)}."
        else:
            hook = f"{settings.hub_public_url or 'https://YOUR-URL'}/hooks/{name}"
            if channel.limits.letters:
                yield True, f"Channel {name} is on. Events: {hook}/events; where mail comes in: Settings, Addresses"
            else:
                yield True, f"Channel {name} is on. Its webhook: {hook}"


async def _reachable(settings: Settings) -> list[tuple[bool, str]]:
    from sqlmodel import func, select

    from hub.feed import Bus
    from hub.models import User
    from hub.store import Store

    lines = []
    settings.hub_data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database_url, Bus())
    try:
        async with store.read() as db:
            users = (await db.exec(select(func.count()).select_from(User))).one()
        lines.append((True, f"{users} users") if users else (False, "No user yet: `hub user add you@example.com`."))
    except Exception as error:
        if "no such table" in str(error) or "does not exist" in str(error):
            lines.append((False, "The database is empty: run `hub migrate`, then `hub user add you@example.com`."))
        else:
            lines.append((False, f"Cannot reach the database: {type(error).__name__}. Check HUB_DATABASE_URL."))
    finally:
        await store.close()
    if settings.hub_redis_url:
        lines.append(await _redis(settings.hub_redis_url))
    return lines


async def _redis(url: str) -> tuple[bool, str]:
    from redis.asyncio import Redis

    client = Redis.from_url(url, socket_connect_timeout=3)
    try:
        await client.ping()
        return True, "Redis answers"
    except Exception as error:
        return False, f"Cannot reach Redis: {type(error).__name__}. Check HUB_REDIS_URL."
    finally:
        await client.aclose()
