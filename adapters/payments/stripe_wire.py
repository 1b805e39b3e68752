"""How Stripe is spoken to: forms with a secret key, JSON back; callbacks signed by an HMAC.

Stripe signs no answers: that they are its own is vouched for by TLS and its address alone. So an
answer counts when it is understood, and only Stripe's own error object is a no.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from adapters.http import Ambiguous, PartnerClient
from domain.kernel import clock
from domain.payments.ports import Connection, Why

VERSION = "2024-06-20"
SIGNATURE = "stripe-signature"
MAX_SIGNATURES = 16
PAGE = 100


class Unsure(Exception):
    """The answer cannot be taken for one: nobody knows what happened."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why.value, detail)
        self.why, self.detail = why, detail


class NotConfigured(Exception):
    """A key of the channel is missing or none; the text names it and does not show it."""


@dataclass(frozen=True, slots=True)
class StripeConfig:
    """One account's keys; of the secrets that sign callbacks two while they are rolled."""

    key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of Stripe: an object, or an error with its code."""

    status: int
    content: dict[str, Any] = field(repr=False)

    @property
    def code(self) -> str:
        """What the error is called, of letters that can be stored."""
        error = self.content.get("error")
        told = (error.get("code") or error.get("type")) if isinstance(error, dict) else ""
        return told[:64] if isinstance(told, str) and told.isprintable() else ""


def config_of(connection: Connection) -> StripeConfig:
    """Read what the operator has filled in; `NotConfigured` names what is wrong."""
    key = connection.secrets.get("secret_key", "").strip()
    if not key.startswith(("sk_", "rk_")) or not key.isascii():
        raise NotConfigured("secret_key")
    secrets = tuple(connection.secrets.get("webhook_secret", "").replace(",", " ").split())
    if not secrets or not all(each.startswith("whsec_") for each in secrets):
        raise NotConfigured("webhook_secret")
    return StripeConfig(key, secrets, connection.settings.get("return_url", "").strip())


async def ask(
    client: PartnerClient,
    connection: Connection,
    config: StripeConfig,
    method: str,
    path: str,
    content: Mapping[str, Any] | None = None,
    idempotency_key: str = "",
) -> Told:
    """One request and its answer. Raises `NotSent`, or `Unsure` for what is no answer of Stripe."""
    form = urlencode(list(_pairs(content or {})))
    query = f"?{form}" if form and method == "GET" else ""
    headers = {
        "authorization": f"Bearer {config.key}",
        "stripe-version": VERSION,
        "content-type": "application/x-www-form-urlencoded",
    }
    if idempotency_key:
        headers["idempotency-key"] = idempotency_key
    try:
        answer = await client.send(
            method,
            connection.base_url.rstrip("/") + path + query,
            headers=headers,
            body=b"" if method == "GET" else form.encode(),
            timeout_seconds=connection.timeout_seconds,
        )
    except Ambiguous as error:
        raise Unsure(Why.PROVIDER_DOWN, str(error)) from None
    if answer.status >= 500 or answer.status == 409:  # 409: the same request is under way
        raise Unsure(Why.PROVIDER_DOWN, f"http_{answer.status}")
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        told = None
    good = isinstance(told, dict) and ("error" in told) == (answer.status >= 400)
    if not good or not (answer.status == 200 or answer.status >= 400):
        raise Unsure(Why.UNREADABLE, f"http_{answer.status}")
    return Told(answer.status, told)


def _pairs(content: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Stripe's forms: {"a": {"b": 1}, "c": ["d"]} is a[b]=1&c[0]=d."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _pairs(value, f"{name}[{key}]" if name else key)
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content):
            yield from _pairs(value, f"{name}[{number}]")
    else:
        yield name, str(content)


def signed_at(config: StripeConfig, headers: Mapping[str, str], body: bytes) -> datetime | None:
    """When a callback was signed, if one of our secrets did it; whoever judges it judges its age.

    `t=1700000000,v1=<hex>,v1=<hex>`: the HMAC-SHA256 of time, a point and the raw body.
    """
    said = headers.get(SIGNATURE, "")
    parts = [part.partition("=") for part in said.split(",")[:MAX_SIGNATURES]]
    times = [value for name, _, value in parts if name.strip() == "t"]
    given = [value.strip().encode() for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdecimal() or len(times[0]) > 12:
        return None
    text = times[0].encode() + b"." + body
    for secret in config.webhook_secrets:
        right = hmac.digest(secret.encode(), text, "sha256").hex().encode()
        if any(hmac.compare_digest(right, each) for each in given):
            return datetime.fromtimestamp(int(times[0]), UTC)
    return None


def moment_of(value: Any) -> datetime:
    """A moment of Stripe: whole seconds since 1970; a `TypeError` for anything else."""
    if type(value) is not int:
        raise TypeError("no moment")
    return datetime.fromtimestamp(value, UTC)


def born_at(reference: str) -> datetime | None:
    """When one of our own references was made: they are UUIDs that begin with their time."""
    if len(reference) != 32 or reference[12] != "7":
        return None
    try:
        made = datetime.fromtimestamp(int(reference[:12], 16) / 1000, UTC)
    except (ValueError, OverflowError):
        return None
    return made if made <= clock.now() else None
