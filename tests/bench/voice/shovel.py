"""The least a program can do with a call: every frame is decoded and sent back. Arguments: PORT CORE [WS]."""

import base64
import json
import os
import sys
from typing import Any


async def shovel(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    stream = ""
    while (message := await receive())["type"] == "websocket.receive":
        frame = json.loads(message["text"])
        if frame["event"] == "start":
            stream = frame["streamSid"]
        elif frame["event"] == "media":
            sound = base64.b64decode(frame["media"]["payload"])
            back = {"event": "media", "streamSid": stream, "media": {"payload": base64.b64encode(sound).decode()}}
            await send({"type": "websocket.send", "text": json.dumps(back)})


def main(port: int, core: int, ws: str) -> None:
    os.sched_setaffinity(0, {core})
    import uvicorn

    from web.serve import uvicorn_options

    options = uvicorn_options() | {"lifespan": "off"} | ({"ws": ws} if ws else {})
    uvicorn.run(shovel, host="127.0.0.1", port=port, **options)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
