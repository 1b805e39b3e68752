"""What a month of sales brings: worked out by hand in docs/bonuses.md, and for any month."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bonuses import Measured, explain, worth_of
from domain.bonuses.rules import MAX_CAP_MARGIN, ceiling_of, percent
from tests import make
from tests.bonus_benches import month


@dataclass(frozen=True)
class Plan:
    """As in docs/bonuses.md: 2 % from 1,000 on, 4 % from 5,000 on."""

    from_sales: tuple[int, ...] = (make.yuan(1_000), make.yuan(5_000))
    rates: tuple[int, ...] = (200, 400)
    min_own_sales: int = 0
    cap_margin_rate: int = 3_000
    cap_sales_rate: int = 100
    cap_each: int | None = None


def golden() -> list[tuple[str, ...]]:
    """The rows of the table between the marks: sales, margin, uncosted, award."""
    paper = Path("docs/bonuses.md").read_text("utf-8")
    table = paper.split("<!-- golden -->")[1].split("<!-- end -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [tuple(row[:4]) for row in rows if re.match(r"-?\d", row[0])]


@pytest.mark.parametrize("row", golden(), ids=str)
def test_the_cases_worked_out_by_hand(row: tuple[str, ...]) -> None:
    sales, margin, uncosted, award = (make.yuan(cell.replace(",", "")) for cell in row)
    worth = worth_of(Plan(), Measured(1, sales, margin, uncosted, sales))
    assert (worth.amount if worth else 0) == award


def test_the_table_is_read() -> None:
    assert len(golden()) >= 8


money = st.integers(0, 10**10)
months = st.builds(Measured, st.integers(0, 50), money, st.integers(-(10**9), 10**10), money, money)


@given(months, st.sampled_from((None, make.yuan(50))), st.sampled_from((0, make.yuan(100))))
def test_nothing_passes_a_cap(measured: Measured, each: int | None, own: int) -> None:
    plan = Plan(cap_each=each, min_own_sales=own)
    worth = worth_of(plan, measured)
    if worth is None:
        return
    assert 0 < worth.amount <= worth.wished <= measured.sales * max(plan.rates) // 10_000
    assert worth.amount <= ceiling_of(plan, measured)
    assert each is None or worth.amount <= each
    assert measured.sales >= plan.from_sales[0]
    assert measured.own >= own
    assert plan.cap_margin_rate <= MAX_CAP_MARGIN


@given(months, money, money, money)
def test_less_is_never_worth_more(measured: Measured, sales: int, margin: int, free: int) -> None:
    less = replace(
        measured,
        sales=max(0, measured.sales - sales),
        own=max(0, measured.own - sales),
        margin=measured.margin - margin,
        uncosted=max(0, measured.uncosted - free),
    )
    before, after = worth_of(Plan(), measured), worth_of(Plan(), less)
    assert (after.amount if after else 0) <= (before.amount if before else 0)


def test_an_award_explains_itself_in_both_languages() -> None:
    terms = {
        "basis": "team_sales",
        "depth": 2,
        "from": make.yuan(1_000),
        "capMarginRate": 3_000,
        "capSalesRate": 100,
        "capEach": None,
    }
    figures = {
        "month": month(0).replace(year=2026, month=10),
        "sales": make.yuan(2_000),
        "margin": make.yuan(100),
        "uncosted": 0,
        "rate": 200,
        "wished": make.yuan(40),
        "amount": make.yuan(30),
    }
    assert explain("team", terms, figures, "en") == (
        "Team award for 2026-10: 2 % of settled sales of your team of 2000.00 (from 1000.00),"
        " 2 levels would be 40.00, and no more is paid than the plan's caps allow"
        " (30 % of the margin of 100.00): 30.00"
    )
    assert explain("team", terms, figures, "zh") == (
        "2026-10 团队管理奖：团队的已结算销售额 2000.00（达到 1000.00）的 2%，2 级，"
        "应为 40.00，按方案上限（毛利 100.00 的 30%）发放，共 30.00"
    )
    assert (percent(150), percent(5), percent(2_000)) == ("1.5", "0.05", "20")
