"""Choosing a voice: a searchable list of an engine's voices, and how each of them sounds."""

from typing import Annotated, Any

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import QueryParameter
from litestar.response import Template

from hub.core import voices
from hub.engine import EngineFailed
from hub.engines import VOICES
from web import auth, engine_words
from web.pages.page import AnyRequest, page

MOST_SHOWN = 60

Text = Annotated[str, QueryParameter(max_length=200)]


@get("/voices", opt={"roles": auth.BUILDERS})
async def chooser(request: AnyRequest, engine: Text) -> Template:
    """The voices of an engine, with a field to search them by."""
    return await _found(request, engine, "", "agents/voice_chooser.html")


@get("/voices/found", opt={"roles": auth.BUILDERS})
async def found(request: AnyRequest, engine: Text, q: Text = "") -> Template:
    """Those that are searched for."""
    return await _found(request, engine, q, "agents/voices_found.html")


async def _found(request: AnyRequest, engine: str, wanted: str, template: str) -> Template:
    _known(engine)
    context, workspace_id, problem = request.app.state.hub.context, request.user.workspace_id, ""
    try:
        listed = await voices.listed(context, workspace_id, engine)
    except EngineFailed as error:
        listed, problem = [], str(error)
    matching = voices.matching(listed, wanted)
    return page(
        request, template, engine=engine, engine_name=engine_words.name(engine), wanted=wanted, problem=problem,
        voices=matching[:MOST_SHOWN], more=max(len(matching) - MOST_SHOWN, 0), of=len(listed),
    )  # fmt: skip


@get("/voices/preview", opt={"roles": auth.BUILDERS})
async def preview(request: AnyRequest, engine: Text, voice: Text) -> Response[Any]:
    """How a voice sounds; else the words for why it cannot be heard."""
    _known(engine)
    context = request.app.state.hub.context
    try:
        sound = await voices.preview(context, request.user.workspace_id, engine, voice)
    except voices.NoVoice as error:
        return Response(str(error), status_code=404, media_type=MediaType.TEXT)
    except EngineFailed as error:
        return Response(str(error), status_code=409, media_type=MediaType.TEXT)
    return Response(sound.data, media_type=sound.media_type, headers={"cache-control": "private, max-age=3600"})


def _known(engine: str) -> None:
    if engine not in VOICES:
        raise NotFoundException(f"There is no voice engine {engine[:60]!r}.")


HANDLERS = [chooser, found, preview]
