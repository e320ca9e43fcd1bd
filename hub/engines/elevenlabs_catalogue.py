"""The voices of an account at ElevenLabs, through the official SDK.

https://elevenlabs.io/docs/api-reference/voices/search
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx

from hub.engine import Account, EngineFailed
from hub.engines.elevenlabs_refusals import VENDOR, refusal
from hub.voice.speech import NamedVoice

if TYPE_CHECKING:
    from elevenlabs.client import AsyncElevenLabs

LIST_SECONDS = 8.0
MOST_VOICES, _PAGE = 1_000, 100


async def catalogue(account: Account, address: str) -> Sequence[NamedVoice]:
    """At most 1,000. Raises `EngineFailed`."""
    try:
        async with asyncio.timeout(LIST_SECONDS):
            sdk, http = await asyncio.to_thread(_sdk, account, address)
            async with http:
                return (await _listed(sdk))[:MOST_VOICES]
    except TimeoutError:
        raise EngineFailed(f"{VENDOR} did not list its voices within {LIST_SECONDS:g} s.", "slow") from None
    except Exception as error:
        raise _failure(error) from error


async def _listed(sdk: "AsyncElevenLabs") -> list[NamedVoice]:
    found: list[NamedVoice] = []
    page: str | None = None
    while len(found) < MOST_VOICES:
        answer = await sdk.voices.search(page_size=_PAGE, next_page_token=page, request_options={"max_retries": 0})
        if not isinstance(answer.voices, list):
            raise EngineFailed(f"{VENDOR} answered something else than a list of voices.", "garbage")
        found += [_named(voice) for voice in answer.voices]
        page = answer.next_page_token
        if not answer.has_more or not page:
            break
    return found


def _sdk(account: Account, address: str) -> tuple["AsyncElevenLabs", httpx.AsyncClient]:
    """The SDK, and the connections under it. Slow: in a thread."""
    from elevenlabs.client import AsyncElevenLabs

    http = httpx.AsyncClient()  # follows no redirect: the key would go along
    return AsyncElevenLabs(base_url=address, api_key=account.key, httpx_client=http), http


def _named(voice: Any) -> NamedVoice:
    labels = voice.labels or {}
    return NamedVoice(
        str(voice.voice_id), str(voice.name or voice.voice_id), str(labels.get("language") or ""),
        str(labels.get("gender") or ""), str(labels.get("accent") or ""), str(voice.preview_url or ""),
    )  # fmt: skip


def _failure(error: Exception) -> EngineFailed:
    """What an error of the SDK or the connection means."""
    if isinstance(error, EngineFailed):
        return error
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return refusal(status, getattr(error, "body", ""))
    if isinstance(error, httpx.TimeoutException):
        return EngineFailed(f"{VENDOR} was not reached in time.", "slow")
    if isinstance(error, httpx.HTTPError):
        return EngineFailed(f"The connection to {VENDOR} broke: {str(error) or type(error).__name__}.", "broken")
    return EngineFailed(f"{VENDOR} answered what its SDK does not understand: {type(error).__name__}.", "garbage")
