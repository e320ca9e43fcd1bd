"""What a vendor's refusal means, in words for the administrator, and whether a lost connection was one of time."""

import aiohttp

from hub.engine import EngineFailed, Fault

_FAULTS: dict[int, Fault] = {
    400: "invalid", 401: "refused", 402: "refused", 403: "refused", 404: "invalid", 408: "slow", 413: "invalid",
    422: "invalid", 429: "busy", 504: "slow",
}  # fmt: skip
_WORDS: dict[Fault, str] = {
    "refused": "{vendor} does not accept our account",
    "busy": "{vendor} has no room for us just now",
    "invalid": "{vendor} cannot do what was asked of it",
    "broken": "{vendor} has trouble of its own",
    "slow": "{vendor} did not answer in time",
    "garbage": "{vendor} answered something else than was asked for",
}
_MEND: dict[Fault, str] = {
    "refused": " Check its key and what its subscription allows.",
    "invalid": " Check the agent's settings for this engine.",
}
_MOST_WORDS = 200


def fault_of(status: int) -> Fault:
    """The kind of failure that an HTTP status means."""
    return _FAULTS.get(status) or ("broken" if status >= 500 else "garbage")


def refused(vendor: str, status: int, said: str = "") -> EngineFailed:
    """The failure of an engine whose vendor answered with this status; `said` are the vendor's own words."""
    fault = fault_of(status)
    said = " ".join(said.split())[:_MOST_WORDS]
    return EngineFailed(f"{_WORDS[fault].format(vendor=vendor)} ({status}){': ' + said if said else ''}."
                        f"{_MEND.get(fault, '')}", fault)  # fmt: skip


def hung_up(error: BaseException | None) -> bool:
    """Whether the other end broke off. What carries the SDKs over aiohttp calls that a timeout as well."""
    while error is not None and not isinstance(error, aiohttp.ClientError):
        error = error.__cause__
    return error is not None and not isinstance(error, TimeoutError)
