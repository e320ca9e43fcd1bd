"""The vendors' ends, with no latency of their own: `python -m tests.bench.voice.sdks PORT CORE SIGN_MS`.

Deepgram's Flux, OpenAI's chat completions and ElevenLabs' streamed speech as they are on the wire. What they hear, say
and sound like is the bench's: marks in the callers' sound, numbered answers. `/report` tells what they wrote down.
"""

import json
import os
import sys
from time import monotonic
from typing import Any

import uvloop
from aiohttp import WSMsgType, web

from tests.bench.voice import wire
from tests.bench.voice.vendor import CHUNK, FRAME_MS, WORD_FRAMES, Book

UPDATE_FRAMES = 250 // FRAME_MS
"""Flux tells something for every quarter second of sound."""
BOOK: web.AppKey[Book] = web.AppKey("book", Book)
SIGN_FRAMES: web.AppKey[int] = web.AppKey("sign_frames", int)


class Flux:
    """One connection; a message for each frame that has one."""

    def __init__(self, book: Book, sign_frames: int) -> None:
        self._book, self._sign_frames = book, sign_frames
        self._sequence = self._turn = self._frames = self._call = 0
        self._words: list[str] = []

    def told(self, type: str, **more: Any) -> str:
        self._sequence += 1
        return json.dumps({"type": type, "request_id": "0" * 36, "sequence_id": self._sequence, **more})

    def hear(self, frame: bytes, received: float) -> str:
        self._frames += 1
        mark = wire.mark_of(frame)
        if mark is None:
            return self._info("Update", []) if self._frames % UPDATE_FRAMES == 0 else ""
        self._call = mark.call
        words = wire.question(mark.call, mark.turn, mark.sentences).split()
        self._words = words[: mark.frame // WORD_FRAMES]
        if mark.last:
            over = self.end(words)
            self._book.own[f"{mark.call}:{mark.turn}"][0] = monotonic() - received
            return over
        if mark.frame == self._sign_frames and not mark.silent:
            return self._info("StartOfTurn", words[:1])
        if mark.frame and mark.frame % WORD_FRAMES == 0:
            return self._info("Update", self._words)
        return ""

    def end(self, words: list[str] | None = None) -> str:
        """The turn is over, with these words or those so far."""
        over = self._info("EndOfTurn", self._words if words is None else words)
        self._turn += 1
        self._words = []
        return over

    def over(self) -> None:
        self._book.frames[self._call] += self._frames

    def _info(self, event: str, words: list[str]) -> str:
        until = self._frames * FRAME_MS / 1000
        rows = [{"word": word, "confidence": 0.98, "start": until - 0.2, "end": until} for word in words]
        return self.told(
            "TurnInfo", event=event, turn_index=self._turn, audio_window_start=0.0, audio_window_end=until,
            transcript=" ".join(words), words=rows, end_of_turn_confidence=0.9,
        )  # fmt: skip


async def listen(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    flux = Flux(request.app[BOOK], request.app[SIGN_FRAMES])
    await socket.send_str(flux.told("Connected"))
    async for message in socket:
        received = monotonic()
        if message.type is WSMsgType.TEXT and "ForceEndTurn" in message.data:
            await socket.send_str(flux.end())
            continue
        if message.type is not WSMsgType.BINARY:
            break
        for at in range(0, len(message.data), wire.FRAME):
            if told := flux.hear(message.data[at : at + wire.FRAME], received):
                await socket.send_str(told)
    flux.over()
    return socket


async def complete(request: web.Request) -> web.StreamResponse:
    received, body = monotonic(), await request.json()
    asked = wire.asked(str([line["content"] for line in body["messages"] if line["role"] == "user"][-1]))
    base = {
        "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": body["model"],
        "system_fingerprint": "fp_bench", "service_tier": "default",
    }  # fmt: skip

    def event(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}] if delta is not None else []
        return f"data: {json.dumps({**base, 'choices': choices, **more})}\n\n".encode()

    answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(event({"role": "assistant", "content": "", "refusal": None}))
    for number, sentence in enumerate(wire.answer(*asked) if asked else ["I see."]):
        for word in sentence.split():
            await answer.write(event({"content": f"{word} "}))
        if asked and not number:
            request.app[BOOK].own[f"{asked[0]}:{asked[1]}"][1] = monotonic() - received
    await answer.write(event({}, "stop"))
    usage = {"prompt_tokens": 400, "completion_tokens": 40, "total_tokens": 440}
    await answer.write(event(None, usage=usage) + b"data: [DONE]\n\n")
    return answer


async def speak(request: web.Request) -> web.StreamResponse:
    received, text = monotonic(), str((await request.json())["text"]).strip()
    call, turn, part = wire.part_of(text)
    sound = wire.sound(text)
    answer = web.StreamResponse(headers={"content-type": "audio/basic"})
    await answer.prepare(request)
    for begin in range(0, len(sound), CHUNK):
        await answer.write(sound[begin : begin + CHUNK])
        if part == 1 and not begin:
            request.app[BOOK].own[f"{call}:{turn}"][2] = monotonic() - received
    return answer


async def report(request: web.Request) -> web.Response:
    return web.Response(body=request.app[BOOK].report(), content_type="application/json")


def main(port: int, sign_ms: int) -> None:
    uvloop.install()
    app = web.Application()
    app[BOOK], app[SIGN_FRAMES] = Book(), sign_ms // FRAME_MS
    app.add_routes([
        web.get("/v2/listen", listen), web.post("/v1/chat/completions", complete),
        web.post("/v1/text-to-speech/{voice}/stream", speak), web.get("/report", report),
    ])  # fmt: skip
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, handle_signals=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    main(int(sys.argv[1]), int(sys.argv[3]))
