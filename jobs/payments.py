"""Jobs of payments: vendors asked, refunds made. Each may run any number of times."""

from uuid import UUID

import dramatiq

from domain import checkout, payments

QUEUE = "payments"


@dramatiq.actor(queue_name=QUEUE)
async def query_payment(payment_id: str) -> None:
    """Ask what became of a payment, if nobody has told."""
    await checkout.query_payment(UUID(payment_id))


@dramatiq.actor(queue_name=QUEUE)
async def run_refund(refund_id: str) -> None:
    """Give money back through its channel, or ask what became of that."""
    await payments.run_refund(UUID(refund_id))
