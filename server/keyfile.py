"""The key file: root keys by version, outside the database, for its owner's eyes only.

With a key service (`KAMENG_KMS_URL`) it holds nothing but wrapped root keys, which open there only.
"""

import json
import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from domain.kernel import KeyRing, KeyService, KeysUnusable, Refused, RingKeys, WrappedKey

KEY_BYTES = 32
ROOT = b"kameng/root/%d"


class KeyFileUnusable(Exception):
    """The key file is there and cannot be used; the message says why and what to do."""


class FileKeys(RingKeys):
    """The default provider: a file (mode 0600), read again whenever it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._ring = load_or_create(path)

    async def ring(self) -> KeyRing:
        """The keys of the file as it is now; another process may have rotated them."""
        try:
            stat = self._path.stat()
            if self._seen != (stat.st_mtime_ns, stat.st_ino):
                self._ring = _ring_of(_read(self._path))
                self._seen = (stat.st_mtime_ns, stat.st_ino)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Refused(KeysUnusable()) from None
        return self._ring

    async def add_version(self) -> int:
        """Write a fresh key as the newest version; the earlier ones stay."""
        ring = await self.ring()
        version = max(ring.versions) + 1
        versions = {**ring.versions, version: os.urandom(KEY_BYTES)}
        keys = {str(number): b64encode(key).decode() for number, key in versions.items()}
        _replace(self._path, {"current": version, "keys": keys})
        return version


class ServiceKeys:
    """Data keys are wrapped by a key service, and so are the root keys in the file."""

    def __init__(self, service: KeyService, path: Path) -> None:
        self._service = service
        self._path = path
        self._seen: dict[str, Any] = {}
        self._ring: KeyRing | None = None

    async def current(self) -> int:
        """The service's own current version."""
        return await self._service.current()

    async def wrap(self, data_key: bytes, bound_to: bytes) -> WrappedKey:
        """Asked of the service."""
        return await self._service.wrap(data_key, bound_to)

    async def unwrap(self, wrapped: WrappedKey, bound_to: bytes) -> bytes:
        """Asked of the service."""
        return await self._service.unwrap(wrapped, bound_to)

    async def ring(self) -> KeyRing:
        """The root keys, opened by the service when the file has changed."""
        if not self._path.exists():
            _create(self._path, {"current": 1, "wrapped": {"1": await self._fresh_root(1)}})
        try:
            content = _read(self._path)
            if self._ring is None or content != self._seen:
                versions = {
                    int(version): await self._service.unwrap(
                        WrappedKey(b64decode(each["key"]), int(each["version"])),
                        ROOT % int(version),
                    )
                    for version, each in content["wrapped"].items()
                }
                self._ring, self._seen = KeyRing(versions, int(content["current"])), content
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Refused(KeysUnusable()) from None
        return self._ring

    async def add_version(self) -> int:
        """Have the service make a version, wrap the root keys by it, and add a fresh root key."""
        ring = await self.ring()
        version = await self._service.add_version()
        roots = {
            number: await self._wrapped_root(number, key) for number, key in ring.versions.items()
        }
        newest = max(roots) + 1
        roots[newest] = await self._fresh_root(newest)
        wrapped = {str(number): root for number, root in roots.items()}
        _replace(self._path, {"current": newest, "wrapped": wrapped})
        return version

    async def _fresh_root(self, number: int) -> dict[str, object]:
        return await self._wrapped_root(number, os.urandom(KEY_BYTES))

    async def _wrapped_root(self, number: int, key: bytes) -> dict[str, object]:
        made = await self._service.wrap(key, ROOT % number)
        return {"key": b64encode(made.wrapped).decode(), "version": made.version}


def load_or_create(path: Path) -> KeyRing:
    """The installation's keys; a first start makes the file. A broken file is never replaced."""
    if not path.exists():
        first = {"current": 1, "keys": {"1": b64encode(os.urandom(KEY_BYTES)).decode()}}
        _create(path, first)
    try:
        return _ring_of(_read(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise KeyFileUnusable(
            f"The key file {path} cannot be read or is damaged. Sealed card codes open only "
            "with it: put the right file back from your backup; do not delete it."
        ) from None


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _ring_of(content: dict[str, Any]) -> KeyRing:
    versions = {int(version): b64decode(key) for version, key in content["keys"].items()}
    current = int(content["current"])
    if current not in versions or any(len(key) != KEY_BYTES for key in versions.values()):
        raise ValueError
    return KeyRing(versions=versions, current=current)


def _create(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, content)
    try:
        os.link(draft, path)  # atomic: of two first starts at once, one makes the file
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _replace(path: Path, content: dict[str, Any]) -> None:
    """All at once, and on the disk before anything is sealed with what is new in it."""
    os.replace(_draft(path, content), path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft(path: Path, content: dict[str, Any]) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    return draft
