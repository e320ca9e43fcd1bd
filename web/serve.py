"""Running the server for real: what must be there, then uvicorn."""

import asyncio
import os
import signal
from typing import Any

from web.settings import Settings


def migrate() -> str:
    """Bring the configured database to the newest schema; what to tell."""
    settings = Settings()
    prepare(settings)
    return f"The database is up to date: {shown(settings.database_url)}"


def prepare(settings: Settings) -> None:
    """Make the data folder and migrate the database. Must not run inside an event loop."""
    from hub.migrations import upgrade
    from hub.store import normal_url

    settings.hub_data_dir.mkdir(parents=True, exist_ok=True)
    upgrade(normal_url(settings.database_url))


def shown(url: str) -> str:
    """A database URL without its password."""
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)


def serve(host: str, port: int, processes: int) -> int:
    """Serve until told to stop; the exit code. Never starts half configured."""
    from web.check import missing

    settings = Settings()
    faults = missing(settings, processes)
    if faults:
        print("The hub does not start half configured:\n" + "\n".join(f"  - {fault}" for fault in faults))  # noqa: T201
        return 1
    prepare(settings)
    if processes > 1:
        return _several(host, port, processes)
    run(settings, host, port)
    return 0


def run(settings: Settings, host: str, port: int, **options: Any) -> None:
    """Serve from this process until told to stop."""
    import uvicorn

    from web.app import create_app

    uvicorn.run(create_app(settings), host=host, port=port, **uvicorn_options(), **options)


def uvicorn_options() -> dict[str, Any]:
    """What every server of ours is run with."""
    return {
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "ws": "web.parking:ParkingProtocol",
        "ws_max_size": 65_536,
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": 3,
    }


def app_from_environment() -> Any:
    """What each of several processes makes for itself."""
    from web.app import create_app

    name = os.environ.get("HUB_NODE", "hub")
    return create_app(Settings(hub_node=f"{name}-{os.getpid()}"))


def _several(host: str, port: int, processes: int) -> int:
    import uvicorn

    os.environ.setdefault("HUB_NODE", Settings().node)
    uvicorn.run(
        "web.serve:app_from_environment", factory=True, host=host, port=port, workers=processes, **uvicorn_options()
    )
    return 0


def worker() -> int:
    """Carry out background work until told to stop."""
    settings = Settings()
    prepare(settings)
    asyncio.run(_work(settings))
    return 0


async def _work(settings: Settings) -> None:
    from web.app import create_app

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    async with create_app(settings.model_copy(update={"hub_work": True})).lifespan():
        await stopped.wait()
