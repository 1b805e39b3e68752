"""A key service that speaks the transit API of OpenBao and Vault (docs/decisions/0011).

Keys are named, have versions, and never leave the service: it wraps, unwraps and rotates. Cloud key
services differ in their words only.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable

from adapters.http import Ambiguous, NotSent, PartnerClient
from domain.kernel import KeyMissing, KeyServiceDown, Refused, SealBroken, WrappedKey

TIMEOUT_SECONDS = 5.0
OK = 200
BAD = 400
PREFIX = "vault:v"


class TransitKeys:
    """The installation's key-encryption key in a key service."""

    def __init__(
        self, client: PartnerClient, url: str, key_name: str, token: Callable[[], str]
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._key = key_name
        self._token = token

    async def current(self) -> int:
        """The newest version that the service has."""
        status, found = await self._ask("GET", f"keys/{self._key}")
        if status != OK:
            raise Refused(KeyServiceDown())
        return int(found["latest_version"])  # type: ignore[call-overload,no-any-return]

    async def wrap(self, data_key: bytes, bound_to: bytes) -> WrappedKey:
        """A data key sealed by the newest version."""
        body = {"plaintext": _text(data_key), "associated_data": _text(bound_to)}
        status, found = await self._ask("POST", f"encrypt/{self._key}", body)
        if status != OK:
            raise Refused(KeyServiceDown())
        wrapped = str(found["ciphertext"])
        return WrappedKey(wrapped.encode(), _version_of(wrapped))

    async def unwrap(self, wrapped: WrappedKey, bound_to: bytes) -> bytes:
        """The data key; `SealBroken` when it was altered or belongs elsewhere."""
        try:
            text = wrapped.wrapped.decode("ascii")
            if _version_of(text) != wrapped.version:
                raise SealBroken
        except ValueError:
            raise SealBroken from None
        body = {"ciphertext": text, "associated_data": _text(bound_to)}
        status, found = await self._ask("POST", f"decrypt/{self._key}", body)
        if status == OK:
            return b64decode(str(found["plaintext"]))
        if status != BAD:
            raise Refused(KeyServiceDown())
        if wrapped.version > await self.current():
            raise Refused(KeyMissing(version=wrapped.version))
        raise SealBroken

    async def add_version(self) -> int:
        """Have the service make a new version."""
        status, _ = await self._ask("POST", f"keys/{self._key}/rotate", {})
        if status not in (OK, 204):
            raise Refused(KeyServiceDown())
        return await self.current()

    async def _ask(
        self, method: str, path: str, body: dict[str, str] | None = None
    ) -> tuple[int, dict[str, object]]:
        try:
            answer = await self._client.send(
                method,
                f"{self._url}/{path}",
                headers={"x-vault-token": self._token(), "content-type": "application/json"},
                body=b"" if body is None else json.dumps(body).encode(),
                timeout_seconds=TIMEOUT_SECONDS,
            )
            content = json.loads(answer.body) if answer.body else {}
            return answer.status, content.get("data") or {}
        except (NotSent, Ambiguous, ValueError, AttributeError, OSError):
            raise Refused(KeyServiceDown()) from None


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def _version_of(ciphertext: str) -> int:
    """`vault:v3:...` was wrapped by version 3."""
    if not ciphertext.startswith(PREFIX):
        raise ValueError(PREFIX)
    return int(ciphertext.removeprefix(PREFIX).partition(":")[0])
