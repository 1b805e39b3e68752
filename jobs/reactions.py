"""Which event makes which job run."""

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from dramatiq import Message

from domain import bulk as long_work
from domain import payments as paying
from domain import vault
from domain.kernel import OutboxRow, Prefix, decode_id
from domain.orders import LineStatus, events
from jobs import bulk, exports, fulfilment, payments

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


def _run_job(event: OutboxRow) -> list[Message[Any]]:
    """A job whose input is there."""
    return [bulk.run_job.message(str(event.subject))]


REACTIONS: dict[str, tuple[Callable[[OutboxRow], list[Message[Any]]], ...]] = {
    events.PAID: (_buy_queued_lines,),
    paying.events.REFUND_REQUESTED: (_run_refund,),
    long_work.QUEUED: (_run_job,),
    vault.EXPORT_APPROVED: (_write_export,),
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
