"""Pure rules of settlement: which moments a period means."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from domain.kernel import Invalid, Refused

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Period:
    """A month, an ISO week or a day where the business is: from its beginning to before its end."""

    name: str
    starts_at: datetime
    ends_at: datetime


def period_of(text: str, utc_offset: timedelta) -> Period:
    """`2026-11`, `2026-W47` or `2026-11-25`; refuses anything else (INVALID)."""
    try:
        first, after = _days(text)
    except (ValueError, OverflowError):
        raise Refused(Invalid(reason="settlement_period", field=("period",))) from None
    zone = timezone(utc_offset)
    starts_at, ends_at = (datetime.combine(day, time(), zone) for day in (first, after))
    return Period(text, starts_at, ends_at)


def _days(text: str) -> tuple[date, date]:
    """The first day of a period and the first one after it."""
    if not text.isascii():
        raise ValueError
    if found := _MONTH.fullmatch(text):
        year, month = int(found[1]), int(found[2])
        return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    if found := _WEEK.fullmatch(text):
        first = date.fromisocalendar(int(found[1]), int(found[2]), 1)
        return first, first + timedelta(days=7)
    if _DAY.fullmatch(text):
        day = date.fromisoformat(text)
        return day, day + timedelta(days=1)
    raise ValueError
