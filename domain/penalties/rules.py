"""Pure rules of penalties: the ladder, and who has how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from domain.agents import Deed
from domain.kernel import Invalid, Money, is_payable
from domain.penalties.models import PenaltyStep

MAX_LETTERS = 2_000
MAX_DAYS = 90
REMOVED_AT = 3  # the third violation ends the agent
# While a removal waits for an appeal nothing is done that could not be undone: the agent earns on,
# and takes out what it has.
BEFORE_REMOVAL = (Deed.TRADE, Deed.RECRUIT)
EVIDENCE, HEARING = "evidence", "hearing"
LEFT_ALONE = timedelta(days=30)  # a case that nobody decides lapses


@dataclass(slots=True)
class Times:
    """How long an agent may answer, and appeal; set once by the wiring."""

    answer: timedelta = timedelta(days=7)
    appeal: timedelta = timedelta(days=14)


times = Times()


@dataclass(frozen=True, slots=True)
class Sanction:
    """What a notice proposes: a step, with the amount, or the blocks and days, that it needs."""

    step: PenaltyStep
    amount: Money | None = None
    blocks: Sequence[Deed] = ()
    days: int | None = None


def sample_size(active: int, percent: float) -> int:
    """How many of so many agents are drawn: the share, rounded up, so that there is one."""
    return min(active, ceil(active * percent / 100))


def sanction_fault(sanction: Sanction, currency: str) -> Invalid | None:
    """What does not belong together in a sanction; None when all does."""
    amount, step = sanction.amount, sanction.step
    taken = amount is not None
    if taken is not (step is PenaltyStep.DEDUCTION):
        return Invalid(reason="penalty_amount", field=("amount",))
    if amount is not None and (amount.currency != currency or amount.units <= 0):
        return Invalid(reason="penalty_amount", field=("amount",))
    if amount is not None and not is_payable(amount.units, currency):
        return Invalid(reason="amount_not_payable", field=("amount",))
    restricts = step is PenaltyStep.RESTRICTION
    if bool(sanction.blocks) is not restricts:
        return Invalid(reason="penalty_blocks", field=("blocks",))
    in_days = sanction.days is not None and 1 <= sanction.days <= MAX_DAYS
    if in_days is not restricts or (sanction.days is not None and not restricts):
        return Invalid(reason="penalty_days", field=("days",))
    return None


def is_on_its_rung(step: PenaltyStep, ordinal: int, *, grave: bool) -> bool:
    """Whether the ladder allows a step for the so-manieth violation of an agent.

    The first brings a warning, or, when it is grave, a deduction or a restriction; the second a
    deduction or a restriction; the third, and none before it, the end.
    """
    if ordinal >= REMOVED_AT or step is PenaltyStep.REMOVAL:
        return ordinal >= REMOVED_AT and step is PenaltyStep.REMOVAL
    if ordinal == 1:
        return grave or step is PenaltyStep.WARNING
    return step is not PenaltyStep.WARNING
