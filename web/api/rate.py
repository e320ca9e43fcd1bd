"""How fast one key may ask: a bucket of tokens per key, in this process."""

from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from web.api.refusals import Refusal

_MOST_BUCKETS = 10_000


class Buckets:
    """`burst` tokens each, filled up by `per_second`."""

    def __init__(self, per_second: float, burst: int) -> None:
        self.per_second, self.burst = per_second, burst
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str, now: float) -> float:
        """Take a token; how many are left, negative when there was none."""
        left, at = self._left.pop(key, (float(self.burst), now))
        left = min(self.burst, left + max(0.0, now - at) * self.per_second)
        taken = left - 1
        self._left[key] = (max(left if taken < 0 else taken, 0.0), now)
        if len(self._left) > _MOST_BUCKETS:
            self._left.pop(next(iter(self._left)))
        return taken


class RateLimit(ASGIMiddleware):
    """Answers 429 to who asks too fast, and tells everybody what they have left.

    Headers: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        connection: ASGIConnection = ASGIConnection(scope)  # type: ignore[type-arg]
        state = connection.app.state
        buckets: Buckets | None = state.get("api_rate")
        if buckets is None:
            settings = state.settings
            buckets = state["api_rate"] = Buckets(settings.hub_api_rate, settings.hub_api_burst)
        left = buckets.take(_who(connection), state.clock.now().timestamp())
        window = max(1, round(buckets.burst / buckets.per_second))
        wait = max(1, -int(left / buckets.per_second // 1)) if left < 0 else 0
        headers = {
            "ratelimit-policy": f'"key";q={buckets.burst};w={window}',
            "ratelimit": f'"key";r={max(0, int(left))};t={max(wait, 1)}',
        }

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders.from_message(message).update(headers)
            await send(message)

        if left < 0:
            words = f"Too many requests. Wait {wait} s; up to {buckets.per_second:g} a second are fine."
            raise Refusal(429, words, code="rate_limited", headers={"retry-after": str(wait), **headers})
        await next_app(scope, receive, told)


def _who(connection: ASGIConnection) -> str:  # type: ignore[type-arg]
    principal = connection.scope.get("user")
    if principal is not None and principal.key is not None:
        return str(principal.key.id)
    return f"network:{connection.client.host if connection.client else ''}"
