"""Which event makes which job run."""

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from dramatiq import Message

from domain import bulk as long_work
from domain import cards, suppliers, vault
from domain import coupons as saving
from domain import fulfilment as buying
from domain import payments as paying
from domain import payouts as leaving
from domain import realname as naming
from domain import replenishment as stocking
from domain import sourcing as supplier_lists
from domain.kernel import OutboxRow, Prefix, decode_id
from domain.orders import LineStatus, events
from jobs import (
    aftersale,
    bulk,
    coupons,
    exports,
    fulfilment,
    payments,
    payouts,
    realname,
    replenishment,
    sourcing,
)

log = structlog.get_logger(__name__)


def _buy_queued_lines(event: OutboxRow) -> list[Message[Any]]:
    """A paid order: each line that has no own cards is bought upstream."""
    lines = [line for line in event.payload["lines"] if line["status"] == LineStatus.QUEUED]
    ids = [decode_id(Prefix.ORDER_LINE, line["id"]) for line in lines]
    return [fulfilment.fulfil_line.message(str(line_id)) for line_id in ids]


def _write_export(event: OutboxRow) -> list[Message[Any]]:
    """An approved export: its archive is written."""
    return [exports.write_export.message(str(event.subject))]


def _run_refund(event: OutboxRow) -> list[Message[Any]]:
    """A refund that was asked for: its channel is told."""
    return [payments.run_refund.message(str(event.subject))]


def _ask_supplier(event: OutboxRow) -> list[Message[Any]]:
    """A case about goods: whoever brought them is asked."""
    dispute_id = decode_id(Prefix.DISPUTE, event.payload["dispute"]["disputeId"])
    return [aftersale.ask_supplier.message(str(dispute_id))]


def _next_step(event: OutboxRow) -> list[Message[Any]]:
    """A supplier called back, or an operator decided: a job goes on, at once."""
    attempt_id, line_id = event.payload["attemptId"], event.payload["lineId"]
    match event.payload["then"]:
        case "query":
            return [fulfilment.query_attempt.message(attempt_id)]
        case "recheck":
            return [fulfilment.recheck_attempt.message(attempt_id)]
    return [fulfilment.fulfil_line.message(line_id)]


def _run_payout(event: OutboxRow) -> list[Message[Any]]:
    """A payout that was approved: its channel is told. One of a file's waits for its file."""
    return [payouts.run_payout.message(str(event.subject))]


def _run_job(event: OutboxRow) -> list[Message[Any]]:
    """A job whose input is there."""
    return [bulk.run_job.message(str(event.subject))]


def _judge_prices(event: OutboxRow) -> list[Message[Any]]:
    """Costs that a supplier's list changed: the prices above them are judged."""
    ids = [str(decode_id(Prefix.VARIANT, each)) for each in event.payload["variantIds"]]
    return [sourcing.watch_prices.message(ids)]


def _convert_again(event: OutboxRow) -> list[Message[Any]]:
    """A saved supplier: what its goods cost us may follow another rate."""
    supplier = decode_id(Prefix.SUPPLIER, event.payload["supplierId"])
    return [sourcing.convert_again.message(str(supplier))]


def _ask_told(event: OutboxRow) -> list[Message[Any]]:
    """A supplier said what of its goods changed: it is asked for them."""
    supplier = decode_id(Prefix.SUPPLIER, event.payload["supplierId"])
    return [sourcing.ask_told.message(str(supplier))]


def _check_name(event: OutboxRow) -> list[Message[Any]]:
    """Somebody said who they are: the provider is asked."""
    return [realname.check_name.message(str(event.subject))]


def _plan_stock(event: OutboxRow) -> list[Message[Any]]:
    """A pool that fell below its safety stock: what it needs is proposed at once."""
    variant = decode_id(Prefix.VARIANT, event.payload["variantId"])
    return [replenishment.plan_some.message([str(variant)])]


def _buy_stock(event: OutboxRow) -> list[Message[Any]]:
    """An approved proposal: it is bought."""
    return [replenishment.buy.message(str(event.subject))]


def _make_codes(event: OutboxRow) -> list[Message[Any]]:
    """A batch of coupons was ordered: a worker makes it."""
    return [coupons.make_batch.message(str(event.subject))]


def _give_coupons_back(event: OutboxRow) -> list[Message[Any]]:
    """All money of an order went back: perhaps its coupons do."""
    return [coupons.give_back.message(str(event.subject))]


REACTIONS: dict[str, tuple[Callable[[OutboxRow], list[Message[Any]]], ...]] = {
    events.PAID: (_buy_queued_lines,),
    events.DISPUTE_OPENED: (_ask_supplier,),
    events.REFUNDED: (_give_coupons_back,),
    events.DELIVERY_FAILED: (_give_coupons_back,),
    saving.BATCH_ORDERED: (_make_codes,),
    buying.NEXT_STEP: (_next_step,),
    paying.events.REFUND_REQUESTED: (_run_refund,),
    leaving.APPROVED: (_run_payout,),
    long_work.QUEUED: (_run_job,),
    naming.SUBMITTED: (_check_name,),
    vault.EXPORT_APPROVED: (_write_export,),
    cards.LOW: (_plan_stock,),
    stocking.APPROVED: (_buy_stock,),
    supplier_lists.CHANGED: (_judge_prices,),
    supplier_lists.TOLD: (_ask_told,),
    suppliers.SAVED: (_convert_again,),
}


def messages_for(rows: Iterable[OutboxRow]) -> list[Message[Any]]:
    """The messages that some events call for.

    An event that cannot be read must not hold up all others: it is told, and what it should have
    begun is found by the sweep.
    """
    messages: list[Message[Any]] = []
    for row in rows:
        for reaction in REACTIONS.get(row.type, ()):
            try:
                messages += reaction(row)
            except Exception:
                log.exception("event_without_reaction", event_id=str(row.id), type=row.type)
    return messages
