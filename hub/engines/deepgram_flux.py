"""Hearing by Deepgram's Flux, which knows itself when a turn is over: https://developers.deepgram.com/docs/flux"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from hub.engine import Account, EngineFailed
from hub.engines import deepgram
from hub.engines.deepgram_live import LOOK_SECONDS, Live
from hub.engines.deepgram_nova import CLOSE
from hub.engines.options import Options
from hub.voice.codecs import silence
from hub.voice.speech import (
    MULAW_8K,
    PCM_16K,
    PCM_24K,
    PCM_48K,
    EndOfTurn,
    Format,
    Heard,
    Hints,
    Resumed,
    SpeechBegan,
    Words,
)

FORCE_END = '{"type": "ForceEndTurn"}'
STALLED_SECONDS = 3.0
"""It tells something for every quarter second of sound: https://developers.deepgram.com/docs/flux/state"""


class Flux:
    """The transcriber `deepgram-flux`.

    Options: `model` (flux-general-en for English, otherwise flux-general-multi), `language_hint` (the agent's
    language), `eot_threshold` (how sure it must be that a turn is over, 0.5 to 1, 0.7), `eager_eot_threshold` (the same
    for a likely end, on which the agent thinks already, 0.3 to 0.9, 0.5; 0: none), `eot_timeout_ms` (of quiet, after
    which a turn is over in any case, 500 to 60000, 3000), `numerals`, `profanity_filter`, `mip_opt_out`. The agent's
    keywords become key terms.
    """

    vendor, model = "deepgram", "flux-general"
    takes = (MULAW_8K, PCM_16K, PCM_48K, PCM_24K)
    ends_turns = True

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "FluxEars":
        """Connect. Raises `EngineFailed`."""
        url = deepgram.live_url(account, "/v2/listen", query(format, hints, Options(deepgram.VENDOR, options)))
        return FluxEars(await Live.open(account, url, format.bytes_per_second), format)


def query(format: Format, hints: Hints, options: Options) -> dict[str, Any]:
    """What is asked for; Flux refuses what it does not know. Raises `EngineFailed` for an option that cannot be."""
    language = options.text("language_hint", hints.language.partition("-")[0])
    model = options.text("model", "flux-general-en" if language.startswith("en") else "flux-general-multi")
    return {
        "model": model,
        "encoding": deepgram.ENCODINGS[format.codec],
        "sample_rate": format.rate,
        "eot_threshold": options.number("eot_threshold", 0.5, 1, 0.7),
        "eager_eot_threshold": options.number("eager_eot_threshold", 0, 0.9, 0.5) or None,
        "eot_timeout_ms": round(options.number("eot_timeout_ms", 500, 60_000, 3_000)),
        "language_hint": language if model == "flux-general-multi" else None,
        "keyterm": deepgram.keyterms(hints.words),
        "numerals": options.switch("numerals"),
        "profanity_filter": options.switch("profanity_filter"),
        "mip_opt_out": options.switch("mip_opt_out"),
    }


class FluxEars:
    """One connection at work. Times are of the sound that was fed."""

    def __init__(self, live: Live, format: Format) -> None:
        self._live, self._format = live, format
        self._turn = -1  # the last one that is over
        self._waited_since = live.fed_at  # for a message, while there was sound
        live.look_after(self._look)

    def feed(self, audio: bytes) -> None:
        self._live.feed(audio)

    def finish(self) -> None:
        self._live.order(FORCE_END)

    def expect(self, phrases: Sequence[str]) -> None: ...

    def _look(self) -> None:
        """It hears on while the line brings no sound, or no turn would ever end; and it must say something."""
        live = self._live
        quiet = live.now - live.fed_at
        if quiet >= LOOK_SECONDS:
            live.feed(silence(self._format, min(quiet, 2 * LOOK_SECONDS) * 1000))
        if live.now - live.heard_at >= STALLED_SECONDS:
            live.fail(EngineFailed(f"Deepgram has said nothing for {STALLED_SECONDS:g} s of sound.", "slow"))

    async def heard(self) -> AsyncIterator[Heard]:
        async for message in self._live.messages():
            if message.get("type") == "TurnInfo":
                for heard in self._turn_info(message):
                    yield heard

    def _turn_info(self, message: Mapping[str, Any]) -> Iterator[Heard]:
        try:
            event, turn = message["event"], int(message["turn_index"])
            text, words = str(message["transcript"]).strip(), message["words"]
            from_ms = round(float(words[0].get("start") or message["audio_window_start"]) * 1000) if words else -1
            to_ms = round(float(words[-1].get("end") or message["audio_window_end"]) * 1000) if words else -1
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise EngineFailed(f"Deepgram sent a turn that says nothing: only {sorted(message)}.", "garbage") from None
        if turn <= self._turn:
            return  # told before
        if event == "StartOfTurn":
            yield SpeechBegan()
        if event == "TurnResumed":
            yield Resumed()
        if event == "EndOfTurn":
            self._turn = turn
        if event == "EndOfTurn" and text:
            yield Words(text, final=True, from_ms=from_ms, to_ms=to_ms)
            yield EndOfTurn()
        elif text:
            yield Words(text, from_ms=from_ms, to_ms=to_ms)
            if event == "EagerEndOfTurn":
                yield EndOfTurn(likely=True)

    async def close(self) -> None:
        await self._live.close(CLOSE)
