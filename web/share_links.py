"""The links by which an interaction is shared: a share's id, signed by us. What a link may show is asked of its row."""

from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer


class ShareLinks:
    """Writes the tokens of shares and reads them; a token of another secret key is none."""

    def __init__(self, secret: str) -> None:
        self._signer = URLSafeSerializer(secret, salt="share")

    def token(self, share_id: UUID) -> str:
        return str(self._signer.dumps(share_id.hex))

    def read(self, token: str) -> UUID | None:
        """The share that this is the token of; None when we did not write it so."""
        try:
            share_id = UUID(self._signer.loads(token))
        except BadData:
            return None
        return share_id if token == self.token(share_id) else None
