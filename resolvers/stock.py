"""How what operators do with stock is answered (back office)."""

from typing import NamedTuple
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import cards
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from resolvers.context import Info


def supplier_id(row: Parent[cards.CardBatch | cards.CardWriteOff]) -> strawberry.ID | None:
    """The supplier of a batch, or the one who owes what was returned."""
    if row.supplier_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.SUPPLIER, row.supplier_id))


def order_line_id(card: Parent[cards.Card]) -> strawberry.ID | None:
    """The order line that a card was delivered to."""
    if card.order_line_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.ORDER_LINE, card.order_line_id))


def write_off_cost(row: Parent[cards.CardWriteOff]) -> Money:
    """What the cards had cost."""
    return Money(row.cost, row.currency)


async def quality_of_batch(batch: Parent[cards.CardBatch], info: Info) -> cards.CardQuality:
    """How good the cards of a batch proved."""
    return await info.context.loaders.batch_quality.load(batch.id)


async def checks_of_batch(batch: Parent[cards.CardBatch], info: Info) -> list[cards.CardCheck]:
    """The checks of a batch."""
    return await info.context.loaders.card_checks.load(batch.id)


async def write_offs_of_batch(
    batch: Parent[cards.CardBatch], info: Info
) -> list[cards.CardWriteOff]:
    """What of a batch left the stock without a sale."""
    return await info.context.loaders.write_offs.load(batch.id)


async def card_batch_release(info: Info, batch_id: strawberry.ID) -> cards.CardBatch:
    """Put a quarantined batch on sale."""
    return await cards.release_batch(info.context.actor, _batch(batch_id))


async def card_batch_freeze(info: Info, batch_id: strawberry.ID, reason: str) -> cards.CardBatch:
    """Take the unsold cards of a batch off the shelf."""
    return await cards.freeze_batch(info.context.actor, _batch(batch_id), reason)


async def card_batch_unfreeze(info: Info, batch_id: strawberry.ID, reason: str) -> cards.CardBatch:
    """Put the frozen cards of a batch back."""
    return await cards.unfreeze_batch(info.context.actor, _batch(batch_id), reason)


async def card_batch_sample(
    info: Info, batch_id: strawberry.ID, number: int
) -> list[cards.CardCheck]:
    """Pick cards of a batch at random for a check."""
    return await cards.sample_batch(info.context.actor, _batch(batch_id), number)


async def card_judge(
    info: Info, card_id: strawberry.ID, verdict: cards.Verdict, evidence: str
) -> cards.Card:
    """Say whether a card is good."""
    return await cards.judge_card(info.context.actor, _card(card_id), verdict, evidence)


async def card_mark_invalid(info: Info, card_id: strawberry.ID, evidence: str) -> cards.Card:
    """Confirm that a card is invalid."""
    verdict = cards.Verdict.INVALID
    return await cards.judge_card(info.context.actor, _card(card_id), verdict, evidence)


async def card_dispute(info: Info, card_id: strawberry.ID, reason: str) -> cards.Card:
    """Note that a sold card is said not to work."""
    return await cards.dispute_card(info.context.actor, _card(card_id), reason)


async def cards_void(
    info: Info,
    reason: str,
    idempotency_key: str,
    card_ids: list[strawberry.ID] | None = None,
    batch_id: strawberry.ID | None = None,
) -> list[cards.CardWriteOff]:
    """Take unsold cards out of the stock for good."""
    kind = cards.WriteOffKind.VOID
    return await _write_off(info, kind, reason, idempotency_key, card_ids, batch_id)


async def cards_return(
    info: Info,
    reason: str,
    idempotency_key: str,
    card_ids: list[strawberry.ID] | None = None,
    batch_id: strawberry.ID | None = None,
) -> list[cards.CardWriteOff]:
    """Send unsold cards back to their supplier."""
    kind = cards.WriteOffKind.RETURNED
    return await _write_off(info, kind, reason, idempotency_key, card_ids, batch_id)


async def stock_policy_set(
    info: Info,
    sku: str,
    safety_stock: int | None = None,
    expiry_margin_days: int | None = None,
    invalid_percent: int | None = None,
    invalid_minimum: int | None = None,
    hold_limit: int | None = None,
    choosable: bool | None = None,
    shared: bool | None = None,
    shared_uses: int | None = None,
    expected_version: int | None = None,
) -> cards.StockPolicy:
    """Change how the cards of a variant are kept and sold."""
    change = cards.PolicyChange(
        safety_stock=safety_stock,
        expiry_margin_days=expiry_margin_days,
        invalid_percent=invalid_percent,
        invalid_minimum=invalid_minimum,
        hold_limit=hold_limit,
        choosable=choosable,
        shared=shared,
        shared_uses=shared_uses,
    )
    return await cards.save_policy(info.context.actor, sku, change, expected_version)


async def _write_off(
    info: Info,
    kind: cards.WriteOffKind,
    reason: str,
    key: str,
    card_ids: list[strawberry.ID] | None,
    batch_id: strawberry.ID | None,
) -> list[cards.CardWriteOff]:
    wish = cards.WriteOffWish(
        kind,
        reason,
        key,
        tuple(decode_id(Prefix.CARD, each, field=("cardIds",)) for each in card_ids or ()),
        None if batch_id is None else _batch(batch_id),
    )
    return (await cards.write_off_cards(info.context.actor, wish)).write_offs


def _batch(batch_id: strawberry.ID) -> UUID:
    return decode_id(Prefix.CARD_BATCH, batch_id, field=("batchId",))


def _card(card_id: strawberry.ID) -> UUID:
    return decode_id(Prefix.CARD, card_id, field=("cardId",))


async def card_pools(
    info: Info, first: int | None = None, after: str | None = None, below_low_water: bool = False
) -> Page[cards.CardPool]:
    """What is in stock, variant by variant."""
    page = page_request("cardPools", first, after)
    return await cards.list_pools(info.context.actor, page, below=below_low_water)


async def stock_policies(info: Info, skus: list[str]) -> list[cards.StockPolicy]:
    """How the cards of these variants are kept and sold; unknown ones are left out."""
    return await cards.policies_by_sku(info.context.actor, skus)


async def quotas_of_pool(pool: Parent[cards.CardPool], info: Info) -> list[cards.CardQuota]:
    """What of a pool is set apart for sites."""
    return await info.context.loaders.card_quotas.load(pool.variant_id)


class QuotaSet(NamedTuple):
    """What is told of a quota: how many cards are set apart now."""

    kept: int
    set_apart: int


async def card_quota_set(info: Info, sku: str, site_id: strawberry.ID, kept: int) -> QuotaSet:
    """Set cards of a variant apart for a site."""
    site = decode_id(Prefix.SITE, site_id, field=("siteId",))
    return QuotaSet(kept, await cards.set_quota(info.context.actor, sku, site, kept))
