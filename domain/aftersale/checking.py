"""An operator asks the supplier about disputed goods, and notes what it answers (row M1).

Nothing is sent from here; what a port can tell is asked in asking.py.
"""

from dataclasses import dataclass
from uuid import UUID

from domain import audit
from domain.aftersale.locking import lock_case, refuse_unlisted
from domain.aftersale.models import CheckResult, Dispute, DisputeState
from domain.aftersale.moves import UNDECIDED
from domain.aftersale.rules import MAX_ANSWER_LETTERS, MAX_TICKET_LETTERS
from domain.kernel import Actor, Invalid, act_as, clock, is_text, refuse_unless, transaction

SCOPE = "aftersales:decide"


@dataclass(frozen=True, slots=True)
class CheckNote:
    """Our question's number at the supplier, and the answer once there is one."""

    ticket: str = ""
    result: CheckResult | None = None
    answer: str = ""

    def check(self) -> None:
        """Refuses a note of nothing, an answer without its words, and texts too long."""
        says = bool(self.ticket.strip()) or self.result is not None
        refuse_unless(says, Invalid(reason="check_of_something", field=("ticket",)))
        short = len(self.ticket) <= MAX_TICKET_LETTERS and self.ticket.isprintable()
        refuse_unless(short, Invalid(reason="text_too_long", field=("ticket",)))
        bare = self.result is None and not self.answer
        told = self.result is not None and is_text(self.answer, MAX_ANSWER_LETTERS)
        refuse_unless(bare or told, Invalid(reason="evidence", field=("answer",)))


async def note_check(actor: Actor, dispute_id: UUID, note: CheckNote) -> Dispute:
    """Note that the supplier was asked about a case, or what it answered. Audited.

    Needs `aftersales:decide`. An open case is CHECKING from then on; the card stays frozen. A later
    note takes the place of an earlier one. Refuses a decided case (DISPUTE_MOVE_NOT_ALLOWED).
    """
    actor.require_scope(SCOPE)
    note.check()
    async with transaction() as conn:
        await act_as(conn, actor, "checked")
        dispute = (await lock_case(conn, dispute_id)).dispute
        if dispute.state not in UNDECIDED:
            refuse_unlisted(dispute, DisputeState.CHECKING)
        if dispute.state is DisputeState.OPEN:
            dispute.state = DisputeState.CHECKING
        dispute.ticket = note.ticket.strip() or dispute.ticket
        if note.result is not None:
            dispute.check_result, dispute.check_answer = note.result, note.answer.strip()
            dispute.checked_by, dispute.checked_at = actor.user_id, clock.now()
            dispute.ask_at = None
        await dispute.save(force_update=True)
        result = note.result and note.result.value
        details = {"ticket": dispute.ticket, "result": result, "answer": note.answer.strip()}
        await audit.record(conn, actor, "dispute.check", dispute_id, details)
    return dispute
