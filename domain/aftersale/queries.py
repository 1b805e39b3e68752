"""Reads of cases, of what suppliers owe, and of how often buyers complain (rows M1-M3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.aftersale.models import ClaimState, Dispute, DisputeState, DisputeStep, SupplierClaim
from domain.aftersale.rules import MAX_PERIOD, MAX_RATES, rate_of
from domain.aftersale.statements import RATES
from domain.kernel import Actor, Invalid, Page, PageRequest, connection, page_of, refuse_unless

READ = "aftersales:read"


class RateBy(StrEnum):
    """By what complaints are counted together."""

    PRODUCT = "PRODUCT"
    SUPPLIER = "SUPPLIER"  # of the cards' batch; cards without one are left out
    BATCH = "BATCH"
    AGENT = "AGENT"  # the one nearest to the buyer; sales without one are left out
    SITE = "SITE"


@dataclass(frozen=True, slots=True)
class ComplaintRate:
    """Of the cards that were bought in a period: how many were complained about, and proved bad."""

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
        """Cards proved bad as a share of what was delivered."""
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


async def claims_of(dispute_ids: Sequence[UUID]) -> dict[UUID, SupplierClaim]:
    """What the supplier owes in each case, where it owes something; one statement for all."""
    rows = await SupplierClaim.filter(dispute_id__in=list(dispute_ids))
    return {claim.dispute_id: claim for claim in rows}


async def complaint_rates(
    actor: Actor, by: RateBy, since: datetime, until: datetime
) -> list[ComplaintRate]:
    """Complaints about cards that were ordered in a period, the most complained about first.

    At most 100 rows. Needs `aftersales:read`. Refuses a period that is empty or above 92 days: the
    lines of all its orders are read.
    """
    actor.require_scope(READ)
    fits = since < until and until - since <= MAX_PERIOD
    refuse_unless(fits, Invalid(reason="rate_period", field=("until",)))
    ends = (_first_id(since), _first_id(until), MAX_RATES)
    async with connection() as conn:
        rows = await conn.fetch(RATES[by.value], *ends)
    return [ComplaintRate(by, **row) for row in rows]


def _first_id(moment: datetime) -> UUID:
    """The smallest id of that moment: ids carry the time at which they were made."""
    return UUID(int=int(moment.timestamp() * 1_000) << 80)
