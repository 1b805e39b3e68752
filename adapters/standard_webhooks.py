"""Checking what others send us after Standard Webhooks: number, time and body, signed together."""

import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from adapters.answers import loaded, object_of
from domain.suppliers.ports import Flaw, FlawKind, Forged, Why

LEAST_KEY_BYTES = 16
MOST_SIGNATURES = 8  # a sender that changes its secret signs with both for a while
LAST_MOMENT = 253_402_300_799  # the end of the year 9999, after which there is no date


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that is surely from whoever knows the secret. Whether it is fresh is for the
    caller to say."""

    number: str
    at: datetime
    kind: str
    data: Mapping[str, Any] = field(repr=False)


def key_of(settings: Mapping[str, str], name: str) -> str:
    """A `whsec_...` of a connection's secret. A `+` that was not percent-encoded was read as a
    blank, of which base64 has none."""
    return settings.get(name, "").replace(" ", "+")


def flaw_of_key(settings: Mapping[str, str], name: str) -> Flaw | None:
    """Whether such a secret can sign, as its owner would check it."""
    secret = key_of(settings, name)
    if not secret:
        return Flaw(name, FlawKind.MISSING)
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return Flaw(name, FlawKind.UNREADABLE)
    return None if len(key) >= LEAST_KEY_BYTES else Flaw(name, FlawKind.UNREADABLE)


def checked(secret: str, headers: Mapping[str, str], body: bytes) -> Sent | Forged:
    """The message, when its signature is right; header names come in small letters."""
    number, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not secret or not number or not (moment.isascii() and moment.isdecimal()):
        return Forged(Why.SIGNATURE)
    if int(moment[:16]) > LAST_MOMENT:
        return Forged(Why.STALE)
    at = datetime.fromtimestamp(int(moment), UTC)
    try:
        right = Webhook(secret).sign(number, at, body.decode()).encode()
    except (UnicodeDecodeError, NotBase64):
        return Forged(Why.UNREADABLE)
    told = headers.get("webhook-signature", "").split()[:MOST_SIGNATURES]
    if not any(hmac.compare_digest(each.encode(), right) for each in told):
        return Forged(Why.SIGNATURE)
    content = object_of(loaded(body))
    kind = content.get("type")
    if not isinstance(kind, str):
        return Forged(Why.UNREADABLE)
    return Sent(number, at, kind, object_of(content.get("data")))
