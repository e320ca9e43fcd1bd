"""Whether a vendor accepts an account: the smallest request that needs a key, and what its answer means."""

from collections.abc import Mapping

from hub.engine import Account

VENDORS: Mapping[str, tuple[str, str, str, str]] = {
    "openai": ("https://api.openai.com/v1", "/models", "authorization", "Bearer {}"),
    "deepgram": ("https://api.deepgram.com", "/v1/projects", "authorization", "Token {}"),
    "elevenlabs": ("https://api.elevenlabs.io", "/v1/models", "xi-api-key", "{}"),
}
"""Base URL, path of the question, and the header that carries the key: platform.openai.com/docs/api-reference/models,
developers.deepgram.com/reference/manage/projects, elevenlabs.io/docs/api-reference/models.
"""


def question(vendor: str, account: Account) -> tuple[str, dict[str, str]]:
    """URL and headers of a GET that tells whether the account is accepted."""
    base, path, header, form = VENDORS[vendor]
    return (account.base_url or base).rstrip("/") + path, {header: form.format(account.key)}


def meaning(vendor: str, status: int) -> tuple[bool, str]:
    """Whether the account works, and what to do if not."""
    match status:
        case _ if status < 300:
            return True, f"{vendor} accepts this account."
        case 401 | 403:
            return False, f"{vendor} does not accept this key ({status}). Make a new one there and replace it here."
        case 402:
            return False, f"{vendor} knows the key, but the account has no credit left (402). Top it up there."
        case 404 | 405:
            return False, f"Somebody answers, but not as {vendor} does ({status}). Check the base URL."
        case 429:
            return True, f"{vendor} accepts this key, and asks for a pause just now (429)."
        case _ if status < 400:
            return False, f"The base URL leads elsewhere ({status}). Give the address it leads to."
        case _:
            return False, f"{vendor} has trouble of its own ({status}). Try again in a moment."
