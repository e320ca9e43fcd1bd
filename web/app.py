"""create_app: explicit wiring and lifespan."""

import asyncio
import contextlib
import gc
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from litestar import Litestar
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import CacheControlHeader, State
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig

from channels import open_channels
from hub.clock import Clock
from hub.core import Hub, thinking
from hub.core.accounts import Accounts
from hub.core.context import Context
from hub.core.secrets import Secrets
from hub.dialogue.outbound import Outside
from hub.feed import Bus, RedisBus
from hub.sealing import Seal
from hub.store import Store
from web import answers, files, hooks, logs, operations, sockets
from web.api import API
from web.api.openapi import openapi_config
from web.auth import Authentication, guard
from web.headers import safe_headers
from web.pages import PAGES
from web.problems import http_problem, unexpected
from web.settings import Settings
from web.share_links import ShareLinks
from web.templating import HERE, environment
from web.webchat import WEBCHAT

MOST_BODY_BYTES = 2_000_000
TURN_SECONDS = 0.001
"""So long may a thread that imports or computes keep the event loop waiting for its turn. Python's default is 5 ms."""


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The whole server. The database must have been migrated."""
    logs.configure()
    clock = clock or Clock()
    bus = RedisBus(settings.hub_redis_url) if settings.hub_redis_url else Bus()
    store = Store(settings.database_url, bus, settings.secret_key())
    links = files.Links(settings.secret_key(), settings.hub_public_url)
    questions = answers.QuestionLinks(settings.secret_key(), settings.hub_public_url)
    outside = Outside(allow_private=settings.hub_webhook_allow_private)
    seal = Seal(settings.secret_key(), settings.hub_secret_key_previous)
    context = Context(
        store=store,
        channels=open_channels(settings.for_channels()),
        outside=outside,
        accounts=Accounts(settings.accounts(), store, seal, outside, clock),
        secrets=Secrets(store, seal, clock),
        seal=seal,
        result_url=lambda interaction_id, call_id: (
            f"{settings.hub_public_url}/v1/interactions/{interaction_id}/tool-calls/{call_id}"
        ),
        node=f"{settings.node}#{secrets.token_hex(4)}",
        data_dir=settings.hub_data_dir,
        most_calls=settings.hub_max_calls,
        file_url=links.to,
        question_url=questions.to,
        clock=clock,
    )
    shares = ShareLinks(settings.secret_key())
    state = State(
        {
            "settings": settings,
            "store": store,
            "bus": bus,
            "hub": Hub(context),
            "clock": clock,
            "links": links,
            "share_links": shares,
            "questions": questions,
        }
    )
    return Litestar(
        route_handlers=[
            hooks.hook,
            hooks.hook_below,
            hooks.mail_hook,
            sockets.media,
            operations.live,
            operations.ready,
            *files.HANDLERS,
            *answers.HANDLERS,
            create_static_files_router(
                path="/static",
                directories=[HERE / "static"],
                opt={"public": True},
                cache_control=CacheControlHeader(public=True, max_age=31_536_000, immutable=True),
            ),
            *PAGES,
            *API,
            *WEBCHAT,
        ],
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment())),
        state=state,
        lifespan=[_running(settings, context)],
        middleware=[
            DefineMiddleware(Authentication, exclude=["^/hooks/", "^/static/", "^/health/"]),
        ],
        before_send=[safe_headers(settings.secure)],
        guards=[guard],
        csrf_config=CSRFConfig(
            secret=settings.secret_key(),
            cookie_name="hub_csrf",
            cookie_secure=settings.secure,
            exclude=["^/hooks/", "^/v1/"],
        ),
        exception_handlers={HTTPException: http_problem, Exception: unexpected},
        request_max_body_size=MOST_BODY_BYTES,
        openapi_config=openapi_config(),
        include_in_schema=False,
        logging_config=None,
    )


def _running(settings: Settings, context: Context) -> Callable[[Litestar], Any]:
    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        sys.setswitchinterval(TURN_SECONDS)
        await context.store.bus.start()
        context.spawn(_warm_up(context))
        try:
            async with _work(settings, context):
                yield
        finally:
            for live in list(context.calls.values()):
                live.leave()
            if context.hooks is not None:
                context.hooks.close()
            await context.settle()
            await context.accounts.close()
            for channel in context.channels.values():
                await channel.close()
            await context.outside.close()
            await context.store.bus.stop()
            await context.store.close()

    return lifespan


async def _warm_up(context: Context) -> None:
    """Import and connect, after the start, what the first message would otherwise wait for."""
    work = [channel.warm_up() for channel in context.channels.values()]
    await asyncio.gather(*work, thinking.warm_up(context), return_exceptions=True)
    # What is loaded now stays: looking through it for garbage would stop everything for a tenth of a second.
    gc.collect()
    gc.freeze()


def _work(settings: Settings, context: Context) -> contextlib.AbstractAsyncContextManager[None]:
    if not settings.hub_work:
        return contextlib.nullcontext()
    from hub.work import Work

    return Work(context).running()
