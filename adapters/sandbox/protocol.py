"""What the protocol simulators of payment vendors share: requests, answers, keys and faults.

They speak the vendors' published protocols with the plain tools of `cryptography`, on purpose not
with the libraries that our adapters use: a mistake would else be made, and forgiven, on both sides.
"""

import base64
import secrets
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

BEIJING = timezone(timedelta(hours=8))
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Fault(StrEnum):
    """One way in which the next answer, or a callback, is not as it should be."""

    DROPPED = "dropped"  # nothing done, no answer
    NO_ANSWER = "no_answer"  # done, and no answer
    SERVER_ERROR = "server_error"  # done, and 502
    HTML = "html"  # done, and a page with 200
    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong_signature"  # signed by somebody else
    STALE = "stale"  # signed rightly, half an hour ago
    UNKNOWN_STATE = "unknown_state"
    OTHER_MERCHANT = "other_merchant"
    OTHER_AMOUNT = "other_amount"
    OTHER_REFERENCE = "other_reference"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; header names in small letters, the path with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; none of it is sent when there is no status."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


HUNG_UP = Answered(0)


@dataclass(slots=True)
class Trade:
    """One payment as the vendor has it; amounts in fen."""

    reference: str
    fen: int
    currency: str
    notify_url: str
    expires_at: datetime
    state: str = "open"  # open, paid, closed
    provider_id: str = ""
    payer: str = ""
    paid_at: datetime | None = None
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def refunded(self) -> int:
        """How much has gone back, in fen."""
        return sum(self.refunds.values())


# A trade, the number of its new refund, and who is to be told of it.
OnRefund = Callable[[Trade, str, str], None]


def make_key() -> rsa.RSAPrivateKey:
    """A new key pair of the size that both vendors ask for."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    """A private key as an operator gets it from the vendor's tool."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """Its public part."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def make_certificate(key: rsa.RSAPrivateKey, *, days: int = 365) -> x509.Certificate:
    """A certificate of a key; with fewer than no days one that has ended."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox platform")])
    end = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=730))
        .not_valid_after(end)
        .sign(key, SHA256())
    )


def sign(key: rsa.RSAPrivateKey, text: str) -> str:
    """RSA with SHA-256, in base64: WECHATPAY2-SHA256-RSA2048 and Alipay's RSA2 alike."""
    signature = key.sign(text.encode(), padding.PKCS1v15(), SHA256())
    return base64.b64encode(signature).decode()


def is_signed(key: rsa.RSAPublicKey, text: str, signature: str) -> bool:
    """Whether a signature fits."""
    try:
        key.verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), SHA256())
    except (InvalidSignature, NotBase64, ValueError):
        return False
    return True


def new_number(prefix: str) -> str:
    """A number as vendors make them."""
    return f"{prefix}{secrets.randbelow(10**20):020d}"
