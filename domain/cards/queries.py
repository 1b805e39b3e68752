"""Reads of the card store. None of them opens a code."""

import csv
import io
from collections.abc import Sequence
from typing import BinaryIO
from uuid import UUID

from domain.cards.models import Card, CardBatch
from domain.cards.moves import DELIVERED
from domain.cards.rules import sample_codes
from domain.kernel import MAIN_SITE_ID, Actor, Page, PageRequest, clock, connection, page_of

_STOCK = """
SELECT v.id, (SELECT count(*) FROM (
    SELECT 1 FROM cards WHERE variant_id = v.id AND state = 'available'
        AND (kept_for IS NULL OR kept_for = $4)
        AND (expires_on IS NULL OR expires_on > $2::date + coalesce(sp.expiry_margin_days, 0))
    LIMIT $3) counted) AS number
FROM unnest($1::uuid[]) AS v (id) LEFT JOIN stock_policies sp ON sp.variant_id = v.id
"""


async def stock_of(
    variant_ids: Sequence[UUID], cap: int, site_id: UUID = MAIN_SITE_ID
) -> dict[UUID, int]:
    """How many cards of each variant a site can sell now; counts no further than `cap`."""
    async with connection() as conn:
        rows = await conn.fetch(_STOCK, list(variant_ids), clock.now().date(), cap, site_id)
    return {row["id"]: row["number"] for row in rows}


async def cards_of_lines(line_ids: Sequence[UUID]) -> dict[UUID, list[Card]]:
    """The cards that order lines delivered, in their order; one statement for all."""
    found: dict[UUID, list[Card]] = {line_id: [] for line_id in line_ids}
    delivered = Card.filter(order_line_id__in=list(line_ids), state__in=list(DELIVERED))
    for card in await delivered.order_by("unit_number"):
        if card.order_line_id is not None:
            found[card.order_line_id].append(card)
    return found


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
