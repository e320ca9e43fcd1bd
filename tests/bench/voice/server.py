"""The hub as in production but for its engines, on one core: `python -m tests.bench.voice.server PORT CORE [WS]`."""

import os
import sys


def main(port: int, core: int, ws: str) -> None:
    if core >= 0:
        os.sched_setaffinity(0, {core})
    import uvicorn

    import hub.engines as rosters
    from tests.bench.voice import engines
    from web.app import create_app
    from web.serve import prepare, uvicorn_options
    from web.settings import Settings

    rosters.ENGINES.update(engines.ENGINES)
    rosters.TRANSCRIBERS.update(engines.TRANSCRIBERS)
    rosters.VOICES.update(engines.VOICES)
    settings = Settings()
    prepare(settings)
    options = uvicorn_options() | ({"ws": ws} if ws else {})
    uvicorn.run(create_app(settings), host="127.0.0.1", port=port, **options)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
