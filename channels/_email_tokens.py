"""What we sign: the Parse URL of an address, the reply address of an interaction, the link that unsubscribes."""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

_PROOF_BYTES = 10
_REPLY = re.compile(r"reply\+([a-z2-7]{42})@", re.IGNORECASE)


class Tokens:
    """Ids with a proof of ours, in small letters and digits, since mail servers may change the case of an address."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def of(self, purpose: str, identifier: str | UUID) -> str:
        data = UUID(str(identifier)).bytes
        return base64.b32encode(data + self._proof(purpose, data)).decode().rstrip("=").lower()

    def read(self, purpose: str, token: str) -> str:
        """The id; empty for a token that is none of ours, or of another purpose."""
        if not token.isascii():
            return ""
        try:
            data = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except (binascii.Error, ValueError):
            return ""
        if len(data) != 16 + _PROOF_BYTES:
            return ""
        identifier = UUID(bytes=data[:16])
        genuine = hmac.compare_digest(self.of(purpose, identifier), token.lower())
        return str(identifier) if genuine else ""

    def reply_address(self, interaction_id: str, domain: str) -> str:
        return f"reply+{self.of('reply', interaction_id)}@{domain}"

    def answered(self, addresses: Iterable[str]) -> str:
        """The interaction whose reply address is among these; empty when none is."""
        for address in addresses:
            if (found := _REPLY.match(address)) and (identifier := self.read("reply", found[1])):
                return identifier
        return ""

    def _proof(self, purpose: str, data: bytes) -> bytes:
        return hmac.digest(self._secret, b"email." + purpose.encode() + b"\0" + data, sha256)[:_PROOF_BYTES]


def is_reply_address(address: str) -> bool:
    return _REPLY.match(address) is not None
