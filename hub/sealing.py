"""Sealing: what is stored so that nobody who reads the database can read it, under a key outside the database."""

import base64
import os

_VERSION = "v1"
_NONCE_BYTES = 12


class Unsealable(Exception):
    """It was sealed under another key, for another place, or was changed since."""


class Seal:
    """Authenticated encryption (AES-256-GCM) under `key`; what was sealed under `previous` can still be opened.

    Both are texts of any length. `place` says what a sealed text belongs to, such as its row: moved to another place
    it does not open.
    """

    def __init__(self, key: str, previous: str = "") -> None:
        self._keys = [_derived(one) for one in (key, previous) if one]

    def seal(self, text: str, place: str) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[0]).encrypt(nonce, text.encode(), place.encode())
        return f"{_VERSION}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """The text. Raises `Unsealable`."""
        return self._opened(sealed, place)[0]

    def again(self, sealed: str, place: str) -> str:
        """The same sealed under the present key; as it is when it is that already. Raises `Unsealable`."""
        text, by = self._opened(sealed, place)
        return sealed if by == 0 else self.seal(text, place)

    def _opened(self, sealed: str, place: str) -> tuple[str, int]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        version, _, rest = sealed.partition(".")
        try:
            raw = base64.urlsafe_b64decode(rest) if version == _VERSION else b""
        except ValueError:
            raw = b""
        for by, key in enumerate(self._keys):
            try:
                return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode(), by
            except (InvalidTag, ValueError):
                continue
        raise Unsealable("It cannot be opened: HUB_SECRET_KEY is not the one it was sealed under.")


def _derived(key: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"hub.sealing").derive(key.encode())
