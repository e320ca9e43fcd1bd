"""For those who run it: whether it lives, whether it can serve."""

from litestar import Request, Response, get
from sqlmodel import select

from hub.store import Store


@get("/health/live", opt={"public": True}, include_in_schema=False)
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/health/ready", opt={"public": True}, include_in_schema=False)
async def ready(request: Request) -> Response[dict[str, str]]:  # type: ignore[type-arg]
    """The database answers too."""
    store: Store = request.app.state.store
    try:
        async with store.read() as db:
            await db.exec(select(1))
    except Exception:
        return Response({"status": "database unreachable"}, status_code=503)
    return Response({"status": "ok"})
