"""Keyset paging with signed, opaque cursors."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from domain.kernel.refusals import Invalid, Refused
from domain.kernel.sealing import keyed_digest

DEFAULT_PAGE_ROWS = 20
MAX_PAGE_ROWS = 100
_TAG_BYTES = 10

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many rows, after which position. `list_name` ties a cursor to the list it came from."""

    first: int
    after: tuple[Any, ...] | None
    list_name: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of rows with a cursor for each, and whether more follow."""

    rows: list[Row]
    cursors: list[str]
    has_next_page: bool
    has_previous_page: bool


def page_request(list_name: str, first: int | None, after: str | None) -> PageRequest:
    """Checks the paging arguments; refuses page sizes outside 1..100 and foreign cursors."""
    rows = DEFAULT_PAGE_ROWS if first is None else first
    if not 1 <= rows <= MAX_PAGE_ROWS:
        raise Refused(Invalid(reason="page_size", field=("first",)))
    return PageRequest(rows, None if after is None else _open(list_name, after), list_name)


def page_of(
    request: PageRequest, rows: Sequence[Row], key: Callable[[Row], tuple[Any, ...]]
) -> Page[Row]:
    """A page from up to `first + 1` rows: the extra row only tells that more follow."""
    shown = list(rows[: request.first])
    cursors = [_close(request.list_name, key(row)) for row in shown]
    return Page(shown, cursors, len(rows) > request.first, request.after is not None)


def _close(list_name: str, key: tuple[Any, ...]) -> str:
    body = orjson.dumps(key, default=str)
    return urlsafe_b64encode(_tag(list_name, body) + body).decode().rstrip("=")


def _open(list_name: str, cursor: str) -> tuple[Any, ...]:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, _tag(list_name, body)):
            raise ValueError
        return tuple(orjson.loads(body))
    except (ValueError, UnicodeError):
        raise Refused(Invalid(reason="cursor", field=("after",))) from None


def _tag(list_name: str, body: bytes) -> bytes:
    return keyed_digest("cursor", list_name.encode() + b"\0" + body)[:_TAG_BYTES]
