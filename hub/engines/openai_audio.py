"""What both of OpenAI's engines of sound share: one client for each account, and what its errors mean."""

from typing import TYPE_CHECKING, Any

from hub.engine import Account, EngineFailed
from hub.engines.clients import Clients
from hub.engines.refusals import hung_up, refused

if TYPE_CHECKING:
    from openai import AsyncOpenAI

VENDOR = "OpenAI"
KEPT_SECONDS = 60.0
"""For so long an idle connection waits for the next sentence."""
CONNECT_SECONDS = 2.0
REQUEST_SECONDS = 6.0
"""For one step of a request at most; the engines have limits of their own for the whole."""


def _make(account: Account) -> "AsyncOpenAI":
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient

    http = DefaultAioHttpClient(
        follow_redirects=False,
        limits=httpx2.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=KEPT_SECONDS),
    )
    return AsyncOpenAI(
        api_key=account.key or "none",  # a local server wants no key, the SDK some text
        base_url=account.base_url or "https://api.openai.com/v1",
        timeout=httpx2.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
        max_retries=0,
        http_client=http,
    )


async def _close(client: "AsyncOpenAI") -> None:
    await client.close()


CLIENTS = Clients(_make, _close)


def failure(error: Exception) -> EngineFailed:
    """What an error of the SDK or the connection means."""
    import httpx2
    from openai import APIConnectionError, APIResponseValidationError, APIStatusError, APITimeoutError

    if isinstance(error, EngineFailed):
        return error
    if isinstance(error, APITimeoutError | httpx2.TimeoutException) and not hung_up(error):
        return EngineFailed(f"{VENDOR} was not reached in time.", "slow")
    if isinstance(error, APIStatusError) and not isinstance(error, APIResponseValidationError):
        return refused(VENDOR, error.status_code, _words(error.body))
    if isinstance(error, httpx2.DecodingError) or isinstance(error.__cause__, httpx2.DecodingError):
        return EngineFailed(f"{VENDOR} sent what cannot be unpacked.", "garbage")
    if isinstance(error, APIConnectionError | httpx2.HTTPError):
        cause = error.__cause__ or error
        return EngineFailed(f"The connection to {VENDOR} broke: {str(cause) or type(cause).__name__}.", "broken")
    return EngineFailed(f"{VENDOR} answered what its SDK does not understand: {type(error).__name__}.", "garbage")


def _words(body: Any) -> str:
    """The vendor's own words in the body of a refusal."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    said = inner.get("message", "") if isinstance(inner, dict) else inner
    return str(said) if isinstance(said, str) and "<" not in said else ""
