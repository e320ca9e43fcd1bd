"""Hearing by Deepgram's Nova: https://developers.deepgram.com/docs/live-streaming-audio"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from hub.engine import Account, EngineFailed
from hub.engines import deepgram
from hub.engines.deepgram_live import Live
from hub.engines.options import Options
from hub.voice.speech import (
    MULAW_8K,
    PCM_16K,
    PCM_24K,
    PCM_48K,
    EndOfTurn,
    Format,
    Heard,
    Hints,
    SpeechBegan,
    Words,
)

KEEP_ALIVE_SECONDS = 3.0
"""A connection without sound is closed after 10 s: https://developers.deepgram.com/docs/audio-keep-alive"""
REGIONS = frozenset(
    {
        "da-DK", "de-CH", "en-AU", "en-GB", "en-IN", "en-NZ", "en-US", "es-419", "fr-CA", "ko-KR", "nl-BE", "pt-BR",
        "pt-PT", "sv-SE", "th-TH", "zh-CN", "zh-HK", "zh-TW",
    }
)  # fmt: skip
"""What Deepgram knows of a language's regions: https://developers.deepgram.com/docs/models-languages-overview"""

SAME_SECONDS = 0.1
"""Results that begin so much before the end of what has settled were told before."""
URGED_SECONDS, UNSETTLED_SECONDS = 1.5, 4.0
"""Deepgram is told to settle words that were said so long ago; and does not do its work when it has not even then."""

KEEP_ALIVE, FINALIZE, CLOSE = '{"type": "KeepAlive"}', '{"type": "Finalize"}', '{"type": "CloseStream"}'


class Nova:
    """The transcriber `deepgram`.

    Options: `model` (nova-3), `language` (the agent's; `multi` for several), `endpointing` (milliseconds of quiet that
    end speech, 300; 0: never), `utterance_end_ms` (of no words, when noise keeps it from being quiet, from 1000),
    `smart_format`, `numerals`, `profanity_filter`, `mip_opt_out`. The agent's keywords become key terms.
    """

    vendor, model = "deepgram", "nova-3"
    takes = (MULAW_8K, PCM_16K, PCM_48K, PCM_24K)
    ends_turns = True

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "NovaEars":
        """Connect. Raises `EngineFailed`."""
        url = deepgram.live_url(account, "/v1/listen", query(format, hints, Options(deepgram.VENDOR, options)))
        return NovaEars(await Live.open(account, url, format.bytes_per_second))


def query(format: Format, hints: Hints, options: Options) -> dict[str, Any]:
    """What is asked for. Raises `EngineFailed` for an option that cannot be."""
    model = options.text("model", "nova-3")
    return {
        "model": model,
        "language": options.text("language", language(hints.language)),
        "encoding": deepgram.ENCODINGS[format.codec],
        "sample_rate": format.rate,
        "interim_results": True,
        "vad_events": True,
        "endpointing": round(options.number("endpointing", 0, 10_000, 300)) or False,
        "utterance_end_ms": round(options.number("utterance_end_ms", 0, 5_000, 1_000)) or None,
        "smart_format": options.switch("smart_format") is not False,
        "numerals": options.switch("numerals"),
        "profanity_filter": options.switch("profanity_filter"),
        "mip_opt_out": options.switch("mip_opt_out"),
        "keyterm" if model.startswith("nova-3") else "keywords": deepgram.keyterms(hints.words),
    }


def language(tag: str) -> str:
    """The agent's language as Deepgram writes it."""
    return tag if tag in REGIONS else tag.partition("-")[0]


class NovaEars:
    """One connection at work. Times are of the sound that was fed."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._settled_to = 0.0
        self._unsettled = False  # interim words were told that no final ones have replaced
        self._owed = False  # final words were told, and no end of the turn
        self._urged = False  # was told to settle them
        self._kept_at = live.fed_at
        live.look_after(self._keep_alive)

    def feed(self, audio: bytes) -> None:
        self._live.feed(audio)

    def finish(self) -> None:
        self._live.order(FINALIZE)

    def expect(self, phrases: Sequence[str]) -> None: ...

    def _keep_alive(self) -> None:
        live = self._live
        now = live.now
        if now - max(live.fed_at, self._kept_at) >= KEEP_ALIVE_SECONDS:
            self._kept_at = now
            live.order(KEEP_ALIVE)

    async def heard(self) -> AsyncIterator[Heard]:
        async for message in self._live.messages():
            match message.get("type"):
                case "Results":
                    for heard in self._results(message):
                        yield heard
                case "SpeechStarted":
                    yield SpeechBegan()
                case "UtteranceEnd" if self._owed:
                    self._owed = False
                    yield EndOfTurn()

    def _results(self, message: Mapping[str, Any]) -> Iterator[Heard]:
        try:
            begin, end = float(message["start"]), float(message["start"]) + float(message["duration"])
            best = message["channel"]["alternatives"][0]
            text, words = str(best["transcript"]).strip(), best["words"]
            from_s, to_s = (words[0]["start"], words[-1]["end"]) if words else (begin, end)
            from_ms, to_ms = round(from_s * 1000), round(to_s * 1000)
        except (KeyError, IndexError, TypeError, ValueError):
            raise EngineFailed(f"Deepgram sent results that say nothing: only {sorted(message)}.", "garbage") from None
        if begin < self._settled_to - SAME_SECONDS or (text and to_s <= self._settled_to):
            return  # told before
        if message.get("is_final"):
            self._settled_to, self._urged = end, False
            if text or self._unsettled:
                self._owed = self._owed or bool(text)
                self._unsettled = False
                yield Words(text, final=True, from_ms=from_ms, to_ms=to_ms)
            if message.get("speech_final") and self._owed:
                self._owed = False
                yield EndOfTurn()
        elif text:
            self._unsettled = True
            self._urge(end - to_s)
            yield Words(text, from_ms=from_ms, to_ms=to_ms)

    def _urge(self, seconds: float) -> None:
        """Words that were said so long ago have not settled yet."""
        if seconds >= UNSETTLED_SECONDS:
            raise EngineFailed(f"Deepgram does not settle words {UNSETTLED_SECONDS:g} s after they were said.", "slow")
        if seconds >= URGED_SECONDS and not self._urged:
            self._urged = True
            self.finish()

    async def close(self) -> None:
        await self._live.close(CLOSE)
