"""Pure rules of bonus plans: what a month of sales brings, and how it came about (row H5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Protocol

from domain.kernel import plain, share_out

WHOLE = 10_000  # rates: in 1/10000
MAX_STEPS, MAX_DEPTH, MAX_HOLD_DAYS = 10, 3, 90
MAX_CAP_MARGIN, MAX_CAP_SALES = 5_000, 1_000
MAX_SALES = 10**15
LONGEST = timedelta(days=366)


@dataclass(slots=True)
class Times:
    """How long after a month's end its awards are worked out, and where days begin; set once by
    the wiring."""

    settle: timedelta = timedelta(days=7)
    utc_offset: timedelta = timedelta(hours=8)


@dataclass(slots=True)
class Switches:
    """What the installation allows at all; set once by the wiring."""

    team: bool = False


times = Times()
switches = Switches()


class Terms(Protocol):
    """What a plan pays."""

    from_sales: Sequence[int]
    rates: Sequence[int]
    min_own_sales: int
    cap_margin_rate: int
    cap_sales_rate: int
    cap_each: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What one agent's month came to, less refunds; amounts in units of 1/10000.

    `margin` is of lines whose cost is known, after commissions, and may be below zero. `uncosted`
    is the price of the others, after commissions. `own` is what it sold to its own customers.
    """

    lines: int
    sales: int
    margin: int
    uncosted: int
    own: int


@dataclass(frozen=True, slots=True)
class Worth:
    """What a month is worth: the step that was reached, what it asks for, what the caps leave."""

    start: int
    rate: int
    wished: int
    amount: int


def worth_of(terms: Terms, measured: Measured) -> Worth | None:
    """What a plan pays for a month; None: nothing. All in whole units, rounded down, so the rest
    stays with the house. Less sales or less margin never bring more."""
    if measured.own < terms.min_own_sales or measured.lines <= 0:
        return None
    reached = [
        (start, rate)
        for start, rate in zip(terms.from_sales, terms.rates, strict=True)
        if start <= measured.sales
    ]
    if not reached:
        return None
    start, rate = reached[-1]
    wished = measured.sales * rate // WHOLE
    amount = min(wished, ceiling_of(terms, measured))
    if terms.cap_each is not None:
        amount = min(amount, terms.cap_each)
    return Worth(start, rate, wished, amount) if amount > 0 else None


def ceiling_of(terms: Terms, measured: Measured) -> int:
    """The most that a plan may pay for these sales: its share of their margin, and of the price of
    what has no cost."""
    margin = max(0, measured.margin) * terms.cap_margin_rate
    return (margin + max(0, measured.uncosted) * terms.cap_sales_rate) // WHOLE


def within_month(worths: Sequence[int], cap_month: int) -> list[int]:
    """What referrals of one agent and month bring together: all of it, or the most of a month
    shared out by what each would have brought, largest remainder first."""
    return list(worths) if sum(worths) <= cap_month else share_out(cap_month, list(worths))


def month_of(moment: datetime) -> date:
    """The month of a moment where the business is, by its first day."""
    return moment.astimezone(timezone(times.utc_offset)).date().replace(day=1)


def next_month(month: date) -> date:
    """The one after."""
    return (month + timedelta(days=31)).replace(day=1)


def start_of(month: date) -> datetime:
    """When a month begins where the business is."""
    return datetime.combine(month, time(), timezone(times.utc_offset))


def is_closed(month: date, moment: datetime) -> bool:
    """Whether a month is over for long enough."""
    return start_of(next_month(month)) + times.settle <= moment


def last_closed(moment: datetime) -> date:
    """The newest month that is over for long enough."""
    return (month_of(moment - times.settle) - timedelta(days=1)).replace(day=1)


def months_between(first: date, last: date) -> list[date]:
    """All of them, both included."""
    found = [first]
    while found[-1] < last:
        found.append(next_month(found[-1]))
    return found


_SALES = {  # by basis: as it stands in a sentence
    "own_sales": ("settled sales to your own customers", "自有客户的已结算销售额"),
    "link_sales": ("settled sales by your links", "推广链接带来的已结算销售额"),
    "new_customer_sales": ("settled sales to new customers", "新客户的已结算销售额"),
    "referred_agent_sales": (
        "settled sales of an agent that you invited",
        "您邀请的代理的已结算销售额",
    ),
    "referred_buyer_purchases": (
        "settled purchases of a buyer whom you brought",
        "您带来的买家的已结算购买额",
    ),
    "team_sales": ("settled sales of your team", "团队的已结算销售额"),
}
_NAMES = {
    "performance": ("Performance award", "月度绩效奖"),
    "promotion": ("Promotion award", "推广奖励"),
    "team": ("Team award", "团队管理奖"),
    "referral": ("Referral reward", "推荐奖励"),
}


def explain(kind: str, terms: Mapping[str, Any], figures: Mapping[str, Any], language: str) -> str:
    """One sentence on how an award came about, in English or Chinese.

    `figures`: month, sales, margin, uncosted, rate, wished, amount; amounts in units.
    """
    zh = language == "zh"
    names, sales = _NAMES[kind], _SALES[terms["basis"]]
    rate, start = percent(figures["rate"]), plain(terms["from"])
    month = figures["month"].strftime("%Y-%m")
    told = {name: plain(figures[name]) for name in ("sales", "margin", "wished", "amount")}
    english = f"{names[0]} for {month}: {rate} % of {sales[0]} of {told['sales']} (from {start})"
    chinese = f"{month} {names[1]}：{sales[1]} {told['sales']}（达到 {start}）的 {rate}%"
    if terms["depth"] > 1:
        english += f", {terms['depth']} levels"
        chinese += f"，{terms['depth']} 级"
    if figures["amount"] < figures["wished"]:
        cap = percent(terms["capMarginRate"])
        english += f" would be {told['wished']}, and no more is paid than the plan's caps allow"
        english += f" ({cap} % of the margin of {told['margin']}"
        chinese += f"，应为 {told['wished']}，按方案上限（毛利 {told['margin']} 的 {cap}%"
        if figures["uncosted"]:
            other, price = percent(terms["capSalesRate"]), plain(figures["uncosted"])
            english += f", {other} % of {price} without a known cost"
            chinese += f"，无成本商品 {price} 的 {other}%"
        if terms["capEach"] is not None:
            each = plain(terms["capEach"])
            whom = ("for each whom you brought", "每位被推荐人")
            english += f", {each} {whom[0] if kind == 'referral' else 'for each agent'}"
            chinese += f"，{whom[1] if kind == 'referral' else '每位代理'} {each}"
        if terms.get("capMonth") is not None:
            english += f", {plain(terms['capMonth'])} for all of a month"
            chinese += f"，每月合计 {plain(terms['capMonth'])}"
        english += ")"
        chinese += "）发放"
    return f"{chinese}，共 {told['amount']}" if zh else f"{english}: {told['amount']}"


def percent(rate: int) -> str:
    """A rate of 1/10000 in percent, without zeros that say nothing."""
    whole, rest = divmod(rate, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
