"""What may become of a case, and what whoever decides it says (row M1)."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from domain.aftersale.rules import MAX_REASON_LETTERS, MAX_TEXT_LETTERS
from domain.kernel import Invalid, is_text, refuse_unless
from domain.refunds import RefundDestination


class Decision(StrEnum):
    """What becomes of a case."""

    REPLACE = "REPLACE"
    REFUND = "REFUND"
    REJECT = "REJECT"


@dataclass(frozen=True, slots=True)
class DecisionWish:
    """A decision and its reason, which the buyer reads.

    `invalid`: the goods are proved bad, or surely never arrived, so their batch is judged by it and
    their supplier owes for them; None: as the supplier's answer says. `destination` is where a
    refund goes. `note`: what is handed over by hand in place of a line's goods, for its buyer's
    eyes; `cost` in units is what that costs us. `from_supplier`: a card in the bad one's place is
    bought when none is on the shelf.
    """

    dispute_id: UUID
    decision: Decision
    reason: str
    idempotency_key: str
    invalid: bool | None = None
    destination: RefundDestination = RefundDestination.CHANNEL
    note: str = field(default="", repr=False)
    cost: int = 0
    from_supplier: bool = False

    def check(self) -> None:
        """Refuses no reason, a rejection of what is proved bad, a note of nothing."""
        told = is_text(self.reason, MAX_REASON_LETTERS)
        refuse_unless(told, Invalid(reason="review_reason", field=("reason",)))
        both = self.decision is Decision.REJECT and self.invalid
        refuse_unless(not both, Invalid(reason="dispute_reject_invalid", field=("invalid",)))
        handed = self.decision is Decision.REPLACE and is_text(self.note, MAX_TEXT_LETTERS)
        refuse_unless(handed or not self.note, Invalid(reason="manual_note", field=("note",)))
        bought = self.from_supplier and (self.decision is not Decision.REPLACE or bool(self.note))
        refuse_unless(not bought, Invalid(reason="dispute_reorder", field=("fromSupplier",)))
        refuse_unless(self.cost >= 0, Invalid(reason="manual_cost", field=("cost",)))
