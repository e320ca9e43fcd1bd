"""Voices: what an agent can speak with."""

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Controller, Response, get
from litestar.params import QueryParameter
from pydantic import Field

from hub.core import voices
from hub.engine import EngineFailed
from hub.engines import VOICES, UnknownEngine, choice
from hub.models.voice import Speaking
from hub.voice.speech import NamedVoice
from web.api.paging import Page
from web.api.refusals import Refusal, bad_parameter
from web.api.request import ApiRequest
from web.api.shapes import Shape, shown

_VOICE = {
    "engine": "elevenlabs",
    "id": "JBFqnCBsd6RMkjVDRZzb",
    "name": "George",
    "language": "en",
    "gender": "male",
    "accent": "british",
    "preview_url": "/v1/voices/preview?engine=elevenlabs&voice=JBFqnCBsd6RMkjVDRZzb",
}

Engine = Annotated[
    str, QueryParameter(max_length=60, description="A voice engine; empty: the one that speaks where none is named.")
]


class VoicePublic(Shape):
    """A voice of an engine. What the vendor does not tell is empty."""

    model_config = shown(_VOICE)
    engine: str
    id: str = Field(description="What an agent's `call.speaking.voices` has for this engine.")
    name: str
    language: str
    gender: str
    accent: str
    preview_url: str = Field(description="How it sounds, as this API serves it.")


class VoicePage(Page[VoicePublic]):
    """All of them, at most 1,000: there is no next page."""


def public(engine: str, voice: NamedVoice) -> VoicePublic:
    preview = f"/v1/voices/preview?{urlencode({'engine': engine, 'voice': voice.id})}"
    return VoicePublic(
        engine=engine, id=voice.id, name=voice.name, language=voice.language, gender=voice.gender,
        accent=voice.accent, preview_url=preview,
    )  # fmt: skip


class Voices(Controller):
    """Voices."""

    path = "/voices"
    tags = ["Agents"]

    @get(opt={"scope": "read"}, summary="List voices")
    async def list_voices(
        self,
        request: ApiRequest,
        engine: Engine = "",
        search: Annotated[
            str,
            QueryParameter(max_length=100, description="Words of name, language, gender, accent; all are to match."),
        ] = "",
    ) -> VoicePage:
        """The voices of an engine, as its vendor told within ten minutes. 409 while that does not answer."""
        engine = await _engine(request, engine)
        try:
            found = await voices.listed(request.hub.context, request.workspace_id, engine)
        except EngineFailed as error:
            raise _unavailable(error) from error
        return VoicePage(data=[public(engine, one) for one in voices.matching(found, search)], next_cursor=None)

    @get("/preview", opt={"scope": "read"}, summary="Hear a voice")
    async def hear_voice(
        self,
        request: ApiRequest,
        voice: Annotated[str, QueryParameter(max_length=200, description="The id of one of the engine's voices.")],
        engine: Engine = "",
    ) -> Response[Any]:
        """A short piece of sound: the vendor's own, or a sentence made now. 409 while the vendor does not answer."""
        try:
            sound = await voices.preview(
                request.hub.context, request.workspace_id, await _engine(request, engine), voice
            )
        except voices.NoVoice as error:
            raise Refusal(404, str(error), code="not_found") from error
        except EngineFailed as error:
            raise _unavailable(error) from error
        return Response(sound.data, media_type=sound.media_type)


async def _engine(request: ApiRequest, named: str) -> str:
    if not named:
        return choice.mouths(Speaking(), request.hub.context.accounts.ours)[0]
    if named not in VOICES:
        raise bad_parameter("engine", str(UnknownEngine(f"There is no {named!r}; there are: {', '.join(VOICES)}.")))
    return named


def _unavailable(error: EngineFailed) -> Refusal:
    return Refusal(409, str(error), code="engine_unavailable")
