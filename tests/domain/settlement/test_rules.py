"""Which moments a period means."""

from datetime import datetime, timedelta

import pytest

from domain.kernel import Refused
from domain.settlement.rules import period_of

BEIJING = timedelta(hours=8)


@pytest.mark.parametrize(
    ("text", "starts", "ends"),
    [
        ("2026-11", "2026-10-31T16:00:00+00:00", "2026-11-30T16:00:00+00:00"),
        ("2026-12", "2026-11-30T16:00:00+00:00", "2026-12-31T16:00:00+00:00"),
        ("2028-02", "2028-01-31T16:00:00+00:00", "2028-02-29T16:00:00+00:00"),
        ("2026-W01", "2025-12-28T16:00:00+00:00", "2026-01-04T16:00:00+00:00"),
        ("2026-W53", "2026-12-27T16:00:00+00:00", "2027-01-03T16:00:00+00:00"),
        ("2026-11-25", "2026-11-24T16:00:00+00:00", "2026-11-25T16:00:00+00:00"),
    ],
)
def test_a_month_a_week_or_a_day_where_the_business_is(text: str, starts: str, ends: str) -> None:
    found = period_of(text, BEIJING)
    assert found.name == text
    assert found.starts_at == datetime.fromisoformat(starts)
    assert found.ends_at == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026", "2026-13", "2026-00", "2026-W54", "2027-W53", "2026-02-30", "9999-12"),
        *("2026-11-25T00", " 2026-11", "２０２６-11", "2026-11\n", "0000-01", "9999-12-31"),
    ],
)
def test_nothing_else_is_a_period(text: str) -> None:
    with pytest.raises(Refused) as refused:
        period_of(text, BEIJING)
    assert refused.value.refusals[0].code == "INVALID"
