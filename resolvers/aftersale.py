"""How cases of after-sale are opened, decided and shown."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import aftersale, orders
from domain.aftersale import (
    CheckNote,
    CheckResult,
    ClaimState,
    ComplaintRate,
    Decision,
    Dispute,
    DisputeReason,
    DisputeState,
    DisputeStep,
    RateBy,
    SupplierClaim,
)
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from domain.refunds import RefundDestination
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


@strawberry.input
class DisputeLineInput:
    """A line without cards of its own, and how many of its pieces; unless told, all that are
    left."""

    line_id: strawberry.ID
    quantity: int | None = None


async def order_dispute_open(
    info: Info,
    idempotency_key: str,
    order_id: strawberry.ID,
    reason: DisputeReason,
    card_ids: list[strawberry.ID] | None = None,
    lines: list[DisputeLineInput] | None = None,
    text: str = "",
) -> list[Dispute]:
    """Say that goods of the caller's own order are bad, or never came."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    wish = _wish(card_ids, lines, reason, text, idempotency_key)
    return await aftersale.open_disputes(info.context.actor, order, wish)


async def order_dispute_open_by_guest(
    info: Info,
    idempotency_key: str,
    number: str,
    reason: DisputeReason,
    card_ids: list[strawberry.ID] | None = None,
    lines: list[DisputeLineInput] | None = None,
    text: str = "",
    token: str | None = None,
    lookup_password: str | None = None,
) -> list[Dispute]:
    """The same for whoever proves an order by its number."""
    proof = orders.GuestProof(number, token, lookup_password)
    wish = _wish(card_ids, lines, reason, text, idempotency_key)
    return await aftersale.open_disputes_by_guest(info.context.actor, proof, wish)


async def order_dispute_appeal(
    info: Info, idempotency_key: str, dispute_id: strawberry.ID, text: str
) -> Dispute:
    """Ask for a second look at one's own rejected case."""
    wish = aftersale.AppealWish(_dispute(dispute_id), text, idempotency_key)
    return await aftersale.appeal(info.context.actor, wish)


async def order_dispute_appeal_by_guest(
    info: Info,
    idempotency_key: str,
    number: str,
    dispute_id: strawberry.ID,
    text: str,
    token: str | None = None,
    lookup_password: str | None = None,
) -> Dispute:
    """The same for whoever proves the order by its number."""
    proof = orders.GuestProof(number, token, lookup_password)
    wish = aftersale.AppealWish(_dispute(dispute_id), text, idempotency_key)
    return await aftersale.appeal(info.context.actor, wish, proof)


async def dispute_check(
    info: Info,
    dispute_id: strawberry.ID,
    ticket: str = "",
    result: CheckResult | None = None,
    answer: str = "",
) -> Dispute:
    """Note what the supplier was asked, or answered."""
    note = CheckNote(ticket, result, answer)
    return await aftersale.note_check(info.context.actor, _dispute(dispute_id), note)


async def dispute_decide(
    info: Info,
    idempotency_key: str,
    dispute_id: strawberry.ID,
    decision: Decision,
    reason: str,
    invalid: bool | None = None,
    destination: RefundDestination = RefundDestination.CHANNEL,
    note: str = "",
    cost: MoneyInput | None = None,
    from_supplier: bool = False,
) -> Dispute:
    """Decide a case."""
    wish = aftersale.DecisionWish(
        dispute_id=_dispute(dispute_id),
        decision=decision,
        reason=reason,
        idempotency_key=idempotency_key,
        invalid=invalid,
        destination=destination,
        note=note,
        cost=0 if cost is None else money_of(cost, "cost").units,
        from_supplier=from_supplier,
    )
    return await aftersale.decide(info.context.actor, wish)


async def supplier_claim_settle(
    info: Info,
    idempotency_key: str,
    claim_id: strawberry.ID,
    outcome: ClaimState,
    note: str,
    recovered: MoneyInput | None = None,
) -> SupplierClaim:
    """Say how a supplier's debt for a bad card ended."""
    wish = aftersale.SettleWish(
        decode_id(Prefix.SUPPLIER_CLAIM, claim_id, field=("claimId",)),
        outcome,
        note,
        idempotency_key,
        None if recovered is None else money_of(recovered, "recovered").units,
    )
    return await aftersale.settle_claim(info.context.actor, wish)


async def disputes(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    states: list[DisputeState] | None = None,
) -> Page[Dispute]:
    """Everybody's cases, newest first."""
    page = page_request("disputes", first, after)
    return await aftersale.list_disputes(info.context.actor, page, states)


async def dispute(info: Info, id: strawberry.ID) -> Dispute | None:
    """Any case."""
    return await aftersale.find_dispute(info.context.actor, decode_id(Prefix.DISPUTE, id))


async def supplier_claims(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    state: ClaimState | None = None,
) -> Page[SupplierClaim]:
    """What suppliers owe or owed, newest first."""
    page = page_request("supplierClaims", first, after)
    return await aftersale.list_claims(info.context.actor, page, state)


async def complaint_rates(
    info: Info, by: RateBy, since: datetime, until: datetime
) -> list[ComplaintRate]:
    """How often buyers complain."""
    return await aftersale.complaint_rates(info.context.actor, by, since, until)


def disputes_of_order(order: Parent[orders.Order], info: Info) -> AtOnceOrLater[list[Dispute]]:
    """The cases of an order, in one statement for a whole page of orders."""
    return info.context.loaders.order_disputes.get(order.id)


def shown(record: Parent[Dispute]) -> Dispute:
    """As its buyer sees it."""
    return record


def text_of(record: Parent[Dispute]) -> str:
    """What the buyer wrote."""
    return aftersale.words_of(aftersale.TEXT_PURPOSE, record.text_sealed, record.id)


def appeal_of(record: Parent[Dispute]) -> str:
    """What the buyer wrote against the rejection."""
    return aftersale.words_of(aftersale.APPEAL_PURPOSE, record.appeal_sealed, record.id)


def order_of(record: Parent[Dispute]) -> strawberry.ID:
    """Of which order."""
    return strawberry.ID(encode_id(Prefix.ORDER, record.order_id))


def replacement_of(record: Parent[Dispute]) -> strawberry.ID | None:
    """The card in its place."""
    return _maybe(Prefix.CARD, record.replacement_id)


def card_of(record: Parent[Dispute]) -> strawberry.ID | None:
    """Which card it is about."""
    return _maybe(Prefix.CARD, record.card_id)


def handed_over(record: Parent[Dispute]) -> str | None:
    """What an operator handed over in place of a line's goods."""
    return aftersale.words_of(aftersale.HANDED_PURPOSE, record.handed_sealed, record.id) or None


def attempt_of(record: Parent[Dispute]) -> strawberry.ID | None:
    """What brought the goods."""
    return _maybe(Prefix.ATTEMPT, record.attempt_id)


def refund_of(record: Parent[Dispute]) -> strawberry.ID | None:
    """What went back."""
    return _maybe(Prefix.REFUND, record.refund_id)


def decided_by(record: Parent[Dispute]) -> strawberry.ID | None:
    """The operator."""
    return _maybe(Prefix.USER, record.decided_by)


def actor_of_step(step: Parent[DisputeStep]) -> strawberry.ID | None:
    """Who took it."""
    return _maybe(Prefix.USER, step.actor_id)


def steps(record: Parent[Dispute], info: Info) -> AtOnceOrLater[list[DisputeStep]]:
    """The history of the case."""
    return info.context.loaders.dispute_steps.get(record.id)


def claim(record: Parent[Dispute], info: Info) -> AtOnceOrLater[SupplierClaim | None]:
    """What the supplier owes for it."""
    return info.context.loaders.dispute_claims.get(record.id)


def reorder(record: Parent[Dispute], info: Info) -> AtOnceOrLater[aftersale.DisputeReorder | None]:
    """The replacement that was ordered from a supplier last."""
    return info.context.loaders.dispute_reorders.get(record.id)


def ordered_by(record: Parent[aftersale.DisputeReorder]) -> strawberry.ID:
    """Who decided so."""
    return strawberry.ID(encode_id(Prefix.USER, record.asked_by))


def claim_amount(record: Parent[SupplierClaim]) -> Money:
    """What the bad card cost us."""
    return Money(record.amount, record.currency)


def claim_recovered(record: Parent[SupplierClaim]) -> Money:
    """What of it came."""
    return Money(record.recovered, record.currency)


def subject_of(rate: Parent[ComplaintRate]) -> strawberry.ID:
    """What the figures are of."""
    return strawberry.ID(encode_id(aftersale.SUBJECTS[rate.by], rate.subject))


def _wish(
    card_ids: list[strawberry.ID] | None,
    lines: list[DisputeLineInput] | None,
    reason: DisputeReason,
    text: str,
    key: str,
) -> aftersale.DisputeWish:
    ids = tuple(decode_id(Prefix.CARD, each, field=("cardIds",)) for each in card_ids or ())
    pieces = {
        decode_id(Prefix.ORDER_LINE, each.line_id, field=("lines",)): each.quantity
        for each in lines or ()
    }
    return aftersale.DisputeWish(ids, reason, text, key, pieces)


def _dispute(dispute_id: strawberry.ID) -> UUID:
    return decode_id(Prefix.DISPUTE, dispute_id, field=("disputeId",))


def _maybe(prefix: Prefix, value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(encode_id(prefix, value))
