"""What the sandbox's vendors and carrier would charge for what they were asked, reckoned from their own logs."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from tests.world import Sandbox

TOKENS = {"input_token": Fraction(400_000, 1_000_000), "cached_token": Fraction(100_000, 1_000_000),
          "output_token": Fraction(1_600_000, 1_000_000)}  # fmt: skip
HEARD_MS, ELEVENLABS, AURA, SEGMENT, CALL_MINUTE = Fraction(7_700, 60_000), 50, 30, 8_300, 8_500
"""Micros for a unit: of gpt-4.1-mini, nova-3, eleven_flash_v2_5, aura-2, and the carrier."""


async def forget(sandbox: Sandbox) -> None:
    for vendor in ("openai", "deepgram", "elevenlabs"):
        await sandbox.ask("DELETE", f"/control/engines/{vendor}")


async def charged(sandbox: Sandbox, interaction: Mapping[str, Any], texts: int) -> dict[str, Fraction]:
    """Micros by vendor for an interaction as the API has it; `texts` of one segment each came from the customer."""
    logs = {
        vendor: (await sandbox.ask("GET", f"/control/engines/{vendor}"))["asked"]
        for vendor in ("openai", "deepgram", "elevenlabs")
    }
    used = [one for one in logs["openai"] if one["stage"] == "usage"]
    cached = sum(one["prompt_tokens_details"]["cached_tokens"] for one in used)
    thought = TOKENS["input_token"] * (sum(one["prompt_tokens"] for one in used) - cached)
    thought += TOKENS["cached_token"] * cached
    thought += TOKENS["output_token"] * sum(one["completion_tokens"] for one in used)
    heard = sum(Fraction(str(one.get("seconds", 0))) * 1000 for one in logs["deepgram"] if one.get("event") == "closed")
    spoken = sum(len(one["text"]) for one in logs["elevenlabs"] if one["stage"] == "speech")
    spared = sum(len(one["text"]) for one in logs["deepgram"] if one["stage"] == "speak" and "text" in one)
    micros = {"openai": thought, "deepgram": HEARD_MS * heard + AURA * spared, "elevenlabs": ELEVENLABS * spoken}
    if interaction["channel"] == "sms":
        sent = (await sandbox.ask("GET", f"/control/messages?{urlencode({'to': interaction['person']})}"))["messages"]
        micros["twilio"] = Fraction(SEGMENT * (texts + sum(int(one["segments"]) for one in sent)))
    if interaction["channel"] == "call":
        micros["twilio"] = Fraction(CALL_MINUTE * math.ceil(interaction["duration_seconds"] / 60))
    return {vendor: amount for vendor, amount in micros.items() if amount}
