"""Sealing of secrets: AES-256-GCM envelopes, keyed digests. Keys come from `server/wiring.py`.

A key ring holds key-encryption keys and, derived from it by HKDF for one purpose each, the
keys for blind indexes, cursors and tokens. Nothing here logs, and no repr shows a key.
"""

import hmac
import os
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed value does not open: altered, moved to another row, cut, of another key."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one installation; `versions` maps a key version to its key-encryption key."""

    versions: dict[int, bytes] = field(repr=False)
    current: int = 1

    def derive(self, purpose: str, version: int = 1) -> bytes:
        """A key for one purpose only; the same ring and purpose give the same key."""
        hkdf = HKDF(
            algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"kameng/{purpose}".encode()
        )
        return hkdf.derive(self.versions[version])


_ring: KeyRing | None = None


def install_keys(ring: KeyRing) -> None:
    """Hand the installation's keys to the domain; called once by the wiring."""
    global _ring
    _ring = ring
    _purposes.clear()


def keys() -> KeyRing:
    """The installed keys; a missing ring is a fault of the wiring, not of a caller."""
    if _ring is None:
        raise RuntimeError("no key ring installed: call install_keys first")
    return _ring


_purposes: dict[str, bytes] = {}


def purpose_key(purpose: str) -> bytes:
    """The derived key for a purpose, computed once per process."""
    key = _purposes.get(purpose)
    if key is None:
        key = _purposes[purpose] = keys().derive(purpose)
    return key


def keyed_digest(purpose: str, value: bytes) -> bytes:
    """HMAC-SHA256 under the purpose's own key: for blind indexes and token look-up."""
    return hmac.digest(purpose_key(purpose), value, "sha256")


def token_digest(token: str) -> bytes:
    """Digest of a high-entropy token for look-up; the token itself is never stored."""
    return sha256(token.encode()).digest()


def new_data_key() -> bytes:
    """A fresh random data key (32 bytes)."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    """Nonce and AES-256-GCM ciphertext; opens only with the same key and the same `bound_to`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to)


def unseal(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """The plaintext, or `SealBroken`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise SealBroken from None


def wrap_key(data_key: bytes, bound_to: bytes) -> tuple[bytes, int]:
    """A data key sealed by the current key-encryption key, and that key's version."""
    ring = keys()
    return seal(ring.derive("wrap", ring.current), data_key, bound_to), ring.current


def unwrap_key(wrapped: bytes, version: int, bound_to: bytes) -> bytes:
    """The data key behind `wrapped`; `SealBroken` when it was altered or the version is unknown."""
    ring = keys()
    if version not in ring.versions:
        raise SealBroken
    return unseal(ring.derive("wrap", version), wrapped, bound_to)


def seal_small(purpose: str, plaintext: str, bound_to: str) -> bytes:
    """Seal one configuration secret (a webhook secret, a supplier key) under its purpose's key."""
    return seal(purpose_key(purpose), plaintext.encode(), bound_to.encode())


def unseal_small(purpose: str, sealed: bytes, bound_to: str) -> str:
    """The configuration secret behind `seal_small`."""
    return unseal(purpose_key(purpose), sealed, bound_to.encode()).decode()
