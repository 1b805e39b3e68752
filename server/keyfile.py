"""The key file: key-encryption keys by version, outside the database, for its owner's eyes only."""

import json
import os
from base64 import b64decode, b64encode
from pathlib import Path

from domain.kernel import KeyRing

KEY_BYTES = 32


class KeyFileUnusable(Exception):
    """The key file is there and cannot be used; the message says why and what to do."""


def load_or_create(path: Path) -> KeyRing:
    """The installation's keys; a first start makes the file. A broken file is never replaced."""
    if not path.exists():
        _create(path)
    try:
        content = json.loads(path.read_text())
        versions = {int(version): b64decode(key) for version, key in content["keys"].items()}
        current = int(content["current"])
        if current not in versions or any(len(key) != KEY_BYTES for key in versions.values()):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise KeyFileUnusable(
            f"The key file {path} cannot be read or is damaged. Sealed card codes open only "
            "with it: put the right file back from your backup; do not delete it."
        ) from None
    return KeyRing(versions=versions, current=current)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"current": 1, "keys": {"1": b64encode(os.urandom(KEY_BYTES)).decode()}}
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    try:
        os.link(draft, path)  # atomic: of two first starts at once, one makes the file
    except FileExistsError:
        pass
    finally:
        draft.unlink()
