"""Sealing secrets at rest: authenticated encryption under a key that is outside of the database."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Unreadable(Exception):
    """It was sealed under another key, or changed since."""


class Seal:
    """Seals with the first of `keys` and opens with any: a previous key goes behind the present one while it is
    replaced."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernets = MultiFernet([Fernet(_derived(key)) for key in keys if key])

    def seal(self, text: str) -> str:
        return self._fernets.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises `Unreadable`."""
        try:
            return self._fernets.decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeError) as error:
            raise Unreadable("This was sealed with another key. Set it anew.") from error

    def again(self, sealed: str) -> str:
        """The same under the present key. Raises `Unreadable`."""
        return self.seal(self.open(sealed))


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(HKDF(SHA256(), 32, salt=None, info=b"hub sealing").derive(key.encode()))
