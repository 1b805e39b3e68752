"""Pure rules of identity: logins, passwords, tokens, signatures."""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address, ip_network

from pyotp import TOTP

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,63}")
MIN_PASSWORD = 10
MAX_PASSWORD = 128
MAX_DEVICE_ID = 200
TOKEN_BYTES = 32
SIGNATURE_WINDOW_SECONDS = 300
MAX_NONCE_LETTERS = 64
TOTP_DIGITS = 6
TOTP_SECONDS = 30
TOTP_WINDOW = 1  # steps before and after the present one whose code is good: clocks differ
MAX_WRONG_CODES = 10
BLOCKED_MINUTES = 15
RECOVERY_CODES = 10
RECOVERY_LETTERS = 16  # of base 32: 80 random bits
_RECOVERY_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# The most tried passwords of eight letters and more; anything shorter is refused by its length.
COMMON = frozenset(
    {
        "12345678",
        "87654321",
        "11223344",
        "123456789",
        "1234qwer",
        "a1234567",
        "abcd1234",
        "iloveyou",
        "password",
        "password1",
        "qwer1234",
        "qwertyui",
        "woaini520",
        "1234567890",
        "0123456789",
        "0987654321",
        "1111111111",
        "123456789a",
        "12345678910",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "qwertyuiop",
        "qwerty123456",
        "password12",
        "password123",
        "password1234",
        "iloveyou12",
        "woaini1314520",
        "aini1314520",
        "admin123456",
        "abcdefghij",
        "abc1234567",
        "a123456789",
        "q1w2e3r4t5",
        "letmein123",
    }
)


def folded_login(text: str) -> str:
    """The form in which logins are kept and compared."""
    return text.strip().lower()


def is_login(folded: str) -> bool:
    """3 to 64 letters: small letters, digits and `. _ @ + -`."""
    return LOGIN.fullmatch(folded) is not None


def is_weak(password: str, login: str, minimum: int = MIN_PASSWORD) -> bool:
    """Too short or too long, the login itself, one letter over and over, or known to everybody."""
    if not minimum <= len(password) <= MAX_PASSWORD:
        return True
    folded = password.casefold()
    return folded in COMMON or len(set(folded)) < 3 or folded == login


def new_token(prefix: str) -> str:
    """An opaque token: what it is, and 256 random bits."""
    return f"{prefix}_{secrets.token_urlsafe(TOKEN_BYTES)}"


def is_network(text: str) -> bool:
    """An address, or a range such as 10.0.0.0/8."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_from(address: str, networks: Sequence[str]) -> bool:
    """Whether an address is in one of the networks; without any it may come from anywhere."""
    if not networks:
        return True
    try:
        caller = ip_address(address)
    except ValueError:
        return False
    return any(caller in ip_network(each, strict=False) for each in networks)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a partner signs, and the header `Partner-Signature: t=...,n=...,v1=...` beside it."""

    header: str = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """The parts of the header."""

    timestamp: int
    nonce: str
    digest: str = field(repr=False)


def read_signature(header: str) -> Signature | None:
    """The header's parts; None when it cannot be read."""
    parts = dict(part.strip().split("=", 1) for part in header.split(",") if "=" in part)
    timestamp, nonce, digest = (parts.get(name, "") for name in ("t", "n", "v1"))
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return None
    if not 8 <= len(nonce) <= MAX_NONCE_LETTERS or not digest.isascii():
        return None
    return Signature(int(timestamp), nonce, digest)


def sign(secret: str, timestamp: int, nonce: str, body: bytes) -> str:
    """HMAC-SHA256 over `t.n.body`, in hexadecimal."""
    message = f"{timestamp}.{nonce}.".encode() + body
    return hmac.new(secret.encode(), message, sha256).hexdigest()


def is_signed(secret: str, signature: Signature, body: bytes) -> bool:
    """Whether the digest is the one that only the secret's holder can make."""
    expected = sign(secret, signature.timestamp, signature.nonce, body)
    return hmac.compare_digest(expected, signature.digest)


def matching_step(secret: str, code: str, now: float) -> int | None:
    """The step of time whose code this is; None for none. Compares all of them, however it ends."""
    present, found = int(now) // TOTP_SECONDS, None
    given = code.encode()
    for step in range(present - TOTP_WINDOW, present + TOTP_WINDOW + 1):
        expected = TOTP(secret, digits=TOTP_DIGITS, interval=TOTP_SECONDS).generate_otp(step)
        if hmac.compare_digest(expected.encode(), given):
            found = step
    return found


def is_totp(code: str) -> bool:
    """Six digits, as an app shows them."""
    return len(code) == TOTP_DIGITS and code.isascii() and code.isdigit()


def folded_code(text: str) -> str:
    """A code as it is compared: blanks, dashes and case make no difference."""
    return text.replace(" ", "").replace("-", "").strip().lower()


def new_recovery_code() -> str:
    """80 random bits in four groups that can be read aloud."""
    letters = "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(RECOVERY_LETTERS))
    return "-".join(letters[at : at + 4] for at in range(0, RECOVERY_LETTERS, 4))
