"""Named crash points: `KAMENG_CRASH_AT=name` ends the process there at once, as kill -9 would.

They stand at each commit boundary of purchase, fulfilment, relay, webhook, claim and message, so
that the fault tests can die exactly where a power cut would hurt.
"""

import os

POINTS = frozenset(
    {
        "cards.chunk_written",
        "cards.chunk_committed",
        "cards.undo_written",
        "checkout.before_commit",
        "checkout.after_commit",
        "fulfilment.attempt_committed",
        "fulfilment.supplier_answered",
        "fulfilment.outcome_committed",
        "giftcards.issue_written",
        "giftcards.try_counted",
        "giftcards.before_commit",
        "giftcards.after_commit",
        "checkout.unpaid_written",
        "checkout.end_written",
        "checkout.held",
        "checkout.held_written",
        "checkout.review_written",
        "checkout.reviewed",
        "checkout.confirm_written",
        "checkout.counter_sold",
        "checkout.counter_written",
        "checkout.confirmed",
        "callbacks.stored",
        "callbacks.judged",
        "payments.start_committed",
        "payments.started",
        "payments.query_answered",
        "payments.refund_committed",
        "payments.refund_answered",
        "aftersale.written",
        "aftersale.committed",
        "refunds.written",
        "refunds.committed",
        "relay.sent",
        "relay.marked",
        "webhook.claimed",
        "webhook.answered",
        "webhook.booked",
        "claim.counted",
        "claim.shown",
        "notification.claimed",
        "notification.sent",
        "notification.booked",
    }
)
EXIT_CODE = 137

_armed = os.environ.get("KAMENG_CRASH_AT", "")
if _armed and _armed not in POINTS:
    raise SystemExit(
        f"KAMENG_CRASH_AT={_armed}: no such crash point; known: {', '.join(sorted(POINTS))}"
    )


def crash_point(name: str) -> None:
    """End the process without any clean-up when this point is armed."""
    if name == _armed:
        os._exit(EXIT_CODE)
