"""Sealing for somebody outside (mission row B2): age encryption to a public key of the receiver's.

The private key never comes here, so what was sealed cannot be opened again by this installation.
"""

from collections.abc import Mapping
from typing import Any

import orjson
import pyrage

from domain.kernel.refusals import Invalid, Refused

MAX_KEY_LETTERS = 500
AGE, SSH = "age1", "ssh-ed25519 "


class Recipient:
    """A public key that age can seal for. A repr shows its kind alone."""

    def __init__(self, text: str, *, field: tuple[str, ...] = ("recipientPublicKey",)) -> None:
        """Refuses (INVALID) whatever is neither `age1...` nor `ssh-ed25519 ...`."""
        self.text = " ".join(text.split()[:2]) if text.startswith(SSH) else text.strip()
        try:
            self._key = self._read()
        except (pyrage.RecipientError, ValueError):
            raise Refused(Invalid(reason="recipient_key", field=field)) from None

    def __repr__(self) -> str:
        """Never the key: whoever reads a log need not know for whom something was sealed."""
        return f"<Recipient {self.text[:4]}>"

    def seal(self, plaintext: bytes) -> bytes:
        """The age file of these bytes."""
        sealed: bytes = pyrage.encrypt(plaintext, [self._key])
        return sealed

    def seal_json(self, value: Mapping[str, Any]) -> str:
        """The armoured age file of a JSON object."""
        sealed: bytes = pyrage.encrypt(orjson.dumps(value), [self._key], armored=True)
        return sealed.decode()

    def _read(self) -> Any:
        if not self.text.isascii() or len(self.text) > MAX_KEY_LETTERS:
            raise ValueError
        if self.text.startswith(AGE):
            return pyrage.x25519.Recipient.from_str(self.text)
        if self.text.startswith(SSH):
            return pyrage.ssh.Recipient.from_str(self.text)
        raise ValueError
