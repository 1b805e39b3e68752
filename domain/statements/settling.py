"""What operators do about differences: ask the partner again, or explain, and a second one agrees.

Nothing is moved by an explanation. What has to be corrected is corrected by what moves money
anyway: a payment that is asked about, a refund, a claim against a supplier.
"""

from uuid import UUID

from domain import audit, checkout, fulfilment, payments, payouts, replenishment
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    clock,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.statements.judging import look_at_lines
from domain.statements.layouts import WRITE_SCOPE
from domain.statements.models import (
    DifferenceState,
    LineKind,
    StatementDifference,
    StatementSource,
)
from domain.statements.refusals import DifferenceClosed, StepUnusable
from domain.statements.rules import Step, steps_of
from domain.vault import FourEyes

APPROVE_SCOPE = "statements:approve"
MAX_NOTE_LETTERS = 500


async def ask_partner(actor: Actor, difference_id: UUID) -> StatementDifference:
    """Ask the partner about it now, book what it says, and compare again: one click.

    Needs `statements:write`; audited. Refuses what nobody can be asked about
    (STATEMENT_STEP_UNUSABLE). When the partner does not answer, nothing has changed.
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        found = await _locked(conn, difference_id)
        askable = Step.ASK in steps_of(found.code, found.state)
        refuse_unless(askable, StepUnusable(field=("id",)))
        await audit.record(conn, actor, "statement.ask", found.id, {"code": found.code})
    if found.subject_id is None or found.line_id is None:
        raise LookupError("what can be asked about has a line, and something of ours")
    await _ask(found.kind, found.subject_id)
    await look_at_lines(await StatementSource.get(id=found.source_id), [found.line_id])
    wake_relay()
    return await StatementDifference.get(id=difference_id)


async def ask_to_settle(actor: Actor, difference_id: UUID, note: str) -> StatementDifference:
    """Explain a difference. Needs `statements:write` and a note; another operator has to agree.

    Refuses one that is not open (STATEMENT_DIFFERENCE_CLOSED).
    """
    actor.require_scope(WRITE_SCOPE)
    told = note.strip()
    fits = 0 < len(told) <= MAX_NOTE_LETTERS
    refuse_unless(fits, Invalid(reason="note_needed", field=("note",)))
    by = actor.require_user()
    async with transaction() as conn:
        found = await _locked(conn, difference_id)
        _refuse_unless_state(found, DifferenceState.OPEN)
        found.state, found.note = DifferenceState.ASKED, told
        found.asked_by, found.asked_at = by, clock.now()
        await found.save()
        details = {"code": found.code, "note": told}
        await audit.record(conn, actor, "statement.settle_asked", found.id, details)
    return found


async def decide(actor: Actor, difference_id: UUID, *, agree: bool) -> StatementDifference:
    """Agree to an explanation, which settles the difference, or open it again. Needs
    `statements:approve`; never the operator who explained it (FOUR_EYES); audited."""
    actor.require_scope(APPROVE_SCOPE)
    by = actor.require_user()
    async with transaction() as conn:
        found = await _locked(conn, difference_id)
        _refuse_unless_state(found, DifferenceState.ASKED)
        refuse_unless(found.asked_by != by, FourEyes(field=("id",)))
        if agree:
            found.state, found.closed_by = DifferenceState.SETTLED, by
            found.closed_at = clock.now()
        else:
            found.state = DifferenceState.OPEN
        await found.save()
        action = "statement.settled" if agree else "statement.settle_rejected"
        await audit.record(conn, actor, action, found.id, {"code": found.code})
    return found


async def _ask(kind: LineKind, subject_id: UUID) -> None:
    match kind:
        case LineKind.PAYMENT:
            await checkout.ask_again(subject_id)
        case LineKind.REFUND:
            refund = await payments.PaymentRefund.get(id=subject_id)
            await payments.ask_refund_now(refund.reference)
            await payments.run_refund(subject_id)
        case LineKind.PURCHASE | LineKind.SUPPLIER_REFUND:
            if not await replenishment.ask_again(subject_id):
                await fulfilment.ask_again(subject_id)
        case LineKind.PAYOUT | LineKind.RETURN:
            await payouts.ask_now(subject_id)
        case _:
            raise ValueError(f"nobody is asked about {kind}")


async def _locked(conn: Connection, difference_id: UUID) -> StatementDifference:
    found = await StatementDifference.filter(id=difference_id).select_for_update().first()
    if found is None:
        raise Refused(NotFound(what="difference", field=("id",)))
    return found


def _refuse_unless_state(found: StatementDifference, wanted: DifferenceState) -> None:
    closed = DifferenceClosed(state=found.state.value, field=("id",))
    refuse_unless(found.state is wanted, closed)
