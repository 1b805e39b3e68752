"""Pure rules of commission: who earns what on one delivered line (mission rows H1, G3, L11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.commissions.models import RuleKind
from domain.kernel import SCALE, plain, share_out
from domain.priceguard import NO_MARGIN, Margin

PERCENT_SCALE = 100 * SCALE  # 10000 stands for 1 %
MAX_BENEFICIARIES = 3
HOLD_DAYS = 3  # until a commission is available, where its rule does not say
MAX_HOLD_DAYS = 90
SLOT = timedelta(minutes=1)
PERCENTS = frozenset({RuleKind.PERCENT, RuleKind.MARGIN_PERCENT})
OF_PRICES = frozenset({RuleKind.PRICE_DIFFERENCE.value})


@dataclass(slots=True)
class Calendar:
    """Where a day begins; set once by the wiring."""

    utc_offset: timedelta = timedelta(hours=8)


calendar = Calendar()


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that fits one level of one sale; `of_agent`: made for the very agent."""

    id: UUID
    level: int
    kind: RuleKind
    value: int
    scope: str
    hold_days: int = HOLD_DAYS
    of_agent: bool = False


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """An agent in the chain of a sale: `level` 1 is nearest; `unit_price` is what its tier pays.
    Who is `barred` earns nothing and keeps its place."""

    agent_id: UUID
    level: int
    tier: str
    unit_price: int | None
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Earned:
    """What one agent earns, and why: `rule` is the snapshot that explains it later."""

    agent_id: UUID
    level: int
    basis: int
    amount: int
    rule: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Coupon:
    """What coupons took off a line, and what of it the nearest agent bears."""

    discount: int = 0
    agent_bears: int = 0


NO_COUPON = Coupon()


def split(
    *,
    unit_price: int,
    quantity: int,
    cost: int,
    chain: Sequence[Beneficiary],
    rules: Mapping[int, Rule],
    coupon: Coupon | None = None,
    least: Margin = NO_MARGIN,
) -> list[Earned]:
    """The commissions of one line, all amounts in units of 1/10000; `unit_price` is what was paid,
    after coupons, `least` what the price guard has the house keep.

    Their sum never passes the margin (price minus cost) less the least margin; above it, all are
    cut in proportion, largest remainder first. Differences of prices alone may go down to the cost:
    those prices were guarded themselves. No margin, no commission. Amounts of zero yield no line.
    """
    margin = unit_price * quantity - cost
    if margin <= 0:
        return []
    off = coupon or NO_COUPON
    sale = _Sale(unit_price, quantity, margin, unit_price + off.discount // quantity)
    wished = [_wish(sale, member, chain, rules) for member in chain[:MAX_BENEFICIARIES]]
    if off.agent_bears and wished and wished[0] is not None:
        wished[0] = _bearing(wished[0], off.agent_bears)
    earned = [wish for wish in wished if wish is not None and wish.amount > 0]
    kept = least.floor(cost, quantity) - cost
    return _within(earned, margin, kept)


def _within(earned: list[Earned], margin: int, kept: int) -> list[Earned]:
    """What was wished for, cut to what the margin leaves."""
    differences = sum(one.amount for one in earned if one.rule["kind"] in OF_PRICES)
    most = min(margin, max(margin - kept, differences))
    if sum(wish.amount for wish in earned) <= most:
        return earned
    parts = share_out(most, [wish.amount for wish in earned])
    keeps = {"keeps": kept} if kept else {}
    return [
        Earned(w.agent_id, w.level, w.basis, part, {**w.rule, "cutFrom": w.amount, **keeps})
        for w, part in zip(earned, parts, strict=True)
        if part > 0
    ]


def _bearing(wish: Earned, bears: int) -> Earned:
    """The nearest agent bears its share of a coupon, as far as it earns; the house bears the
    rest."""
    taken = min(wish.amount, bears)
    rule = {**wish.rule, "couponBorne": taken}
    return Earned(wish.agent_id, wish.level, wish.basis, wish.amount - taken, rule)


@dataclass(frozen=True, slots=True)
class _Sale:
    unit_price: int
    quantity: int
    margin: int
    listed: int  # the unit price before coupons


def _wish(
    sale: _Sale, member: Beneficiary, chain: Sequence[Beneficiary], rules: Mapping[int, Rule]
) -> Earned | None:
    rule = rules.get(member.level)
    if rule is None or member.barred:
        return None
    basis, amount = _amount(rule, sale, member, chain)
    return Earned(member.agent_id, member.level, basis, amount, snapshot(rule, member.tier))


def _amount(
    rule: Rule, sale: _Sale, member: Beneficiary, chain: Sequence[Beneficiary]
) -> tuple[int, int]:
    if rule.kind in PERCENTS:
        net = sale.unit_price * sale.quantity
        basis = net if rule.kind is RuleKind.PERCENT else sale.margin
        return basis, basis * rule.value // PERCENT_SCALE
    if rule.kind is RuleKind.FIXED:
        return sale.quantity * SCALE, rule.value * sale.quantity
    # Price difference: what the next one down pays (the buyer, below level 1) minus own price.
    # A tier that is no cheaper than the one below it earns nothing, never a negative amount.
    # Who bears a coupon is said by the coupon, so it starts at the price before it.
    below = [sale.listed, *(other.unit_price for other in chain if other.level < member.level)]
    paid_below = min(price for price in below if price is not None)
    own = member.unit_price if member.unit_price is not None else paid_below
    difference = max(0, paid_below - own) * sale.quantity
    return difference, difference


def release_at(moment: datetime, hold_days: int) -> datetime:
    """From when on what is earned at a moment is available, T + so many days: the beginning of that
    day, or for T+0 the next minute. Always whole minutes, so that what is due is counted by few."""
    if hold_days == 0:
        return moment.replace(second=0, microsecond=0) + SLOT
    return day_of(moment) + timedelta(days=hold_days)


def day_of(moment: datetime) -> datetime:
    """When the day of a moment began where the business is."""
    here = moment.astimezone(timezone(calendar.utc_offset))
    return here.replace(hour=0, minute=0, second=0, microsecond=0)


def start_of(day: date) -> datetime:
    """When a day begins where the business is."""
    return datetime.combine(day, time(), timezone(calendar.utc_offset))


def terms_of(
    chain: Sequence[Beneficiary],
    rules: Mapping[int, Rule],
    bears: int = 0,
    coupon: Coupon = NO_COUPON,
    least: Margin = NO_MARGIN,
) -> dict[str, Any]:
    """The snapshot kept on a line that is delivered later: who is in the chain, the rules, what it
    bears of the other parts of its bundle, what coupons took off, and the least margin."""
    return {
        **({"bears": bears} if bears else {}),
        **({"discount": coupon.discount} if coupon.discount else {}),
        **({"agentBears": coupon.agent_bears} if coupon.agent_bears else {}),
        **({"least": [least.rate, least.least]} if least != NO_MARGIN else {}),
        "chain": [
            {
                "agentId": str(m.agent_id),
                "level": m.level,
                "tier": m.tier,
                "unitPrice": m.unit_price,
                **({"barred": True} if m.barred else {}),
            }
            for m in chain
        ],
        "rules": [
            {
                "id": str(r.id),
                "level": r.level,
                "kind": r.kind.value,
                "value": r.value,
                "scope": r.scope,
                "hold_days": r.hold_days,
                "of_agent": r.of_agent,
            }
            for r in rules.values()
        ],
    }


def read_terms(terms: Mapping[str, Any] | None) -> tuple[list[Beneficiary], dict[int, Rule]]:
    """The chain and the rules behind `terms_of`."""
    if terms is None:
        return [], {}
    chain = [
        Beneficiary(
            UUID(m["agentId"]), m["level"], m["tier"], m["unitPrice"], m.get("barred", False)
        )
        for m in terms["chain"]
    ]
    return chain, read_rules(terms["rules"])


def borne(terms: Mapping[str, Any] | None) -> int:
    """What a line bears of its bundle's other parts: nobody earns on that."""
    return int(terms.get("bears", 0)) if terms else 0


def coupon_of(terms: Mapping[str, Any] | None) -> Coupon:
    """What coupons took off a line, of its snapshot."""
    if not terms:
        return NO_COUPON
    return Coupon(int(terms.get("discount", 0)), int(terms.get("agentBears", 0)))


def least_of(terms: Mapping[str, Any] | None) -> Margin:
    """What the house keeps of a line at the least, of its snapshot."""
    return Margin(*terms.get("least", (0, 0))) if terms else NO_MARGIN


def still_due(earned: int, taken: int, returned: int, total: int) -> int:
    """What of a commission is to be taken back once `returned` of the `total` of its line went
    back, of which `taken` was taken before. All of it in the end, and never more."""
    return max(0, earned * returned // total - taken)


def read_rules(rows: Sequence[Mapping[str, Any]]) -> dict[int, Rule]:
    """Rules by level, from plain values as the database or a snapshot gives them."""
    return {
        row["level"]: Rule(
            id=UUID(row["id"]),
            level=row["level"],
            kind=RuleKind(row["kind"]),
            value=row["value"],
            scope=row["scope"],
            hold_days=row.get("hold_days", HOLD_DAYS),  # lines that waited while this came
            of_agent=row.get("of_agent", False),
        )
        for row in rows
    }


def snapshot(rule: Rule, tier: str) -> dict[str, Any]:
    """The rule as it was, kept with the commission."""
    return {
        "ruleId": str(rule.id),
        "kind": rule.kind.value,
        "value": rule.value,
        "scope": rule.scope,
        "tier": tier,
        "holdDays": rule.hold_days,
        "ofAgent": rule.of_agent,
    }


_WHOSE = {  # (scope, made for one agent): as it ends a sentence
    ("variant", True): ("this agent's rule for the product", "该代理在此商品上的专属规则"),
    ("category", True): ("this agent's rule for the category", "该代理在此分类上的专属规则"),
    ("default", True): ("this agent's own rule", "该代理的专属规则"),
    ("variant", False): ("the rule for the product", "商品规则"),
    ("category", False): ("the rule for the category", "分类规则"),
    ("default", False): ("the general rule", "通用规则"),
}


def explain(rule: Mapping[str, Any], basis: str, amount: str, language: str) -> str:
    """One sentence on how a commission came about, in English or Chinese."""
    kind, value = rule["kind"], int(rule["value"])
    english, chinese = {
        "percent": (
            f"{_percent(value)} % of the price of {basis}",
            f"售价 {basis} 的 {_percent(value)}%",
        ),
        "margin_percent": (
            f"{_percent(value)} % of the margin of {basis}",
            f"毛利 {basis} 的 {_percent(value)}%",
        ),
        "fixed": (f"{plain(value)} for each unit", f"每件 {plain(value)}"),
        "price_difference": (
            f"the price below less the agent's own price ({rule['tier']})",
            f"下级价格与本级（{rule['tier']}）价格之差",
        ),
    }[kind]
    whose = _WHOSE[rule.get("scope", "default"), bool(rule.get("ofAgent"))]
    english, chinese = f"{english}, by {whose[0]}", f"{chinese}（{whose[1]}）"
    if "couponBorne" in rule:
        taken = plain(int(rule["couponBorne"]))
        english += f", less {taken} of a coupon that the agent bears"
        chinese += f"，扣除由代理承担的优惠 {taken}"
    if "cutFrom" in rule:
        english += ", cut so that all commissions stay within the margin"
        chinese += "，并按比例削减以不超过毛利"
    if "keeps" in rule:
        kept = plain(int(rule["keeps"]))
        english += f", of which the house keeps {kept} at least"
        chinese += f"（其中平台至少保留 {kept}）"
    return f"{chinese}，共 {amount}" if language == "zh" else f"{english}: {amount}"


def _percent(value: int) -> str:
    """As people write it: 3, 0.5."""
    return f"{Decimal(value) / SCALE:f}"
