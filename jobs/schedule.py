"""What is done at intervals. The scheduler process calls these; one process at a time works."""

from datetime import timedelta

from domain import (
    bulk,
    cards,
    catalog,
    checkout,
    fulfilment,
    giftcards,
    ledger,
    notifications,
    orders,
    payments,
    quotes,
    reconciliation,
    risk,
    vault,
    webhooks,
)
from domain.kernel import clock, forget_old_rows
from jobs import bulk as bulk_jobs
from jobs import exports as export_jobs
from jobs import fulfilment as fulfilment_jobs
from jobs import notifications as notification_jobs
from jobs import payments as payment_jobs
from jobs import webhooks as webhook_jobs
from jobs.relay import enqueue

SWEEP = 500
SALES_WINDOW = timedelta(days=30)


async def sweep() -> int:
    """Send whatever is due to the queue again: lost messages, crashed workers, queries, retries."""
    due = await fulfilment.list_due(SWEEP)
    deliveries = await webhooks.list_due(SWEEP)
    imports = await bulk.list_due(SWEEP)
    exports = await vault.exports_due(SWEEP)
    told = await notifications.list_due(SWEEP)
    asked = await payments.due_payments(SWEEP)
    refunds = await payments.due_refunds(SWEEP)
    waiting = [
        *(fulfilment_jobs.fulfil_line.message(str(each)) for each in due.lines),
        *(fulfilment_jobs.query_attempt.message(str(each)) for each in due.attempts),
        *(webhook_jobs.deliver.message(str(each)) for each in deliveries),
        *(bulk_jobs.run_job.message(str(each)) for each in imports),
        *(export_jobs.write_export.message(str(each)) for each in exports),
        *(notification_jobs.send.message(str(each)) for each in told),
        *(payment_jobs.query_payment.message(str(each)) for each in asked),
        *(payment_jobs.run_refund.message(str(each)) for each in refunds),
    ]
    await enqueue(waiting)
    return len(waiting)


async def seal_ledger() -> int:
    """Extend the ledger's hash chain over what was committed since."""
    return await ledger.seal_committed()


async def seal_cards() -> int:
    """Extend the hash chain over card events over what was committed since."""
    return await cards.seal_card_events()


async def take_checkpoint() -> int:
    """Once a day, sign where both chains stand."""
    return 0 if await cards.take_checkpoint(daily=True) is None else 1


async def watch_authorisations() -> int:
    """Suspend what lost its brand's authorisation, and tell of those that end soon."""
    return await catalog.watch_authorisations()


async def expire_orders() -> int:
    """End unpaid orders whose time is over, and give their cards back."""
    return await checkout.expire_orders()


async def watch_stock() -> int:
    """End holds, set cards apart for sites, move large batches, tell low and recovered pools."""
    while await cards.lapse_holds():
        pass
    await cards.fill_quotas()
    return await cards.settle_batches() + await cards.check_levels()


async def expire_stock() -> int:
    """Take expired cards off the shelf, tell those about to expire, count recent sales."""
    gone = 0
    while expired := await cards.expire_cards():
        gone += expired
    await cards.tell_expiring()
    await cards.count_sales()
    return gone


async def count_sales() -> int:
    """Count anew what was sold in thirty days, for lists sorted by it."""
    return await catalog.remember_sales(await orders.sold_since(clock.now() - SALES_WINDOW))


async def reconcile() -> int:
    """Compare the money ledger with the card ledger; once a day accounts and stores as well."""
    return (await reconciliation.reconcile()).found


async def _forgot_some() -> bool:
    gone = await payments.forget_forged() or await quotes.forget_unused()
    return bool(gone or await risk.forget_sightings())


async def keep_house() -> int:
    """Checkpoints of accounts without a kept balance; rows and archives whose time has
    passed go."""
    await ledger.take_checkpoints()
    while await giftcards.expire_due():
        pass
    while await _forgot_some():
        pass
    await vault.expire_exports()
    return await forget_old_rows() + await bulk.forget_old_jobs()
