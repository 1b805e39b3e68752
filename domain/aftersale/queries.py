"""Reads of cases, of what suppliers owe, and of how often buyers complain (rows M1-M3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.aftersale.models import (
    ClaimState,
    Dispute,
    DisputeReorder,
    DisputeState,
    DisputeStep,
    SupplierClaim,
)
from domain.aftersale.rules import MAX_PERIOD, MAX_RATES, rate_of
from domain.aftersale.statements import RATES
from domain.kernel import (
    Actor,
    Invalid,
    Page,
    PageRequest,
    Prefix,
    connection,
    page_of,
    refuse_unless,
)

READ = "aftersales:read"
# What replacements cost, less what suppliers are to make good: the legs of the loss.
_LOSSES = """
SELECT m.line, sum(-e.amount)::bigint AS amount FROM (
    SELECT d.line_id AS line, 'replacement' AS kind, d.id AS reference FROM disputes d
    WHERE d.line_id = ANY($1)
    UNION ALL
    SELECT d.line_id, k.kind, c.id FROM disputes d JOIN supplier_claims c ON c.dispute_id = d.id
    CROSS JOIN (VALUES ('supplier_claim'), ('supplier_claim_settled')) k (kind)
    WHERE d.line_id = ANY($1)) m
JOIN transfers t ON t.kind = m.kind AND t.reference = m.reference
JOIN entries e ON e.transfer_id = t.id
JOIN accounts a ON a.id = e.account_id AND a.kind = 'loss'
GROUP BY m.line
"""


class RateBy(StrEnum):
    """By what complaints are counted together."""

    PRODUCT = "PRODUCT"
    SUPPLIER = "SUPPLIER"  # of the cards' batch, or who topped up; goods without are left out
    BATCH = "BATCH"
    AGENT = "AGENT"  # the one nearest to the buyer; sales without one are left out
    SITE = "SITE"


SUBJECTS = {
    RateBy.PRODUCT: Prefix.PRODUCT,
    RateBy.SUPPLIER: Prefix.SUPPLIER,
    RateBy.BATCH: Prefix.CARD_BATCH,
    RateBy.AGENT: Prefix.AGENT,
    RateBy.SITE: Prefix.SITE,
}


@dataclass(frozen=True, slots=True)
class ComplaintRate:
    """Of the pieces ordered in a period: how many were complained about, and proved bad."""

    by: RateBy
    subject: UUID
    delivered: int
    disputed: int
    invalid: int

    @property
    def dispute_rate(self) -> float | None:
        """Complaints as a share of what was delivered."""
        return rate_of(self.disputed, self.delivered)

    @property
    def invalid_rate(self) -> float | None:
        """Pieces proved bad as a share of what was delivered."""
        return rate_of(self.invalid, self.delivered)


async def disputes_of_orders(order_ids: Sequence[UUID]) -> dict[UUID, list[Dispute]]:
    """The cases of orders, oldest first; one statement for all. Who sees the order may see them."""
    found: dict[UUID, list[Dispute]] = {order_id: [] for order_id in order_ids}
    for dispute in await Dispute.filter(order_id__in=list(order_ids)).order_by("id"):
        found[dispute.order_id].append(dispute)
    return found


async def list_disputes(
    actor: Actor, page: PageRequest, states: Sequence[DisputeState] | None = None
) -> Page[Dispute]:
    """Everybody's cases, newest first, or those in some states. Needs `aftersales:read`."""
    actor.require_scope(READ)
    rows = Dispute.all().order_by("-id").limit(page.first + 1)
    if states:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda dispute: (dispute.id,))


async def find_dispute(actor: Actor, dispute_id: UUID) -> Dispute | None:
    """Any case. Needs `aftersales:read`."""
    actor.require_scope(READ)
    return await Dispute.filter(id=dispute_id).first()


async def list_claims(
    actor: Actor, page: PageRequest, state: ClaimState | None = None
) -> Page[SupplierClaim]:
    """What suppliers owe or owed for bad cards, newest first. Needs `aftersales:read`."""
    actor.require_scope(READ)
    rows = SupplierClaim.all().order_by("-id").limit(page.first + 1)
    if state is not None:
        rows = rows.filter(state=state)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda claim: (claim.id,))


async def steps_of(dispute_ids: Sequence[UUID]) -> dict[UUID, list[DisputeStep]]:
    """The history of each case; one statement for all."""
    found: dict[UUID, list[DisputeStep]] = {dispute_id: [] for dispute_id in dispute_ids}
    for step in await DisputeStep.filter(dispute_id__in=list(dispute_ids)).order_by("number"):
        found[step.dispute_id].append(step)
    return found


async def reorders_of(dispute_ids: Sequence[UUID]) -> dict[UUID, DisputeReorder]:
    """The newest replacement that was ordered from a supplier for each case; one statement."""
    rows = DisputeReorder.filter(dispute_id__in=list(dispute_ids)).order_by("id")
    return {each.dispute_id: each for each in await rows}


async def claims_of(dispute_ids: Sequence[UUID]) -> dict[UUID, SupplierClaim]:
    """What the supplier owes in each case, where it owes something; one statement for all."""
    rows = await SupplierClaim.filter(dispute_id__in=list(dispute_ids))
    return {claim.dispute_id: claim for claim in rows}


async def complaint_rates(
    actor: Actor, by: RateBy, since: datetime, until: datetime
) -> list[ComplaintRate]:
    """Complaints about goods that were ordered in a period, the most complained about first; what
    nobody complained about is left out.

    At most 100 rows. Needs `aftersales:read`. Refuses a period that is empty or above 92 days: the
    lines of all its orders are read.
    """
    actor.require_scope(READ)
    fits = since < until and until - since <= MAX_PERIOD
    refuse_unless(fits, Invalid(reason="rate_period", field=("until",)))
    return await rates_between(by, since, until, MAX_RATES)


async def rates_between(
    by: RateBy, since: datetime, until: datetime, most: int
) -> list[ComplaintRate]:
    """The same for the house itself."""
    async with connection() as conn:
        rows = await conn.fetch(RATES[by.value], _first_id(since), _first_id(until), most)
    return [ComplaintRate(by, **row) for row in rows]


def _first_id(moment: datetime) -> UUID:
    """The smallest id of that moment: ids carry the time at which they were made."""
    return UUID(int=int(moment.timestamp() * 1_000) << 80)


async def losses_of_lines(line_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What after-sale has cost on lines, in units; below zero when a supplier made good more than a
    replacement cost. One statement for all."""
    async with connection() as conn:
        return {row["line"]: row["amount"] for row in await conn.fetch(_LOSSES, list(line_ids))}
