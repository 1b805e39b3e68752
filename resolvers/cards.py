"""How the fields of the card store are answered."""

import io
from datetime import date
from typing import Annotated

import strawberry
from strawberry import Parent

from domain import cards
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of

# An argument of a field is never `source` in Python: that name is what its extensions are given.
Origin = Annotated[str, strawberry.argument(name="source")]


async def card_import(
    info: Info,
    sku: str,
    content: str,
    unit_cost: MoneyInput,
    origin: Origin = "import",
    expires_on: date | None = None,
    supplier_code: str = "",
    reference: str = "",
    note: str = "",
    quarantine: bool = False,
    dry_run: bool = False,
    all_or_nothing: bool = False,
) -> cards.CardImportReport:
    """Store the cards of a small file that came as text (back office)."""
    cost = money_of(unit_cost, "unitCost")
    wish = cards.ImportWish(
        sku,
        cost.units,
        origin,
        cost.currency,
        expires_on,
        cards.BatchOrigin(supplier_code, reference, note, quarantine),
        dry_run=dry_run,
        all_or_nothing=all_or_nothing,
    )
    return await cards.import_cards(info.context.actor, wish, io.BytesIO(content.encode()))


def imported_batch_id(report: Parent[cards.CardImportReport]) -> strawberry.ID | None:
    """The batch that the file became; none when nothing was stored."""
    if report.batch_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.CARD_BATCH, report.batch_id))


async def card_batch_undo(info: Info, batch_id: strawberry.ID) -> cards.UndoReport:
    """Take back the unsold cards of an import (back office)."""
    batch = decode_id(Prefix.CARD_BATCH, batch_id, field=("batchId",))
    return await cards.undo_batch(info.context.actor, batch)


async def card_batches(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[cards.CardBatch]:
    """All batches, newest first (back office)."""
    return await cards.list_batches(info.context.actor, page_request("cardBatches", first, after))


async def card_canary_plant(
    info: Info,
    variant_id: strawberry.ID,
    count: int,
    idempotency_key: str,
    secret_form: str | None = None,
    number_form: str = "",
    origin: Origin = "import",
) -> cards.Planted:
    """Plant cards that are never sold (back office)."""
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",))
    form = cards.DEFAULT_FORM if secret_form is None else secret_form
    wish = cards.CanaryWish(variant, count, idempotency_key, number_form, form, origin)
    return await cards.plant_canaries(info.context.actor, wish)


def unit_cost(batch: Parent[cards.CardBatch]) -> Money:
    """What one card of the batch cost."""
    return Money(batch.unit_cost, batch.currency)


async def choosable_cards(
    info: Info, sku: str, first: int | None = None, after: str | None = None
) -> Page[cards.ChoosableCard]:
    """The cards of a variant that a buyer may choose by hand."""
    page = page_request("choosableCards", first, after)
    return await cards.list_choosable(page, sku, info.context.actor.site_id)
