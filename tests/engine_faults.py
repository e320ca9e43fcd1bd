"""What each fault of the sandbox's vendors of sound must end in: the kind of failure, or well."""

SOUND_FAULTS = {
    "502_html": "broken",
    "503": "broken",
    "redirect": "garbage",
    "reset": "broken",
    "hang_up": "broken",
    "never": "slow",
    "slow_headers": "slow",
    "stall_first": "slow",
    "stall_middle": "slow",
    "reset_middle": "broken",
    "closed_middle": "broken",
    "truncated": "garbage",
    "zero_audio": "garbage",
    "silence": "garbage",
    "json_200": "garbage",
    "json_as_audio": "garbage",
    "html_200": "garbage",
    "html_as_audio": "garbage",
    "wrong_rate": "garbage",
    "wav_header": "garbage",
    "mp3": "garbage",
    "bad_encoding": "garbage",
    "odd_chunks": "well",
    "odd_end": "well",
    "tiny_chunks": "well",
    "huge_chunk": "well",
    "drip": "slow",
    "endless": "garbage",
}
"""Those of `fixtures.sandbox.vendor_sound`."""

NEVER_PLAYED = (
    "silence", "json_200", "json_as_audio", "html_200", "html_as_audio", "wrong_rate", "wav_header", "mp3",
    "bad_encoding",
)  # fmt: skip
"""Those of which nobody may hear a bit: it would be noise, or nothing."""

ELEVENLABS_FAULTS = SOUND_FAULTS | {
    "401": "refused", "401_permissions": "refused", "401_quota": "refused", "402": "refused", "403": "refused",
    "404_voice": "invalid", "400_model": "invalid", "422": "invalid", "429_concurrent": "busy", "429_busy": "busy",
    "429_rate": "busy", "500": "broken",
}  # fmt: skip
"""Those of `fixtures.sandbox.elevenlabs`."""
