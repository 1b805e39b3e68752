"""What is done at intervals. The scheduler process calls these; one process at a time works."""

from datetime import timedelta
from typing import Any

from dramatiq import Actor

from domain import (
    aftersale,
    agents,
    bonuses,
    bulk,
    cards,
    cashback,
    catalog,
    checkout,
    commissions,
    coupons,
    custody,
    deposits,
    fulfilment,
    giftcards,
    ledger,
    notifications,
    orders,
    papers,
    payments,
    payouts,
    peers,
    penalties,
    pricing,
    promotion,
    providers,
    quotes,
    realname,
    reconciliation,
    replenishment,
    risk,
    routing,
    sourcing,
    statements,
    teams,
    tiers,
    vault,
    webhooks,
)
from domain.kernel import SYSTEM, clock, forget_old_rows
from jobs import aftersale as aftersale_jobs
from jobs import bulk as bulk_jobs
from jobs import coupons as coupon_jobs
from jobs import exports as export_jobs
from jobs import fulfilment as fulfilment_jobs
from jobs import notifications as notification_jobs
from jobs import payments as payment_jobs
from jobs import payouts as payout_jobs
from jobs import realname as realname_jobs
from jobs import replenishment as stock_jobs
from jobs import sourcing as sourcing_jobs
from jobs import statements as statement_jobs
from jobs import suppliers as supplier_jobs
from jobs import webhooks as webhook_jobs
from jobs.relay import enqueue, enqueue_where_room

SWEEP = 500
POLLED_AT_ONCE = 20  # suppliers in one turn of the sweep: they are asked one after the other
SALES_WINDOW = timedelta(days=30)

_STOCK: dict[str, Actor[[str], Any]] = {
    "proposal": stock_jobs.buy,
    "query": stock_jobs.query_purchase,
    "recheck": stock_jobs.recheck_purchase,
}


async def sweep() -> int:
    """Send whatever is due to the queue again: lost messages, crashed workers, queries, retries.
    How much was sent: a queue that is long already gets nothing."""
    due = await fulfilment.list_due(SWEEP)
    doubted = await fulfilment.list_doubted(SWEEP)
    polled = await routing.due_polls(POLLED_AT_ONCE)
    deliveries = await webhooks.list_due(SWEEP)
    imports = await bulk.list_due(SWEEP)
    exports = await vault.exports_due(SWEEP)
    told = await notifications.list_due(SWEEP)
    asked = await payments.due_payments(SWEEP)
    refunds = await payments.due_refunds(SWEEP)
    leaving = await payouts.due_payouts(SWEEP)
    questions = await aftersale.due_questions(SWEEP)
    reorders = await aftersale.due_reorders(SWEEP)
    lists = await sourcing.list_due(SWEEP)
    told_goods = await sourcing.told_due(SWEEP)
    names = await realname.list_due(SWEEP)
    stock = await replenishment.list_due(SWEEP)
    codes = await coupons.due_batches(SWEEP)
    waiting = [
        *(fulfilment_jobs.fulfil_line.message(str(each)) for each in due.lines),
        *(fulfilment_jobs.query_attempt.message(str(each)) for each in due.attempts),
        *(fulfilment_jobs.recheck_attempt.message(str(each)) for each in doubted),
        *(supplier_jobs.poll_supplier.message(str(each)) for each in polled),
        *(webhook_jobs.deliver.message(str(each)) for each in deliveries),
        *(bulk_jobs.run_job.message(str(each)) for each in imports),
        *(export_jobs.write_export.message(str(each)) for each in exports),
        *(notification_jobs.send.message(str(each)) for each in told),
        *(payment_jobs.query_payment.message(str(each)) for each in asked),
        *(payment_jobs.run_refund.message(str(each)) for each in refunds),
        *(payout_jobs.run_payout.message(str(each)) for each in leaving),
        *(aftersale_jobs.ask_supplier.message(str(each)) for each in questions),
        *(aftersale_jobs.buy_replacement.message(str(each)) for each in reorders),
        *(_STOCK[what].message(str(each)) for what, each in stock),
        *(coupon_jobs.make_batch.message(str(each)) for each in codes),
        *(sourcing_jobs.read_list.message(str(each)) for each in lists),
        *(sourcing_jobs.ask_told.message(str(each)) for each in told_goods),
        *(realname_jobs.check_name.message(str(each)) for each in names),
    ]
    return await enqueue_where_room(waiting)


async def watch_uncertain() -> int:
    """Tell of attempts that have been open for too long, once each."""
    return await fulfilment.watch_uncertain()


async def watch_payouts() -> int:
    """Tell of payouts that were sent long ago and have not ended, once each."""
    return await payouts.watch_stuck()


async def seal_ledger() -> int:
    """Extend the ledger's hash chain over what was committed since, and count for teams what it
    tells of sales."""
    sealed = await ledger.seal_committed()
    while await teams.count_next():
        pass
    return sealed


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


async def tell_partners() -> int:
    """Tell partners that listen what changed of the price and stock of what they may buy."""
    return await peers.tell_partners()


async def plan_stock() -> int:
    """Count what was sold each day, and propose what the stock needs."""
    await replenishment.count_days()
    return await replenishment.plan_all()


async def watch_prices() -> int:
    """Find prices that a cost has overtaken, and act as their guard says."""
    return await pricing.watch_prices()


async def count_sales() -> int:
    """Count anew what was sold in thirty days, for lists sorted by it."""
    return await catalog.remember_sales(await orders.sold_since(clock.now() - SALES_WINDOW))


async def release_commissions() -> int:
    """What agents have earned and waited for becomes available to them."""
    return await commissions.release_due()


async def reconcile() -> int:
    """Compare the money ledger with the card ledger; once a day accounts and stores as well."""
    return (await reconciliation.reconcile()).found


async def pull_statements() -> int:
    """Have partners asked for the statements that are not here yet."""
    due = await statements.list_due(SWEEP)
    await enqueue([statement_jobs.pull_statements.message(str(each)) for each in due])
    return len(due)


async def check_custody() -> int:
    """Compare what buyers own with what the custodian says it holds, once its word is there."""
    return await custody.check_custody()


async def watch_statements() -> int:
    """Finish what died with its worker; compare open differences again."""
    return await statements.judge_all() + await statements.look_at_open()


async def _forgot_some() -> bool:
    gone = await payments.forget_forged() or await quotes.forget_unused()
    gone = gone or await payouts.forget_forged_callbacks()
    gone = gone or await fulfilment.forget_callbacks() or await routing.forget_readings()
    gone = gone or await promotion.forget_visits()
    gone = gone or await coupons.forget_guesses() or await coupons.forget_seeds()
    return bool(gone or await risk.forget_sightings() or await agents.forget_footprints())


async def watch_complaints() -> int:
    """Count complaints, and tell whom they have become too many about."""
    return await aftersale.watch_complaints()


async def review_tiers() -> int:
    """Change the tiers whose time has come, look at agents for the month that is over, and count
    what each turned over in it."""
    done = await tiers.apply_due()  # first: a review finds what is, and cancels what still waits
    done += await tiers.review_due() + await tiers.apply_due()
    return done + await tiers.count_volumes()


async def give_cashback() -> int:
    """Note what was sold, take back what refunds took, and credit what has waited for long
    enough."""
    return await cashback.follow_chain() + await cashback.credit_due()


async def award_bonuses() -> int:
    """Take back of awards what refunds took of their sales, and award the months that are over."""
    return await bonuses.take_back_due() + await bonuses.award_due()


async def _seal_anew() -> None:
    """By the newest key, what a rotation that was killed, or a process that had not heard of it,
    has left behind."""
    await orders.reseal_accounts(SYSTEM)
    await realname.reseal_names(SYSTEM)
    await payouts.reseal_payouts(SYSTEM)
    await providers.reseal_providers(SYSTEM)


async def keep_house() -> int:
    """Checkpoints of accounts without a kept balance; rows and archives whose time has
    passed go."""
    await ledger.take_checkpoints()
    while await giftcards.expire_due():
        pass
    await deposits.return_due()
    await penalties.close_due()
    await penalties.draw_round()
    for order_id in await checkout.coupons_to_give_back(SWEEP):
        await checkout.give_back_coupons(order_id)
    await papers.forget_unsent()
    while await _forgot_some():
        pass
    await vault.expire_exports()
    while await aftersale.forget_evidence():
        pass
    gone = await forget_old_rows() + await bulk.forget_old_jobs()
    while await orders.erase_overdue_accounts() or await orders.seal_open_accounts():
        pass
    await _seal_anew()
    while await cards.print_canaries():  # last: one that does not open is told each time
        pass
    return gone
