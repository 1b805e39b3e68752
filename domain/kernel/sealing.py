"""Sealing of secrets: AES-256-GCM envelopes, keyed digests. Keys come from `server/wiring.py`.

A key ring holds root keys by version; the keys for blind indexes, cursors and tokens are derived
from it by HKDF, one for each purpose. Data keys are wrapped by a key provider, which may be a key
service on the network. Nothing here logs, and no repr shows a key.
"""

import hmac
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.kernel.refusals import Refusal, Refused

KEY_BYTES = 32
RECENT_SECONDS = 60.0
VERSION_BYTES = 4
MOST_VERSIONS = 1 << 16  # a head beyond it is no version, but what was sealed before there were any
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


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it is stored, and the version of the key that wrapped it."""

    wrapped: bytes
    version: int


class KeyService(Protocol):
    """Where key-encryption keys live. It wraps and unwraps by version; they never leave it.

    It may be on a network, so it is never asked inside a transaction. Refuses with `KeyMissing`,
    `KeysUnusable` or `KeyServiceDown`; `SealBroken` says that a key and what it wrapped do not fit.
    """

    async def current(self) -> int:
        """The version that wraps new data keys."""

    async def wrap(self, data_key: bytes, bound_to: bytes) -> WrappedKey:
        """A data key wrapped by the current version."""

    async def unwrap(self, wrapped: WrappedKey, bound_to: bytes) -> bytes:
        """The data key behind `wrapped`."""

    async def add_version(self) -> int:
        """Make a new version the current one; the earlier ones stay readable."""


class KeyProvider(KeyService, Protocol):
    """A key service together with the installation's root keys."""

    async def ring(self) -> KeyRing:
        """The root keys of derived keys, as they are now."""


@dataclass(frozen=True, kw_only=True)
class KeyMissing(Refusal):
    """Something was sealed with a key version that is not here: an old copy of the keys?"""

    code: ClassVar[str] = "KEY_MISSING"
    version: int


@dataclass(frozen=True, kw_only=True)
class KeyWrong(Refusal):
    """The key of this version is another one than the database was sealed with."""

    code: ClassVar[str] = "KEY_WRONG"
    version: int


@dataclass(frozen=True, kw_only=True)
class KeysUnusable(Refusal):
    """The key file, or what the key service answers, is damaged."""

    code: ClassVar[str] = "KEYS_UNUSABLE"


@dataclass(frozen=True, kw_only=True)
class KeyServiceDown(Refusal):
    """The key service does not answer, or refuses us; nothing changed."""

    code: ClassVar[str] = "KEY_SERVICE_DOWN"
    retryable: ClassVar[bool] = True


_ring: KeyRing | None = None
_provider: KeyProvider | None = None


async def install_keys(provider: KeyProvider) -> None:
    """Hand the installation's keys to the domain; called once by the wiring."""
    global _provider
    _provider = provider
    await refresh_keys()


async def refresh_keys() -> None:
    """Know the versions that another process has made meanwhile."""
    global _ring
    ring = await key_provider().ring()
    if ring != _ring:
        _ring = ring
        _purposes.clear()


_asked_at = -RECENT_SECONDS


async def recent_keys() -> None:
    """Know versions that are older than a minute, before something is sealed; asks seldom.

    What cannot be asked now is asked in a minute: a key that is in memory seals as well.
    """
    global _asked_at
    if time.monotonic() - _asked_at >= RECENT_SECONDS:
        _asked_at = time.monotonic()
        with suppress(Refused):
            await refresh_keys()


def key_provider() -> KeyProvider:
    """The installed provider; a missing one is a fault of the wiring, not of a caller."""
    if _provider is None:
        raise RuntimeError("no keys installed: call install_keys first")
    return _provider


def keys() -> KeyRing:
    """The root keys as they were last refreshed."""
    if _ring is None:
        raise RuntimeError("no keys installed: call install_keys first")
    return _ring


_purposes: dict[tuple[str, int], bytes] = {}


def purpose_key(purpose: str, version: int = 1) -> bytes:
    """The derived key for a purpose, computed once per process."""
    key = _purposes.get((purpose, version))
    if key is None:
        ring = keys()
        if version not in ring.versions:
            raise Refused(KeyMissing(version=version))
        key = _purposes[purpose, version] = ring.derive(purpose, version)
    return key


def keyed_digest(purpose: str, value: bytes, version: int = 1) -> bytes:
    """HMAC-SHA256 under the purpose's own key: for blind indexes and token look-up."""
    return hmac.digest(purpose_key(purpose, version), value, "sha256")


def sign(purpose: str, message: bytes, version: int = 1) -> bytes:
    """An Ed25519 signature by the purpose's own key."""
    return Ed25519PrivateKey.from_private_bytes(purpose_key(purpose, version)).sign(message)


def signing_public_key(purpose: str, version: int = 1) -> bytes:
    """The public half (32 bytes) of the key that `sign` uses: may be shown to anybody."""
    private = Ed25519PrivateKey.from_private_bytes(purpose_key(purpose, version))
    return private.public_key().public_bytes_raw()


def signature_holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of the private half has signed exactly this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


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


def seal_all(key: bytes, values: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Each plaintext sealed with its own `bound_to` and nonce, as `seal` does, for many at once."""
    cipher, nonces = AESGCM(key), os.urandom(NONCE_BYTES * len(values))
    sealed = []
    for number, (plaintext, bound_to) in enumerate(values):
        nonce = nonces[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
        sealed.append(nonce + cipher.encrypt(nonce, plaintext, bound_to))
    return sealed


def unseal(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """The plaintext, or `SealBroken`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise SealBroken from None


class RingKeys(ABC):
    """A provider whose key-encryption keys are derived from a ring in memory."""

    @abstractmethod
    async def ring(self) -> KeyRing:
        """The root keys, as they are now."""

    async def current(self) -> int:
        """The version that wraps new data keys."""
        return (await self.ring()).current

    async def wrap(self, data_key: bytes, bound_to: bytes) -> WrappedKey:
        """A data key sealed by the current version."""
        ring = await self.ring()
        return WrappedKey(seal(ring.derive("wrap", ring.current), data_key, bound_to), ring.current)

    async def unwrap(self, wrapped: WrappedKey, bound_to: bytes) -> bytes:
        """The data key; refuses a version that is not in the ring."""
        ring = await self.ring()
        if wrapped.version not in ring.versions:
            raise Refused(KeyMissing(version=wrapped.version))
        return unseal(ring.derive("wrap", wrapped.version), wrapped.wrapped, bound_to)


def version_head(version: int) -> bytes:
    """What stands in front of a seal of `seal_current`."""
    return version.to_bytes(VERSION_BYTES, "big")


def seal_current(purpose: str, plaintext: bytes, bound_to: bytes) -> bytes:
    """Seal under the purpose's key of the newest root key, whose version stands in front."""
    version = keys().current
    head = version_head(version)
    return head + seal(purpose_key(purpose, version), plaintext, head + bound_to)


def open_sealed(purpose: str, sealed: bytes, bound_to: bytes) -> bytes:
    """The plaintext behind `seal_current`, or what was sealed by the first key, without a version
    in front; `SealBroken`, or a refusal when its key is not here (KEY_MISSING)."""
    head = sealed[:VERSION_BYTES]
    version = int.from_bytes(head, "big")
    if version in keys().versions:
        with suppress(SealBroken):
            content = sealed[VERSION_BYTES:]
            return unseal(purpose_key(purpose, version), content, head + bound_to)
    try:
        return unseal(purpose_key(purpose), sealed, bound_to)
    except SealBroken:
        if 0 < version < MOST_VERSIONS and version not in keys().versions:
            raise Refused(KeyMissing(version=version)) from None
        raise


async def know_keys_of(*sealed: bytes) -> None:
    """Before these are opened: know a version that another process has made meanwhile. Not inside
    a transaction."""
    heads = {int.from_bytes(each[:VERSION_BYTES], "big") for each in sealed}
    if any(0 < head < MOST_VERSIONS and head not in keys().versions for head in heads):
        await refresh_keys()


def seal_small(purpose: str, plaintext: str, bound_to: str) -> bytes:
    """Seal one configuration secret (a webhook secret, a supplier key) under its purpose's key."""
    return seal(purpose_key(purpose), plaintext.encode(), bound_to.encode())


def unseal_small(purpose: str, sealed: bytes, bound_to: str) -> str:
    """The configuration secret behind `seal_small`."""
    return unseal(purpose_key(purpose), sealed, bound_to.encode()).decode()
