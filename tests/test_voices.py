"""Voices to choose from: listed and heard by page and by API, from a vendor or embedded, with words when that fails."""

import io
import re
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from fixtures.sandbox import tones
from fixtures.sandbox.elevenlabs.voices import VOICES
from hub.engine import NOBODY, EngineFailed
from hub.engines.elevenlabs import ElevenLabs
from hub.engines.espeak import Espeak
from hub.engines.espeak_voices import catalogue
from hub.voice.speech import MULAW_8K
from tests.engines_world import Vendors, vendors
from tests.office import URL, Office, open_office
from web.auth import new_api_key

pytestmark = pytest.mark.anyio

GEORGE = "JBFqnCBsd6RMkjVDRZzb"


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[Vendors]:
    async with vendors() as made:
        yield made


@pytest.fixture
async def office(sqlite_url: str, tmp_path: Path, world: Vendors) -> AsyncIterator[Office]:
    account = {"elevenlabs_api_key": "sandbox", "elevenlabs_base_url": f"{world.url}/elevenlabs"}
    async with open_office(sqlite_url, tmp_path, hub_webhook_allow_private=True, **account) as made:
        yield made


@pytest.fixture
async def program(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a key of ours."""
    row, secret = new_api_key(office.home, "a program", ["read"])
    async with office.store.write() as db:
        db.add(row)
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=office.app), base_url=URL, headers=headers) as made:
        yield made


def words_of(wav: bytes) -> str:
    with wave.open(io.BytesIO(wav)) as opened:
        samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
        return tones.read(samples, opened.getframerate())


# the engines


async def test_a_vendor_lists_all_voices_of_the_account_page_by_page(world: Vendors) -> None:
    found = await ElevenLabs().voices(world.account("/elevenlabs"))
    assert [one.id for one in found] == [one.id for one in VOICES]
    george = next(one for one in found if one.id == GEORGE)
    assert (george.name, george.language, george.gender, george.accent) == ("George", "en", "male", "british")
    assert george.preview_url == f"{world.url}/elevenlabs/previews/{GEORGE}.wav"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("401", "refused"), ("429_busy", "busy"), ("500", "broken"), ("502_html", "broken"), ("reset", "broken"),
        ("never", "slow"), ("html_200", "garbage"), ("json_200", "garbage"),
    ],
)  # fmt: skip
async def test_a_list_that_does_not_come_is_told(world: Vendors, fault: str, kind: str) -> None:
    await world.misbehaves("elevenlabs", fault, stage="voices")
    with pytest.raises(EngineFailed) as failed:
        await ElevenLabs().voices(world.account("/elevenlabs"))
    assert failed.value.fault == kind, failed.value
    most = 2 if fault == "reset" else 1  # what only reads may be asked again on a new connection
    assert 1 <= len(await world.asked("elevenlabs", "voices")) <= most


async def test_every_embedded_voice_that_is_offered_can_speak() -> None:
    engine = Espeak()
    assert len({one.id for one in catalogue()}) == len(catalogue()) > 80
    for one in catalogue():
        mouth = await engine.open(MULAW_8K, one.language, {"voice": one.id}, NOBODY)
        sound = [piece async for piece in mouth.speak("1 2 3")]
        assert len(b"".join(sound)) > 2_000, one


# the API


async def test_a_program_lists_the_voices_that_agents_speak_with(program: httpx.AsyncClient) -> None:
    answer = await program.get("/v1/voices")
    assert answer.status_code == 200, answer.text
    assert [one["name"] for one in answer.json()["data"]] == [one.name for one in VOICES]
    assert answer.json()["data"][2] == {
        "engine": "elevenlabs", "id": GEORGE, "name": "George", "language": "en", "gender": "male",
        "accent": "british", "preview_url": f"/v1/voices/preview?engine=elevenlabs&voice={GEORGE}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("british", ["George"]), ("male", ["George", "Charlie", "Hugo"]), ("ENGLISH", []),
        ("female american", ["Rachel", "Sarah"]), ("maya", ["Our own Maya"]), ("de", ["Lena"]),
    ],
)  # fmt: skip
async def test_voices_are_found_by_all_words(program: httpx.AsyncClient, search: str, names: list[str]) -> None:
    found = (await program.get("/v1/voices", params={"engine": "elevenlabs", "search": search})).json()["data"]
    assert [one["name"] for one in found] == names


async def test_a_vendor_is_asked_once_for_many_searches(program: httpx.AsyncClient, world: Vendors) -> None:
    for search in ("a", "b", "c"):
        await program.get("/v1/voices", params={"search": search})
    assert len(await world.asked("elevenlabs", "voices")) == 1


async def test_a_preview_is_the_vendors_fetched_by_us(program: httpx.AsyncClient) -> None:
    answer = await program.get(f"/v1/voices/preview?engine=elevenlabs&voice={GEORGE}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert words_of(answer.content) == "Hello, I am George."


async def test_an_embedded_voice_says_a_sentence_in_its_own_language(program: httpx.AsyncClient) -> None:
    for voice_id in ("en-us+klatt4", "de+f5"):
        answer = await program.get("/v1/voices/preview", params={"engine": "espeak", "voice": voice_id})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
        with wave.open(io.BytesIO(answer.content)) as opened:
            assert opened.getnframes() / opened.getframerate() > 1.5


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"engine": "owl"}, 400, "there are: espeak"), ({"engine": "openai"}, 409, "set OPENAI_API_KEY"),
    ],
)  # fmt: skip
async def test_what_cannot_be_listed_is_told(
    program: httpx.AsyncClient, query: dict[str, str], status: int, words: str
) -> None:
    answer = await program.get("/v1/voices", params=query)
    assert answer.status_code == status
    assert words in answer.text


async def test_what_cannot_be_heard_is_told(program: httpx.AsyncClient, world: Vendors) -> None:
    answer = await program.get("/v1/voices/preview?engine=espeak&voice=http://127.0.0.1/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for fault, words in (("500", "it answered 500"), ("html_200", "is no sound, but text/html"), ("redirect", "307")):
        await world.control.delete("/control/engines/elevenlabs")
        await world.misbehaves("elevenlabs", fault, stage="preview")
        answer = await program.get(f"/v1/voices/preview?engine=elevenlabs&voice={GEORGE}")
        assert (answer.status_code, answer.json()["code"]) == (409, "engine_unavailable")
        assert words in answer.json()["detail"]


async def test_a_preview_obeys_the_rules_of_outbound_requests(sqlite_url: str, tmp_path: Path, world: Vendors) -> None:
    account = {"elevenlabs_api_key": "sandbox", "elevenlabs_base_url": f"{world.url}/elevenlabs"}
    async with open_office(sqlite_url, tmp_path, **account) as office:  # private addresses are not allowed
        bea = await office.person("builder")
        answer = await bea.get(f"/voices/preview?engine=elevenlabs&voice={GEORGE}")
    assert answer.status_code == 409
    assert "not a public address" in answer.text
    assert not await world.asked("elevenlabs", "preview")


# the page


async def test_the_page_says_what_automatic_means_now_and_offers_each_engines_voice(office: Office) -> None:
    bea = await office.person("builder")
    page = (await bea.get(f"/agents/{office.agent}/voice")).text
    assert "Automatic (now: ElevenLabs)" in page
    assert "Now: ElevenLabs; if that fails: Embedded voice." in page
    assert "OpenAI (needs OPENAI_API_KEY)" in page
    offered = re.findall(r'hx-get="/voices\?engine=([a-z-]+)"', page)
    assert offered == ["elevenlabs", "espeak"]


async def test_the_list_is_searched_and_its_words_are_no_markup(office: Office) -> None:
    bea = await office.person("builder")
    page = (await bea.get("/voices?engine=elevenlabs")).text
    assert page.count("data-take=") == len(VOICES)
    found = (await bea.get("/voices/found?engine=elevenlabs&q=british")).text
    assert re.findall(r'data-take="([^"]+)"', found) == [GEORGE]
    assert "No voice is like that" in (await bea.get("/voices/found?engine=elevenlabs&q=<b>x")).text
    long = (await bea.get("/voices?engine=espeak")).text
    assert "more: search for what you want" in long


async def test_a_vendor_that_does_not_answer_is_told_in_the_list(office: Office, world: Vendors) -> None:
    await world.misbehaves("elevenlabs", "401", stage="voices")
    bea = await office.person("builder")
    page = (await bea.get("/voices?engine=elevenlabs")).text
    assert "ElevenLabs does not accept our account (401): Invalid API key" in page
    assert "Try again" in page


async def test_only_builders_choose_voices(office: Office) -> None:
    for role, status in (("admin", 200), ("builder", 200), ("support", 403), ("viewer", 403)):
        person = await office.person(role)
        for path in ("/voices?engine=espeak", "/voices/found?engine=espeak&q=a"):
            assert (await person.get(path)).status_code == status
    bea = await office.person("builder")
    for path in ("/voices?engine=owl", "/voices/preview?engine=owl&voice=x", "/voices/preview?engine=espeak&voice=x"):
        assert (await bea.get(path)).status_code == 404


async def test_a_voice_of_before_moves_to_its_engines_own_field(office: Office) -> None:
    async with office.store.write() as db:
        agent: Any = await db.get(type(await office.stored()), office.agent)
        call = {**agent.definition["call"], "speaking": {"engine": "espeak", "voice": "en-gb+f3"}}
        agent.definition = {**agent.definition, "call": call}
    bea = await office.person("builder")
    page = (await bea.get(f"/agents/{office.agent}/voice")).text
    assert 'name="call.speaking.voices.espeak" value="en-gb+f3"' in page
