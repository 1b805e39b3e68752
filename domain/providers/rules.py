"""What a contract pays for a period. Pure: terms and facts in, the lines of a statement out.

Exact amounts are whole numbers of millionths of a unit: a rate is in millionths (10,000 is 1 %), so
nothing is ever cut off before a statement is rounded, once, as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

CURRENCY = "CNY"  # of the books
EXACT = 1_000_000  # parts of a unit; of a rate: the whole
MAX_UNITS = 10_000_000_000_000  # 1,000,000,000.0000 of the currency unit, of one term


class ContractModel(StrEnum):
    """How a provider is paid (mission row H7)."""

    RESULT = "RESULT"  # 按效果付费: a share of what it brought, or a sum for each order
    FIXED_BONUS = "FIXED_BONUS"  # 固定服务费+绩效奖金: a fee, and more from thresholds on
    BASE_EXTRAS = "BASE_EXTRAS"  # 基础+增值: a fee, and services at agreed prices


class ContractBasis(StrEnum):
    """What results are counted in, of settled sales to consumers that no agent brought."""

    NET_SALES = "NET_SALES"  # what buyers paid for what was delivered, less refunds
    MARGIN = "MARGIN"  # that, less what the goods had cost
    ORDERS = "ORDERS"  # orders of which something was delivered and not all paid back


class PartKind(StrEnum):
    """What a line of a statement is for."""

    FEE = "FEE"
    RESULT = "RESULT"
    RETURNED = "RETURNED"  # what refunds take back, of this period's orders and of earlier ones
    BONUS = "BONUS"
    EXTRA = "EXTRA"


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on (units, or orders) `amount` is paid, and `rate` of what lies above it, up to the
    next step."""

    at: int
    amount: int = 0
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """One priced service of a contract of base and extras."""

    code: str
    name: str
    price: int


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a contract's terms, as far as it counts. Amounts in units, by the month."""

    id: UUID
    model: ContractModel
    fee: int = 0
    basis: ContractBasis | None = None
    rate: int | None = None
    per_order: int | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened to the orders of one version of the terms, between two entries of the ledger:
    sold and given back, with the cost of it, and orders that came to count or ceased to."""

    sold: int = 0
    sold_cost: int = 0
    returned: int = 0
    returned_cost: int = 0
    orders: int = 0
    orders_lost: int = 0

    def __add__(self, other: "Facts") -> "Facts":
        names = self.__slots__
        return Facts(*(getattr(self, name) + getattr(other, name) for name in names))

    def gained(self, basis: ContractBasis) -> int:
        """By sales."""
        if basis is ContractBasis.ORDERS:
            return self.orders
        return self.sold - (self.sold_cost if basis is ContractBasis.MARGIN else 0)

    def lost(self, basis: ContractBasis) -> int:
        """By refunds."""
        if basis is ContractBasis.ORDERS:
            return self.orders_lost
        return self.returned - (self.returned_cost if basis is ContractBasis.MARGIN else 0)


@dataclass(frozen=True, slots=True)
class Extra:
    """A service that was done, agreed to and not paid yet."""

    id: UUID
    code: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a statement: `basis` (units, orders or pieces) at `rate` millionths, or at `each`
    units, is `exact`, in millionths of a unit; `amount`, in units, is its share of the total."""

    kind: PartKind
    terms_id: UUID
    exact: int
    basis: int = 0
    rate: int | None = None
    each: int | None = None
    item_id: UUID | None = None
    code: str = ""
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """What a statement comes to: its lines sum to `total`; what is below zero is carried on."""

    parts: tuple[Part, ...]
    total: int
    carried_in: int
    payable: int
    carried_out: int


def parts_of(
    current: Terms | None,
    counted: Sequence[tuple[Terms, Facts]],
    extras: Sequence[tuple[Terms, Extra]],
) -> list[Part]:
    """The lines of a period before they are rounded. `current`: the terms in force in it;
    `counted`: what happened to the orders of each version; `extras`: services, by their version."""
    parts = []
    if current is not None and current.fee:
        parts.append(Part(PartKind.FEE, current.id, current.fee * EXACT, 1, each=current.fee))
    for terms, facts in counted:
        if terms.model is ContractModel.RESULT:
            parts += _results(terms, facts)
    if current is not None and current.model is ContractModel.FIXED_BONUS:
        parts += _bonuses(current, counted)
    for terms, extra in extras:
        exact = extra.quantity * extra.price * EXACT
        line = Part(
            PartKind.EXTRA,
            terms.id,
            exact,
            extra.quantity,
            each=extra.price,
            item_id=extra.id,
            code=extra.code,
        )
        parts.append(line)
    return parts


def summed(parts: Sequence[Part], carried_in: int, step: int) -> Sums:
    """The total, in whole steps (units of a cent), and each line's share of it."""
    total = rounded(sum(part.exact for part in parts), step)
    shares = allot([part.exact for part in parts], total, step)
    whole = total + carried_in
    return Sums(
        parts=tuple(_with(part, share) for part, share in zip(parts, shares, strict=True)),
        total=total,
        carried_in=carried_in,
        payable=max(0, whole),
        carried_out=min(0, whole),
    )


def rounded(exact: int, step: int) -> int:
    """Millionths of a unit as units in whole steps, half to even."""
    whole = step * EXACT
    steps, rest = divmod(exact, whole)
    up = 2 * rest > whole or (2 * rest == whole and steps % 2 == 1)
    return (steps + up) * step


def allot(exacts: Sequence[int], total: int, step: int) -> list[int]:
    """Units in whole steps that sum to `total`, the rounded sum of the exact amounts: each is cut
    down, and what is missing goes by steps to the largest remainders, the first of equals."""
    whole = step * EXACT
    shares = [exact // whole * step for exact in exacts]
    missing = (total - sum(shares)) // step
    by_remainder = sorted(range(len(exacts)), key=lambda place: (-(exacts[place] % whole), place))
    for place in by_remainder[:missing]:
        shares[place] += step
    return shares


def _results(terms: Terms, facts: Facts) -> list[Part]:
    assert terms.basis is not None
    each = terms.per_order
    factor = terms.rate if each is None else each * EXACT
    assert factor is not None
    counted = (
        (PartKind.RESULT, facts.gained(terms.basis)),
        (PartKind.RETURNED, -facts.lost(terms.basis)),
    )
    return [
        Part(kind, terms.id, basis * factor, basis, rate=terms.rate, each=each)
        for kind, basis in counted
        if basis
    ]


def _bonuses(current: Terms, counted: Sequence[tuple[Terms, Facts]]) -> list[Part]:
    """Of the steps that the period reached, by all orders of contracts of this model; what refunds
    took back in it counts, whenever the order was placed."""
    assert current.basis is not None
    facts = sum((f for t, f in counted if t.model is ContractModel.FIXED_BONUS), Facts())
    reached = facts.gained(current.basis) - facts.lost(current.basis)
    steps = sorted(current.steps, key=lambda step: step.at)
    parts = []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if reached < step.at:
            break
        if step.amount:
            exact = step.amount * EXACT
            parts.append(Part(PartKind.BONUS, current.id, exact, 1, each=step.amount))
        above = (min(reached, following.at) if following else reached) - step.at
        if step.rate and above:
            exact = above * step.rate
            parts.append(Part(PartKind.BONUS, current.id, exact, above, rate=step.rate))
    return parts


def _with(part: Part, amount: int) -> Part:
    return Part(
        part.kind,
        part.terms_id,
        part.exact,
        part.basis,
        part.rate,
        part.each,
        part.item_id,
        part.code,
        amount,
    )
