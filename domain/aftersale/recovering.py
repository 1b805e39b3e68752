"""What suppliers owe for bad cards, and what became of it (row M2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from domain import audit, ledger
from domain.aftersale.books import claim_posting, settlement_posting
from domain.aftersale.models import ClaimState, Dispute, SupplierClaim
from domain.aftersale.refusals import ClaimSettled
from domain.aftersale.rules import MAX_REASON_LETTERS
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    claim_key,
    clock,
    crash_point,
    input_hash,
    is_text,
    new_id,
    plain,
    refuse_unless,
    transaction,
)
from domain.ledger import AccountKind

SCOPE = "aftersales:claims"
OPERATION = "supplierClaimSettle"
HOURS_WINDOW = timedelta(days=90)
# Claims that are open count for as long as they have been.
_HOURS = """
SELECT supplier_id,
    round(avg(extract(epoch FROM coalesce(settled_at, $2) - opened_at)) / 3600)::int AS hours
FROM supplier_claims WHERE supplier_id = ANY($1) AND (settled_at IS NULL OR settled_at >= $3)
GROUP BY supplier_id
"""


@dataclass(frozen=True, slots=True)
class SettleWish:
    """How a claim ends; `recovered` in units, None: all of it."""

    claim_id: UUID
    outcome: ClaimState
    note: str
    idempotency_key: str
    recovered: int | None = None

    def check(self) -> None:
        """Refuses an outcome that is none, and no words."""
        ended = self.outcome is not ClaimState.OPEN
        refuse_unless(ended, Invalid(reason="claim_outcome", field=("outcome",)))
        told = is_text(self.note, MAX_REASON_LETTERS)
        refuse_unless(told, Invalid(reason="review_reason", field=("note",)))


async def open_claim(
    conn: Connection, dispute: Dispute, supplier_id: UUID, amount: int, currency: str
) -> None:
    """The supplier of a bad card owes what it cost us, in the caller's transaction."""
    accounts = (AccountKind.SUPPLIER_CLAIM, AccountKind.SUPPLIER)
    await ledger.open_accounts(conn, [(kind, supplier_id, currency) for kind in accounts])
    claim = await SupplierClaim.create(
        id=new_id(),
        dispute_id=dispute.id,
        supplier_id=supplier_id,
        amount=amount,
        currency=currency,
        state=ClaimState.OPEN,
        opened_at=clock.now(),
    )
    await ledger.post(conn, [claim_posting(claim.id, supplier_id, amount, currency)])


async def settling_hours(conn: Connection, supplier_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many hours suppliers need to make good for a bad card; whoever never had to is left
    out."""
    moment = clock.now()
    rows = await conn.fetch(_HOURS, list(supplier_ids), moment, moment - HOURS_WINDOW)
    return {row["supplier_id"]: row["hours"] for row in rows}


async def settle_claim(actor: Actor, wish: SettleWish) -> SupplierClaim:
    """A supplier paid, gave credit, or refuses; what did not come is a loss. Audited.

    Needs `aftersales:claims`. The same key again changes nothing. Refuses a settled claim
    (CLAIM_SETTLED), and an amount that is not within it.
    """
    actor.require_scope(SCOPE)
    who = actor.require_user()
    wish.check()
    hashed = input_hash([str(wish.claim_id), wish.outcome, wish.note, wish.recovered])
    async with transaction() as conn:
        key = wish.idempotency_key
        if await claim_key(conn, who, OPERATION, key, hashed, wish.claim_id) is None:
            await _settle(conn, actor, wish)
            crash_point("aftersale.written")
    crash_point("aftersale.committed")
    return await SupplierClaim.get(id=wish.claim_id)


async def _settle(conn: Connection, actor: Actor, wish: SettleWish) -> None:
    claim = await SupplierClaim.filter(id=wish.claim_id).select_for_update().first()
    if claim is None:
        raise Refused(NotFound(what="supplier claim", field=("claimId",)))
    settled = ClaimSettled(state=claim.state.value, field=("claimId",))
    refuse_unless(claim.state is ClaimState.OPEN, settled)
    lost = wish.outcome is ClaimState.WRITTEN_OFF
    recovered = wish.recovered if wish.recovered is not None else (0 if lost else claim.amount)
    fits = recovered == 0 if lost else 0 < recovered <= claim.amount
    refuse_unless(fits, Invalid(reason="claim_amount", field=("recovered",)))
    claim.state, claim.recovered, claim.note = wish.outcome, recovered, wish.note.strip()
    claim.settled_by, claim.settled_at = actor.user_id, clock.now()
    await claim.save(force_update=True)
    credited = wish.outcome is ClaimState.CREDITED
    posting = settlement_posting(
        claim.id, claim.supplier_id, claim.amount, recovered, claim.currency, credited=credited
    )
    await ledger.post(conn, [posting])
    details = {"outcome": wish.outcome.value, "recovered": plain(recovered), "note": claim.note}
    await audit.record(conn, actor, "supplier_claim.settle", claim.id, details)
