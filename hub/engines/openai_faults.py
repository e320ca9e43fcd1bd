"""What goes wrong with OpenAI, as `EngineFailed`: the kind of fault, in words for the administrator."""

import httpx2
import openai

from hub.engine import Account, EngineFailed, Fault
from hub.engines.openai_stream import ErrorEvent
from hub.engines.refusals import hung_up

LONGEST_WAIT_SECONDS = 1.5
"""So long a wait before a second try is put up with; who asks for more is not asked again."""
_USUAL_WAIT_SECONDS = 0.2
_WORDS = 240
_STATUS: dict[int, Fault] = {
    401: "refused", 402: "refused", 403: "refused", 408: "slow", 429: "busy", 503: "busy", 529: "busy",
}  # fmt: skip


class Busy(EngineFailed):
    """It may work in `retry_after` seconds, or at once where that is 0."""

    def __init__(self, words: str, fault: Fault, retry_after: float) -> None:
        super().__init__(words, fault)
        self.retry_after = retry_after


def failure(error: Exception, model: str, account: Account) -> EngineFailed:
    """The same for the hub. The account's key is in none of its words."""
    match error:
        case openai.APITimeoutError() if not hung_up(error):
            return EngineFailed(f"{model} did not answer in time", "slow")
        case openai.APIConnectionError():
            return Busy(f"the connection to {model} failed: {_cause(error, account)}", "broken", 0)
        case openai.APIStatusError():
            return _refusal(error, model, account)
        case httpx2.TimeoutException() if not hung_up(error):
            return EngineFailed(f"{model} did not go on in time", "slow")
        case httpx2.DecodingError():
            return EngineFailed(f"{model} sent what cannot be unpacked", "garbage")
        case httpx2.HTTPError():
            return EngineFailed(f"the connection to {model} broke: {_cause(error, account)}", "broken")
        case openai.APIError() | ErrorEvent():
            return EngineFailed(f"{model} failed: {_short(str(error), account)}", "broken")
    return EngineFailed(f"{model} gave an answer that cannot be read: {_short(str(error), account)}", "garbage")


def _refusal(error: openai.APIStatusError, model: str, account: Account) -> EngineFailed:
    status = error.status_code
    body = error.body if isinstance(error.body, dict) else {}
    said = _short(str(body.get("message") or error.message), account)
    if body.get("code") == "insufficient_quota" or error.code == "insufficient_quota":
        return EngineFailed(f"the account's quota is used up: {said}", "refused")
    fault = _STATUS.get(status) or ("broken" if status >= 500 else "invalid")
    words = f"{model} answered {status}: {said}"
    if fault in ("busy", "broken"):
        return Busy(words, fault, _seconds(error.response.headers.get("retry-after")))
    return EngineFailed(words, fault)


def _cause(error: Exception, account: Account) -> str:
    return _short(str(error.__cause__ or error) or type(error.__cause__ or error).__name__, account)


def _short(words: str, account: Account) -> str:
    words = " ".join(words.split())
    return (words.replace(account.key, "…") if account.key else words)[:_WORDS]


def _seconds(written: str | None) -> float:
    try:
        return max(float(written or 0), 0.0)
    except ValueError:
        return LONGEST_WAIT_SECONDS + 1


def may_try_again(error: EngineFailed) -> bool:
    """Whether the same request may well be answered a moment later."""
    return isinstance(error, Busy) and error.retry_after <= LONGEST_WAIT_SECONDS


def wait_seconds(error: EngineFailed) -> float:
    """How long to wait before that."""
    return max(getattr(error, "retry_after", 0.0), _USUAL_WAIT_SECONDS)
