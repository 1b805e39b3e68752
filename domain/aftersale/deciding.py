"""A case is decided: other goods, the money, or no (rows M1, M2).

One transaction: the card, its replacement or its refund, the books, the supplier's debt, the case,
the order's event, the audit. Order, lines, case, batch and cards are locked in this order. Lines
without cards of their own are in lines.py.
"""

from uuid import UUID

from domain import audit, cards, ledger, orders, refunds
from domain.aftersale.books import replacement_posting
from domain.aftersale.decisions import Decision, DecisionWish
from domain.aftersale.lines import decide_line
from domain.aftersale.locking import Case, lock_case, refuse_unlisted
from domain.aftersale.models import CheckResult, Dispute, DisputeState
from domain.aftersale.recovering import open_claim
from domain.aftersale.refusals import (
    CardNotDisputable,
    DisputeSameJudge,
    NotReplaceable,
    ReplacementShort,
)
from domain.aftersale.reorders import check_orderable, order_again, refuse_ordered
from domain.aftersale.rules import windows
from domain.aftersale.telling import tell
from domain.cards import CardState, SoldCard, Verdict
from domain.catalog import DeliveryKind
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refused,
    act_as,
    claim_key,
    clock,
    crash_point,
    input_hash,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import UnpaidLine, events
from domain.refunds import RefundReason

SCOPE = "aftersales:decide"
OPERATION = "disputeDecide"
GOOD_KINDS = frozenset({DeliveryKind.CARD_CODE, DeliveryKind.LINK})


async def decide(actor: Actor, wish: DecisionWish) -> Dispute:
    """Decide a case. The same key again changes nothing. Needs `aftersales:decide`; audited.

    REPLACE: another card of ours takes the line and unit; REPLACEMENT_SHORT when there is none,
    NOT_REPLACEABLE for gift cards. With `from_supplier` one is then ordered: the case stays as it
    is, and nothing else is decided until the card is here or nobody has it (REPLACEMENT_ORDERED).
    Of a line: `note` is handed over by hand, and only when the goods surely never arrived or are
    bad (NOT_SURELY_UNDELIVERED). REFUND: the goods' share of their line, as `refunds` gives and
    refuses it; what an operator gave back meanwhile is taken for it. REJECT: a card goes back to
    where it was; the buyer may appeal once, and then somebody else decides (DISPUTE_SAME_JUDGE) for
    good. Refuses a decided case (DISPUTE_MOVE_NOT_ALLOWED), and goods that were settled otherwise
    meanwhile (CARD_NOT_DISPUTABLE, LINE_NOT_DISPUTABLE).
    """
    actor.require_scope(SCOPE)
    who = actor.require_user()
    wish.check()
    asked = [wish.decision, wish.reason, wish.invalid, wish.destination, wish.note, wish.cost]
    hashed = input_hash([str(wish.dispute_id), *asked])
    async with transaction() as conn:
        key = wish.idempotency_key
        if await claim_key(conn, who, OPERATION, key, hashed, wish.dispute_id) is None:
            await _decide(conn, actor, wish)
            crash_point("aftersale.written")
    crash_point("aftersale.committed")
    wake_relay()
    return await Dispute.get(id=wish.dispute_id)


async def _decide(conn: Connection, actor: Actor, wish: DecisionWish) -> None:
    case = await lock_case(conn, wish.dispute_id)
    await refuse_ordered(case.dispute.id)
    if not wish.from_supplier:
        await decide_locked(conn, actor, case, wish)
        return
    check_orderable(case)
    try:
        async with conn.transaction():  # a savepoint: with none on the shelf nothing of it stays
            await decide_locked(conn, actor, case, wish)
    except Refused as refused:
        if not isinstance(refused.refusals[0], ReplacementShort):
            raise
        await order_again(conn, actor, await lock_case(conn, wish.dispute_id), wish)


async def decide_locked(conn: Connection, actor: Actor, case: Case, wish: DecisionWish) -> None:
    """Decide a case in the caller's transaction, which has locked it."""
    dispute = case.dispute
    target = _target(dispute, wish.decision)
    refuse_unlisted(dispute, target)
    appealed = dispute.state is DisputeState.APPEALED
    same = appealed and dispute.rejected_by == actor.user_id
    refuse_unless(not same, DisputeSameJudge(field=("disputeId",)))
    await act_as(conn, actor, f"dispute: {target.value}")
    dispute.decision = wish.reason.strip()
    dispute.decided_by, dispute.decided_at = actor.user_id, clock.now()
    dispute.state, dispute.decide_by, dispute.ask_at = target, None, None
    if dispute.card_id is None:
        await decide_line(conn, actor, case, wish)
    else:
        await _decide_card(conn, actor, case, dispute.card_id, wish)
    if wish.decision is Decision.REJECT and dispute.rejected_by is None:
        dispute.rejected_by = actor.user_id
        dispute.appeal_until = clock.now() + windows.appeal
    await dispute.save(force_update=True)
    order = await orders.lock_order(conn, dispute.order_id)  # a refund has counted its events on
    await tell(conn, order, events.DISPUTE_DECIDED, dispute)
    details = {"decision": wish.decision.value, "reason": dispute.decision, "invalid": wish.invalid}
    await audit.record(conn, actor, "dispute.decide", dispute.id, details)


def _target(dispute: Dispute, decision: Decision) -> DisputeState:
    if decision is Decision.REPLACE:
        return DisputeState.REPLACED
    if decision is Decision.REFUND:
        return DisputeState.REFUNDED
    appealed = dispute.state is DisputeState.APPEALED
    return DisputeState.UPHELD if appealed else DisputeState.REJECTED


async def _decide_card(
    conn: Connection, actor: Actor, case: Case, card_id: UUID, wish: DecisionWish
) -> None:
    refuse_unless(not wish.note, Invalid(reason="dispute_note_of_card", field=("note",)))
    (card,) = await cards.lock_sold(conn, [card_id])
    if wish.decision is Decision.REJECT:
        await _reject(conn, actor, case.dispute, card)
    else:
        await _make_good(conn, actor, case, card, wish)


async def _reject(conn: Connection, actor: Actor, dispute: Dispute, card: SoldCard) -> None:
    """The card is good: it goes back to where it was."""
    if card.state not in (CardState.SOLD, CardState.REVEALED, CardState.REDEEMED):
        _refuse_unless(card, card.state is CardState.DISPUTED)
        back = CardState(dispute.card_was or CardState.SOLD)
        await cards.judge_within(
            conn, actor, card.id, Verdict.VALID, dispute.decision, back_to=back
        )


async def _make_good(
    conn: Connection, actor: Actor, case: Case, card: SoldCard, wish: DecisionWish
) -> None:
    dispute = case.dispute
    gone = card.state is CardState.REFUNDED and wish.decision is Decision.REFUND
    settled = (CardState.DISPUTED, CardState.INVALID_CONFIRMED)
    _refuse_unless(card, gone or card.state in settled)
    bad = wish.invalid
    if bad is None:
        bad = dispute.check_result is CheckResult.INVALID
    proved = card.state is CardState.INVALID_CONFIRMED
    if bad and card.state is CardState.DISPUTED:
        evidence = dispute.check_answer or dispute.decision
        await cards.judge_within(conn, actor, card.id, Verdict.INVALID, evidence)
    if wish.decision is Decision.REPLACE:
        cost = await _replace(conn, case, card)
    else:
        cost = await _refund(conn, actor, dispute, card, wish)
    dispute.proved = bad or proved
    if dispute.proved and card.supplier_id is not None and cost:
        await open_claim(conn, dispute, card.supplier_id, cost, card.currency)


async def _replace(conn: Connection, case: Case, card: SoldCard) -> int:
    """Another card for the same line and unit; what it cost, in units."""
    line = _line_of(case, card)
    refuse_unless(line.delivery_kind in GOOD_KINDS, NotReplaceable(sku=line.sku))
    given = await cards.replace_card(conn, card, case.order.site_id)
    if given is None:
        raise Refused(ReplacementShort(sku=line.sku, field=("decision",)))
    case.dispute.replacement_id = given.card_id
    posting = replacement_posting(case.dispute.id, given.unit_cost, case.order.currency)
    await ledger.post(conn, [posting])
    return given.unit_cost


async def _refund(
    conn: Connection, actor: Actor, dispute: Dispute, card: SoldCard, wish: DecisionWish
) -> int:
    """The card's share of its line, given now or before by an operator; what the card had cost."""
    if card.state is not CardState.REFUNDED:
        reason = RefundReason(dispute.reason.value)
        note = dispute.decision
        await refunds.refund_cards(
            conn, actor, dispute.order_id, [card.id], reason, wish.destination, note
        )
    found = await refunds.refund_of_card(conn, card.id)
    if found is None:
        raise RuntimeError("a refunded card has its refund")
    dispute.refund_id = found.refund_id
    return found.lost_cost


def _line_of(case: Case, card: SoldCard) -> UnpaidLine:
    return next(line for line in case.order.lines if line.id == card.line_id)


def _refuse_unless(card: SoldCard, allowed: bool) -> None:
    refusal = CardNotDisputable(card=card.masked, reason="dispute_card_moved", field=("disputeId",))
    refuse_unless(allowed, refusal)
