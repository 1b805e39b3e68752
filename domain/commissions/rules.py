"""Pure rules of commission: who earns what on one delivered line (mission rows H1, G3, L11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.commissions.models import RuleKind
from domain.kernel import SCALE, plain, share_out

PERCENT_SCALE = 100 * SCALE  # 10000 stands for 1 %
MAX_BENEFICIARIES = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that fits one level of one sale."""

    id: UUID
    level: int
    kind: RuleKind
    value: int
    scope: str


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """An agent in the chain of a sale: `level` 1 is nearest; `unit_price` is what its tier pays."""

    agent_id: UUID
    level: int
    tier: str
    unit_price: int | None


@dataclass(frozen=True, slots=True)
class Earned:
    """What one agent earns, and why: `rule` is the snapshot that explains it later."""

    agent_id: UUID
    level: int
    basis: int
    amount: int
    rule: dict[str, Any]


def split(
    *,
    unit_price: int,
    quantity: int,
    cost: int,
    chain: Sequence[Beneficiary],
    rules: Mapping[int, Rule],
) -> list[Earned]:
    """The commissions of one line, all amounts in units of 1/10000.

    Their sum never passes the margin (price minus cost): above it, all are cut in proportion,
    largest remainder first. No margin, no commission. Amounts of zero yield no line.
    """
    margin = unit_price * quantity - cost
    if margin <= 0:
        return []
    wished = [
        _wish(unit_price, quantity, member, chain, rules) for member in chain[:MAX_BENEFICIARIES]
    ]
    earned = [wish for wish in wished if wish is not None and wish.amount > 0]
    total = sum(wish.amount for wish in earned)
    if total <= margin:
        return earned
    parts = share_out(margin, [wish.amount for wish in earned])
    return [
        Earned(wish.agent_id, wish.level, wish.basis, part, {**wish.rule, "cutFrom": wish.amount})
        for wish, part in zip(earned, parts, strict=True)
        if part > 0
    ]


def _wish(
    unit_price: int,
    quantity: int,
    member: Beneficiary,
    chain: Sequence[Beneficiary],
    rules: Mapping[int, Rule],
) -> Earned | None:
    rule = rules.get(member.level)
    if rule is None:
        return None
    basis, amount = _amount(rule, unit_price, quantity, member, chain)
    return Earned(member.agent_id, member.level, basis, amount, snapshot(rule, member.tier))


def _amount(
    rule: Rule, unit_price: int, quantity: int, member: Beneficiary, chain: Sequence[Beneficiary]
) -> tuple[int, int]:
    if rule.kind is RuleKind.PERCENT:
        net = unit_price * quantity
        return net, net * rule.value // PERCENT_SCALE
    if rule.kind is RuleKind.FIXED:
        return quantity * SCALE, rule.value * quantity
    # Price difference: what the next one down pays (the buyer, below level 1) minus own price.
    # A tier that is no cheaper than the one below it earns nothing, never a negative amount.
    below = [unit_price, *(other.unit_price for other in chain if other.level < member.level)]
    paid_below = min(price for price in below if price is not None)
    own = member.unit_price if member.unit_price is not None else paid_below
    difference = max(0, paid_below - own) * quantity
    return difference, difference


def terms_of(
    chain: Sequence[Beneficiary], rules: Mapping[int, Rule], bears: int = 0
) -> dict[str, Any]:
    """The snapshot kept on a line that is delivered later: who is in the chain, the rules, and what
    it bears of the other parts of its bundle."""
    return {
        **({"bears": bears} if bears else {}),
        "chain": [
            {
                "agentId": str(m.agent_id),
                "level": m.level,
                "tier": m.tier,
                "unitPrice": m.unit_price,
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
            }
            for r in rules.values()
        ],
    }


def read_terms(terms: Mapping[str, Any] | None) -> tuple[list[Beneficiary], dict[int, Rule]]:
    """The chain and the rules behind `terms_of`."""
    if terms is None:
        return [], {}
    chain = [
        Beneficiary(UUID(m["agentId"]), m["level"], m["tier"], m["unitPrice"])
        for m in terms["chain"]
    ]
    return chain, read_rules(terms["rules"])


def borne(terms: Mapping[str, Any] | None) -> int:
    """What a line bears of its bundle's other parts: nobody earns on that."""
    return int(terms.get("bears", 0)) if terms else 0


def still_due(earned: int, taken: int, returned: int, total: int) -> int:
    """What of a commission is to be taken back once `returned` of the `total` of its line went
    back, of which `taken` was taken before. All of it in the end, and never more."""
    return max(0, earned * returned // total - taken)


def read_rules(rows: Sequence[Mapping[str, Any]]) -> dict[int, Rule]:
    """Rules by level, from plain values as the database or a snapshot gives them."""
    return {
        row["level"]: Rule(
            UUID(row["id"]), row["level"], RuleKind(row["kind"]), row["value"], row["scope"]
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
    }


def explain(rule: Mapping[str, Any], basis: str, amount: str, language: str) -> str:
    """One sentence on how a commission came about, in English or Chinese."""
    kind, value = rule["kind"], int(rule["value"])
    english, chinese = {
        "percent": (f"{plain(value)} % of {basis}", f"{basis} 的 {plain(value)}%"),
        "fixed": (f"{plain(value)} for each unit", f"每件 {plain(value)}"),
        "price_difference": (
            f"the difference between the price below and the own {rule['tier']} price",
            f"下级价格与本级（{rule['tier']}）价格之差",
        ),
    }[kind]
    if "cutFrom" in rule:
        english += ", cut so that all commissions stay within the margin"
        chinese += "，并按比例削减以不超过毛利"
    return f"{chinese}，共 {amount}" if language == "zh" else f"{english}: {amount}"
