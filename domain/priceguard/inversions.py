"""Every price that did not cover its cost is noted, with what was done and what that prevented.

A refused order or save counts up in one row a day, so that a crowd at a wrong price is one story
and one event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.kernel import (
    Actor,
    Connection,
    Event,
    Page,
    PageRequest,
    Prefix,
    clock,
    connection,
    encode_id,
    new_id,
    page_of,
    plain,
    record_events,
    transaction,
    wake_relay,
)
from domain.priceguard.models import GuardAction, InversionCause, PriceInversion
from domain.priceguard.rules import Below

READ_SCOPE = "suppliers:read"  # costs are shown
INVERTED = "price.inverted"
RECOVERED = "price.recovered"

_NOTE = """
INSERT INTO price_inversions (id, variant_id, site_id, list_id, tier, cause, action, price, cost,
    floor, refused, pieces, prevented, day, opened_at, last_at, closed_at)
VALUES ($1, $2, $3, NULL, $4, $5, 'reject', $6, $7, $8, 1, $9, $10, $11, $12, $12, $12)
ON CONFLICT (variant_id, tier, site_id, cause, day) WHERE cause <> 'cost'
DO UPDATE SET price = excluded.price, cost = excluded.cost, floor = excluded.floor,
    refused = price_inversions.refused + 1, pieces = price_inversions.pieces + excluded.pieces,
    prevented = price_inversions.prevented + excluded.prevented, last_at = excluded.last_at,
    closed_at = excluded.closed_at
RETURNING id, refused = 1
"""
_REPORT = """
SELECT cause, action, count(*) AS inversions, count(DISTINCT variant_id) AS variants,
    coalesce(sum(refused), 0) AS refused, coalesce(sum(pieces), 0) AS pieces,
    coalesce(sum(prevented), 0) AS prevented, count(*) FILTER (WHERE closed_at IS NULL) AS open
FROM price_inversions WHERE opened_at >= $1 AND opened_at < $2
GROUP BY cause, action ORDER BY cause, action
"""


@dataclass(frozen=True, slots=True)
class InversionSum:
    """Inversions of one cause that ended in one way. `prevented` in units."""

    cause: InversionCause
    action: GuardAction
    inversions: int
    variants: int
    refused: int
    pieces: int
    prevented: int
    open: int


async def note_refused(site_id: UUID | None, cause: InversionCause, below: Sequence[Below]) -> None:
    """Note what was just refused, in a transaction of its own: that of the refusal is gone."""
    async with transaction() as conn:
        await note_refused_within(conn, site_id, cause, below)
    wake_relay()


async def note_refused_within(
    conn: Connection, site_id: UUID | None, cause: InversionCause, below: Sequence[Below]
) -> None:
    """The same in the caller's transaction; rows are taken in one order."""
    moment = clock.now()
    for each in sorted(below, key=lambda one: (one.variant_id, one.tier)):
        row = await conn.fetchrow(
            _NOTE,
            new_id(),
            each.variant_id,
            site_id,
            each.tier,
            cause.value,
            each.price,
            each.cost,
            each.floor,
            each.pieces,
            each.prevented,
            moment.date(),
            moment,
        )
        if row[1]:
            await tell_inversion(conn, INVERTED, row[0], each, site_id, cause, GuardAction.REJECT)


async def tell_inversion(
    conn: Connection,
    name: str,
    inversion_id: UUID,
    below: Below,
    site_id: UUID | None,
    cause: InversionCause,
    action: GuardAction,
) -> None:
    """An inversion began (sequence 1), or is over (2). For staff that may see costs."""
    payload = {
        "variantId": encode_id(Prefix.VARIANT, below.variant_id),
        "siteId": encode_id(Prefix.SITE, site_id) if site_id else None,
        "tier": below.tier,
        "cause": cause.value,
        "action": action.value,
        "price": plain(below.price),
        "cost": plain(below.cost),
        "floor": plain(below.floor),
    }
    sequence = 1 if name == INVERTED else 2
    await record_events(conn, [Event(name, inversion_id, sequence, payload)])


async def list_inversions(
    actor: Actor, page: PageRequest, *, open_only: bool = False, variant_id: UUID | None = None
) -> Page[PriceInversion]:
    """Inversions, newest first; needs `suppliers:read`. `open_only`: those that last still."""
    actor.require_scope(READ_SCOPE)
    rows = PriceInversion.all().order_by("-id").limit(page.first + 1)
    if open_only:
        rows = rows.filter(closed_at=None)
    if variant_id is not None:
        rows = rows.filter(variant_id=variant_id)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def inversion_report(actor: Actor, since: datetime, until: datetime) -> list[InversionSum]:
    """What began in a time, summed up by cause and action. Needs `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    async with connection() as conn:
        rows = await conn.fetch(_REPORT, since, until)
    return [
        InversionSum(InversionCause(row[0]), GuardAction(row[1]), *(int(each) for each in row[2:]))
        for row in rows
    ]
