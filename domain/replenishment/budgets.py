"""Budgets of purchases for stock (row D4).

What was bought and what is being bought counts at most at what it may cost, so that however many
buy at once, and whatever dies in between, no budget is exceeded. The database refuses a purchase
beyond one (`purchase_within_budget`); here is said how much is left.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from domain import audit, suppliers
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    clock,
    connection,
    new_id,
    refuse_unless,
    transaction,
)
from domain.replenishment.models import BudgetPeriod, PurchaseBudget

WRITE_SCOPE = "purchases:write"
READ_SCOPE = "purchases:read"

_LEFT = """
SELECT b.id, b.supplier_id, b.amount - purchase_spent(b.supplier_id, b.period, $2) AS left_over
FROM purchase_budgets b WHERE b.supplier_id IS NULL OR b.supplier_id = $1
"""
_SPENT = "SELECT purchase_spent($1, $2, $3)"
_LOCK = """
SELECT 1 FROM purchase_budgets WHERE supplier_id IS NULL OR supplier_id = $1
ORDER BY id FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class BudgetWish:
    """A budget as it shall be; without a supplier for all of them together."""

    period: BudgetPeriod
    amount: int
    supplier_code: str | None = None


async def save_budget(actor: Actor, wish: BudgetWish) -> PurchaseBudget:
    """Keep a budget, or change the one of this supplier and period. Needs `purchases:write`."""
    actor.require_scope(WRITE_SCOPE)
    refuse_unless(wish.amount >= 0, Invalid(reason="budget_amount", field=("amount",)))
    supplier_id = None
    if wish.supplier_code is not None:
        supplier = await suppliers.Supplier.filter(code=wish.supplier_code).first()
        if supplier is None:
            raise Refused(NotFound(what="supplier", field=("supplierCode",)))
        supplier_id = supplier.id
    async with transaction() as conn:
        found = PurchaseBudget.filter(supplier_id=supplier_id, period=wish.period)
        budget = await found.select_for_update().first()
        fresh = budget is None
        budget = budget or PurchaseBudget(id=new_id(), supplier_id=supplier_id, period=wish.period)
        budget.amount, budget.updated_at = wish.amount, clock.now()
        await budget.save(force_create=fresh)
        details = {
            "supplier": wish.supplier_code,
            "period": wish.period.value,
            "amount": wish.amount,
        }
        await audit.record(conn, actor, "purchase_budget.save", budget.id, details)
    return budget


async def delete_budget(actor: Actor, budget_id: UUID) -> PurchaseBudget:
    """Take a budget away. Needs `purchases:write`; audited. Without any nothing is bought."""
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        budget = await PurchaseBudget.filter(id=budget_id).select_for_update().first()
        if budget is None:
            raise Refused(NotFound(what="purchase budget", field=("id",)))
        await budget.delete()
        await audit.record(conn, actor, "purchase_budget.delete", budget.id, {})
    return budget


async def list_budgets(actor: Actor) -> list[PurchaseBudget]:
    """All budgets; needs `purchases:read`."""
    actor.require_scope(READ_SCOPE)
    rows = await PurchaseBudget.all().order_by("id")
    return sorted(rows, key=lambda each: (each.supplier_id is not None, each.period))


async def left_of(conn: Connection, supplier_id: UUID, day: date, *, locked: bool = False) -> int:
    """What may still be spent at a supplier: the least that its budgets and those of all leave. 0
    without a budget for all suppliers. `locked`: nobody else buys meanwhile."""
    if locked:
        await conn.execute(_LOCK, supplier_id)
    rows = await conn.fetch(_LEFT, supplier_id, day)
    if not any(row["supplier_id"] is None for row in rows):
        return 0
    least: int = min(row["left_over"] for row in rows)
    return max(0, least)


async def spent_of(budget: PurchaseBudget) -> int:
    """What counts against a budget now."""
    day = clock.now().date()
    async with connection() as conn:
        spent: int = await conn.fetchval(_SPENT, budget.supplier_id, budget.period.value, day)
    return spent
