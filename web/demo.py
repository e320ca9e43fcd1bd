"""`hub demo`: everything on one machine without a key or a network, with sample data and a sandbox carrier."""

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn

from hub.core import Hub
from hub.store import agents
from web.app import create_app
from web.samples import PASSWORD, USERS, last_heard, seed
from web.serve import prepare, uvicorn_options
from web.settings import Settings

ACCOUNT_SID = "AC00000000000000000000000000000001"


def demo(port: int, data_dir: Path, as_json: bool) -> int:
    """Serve the demo until told to stop; the exit code."""
    try:
        hub, carrier = _listen(port), _listen_again(data_dir / "sandbox_port")
    except OSError as error:
        print(f"Port {port} cannot be used: {error.strerror}. Choose another with --port.", file=sys.stderr)  # noqa: T201
        return 1
    url, sandbox_url = (f"http://127.0.0.1:{made.getsockname()[1]}" for made in (hub, carrier))
    token = _kept(data_dir / "carrier_token")
    settings = Settings(
        hub_public_url=url, hub_data_dir=data_dir, hub_database_url="", hub_redis_url="", hub_secret_key="",
        hub_webhook_allow_private=True, hub_node="demo", twilio_account_sid=ACCOUNT_SID, twilio_auth_token=token,
        twilio_base_url=sandbox_url, hub_sandbox_url=sandbox_url, sendgrid_api_key=f"SG.{token}",
        sendgrid_base_url=sandbox_url, sendgrid_event_public_key=_event_key(token),
    )  # fmt: skip
    prepare(settings)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_run(settings, hub, carrier, as_json))
    return 0


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _listen(port: int) -> socket.socket:
    made = socket.socket(proto=socket.IPPROTO_TCP)  # else answers wait for acknowledgements
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(512)
    return made


def _listen_again(kept: Path) -> socket.socket:
    """The port of last time when it is free, so that links made then still work."""
    try:
        made = _listen(int(kept.read_text()))
    except (OSError, ValueError):
        made = _listen(0)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(str(made.getsockname()[1]))
    return made


def _kept(path: Path) -> str:
    """A secret made once and kept in the data folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(secrets.token_hex(16))
        path.chmod(0o600)
    return path.read_text().strip()


def _event_key(secret: str) -> str:
    """What the sandbox signs mail events with."""
    from fixtures.sandbox import SandboxSettings
    from fixtures.sandbox.sendgrid.postoffice import PostOffice

    return PostOffice(SandboxSettings(event_secret=secret)).public_key


async def _run(settings: Settings, hub: socket.socket, carrier: socket.socket, as_json: bool) -> None:
    api_key = await seed(settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    app = create_app(settings)
    async with _serving(app, hub), _serving(await _sandbox(settings, app.state.hub), carrier):
        _tell(settings, api_key, as_json)
        await stopped.wait()


async def _sandbox(settings: Settings, hub: Hub) -> object:
    from fixtures.sandbox import SandboxSettings, create_sandbox
    from web.samples import MAIL_DOMAIN, NUMBERS

    email = hub.context.channels["email"]
    async with hub.context.store.read() as db:
        workspace = await agents.only_workspace(db)
        heard = await last_heard(db, "whatsapp")
        mailboxes = await agents.addresses(db, workspace.id, "email") if workspace else []
    parse_urls = [settings.hub_public_url + email.hook_path(address.id) for address in mailboxes[:1]]
    return create_sandbox(
        SandboxSettings(
            hub_url=settings.hub_public_url,
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token,
            numbers=tuple(NUMBERS),
            sendgrid_key=settings.sendgrid_api_key,
            event_secret=settings.twilio_auth_token,
            mail_routes=tuple((MAIL_DOMAIN, url) for url in parse_urls),
            mail_addresses=tuple(address.value for address in mailboxes),
            whatsapp_numbers=tuple(NUMBERS),
            whatsapp_heard=tuple(heard),
        )
    )


@contextlib.asynccontextmanager
async def _serving(app: object, listening: socket.socket) -> AsyncIterator[None]:
    """Serve the application on this socket until left; entered once it answers."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", **uvicorn_options()))  # type: ignore[arg-type]
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if task.done():
            await task
            raise RuntimeError("the server did not start; its log says why")
        yield
    finally:
        server.should_exit = True
        await task


def _tell(settings: Settings, api_key: str, as_json: bool) -> None:
    ready = {
        "url": settings.hub_public_url,
        "email": USERS[0][0],
        "password": PASSWORD,
        "api_key": api_key,
        "sandbox_url": settings.hub_sandbox_url,
    }
    if as_json:
        print(json.dumps(ready), flush=True)  # noqa: T201
        return
    print(  # noqa: T201
        f"\n  The hub is running:   {ready['url']}\n"
        f"  Sign in with          {ready['email']}  /  {PASSWORD}\n"
        f"  Text it as a customer {ready['sandbox_url']}   (a pretend phone)\n"
        f"  Mail it as a customer {ready['sandbox_url']}/mailbox   (a pretend mailbox)\n"
        f"  API key               {api_key}\n\n"
        f"  Everything is kept in {settings.hub_data_dir}. Press Ctrl-C to stop.\n",
        flush=True,
    )
