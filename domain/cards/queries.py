"""Reads of the card store. None of them opens a code."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO
from uuid import UUID

from domain.cards.models import Card, CardBatch, SharedDelivery
from domain.cards.moves import DELIVERED
from domain.cards.rules import sample_codes
from domain.kernel import MAIN_SITE_ID, Actor, Page, PageRequest, clock, connection, page_of

_STOCK = """
SELECT v.id, CASE WHEN sp.shared THEN (SELECT $3::bigint * count(*) FROM (
    SELECT 1 FROM cards c WHERE c.variant_id = v.id AND c.state = 'shared'
        AND (c.expires_on IS NULL OR c.expires_on > $2::date + sp.expiry_margin_days)
        AND (sp.shared_uses IS NULL OR sp.shared_uses > (
            SELECT coalesce(max(d.use_number), 0) FROM shared_deliveries d WHERE d.card_id = c.id))
    LIMIT 1) one) ELSE (SELECT count(*) FROM (
    SELECT 1 FROM cards WHERE variant_id = v.id AND state = 'available'
        AND (kept_for IS NULL OR kept_for = $4)
        AND (expires_on IS NULL OR expires_on > $2::date + coalesce(sp.expiry_margin_days, 0))
    LIMIT $3) counted) END AS number
FROM unnest($1::uuid[]) AS v (id) LEFT JOIN stock_policies sp ON sp.variant_id = v.id
"""


_CHOOSABLE = """
SELECT c.id, c.masked, c.expires_on FROM variants v
JOIN products p ON p.id = v.product_id AND p.status = 'approved'
JOIN stock_policies sp ON sp.variant_id = v.id AND sp.choosable
JOIN cards c ON c.variant_id = v.id AND c.state = 'available'
WHERE v.sku = $1 AND v.status = 'active' AND (c.kept_for IS NULL OR c.kept_for = $2)
    AND (c.expires_on IS NULL OR c.expires_on > $3::date + sp.expiry_margin_days) AND c.id > $4
ORDER BY c.id LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class ChoosableCard:
    """A card on the shelf as a buyer sees it who may choose one."""

    id: UUID
    masked: str
    expires_on: date | None


async def stock_of(
    variant_ids: Sequence[UUID], cap: int, site_id: UUID = MAIN_SITE_ID
) -> dict[UUID, int]:
    """How many cards of each variant a site can sell now; counts no further than `cap`."""
    async with connection() as conn:
        rows = await conn.fetch(_STOCK, list(variant_ids), clock.now().date(), cap, site_id)
    return {row["id"]: row["number"] for row in rows}


async def cards_of_lines(line_ids: Sequence[UUID]) -> dict[UUID, list[Card]]:
    """The cards that order lines delivered, in their order; two statements for all."""
    found: dict[UUID, list[Card]] = {line_id: [] for line_id in line_ids}
    delivered = Card.filter(order_line_id__in=list(line_ids), state__in=list(DELIVERED))
    for card in await delivered.order_by("unit_number"):
        if card.order_line_id is not None:
            found[card.order_line_id].append(card)
    shares = SharedDelivery.filter(order_line_id__in=list(line_ids)).order_by("unit_number")
    for share in await shares.select_related("card"):
        found[share.order_line_id].append(_as_delivered(share))
    return found


def _as_delivered(share: SharedDelivery) -> Card:
    """The shared card as its one buyer has it. Never saved."""
    card: Card = share.card
    card.order_line_id, card.unit_number = share.order_line_id, share.unit_number
    card.first_revealed_at, card.reveal_count = share.first_revealed_at, share.reveal_count
    return card


async def list_choosable(page: PageRequest, sku: str, site_id: UUID) -> Page[ChoosableCard]:
    """The cards of a listed variant that a buyer may choose by hand, oldest first; masked.

    Empty for a variant whose cards are not chosen, or that is not for sale.
    """
    after = UUID(page.after[0]) if page.after else UUID(int=0)
    today = clock.now().date()
    async with connection() as conn:
        rows = await conn.fetch(_CHOOSABLE, sku, site_id, today, after, page.first + 1)
    return page_of(page, [ChoosableCard(**row) for row in rows], lambda card: (card.id,))


async def choosable_variants(variant_ids: Sequence[UUID]) -> dict[UUID, bool]:
    """Of which of these variants a buyer may choose the card."""
    statement = "SELECT variant_id, choosable FROM stock_policies WHERE variant_id = ANY($1)"
    async with connection() as conn:
        rows = await conn.fetch(statement, list(variant_ids))
    return {row["variant_id"]: row["choosable"] for row in rows}


async def list_batches(actor: Actor, page: PageRequest) -> Page[CardBatch]:
    """All batches, newest first; needs `cards:read`."""
    actor.require_scope("cards:read")
    rows = CardBatch.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda batch: (batch.id,))


def card_file(number_format: str, secret_format: str, *, count: int, seed: str) -> BinaryIO:
    """A card file as an operator would upload it, with made-up codes, for demos and tests."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("number", "secret"))
    writer.writerows(sample_codes(number_format, secret_format, count, seed))
    return io.BytesIO(text.getvalue().encode())
