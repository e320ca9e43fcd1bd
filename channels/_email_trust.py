"""Whether the From of a mail is proven: a passed DKIM signature of the sender's own domain, as SendGrid saw it.

The form's `dkim` field is like `{@example.com : pass}`, `SPF` like `pass`. Alignment after RFC 7489, the stricter
way: the signing domain is the sender's domain, or one above it.
"""

import re

_RESULT = re.compile(r"@([^\s:,{}]{1,255})\s*:\s*(\w+)")


def proven(dkim: str, sender: str) -> bool:
    """Whether a signature of the sender's domain passed."""
    domain = sender.rpartition("@")[2].lower().rstrip(".")
    return any(
        result.lower() == "pass" and _aligned(signer.lower().rstrip("."), domain)
        for signer, result in _RESULT.findall(dkim[:2_000])
    )


def why_not(dkim: str, spf: str, sender: str) -> str:
    """In plain words, for the page."""
    domain = sender.rpartition("@")[2]
    signers = {signer.lower() for signer, result in _RESULT.findall(dkim[:2_000]) if result.lower() == "pass"}
    if signers:
        return f"It is signed by {', '.join(sorted(signers)[:3])}, not by {domain}: somebody else may have sent it."
    if "pass" not in spf.lower():
        said = spf[:40] or "nothing"
        return f"Nothing proves that it comes from {domain}: it has no valid signature, and SPF says {said}."
    return f"Nothing proves that it comes from {domain}: it has no valid DKIM signature."


def _aligned(signer: str, domain: str) -> bool:
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))
