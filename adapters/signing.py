"""The signature of the plain HTTP dialect: HMAC-SHA256 over all that a request says.

Method, path, time, nonce and the digest of the body, each on a line of its own, so that no part can
be moved into another one.
"""

import hmac
from hashlib import sha256

TIMESTAMP = "X-Timestamp"
NONCE = "X-Nonce"
SIGNATURE = "X-Signature"
MAX_SKEW_SECONDS = 60


def sign(secret: str, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature in hex; `timestamp` is Unix time in whole seconds, as sent."""
    parts = (method.upper(), path, timestamp, nonce, sha256(body).hexdigest())
    return hmac.digest(secret.encode(), "\n".join(parts).encode(), "sha256").hex()


def verify(signature: str, secret: str, *parts: str, body: bytes) -> bool:
    """Whether a signature fits (method, path, timestamp, nonce) and the body."""
    method, path, timestamp, nonce = parts
    return hmac.compare_digest(
        signature.encode(), sign(secret, method, path, timestamp, nonce, body).encode()
    )
