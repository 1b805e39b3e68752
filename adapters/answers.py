"""Reading what partners answer: nothing is trusted, and nothing raises what is not said here."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from adapters.http import Answer
from domain.kernel import SCALE, Refused, clock, parse_units
from domain.suppliers.ports import (
    Category,
    Connection,
    Flaw,
    FlawKind,
    Rejected,
    Submission,
    SuppliedCode,
    Uncertain,
)

MAX_CODE_LETTERS = 400
MAX_RECEIPT_LETTERS = 200
MAX_ID_LETTERS = 96
MAX_FIELDS = 100
NOT_FOUND = "not_found"
"""What a connection's `rejections` call the answer to a query that finds nothing."""


def json_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; empty when there is none, which fits no rule."""
    return object_of(loaded(answer.body))


def loaded(body: bytes) -> Any:
    """What JSON says; None when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def sent_in(body: bytes) -> dict[str, Any]:
    """What a callback says, as a JSON object or as a form; empty when it is neither."""
    content = object_of(loaded(body))
    if content or body[:1] in (b"{", b"["):
        return content
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}


def moment_in(content: Mapping[str, Any], key: str, per_second: int = 1) -> datetime | None:
    """A Unix time, as number or text; None when it is none."""
    told = shown(content.get(key), 16)
    if not (told.isascii() and told.isdecimal()):
        return None
    try:
        return datetime.fromtimestamp(int(told) / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def object_of(value: Any) -> dict[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text_in(content: Mapping[str, Any], key: str) -> str:
    """A text of an answer; empty when there is none, or something else in its place."""
    value = content.get(key)
    return value if isinstance(value, str) else ""


def shown(value: Any, most: int = MAX_ID_LETTERS) -> str:
    """A text or number of letters that can be stored; empty for anything else."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "".join(each for each in text if each.isprintable())[:most]


def units_in(content: Mapping[str, Any], key: str) -> int:
    """An amount, as text or number, in units of 1/10000; a `ValueError` when it is none."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(key)
    try:
        return parse_units(str(value))
    except Refused:
        raise ValueError(key) from None


def balance_in(content: Mapping[str, Any], key: str) -> int | None:
    """A balance in units; None when it cannot be read."""
    try:
        return units_in(content, key)
    except ValueError:
        return None


def code_of(entry: Any, number_key: str = "number", secret_key: str = "secret") -> SuppliedCode:
    """One code of a delivery; a `ValueError` when it cannot be stored and shown as it came."""
    if not isinstance(entry, dict):
        raise ValueError
    number, secret = entry.get(number_key) or "", entry.get(secret_key)
    if not isinstance(number, str) or not isinstance(secret, str) or not secret.strip():
        raise ValueError
    number, secret = number.strip(), secret.strip()
    if len(number) + len(secret) > MAX_CODE_LETTERS:
        raise ValueError
    if any(unicodedata.category(letter) == "Cc" for letter in number + secret):
        raise ValueError
    return SuppliedCode(number, secret)


def share_of(part: int, whole: int) -> int:
    """How much of a top-up was made, in 1/10000; 0 when that is no part of it: nobody knows."""
    share = part * SCALE // whole if whole > 0 else 0
    return share if 0 < share < SCALE else 0


def too_late(submission: Submission) -> Rejected | None:
    """The refusal of what must not begin any more, where the dialect cannot say so itself."""
    if clock.now() < submission.valid_until:
        return None
    return Rejected(Category.PROVIDER_DOWN, "expired")


def refusals_in(settings: Mapping[str, str]) -> dict[str, str]:
    """What a vendor's codes mean, as the operator wrote it: `1001=auth,2001=out_of_stock`.

    The right side is a category of the port, or `not_found`; anything else is passed over.
    """
    known = {*Category, NOT_FOUND}
    pairs = [pair.partition("=") for pair in settings.get("rejections", "").split(",")]
    return {code.strip(): word.strip() for code, _, word in pairs if word.strip() in known}


def refused(code: str, meanings: Mapping[str, str]) -> Rejected | Uncertain:
    """A refusal of a submission: definite only when its code is known to mean that nothing was
    bought. That our reference is known there already means the contrary."""
    word = meanings.get(code, "")
    if word == Category.DUPLICATE_REFERENCE:
        return Uncertain(Category.DUPLICATE_REFERENCE, shown(code))
    if word in ("", NOT_FOUND, Category.UNKNOWN):
        return Uncertain(detail=f"code_{shown(code, 40)}")
    return Rejected(Category(word), shown(code))


def settings_of(connection: Connection) -> dict[str, str]:
    """What a vendor gave us beside the address: `customer_id=1192442&key=...`, as it is sealed."""
    return dict(parse_qsl(connection.secret))


def flaw_in(connection: Connection, *needed: str) -> Flaw | None:
    """What a vendor gives that is missing in the secret, or a word of `rejections` that means
    nothing."""
    settings = settings_of(connection)
    for name in needed:
        if not settings.get(name, "").strip():
            return Flaw(name, FlawKind.MISSING)
    known = {*Category, NOT_FOUND}
    pairs = [pair for pair in settings.get("rejections", "").split(",") if pair.strip()]
    if all(pair.partition("=")[2].strip() in known for pair in pairs):
        return None
    return Flaw("rejections", FlawKind.WORD_UNKNOWN)
