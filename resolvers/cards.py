"""How the fields of the card store are answered."""

import io
from datetime import date

import strawberry
from strawberry import Parent

from domain import cards
from domain.kernel import Money, Page, Prefix, decode_id, page_request
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def card_import(
    info: Info,
    sku: str,
    content: str,
    unit_cost: MoneyInput,
    source: str = "import",
    expires_on: date | None = None,
) -> cards.CardImportReport:
    """Store the cards of a small file that came as text (back office)."""
    cost = money_of(unit_cost, "unitCost")
    wish = cards.ImportWish(sku, cost.units, source, cost.currency, expires_on)
    return await cards.import_cards(info.context.actor, wish, io.BytesIO(content.encode()))


async def card_batch_undo(info: Info, batch_id: strawberry.ID) -> cards.UndoReport:
    """Take back the unsold cards of an import (back office)."""
    batch = decode_id(Prefix.CARD_BATCH, batch_id, field=("batchId",))
    return await cards.undo_batch(info.context.actor, batch)


async def card_batches(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[cards.CardBatch]:
    """All batches, newest first (back office)."""
    return await cards.list_batches(info.context.actor, page_request("cardBatches", first, after))


def unit_cost(batch: Parent[cards.CardBatch]) -> Money:
    """What one card of the batch cost."""
    return Money(batch.unit_cost, batch.currency)
