"""Pure rules of risk: what a condition is, and what all rules say of the facts of an order (C9)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.kernel import Invalid, refuse_unless
from domain.risk.models import RiskDecision, RiskSubject

MAX_CONDITIONS = 10
MAX_VALUES = 1_000
MAX_MINUTES = 30 * 24 * 60
CLAIM_LEASE = timedelta(minutes=30)
_SHOWN = 2


class RiskKind(StrEnum):
    """What a condition looks at; it holds above its limit, and the age of an account below it."""

    AMOUNT = "AMOUNT"  # the order's total, in units
    CATEGORY_QUANTITY = "CATEGORY_QUANTITY"  # pieces of a category and those below it
    CATEGORY_AMOUNT = "CATEGORY_AMOUNT"  # what they cost, in units
    ACCOUNT_AGE = "ACCOUNT_AGE"  # minutes since the buyer signed up
    ORDERS = "ORDERS"  # tries to order within `minutes` by one buyer, address or account
    FIRST_PURCHASE = "FIRST_PURCHASE"  # total of a buyer who never paid before, in units
    DENIED = "DENIED"  # the buyer, address or account stands on the list


_OF_CATEGORY = (RiskKind.CATEGORY_QUANTITY, RiskKind.CATEGORY_AMOUNT)
_OF_SUBJECT = (RiskKind.ORDERS, RiskKind.DENIED)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `denied` maps the keyed digest of a value, in hex, to its masked letters."""

    kind: RiskKind
    limit: int = 0
    category_id: UUID | None = None
    subject: RiskSubject | None = None
    minutes: int = 0
    denied: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "kind": self.kind.value,
            "limit": self.limit,
            "categoryId": str(self.category_id) if self.category_id else None,
            "subject": self.subject.value if self.subject else None,
            "minutes": self.minutes,
            "denied": dict(self.denied),
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """The newest version of a rule that is on."""

    rule_id: UUID
    version: int
    name: str
    conditions: tuple[Condition, ...]
    decision: RiskDecision
    shadow: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an order. `seen`: keyed digests in hex by subject; `tries`: the most orders
    of one of them within so many minutes, this one among them."""

    total: int
    account_minutes: int
    first_purchase: bool
    pieces: Mapping[UUID, int]
    amounts: Mapping[UUID, int]
    seen: Mapping[RiskSubject, frozenset[str]]
    tries: Mapping[tuple[RiskSubject, int], int]


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule that fired, and what each of its conditions found; values masked."""

    rule: Rule
    found: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As it is kept, for the eyes of reviewers."""
        return {
            "ruleId": str(self.rule.rule_id),
            "version": self.rule.version,
            "name": self.rule.name,
            "decision": self.rule.decision.value,
            "shadow": self.rule.shadow,
            "found": list(self.found),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all rules together say."""

    decision: RiskDecision
    signals: tuple[Signal, ...] = ()

    @property
    def shadows(self) -> tuple[Signal, ...]:
        """Of rules that only note."""
        return tuple(each for each in self.signals if each.rule.shadow)


def judge(rules: Iterable[Rule], facts: Facts) -> Verdict:
    """The strictest decision of the rules that fire and are no shadows, and all that fired."""
    signals = tuple(
        Signal(rule, found) for rule in rules if (found := _fired(rule, facts)) is not None
    )
    said = {each.rule.decision for each in signals if not each.rule.shadow}
    for decision in (RiskDecision.BLOCK, RiskDecision.REVIEW):
        if decision in said:
            return Verdict(decision, signals)
    return Verdict(RiskDecision.ALLOW, signals)


def subjects_of(rules: Iterable[Rule]) -> frozenset[RiskSubject]:
    """By what orders must be noted, for these rules to be answered."""
    conditions = (each for rule in rules for each in rule.conditions)
    return frozenset(each.subject for each in conditions if each.subject is not None)


def windows_of(rules: Iterable[Rule]) -> list[tuple[RiskSubject, int]]:
    """What must be counted: subjects and minutes."""
    conditions = (each for rule in rules for each in rule.conditions)
    asked = {(c.subject, c.minutes) for c in conditions if c.kind is RiskKind.ORDERS and c.subject}
    return sorted(asked)


def check_conditions(conditions: Sequence[Condition]) -> None:
    """Refuses (INVALID) none or too many, and one that lacks what its kind needs."""
    fits = 0 < len(conditions) <= MAX_CONDITIONS
    refuse_unless(fits, Invalid(reason="risk_conditions", field=("conditions",)))
    for position, each in enumerate(conditions):
        where = ("conditions", str(position))
        whole = (
            each.limit >= 0
            and (each.category_id is not None) == (each.kind in _OF_CATEGORY)
            and (each.subject is not None) == (each.kind in _OF_SUBJECT)
            and (0 < each.minutes <= MAX_MINUTES) == (each.kind is RiskKind.ORDERS)
            and (0 < len(each.denied) <= MAX_VALUES) == (each.kind is RiskKind.DENIED)
        )
        refuse_unless(whole, Invalid(reason="risk_condition", field=where))


def read_condition(kept: Mapping[str, Any]) -> Condition:
    """A condition as it was kept."""
    return Condition(
        RiskKind(kept["kind"]),
        kept["limit"],
        UUID(kept["categoryId"]) if kept["categoryId"] else None,
        RiskSubject(kept["subject"]) if kept["subject"] else None,
        kept["minutes"],
        kept["denied"],
    )


def masked(value: str) -> str:
    """The first and last two letters of a value; nothing of a short one."""
    if len(value) < 3 * _SHOWN:
        return "****"
    return f"{value[:_SHOWN]}****{value[-_SHOWN:]}"


def _fired(rule: Rule, facts: Facts) -> tuple[str, ...] | None:
    """What each condition found; None as soon as one does not hold."""
    found: list[str] = []
    for condition in rule.conditions:
        seen = _holds(condition, facts)
        if seen is None:
            return None
        found.append(seen)
    return tuple(found)


def _holds(condition: Condition, facts: Facts) -> str | None:
    """What it found, in letters that show no value; None when it does not hold."""
    kind = condition.kind
    if kind is RiskKind.DENIED:
        assert condition.subject is not None, "checked when it was saved"
        hits = condition.denied.keys() & facts.seen.get(condition.subject, frozenset())
        named = sorted(condition.denied[each] for each in hits)
        return f"{kind.value} {condition.subject.value} {' '.join(named)}" if hits else None
    value = _measured(condition, facts)
    below = kind is RiskKind.ACCOUNT_AGE
    if not (value < condition.limit if below else value > condition.limit):
        return None
    if kind is RiskKind.FIRST_PURCHASE and not facts.first_purchase:
        return None
    what = kind.value if condition.subject is None else f"{kind.value} {condition.subject.value}"
    return f"{what} {value} {'<' if below else '>'} {condition.limit}"


def _measured(condition: Condition, facts: Facts) -> int:
    match condition.kind:
        case RiskKind.CATEGORY_QUANTITY:
            return facts.pieces.get(condition.category_id, 0) if condition.category_id else 0
        case RiskKind.CATEGORY_AMOUNT:
            return facts.amounts.get(condition.category_id, 0) if condition.category_id else 0
        case RiskKind.ACCOUNT_AGE:
            return facts.account_minutes
        case RiskKind.ORDERS:
            assert condition.subject is not None, "checked when it was saved"
            return facts.tries.get((condition.subject, condition.minutes), 0)
        case _:
            return facts.total
